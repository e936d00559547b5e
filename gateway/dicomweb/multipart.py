"""multipart/related bodies (RFC 2387, RFC 2046), made part by part."""

import secrets
from collections.abc import Iterable


def boundary(tag: str = "") -> str:
    """A boundary that no content contains: 128 bits, random or of the answer's entity tag.

    With a tag, the same answer is the same bytes again, as a strong tag promises.
    """
    return tag.strip('"') or secrets.token_hex(16)


def content_type(mark: str, part_type: str) -> str:
    """The Content-Type of an answer whose parts are of ``part_type``."""
    return f'multipart/related; type="{part_type}"; boundary={mark}'


def part_head(
    mark: str, part_type: str, length: int | None = None, location: str | None = None
) -> bytes:
    """What stands before a part's content; ``length`` in bytes and its URI where they are known."""
    size = "" if length is None else f"\r\nContent-Length: {length}"
    place = "" if location is None else f"\r\nContent-Location: {location}"
    return f"--{mark}\r\nContent-Type: {part_type}{size}{place}\r\n\r\n".encode()


PART_TAIL = b"\r\n"


def end(mark: str) -> bytes:
    """What stands behind the last part."""
    return f"--{mark}--\r\n".encode()


def body(
    mark: str, part_type: str, contents: Iterable[bytes], location: str | None = None
) -> bytes:
    """A whole body; ``location`` is the URI of its content where there is only one."""
    parts = (
        piece
        for content in contents
        for piece in (part_head(mark, part_type, len(content), location), content, PART_TAIL)
    )
    return b"".join([*parts, end(mark)])
