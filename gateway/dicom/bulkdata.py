"""Bulk data: values that stand apart from the metadata, their paths and bytes (PS3.18 8.6.2)."""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from gateway.dicom import elements, tags, vrs
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.transfer_syntaxes import OCTET_STREAM

BulkLink = Callable[[str], str]
"""Gives the absolute URI of a bulk value from its path in the data set, ``54000100/1/54001010``."""

ELSEWHERE: Final = object()
"""The value of an element whose bytes the data set does not hold: pixel data."""

NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that an XML 1.0 document cannot have, not even escaped."""

ENCAPSULATED_DOCUMENT: Final = 0x00420011

_DOCUMENT_TYPE: Final = 0x00420012
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_LINKED_TEXT: Final = frozenset({"LT", "ST", "UC", "UT"})


def size(value: str) -> int:
    """How many bytes the base64 text ``value`` stands for."""
    return len(value) // 4 * 3 - value.count("=", -2)


def is_large(vr: str, value: Any, limit: int) -> bool:
    """Whether an element is a byte string of more than ``limit`` bytes, or held elsewhere."""
    return value is ELSEWHERE or (vr in vrs.BYTES and size(value) > limit)


def is_unfit_for_xml(vr: str, value: Any) -> bool:
    """Whether an element is a text that XML can only link to.

    A form feed is legal in them (PS3.5 6.1.3), and PS3.18 10.4.1.1.2 lets these VRs be bulk data.
    """
    return vr in _LINKED_TEXT and any(map(NOT_IN_XML.search, value))


def values(dataset: DataSet, limit: int, at: str = "") -> Iterator[tuple[str, Element]]:
    """All that the metadata of ``dataset``, JSON or XML, link to, each with its path."""
    for element in dataset:
        tag, vr, value = element
        path = at + tags.hex8(tag)
        if vr == "SQ":
            for number, item in enumerate(value, 1):
                yield from values(item, limit, f"{path}/{number}/")
        elif is_large(vr, value, limit) or is_unfit_for_xml(vr, value):
            yield path, element


def find(dataset: DataSet, path: Sequence[int]) -> Element | None:
    """The element at ``path``, tags with item numbers from 1 between them; None if there is none.

    Only what can be bulk data is found: byte strings and texts.
    """
    element = elements.find(dataset, path[0])
    if element is None:
        return None
    _, vr, value = element
    if len(path) == 1:
        return element if vr in vrs.BYTES or vr in _LINKED_TEXT else None
    if vr != "SQ" or path[1] > len(value):
        return None
    return find(value[path[1] - 1], path[2:])


def content(element: Element) -> bytes:
    """The value of an element that ``find`` gives: little-endian, texts in UTF-8."""
    _, vr, value = element
    return base64.b64decode(value) if vr in vrs.BYTES else "\\".join(value).encode()


def document_type(dataset: DataSet) -> str:
    """MIME Type of Encapsulated Document if it is a media type (PS3.3 C.24.2), else that of bytes.

    Without parameters, and of the characters that RFC 6838 4.2 has: it is to stand in a header.
    """
    declared = elements.text(dataset, _DOCUMENT_TYPE).lower()
    return declared if _MEDIA_TYPE.fullmatch(declared) else OCTET_STREAM
