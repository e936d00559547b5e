"""The form of DICOM JSON (PS3.18 F.2): every rule that needs no other source than the document."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import VR as KNOWN

from conformance.values import BINARY, LONG_TEXT, NUMBER_STRINGS, NUMBERS

Fault = tuple[str, str]
"""Which rule is broken, and where and how."""

RULES: Final = ("names", "members", "vr", "empty", "person", "type", "value", "binary", "order")
_NAME: Final = re.compile(r"[0-9A-F]{8}")
_VRS: Final = frozenset(vr.value for vr in KNOWN if len(vr.value) == 2)
_BULK: Final = frozenset(
    [
        "DS",
        "FL",
        "FD",
        "IS",
        "LT",
        "OB",
        "OD",
        "OF",
        "OL",
        "OV",
        "OW",
        "SL",
        "SS",
        "ST",
        "SV",
        "UC",
        "UL",
        "UN",
        "US",
        "UT",
        "UV",
    ]
)
_GROUPS: Final = frozenset({"Alphabetic", "Ideographic", "Phonetic"})
_CONTENT: Final = ("Value", "BulkDataURI", "InlineBinary")
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity", "inf", "-inf"})
_DEPTH: Final = 32

_FORMS: Final = {
    "UI": re.compile(r"[0-9]+(\.[0-9]+)*"),
    "DA": re.compile(r"[0-9]{8}"),
    "TM": re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}(\.[0-9]{1,6})?)?)?"),
    "DT": re.compile(r"[0-9]{4}([0-9]{2}){0,5}(\.[0-9]{1,6})?([+-][0-9]{4})?"),
    "AT": re.compile(r"[0-9A-F]{8}"),
    "AS": re.compile(r"[0-9]{3}[DWMY]"),
    "IS": re.compile(r" *[+-]?[0-9]+ *"),
    "DS": re.compile(r" *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)? *"),
    "CS": re.compile(r"(\S(.*\S)?)?"),
}

Known = Callable[[int, str], bool]
"""Whether the originals have a text as the value of a tag: then the server only repeats it."""


def faults(
    instance: Mapping[str, Any], known: Known, at: str = "", depth: int = 0
) -> Iterator[Fault]:
    """What is wrong with the attributes of an object and of the items within it."""
    names = [name for name in instance if _NAME.fullmatch(name)]
    if names != sorted(names):
        yield "order", f"{at or 'The object'}: its attributes are not in ascending order"
    for name, attribute in instance.items():
        where = f"{at}{name}"
        if not _NAME.fullmatch(name):
            yield "names", f"{where} is not a tag of eight upper-case hexadecimal digits"
        elif not isinstance(attribute, Mapping):
            yield "members", f"{where} is not an object"
        else:
            if name.endswith("0000"):
                yield "names", f"{where} is a group length, which shall not be included"
            yield from _attribute(int(name, 16), attribute, where, known, depth)


def _attribute(
    tag: int, attribute: Mapping[str, Any], where: str, known: Known, depth: int
) -> Iterator[Fault]:
    vr = attribute.get("vr")
    if not isinstance(vr, str) or vr not in _VRS:
        yield (
            "vr",
            f"{where} has no vr, or none that there is"
            if vr is None
            else f"{where} has the vr {vr!r}",
        )
        return
    if not _is_possible(tag, vr):
        yield "vr", f"{where} is {vr}; PS3.6 has {dictionary_VR(tag)}"
    given = [key for key in _CONTENT if key in attribute]
    if len(given) > 1:
        yield "members", f"{where} has both {given[0]} and {given[1]}"
    if "Value" in attribute:
        yield from _values(tag, vr, attribute["Value"], where, known, depth)
    if "InlineBinary" in attribute:
        yield from _inline(vr, attribute["InlineBinary"], where)
    if "BulkDataURI" in attribute:
        uri = attribute["BulkDataURI"]
        if not isinstance(uri, str) or not uri or re.search(r"\s", uri):
            yield "binary", f"{where}: BulkDataURI is not a URI"
        elif vr not in _BULK:
            yield "binary", f"{where} is {vr}, which has no BulkDataURI"


def _is_possible(tag: int, vr: str) -> bool:
    """Whether the dictionary allows a VR; UN always stands for one that was not known."""
    try:
        listed = dictionary_VR(tag)
    except KeyError:
        return True
    return vr in listed.split(" or ") or vr == "UN"


def _values(tag: int, vr: str, value: Any, where: str, known: Known, depth: int) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield "members", f"{where}: Value is not an array"
    elif not value or value == [None]:
        yield "empty", f"{where} has no value; it shall be without Value, not with an empty one"
    elif vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN"):
        yield "binary", f"{where} is {vr} and has Value in place of InlineBinary or BulkDataURI"
    elif vr == "SQ":
        for number, item in enumerate(value):
            if not isinstance(item, Mapping):
                yield "type", f"{where}: an item is not an object (an empty one is {{}})"
            elif depth < _DEPTH:
                yield from faults(item, known, f"{where}[{number}].", depth + 1)
    else:
        for one in value:
            if one is not None:
                yield from _one(tag, vr, one, where, known)


def _one(tag: int, vr: str, one: Any, where: str, known: Known) -> Iterator[Fault]:
    if vr == "PN":
        yield from _person(one, where)
        return
    number = isinstance(one, int | float) and not isinstance(one, bool)
    if vr in NUMBERS:
        lenient = vr in ("SV", "UV") and isinstance(one, str)
        if not (number or lenient or (vr in ("FL", "FD") and one in _NOT_FINITE)):
            yield "type", f"{where} is {vr}; its value is a {_kind(one)}, not a number"
        elif number and vr not in ("FL", "FD") and one != int(one):
            yield "type", f"{where} is {vr}; its value is not an integer"
    elif vr in NUMBER_STRINGS:
        if not number and not isinstance(one, str):
            yield "type", f"{where} is {vr}; its value is a {_kind(one)}"
        elif isinstance(one, str) and not _is_form(tag, vr, one, known):
            yield "value", f"{where}: a value is not a {vr}"
    elif not isinstance(one, str):
        yield "type", f"{where} is {vr}; its value is a {_kind(one)}, not a string"
    elif not _is_form(tag, vr, one, known):
        yield "value", f"{where}: a value is not a {vr}, or is padded"


def _is_form(tag: int, vr: str, text: str, known: Known) -> bool:
    form = _FORMS.get(vr)
    if text == "" or (form and form.fullmatch(text)):
        return True
    padded = text.rstrip("\0") != text or (
        vr not in LONG_TEXT and vr == "UI" and text.strip() != text
    )
    if form is None:
        return not padded
    return not padded and known(tag, text.strip())


def _kind(value: Any) -> str:
    return {str: "string", dict: "object", list: "array", bool: "boolean"}.get(
        type(value), "number"
    )


def _person(one: Any, where: str) -> Iterator[Fault]:
    if not isinstance(one, Mapping):
        yield "person", f"{where}: a person name is a {_kind(one)}, not an object"
    elif not set(one) <= _GROUPS:
        yield "person", f"{where}: a person name has other members than its component groups"
    elif not all(isinstance(text, str) for text in one.values()):
        yield "person", f"{where}: a component group of a person name is not a string"
    elif any("=" in text for text in one.values()):
        yield "person", f"{where}: a component group of a person name has several in it"


def _inline(vr: str, inline: Any, where: str) -> Iterator[Fault]:
    if vr not in BINARY:
        yield "binary", f"{where} is {vr}, which has no InlineBinary"
    try:
        if not isinstance(inline, str):
            raise ValueError
        base64.b64decode(inline, validate=True)
    except (ValueError, binascii.Error):
        yield "binary", f"{where}: InlineBinary is not base64"
    else:
        if not inline:
            yield "empty", f"{where} has an empty InlineBinary"
