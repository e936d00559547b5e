"""Work that begins after it was asked for, shared by all that ask at that time."""

import asyncio
from collections.abc import Awaitable, Callable


class Rounds:
    """Runs one round of ``work`` at a time.

    Who asks while a round runs gets the next one: the one under way may have looked already at what
    has changed since. ``awaited`` says whether somebody waits for a round that has not ended.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._current: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._waiting = 0

    @property
    def awaited(self) -> bool:
        """Whether somebody waits who asked by ``wait``."""
        return self._waiting > 0

    def ask(self) -> asyncio.Task[None]:
        """A round that begins after this moment."""
        if self._current is None or self._current.done():
            self._current = self._begin(None)
            return self._current
        if self._next is None:
            self._next = self._begin(self._current)
        return self._next

    def _begin(self, before: asyncio.Task[None] | None) -> asyncio.Task[None]:
        task = asyncio.create_task(self._round(before))
        task.add_done_callback(_looked_at)
        return task

    async def wait(self, seconds: float) -> bool:
        """Ask, and wait for the round's end, no longer than ``seconds``; whether it has ended.

        Raises:
            Exception: that of the round.
        """
        self._waiting += 1
        try:
            task = self.ask()
            await asyncio.wait([task], timeout=seconds)
            if task.done():
                task.result()
            return task.done()
        finally:
            self._waiting -= 1

    async def _round(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
            self._current, self._next = self._next, None
        await self._work()

    async def close(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        tasks = [task for task in (self._next, self._current) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _looked_at(task: asyncio.Task[None]) -> None:
    """Nobody may be left who waits for the failure."""
    if not task.cancelled():
        task.exception()
