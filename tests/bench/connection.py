"""Connections of a client that costs little: the bodies of answers are counted and dropped."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httptools

_BUFFER: Final = 1 << 18
BROKEN: Final = 0
"""The status of an answer that did not arrive as a whole."""


class Connection(asyncio.BufferedProtocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(_BUFFER))
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None
        self.length = 0
        self.is_open = False

    def connection_made(self, transport) -> None:
        """Keep what to write to."""
        self._transport = transport
        self.is_open = True

    def get_buffer(self, _: int) -> memoryview:
        """Where bytes are put."""
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        """Parse what has come."""
        self._parser.feed_data(self._buffer[:count])

    def on_body(self, body: bytes) -> None:
        """Count it."""
        self.length += len(body)

    def on_message_complete(self) -> None:
        """Tell who waits."""
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.is_open = False
        self._parser = httptools.HttpResponseParser(self)
        self._tell(status)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell who waits that nothing more comes."""
        self.is_open = False
        self._tell(BROKEN)

    def _tell(self, status: int) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(status)

    async def ask(self, request: bytes) -> int:
        """Send a request; the status of the answer when all of it is here."""
        self.length = 0
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


class Pool:
    """At most so many connections to a service root, opened when they are needed."""

    def __init__(self, root: str, connections: int) -> None:
        parts = urlsplit(root)
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(connections)

    async def get(self, path: str, headers: Mapping[str, str]) -> int:
        """The status of the answer to one request."""
        lines = [f"GET {self._base}{path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        async with self._slots:
            connection = await self._take()
            status = await connection.ask(("\r\n".join(lines) + "\r\n\r\n").encode())
            self._idle.append(connection)
        return status

    async def _take(self) -> Connection:
        while self._idle:
            found = self._idle.pop()
            if found.is_open:
                return found
            found.close()
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Connection, self._host, self._port))[1]

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()
