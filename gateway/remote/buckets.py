"""A token bucket that gives way: the service's own answers say how much it admits."""

from typing import Final

from gateway.remote.quotas import Limit

_MARGIN: Final = 0.95  # of a burst: what was sent evenly can arrive in heaps
_RECOVERY_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 1.0
_LEAST: Final = 1 / 64


class Bucket:
    """The calls of one action, as many as its limit allows at ``now``.

    Every ``now`` is in seconds of a clock that never goes back.
    """

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._share = 1.0  # of the limit that the service admits, as far as is known
        self._tokens = self.burst
        self._filled_at = now
        self._settled_at = now

    @property
    def rate(self) -> float:
        """Calls per second, at the moment."""
        return self._limit.rate * self._share

    def present(self, now: float) -> float:
        """Calls per second, by ``now``."""
        self._fill(now)
        return self.rate

    @property
    def burst(self) -> float:
        """Calls at once after a pause."""
        return max(1.0, self._limit.burst * self._share * _MARGIN)

    def has(self, now: float, keep: float = 0.0) -> bool:
        """Whether a call may be made that leaves a share ``keep`` of the burst to others."""
        self._fill(now)
        return self._tokens >= self._needed(keep)

    def take(self) -> None:
        """Make a call; there has to be a token for it."""
        self._tokens -= 1

    def seconds(self, calls: int, now: float, keep: float = 0.0) -> float:
        """Seconds until the last one of so many calls may be made, none of them before ``now``."""
        self._fill(now)
        return max(0.0, self._needed(keep) + calls - 1 - self._tokens) / self.rate

    def throttled(self, now: float) -> None:
        """The service refused a call: halve the rate, which comes back over half a minute.

        Calls that were under way when it was halved say nothing about the new rate.
        """
        self._fill(now)
        self._tokens = min(self._tokens, 0.0)
        if now >= self._settled_at:
            self._share = max(self._share / 2, _LEAST)
            self._settled_at = now + _SETTLE_SECONDS

    def _needed(self, keep: float) -> float:
        # A burst of one call can keep nothing; a full bucket has to be enough.
        return min(1 + keep * self.burst, self.burst) if keep else 1.0

    def _fill(self, now: float) -> None:
        passed = now - self._filled_at
        if passed <= 0:
            return
        self._filled_at = now
        if self._share < 1:
            self._share = min(1.0, self._share + passed / _RECOVERY_SECONDS)
        self._tokens = min(self._tokens + passed * self.rate, self.burst)
