"""Values that can be compared, whether they come from a file, from JSON or from XML.

A value is a tuple: of text without padding, of numbers as ``float``, of person names as three
component groups, of items as dictionaries by tag, or of one ``bytes``. An empty value is ``()``.
"""

import base64
import binascii
import math
import warnings
from collections.abc import Mapping
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
NUMBERS: Final = frozenset({"FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"})
NUMBER_STRINGS: Final = frozenset({"DS", "IS"})
LONG_TEXT: Final = frozenset({"LT", "ST", "UT", "UR"})

Value = tuple[Any, ...]
Tree = dict[int, "Attribute"]
Attribute = tuple[str, Value]
"""A VR and a value; of a value that is elsewhere, the VR and its URI as ``Elsewhere``."""


class Elsewhere(str):
    """The BulkDataURI of a value."""

    __slots__ = ()


def of_file(dataset: Dataset) -> Tree:
    """All attributes of a data set but group lengths; those that cannot be read are left out."""
    tree: Tree = {}
    for tag in list(dataset.keys()):
        if tag.element == 0 or tag.group in (0x0000, 0x0002) or int(tag) == 0xFFFCFFFC:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                element = dataset[tag]
                tree[int(tag)] = (element.VR, _of_element(element, dataset.is_little_endian))
            except Exception:  # noqa: S112 - whatever pydicom cannot read
                continue
    return tree


def _of_element(element: DataElement, little: bool | None) -> Value:
    value = element.value
    if element.VR == "SQ":
        return tuple(of_file(item) for item in value or ())
    if value is None or (isinstance(value, str | bytes | MultiValue) and len(value) == 0):
        return ()
    if element.VR in BINARY or isinstance(value, bytes):
        return (_swapped(bytes(value), element.VR) if little is False else bytes(value),)
    several = list(value) if isinstance(value, MultiValue | list) else [value]
    return normal(element.VR, several)


def _swapped(content: bytes, vr: str) -> bytes:
    width = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}.get(vr, 1)
    if width == 1 or len(content) % width:
        return content
    return b"".join(content[at : at + width][::-1] for at in range(0, len(content), width))


def normal(vr: str, several: list[Any]) -> Value:
    """Values of a VR without what does not count: padding, and how numbers are written."""
    made = tuple(_one(vr, one) for one in several)
    return () if all(one in ("", None, ("", "", "")) for one in made) else made


def _one(vr: str, value: Any) -> Any:
    if vr == "PN":
        return _name(value)
    if value is None or value == "":
        return ""
    if vr == "AT":
        return f"{int(value):08X}" if isinstance(value, int) else str(value).upper()
    if vr in NUMBERS or vr in NUMBER_STRINGS:
        return _number(value)
    text = str(value).replace("\r\n", "\n")  # XML has no other line break
    return text.rstrip(" \0") if vr in LONG_TEXT else text.strip(" \0")


def _number(value: Any) -> float | str:
    try:
        number = float(str(value).strip(" \0"))
    except ValueError:
        return str(value).strip(" \0")
    return "NaN" if math.isnan(number) else number


def _name(value: Any) -> tuple[str, str, str]:
    if isinstance(value, Mapping):
        groups = [value.get(key) for key in ("Alphabetic", "Ideographic", "Phonetic")]
        found = [one if isinstance(one, str) else "" for one in groups]
        if not any(found[1:]):  # several groups in one: json.person says so
            found = found[0].split("=")
    else:
        found = str(value or "").split("=")
    found = [*found, "", "", ""][:3]
    alphabetic, ideographic, phonetic = (one.strip(" \0").rstrip("^") for one in found)
    return alphabetic, ideographic, phonetic


def of_json(instance: Mapping[str, Any]) -> Tree:
    """The attributes of a DICOM JSON object; what is malformed is left out, other checks say so."""
    tree: Tree = {}
    for name, attribute in instance.items():
        if not isinstance(attribute, Mapping) or not isinstance(attribute.get("vr"), str):
            continue
        try:
            tag = int(name, 16)
        except ValueError:
            continue
        vr = attribute["vr"]
        tree[tag] = (vr, _of_attribute(vr, attribute))
    return tree


def _of_attribute(vr: str, attribute: Mapping[str, Any]) -> Value:
    if isinstance(attribute.get("BulkDataURI"), str):
        return (Elsewhere(attribute["BulkDataURI"]),)
    inline = attribute.get("InlineBinary")
    if isinstance(inline, str):
        try:
            content = base64.b64decode(inline)
        except binascii.Error:
            return (Elsewhere(""),)  # json.binary says so; nothing can be compared
        return (content,) if content else ()
    several = attribute.get("Value")
    if not isinstance(several, list):
        return ()
    if vr == "PN" and any(isinstance(one, str) for one in several):
        return (Elsewhere(""),)  # json.person says so; which groups a string has, nobody knows
    if vr == "SQ":
        return tuple(of_json(item or {}) for item in several if isinstance(item, Mapping | None))
    return normal(vr, several)


def same(vr: str, left: Any, right: Any) -> bool:
    """Whether two values of a VR are the same; padding of bytes to an even length is no part."""
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left == right or _even(left) == _even(right)
    if isinstance(left, float) and isinstance(right, float):
        exact = 1e-6 if vr == "FL" else 1e-12
        return left == right or math.isclose(left, right, rel_tol=exact)
    return bool(left == right)


def _even(content: bytes) -> bytes:
    return content + b"\0" if len(content) % 2 else content
