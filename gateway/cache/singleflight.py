"""One piece of work for any number of askers at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class SingleFlight(Generic[_Value]):
    """Joins callers that ask for the same key while the work is under way.

    The work runs in a task of its own: an asker that leaves fails nobody else. When all have left
    it goes on where the result is kept; with ``given_up`` it is cancelled. ``close`` ends what is
    still running.
    """

    def __init__(self, *, given_up: bool = False) -> None:
        self._given_up = given_up
        self._flights: dict[Hashable, asyncio.Task[_Value]] = {}
        self._askers: dict[asyncio.Task[_Value], int] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[_Value]]) -> _Value:
        """The result of ``work``, or that of the same work already running for ``key``."""
        task = self._flights.get(key)
        if task is None:
            task = asyncio.ensure_future(work())
            self._flights[key] = task
            self._askers[task] = 0
            task.add_done_callback(lambda done: self._landed(key, done))
        self._askers[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._left(key, task)

    def _left(self, key: Hashable, task: asyncio.Task[_Value]) -> None:
        if task in self._askers:
            self._askers[task] -= 1
            if self._given_up and not self._askers[task]:
                self._forget(key, task)  # whoever asks now must not wait for what is given up
                task.cancel()

    def _landed(self, key: Hashable, task: asyncio.Task[_Value]) -> None:
        self._forget(key, task)
        del self._askers[task]
        if not task.cancelled():
            task.exception()  # retrieved here in case every asker has left

    def _forget(self, key: Hashable, task: asyncio.Task[_Value]) -> None:
        if self._flights.get(key) is task:
            del self._flights[key]

    async def close(self) -> None:
        """Cancel all work and wait until it has ended."""
        tasks = list(self._askers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
