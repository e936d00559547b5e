"""Writing DICOM Part 10 files: little endian, with pixel data that come later (PS3.10).

Strings are written as UTF-8 where a data set has any beyond ASCII; Specific Character Set then says
ISO_IR 192, because the document that the data set comes from does not keep the original bytes.
"""

import base64
import struct
from collections.abc import Callable
from typing import Any, Final

from gateway.dicom import tags, vrs
from gateway.dicom.elements import DataSet, Element

IMPLEMENTATION_CLASS_UID: Final = "2.25.207281493655416817460929305411874905362"
IMPLEMENTATION_VERSION: Final = "DICOMWEBGATEWAY"

_CHARACTER_SET: Final = 0x00080005
UNICODE: Final[Element] = (_CHARACTER_SET, "CS", ["ISO_IR 192"])
"""Specific Character Set where strings go beyond ASCII."""

_MAX_SHORT: Final = 0xFFFE
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = b"\xfe\xff\x00\xe0"
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"


def file_header(sop_class: str, sop_instance: str, transfer_syntax: str) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 7.1)."""
    meta = _dataset(
        [
            (0x00020001, "OB", "AAE="),
            (0x00020002, "UI", [sop_class]),
            (0x00020003, "UI", [sop_instance]),
            (0x00020010, "UI", [transfer_syntax]),
            (0x00020012, "UI", [IMPLEMENTATION_CLASS_UID]),
            (0x00020013, "SH", [IMPLEMENTATION_VERSION]),
        ]
    )
    return bytes(128) + b"DICM" + _dataset([(0x00020000, "UL", [len(meta)])]) + meta


def encode(dataset: DataSet) -> bytes:
    """All of ``dataset`` in explicit VR little endian; group lengths are left out."""
    return encode_part(in_one_character_set(dataset))


def in_one_character_set(dataset: DataSet) -> DataSet:
    """``dataset`` as its strings are written: Specific Character Set says UTF-8 if any needs it."""
    return dataset if is_ascii(dataset) else _utf8(dataset)


def encode_part(dataset: DataSet, *, implicit: bool = False) -> bytes:
    """A part of a data set that is ``in_one_character_set``, with explicit VRs or implicit ones."""
    return _dataset(dataset, implicit=implicit)


def is_ascii(dataset: DataSet) -> bool:
    """Whether the strings of ``dataset`` can be written in every character set."""
    for _, vr, value in dataset:
        if vr == "SQ":
            if not all(map(is_ascii, value)):
                return False
        elif vr in vrs.ENCODED and not all(item.isascii() for item in value):
            return False
    return True


def _utf8(dataset: DataSet) -> DataSet:
    """``dataset`` with one Specific Character Set, at its top, that says ISO_IR 192."""
    stripped = [element for element in map(without_character_set, dataset) if element]
    return sorted([*stripped, UNICODE], key=lambda item: item[0])


def without_character_set(element: Element) -> Element | None:
    """``element`` without Specific Character Set in its items; None if it is one itself."""
    tag, vr, value = element
    if tag == _CHARACTER_SET:
        return None
    if vr != "SQ":
        return element
    return tag, vr, [[e for e in map(without_character_set, item) if e] for item in value]


def _dataset(dataset: DataSet, *, implicit: bool = False) -> bytes:
    return b"".join(
        _element(tag, vr, value, implicit=implicit)
        for tag, vr, value in dataset
        if not tags.is_padding(tag) and (not tags.is_group_length(tag) or tag >> 16 == 2)
    )


def _element(tag: int, vr: str, value: Any, *, implicit: bool) -> bytes:
    content = _items(value, implicit=implicit) if vr == "SQ" else _ENCODE[vr](value)
    if len(content) % 2:
        content += b"\0" if vr in vrs.BYTES or vr == "UI" else b" "
    if vr not in vrs.LONG and len(content) > _MAX_SHORT:
        vr = "UN"  # PS3.5 6.2.2: too long for a 16-bit length
    return header(tag, vr, len(content), implicit=implicit) + content


def header(tag: int, vr: str, length: int, *, implicit: bool = False) -> bytes:
    """Tag, VR and length of an element (PS3.5 7.1.2); no VR where it is ``implicit`` (7.1.3)."""
    if implicit:
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)
    start = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return start + (struct.pack("<xxI", length) if vr in vrs.LONG else struct.pack("<H", length))


def _items(items: list[DataSet], *, implicit: bool) -> bytes:
    encoded = (_dataset(item, implicit=implicit) for item in items)
    return b"".join(_ITEM + struct.pack("<I", len(item)) + item for item in encoded)


def _strings(values: list[str]) -> bytes:
    return "\\".join(values).encode()


def _binary(value: str) -> bytes:
    return base64.b64decode(value)


def _attribute_tags(values: list[str]) -> bytes:
    return b"".join(struct.pack("<HH", int(v[:4], 16), int(v[4:], 16)) for v in values)


def _packer(code: str) -> Callable[[list[Any]], bytes]:
    def pack(values: list[Any]) -> bytes:
        return struct.pack(f"<{len(values)}{code}", *values)

    return pack


_ENCODE: Final[dict[str, Callable[[Any], bytes]]] = {
    "AT": _attribute_tags,
    **dict.fromkeys(vrs.STRINGS, _strings),
    **dict.fromkeys(vrs.BYTES, _binary),
    **{vr: _packer(code) for vr, code in vrs.NUMBERS.items()},
}


def encapsulated_start(tag: int) -> bytes:
    """The beginning of encapsulated Pixel Data: header and empty offset table (PS3.5 A.4)."""
    return header(tag, "OB", _UNDEFINED) + _ITEM + bytes(4)


def fragment_header(length: int) -> tuple[bytes, bytes]:
    """What stands before and behind a frame of ``length`` bytes that is one fragment."""
    pad = length % 2
    return _ITEM + struct.pack("<I", length + pad), b"\0" * pad


def encapsulated_end() -> bytes:
    """The sequence delimiter behind the last fragment."""
    return _SEQUENCE_END
