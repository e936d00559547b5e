"""Working ahead of a stream: the next few results are fetched while one is being sent."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Room:
    """Bytes that the results of work ahead may take, those of all streams together.

    What a stream needs next is never refused: so each goes on, however little room there is.
    """

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int, *, needed: bool) -> bool:
        """Set ``size`` bytes aside, if there is room or they are needed; whether it is done."""
        if size > self._left and not needed:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """Have ``size`` bytes for others."""
        self._left += size


async def ordered(
    items: Iterable[_Item],
    work: Callable[[_Item], Awaitable[_Result]],
    ahead: int,
    room: Room | None = None,
    weigh: Callable[[_Item], int] = lambda _: 0,
) -> AsyncGenerator[_Result, None]:
    """The results of ``work`` in the order of ``items``, at most ``ahead`` under way or waiting.

    Also no more than there is ``room`` for, where one is given: ``weigh`` tells the bytes that the
    result of an item takes at the most. The first failure is raised in its turn; what is under way
    when the stream ends is cancelled.
    """
    room = room or Room(0)
    rest = iter(items)
    next_: list[_Item] = []
    tasks: deque[tuple[asyncio.Task[_Result], int]] = deque()
    try:
        while True:
            while len(tasks) < ahead:
                if not next_:
                    with suppress(StopIteration):
                        next_.append(next(rest))
                if not next_ or not room.take(size := weigh(next_[0]), needed=not tasks):
                    break
                tasks.append((asyncio.ensure_future(work(next_.pop())), size))
            if not tasks:
                return
            yield await tasks[0][0]
            room.give_back(tasks.popleft()[1])
    finally:
        for task, size in tasks:
            task.cancel()
            room.give_back(size)
        await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True)
