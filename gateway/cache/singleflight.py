"""One piece of work for any number of askers at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class SingleFlight(Generic[_Value]):
    """Joins callers that ask for the same key while the work is under way.

    The work runs in a task of its own: an asker that leaves fails nobody else. ``close`` ends what
    is still running.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[_Value]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[_Value]]) -> _Value:
        """The result of ``work``, or that of the same work already running for ``key``."""
        task = self._flights.get(key)
        if task is None:
            task = asyncio.ensure_future(work())
            self._flights[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: Hashable, task: asyncio.Task[_Value]) -> None:
        del self._flights[key]
        if not task.cancelled():
            task.exception()  # retrieved here in case every asker has left

    async def close(self) -> None:
        """Cancel all work and wait until it has ended."""
        tasks = list(self._flights.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
