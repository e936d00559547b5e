"""Ways to send a request to an endpoint: connections of our own, or aiohttp where a proxy is."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from gateway.remote.endpoint import Endpoint
from gateway.remote.errors import Unfinished
from gateway.remote.http1 import Connection
from gateway.remote.replies import Reply

_IDLE_SECONDS: Final = 30.0
_READ_BUFFER: Final = 1 << 20


class Response(Protocol):
    """An answer on its way; the names of ``headers`` are found in lower case."""

    status: int
    length: int | None

    @property
    def headers(self) -> Mapping[str, str]:
        """Its fields."""
        ...

    async def read(self) -> bytes:
        """All of the body."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        ...

    def close(self) -> None:
        """Break off what has not ended."""
        ...


class Transport(Protocol):
    """Sends POST requests to one endpoint; of one event loop."""

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """The answer to a request for ``target``, path and query, once its head is here."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Direct:
    """Connections of our own, of which those that are free are used again, the latest first."""

    def __init__(self, endpoint: Endpoint, connect: float, read: float) -> None:
        self._parts = urlsplit(endpoint.base)
        self._tls: ssl.SSLContext | None = endpoint.tls
        self._host = endpoint.host
        self._connect_seconds = connect
        self._read_seconds = read
        self._free: list[Connection] = []
        self._open: set[Connection] = set()

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The answer; a connection that was closed while nobody used it is replaced by a new one.

        Raises:
            Unfinished, TimeoutError, OSError: there is none.
        """
        content = _request(target, self._host, headers, body)
        used = self._reusable()
        if used is not None:
            try:
                return await used.request(content)
            except Unfinished:
                if used.heard:
                    raise
        return await (await self._connected()).request(content)

    def _reusable(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._free:
            found = self._free.pop()
            if now - found.idle_since < _IDLE_SECONDS:
                return found
            found.abort()
        return None

    async def _connected(self) -> Connection:
        port = self._parts.port or (443 if self._tls else 80)
        async with asyncio.timeout(self._connect_seconds):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self._read_seconds, self._free.append, self._lost),
                self._parts.hostname or "",
                port,
                ssl=self._tls,
            )
        if not connection.closed:
            self._open.add(connection)
        return connection

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)

    async def close(self) -> None:
        """Close every connection, used or not."""
        while self._open:
            self._open.pop().abort()
        self._free.clear()
        await asyncio.sleep(0)  # transports end on the next turn of the loop


def _request(target: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body


class Proxied:
    """aiohttp's connections through a proxy."""

    def __init__(self, endpoint: Endpoint, connect: float, read: float) -> None:
        self._base = urlsplit(endpoint.base)._replace(path="").geturl()
        self._tls = endpoint.tls
        self._proxy = URL(endpoint.proxy or "")
        self._timeout = aiohttp.ClientTimeout(None, connect, read, connect)
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # How many calls run at a time is the scheduler's decision.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=self._timeout,
                read_bufsize=_READ_BUFFER,
                skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            )
        return self._session

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> "Passed":
        """The answer.

        Raises:
            aiohttp.ClientError, TimeoutError, Unfinished: there is none.
        """
        response = await self._opened().post(
            URL(self._base + target, encoded=True),
            data=body or None,
            headers=headers,
            proxy=self._proxy,
            allow_redirects=False,
        )
        return Passed(response)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)


class Passed:
    """An answer that came through a proxy.

    Raises:
        Unfinished: nothing in its head says where the body ends.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.length = response.content_length
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        if self.length is None and "transfer-encoding" not in response.headers:
            response.close()
            raise Unfinished("neither a length nor chunks")

    async def read(self) -> bytes:
        """All of the body."""
        try:
            return await self._response.read()
        finally:
            self.close()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        try:
            async for piece in self._response.content.iter_any():
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Break it off if it is not at its end; else the connection has gone back already."""
        self._response.close()
