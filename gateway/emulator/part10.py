"""Reading a DICOM Part 10 file: File Meta Information, data set and where the pixels lie (PS3.10).

pydicom parses the elements; the pixel data are only located, so that a file of gigabytes costs no
more memory than one of its frames.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final, Literal, TypeAlias

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from gateway.dicom import tags, transfer_syntaxes as ts
from gateway.emulator.failures import FileRejected, missing

Buffer: TypeAlias = memoryview
_Order: TypeAlias = Literal["little", "big"]

_PREFIX: Final = 132
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_SEQUENCE_END: Final = 0xFFFEE0DD
_MAX_INFLATED: Final = 4 << 30


@dataclass(frozen=True, slots=True)
class PixelRegion:
    """Where Pixel Data lies in ``buffer``.

    Native data are ``buffer[start:end]``; encapsulated data are the items ``fragments`` (offset and
    length), of which the first is the Basic Offset Table (PS3.5 A.4).
    """

    tag: int
    vr: str
    buffer: Buffer
    start: int
    end: int
    fragments: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True, slots=True)
class Part10:
    """A parsed file; ``dataset`` has every element but the pixel data."""

    meta: Dataset
    dataset: Dataset
    syntax: ts.TransferSyntax
    pixels: PixelRegion | None


def read(content: Buffer) -> Part10:
    """Parse a Part 10 file.

    Raises:
        FileRejected: it is no Part 10 file, is cut short or corrupt, or has a transfer syntax that
            HealthImaging does not import.
    """
    if len(content) < _PREFIX or bytes(content[_PREFIX - 4 : _PREFIX]) != b"DICM":
        raise FileRejected("not a DICOM Part 10 file: the prefix DICM is missing")
    stream = _Stream(content)
    stream.seek(_PREFIX)
    meta = _parse(stream, ts.BY_UID[ts.EXPLICIT_LE], stop=lambda tag: tag >> 16 != 2)
    syntax = _syntax(meta)
    if syntax.deflated:
        content = memoryview(_inflate(content[stream.tell() :]))
        stream = _Stream(content)
    dataset = _parse(stream, syntax, stop=tags.is_pixel_data)
    pixels = _locate(stream, content, syntax)
    if pixels:
        stream.seek(pixels.end)
        dataset.update(_parse(stream, syntax))
    if any(stream.leftover):
        raise FileRejected("the file ends inside the header of a data element")
    return Part10(meta, dataset, syntax, pixels)


class _Stream(BytesIO):
    """A buffer as a file; a BytesIO over a memory map would copy it."""

    def __init__(self, content: Buffer) -> None:
        super().__init__()
        self._content = content
        self._at = 0
        self.leftover = b""

    def read(self, size: int | None = -1, /) -> bytes:
        end = len(self._content) if size is None or size < 0 else self._at + size
        piece = bytes(self._content[self._at : end])
        self._at += len(piece)
        self.leftover = piece if self._at < end else b""
        return piece

    def seek(self, offset: int, whence: int = 0, /) -> int:
        base = (0, self._at, len(self._content))[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def _parse(
    stream: BinaryIO, syntax: ts.TransferSyntax, stop: Callable[[int], bool] | None = None
) -> Dataset:
    start = stream.tell()
    try:
        return read_dataset(
            stream,
            is_implicit_VR=syntax.implicit_vr,
            is_little_endian=not syntax.big_endian,
            stop_when=None if stop is None else lambda tag, _vr, _length: stop(tag),
        )
    except (MemoryError, RecursionError) as error:
        raise FileRejected(
            f"the data set is too large or nested too deeply: {_name(error)}"
        ) from error
    except Exception as error:  # pydicom raises whatever the bytes provoke
        at = max(start, stream.tell())
        raise FileRejected(f"the data set is corrupt at byte {at}: {_name(error)}") from error


def _name(error: BaseException) -> str:
    return type(error).__name__


def _syntax(meta: Dataset) -> ts.TransferSyntax:
    element = meta.get_item(0x00020010) if 0x00020010 in meta else None
    uid = ((element.value if element else b"") or b"").decode("ascii", "replace").strip(" \0")
    if not uid:
        raise missing("TransferSyntaxUID")
    syntax = ts.BY_UID.get(uid)
    if syntax is None:
        raise FileRejected(f"transfer syntax {uid[:64]} is not supported")
    return syntax


def _inflate(deflated: Buffer) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(deflated, _MAX_INFLATED)
    except zlib.error as error:
        raise FileRejected("the deflated data set is corrupt") from error
    if inflater.unconsumed_tail:
        raise FileRejected("the deflated data set is larger than 4 GiB")
    if not inflater.eof:
        raise FileRejected("the deflated data set is cut short")
    return content


def check_complete(element: RawDataElement) -> None:
    """Refuse an element whose value is shorter than its length says: the file is cut short."""
    value = element.value or b""
    if element.length != _UNDEFINED and len(value) < element.length:
        raise FileRejected(f"the file ends inside {tags.named(element.tag)}")


def _locate(stream: _Stream, content: Buffer, syntax: ts.TransferSyntax) -> PixelRegion | None:
    at = stream.tell()
    if len(content) - at < 8:
        return None
    order: _Order = "big" if syntax.big_endian else "little"
    tag = _tag(content, at, order)
    if not tags.is_pixel_data(tag):
        return None
    explicit = content[at + 4 : at + 6].tobytes().isalpha()
    vr = content[at + 4 : at + 6].tobytes().decode("ascii") if explicit else "OW"
    start = at + (12 if explicit else 8)
    length = int.from_bytes(content[start - 4 : start], order)
    if length == _UNDEFINED:
        fragments, end = _fragments(content, start, order)
        return PixelRegion(tag, vr, content, start, end, fragments)
    if syntax.encapsulated:
        raise FileRejected(
            "the pixel data are not encapsulated although the transfer syntax says so"
        )
    if start + length > len(content):
        raise FileRejected(
            f"the file ends inside {tags.named(tag)}: "
            f"{max(0, len(content) - start)} of {length} bytes are there"
        )
    return PixelRegion(tag, vr, content, start, start + length, None)


def _tag(content: Buffer, at: int, order: _Order) -> int:
    group = int.from_bytes(content[at : at + 2], order)
    return group << 16 | int.from_bytes(content[at + 2 : at + 4], order)


def _fragments(
    content: Buffer, start: int, order: _Order
) -> tuple[tuple[tuple[int, int], ...], int]:
    found: list[tuple[int, int]] = []
    for tag, offset, length in _items(content, start, order):
        if tag == _SEQUENCE_END:
            return tuple(found), offset
        found.append((offset, length))
    raise FileRejected("the file ends inside the encapsulated pixel data")


def _items(content: Buffer, at: int, order: _Order) -> Iterator[tuple[int, int, int]]:
    while at + 8 <= len(content):
        tag = _tag(content, at, order)
        length = int.from_bytes(content[at + 4 : at + 8], order)
        if tag not in (_ITEM, _SEQUENCE_END):
            raise FileRejected(f"the encapsulated pixel data are corrupt at byte {at}")
        if at + 8 + length > len(content):
            return
        yield tag, at + 8, length
        at += 8 + length
