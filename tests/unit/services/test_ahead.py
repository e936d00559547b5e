"""Working ahead: results in order, never too many at a time, nothing left over."""

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given, settings, strategies as st

from gateway.services.ahead import Room, ordered


class Work:
    """Work whose every piece ends when it is let go; counts what runs."""

    def __init__(self):
        self.begun, self.ended, self.cancelled = [], [], []
        self.running = self.most = 0
        self.gates = {}

    async def __call__(self, item):
        self.begun.append(item)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gates.setdefault(item, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self.running -= 1
        self.ended.append(item)
        return item * 10

    def let(self, *items):
        for item in items:
            self.gates.setdefault(item, asyncio.Event()).set()


async def settle():
    for _ in range(8):
        await asyncio.sleep(0)


@settings(deadline=None)
@given(st.permutations(range(6)), st.integers(1, 8))
def test_results_come_in_the_order_of_the_items(ending, ahead):
    async def scenario():
        work = Work()

        async def let_all():
            for item in ending:
                work.let(item)
                await asyncio.sleep(0)

        letting = asyncio.create_task(let_all())
        assert [one async for one in ordered(range(6), work, ahead)] == [0, 10, 20, 30, 40, 50]
        await letting
        assert work.begun == list(range(6))
        assert work.most <= ahead

    asyncio.run(scenario())


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_than_the_bound_is_under_way_or_waiting(ahead):
    async def scenario():
        work = Work()
        async with aclosing(ordered(range(100), work, ahead)) as results:
            first = asyncio.create_task(anext(results))
            await settle()
            assert work.begun == list(range(ahead))
            work.let(*range(1, ahead))
            await settle()
            assert work.begun == list(range(ahead))  # what waits for its turn counts as well
            work.let(0)
            assert await first == 0
            await settle()
            assert len(work.begun) <= ahead

    asyncio.run(scenario())


def test_a_slow_reader_is_not_run_ahead_of():
    async def scenario():
        work = Work()
        work.let(*range(100))
        async with aclosing(ordered(range(100), work, 4)) as results:
            for read in range(1, 10):
                await anext(results)
                await settle()
                assert len(work.begun) <= read + 4

    asyncio.run(scenario())


def test_items_are_taken_as_they_are_needed():
    async def scenario():
        taken = []

        def items():
            for item in range(100):
                taken.append(item)
                yield item

        work = Work()
        work.let(*range(100))
        async with aclosing(ordered(items(), work, 2)) as results:
            await anext(results)
            assert len(taken) <= 3

    asyncio.run(scenario())


def test_nothing_to_do_is_nothing():
    async def scenario():
        assert [one async for one in ordered([], Work(), 4)] == []

    asyncio.run(scenario())


def test_a_failure_is_raised_in_its_turn():
    async def scenario():
        work = Work()
        work.let(*range(6))

        async def failing(item):
            if item in (2, 3):
                raise OSError(f"item {item}")
            return await work(item)

        results = ordered(range(100), failing, 4)
        assert [await anext(results), await anext(results)] == [0, 10]
        with pytest.raises(OSError, match="item 2"):
            await anext(results)
        with pytest.raises(StopAsyncIteration):
            await anext(results)

    asyncio.run(scenario())


def test_a_failure_ends_what_is_under_way():
    async def scenario():
        work = Work()

        async def failing(item):
            if item == 0:
                await asyncio.sleep(0)
                raise OSError("first")
            return await work(item)

        with pytest.raises(OSError, match="first"):
            await anext(ordered(range(100), failing, 4))
        assert sorted(work.cancelled) == [1, 2, 3]
        assert work.running == 0

    asyncio.run(scenario())


def test_what_is_under_way_when_the_stream_is_closed_is_cancelled_and_waited_for():
    async def scenario():
        work = Work()
        work.let(0)
        results = ordered(range(100), work, 4)
        assert await anext(results) == 0
        await settle()
        await results.aclose()
        assert work.running == 0
        assert work.cancelled == [item for item in work.begun if item != 0]
        assert work.cancelled

    asyncio.run(scenario())


def test_a_reader_that_is_cancelled_leaves_nothing_running():
    async def scenario():
        work = Work()

        async def read():
            async with aclosing(ordered(range(100), work, 4)) as results:
                return [one async for one in results]

        reader = asyncio.create_task(read())
        await settle()
        assert work.running == 4
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert work.running == 0
        assert sorted(work.cancelled) == [0, 1, 2, 3]

    asyncio.run(scenario())


def test_failures_that_nobody_reads_are_not_reported_as_forgotten():
    complaints = []

    async def scenario():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))

        async def failing(item):
            if item:
                raise OSError("unread")
            return item

        results = ordered(range(100), failing, 4)
        await anext(results)
        await settle()
        await results.aclose()

    asyncio.run(scenario())
    assert complaints == []


@pytest.mark.parametrize(("size", "most"), [(100, 1), (30, 3), (25, 4), (1, 6)])
def test_no_more_is_under_way_than_there_is_room_for(size, most):
    async def scenario():
        work, room = Work(), Room(100)
        results = ordered(range(20), work, 6, room, lambda _: size)
        first = asyncio.create_task(anext(results))
        await settle()
        assert work.begun == list(range(most))
        work.let(*range(20))
        assert [await first, *[one async for one in results]] == [10 * at for at in range(20)]
        assert work.most <= most
        assert room.take(100, needed=False)

    asyncio.run(scenario())


def test_streams_share_the_room_and_none_is_stuck():
    async def scenario():
        room, works = Room(100), [Work(), Work(), Work()]
        results = [ordered(range(9), work, 6, room, lambda _: 40) for work in works]
        firsts = [asyncio.create_task(anext(one)) for one in results]
        await settle()
        assert [len(work.begun) for work in works] == [2, 1, 1]  # what each needs, and one more
        for work in works:
            work.let(*range(9))
        for first, rest in zip(firsts, results, strict=True):
            found = [await first, *[one async for one in rest]]
            assert found == [10 * at for at in range(9)]
        assert room.take(100, needed=False)

    asyncio.run(scenario())


@pytest.mark.parametrize("failing", [False, True])
def test_a_stream_that_ends_early_gives_its_room_back(failing):
    async def scenario():
        room = Room(100)

        async def work(item):
            await asyncio.sleep(0)
            if failing and item == 1:
                raise OSError("away")
            return item

        results = ordered(range(9), work, 3, room, lambda _: 30)
        assert await anext(results) == 0
        if failing:
            with pytest.raises(OSError, match="away"):
                await anext(results)
        await results.aclose()
        assert room.take(100, needed=False)
        assert not room.take(1, needed=False)

    asyncio.run(scenario())
