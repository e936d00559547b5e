"""A DICOM data set written as HealthImaging writes it into an image set's metadata.

Keys, types and multiplicities are those seen in real documents: keywords of PS3.6, eight
hexadecimal digits for private elements, strings for DS and IS with their padding, base64 for bytes,
a scalar exactly where the dictionary says VM 1, null for an empty standard element.
"""

import base64
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.hooks import raw_element_vr
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from gateway.dicom import tags, vrs
from gateway.emulator import documents
from gateway.emulator.failures import FileRejected
from gateway.emulator.part10 import check_complete

Attributes: TypeAlias = dict[str, Any]

_CHARACTER_SET: Final = 0x00080005
_PIXEL_REPRESENTATION: Final = 0x00280103
_LUT_DESCRIPTOR: Final = 0x00283002
_UNDEFINED: Final = 0xFFFFFFFF


@dataclass(slots=True)
class Converted:
    """One data set: ``attributes`` by AHI's key, and the VRs that the keys do not tell."""

    attributes: dict[int, tuple[str, Any]] = field(default_factory=dict)
    vrs: dict[str, str] = field(default_factory=dict)

    def pick(self, wanted: frozenset[int]) -> Attributes:
        """The attributes whose tags are in ``wanted``, as a JSON object."""
        return {key: value for tag, (key, value) in self.attributes.items() if tag in wanted}

    def value(self, tag: int) -> Any:
        """The JSON value of ``tag``; None where it is absent or empty."""
        return self.attributes.get(tag, ("", None))[1]


@dataclass(frozen=True, slots=True)
class _Context:
    encodings: tuple[str, ...]
    signed: bool
    vrs: dict[str, str]


def convert(dataset: Dataset) -> Converted:
    """All elements of ``dataset`` except group lengths and trailing padding.

    Raises:
        FileRejected: a value is cut short.
    """
    converted = Converted()
    context = _Context(("iso8859",), False, converted.vrs)
    converted.attributes.update(_entries(dataset, context))
    return converted


def _entries(dataset: Dataset, outer: _Context) -> Iterator[tuple[int, tuple[str, Any]]]:
    context = _Context(_encodings(dataset, outer), _signed(dataset, outer), outer.vrs)
    # Taken before anything is asked of the data set, which parses an element it is asked for.
    elements = [(tag, dataset.get_item(tag, keep_deferred=True)) for tag in sorted(dataset.keys())]
    for tag, element in elements:
        if (tags.is_group_length(tag) and tag >> 16 != 2) or tags.is_padding(tag):
            continue
        vr, value = _element(dataset, element, context)
        yield int(tag), (_key(tag, vr, context), value)


def _key(tag: int, vr: str, context: _Context) -> str:
    attribute, key = tags.by_tag(tag), documents.key_of(tag)
    if attribute is None or vr not in attribute.vr.split(" or "):
        context.vrs.setdefault(key, vr)
    return key


def _encodings(dataset: Dataset, outer: _Context) -> tuple[str, ...]:
    raw = _raw_bytes(dataset, _CHARACTER_SET)
    if raw is None:
        return outer.encodings
    names = [name.strip(" \0") for name in raw.decode("iso8859").split("\\")]
    return tuple(convert_encodings(names))


def _signed(dataset: Dataset, outer: _Context) -> bool:
    raw = _raw_bytes(dataset, _PIXEL_REPRESENTATION)
    return outer.signed if not raw else any(raw)


def _raw_bytes(dataset: Dataset, tag: int) -> bytes | None:
    if tag not in dataset:
        return None
    element: Any = dataset.get_item(tag, keep_deferred=True)
    return (element.value or b"") if isinstance(element, RawDataElement) else b""


def _element(
    dataset: Dataset, element: DataElement | RawDataElement, context: _Context
) -> tuple[str, Any]:
    if isinstance(element, RawDataElement):
        check_complete(element)
        vr = _vr(element, dataset, context)
        if vr != "SQ":
            return vr, _value(vr, element, context)
        element = _sequence(dataset, element)
    # pydicom has parsed nothing else than sequences by now.
    items = [dict(entry for _, entry in _entries(item, context)) for item in element.value or ()]
    return "SQ", items or None


