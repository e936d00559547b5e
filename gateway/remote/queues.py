"""A queue in which flows take turns: one with few calls does not wait behind one with many.

Start-time fair queueing. Each call has a place in its flow, and the places of a flow that comes
begin where the others are by then: the first call of a new flow is among the next, the hundredth
of another comes when each of the others had its hundredth.
"""

from bisect import insort
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.remote.api import Urgency

_FLOWS: Final = 1024


class State(Enum):
    """What became of a ticket."""

    QUEUED = "queued"
    RUNNING = "running"
    GONE = "gone"


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in the queue, then a call that runs; ``until`` is when it is no longer worth it.

    ``number`` counts all that have come, ``came`` is when it did; ``place`` is that in its flow.
    """

    queue: "Queue"
    urgency: Urgency
    number: int
    came: float
    until: float
    place: float = 0.0
    state: State = State.QUEUED


class Queue:
    """The calls of one action and urgency that wait, each with the next place of its flow.

    ``started``, ``missed`` and ``waited`` (in seconds) count what has become of those before.
    """

    __slots__ = ("_by_age", "_in_order", "_next", "_now", "action", "missed", "started", "waited")

    def __init__(self, action: str) -> None:
        self.action = action
        self.started = 0
        self.missed = 0
        self.waited = 0.0
        self._in_order: list[Ticket] = []
        self._by_age: deque[Ticket] = deque()
        self._next: dict[str, float] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return len(self._in_order)

    @property
    def first(self) -> Ticket:
        """The one whose turn is next."""
        return self._in_order[0]

    @property
    def oldest(self) -> Ticket:
        """The one that has waited longest."""
        while self._by_age[0].state is not State.QUEUED:
            self._by_age.popleft()
        return self._by_age[0]

    def add(self, ticket: Ticket, flow: str, *, again: bool) -> None:
        """Let ``ticket`` wait; another try (``again``) goes before all others."""
        if again:
            ticket.place = -1.0
            if self._in_order:
                ticket.number = self.first.number
        else:
            ticket.place = max(self._now, self._next.get(flow, 0.0))
            if len(self._next) >= _FLOWS:
                self._forget()
            self._next[flow] = ticket.place + 1
        insort(self._in_order, ticket, key=_turn)
        self._by_age.append(ticket)

    def start(self, now: float) -> Ticket:
        """Take out the first, which runs from now on."""
        ticket = self._in_order.pop(0)
        ticket.state = State.RUNNING
        self._now = max(self._now, ticket.place)
        self.started += 1
        self.waited += now - ticket.came
        self._tidy()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Take out one that waits."""
        self._in_order.remove(ticket)
        ticket.state = State.GONE
        self._tidy()

    def _tidy(self) -> None:
        """Begin anew where nobody waits: there is nothing to be shared then."""
        if not self._in_order:
            self._by_age.clear()
            self._next.clear()
            self._now = 0.0

    def _forget(self) -> None:
        """Drop the flows that would begin anew now; all, if there are too many others."""
        left = {flow: next_ for flow, next_ in self._next.items() if next_ > self._now}
        self._next = left if len(left) < _FLOWS else {}


def _turn(ticket: Ticket) -> tuple[float, int]:
    return ticket.place, ticket.number
