"""Which actions of HealthImaging are left alone for a while, because they fail: pure, no clock.

One that fails several times in a row, or half of the time lately, opens: whoever asks is told at
once instead of waiting for another failure. After a pause one call is let through; if it succeeds
all are, if not the pause doubles. Throttling is no failure, and what is asked for in vain was
answered; a call that takes very long is one, even if it ends well.
"""

from collections import deque
from enum import Enum
from math import ceil
from typing import Final

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import NotNow, Urgency

_LATELY: Final = 40  # calls
_LATELY_SECONDS: Final = 30.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0
_PROBE_SECONDS: Final = 60.0
"""After that long nobody waits for a call that was let through; another is."""
_AWAY: Final = "HealthImaging is not available; try again"


class State(Enum):
    """Whether calls of an action are made; the value is that of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """The calls of one action, which is left alone after so many failures ``in_row``; 0 for never.

    Every ``now`` is in seconds of a clock that never goes back.
    """

    def __init__(self, in_row: int) -> None:
        self.opened = 0
        self._in_row = in_row
        self._row = 0
        self._failed_lately: deque[tuple[float, bool]] = deque(maxlen=_LATELY)
        self._pause = 0.0
        self._until = 0.0
        self._probing = 0.0  # since when; not at all if it is zero

    def state(self, now: float) -> State:
        """What becomes of a call now."""
        if not self._pause:
            return State.CLOSED
        return State.OPEN if now < self._until else State.HALF_OPEN

    def check(self, urgency: Urgency, now: float) -> None:
        """Return if a call may be made.

        Raises:
            UpstreamUnavailable: it may not; NotNow if it is AHEAD.
        """
        if not self._pause:
            return
        if urgency is Urgency.AHEAD:
            raise NotNow(_AWAY)
        busy = self._probing and now - self._probing < _PROBE_SECONDS
        if now < self._until or busy:
            raise UpstreamUnavailable(_AWAY, max(1, ceil(self._until - now)))

    def enter(self, urgency: Urgency, now: float) -> None:
        """The same, and make it; it has to be ended by ``succeed``, ``fail`` or ``leave``."""
        self.check(urgency, now)
        if self._pause:
            self._probing = now

    def succeed(self, now: float) -> None:
        """A call was answered."""
        self._row = 0
        if self._pause:
            if not self._probing:
                return  # of a call that was under way when it opened
            self._pause = self._probing = 0.0
            self._failed_lately.clear()
        self._failed_lately.append((now, False))

    def fail(self, now: float) -> None:
        """A call failed, or took too long."""
        if not self._in_row:
            return
        if self._pause:
            if self._probing:
                self._open(now, min(self._pause * 2, _LONGEST_PAUSE))
            return
        self._row += 1
        self._failed_lately.append((now, True))
        recent = [failed for when, failed in self._failed_lately if now - when < _LATELY_SECONDS]
        mostly = len(recent) == _LATELY and 2 * sum(recent) >= _LATELY
        if self._row >= self._in_row or mostly:
            self.opened += 1
            self._open(now, _FIRST_PAUSE)

    def _open(self, now: float, pause: float) -> None:
        self._pause, self._until = pause, now + pause
        self._row, self._probing = 0, 0.0

    def leave(self) -> None:
        """Nobody knows what became of a call: whoever made it has left."""
        self._probing = 0.0
