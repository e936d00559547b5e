"""Byte ranges of a representation (RFC 9110 14): read, and written as answers."""

import re
from dataclasses import dataclass
from typing import Final

_UNIT: Final = "bytes"
_SPEC: Final = re.compile(r"\s*([0-9]{1,19})?\s*-\s*([0-9]{1,19})?\s*")
_MAX_RANGES: Final = 16


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from ``first`` to ``last``, both counted from 0 and both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many bytes it is."""
        return self.last - self.first + 1

    def of(self, content: bytes) -> bytes:
        """These bytes of ``content``."""
        return content[self.first : self.last + 1]

    def content_range(self, length: int) -> str:
        """Content-Range of an answer with this part of ``length`` bytes (RFC 9110 14.4)."""
        return f"{_UNIT} {self.first}-{self.last}/{length}"


def parse(header: str, length: int) -> tuple[ByteRange, ...] | None:
    """The ranges of a representation of ``length`` bytes, in their order; None to send all of it.

    Empty if none of them can be satisfied (416). All of it goes out where the header is malformed
    or of another unit, and where it asks for more ranges, or for more bytes together, than a client
    has a use for (RFC 9110 14.2).
    """
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != _UNIT:
        return None
    specs = [part for part in text.split(",") if part.strip()]
    if not specs or len(specs) > _MAX_RANGES:
        return None
    found = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or match[1] is match[2] is None:
            return None
        first, last = (None if text is None else int(text) for text in match.groups())
        if first is not None and last is not None and last < first:
            return None
        one = _satisfied(first, last, length)
        if one is not None:
            found.append(one)
    if sum(one.size for one in found) > length:
        return None
    return tuple(found)


def _satisfied(first: int | None, last: int | None, length: int) -> ByteRange | None:
    if first is None:
        suffix = min(last or 0, length)
        return ByteRange(length - suffix, length - 1) if suffix else None
    if first >= length:
        return None
    return ByteRange(first, length - 1 if last is None else min(last, length - 1))


def unsatisfied(length: int) -> str:
    """Content-Range of an answer with 416 (RFC 9110 14.4)."""
    return f"{_UNIT} */{length}"


def content_type(mark: str) -> str:
    """The Content-Type of an answer with several ranges (RFC 9110 14.6)."""
    return f"multipart/byteranges; boundary={mark}"


def part_head(mark: str, part_type: str, one: ByteRange, length: int) -> bytes:
    """What stands before the bytes of ``one`` in an answer with several ranges."""
    lines = f"Content-Type: {part_type}\r\nContent-Range: {one.content_range(length)}"
    return f"--{mark}\r\n{lines}\r\n\r\n".encode()
