"""Whether the gateway can do its work: HealthImaging answers, and start-up is over."""

import time
from collections.abc import Callable
from typing import Final

from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.services.library import Library

_SECONDS: Final = 3.0

Progress = Callable[[], str | None]
"""Says what start-up is still busy with; None when it is over."""


class Readiness:
    """Asks HealthImaging at most every few seconds, however often it is asked itself."""

    def __init__(self, library: Library, datastore_id: str, progress: Progress | None) -> None:
        self._library = library
        self._datastore_id = datastore_id
        self._progress = progress
        self._until = 0.0
        self._problem: str | None = None
        self._away = self._was_ready = False
        self._ending = False

    @property
    def serves(self) -> bool:
        """Whether requests are to be sent here though HealthImaging was away when last asked.

        What the caches have is served then; it is the same for all gateways, and none of them
        would be left.
        """
        return self._away and self._was_ready and not self._ending

    def end(self) -> None:
        """The gateway has been told to end: nothing new is to be sent to it."""
        self._ending = True

    async def problem(self) -> str | None:
        """What stands in the way, in a sentence; None if nothing does."""
        if self._ending:
            return "The gateway is about to end"
        busy = self._progress() if self._progress else None
        if busy:
            return busy
        if time.monotonic() >= self._until:
            try:
                await self._library.check(self._datastore_id)
                self._problem, self._away, self._was_ready = None, False, True
            except GatewayError as error:
                self._problem, self._away = str(error), isinstance(error, UpstreamUnavailable)
            self._until = time.monotonic() + _SECONDS
        return self._problem
