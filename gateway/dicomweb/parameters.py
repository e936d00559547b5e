"""Query parameters that several services have: their pairs collected, their values read."""

import re
from collections.abc import Container, Iterable
from typing import Final

from gateway.errors import InvalidRequest

POSITIVE: Final = re.compile(r"[1-9][0-9]{0,8}")
_DECIMAL: Final = re.compile(
    r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?"
)
_KEYWORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_BEST: Final = 100


def collected(
    pairs: Iterable[tuple[str, str]], known: Container[str], ignored: Container[str], subject: str
) -> dict[str, str]:
    """The decoded ``pairs`` by name, but for those ``ignored``; ``subject`` is what has them.

    Raises:
        InvalidRequest: a name is not ``known``, or has several values; the error names it.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in ignored:
            continue
        if name not in known:
            raise InvalidRequest(f"{name} is not a parameter of {subject}", name)
        if found.setdefault(name, value) != value:
            raise InvalidRequest(f"{name} is given twice with different values", name)
    return found


def keywords(name: str, value: str) -> tuple[str, ...]:
    """The kinds of annotation that ``value`` lists (PS3.18 8.3.5.1.1), each once.

    Raises:
        InvalidRequest: it is no list of keywords.
    """
    found = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    if not all(map(_KEYWORD.fullmatch, found)):
        raise InvalidRequest(f"{name} must be a list of keywords: patient, technique", name)
    return found


def decimal(name: str, text: str) -> float:
    """A decimal number, with or without an exponent.

    Raises:
        InvalidRequest: it is none, or has more digits than mean anything.
    """
    if not _DECIMAL.fullmatch(text):
        raise InvalidRequest(f"{name} has a value that is not a decimal number", name)
    return float(text)


def positive(name: str, text: str, most: int | None = None) -> int:
    """A whole number from 1, up to ``most`` where that is given.

    Raises:
        InvalidRequest: it is none.
    """
    if not POSITIVE.fullmatch(text):
        raise InvalidRequest(f"{name} must be a whole number above 0", name)
    value = int(text)
    if most is not None and value > most:
        raise InvalidRequest(f"{name} may be {most} at the most", name)
    return value


def quality(text: str) -> int:
    """The value of ``quality``, that of lossy compression (PS3.18 8.3.5.1.2): from 1 to 100.

    Raises:
        InvalidRequest: it is not a number in that range.
    """
    if not POSITIVE.fullmatch(text) or int(text) > _BEST:
        raise InvalidRequest(f"quality must be a whole number from 1 to {_BEST}", "quality")
    return int(text)
