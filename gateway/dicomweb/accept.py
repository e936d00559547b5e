"""The Accept header (PS3.18 8.7.5), read by the book or as viewers really write it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One range of an Accept header; a parameter may stand in it more than once."""

    type: str
    parameters: tuple[tuple[str, str], ...] = ()
    quality: float = 1.0

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a parameter, in order."""
        return tuple(value for key, value in self.parameters if key == name)

    def value(self, name: str) -> str | None:
        """The first value of a parameter."""
        return next(iter(self.values(name)), None)


_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_STRICT: Final = re.compile(rf'{_WORD}=(?:{_WORD}|"(?:[^"\\]|\\.)*")')
"""A parameter as RFC 9110 5.6.6 has it: a value with a slash has to be quoted."""

ANYTHING: Final = MediaRange("*/*")


Said: TypeAlias = tuple[tuple[MediaRange, ...], tuple[MediaRange, ...], bool]
"""Ranges, refused ranges, and whether they are read strictly."""


class Accept(tuple[MediaRange, ...]):
    """The ranges that a client accepts, the most wanted first.

    ``refused`` are those of quality 0, ``strict`` says that the standard's words decide, and not
    what clients in the field mean by theirs.
    """

    refused: tuple[MediaRange, ...]
    strict: bool

    def __new__(
        cls,
        ranges: Iterable[MediaRange],
        refused: Iterable[MediaRange] = (),
        *,
        strict: bool = False,
    ) -> "Accept":
        """``ranges`` in their order."""
        made = super().__new__(cls, ranges)
        made.refused = tuple(refused)
        made.strict = strict
        return made

    @property
    def said(self) -> Said:
        """All that is said, as a value that compares."""
        return tuple(self), self.refused, self.strict


@lru_cache(256)
def parse(header: str, *, strict: bool = False) -> Accept:
    """The ranges of ``header``; ``*/*`` where it is empty.

    What makes no sense is skipped: a header without one good range accepts nothing. Unless it is
    ``strict``, quotes are optional, parameters may repeat, and a quality that is none counts as 1.
    """
    if not header.strip():
        return Accept((ANYTHING,), strict=strict)
    ranges = [found for part in _split(header, ",") if (found := _range(part, strict=strict))]
    wanted = sorted((found for found in ranges if found.quality), key=lambda found: -found.quality)
    return Accept(wanted, (found for found in ranges if not found.quality), strict=strict)


def _split(text: str, separator: str) -> Iterator[str]:
    start, quoted, escaped = 0, False, False
    for at, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _range(text: str, *, strict: bool) -> MediaRange | None:
    kind, *parts = _split(text, ";")
    kind = kind.lower()
    if kind.count("/") != 1 or kind.startswith("/") or kind.endswith("/"):
        return None
    if strict and not all(map(_STRICT.fullmatch, filter(None, parts))):
        return None
    pairs = [_parameter(part) for part in parts if part]
    names = [name for name, _ in pairs]
    qualities = [_quality(value) for name, value in pairs if name == "q"]
    if strict and (len(set(names)) < len(names) or None in qualities):
        return None
    quality = qualities[-1] if qualities else None
    parameters = tuple(pair for pair in pairs if pair[0] != "q")
    return MediaRange(kind, parameters, 1.0 if quality is None else quality)


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        return "".join(_unescaped(value))
    return value


def _unescaped(value: str) -> Iterator[str]:
    characters = iter(value)
    for character in characters:
        yield next(characters, "") if character == "\\" else character


def _quality(value: str) -> float | None:
    try:
        quality = float(value)
    except ValueError:
        return None
    return quality if 0 <= quality <= 1 else None
