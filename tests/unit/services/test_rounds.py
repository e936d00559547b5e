"""Work that is shared by all that ask before it begins."""

import asyncio

import pytest

from gateway.errors import UpstreamError
from gateway.services.rounds import Rounds


class Work:
    def __init__(self):
        self.begun, self.go, self.error = 0, asyncio.Event(), None

    async def __call__(self):
        self.begun += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error


def test_who_asks_during_a_round_gets_the_next_one_with_the_others():
    async def run():
        work = Work()
        rounds = Rounds(work)
        first = rounds.ask()
        await asyncio.sleep(0)
        later = [rounds.ask() for _ in range(3)]
        assert len(set(later)) == 1
        assert later[0] is not first
        assert work.begun == 1
        work.go.set()
        await first
        await later[0]
        assert work.begun == 2
        await rounds.ask()
        assert work.begun == 3

    asyncio.run(run())


def test_waiting_is_bounded_and_the_round_goes_on():
    async def run():
        work = Work()
        rounds = Rounds(work)
        assert not rounds.awaited
        waiting = asyncio.create_task(rounds.wait(0.02))
        await asyncio.sleep(0)
        assert rounds.awaited
        assert await waiting is False
        assert not rounds.awaited
        work.go.set()
        assert await rounds.wait(5) is True  # the next one
        assert work.begun == 2

    asyncio.run(run())


def test_a_failure_is_of_its_round_alone():
    async def run():
        work = Work()
        rounds = Rounds(work)
        work.go.set()
        work.error = UpstreamError("away")
        with pytest.raises(UpstreamError):
            await rounds.wait(5)
        work.error = None
        assert await rounds.wait(5)

    asyncio.run(run())


def test_the_end_cancels_what_is_under_way_and_what_is_next():
    async def run():
        rounds = Rounds(Work())
        tasks = [rounds.ask(), rounds.ask()]
        await asyncio.sleep(0)
        await rounds.close()
        assert all(task.cancelled() for task in tasks)

    asyncio.run(run())
