"""The data dictionary (PS3.6) as this package uses it: tag, VR, VM and keyword of an element."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from pydicom._dicom_dict import RepeatersDictionary
from pydicom.datadict import get_entry, tag_for_keyword

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_KNOWN = 16_384  # bounded, because clients can ask for any name
_PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One entry of the data dictionary.

    ``vr`` may be ambiguous as the dictionary prints it (``"US or SS"``); ``single`` says that the
    dictionary's value multiplicity is exactly 1.
    """

    tag: int
    vr: str
    single: bool
    keyword: str


def is_private(tag: int) -> bool:
    """Whether the group of ``tag`` is odd (PS3.5 7.8)."""
    return bool(tag & 0x00010000)


def is_private_creator(tag: int) -> bool:
    """Whether ``tag`` reserves a private block: (gggg,0010-00FF), g odd (PS3.5 7.8.1)."""
    return is_private(tag) and 0x10 <= (tag & 0xFFFF) <= 0xFF


def is_group_length(tag: int) -> bool:
    """Whether ``tag`` is a retired group length (gggg,0000) (PS3.5 7.2)."""
    return tag & 0xFFFF == 0


def is_padding(tag: int) -> bool:
    """Whether ``tag`` is Data Set Trailing Padding (FFFC,FFFC) (PS3.10 7.2)."""
    return tag == 0xFFFCFFFC


def is_pixel_data(tag: int) -> bool:
    """Whether ``tag`` is Pixel Data, Float Pixel Data or Double Float Pixel Data."""
    return tag in _PIXEL_DATA


def is_repeater(tag: int) -> bool:
    """Whether ``tag`` lies in a repeating group, 50xx curves or 60xx overlays (PS3.5 7.6)."""
    return not is_private(tag) and (tag >> 24) in (0x50, 0x60)


def hex8(tag: int) -> str:
    """``tag`` as eight upper-case hexadecimal digits, as DICOM JSON names it (PS3.18 F.2.2)."""
    return f"{tag:08X}"


def pretty(tag: int) -> str:
    """``tag`` as people write it: ``(0010,0020)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def named(tag: int) -> str:
    """Keyword and tag for a message: ``PatientID (0010,0020)``."""
    attribute = by_tag(tag)
    return f"{attribute.keyword} {pretty(tag)}" if attribute else pretty(tag)


@lru_cache(_KNOWN)
def by_tag(tag: int) -> Attribute | None:
    """The dictionary's entry for a public ``tag``, repeating groups included; None if unknown."""
    if is_private(tag):
        return None
    try:
        vr, vm, _, _, keyword = get_entry(tag)
    except KeyError:
        return None
    return Attribute(tag, vr, vm == "1", keyword)


@lru_cache(_KNOWN)
def by_keyword(keyword: str) -> Attribute | None:
    """The dictionary's entry for a ``keyword``; None if unknown.

    Of a repeating group the keyword names the first group: ``OverlayRows`` is (6000,0010).
    """
    tag = tag_for_keyword(keyword) if keyword else None
    if tag is None and keyword:
        tag = _repeaters().get(keyword)
    return None if tag is None else by_tag(tag)


@cache
def _repeaters() -> dict[str, int]:
    """The first tag of each repeating element, by keyword: ``60xx0010`` is 60000010."""
    masks = RepeatersDictionary.items()
    return {entry[4]: int(mask.replace("x", "0"), 16) for mask, entry in masks}


def parse_tag(name: str) -> int | None:
    """The tag that ``name`` stands for, a keyword or eight hexadecimal digits; None if neither."""
    if _TAG.fullmatch(name):
        return int(name, 16)
    attribute = by_keyword(name)
    return attribute.tag if attribute else None
