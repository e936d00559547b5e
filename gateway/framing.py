"""What a connection may bring, and what speaks against the head of a request (RFC 9112)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import httptools

_HTTP_PORT: Final = 80
_MAX_FIELDS: Final = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may bring, in bytes, and how long it may take, in seconds.

    ``request_seconds`` for a head or a body to arrive, ``idle_seconds`` between requests,
    ``stall_seconds`` for a client to take some of what it is sent, ``answer_seconds`` for there to
    be something to send. ``answer`` is the largest answer, ``queued`` how many requests may be sent
    before the first is answered, ``connections`` how many clients may have. ``drain_seconds`` is
    what is under way given at the end, ``drain_delay`` how long before that all goes on as ever.
    Where it is ``resettable`` an application may call ``RESET``, of a scope's extensions.
    """

    url: float = math.inf
    head: float = 256 << 10
    body: float = math.inf
    answer: float = math.inf
    request_seconds: float = math.inf
    idle_seconds: float = 75.0
    stall_seconds: float = math.inf
    answer_seconds: float = math.inf
    drain_seconds: float = 10.0
    drain_delay: float = 0.0
    queued: float = math.inf
    connections: float = math.inf
    resettable: bool = False


class Refused(Exception):
    """What a client asks for is not answered; ends the parsing of what follows."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Head(NamedTuple):
    """The target of a request, its fields with their names in lower case, and HTTP's version."""

    url: bytes
    fields: Sequence[tuple[bytes, bytes]]
    version: str


def oversized(head: Head, limits: Limits, *, counted: bool) -> Refused | None:
    """What is too long or too much; bytes are added up only where they are ``counted``."""
    if len(head.url) > limits.url:
        return Refused(414, "The path and query are too long")
    if len(head.fields) > _MAX_FIELDS:
        return Refused(431, f"There are more than {_MAX_FIELDS} header fields")
    if counted and _size(head) > limits.head:
        return Refused(431, "The header fields are too large")
    return None


def _size(head: Head) -> int:
    """The bytes of a head, about."""
    return len(head.url) + sum([len(name) + len(value) + 4 for name, value in head.fields])


def misframed(head: Head) -> Refused | None:
    """What different recipients would understand differently (RFC 9112 3.2, 6.1; RFC 9110)."""
    hosts, version = 0, head.version
    for name, value in head.fields:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (version != "1.1" or value.lower() != b"chunked"):
            return Refused(400, "The transfer coding is not chunked")
        elif name == b"expect" and value.lower() != b"100-continue":
            return Refused(417, "Nothing but 100-continue can be expected")
    if hosts > 1 or (not hosts and version == "1.1"):
        return Refused(400, "There has to be one Host")
    if version not in ("1.1", "1.0"):
        return Refused(505, "HTTP/1.1 is spoken here")
    if not head.url.startswith(b"/"):
        return _astray(head)
    return None


def _astray(head: Head) -> Refused | None:
    """What speaks against a target that is no path: an absolute one has to be that of Host."""
    try:
        url = httptools.parse_url(head.url)
    except httptools.HttpParserInvalidURLError:
        return Refused(400, "The target is not a path")
    port = b":%d" % url.port if url.port and url.port != _HTTP_PORT else b""
    hosts = [value.lower() for name, value in head.fields if name == b"host"]
    named = [one.removesuffix(b":%d" % _HTTP_PORT) for one in hosts]
    whole = url.host and url.path and not url.userinfo  # RFC 9110 4.2.4
    if not whole or named != [url.host.lower() + port]:
        return Refused(400, "The target is not a path on this host")
    return None
