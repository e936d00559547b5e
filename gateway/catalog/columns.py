"""Attributes as columns have them: in the form in which they are compared, or marked as odd.

What a column cannot say, because there are several values, another VR than the dictionary's, or a
text too long for an index, is odd: the row has to be checked by its attributes.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.catalog import words
from gateway.dicom import ranges
from gateway.dicom.elements import Element
from gateway.dicom.keys import has_value

Found = Mapping[int, Element]

MAX_UID: Final = 256
"""Characters of a UID; HealthImaging takes no more."""

_MAX_TEXT: Final = 256
_MAX_TIME: Final = 32
_MAX_FOLDED: Final = 1024  # bytes, of which a row of an index may have 2,700
_MAX_NAME: Final = 64  # characters that are kept of a longer name
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_WIDEST: Final = (1 << 63) - 1


class Columns:
    """Takes the columns of a row; ``odd`` says whether one cannot say what its attribute is."""

    __slots__ = ("_found", "odd")

    def __init__(self, found: Found) -> None:
        self._found = found
        self.odd = False

    def text(self, tag: int, vr: str) -> str:
        """The value of a text, date or time without padding, ``""`` if there is none."""
        text = self._value(tag, vr)
        if vr in ranges.VRS:
            found = ranges.normal(vr, text)
            # Whether a date is in a range is decided by the text alone, so that it has to be one.
            self.odd |= vr == "DA" and found != "" and ranges.bounds(vr, found) != (found, found)
            return self._bounded(found, _MAX_TIME)
        return self._bounded(text, _MAX_TEXT)

    def integer(self, tag: int) -> str:
        """The value of an IS, without the zeros and signs that it may be written with."""
        text = self._value(tag, "IS")
        if not text:
            return ""
        if _INTEGER.fullmatch(text) is None:
            self.odd = True
            return self._bounded(text, _MAX_TEXT)
        return str(int(text))

    def name(self, tag: int) -> str:
        """The value of a person name."""
        text = self._bounded(self._value(tag, "PN"), _MAX_TEXT)
        if len(text) <= _MAX_NAME or len(words.folded(text).encode()) <= _MAX_FOLDED:
            return text
        self.odd = True
        return text[:_MAX_NAME]

    def _value(self, tag: int, vr: str) -> str:
        element = self._found.get(tag)
        if element is None:
            return ""
        values = element[2]
        if element[1] == vr and len(values) == 1 and isinstance(values[0], str):
            return values[0].strip(" \0")
        if not has_value(element):
            return ""
        self.odd = True
        first = values[0] if isinstance(values, list) else ""
        return "" if isinstance(first, list) else str(first)

    def _bounded(self, text: str, most: int) -> str:
        if len(text) <= most and "\0" not in text:
            return text
        self.odd = True
        return text[:most].replace("\0", " ")  # which PostgreSQL has no place for


def bounded(text: str, most: int = _MAX_TIME) -> str:
    """``text`` as a column can have it that is not compared with an attribute."""
    return text[:most].replace("\0", " ")


def place(number: int) -> int:
    """A number to sort by, within 64 bits."""
    return max(-_WIDEST, min(number, _WIDEST))


def series_place(text: str) -> int:
    """The place of a series, from its column ``series_number``, among those of its study."""
    try:
        return place(int(text or 0))
    except ValueError:
        return 0


def is_uid(text: str) -> bool:
    """Whether rows can be known by ``text``."""
    return 0 < len(text) <= MAX_UID and "\0" not in text


def is_one(text: str) -> bool:
    """Whether ``text`` is one value, which a column can have."""
    return len(text) <= MAX_UID and "\\" not in text and "\0" not in text
