"""Values as people read them: text, names, dates and times of a data set (PS3.5 6.2)."""

import re
from typing import Final

_UNSHOWN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DATE: Final = re.compile(r"(\d{4})(?:[.-]?(\d{2})(?:[.-]?(\d{2}))?)?")
_TIME: Final = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?)?)?")
_DATETIME: Final = re.compile(r"(\d{4,8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?")
_FAMILY, _PREFIX, _SUFFIX = 0, 3, 4


def clean(text: str) -> str:
    """``text`` in lines that end in a line feed, without what no document may contain."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _UNSHOWN.sub("", lines).strip()


def line(text: str) -> str:
    """``text`` cleaned and on one line."""
    return " ".join(clean(text).split())


def date(text: str) -> str:
    """A DA value as ``2024-01-31``; the text itself where it is none."""
    found = _DATE.fullmatch(text.strip())
    return "-".join(filter(None, found.groups())) if found else line(text)


def time(text: str) -> str:
    """A TM value as ``10:11:12``, with the fraction that it has; the text where it is none."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        return line(text)
    *parts, fraction = found.groups()
    return ":".join(filter(None, parts)) + (fraction or "").rstrip("0").rstrip(".")


def datetime(text: str) -> str:
    """A DT value as ``2024-01-31 10:11:12 +01:00``; the text itself where it is none."""
    found = _DATETIME.fullmatch(text.strip())
    if not found:
        return line(text)
    day, clock, zone = found.groups()
    offset = f"{zone[:3]}:{zone[3:]}" if zone else ""
    return " ".join(filter(None, (date(day), time(clock or ""), offset)))


def name(text: str) -> str:
    """A PN value as ``Family, Given Middle, Prefix, Suffix``, other writings in parentheses."""
    first, *others = [found for group in text.split("=")[:3] if (found := _group(group))] or [""]
    return f"{first} ({', '.join(others)})" if others else first


def _group(group: str) -> str:
    """One component group of a PN (PS3.5 6.2.1.1)."""
    parts = [line(part) for part in (group.split("^") + [""] * 5)[:5]]
    given = " ".join(filter(None, parts[_FAMILY + 1 : _PREFIX]))
    return ", ".join(filter(None, (parts[_FAMILY], given, parts[_PREFIX], parts[_SUFFIX])))
