"""Whose turn it is: quotas, calls at a time, and people before work ahead. Without a clock."""

from collections.abc import Iterable, Mapping
from itertools import count
from math import ceil
from typing import Final

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import NotNow, Urgency
from gateway.remote.buckets import Bucket
from gateway.remote.queues import Queue, State, Ticket
from gateway.remote.quotas import Limit
from gateway.telemetry.calls import Action, Class

_AHEAD_QUEUED: Final = 64
_AHEAD_SECONDS: Final = 2.0
_KEPT: Final = 0.5  # of a burst, which work ahead leaves to people
_LAST: Final = "GetImageFrame"
_NO_ROOM: Final = "There is no room for work ahead"


class Lane:
    """The calls of one urgency: how many may run, how long they queue, what they leave to others.

    ``kept`` is the share of each burst that this lane leaves.
    """

    __slots__ = ("_used", "kept", "queues", "running", "seconds", "slots")

    def __init__(self, actions: Iterable[str], slots: int, seconds: float, kept: float) -> None:
        self.slots = slots
        self.seconds = seconds
        self.kept = kept
        self.queues = {action: Queue(action) for action in actions}
        self.running = 0
        self._used: list[Queue] = []

    def use(self, action: str) -> Queue:
        """The queue of an action, into which somebody goes."""
        queue = self.queues[action]
        if queue not in self._used:
            self._used.append(queue)
            self._used.sort(key=_is_last)
        return queue

    @property
    def filled(self) -> list[Queue]:
        """The queues in which somebody waits, which are few of all; frames last."""
        if not all(self._used):
            self._used = list(filter(None, self._used))
        return self._used

    @property
    def queued(self) -> int:
        """How many wait."""
        return sum(map(len, self.filled))


class Schedule:
    """The calls to HealthImaging, ``slots`` at a time, each action within its limit.

    What has to be known before a frame can be asked for goes before frames: those are few calls,
    of which each holds up a person. Frames are served in turn by their flow, so that somebody's
    first is not behind somebody else's next hundred. All else is served in the order of its coming,
    and an action whose limit is reached holds up no other. Work ahead runs where nobody waits, on
    half of the slots, and leaves half of each burst to people.
    """

    def __init__(self, limits: Mapping[str, Limit], slots: int, seconds: float, now: float) -> None:
        self._buckets = {action: Bucket(limit, now) for action, limit in limits.items()}
        self._slots = slots
        self._waiting = Lane(limits, slots, seconds, 0.0)
        self._ahead = Lane(limits, slots // 2, min(seconds, _AHEAD_SECONDS), _KEPT)
        self._lanes = {Urgency.WAITING: self._waiting, Urgency.AHEAD: self._ahead}
        self._throttles = dict.fromkeys(limits, 0)
        self._numbers = count()

    def enter(
        self, action: str, urgency: Urgency, now: float, *, again: bool = False, flow: str = ""
    ) -> Ticket:
        """A ticket for a call; another try (``again``) goes before those that were never tried.

        Raises:
            UpstreamUnavailable: its turn would come too late; NotNow if it is AHEAD.
        """
        lane = self._lanes[urgency]
        queue = lane.queues[action]
        try:
            self._check(action, lane, now)
        except UpstreamUnavailable:
            queue.missed += 1
            raise
        ticket = Ticket(queue, urgency, next(self._numbers), now, now + lane.seconds)
        lane.use(action).add(ticket, flow, again=again)
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
        for lane in self._lanes.values():
            if lane.filled:
                changed += _expired(lane, now)
                changed += self._started(lane, now)
        return changed

    def _started(self, lane: Lane, now: float) -> Iterable[Ticket]:
        while self._has_slot(lane):
            queue = self._next(lane, now)
            if queue is None:
                return
            self._buckets[queue.action].take()
            lane.running += 1
            yield queue.start(now)

    def _has_slot(self, lane: Lane) -> bool:
        running = self._waiting.running + self._ahead.running
        return running < self._slots and lane.running < lane.slots

    def _next(self, lane: Lane, now: float) -> Queue | None:
        """The queue whose first may go, and has come before all others that may; frames last."""
        found: Queue | None = None
        for queue in lane.filled:
            if found is not None and _is_last(queue):
                break
            if found is None or queue.first.number < found.first.number:
                found = queue if self._buckets[queue.action].has(now, lane.kept) else found
        return found

    def wake(self, now: float) -> float | None:
        """Seconds after which ``due`` may change something by itself; None if it will not."""
        moments = [
            moment
            for lane in self._lanes.values()
            for queue in lane.filled
            for moment in self._moments(lane, queue, now)
        ]
        return max(0.0, min(moments)) if moments else None

    def _moments(self, lane: Lane, queue: Queue, now: float) -> Iterable[float]:
        yield queue.oldest.until - now
        if self._has_slot(lane):
            yield self._buckets[queue.action].seconds(1, now, lane.kept)

    def leave(self, ticket: Ticket) -> None:
        """A call has ended, or nobody waits for its turn any more."""
        if ticket.state is State.RUNNING:
            self._lanes[ticket.urgency].running -= 1
            ticket.state = State.GONE
        elif ticket.state is State.QUEUED:
            ticket.queue.leave(ticket)

    def throttled(self, action: str, now: float) -> None:
        """HealthImaging refused a call because there were too many."""
        self._throttles[action] += 1
        self._buckets[action].throttled(now)

    def missed(self, ticket: Ticket) -> UpstreamUnavailable:
        """The error of a ticket whose turn did not come in time."""
        return NotNow(_NO_ROOM) if ticket.urgency is Urgency.AHEAD else _too_many(1.0)

    def report(self, now: float) -> Iterable[Action]:
        """What has become of the calls of each action, and what it may do at the moment."""
        for action, bucket in self._buckets.items():
            classes = {
                urgency.value: _class(lane.queues[action]) for urgency, lane in self._lanes.items()
            }
            yield Action(action, bucket.present(now), self._throttles[action], classes)


def _class(queue: Queue) -> Class:
    return Class(len(queue), queue.started, queue.missed, queue.waited)


def _expired(lane: Lane, now: float) -> Iterable[Ticket]:
    for queue in lane.filled:
        while queue and queue.oldest.until <= now:
            ticket = queue.oldest
            queue.leave(ticket)
            queue.missed += 1
            yield ticket


def _is_last(queue: Queue) -> bool:
    return queue.action == _LAST


def _too_many(seconds: float) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        "The gateway has more to ask HealthImaging than its quotas allow; try again",
        retry_after=ceil(seconds),
    )
