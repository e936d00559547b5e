"""A Valkey or Redis server that all gateways share: optional, and never waited for when away."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from valkey.asyncio import ConnectionPool, Valkey
from valkey.exceptions import ValkeyError

from gateway.cache import entries
from gateway.cache.behind import Behind
from gateway.cache.circuit import Circuit
from gateway.cache.entries import HEAD_BYTES, Damaged
from gateway.errors import ConfigurationError
from gateway.telemetry.metrics import Metrics

_PREFIX: Final = "dicomweb-gateway:"
_AT_A_TIME: Final = 32
_CONNECTIONS: Final = _AT_A_TIME + 4  # one writes, one asks whether the server is back
_WAITING_BYTES: Final = 32 << 20
_WRITE_SECONDS: Final = 5.0
_FAILURES: Final = (ValkeyError, OSError)  # a time-out is the latter


class SharedTier:
    """Bytes by name on the server at ``url``, for the event loop alone.

    Values of more than ``largest`` bytes are not written; all expire after ``ttl`` seconds. An
    answer that takes more than ``seconds`` is done without; then, and when the server is away,
    nobody asks it until it has answered a PING.

    Raises:
        ConfigurationError: the URL cannot be used.
    """

    def __init__(
        self, url: str, *, ttl: int, largest: int, seconds: float, metrics: Metrics
    ) -> None:
        self._client = Valkey(connection_pool=_pool(url))
        self._ttl = ttl
        self._largest = largest
        self._seconds = seconds
        self._counts = metrics.tier("shared", 0)
        self._behind = Behind(self._write, max(_WAITING_BYTES, largest), self._counts)
        self._places = asyncio.Semaphore(_AT_A_TIME)
        self._server = Circuit("The shared cache")
        self._writing = Circuit("Writing the shared cache")
        self._return: asyncio.Task[None] | None = None

    async def get(self, name: str) -> bytes | None:
        """The value of ``name``; None where there is none, in time, that can be believed."""
        content = await self._read(name) if self._return is None else None
        if content is None:
            self._counts.misses += 1
            return None
        self._counts.hits += 1
        self._counts.read_bytes += len(content)
        return content

    async def _read(self, name: str) -> bytes | None:
        asked = False
        try:
            async with asyncio.timeout(self._seconds), self._places:
                asked = True
                stored: bytes | None = await self._client.get(_PREFIX + name)
        except _FAILURES as error:
            if asked:  # else it was this process that had too much to do
                self._failed(error)
            return None
        if stored is None:
            return None
        content = stored[HEAD_BYTES:]
        try:
            entries.check(name, stored[:HEAD_BYTES], content)
        except Damaged:
            self._counts.damaged += 1
            return None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Write ``content`` behind the caller; not where it is too large or the server is away."""
        if len(content) > self._largest or self._return is not None or not self._writing.closed:
            self._counts.dropped += 1
        else:
            self._behind.put(name, content)

    async def _write(self, batch: Mapping[str, bytes]) -> None:
        if self._return is not None:
            self._counts.dropped += len(batch)
            return
        for name, content in batch.items():
            stored = entries.head(name, content) + content
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    await self._client.set(_PREFIX + name, stored, ex=self._ttl)
            except _FAILURES as error:
                self._refused(error)
                return
            self._counts.written_bytes += len(content)
        self._writing.succeed()

    def _refused(self, error: Exception) -> None:
        """A write has failed: a server that is full or a replica may still be read."""
        self._counts.errors += 1
        self._writing.fail(error)

    def _failed(self, error: Exception) -> None:
        self._counts.errors += 1
        self._server.fail(error)
        if self._return is None:
            self._return = asyncio.create_task(self._await_return())

    async def _await_return(self) -> None:
        """Ask now and then, so that no request has to."""
        while True:
            await asyncio.sleep(self._server.remaining)
            try:
                async with asyncio.timeout(self._seconds):
                    await self._client.ping()
            except _FAILURES as error:
                self._server.fail(error)
                continue
            self._server.succeed()
            self._return = None
            return

    async def close(self, seconds: float) -> None:
        """Write what is waiting, for ``seconds`` at the most."""
        await self._behind.close(seconds)
        if self._return is not None:
            self._return.cancel()
            await asyncio.wait([self._return])
        await self._client.aclose(close_connection_pool=True)


def _pool(url: str) -> ConnectionPool:
    secure: dict[str, Any] = {}
    if urlsplit(url).scheme in ("valkeys", "rediss"):
        secure = {"ssl_check_hostname": True}  # the client's own default believes any name
    try:
        pool = ConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, socket_timeout=None, socket_keepalive=True, **secure
        )
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing as yet
    except (TypeError, ValueError, ValkeyError, OSError):
        # Without its cause, whose text may quote the URL and so a password.
        message = "GATEWAY_SHARED_CACHE_URL cannot be used: it has a part that is unknown or wrong."
        raise ConfigurationError(message) from None
    return pool
