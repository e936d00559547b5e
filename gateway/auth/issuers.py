"""Issuers of tokens: their keys, found by discovery and renewed (OpenID Connect Discovery 1.0, 4).

Keys are renewed behind the requests once they are old, and at once for a token that names one not
seen before; but never more often than each ``_PAUSE``, so that invented names reach no issuer. The
last good keys stay good for a day where the issuer is away.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.auth import keysets
from gateway.auth.keysets import Key, KeySet
from gateway.errors import IdentityUnavailable

_log = logging.getLogger(__name__)

_DISCOVERY: Final = "/.well-known/openid-configuration"
_PAUSE: Final = 10.0  # seconds
_LONGEST: Final = 86_400.0  # seconds
_MAX_BYTES: Final = 1 << 19
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


def is_safe(url: str) -> bool:
    """Whether what comes from ``url`` is what was sent: HTTPS, or from this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    )


class Issuer:
    """One issuer; ``lifetime`` and ``timeout`` are in seconds, and so is what ``clock`` says."""

    def __init__(
        self,
        url: str,
        lifetime: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self.generation = 0
        """Grows when the keys change: what older ones have proved has to be proved again."""
        self._lifetime = lifetime
        self._timeout = timeout
        self._clock = clock
        self._found: tuple[bytes, KeySet] | None = None
        self._renewed = self._tried = -_LONGEST
        self._task: asyncio.Task[None] | None = None

    async def keys(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """The keys that a token may be signed by; none if it cannot be the issuer's.

        Raises:
            IdentityUnavailable: the issuer is away, and no keys of it are known.
        """
        age = self._clock() - self._renewed
        if self._found is None or age > _LONGEST:
            await self._renew()
            if self._found is None or self._clock() - self._renewed > _LONGEST:
                raise IdentityUnavailable("The keys of the token's issuer cannot be had now")
        elif age > self._lifetime:
            self._begin()
        found = self._found[1].matching(kid, algorithm)
        if not found:
            await self._renew()
            found = self._found[1].matching(kid, algorithm)
        return found

    async def _renew(self) -> None:
        """Renew the keys, if that was not tried just now."""
        self._begin()
        if self._task is not None:
            await asyncio.shield(self._task)

    def _begin(self) -> None:
        if self._task is None and self._clock() - self._tried >= _PAUSE:
            self._tried = self._clock()
            self._task = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                content = await self._download()
            found = keysets.parse(content)
        except _FAILURES as error:
            said = {"issuer": self.url, "error": type(error).__name__}
            _log.warning("issuer_keys_unavailable", extra=said)
            return
        finally:
            self._task = None
        if self._found is None or self._found[0] != content:
            self.generation += 1
        self._found, self._renewed = (content, found), self._clock()

    async def _download(self) -> bytes:
        """The key set that the issuer's own document leads to."""
        async with aiohttp.ClientSession(
            trust_env=self.url.startswith("https:"),  # proxies of the environment
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            found: Any = orjson.loads(await _get(session, self.url.rstrip("/") + _DISCOVERY))
            if not isinstance(found, dict) or found.get("issuer") != self.url:
                raise ValueError("another issuer")
            where = found.get("jwks_uri")
            if not isinstance(where, str) or not is_safe(where):
                raise ValueError("no place of keys")
            return await _get(session, where)

    async def close(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError("no document")
        content = bytearray()
        async for piece in response.content.iter_chunked(1 << 16):
            content += piece
            if len(content) > _MAX_BYTES:
                raise ValueError("too long")
        return bytes(content)
