"""Where a client reached the gateway, as proxies tell it: Forwarded (RFC 7239), X-Forwarded-*.

Only trusted proxies are believed. Each adds what it knows at the end of a list, so the last entry
is the nearest proxy's; the chain is followed from there for as long as the proxy before is a
trusted one too. What the outermost of them saw is what the client asked for.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.errors import InvalidRequest

FORWARDED: Final = "Forwarded"
FOR: Final = "X-Forwarded-For"
PROTO: Final = "X-Forwarded-Proto"
HOST: Final = "X-Forwarded-Host"
PORT: Final = "X-Forwarded-Port"
PREFIX: Final = "X-Forwarded-Prefix"
HEADERS: Final = (FORWARDED, FOR, PROTO, HOST, PORT, PREFIX)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_PROXIES: Final = 32
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~@:+=-]+)*")
_MAX_PREFIX: Final = 512
_PAIR: Final = re.compile(r'([A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";,=]+))(?=[\s;,]|$)')
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Origin:
    """What URLs start with; ``port`` is None where it is the scheme's own."""

    scheme: str
    host: str
    port: int | None
    prefix: str = ""

    @property
    def url(self) -> str:
        """It as a URL without a slash at its end."""
        port = None if self.port == _DEFAULT_PORTS[self.scheme] else self.port
        return f"{self.scheme}://{self.host}{'' if port is None else f':{port}'}{self.prefix}"


@lru_cache(16)
def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks of a list separated by commas, like ``10.0.0.0/8, ::1``.

    Raises:
        ValueError: one of them is none.
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(ipaddress.ip_network(part) for part in parts if part)


def authority(text: str, header: str) -> tuple[str, int | None]:
    """Host and port of a header such as Host (RFC 9110 7.2, RFC 3986 3.2).

    Raises:
        InvalidRequest: they are none that could stand in a URL; the error names the header.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    if not (_is_ipv6(host) or _NAME.fullmatch(host)):
        raise InvalidRequest(f"{header} does not name a host", header)
    return host.lower(), _port(port, header) if port else None


def _is_ipv6(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")) or "%" in host:
        return False
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _port(text: str, header: str) -> int:
    if not _PORT.fullmatch(text) or not 0 < int(text) < 65_536:
        raise InvalidRequest(f"{header} does not name a port", header)
    return int(text)


def _scheme(text: str, header: str) -> str:
    if text.lower() not in _DEFAULT_PORTS:
        raise InvalidRequest(f"{header} is neither http nor https", header)
    return text.lower()


def resolve(
    own: Origin, peer: str | None, headers: Mapping[str, str], trusted: Sequence[Network]
) -> Origin:
    """``own``, the origin that the request itself names, or what trusted proxies say instead.

    ``peer`` is the address that the connection comes from; ``headers`` are those of ``HEADERS``.

    Raises:
        InvalidRequest: what a proxy has passed on could not stand in a URL.
    """
    if not headers or not _is_trusted(peer or "", trusted):
        return own
    if FORWARDED in headers:
        entries = _entries(headers[FORWARDED])
        depth = _depth([entry.get("for", "") for entry in entries], trusted)
        found = _told(own, entries[-depth:])
    else:
        depth = _depth(_list(headers.get(FOR, "")), trusted)
        found = _told_by_x(own, headers, depth)
    return replace(found, prefix=_prefix(_list(headers.get(PREFIX, ""))[-depth:]))


def client(peer: str | None, headers: Mapping[str, str], trusted: Sequence[Network]) -> str:
    """The address of who asks: ``peer``, or whom the outermost trusted proxy says it came from.

    What cannot be read tells nothing; then it is the proxy that asks.
    """
    found = peer or ""
    if not headers or not _is_trusted(found, trusted):
        return found
    try:
        if FORWARDED in headers:
            chain = [entry.get("for", "") for entry in _entries(headers[FORWARDED])]
        else:
            chain = _list(headers.get(FOR, ""))
    except InvalidRequest:
        return found
    for node in reversed(chain[-_MAX_PROXIES:]):
        address = _address(node)
        if address is None:
            break
        found = str(address)
        if not _is_trusted(found, trusted):
            break
    return found


def _depth(chain: Sequence[str], trusted: Sequence[Network]) -> int:
    """How many proxies are trusted: the peer, and those that each in turn says came before it."""
    depth = 1
    for node in reversed(chain[-_MAX_PROXIES:]):
        if not _is_trusted(node, trusted):
            break
        depth += 1
    return depth


def _is_trusted(node: str, trusted: Sequence[Network]) -> bool:
    address = _address(node)
    return address is not None and any(address in network for network in trusted)


def _address(node: str) -> Address | None:
    """The address of a node (RFC 7239 6), with or without a port; None if it hides it."""
    host = node
    if node.startswith("["):
        host = node[1:].partition("]")[0]
    elif node.count(":") == 1:
        host = node.partition(":")[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _entries(header: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = [{}]
    at = 0
    while at < len(header):
        if header[at] in " \t;,":
            if header[at] == ",":
                entries.append({})
            at += 1
            continue
        match = _PAIR.match(header, at)
        if match is None or match[1].lower() in entries[-1]:
            raise InvalidRequest("Forwarded cannot be read", FORWARDED)
        value = match[3] if match[2] is None else _ESCAPED.sub(r"\1", match[2])
        entries[-1][match[1].lower()] = value
        at = match.end()
    return [entry for entry in entries if entry]


def _told(own: Origin, entries: Sequence[Mapping[str, str]]) -> Origin:
    """What the first of ``entries`` says; where it says nothing, what the next one does."""
    known: dict[str, str] = {}
    for entry in entries:
        known = {**entry, **known}
    if "proto" in known:
        own = replace(own, scheme=_scheme(known["proto"], FORWARDED))
    if "host" in known:
        host, port = authority(known["host"], FORWARDED)
        own = replace(own, host=host, port=port)
    return own


def _told_by_x(own: Origin, headers: Mapping[str, str], depth: int) -> Origin:
    first = {
        name: values[-depth:][0]
        for name in (PROTO, HOST, PORT)
        if (values := _list(headers.get(name, "")))
    }
    if PROTO in first:
        own = replace(own, scheme=_scheme(first[PROTO], PROTO))
    port = None
    if HOST in first:
        host, port = authority(first[HOST], HOST)
        own = replace(own, host=host, port=port)
    if PORT in first and port is None:
        own = replace(own, port=_port(first[PORT], PORT))
    return own


def _list(header: str) -> list[str]:
    return [part.strip() for part in header.split(",") if part.strip()]


def _prefix(parts: Sequence[str]) -> str:
    """The path that proxies have taken away, the outermost one's first."""
    prefix = "".join(part.rstrip("/") for part in parts)
    segments = prefix.split("/")
    if len(prefix) > _MAX_PREFIX or not _PREFIX.fullmatch(prefix) or {".", ".."} & set(segments):
        raise InvalidRequest(f"{PREFIX} is not a path", PREFIX)
    return prefix
