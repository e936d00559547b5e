"""Whose turn it is: quotas, calls at a time, and people before work ahead. Without a clock."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import count
from math import ceil
from typing import Final

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import NotNow, Urgency
from gateway.remote.buckets import Bucket
from gateway.remote.quotas import Limit

_AHEAD_QUEUED: Final = 64
_AHEAD_SECONDS: Final = 2.0
_KEPT: Final = 0.5  # of a burst, which work ahead leaves to people
_CLASSES: Final = (Urgency.WAITING, Urgency.AHEAD)


class State(Enum):
    """What became of a ticket."""

    QUEUED = "queued"
    RUNNING = "running"
    GONE = "gone"


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in a queue, then a call that runs; ``until`` is when it is no longer worth it."""

    action: str
    urgency: Urgency
    number: int
    until: float
    state: State = State.QUEUED


class Schedule:
    """The calls to HealthImaging, ``slots`` at a time, each action within its limit.

    People are served in the order of their coming, except that an action whose limit is reached
    holds up no other. Work ahead runs where nobody waits, on half of the slots, and leaves half of
    each burst to people.
    """

    def __init__(self, limits: Mapping[str, Limit], slots: int, seconds: float, now: float) -> None:
        self._buckets = {action: Bucket(limit, now) for action, limit in limits.items()}
        self._queues: dict[Urgency, dict[str, deque[Ticket]]] = {
            urgency: {action: deque() for action in limits} for urgency in _CLASSES
        }
        self._slots = {Urgency.WAITING: slots, Urgency.AHEAD: slots // 2}
        self._running = dict.fromkeys(_CLASSES, 0)
        self._queued = dict.fromkeys(_CLASSES, 0)
        self._seconds = {Urgency.WAITING: seconds, Urgency.AHEAD: min(seconds, _AHEAD_SECONDS)}
        self._numbers = count()

    def enter(self, action: str, urgency: Urgency, now: float, *, again: bool = False) -> Ticket:
        """A ticket for a call; another try (``again``) goes before those that were never tried.

        Raises:
            UpstreamUnavailable: its turn would come too late; NotNow if it is AHEAD.
        """
        self._admit(action, urgency, now)
        ticket = Ticket(action, urgency, next(self._numbers), now + self._seconds[urgency])
        queue = self._queues[urgency][action]
        if again and queue:
            ticket.number = queue[0].number  # ties are for the front of the same queue
            queue.appendleft(ticket)
        else:
            queue.append(ticket)
        self._queued[urgency] += 1
        return ticket

    def _admit(self, action: str, urgency: Urgency, now: float) -> None:
        if urgency is Urgency.AHEAD:
            if not self._slots[urgency] or self._queued[urgency] >= _AHEAD_QUEUED:
                raise NotNow("There is no room for work ahead")
            return
        calls = len(self._queues[urgency][action]) + 1
        late = self._buckets[action].seconds(calls, now) - self._seconds[urgency]
        if late > 0:
            raise _too_many(late)

    def due(self, now: float) -> list[Ticket]:
        """The tickets that changed: those that run from now on, and those that are GONE."""
        changed: list[Ticket] = []
        for urgency in _CLASSES:
            if self._queued[urgency]:
                changed += self._expired(urgency, now)
                changed += self._started(urgency, now)
        return changed

    def _expired(self, urgency: Urgency, now: float) -> Iterable[Ticket]:
        for queue in self._queues[urgency].values():
            while queue and queue[0].until <= now:
                yield self._taken_off(queue, State.GONE)

    def _started(self, urgency: Urgency, now: float) -> Iterable[Ticket]:
        while self._has_slot(urgency):
            queue = self._next(urgency, now)
            if queue is None:
                return
            ticket = self._taken_off(queue, State.RUNNING)
            self._buckets[ticket.action].take()
            self._running[urgency] += 1
            yield ticket

    def _taken_off(self, queue: deque[Ticket], state: State) -> Ticket:
        ticket = queue.popleft()
        ticket.state = state
        self._queued[ticket.urgency] -= 1
        return ticket

    def _has_slot(self, urgency: Urgency) -> bool:
        running = sum(self._running.values())
        return running < self._slots[Urgency.WAITING] and (
            self._running[urgency] < self._slots[urgency]
        )

    def _next(self, urgency: Urgency, now: float) -> deque[Ticket] | None:
        """The queue whose first may go, and has come before all others that may."""
        keep = _kept(urgency)
        found = None
        for action, queue in self._queues[urgency].items():
            if queue and (found is None or queue[0].number < found[0].number):
                found = queue if self._buckets[action].has(now, keep) else found
        return found

    def wake(self, now: float) -> float | None:
        """Seconds after which ``due`` may change something by itself; None if it will not."""
        moments = [
            moment
            for urgency in _CLASSES
            if self._queued[urgency]
            for action, queue in self._queues[urgency].items()
            if queue
            for moment in self._moments(action, queue[0], now)
        ]
        return max(0.0, min(moments)) if moments else None

    def _moments(self, action: str, first: Ticket, now: float) -> Iterable[float]:
        yield first.until - now
        if self._has_slot(first.urgency):
            yield self._buckets[action].seconds(1, now, _kept(first.urgency))

    def leave(self, ticket: Ticket) -> None:
        """A call has ended, or nobody waits for its turn any more."""
        if ticket.state is State.RUNNING:
            self._running[ticket.urgency] -= 1
        elif ticket.state is State.QUEUED:
            self._queues[ticket.urgency][ticket.action].remove(ticket)
            self._queued[ticket.urgency] -= 1
        ticket.state = State.GONE

    def throttled(self, action: str, now: float) -> None:
        """HealthImaging refused a call because there were too many."""
        self._buckets[action].throttled(now)


def missed(ticket: Ticket) -> UpstreamUnavailable:
    """The error of a ticket whose turn did not come in time."""
    if ticket.urgency is Urgency.AHEAD:
        return NotNow("There is no room for work ahead")
    return _too_many(1.0)


def _too_many(seconds: float) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        "The gateway has more to ask HealthImaging than its quotas allow; try again",
        retry_after=ceil(seconds),
    )


def _kept(urgency: Urgency) -> float:
    return _KEPT if urgency is Urgency.AHEAD else 0.0
