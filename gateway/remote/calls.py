"""Every call to HealthImaging passes here: its turn, its tries, its errors."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from botocore.exceptions import ClientError

from gateway.remote.api import NotNow, Urgency
from gateway.remote.breaker import Breaker
from gateway.remote.errors import FAILURES, Failure, Trouble, translate, trouble
from gateway.remote.retries import Retries
from gateway.remote.scheduler import Scheduler, Turn
from gateway.telemetry import tracing
from gateway.telemetry.calls import Action, Tries
from gateway.telemetry.tracing import Span

_log: Final = logging.getLogger(__name__)

_ROUTINE: Final = frozenset({"ResourceNotFoundException"})  # an answer rather than a failure
_LEAST_SPEED: Final = 1_000_000  # bytes a second: what is large may take longer

_UNTRACED: Final = nullcontext()

_Result = TypeVar("_Result")


class Calls:
    """Calls of one client.

    An action that fails so many times ``in_row`` is left alone for a while; what takes longer than
    ``slow`` seconds counts as a failure for that.
    """

    def __init__(
        self, scheduler: Scheduler, retries: Retries, in_row: int = 0, slow: float = 10.0
    ) -> None:
        self._scheduler = scheduler
        self._retries = retries
        self._slow = slow
        self._breakers: dict[str, Breaker] = defaultdict(partial(Breaker, in_row))
        self._tries: dict[str, Tries] = defaultdict(Tries)
        self._running = 0
        self._ended: asyncio.Event | None = None

    async def make(
        self, action: str, attempt: Callable[[], Awaitable[_Result]], urgency: Urgency
    ) -> _Result:
        """What ``attempt`` returns, tried as often as it makes sense.

        Raises:
            GatewayError: it failed, or its turn would not come in time.
        """
        self._running += 1
        try:
            result, turn = await self.begin(action, attempt, urgency)
            turn.end()
            return result
        finally:
            self._running -= 1
            if self._ended is not None and not self._running:
                self._ended.set()

    async def begin(
        self,
        action: str,
        attempt: Callable[[], Awaitable[_Result]],
        urgency: Urgency,
        flow: str = "",
        wanted: asyncio.Event | None = None,
    ) -> tuple[_Result, Turn]:
        """The same, with a turn that the caller ends when it has done with the result.

        Calls of different flows take turns; when ``wanted`` is set, somebody waits for this one.
        """
        if self._ended is not None:
            raise RuntimeError("The client is closed")
        number, paid = 1, None
        while True:
            self._breakers[action].check(urgency, time.monotonic())
            turn = await self._scheduler.turn(
                action, urgency, again=number > 1, flow=flow, wanted=wanted
            )
            try:
                result = await self._tried(action, attempt, urgency, number)
            except FAILURES as error:
                turn.end()
                paid = await self._after(error, number, action, urgency)
                number += 1
            except BaseException:
                turn.end()
                raise
            else:
                self._retries.succeeded(paid)
                return result, turn

    async def _tried(
        self, action: str, attempt: Callable[[], Awaitable[_Result]], urgency: Urgency, number: int
    ) -> _Result:
        """The result of one try: measured, traced, told if it failed, and learned from."""
        breaker, tries, began = self._breakers[action], self._tries[action], time.monotonic()
        breaker.enter(urgency, began)
        with tracing.calling(action, number) if tracing.is_serving() else _UNTRACED as span:
            try:
                result = await attempt()
            except FAILURES as error:
                tries.seconds.add(time.monotonic() - began)
                tries.fail(trouble(error).value)
                _tell(error, action, number, span)
                self._learn(breaker, error)
                raise
            except BaseException:
                breaker.leave()
                raise
        now = time.monotonic()
        tries.seconds.add(now - began)
        large = len(result) / _LEAST_SPEED if isinstance(result, bytes) else 0.0
        if now - began > self._slow + large:
            breaker.fail(now)
        else:
            breaker.succeed(now)
        return result

    @staticmethod
    def _learn(breaker: Breaker, error: Failure) -> None:
        if trouble(error) is Trouble.PASSING:
            breaker.fail(time.monotonic())
        elif isinstance(error, ClientError):
            breaker.succeed(time.monotonic())  # it is there, and says no
        else:
            breaker.leave()

    def broken(self, action: str) -> None:
        """A result that had begun well has broken off."""
        self._breakers[action].fail(time.monotonic())

    def report(self) -> Iterable[Action]:
        """What has become of calls so far."""
        now = time.monotonic()
        for one in self._scheduler.report():
            breaker, tries = self._breakers[one.name], self._tries.get(one.name, one.tries)
            state = breaker.state(now).value
            yield replace(one, breaker=state, opened=breaker.opened, tries=tries)

    async def _after(self, error: Failure, number: int, action: str, urgency: Urgency) -> Trouble:
        """Wait until it is time for another try after ``error``, or raise what it comes to."""
        found = trouble(error)
        if found is Trouble.THROTTLED:
            self._scheduler.throttled(action)
            if urgency is Urgency.AHEAD:
                raise NotNow("HealthImaging is busy") from error
        seconds = self._retries.delay(found, number, _asked(error))
        if seconds is None or self._ended is not None:
            raise translate(error, action) from error
        await asyncio.sleep(seconds)
        return found

    async def close(self) -> None:
        """Make no more calls; those under way are waited for, and not tried again."""
        self._ended = asyncio.Event()
        if self._running:
            await self._ended.wait()


def _asked(error: Failure) -> float | None:
    if not isinstance(error, ClientError):
        return None
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    value = str(headers.get("x-amz-retry-after", ""))
    return int(value) / 1000 if value.isascii() and value.isdigit() else None


def _tell(error: Failure, action: str, number: int, span: Span | None) -> None:
    """Log a try that failed, with what AWS's support asks for; throttling is counted only."""
    metadata = error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}
    code = type(error).__name__
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", code))
    request = str(metadata.get("RequestId", ""))
    if span is not None and request:
        span.note("aws.request_id", request)
    if code in _ROUTINE or trouble(error) is Trouble.THROTTLED:
        return
    told = {"action": action, "attempt": number, "error": code, "aws_request": request}
    _log.warning("upstream_failed", extra=told)
