"""Reading multipart/related answers by the book, for tests: Python's own parser decides."""

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

import httpx


@dataclass(frozen=True)
class Part:
    """A part: its media type, its parameters, its content, and its URI if it has one."""

    type: str
    parameters: dict[str, str]
    content: bytes
    location: str | None = None


def parse(response: httpx.Response) -> list[Part]:
    """The parts of an answer; fails on a boundary that does not match or text that has no part."""
    content_type = response.headers["content-type"]
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n", headersonly=True
    )
    assert message.get_content_type() == "multipart/related", content_type
    mark = b"--" + message.get_boundary().encode()
    body = response.content
    assert body.startswith(mark + b"\r\n")
    assert body.endswith(b"\r\n" + mark + b"--\r\n")
    inner = body[len(mark) + 2 : -len(mark) - 6]
    return [_part(piece) for piece in inner.split(b"\r\n" + mark + b"\r\n")]


def _part(piece: bytes) -> Part:
    head, _, content = piece.partition(b"\r\n\r\n")
    message = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n", headersonly=True)
    length = message.get("Content-Length")
    assert length is None or int(length) == len(content)
    parameters = dict(message["Content-Type"].params)
    return Part(message.get_content_type(), parameters, content, message.get("Content-Location"))
