"""The Native DICOM Model (PS3.19 A.1) of a data set: XML in UTF-8."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from gateway.dicom import bulkdata, tags, vrs
from gateway.dicom.bulkdata import BulkLink
from gateway.dicom.elements import DataSet

NAMESPACE: Final = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

_START: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">\n'
)
_END: Final = "</NativeDicomModel>\n"
_NAME_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_NAME_COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NOT_FINITE: Final = {"nan": "NaN", "inf": "INF", "-inf": "-INF"}

_CONTENT: Final = str.maketrans(
    # A parser would make a line feed of a carriage return that is not escaped.
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
)
_QUOTED: Final = _CONTENT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def encode(dataset: DataSet, link: BulkLink, limit: int = 1024) -> bytes:
    """``dataset`` as an XML document.

    Binary values of more than ``limit`` bytes are references by ``link``, and so are texts with
    characters that XML does not have; where one is in a string that must not have it (PS3.5 6.2),
    U+FFFD stands for it.
    """
    return "".join((_START, *_dataset(dataset, link, limit, ""), _END)).encode()


def _dataset(dataset: DataSet, link: BulkLink, limit: int, at: str) -> Iterator[str]:
    creators: dict[int, str] = {}
    for tag, vr, value in dataset:
        if tags.is_group_length(tag) or tags.is_padding(tag):
            continue
        if tags.is_private_creator(tag) and vr in vrs.STRINGS and value:
            creators[tag] = value[0].strip(" \0")
        yield f'<DicomAttribute tag="{_tag(tag, creators)}" vr="{vr}"{_name(tag, creators)}'
        if not value:
            yield "/>\n"
            continue
        yield ">\n"
        path = at + tags.hex8(tag)
        if vr == "SQ":
            yield from _items(value, link, limit, path)
        else:
            yield _value(vr, value, link, limit, path)
        yield "</DicomAttribute>\n"


def _items(items: list[DataSet], link: BulkLink, limit: int, path: str) -> Iterator[str]:
    for number, item in enumerate(items, 1):
        yield f'<Item number="{number}">\n'
        yield from _dataset(item, link, limit, f"{path}/{number}/")
        yield "</Item>\n"


def _creator(tag: int, creators: dict[int, str]) -> str:
    """Who reserved the block of a private element, ``""`` if nobody did (PS3.5 7.8.1)."""
    return creators.get(tag & 0xFFFF0000 | tag >> 8 & 0xFF, "") if tags.is_private(tag) else ""


def _tag(tag: int, creators: dict[int, str]) -> str:
    """The tag, of a private element without its block, which privateCreator stands for."""
    return tags.hex8(tag & 0xFFFF00FF if _creator(tag, creators) else tag)


def _name(tag: int, creators: dict[int, str]) -> str:
    creator = _creator(tag, creators)
    if creator:
        return f' privateCreator="{_escaped(creator, _QUOTED)}"'
    attribute = tags.by_tag(tag)
    return f' keyword="{attribute.keyword}"' if attribute and attribute.keyword else ""


def _value(vr: str, value: Any, link: BulkLink, limit: int, path: str) -> str:
    if bulkdata.is_large(vr, value, limit) or bulkdata.is_unfit_for_xml(vr, value):
        return f'<BulkData uri="{_escaped(link(path), _QUOTED)}"/>\n'
    if vr in vrs.BYTES:
        return f"<InlineBinary>{value}</InlineBinary>\n"
    texts = list(map(_CONVERT.get(vr, _text), value))
    if texts == [""]:
        return ""
    write = _person if vr == "PN" else _plain
    return "".join(write(number, text) for number, text in enumerate(texts, 1))


def _plain(number: int, text: str) -> str:
    return f'<Value number="{number}">{_escaped(text, _CONTENT)}</Value>\n'


def _person(number: int, name: str) -> str:
    groups = zip(_NAME_GROUPS, name.split("=", 2), strict=False)
    parts = (f"<{group}>{_components(text)}</{group}>\n" for group, text in groups if text)
    return f'<PersonName number="{number}">\n{"".join(parts)}</PersonName>\n'


def _components(group: str) -> str:
    """The five components; what is behind the fifth stays with it."""
    parts = zip(_NAME_COMPONENTS, group.split("^", 4), strict=False)
    return "".join(f"<{name}>{_escaped(text, _CONTENT)}</{name}>" for name, text in parts if text)


def _escaped(text: str, table: dict[int, str]) -> str:
    return bulkdata.NOT_IN_XML.sub("\ufffd", text).translate(table)


def _text(value: str) -> str:
    return value.rstrip(" \0")


def _trimmed(value: str) -> str:
    return value.strip(" \0")


def _full_name(value: str) -> str:
    return value.rstrip(" \0=")


def _float(value: float) -> str:
    return str(value) if math.isfinite(value) else _NOT_FINITE[str(value)]


_CONVERT: Final[dict[str, Callable[[Any], str]]] = {
    "AE": _trimmed,
    "AT": str.upper,
    "DS": _trimmed,
    "FD": _float,
    "FL": _float,
    "IS": _trimmed,
    "PN": _full_name,
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), str),
}
