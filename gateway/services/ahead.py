"""Working ahead of a stream: the next few results are fetched while one is being sent."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


async def ordered(
    items: Iterable[_Item], work: Callable[[_Item], Awaitable[_Result]], ahead: int
) -> AsyncGenerator[_Result, None]:
    """The results of ``work`` in the order of ``items``, at most ``ahead`` under way or waiting.

    The first failure is raised in its turn; what is under way when the stream ends is cancelled.
    """
    rest = iter(items)
    tasks: deque[asyncio.Task[_Result]] = deque()
    try:
        while True:
            while len(tasks) < ahead:
                try:
                    tasks.append(asyncio.ensure_future(work(next(rest))))
                except StopIteration:
                    break
            if not tasks:
                return
            yield await tasks[0]
            tasks.popleft()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