def _sequence(dataset: Dataset, element: RawDataElement) -> DataElement:
    try:
        return dataset[element.tag]
    except Exception as error:  # pydicom raises whatever the bytes provoke
        name = tags.named(element.tag)
        raise FileRejected(f"the sequence {name} is corrupt: {type(error).__name__}") from error


def _vr(element: RawDataElement, dataset: Dataset, context: _Context) -> str:
    found: dict[str, str] = {}
    raw_element_vr(element, found, ds=dataset)
    vr = found["VR"]
    if vr == "US or SS":
        return "SS" if context.signed else "US"
    if vr == "US or OW":
        return _lut_vr(dataset)
    if " or " in vr:
        return "OW" if "OW" in vr else "OB"
    return vr if vr in vrs.KNOWN else "UN"


def _lut_vr(dataset: Dataset) -> str:
    # PS3.5 A.1: LUT Data is US where the LUT has one entry only, else OW.
    descriptor = _raw_bytes(dataset, _LUT_DESCRIPTOR) or b""
    return "US" if len(descriptor) == 6 and descriptor[:2] == b"\x01\x00" else "OW"


def _value(vr: str, element: RawDataElement, context: _Context) -> Any:
    raw = element.value or b""
    if tags.is_pixel_data(element.tag) and element.length == _UNDEFINED:
        return None  # a compressed icon: HealthImaging does not keep the pixels of icons
    attribute = tags.by_tag(element.tag)
    if not raw:
        return None if attribute else ""
    little = element.is_little_endian
    if vr in vrs.BYTES:
        return base64.b64encode(raw if little else _swapped(raw, vrs.WORD_SIZE[vr])).decode()
    if vr in vrs.SINGLE_TEXT:
        return _decoded(raw, vr, context).rstrip(" \0")
    values = _numbers(raw, vr, little) if vr in vrs.NUMBERS or vr == "AT" else None
    if values is None and (vr in vrs.NUMBERS or vr == "AT"):
        return base64.b64encode(raw).decode()  # the length fits no number: keep the bytes
    if values is None:
        values = _strings(raw, vr, context)
    if attribute is None:
        return values[0] if len(values) == 1 else values
    if not attribute.single:
        return values
    return _scalar(values)


def _scalar(values: Sequence[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    if isinstance(values[0], str):
        return "\\".join(values)
    return list(values)


def _strings(raw: bytes, vr: str, context: _Context) -> list[str]:
    text = _decoded(raw, vr, context)
    return text.rstrip("\0" if vr in vrs.NUMERIC_TEXT else " \0").split("\\")


def _decoded(raw: bytes, vr: str, context: _Context) -> str:
    if vr not in vrs.ENCODED:
        return raw.decode("iso8859")
    delimiters = PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS
    return decode_bytes(raw, list(context.encodings), delimiters)


def _numbers(raw: bytes, vr: str, little: bool) -> list[Any] | None:
    order = "<" if little else ">"
    code = "HH" if vr == "AT" else vrs.NUMBERS[vr]
    if len(raw) % struct.calcsize(order + code):
        return None
    if vr == "AT":
        return [
            f"{group:04X}{number:04X}" for group, number in struct.iter_unpack(order + code, raw)
        ]
    values = struct.unpack(f"{order}{len(raw) // struct.calcsize(order + code)}{code}", raw)
    return [_plain(value) for value in values] if vr in ("FL", "FD") else list(values)


def _plain(value: float) -> float | int | str:
    if math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 1 << 53 else value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _swapped(raw: bytes, word: int) -> bytes:
    if word == 1 or len(raw) % word:
        return raw
    return np.frombuffer(raw, f">u{word}").astype(f"<u{word}").tobytes()
