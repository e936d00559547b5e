"""The image sets of a data store in the order of their last change, page by page."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, TypeVar

from gateway.remote.api import HealthImaging, NotNow, Summary, Urgency

_Result = TypeVar("_Result")

_PAGES: Final = 100  # of one search: tokens are not promised to live for hours
_PAUSE: Final = (0.1, 0.5)  # seconds
_DAY: Final = 86_400.0
_SORT: Final = {"sortField": "updatedAt", "sortOrder": "ASC"}

Mood = Callable[[], Urgency]
"""Whether a person waits, at this moment."""


async def patiently(call: Callable[[Urgency], Awaitable[_Result]], mood: Mood) -> _Result:
    """The result of ``call``, asked for again as long as there is no room for work ahead."""
    while True:
        try:
            return await call(mood())
        except NotNow:
            await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311  nothing secret


async def since(
    remote: HealthImaging, datastore_id: str, moment: float, mood: Mood
) -> AsyncGenerator[list[Summary], None]:
    """The pages of all image sets that were updated at ``moment`` or later, the oldest first.

    What changes meanwhile comes again at the end. Bounds are whole seconds on the wire, so that a
    page may begin a second early.
    """
    while True:
        number, last = 0, moment
        async with aclosing(_pages(remote, datastore_id, moment, mood)) as pages:
            async for page in pages:
                yield page
                number += 1
                last = max((one.updated for one in page), default=last)
                if number >= _PAGES and int(last) > int(moment):
                    break
            else:
                return
        moment = last


async def _pages(
    remote: HealthImaging, datastore_id: str, moment: float, mood: Mood
) -> AsyncGenerator[list[Summary], None]:
    """The pages of one search; one for which there was no room is asked for anew from its place."""
    seen: float = moment
    while True:
        search = remote.search(datastore_id, _criteria(seen), mood())
        try:
            async for page in search:
                yield page
                seen = max((one.updated for one in page), default=seen)
        except NotNow:
            await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311  nothing secret
        else:
            return


def _criteria(moment: float) -> Mapping[str, Any]:
    """All that was updated from ``moment`` on; the clocks are less than a day apart."""
    last = time.time() + _DAY
    bounds = [{"updatedAt": int(max(moment, 0.0))}, {"updatedAt": int(last)}]
    return {"filters": [{"values": bounds, "operator": "BETWEEN"}], "sort": _SORT}
