"""Verdicts of others on who may have what: asked for when needed, remembered for a while."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.auth.grants import Caller, Place
from gateway.errors import IdentityUnavailable

Ask = Callable[[Caller, Place], Awaitable[tuple[bool, float]]]
"""Gives a verdict and the seconds for which it may be remembered."""
Concerns = Callable[[Caller, Place], bool]
"""Says whether somebody has to be asked at all."""

_log = logging.getLogger(__name__)

_MOST: Final = 65_536  # verdicts
_LONGEST: Final = 300.0  # seconds
_AT_A_TIME: Final = 16
_TIME_LIMIT: Final = 5.0  # seconds

_Key = tuple[bytes, str, Place]


class Verdicts:
    """Those that ``ask`` gives where ``concerns`` says so; ``clock`` is in seconds.

    ``sifts`` says that they differ between the studies of a data store.
    """

    def __init__(
        self,
        ask: Ask,
        concerns: Concerns,
        *,
        sifts: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sifts = sifts
        self._ask = ask
        self._concerns = concerns
        self._clock = clock
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._known: OrderedDict[_Key, tuple[bool, float]] = OrderedDict()

    def known(self, caller: Caller, place: Place) -> bool | None:
        """The verdict, if it is remembered or none is needed; None if it has to be asked for."""
        if not self._concerns(caller, place):
            return True
        found = self._known.get(_key(caller, place))
        return found[0] if found is not None and self._clock() < found[1] else None

    async def get(self, caller: Caller, place: Place) -> bool:
        """Whether ``caller`` may do at ``place`` what they want to.

        Raises:
            IdentityUnavailable: there is no verdict.
        """
        async with self._turns:
            verdict = self.known(caller, place)  # others may have waited for the same
            if verdict is not None:
                return verdict
            try:
                async with asyncio.timeout(_TIME_LIMIT):
                    verdict, seconds = await self._ask(caller, place)
            except Exception as error:  # whatever it is, it is no permission
                _log.warning("verdict_failed", extra={"error": type(error).__name__})
                message = "It cannot be found out now who may have this"
                raise IdentityUnavailable(message) from None
        if seconds > 0:
            self._keep(_key(caller, place), verdict, self._clock() + min(seconds, _LONGEST))
        return verdict

    def _keep(self, key: _Key, verdict: bool, until: float) -> None:
        self._known[key] = (verdict, until)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)


def _key(caller: Caller, place: Place) -> _Key:
    return caller.proof, caller.principal.name, place
