"""What a JPEG-family codestream says of itself, read from its headers and never decoded.

Used to refuse a frame that does not fit its data set before anything is allocated for it, and to
keep the header of an encoded frame true to the data set.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from gateway.errors import CodecError

_SOC: Final = b"\xff\x4f"
_SOC_SIZ: Final = b"\xff\x4f\xff\x51"
_COD: Final = 0xFF52
_TLM: Final = 0xFF55
_RPCL: Final = 2  # ISO 15444-1 table A.16
_LOWEST: Final = 64
_COMPONENTS: Final = 40  # offsets from SOC into SIZ, the first segment of every codestream
_DEPTHS: Final = 42
_SIZE: Final = Struct(">HHHHIIII")  # SOC, SIZ, Lsiz, Rsiz; Xsiz, Ysiz, XOsiz, YOsiz
_COMPONENT: Final = Struct(">HB")  # Csiz, the first Ssiz
_SEGMENT: Final = Struct(">HH")  # a marker, and the length that follows
_JP2_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOI: Final = b"\xff\xd8"
_NOT_FRAMES: Final = frozenset({0xC4, 0xC8, 0xCC})
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xDA)})


@dataclass(frozen=True, slots=True)
class Codestream:
    """The header of one frame: sizes in pixels, ``precision`` in bits per sample.

    ``reversible`` is False where a JPEG 2000 codestream uses the irreversible 9/7 wavelet.

    ``transformed`` says that a JPEG 2000 decoder undoes a multiple component transform, or that the
    markers of a JPEG declare its three components to be YCbCr; None where nothing is declared.
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False
    transformed: bool | None = None
    reversible: bool = True


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def unboxed(frame: bytes) -> bytes:
    """The codestream inside a JP2 or JPH file (ISO 15444-1 Annex I); ``frame`` if it is bare."""
    if not frame.startswith(_JP2_SIGNATURE):
        return frame
    start = frame.find(b"jp2c")
    soc = frame.find(_SOC, start) if start >= 0 else -1
    if soc < 0:
        raise CodecError("the JP2 file holds no codestream")
    return frame[soc:]


def jpeg_2000(frame: bytes) -> Codestream:
    """Read the SIZ and COD segments of a JPEG 2000 or HTJ2K frame (ISO 15444-1 A.5, A.6)."""
    data = unboxed(frame)
    if not data.startswith(_SOC_SIZ) or len(data) < _DEPTHS + 3:
        raise CodecError("the frame is not a JPEG 2000 codestream")
    *_, right, bottom, left, top = _SIZE.unpack_from(data)
    components, depth = _COMPONENT.unpack_from(data, _COMPONENTS)
    coding = _coding_style(data, 2)
    return Codestream(
        rows=bottom - top,
        columns=right - left,
        components=components,
        precision=(depth & 0x7F) + 1,
        signed=depth > 0x7F,
        transformed=coding[8] != 0,
        reversible=coding[13] == 1,
    )


def _coding_style(data: bytes, at: int) -> bytes:
    """The COD segment from its marker on (ISO 15444-1 A.6.1)."""
    end = len(data) - _SEGMENT.size
    while at <= end:
        marker, length = _SEGMENT.unpack_from(data, at)
        if marker == _COD and len(data) >= at + 14:
            return data[at : at + 14]
        if not 0xFF00 < marker < 0xFF90:
            break
        at += 2 + length
    raise CodecError("the JPEG 2000 codestream has no COD marker")


def is_rpcl(frame: bytes) -> bool:
    """Whether an HTJ2K frame is as 1.2.840.10008.1.2.4.202 wants it (PS3.5 10.18).

    Its packets come by resolution first (RPCL), a TLM segment tells the lengths of its tile-parts,
    and its lowest resolution has no more than 64 rows or columns.
    """
    header, data = jpeg_2000(frame), unboxed(frame)
    coding = _coding_style(data, 2)
    lowest = -(-min(header.rows, header.columns) >> coding[9])
    return coding[5] == _RPCL and lowest <= _LOWEST and _has(_TLM, data)


def _has(marker: int, data: bytes) -> bool:
    """Whether the main header holds a segment with ``marker``."""
    at = 2
    while 0xFF00 < _u16(data, at) < 0xFF90:
        if _u16(data, at) == marker:
            return True
        at += 2 + _u16(data, at + 2)
    return False


def jpeg(frame: bytes) -> Codestream:
    """Read the frame header of a JPEG, JPEG Lossless or JPEG-LS image (ISO 10918-1 B.2.2)."""
    if not frame.startswith(_SOI):
        raise CodecError("the frame is not a JPEG image")
    transformed: bool | None = None
    at = 2
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            break
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        declared = _declared_transform(marker, frame[at + 4 : at + 18])
        transformed = declared if declared is not None else transformed
        if (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES) or marker == 0xF7:
            return _frame_header(frame, at + 4, transformed)
        at += 2 + _u16(frame, at + 2)
    raise CodecError("the JPEG image has no frame header")


def _declared_transform(marker: int, segment: bytes) -> bool | None:
    if marker == 0xE0 and segment.startswith(b"JFIF"):
        return True
    if marker == 0xEE and segment.startswith(b"Adobe") and len(segment) > 11:
        return segment[11] == 1
    return None


def _frame_header(frame: bytes, at: int, transformed: bool | None) -> Codestream:
    if len(frame) < at + 6:
        raise CodecError("the JPEG frame header is cut short")
    components = frame[at + 5]
    if frame[at + 6 : at + 6 + 3 * components : 3].lower() == b"rgb":
        transformed = False
    return Codestream(
        _u16(frame, at + 1), _u16(frame, at + 3), components, frame[at], transformed=transformed
    )


def with_depth(frame: bytes, bits: int, *, signed: bool) -> bytes:
    """A JPEG 2000 codestream whose SIZ segment declares ``bits`` and ``signed`` everywhere.

    The samples must have been encoded as signed integers (no DC level shift, ISO 15444-1 G.1),
    unsigned ones less 2^(bits-1): then only the declaration changes, not a coded bit.
    """
    patched = bytearray(frame)
    for component in range(_u16(frame, _COMPONENTS)):
        patched[_DEPTHS + 3 * component] = (bits - 1) | (0x80 if signed else 0)
    return bytes(patched)
