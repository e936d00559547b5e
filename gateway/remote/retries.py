"""When a call is tried again: botocore's standard mode, for calls of any kind."""

import random
from collections.abc import Callable
from typing import Final

from gateway.remote.errors import Trouble

_BASE_SECONDS: Final = {Trouble.THROTTLED: 1.0, Trouble.PASSING: 0.05}
_COST: Final = {Trouble.THROTTLED: 5, Trouble.PASSING: 14}
_LONGEST_SECONDS: Final = 20.0
_LONGEST_ADDED: Final = 5.0
_CAPACITY: Final = 500


class Retries:
    """How often and after how long; what all calls have in common is how many more they may cost.

    Tries again are paid from a capacity that successes fill up, so that a service that is down is
    not asked several times by everybody.
    """

    def __init__(self, attempts: int, chance: Callable[[], float] = random.random) -> None:
        self._attempts = attempts
        self._chance = chance
        self._capacity = _CAPACITY

    def delay(self, found: Trouble, attempt: int, asked: float | None = None) -> float | None:
        """Seconds before the next try after the failure of ``attempt``, from 1; None is the end.

        ``asked`` is for how many seconds the service asks to be left alone.
        """
        if found is Trouble.LASTING or attempt >= self._attempts:
            return None
        if self._capacity < _COST[found]:
            return None
        self._capacity -= _COST[found]
        most = min(_BASE_SECONDS[found] * (1 << attempt - 1), _LONGEST_SECONDS)
        seconds = self._chance() * most  # full jitter
        return seconds if asked is None else max(seconds, min(asked, seconds + _LONGEST_ADDED))

    def succeeded(self, after: Trouble | None) -> None:
        """A call has an answer; ``after`` is the trouble that its last try again was paid for."""
        gained = 1 if after is None else _COST[after]
        self._capacity = min(self._capacity + gained, _CAPACITY)
