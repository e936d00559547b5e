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
_NO_ROOM: Final = "There is no room for work ahead"


class State(Enum):
    """What became of a ticket."""

    QUEUED = "queued"
    RUNNING = "running"
    GONE = "gone"


class Lane:
    """The calls of one urgency: how many may run, how long they queue, what they leave to others.

    ``kept`` is the share of each burst that this lane leaves.
    """

    __slots__ = ("kept", "queued", "queues", "running", "seconds", "slots")

    def __init__(self, actions: Iterable[str], slots: int, seconds: float, kept: float) -> None:
        self.slots = slots
        self.seconds = seconds
        self.kept = kept
        self.queues: dict[str, deque[Ticket]] = {action: deque() for action in actions}
        self.queued = 0
        self.running = 0


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in a queue, then a call that runs; ``until`` is when it is no longer worth it."""

    action: str
    lane: Lane
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
        self._slots = slots
        self._waiting = Lane(limits, slots, seconds, 0.0)
        self._ahead = Lane(limits, slots // 2, min(seconds, _AHEAD_SECONDS), _KEPT)
        self._numbers = count()

    def enter(self, action: str, urgency: Urgency, now: float, *, again: bool = False) -> Ticket:
        """A ticket for a call; another try (``again``) goes before those that were never tried.

        Raises:
            UpstreamUnavailable: its turn would come too late; NotNow if it is AHEAD.
        """
        lane = self._waiting if urgency is Urgency.WAITING else self._ahead
        self._check(action, lane, now)
        ticket = Ticket(action, lane, next(self._numbers), now + lane.seconds)
        queue = lane.queues[action]
        if again and queue:
            ticket.number = queue[0].number  # whoever is first in a queue is judged by its number
            queue.appendleft(ticket)
        else:
            queue.append(ticket)
        lane.queued += 1
        return ticket

    def _check(self, action: str, lane: Lane, now: float) -> None:
        if lane is self._ahead:
            if not lane.slots or lane.queued >= _AHEAD_QUEUED:
                raise NotNow(_NO_ROOM)
            return
        calls = len(lane.queues[action]) + 1
        late = self._buckets[action].seconds(calls, now) - lane.seconds
        if late > 0:
            raise _too_many(late)

    def due(self, now: float) -> list[Ticket]:
        """The tickets that changed: those that run from now on, and those that are GONE."""
        changed: list[Ticket] = []
        for lane in (self._waiting, self._ahead):
            if lane.queued:
                changed += _expired(lane, now)
                changed += self._started(lane, now)
        return changed

    def _started(self, lane: Lane, now: float) -> Iterable[Ticket]:
        while self._has_slot(lane):
            queue = self._next(lane, now)
            if queue is None:
                return
            ticket = _taken_off(queue, State.RUNNING)
            self._buckets[ticket.action].take()
            lane.running += 1
            yield ticket

    def _has_slot(self, lane: Lane) -> bool:
        running = self._waiting.running + self._ahead.running
        return running < self._slots and lane.running < lane.slots

    def _next(self, lane: Lane, now: float) -> deque[Ticket] | None:
        """The queue whose first may go, and has come before all others that may."""
        found = None
        for action, queue in lane.queues.items():
            if queue and (found is None or queue[0].number < found[0].number):
                found = queue if self._buckets[action].has(now, lane.kept) else found
        return found

    def wake(self, now: float) -> float | None:
        """Seconds after which ``due`` may change something by itself; None if it will not."""
        moments = [
            moment
            for lane in (self._waiting, self._ahead)
            if lane.queued
            for queue in lane.queues.values()
            if queue
            for moment in self._moments(queue[0], now)
        ]
        return max(0.0, min(moments)) if moments else None

    def _moments(self, first: Ticket, now: float) -> Iterable[float]:
        yield first.until - now
        if self._has_slot(first.lane):
            yield self._buckets[first.action].seconds(1, now, first.lane.kept)

    def leave(self, ticket: Ticket) -> None:
        """A call has ended, or nobody waits for its turn any more."""
        if ticket.state is State.RUNNING:
            ticket.lane.running -= 1
        elif ticket.state is State.QUEUED:
            ticket.lane.queues[ticket.action].remove(ticket)
            ticket.lane.queued -= 1
        ticket.state = State.GONE

    def throttled(self, action: str, now: float) -> None:
        """HealthImaging refused a call because there were too many."""
        self._buckets[action].throttled(now)

    def missed(self, ticket: Ticket) -> UpstreamUnavailable:
        """The error of a ticket whose turn did not come in time."""
        return NotNow(_NO_ROOM) if ticket.lane is self._ahead else _too_many(1.0)


def _expired(lane: Lane, now: float) -> Iterable[Ticket]:
    for queue in lane.queues.values():
        while queue and queue[0].until <= now:
            yield _taken_off(queue, State.GONE)


def _taken_off(queue: deque[Ticket], state: State) -> Ticket:
    ticket = queue.popleft()
    ticket.state = state
    ticket.lane.queued -= 1
    return ticket


def _too_many(seconds: float) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        "The gateway has more to ask HealthImaging than its quotas allow; try again",
        retry_after=ceil(seconds),
    )
