"""The Native DICOM Model (PS3.19 A.1) of a data set: XML in UTF-8."""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import count
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
_ATTRIBUTE_END: Final = "</DicomAttribute>\n"
_NAME_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_NAME_COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NOT_FINITE: Final = {"nan": "NaN", "inf": "INF", "-inf": "-INF"}

_KNOWN: Final = 16_384
_PLAIN: Final = re.compile(r"[ !#-%'-;=?-~]*")
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
    written = [_START]
    _write(written, dataset, link, limit, "")
    written.append(_END)
    return "".join(written).encode()


def _write(written: list[str], dataset: DataSet, link: BulkLink, limit: int, at: str) -> None:
    creators: dict[int, str] = {}
    for tag, vr, value in dataset:
        if tags.is_group_length(tag) or tags.is_padding(tag):
            continue
        if tags.is_private(tag):
            if tags.is_private_creator(tag) and vr in vrs.STRINGS and value:
                creators[tag] = value[0].strip(" \0")
            start = _private(tag, vr, creators)
        else:
            start = _public(tag, vr)
        if not value:
            written.append(f"{start}/>\n")
        elif vr == "SQ":
            written.append(f"{start}>\n")
            _write_items(written, value, link, limit, at + tags.hex8(tag))
            written.append(_ATTRIBUTE_END)
        else:
            content = _value(vr, value, link, limit, at, tag)
            written.append(f"{start}>\n{content}{_ATTRIBUTE_END}")


def _write_items(
    written: list[str], items: list[DataSet], link: BulkLink, limit: int, path: str
) -> None:
    for number, item in enumerate(items, 1):
        written.append(f'<Item number="{number}">\n')
        _write(written, item, link, limit, f"{path}/{number}/")
        written.append("</Item>\n")


@lru_cache(_KNOWN)
def _public(tag: int, vr: str) -> str:
    attribute = tags.by_tag(tag)
    keyword = f' keyword="{attribute.keyword}"' if attribute and attribute.keyword else ""
    return f'<DicomAttribute tag="{tags.hex8(tag)}" vr="{vr}"{keyword}'


def _private(tag: int, vr: str, creators: dict[int, str]) -> str:
    """Without the block, which the creator stands for, if one reserved it (PS3.5 7.8.1)."""
    creator = creators.get(tag & 0xFFFF0000 | tag >> 8 & 0xFF)
    if not creator:
        return f'<DicomAttribute tag="{tags.hex8(tag)}" vr="{vr}"'
    name, known = tags.hex8(tag & 0xFFFF00FF), _escaped(creator, _QUOTED)
    return f'<DicomAttribute tag="{name}" vr="{vr}" privateCreator="{known}"'


def _value(vr: str, value: Any, link: BulkLink, limit: int, at: str, tag: int) -> str:
    if bulkdata.is_large(vr, value, limit) or bulkdata.is_unfit_for_xml(vr, value):
        return f'<BulkData uri="{_escaped(link(at + tags.hex8(tag)), _QUOTED)}"/>\n'
    if vr in vrs.BYTES:
        return f"<InlineBinary>{value}</InlineBinary>\n"
    texts = list(map(_CONVERT.get(vr, _text), value))
    if texts == [""]:
        return ""
    write = _person if vr == "PN" else _plain
    return "".join(map(write, count(1), texts))


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
    if _PLAIN.fullmatch(text):
        return text
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
