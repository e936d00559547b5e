"""The schedule with a clock: coroutines that wait for their turn. Of one event loop."""

import asyncio
import time
from collections.abc import Callable, Iterable

from gateway.remote.api import Urgency
from gateway.remote.queues import State, Ticket
from gateway.remote.schedule import Schedule
from gateway.telemetry.calls import Action


class Turn:
    """A call that may run now; it has to be ended, by whatever way it ends."""

    __slots__ = ("_scheduler", "_ticket")

    def __init__(self, scheduler: "Scheduler", ticket: Ticket) -> None:
        self._scheduler = scheduler
        self._ticket = ticket

    def end(self) -> None:
        """Let the next one go; nothing if this has ended already."""
        if self._ticket.state is State.RUNNING:
            self._scheduler.leave(self._ticket)


class Scheduler:
    """Gives calls their turns."""

    def __init__(self, schedule: Schedule, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule
        self._clock = clock
        self._waiting: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def turn(
        self,
        action: str,
        urgency: Urgency,
        *,
        again: bool = False,
        flow: str = "",
        wanted: asyncio.Event | None = None,
    ) -> Turn:
        """Wait until a call may be made; calls of different flows take turns.

        One that is AHEAD, and does not run yet when ``wanted`` is set, is WAITING from then on.

        Raises:
            UpstreamUnavailable: that takes too long, or would; NotNow if it is AHEAD.
        """
        if wanted is not None and wanted.is_set():
            urgency = Urgency.WAITING
        ticket = self._schedule.enter(action, urgency, self._clock(), again=again, flow=flow)
        self._proceed()
        if ticket.state is State.QUEUED:
            await self._wait(ticket, None if urgency is Urgency.WAITING else wanted)
        if ticket.state is State.QUEUED:  # and wanted
            self.leave(ticket)
            return await self.turn(action, Urgency.WAITING, again=again, flow=flow)
        if ticket.state is State.GONE:
            raise self._schedule.missed(ticket)
        return Turn(self, ticket)

    async def _wait(self, ticket: Ticket, wanted: asyncio.Event | None) -> None:
        """Wait until something becomes of ``ticket``, or it is ``wanted``."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        wish = None if wanted is None else asyncio.ensure_future(wanted.wait())
        try:
            if wish is None:
                await future
            else:
                await asyncio.wait({future, wish}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.leave(ticket)
            raise
        finally:
            self._waiting.pop(ticket, None)
            if wish is not None:
                wish.cancel()

    def leave(self, ticket: Ticket) -> None:
        """A call has ended, or nobody waits for its turn any more."""
        self._schedule.leave(ticket)
        self._proceed()

    def throttled(self, action: str) -> None:
        """HealthImaging refused a call because there were too many."""
        self._schedule.throttled(action, self._clock())

    def report(self) -> Iterable[Action]:
        """What has become of calls so far."""
        return self._schedule.report(self._clock())

    def _proceed(self) -> None:
        now = self._clock()
        for ticket in self._schedule.due(now):
            future = self._waiting.pop(ticket, None)
            if future is not None and not future.done():
                future.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seconds = self._schedule.wake(now)
        if seconds is not None:
            # A timer may fire a tick early; a millisecond later nothing has to be tried twice.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds + 0.001, self._proceed)
