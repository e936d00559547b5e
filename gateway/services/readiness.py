"""Whether the gateway can do its work: HealthImaging answers, and start-up is over."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.services.library import Library

_SECONDS: Final = 3.0
_PATIENCE: Final = 2.0
"""Seconds to wait for HealthImaging: whoever asks for readiness does not wait for long itself."""

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
        self._asking: asyncio.Task[None] | None = None

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
            await self._look()
        return self._problem

    async def _look(self) -> None:
        """Ask HealthImaging, once at a time; it is away if it takes long to say anything."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        answered, _ = await asyncio.wait({self._asking}, timeout=_PATIENCE)
        if not answered:
            self._problem, self._away = "HealthImaging takes long to answer", True

    async def _ask(self) -> None:
        try:
            await self._library.check(self._datastore_id)
            self._problem, self._away, self._was_ready = None, False, True
        except GatewayError as error:
            self._problem, self._away = str(error), isinstance(error, UpstreamUnavailable)
        finally:
            self._until, self._asking = time.monotonic() + _SECONDS, None
