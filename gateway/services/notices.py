"""HealthImaging's events heeded as they come, each until the catalog has what it tells of."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from gateway.errors import GatewayError
from gateway.remote import events
from gateway.remote.events import Event, Malformed, Queue
from gateway.services.keeper import Keeper

_Result = TypeVar("_Result")

_log: Final = logging.getLogger(__name__)

_LONGEST_PAUSE: Final = 60.0
_JOB: Final = "Import Job Completed"


async def attend(queue: Queue, keepers: Mapping[str, Keeper]) -> None:
    """Heed the events of ``queue``; ends only by being cancelled."""
    failures = 0
    while True:
        try:
            messages = await _abandonable(queue.receive)
            receipts = await _heeded(messages, keepers)
            if receipts:
                await _abandonable(partial(queue.delete, receipts))
            failures = 0
        except GatewayError as error:
            failures += 1
            if failures == 1:
                _log.warning("catalog_events_wait", extra={"reason": type(error).__name__})
            pause = min(_LONGEST_PAUSE, 2.0**failures)
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311  nothing secret


async def _heeded(
    messages: Sequence[Mapping[str, Any]], keepers: Mapping[str, Keeper]
) -> list[str]:
    """The receipts of those messages that need not come again: heeded, or of other data stores."""
    found: dict[str, list[Event]] = {}
    for message in messages:
        try:
            event = events.read(message)
        except Malformed as error:
            _log.warning("catalog_event_unreadable", extra={"reason": str(error)})
            continue
        found.setdefault(event.datastore_id, []).append(event)
    for datastore_id, told in found.items():
        keeper = keepers.get(datastore_id)
        if keeper is not None:
            await keeper.heed(told)
            if any(event.kind == _JOB for event in told):
                keeper.wake()
    return [event.receipt for told in found.values() for event in told]


async def _abandonable(work: Callable[[], _Result]) -> _Result:
    """The result of ``work`` in a thread that nobody waits for at the end, as a long poll is."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # raised where it is awaited
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop has ended

    threading.Thread(target=run, name="events", daemon=True).start()
    return await future
