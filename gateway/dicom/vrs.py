"""Value representations (PS3.5 6.2): which are text, numbers or bytes, and how they are packed."""

from typing import Final

TEXT: Final = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "PN", "SH", "TM", "UC", "UI"})
"""Strings of one or more values, separated by backslashes."""

SINGLE_TEXT: Final = frozenset({"LT", "ST", "UT", "UR"})
"""Strings in which a backslash is a character like any other."""

NUMERIC_TEXT: Final = frozenset({"DS", "IS"})
"""Numbers written as strings."""

STRINGS: Final = TEXT | SINGLE_TEXT | NUMERIC_TEXT

NUMBERS: Final = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}
"""Binary numbers and their ``struct`` codes."""

BYTES: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
"""Values that DICOM JSON carries as base64 (PS3.18 F.2.7)."""

WORD_SIZE: Final = {"OB": 1, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "UN": 1}
"""Bytes per word of a byte string: what a big-endian source has to have swapped."""

ENCODED: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Strings whose bytes follow Specific Character Set (PS3.5 6.1.2.3)."""

LONG: Final = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)
"""Explicit VR encodings with a 4-byte length (PS3.5 7.1.2)."""

KNOWN: Final = STRINGS | BYTES | frozenset(NUMBERS) | {"AT", "SQ"}
