"""Content negotiation (PS3.18 8.7): the Accept header, read as viewers really write it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


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


ANYTHING: Final = MediaRange("*/*")


def parse(header: str) -> tuple[MediaRange, ...]:
    """The ranges of ``header``, the most wanted first; ``*/*`` where it is empty.

    Quotes are optional, parameters may repeat, what makes no sense is skipped: a header without one
    good range gives none.
    """
    if not header.strip():
        return (ANYTHING,)
    ranges = [found for part in _split(header, ",") if (found := _range(part)) and found.quality]
    return tuple(sorted(ranges, key=lambda found: -found.quality))


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


def _range(text: str) -> MediaRange | None:
    kind, *parts = _split(text, ";")
    kind = kind.lower()
    if kind.count("/") != 1 or kind.startswith("/") or kind.endswith("/"):
        return None
    parameters = []
    quality = 1.0
    for part in filter(None, parts):
        name, _, value = part.partition("=")
        name, value = name.strip().lower(), _unquoted(value.strip())
        if name == "q":
            quality = _quality(value)
        else:
            parameters.append((name, value))
    return MediaRange(kind, tuple(parameters), quality)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        return "".join(_unescaped(value))
    return value


def _unescaped(value: str) -> Iterator[str]:
    characters = iter(value)
    for character in characters:
        yield next(characters, "") if character == "\\" else character


def _quality(value: str) -> float:
    try:
        quality = float(value)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0
