"""The DICOM JSON Model (PS3.18 Annex F) of a data set."""

import math
from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.dicom import bulkdata, tags, vrs
from gateway.dicom.bulkdata import BulkLink
from gateway.dicom.elements import DataSet, Element

Writer = Callable[[Any], bytes | None]
"""Writes a value of one attribute; None if it is none that it knows."""

_PLAIN: Final = vrs.TEXT | vrs.NUMERIC_TEXT
_NAME_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_NOT_FINITE: Final = {"NaN": "NaN", "inf": "inf", "-inf": "-inf"}


def encode(dataset: DataSet, link: BulkLink | None = None, limit: int = 1024, at: str = "") -> Any:
    """``dataset`` as a DICOM JSON object.

    Binary values of more than ``limit`` bytes become a BulkDataURI by ``link``; without a ``link``
    all are inline. ``at`` is the path of an enclosing sequence item.
    """
    return {
        tags.hex8(tag): _element(tag, vr, value, link, limit, at)
        for tag, vr, value in dataset
        if not tags.is_group_length(tag) and not tags.is_padding(tag)
    }


def member(element: Element, link: BulkLink, limit: int) -> bytes:
    """One element as ``encode`` has it, with a comma before it; nothing of what has no place."""
    found = encode([element], link, limit)
    return b"," + orjson.dumps(found)[1:-1] if found else b""


def shared_member(element: Element, limit: int) -> bytes | None:
    """What ``member`` gives whatever the ``link``; None if a value is linked."""
    links: list[str] = []

    def link(path: str) -> str:
        links.append(path)
        return path

    written = member(element, link, limit)
    return None if links else written


def writer(tag: int, vr: str) -> Writer | None:
    """What writes an attribute as ``member`` does, prepared once; None where values differ in kind.

    It takes strings as a document has them, and gives None for what has to be looked at closer.
    """
    if vr not in _PLAIN or tags.is_group_length(tag) or tags.is_padding(tag):
        return None
    head, convert = f',"{tags.hex8(tag)}":{{"vr":"{vr}","Value":'.encode(), _CONVERT.get(vr, _text)

    def write(value: Any) -> bytes | None:
        if type(value) is str:
            if not value or "\\" in value:
                return None
            return head + orjson.dumps([convert(value)]) + b"}"
        if type(value) is list and value and all(type(item) is str for item in value):
            return head + orjson.dumps([convert(item) for item in value]) + b"}"
        return None

    return write


def _element(
    tag: int, vr: str, value: Any, link: BulkLink | None, limit: int, at: str
) -> dict[str, Any]:
    if not value:
        return {"vr": vr}
    if vr == "SQ":
        items = [
            encode(item, link, limit, f"{at}{tags.hex8(tag)}/{number}/")
            for number, item in enumerate(value, 1)
        ]
        return {"vr": vr, "Value": items}
    if vr in vrs.BYTES:
        if link is not None and bulkdata.is_large(vr, value, limit):
            return {"vr": vr, "BulkDataURI": link(at + tags.hex8(tag))}
        return {"vr": vr, "InlineBinary": value}
    return {"vr": vr, "Value": [_CONVERT.get(vr, _text)(item) for item in value]}


def _text(value: str) -> str | None:
    return value.rstrip(" \0") or None


def _code(value: str) -> str | None:
    return value or None  # padding between values stays, as pydicom has it


def _ae(value: str) -> str | None:
    return value.strip(" \0") or None


def _name(value: str) -> dict[str, str] | None:
    groups = value.rstrip(" \0").split("=", 2)
    return {key: group for key, group in zip(_NAME_GROUPS, groups, strict=False) if group} or None


def _decimal(value: str) -> float | str | None:
    text = value.strip(" \0")
    try:
        number = float(text)
    except ValueError:
        return text or None
    return number if math.isfinite(number) else text


def _integer(value: str) -> int | str | None:
    text = value.strip(" \0")
    try:
        number = int(text)
    except ValueError:
        decimal = _decimal(text)
        if not isinstance(decimal, float) or not decimal.is_integer():
            return text or None
        number = int(decimal)
    return number if abs(number) < 1 << 63 else text  # JSON writers stop at 64 bits


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else _NOT_FINITE[str(value).replace("nan", "NaN")]


def _same(value: int) -> int:
    return value


_CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "AE": _ae,
    "AT": str.upper,
    "DS": _decimal,
    "FD": _number,
    "FL": _number,
    "IS": _integer,
    "PN": _name,
    **dict.fromkeys(("AS", "CS", "DA", "DT", "TM", "UI"), _code),
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), _same),
}
