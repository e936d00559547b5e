"""The attributes of a metadata document read back into elements.

The document carries keywords and JSON types but hardly a VR: ``DICOMVRs`` has those that the
dictionary cannot tell, where the dictionary is ambiguous the data decide (PS3.5 A.1), and where a
value does not fit what either says, its JSON type does.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from gateway.dicom import tags, vrs
from gateway.dicom.bulkdata import ELSEWHERE
from gateway.dicom.elements import DataSet, Element
from gateway.errors import UpstreamInvalid

PIXEL_REPRESENTATION: Final = "PixelRepresentation"

_PIXEL_DATA: Final = "PixelData"
_MAX_SS: Final = 0x7FFF
_FLOATS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_NUMBERS_BY_SIZE: Final = ("SL", "UL", "SV", "UV", "FD")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASE64_CHECKED: Final = 4096
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")


def elements(
    attributes: Mapping[str, Any], known: Mapping[str, str], *, signed: bool
) -> Iterator[Element]:
    """The elements of one level or sequence item, in no order; keys that are no tags are left out.

    ``known`` are the VRs that the document has by key, ``signed`` says whether pixels are, where
    the attributes themselves do not.

    Raises:
        UpstreamInvalid: a value is nothing that an element can hold.
    """
    signed = attributes.get(PIXEL_REPRESENTATION, int(signed)) == 1
    for key, value in attributes.items():
        found = _lookup(key)
        if found is None or (key == _PIXEL_DATA and value is None):
            continue
        tag, vr, ambiguous = found
        recorded = known.get(key)
        if recorded in vrs.KNOWN:
            vr = recorded
        elif not vr:
            vr = _by_type(value)
        elif ambiguous:
            vr = _resolved(vr, value, signed=signed)
        yield _element(tag, vr, value, known, signed=signed)


def tag_of(key: str) -> int | None:
    """The tag that a key of a document stands for; None if it is none."""
    found = _lookup(key)
    return None if found is None else found[0]


def certain_vr(key: str, known: Mapping[str, str]) -> str | None:
    """The VR of strings under a key of a document; None if it is no tag, or they decide on it."""
    found = _lookup(key)
    if found is None:
        return None
    recorded = known.get(key)
    if recorded in vrs.KNOWN:
        return recorded
    return found[1] if found[1] and not found[2] else None


def depends_on_sign(key: str, value: Any) -> bool:
    """Whether the VR of an attribute, or of one in its items, can follow from the pixels' sign."""
    found = _lookup(key)
    ambiguous = found is not None and found[2]
    return (
        ambiguous or isinstance(value, dict) or (type(value) is list and dict in map(type, value))
    )


@lru_cache(16_384)
def _lookup(key: str) -> tuple[int, str, bool] | None:
    """Tag, VR (``""`` if the dictionary has none) and whether the VR is ambiguous, of a key."""
    tag = tags.parse_tag(key)
    if tag is None:
        return None
    attribute = tags.by_tag(tag)
    if attribute is None:
        return tag, "", False
    return tag, attribute.vr, " or " in attribute.vr


def _by_type(value: Any) -> str:
    """A VR that can carry the value, by its JSON type."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict) for item in values):
        return "SQ"
    if not all(isinstance(item, int | float) for item in values) or not values:
        return "LO"
    if any(isinstance(item, float) for item in values):
        return "FD"
    return next((vr for vr in _NUMBERS_BY_SIZE if _packs(vr, values)), "LO")


def _resolved(vr: str, value: Any, *, signed: bool) -> str:
    if vr == "OB or OW":
        return "OW"
    if isinstance(value, str) or value is ELSEWHERE:
        return "OW"  # base64 text: of the number types, only words can be
    numbers = value if isinstance(value, list) else [value or 0]
    if not all(isinstance(item, int | float) for item in numbers):
        return _by_type(value)
    negative, large = min(numbers, default=0) < 0, max(numbers, default=0) > _MAX_SS
    return "SS" if negative or (signed and "SS" in vr and not large) else "US"


def _element(tag: int, vr: str, value: Any, known: Mapping[str, str], *, signed: bool) -> Element:
    if value is None or value == "" or value == []:
        return tag, vr, "" if vr in vrs.BYTES else []
    if value is ELSEWHERE:
        return tag, vr if vr in vrs.BYTES else "UN", value
    if not _fits(vr, value):
        vr = _by_type(value)
    if vr == "SQ":
        items = [value] if isinstance(value, dict) else value
        if not all(isinstance(item, dict) for item in items):
            raise UpstreamInvalid(f"HealthImaging's metadata have no items in {tags.named(tag)}")
        return tag, vr, [_item(item, known, signed=signed) for item in items]
    if vr in vrs.BYTES:
        return tag, vr, value
    if vr in vrs.NUMBERS:
        return _numeric(tag, vr, value)
    if vr == "AT":
        return tag, vr, value if isinstance(value, list) else [value]
    return tag, vr, _strings(vr, value)


def _fits(vr: str, value: Any) -> bool:
    if isinstance(value, str):
        if vr in vrs.STRINGS:
            return True
        if vr in vrs.BYTES:
            return _is_base64(value)
        if vr in vrs.NUMBERS:
            return _is_float(vr, value) or _is_base64(value)
        return vr == "AT" and _TAG.fullmatch(value) is not None
    values = value if isinstance(value, list) else [value]
    if vr == "SQ":
        return isinstance(values[0], dict)
    if vr in vrs.NUMBERS:
        return _packs(vr, [_FLOATS.get(v, v) if isinstance(v, str) else v for v in values])
    if vr == "AT":
        return all(isinstance(item, str) and _TAG.fullmatch(item) for item in values)
    return vr in vrs.STRINGS and not any(isinstance(item, dict) for item in values)


def _is_float(vr: str, text: str) -> bool:
    """Whether ``text`` is a number that is not finite, and ``vr`` can hold it."""
    return text in _FLOATS and vr in ("FD", "FL")


def _is_base64(text: str) -> bool:
    if len(text) % 4 or not text.isascii():
        return False
    return len(text) > _BASE64_CHECKED or _BASE64.fullmatch(text) is not None


def _packs(vr: str, values: Sequence[Any]) -> bool:
    try:
        struct.pack(f"<{len(values)}{vrs.NUMBERS[vr]}", *values)
    except (struct.error, OverflowError, TypeError):
        return False
    return True


def _item(item: Mapping[str, Any], known: Mapping[str, str], *, signed: bool) -> DataSet:
    return sorted(elements(item, known, signed=signed), key=_tag)


def _tag(element: Element) -> int:
    return element[0]


def _numeric(tag: int, vr: str, value: Any) -> Element:
    values = value if isinstance(value, list) else [value]
    if isinstance(value, str) and not _is_float(vr, value):
        return tag, "UN", value  # bytes that are no whole number of words, kept as base64
    return tag, vr, [_FLOATS[item] if isinstance(item, str) else item for item in values]


def _strings(vr: str, value: Any) -> list[str]:
    if vr in vrs.SINGLE_TEXT:
        return [_text(value)]
    values = (
        [_text(item) for item in value] if isinstance(value, list) else _text(value).split("\\")
    )
    return [item.strip(" \0") for item in values] if vr in vrs.NUMERIC_TEXT else values


def _text(value: Any) -> str:
    return "" if value is None else str(value)
