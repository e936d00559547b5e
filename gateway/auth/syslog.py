"""Audit messages as syslog: RFC 5424 messages, framed as RFC 5425 has it, over TLS or plain TCP.

Syslog has no receipts. What was sent before a connection broke may never have arrived, so it is
sent again: a repository can get some messages twice, never none.
"""

import asyncio
import fcntl
import os
import re
import socket
import ssl
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from gateway.auth import audit
from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings

_PRIORITY: Final = 10 * 8 + 5  # security messages, notice: PS3.15 A.6
_APPLICATION: Final = "dicomweb-gateway"
_MESSAGE_ID: Final = "DICOM+RFC3881"
_BOM: Final = "\ufeff"
_PORTS: Final = {"tls": 6514, "tcp": 601}
_SECONDS: Final = 15.0  # to connect, and to get rid of a batch
_MOMENT: Final = 0.005
_UNPRINTABLE: Final = re.compile(r"[^\x21-\x7e]")
_UNSENT: Final = 0x5411  # SIOCOUTQ: bytes that the other side has not acknowledged


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A repository; ``tls`` is None where messages go in clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None


def endpoint(settings: GatewaySettings) -> Endpoint:
    """The repository of the settings.

    Raises:
        ConfigurationError: its URL or a certificate cannot be used.
    """
    parts = urlsplit(settings.audit_syslog_url or "")
    try:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        return Endpoint(host, port, _context(settings) if parts.scheme == "tls" else None)
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"GATEWAY_AUDIT_SYSLOG_*: {error}.") from error


def _context(settings: GatewaySettings) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=settings.audit_syslog_ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.audit_syslog_certificate is not None:
        made.load_cert_chain(settings.audit_syslog_certificate, settings.audit_syslog_key)
    return made


def message(document: dict[str, Any], host: str, process: int) -> bytes:
    """One syslog message (RFC 5424 6), its length before it (RFC 5425 4.3)."""
    moment = document["EventIdentification"]["EventDateTime"]
    name = _UNPRINTABLE.sub("_", host)[:255] or "-"
    head = f"<{_PRIORITY}>1 {moment} {name} {_APPLICATION} {process} {_MESSAGE_ID} - {_BOM}"
    content = (head + audit.xml(document)).encode()
    return b"%d %b" % (len(content), content)


class Syslog:
    """A connection to a repository, made when there is something to send."""

    grace = 2.0

    def __init__(self, place: Endpoint, name: str | None) -> None:
        """``name`` is that of this host in the messages."""
        self._place = place
        self._name = name or socket.gethostname()
        self._way: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._broken: asyncio.Task[None] | None = None

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send ``messages``."""
        self.check()
        process = os.getpid()
        framed = [message(orjson.loads(one), self._name, process) for one in messages]
        try:
            async with asyncio.timeout(_SECONDS):
                writer = (await self._connected())[1]
                writer.write(b"".join(framed))
                await writer.drain()
                while _unsent(writer):
                    self.check()
                    await asyncio.sleep(_MOMENT)
        except BaseException:
            self._drop()
            raise

    def check(self) -> None:
        """Return if the connection, if there is one, still stands."""
        if self._way is None:
            return
        if self._way[1].is_closing() or self._broken is None or self._broken.done():
            self._drop()
            raise ConnectionResetError("The connection to the audit record repository is broken")

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._way is None:
            place = self._place
            made = await asyncio.open_connection(place.host, place.port, ssl=place.tls)
            self._way = made
            self._broken = asyncio.create_task(_end(made[0]))
        return self._way

    def _drop(self) -> None:
        if self._broken is not None:
            self._broken.cancel()
        if self._way is not None:
            self._way[1].transport.abort()
        self._way = self._broken = None

    async def close(self) -> bool:
        """Say goodbye; the repository's answer to that shows that it has read everything."""
        if self._way is None or self._broken is None:
            return True
        _, writer = self._way
        arrived = False
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_SECONDS):
                writer.close()
                await writer.wait_closed()
                arrived = self._place.tls is not None
        self._drop()
        return arrived


async def _end(reader: asyncio.StreamReader) -> None:
    """Return when the other side ends or breaks the connection; what it says is not heard."""
    with suppress(OSError):
        while await reader.read(4096):
            pass


def _unsent(writer: asyncio.StreamWriter) -> bool:
    """Whether bytes are under way, as far as the system tells."""
    if writer.transport.get_write_buffer_size():
        return True
    plain = writer.get_extra_info("socket")
    if sys.platform != "linux" or plain is None:
        return False
    left = fcntl.ioctl(plain.fileno(), _UNSENT, struct.pack("i", 0))
    return bool(struct.unpack("i", left)[0])
