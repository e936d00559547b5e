"""botocore's credentials on an event loop, which never waits for one of their refreshes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import CredentialRetrievalError, NoCredentialsError

from gateway.remote.signing import Keys

_LOOK_SECONDS: Final = 1.0
_MANDATORY_SECONDS: Final = 600  # botocore's own: sooner than this, calls go on with the old keys


class Credentials:
    """The keys of a botocore session, as they are now.

    ``find`` returns botocore's credentials or None; it may go to the network, as a refresh does,
    and runs in a thread. Used by one event loop.
    """

    def __init__(
        self, find: Callable[[], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find
        self._clock = clock
        self._source: Any = None
        self._keys: Keys | None = None
        self._looked_at = 0.0
        self._refresh: asyncio.Task[Keys] | None = None

    async def keys(self) -> Keys:
        """Keys that are valid.

        Raises:
            BotoCoreError: there are none, or they could not be had.
        """
        now = self._clock()
        if self._keys is not None and now - self._looked_at < _LOOK_SECONDS:
            return self._keys
        if self._keys is None or self._expire_within(_MANDATORY_SECONDS):
            return await asyncio.shield(self._refreshing())
        if self._expire_within(None):
            self._refreshing()
        else:
            self._keys = _frozen(self._source)
        self._looked_at = now
        return self._keys

    def _expire_within(self, seconds: int | None) -> bool:
        needed = getattr(self._source, "refresh_needed", None)
        return needed is not None and bool(needed(seconds))

    def _refreshing(self) -> "asyncio.Task[Keys]":
        if self._refresh is None:
            self._refresh = asyncio.ensure_future(asyncio.to_thread(self._fetch))
            self._refresh.add_done_callback(self._refreshed)
        return self._refresh

    def _fetch(self) -> Keys:
        if self._source is None:
            self._source = self._find()
            if self._source is None:
                raise NoCredentialsError
        try:
            return _frozen(self._source)
        except RuntimeError as error:  # botocore's, where what it got has expired already
            raise CredentialRetrievalError(provider="refresh", error_msg=str(error)) from error

    def _refreshed(self, task: "asyncio.Task[Keys]") -> None:
        self._refresh = None
        if not task.cancelled() and task.exception() is None:
            self._keys = task.result()
            self._looked_at = self._clock()

    async def close(self) -> None:
        """Wait for a refresh that is under way."""
        if self._refresh is not None:
            await asyncio.gather(self._refresh, return_exceptions=True)


def _frozen(source: Any) -> Keys:
    found = source.get_frozen_credentials()
    if not found.access_key or not found.secret_key:
        raise NoCredentialsError
    return Keys(found.access_key, found.secret_key, found.token)
