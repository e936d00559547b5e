"""Turns on an event loop, by a clock that the test moves."""

import asyncio

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import NotNow, Urgency
from gateway.remote.quotas import Limit
from gateway.remote.schedule import Schedule
from gateway.remote.scheduler import Scheduler

FRAMES = "GetImageFrame"


def scheduler(slots=2, rate=1000.0, seconds=10.0, clock=lambda: 0.0):
    return Scheduler(Schedule({FRAMES: Limit(rate, 2 * rate)}, slots, seconds, clock()), clock)


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def waiting(one, urgency=Urgency.WAITING):
    return asyncio.ensure_future(one.turn(FRAMES, urgency))


def test_turns_come_one_after_the_other():
    async def main():
        one = scheduler(slots=2)
        turns = [waiting(one) for _ in range(4)]
        await settle()
        assert [turn.done() for turn in turns] == [True, True, False, False]
        turns[0].result().end()
        turns[0].result().end()  # once is enough
        await settle()
        assert [turn.done() for turn in turns] == [True, True, True, False]
        turns[1].result().end()
        await settle()
        assert turns[3].done()

    asyncio.run(main())


def test_whoever_leaves_the_queue_is_passed_over():
    async def main():
        one = scheduler(slots=1)
        first, second, third = (waiting(one) for _ in range(3))
        await settle()
        second.cancel()
        await settle()
        first.result().end()
        await settle()
        assert third.done()

    asyncio.run(main())


def test_whoever_leaves_in_the_moment_of_its_turn_frees_its_slot():
    async def main():
        one = scheduler(slots=1)
        first, second, third = (waiting(one) for _ in range(3))
        await settle()
        first.result().end()
        second.cancel()  # its future is done, its coroutine has not seen it
        await settle()
        assert second.cancelled()
        assert third.done()

    asyncio.run(main())


def test_tokens_are_waited_for_by_a_timer():
    async def main():
        one = Scheduler(Schedule({FRAMES: Limit(200, 1)}, 9, 10, loop_time()), loop_time)
        began = loop_time()
        for _ in range(5):
            (await one.turn(FRAMES, Urgency.WAITING)).end()
        assert loop_time() - began > 4 / 200 - 0.002

    def loop_time():
        return asyncio.get_running_loop().time()

    asyncio.run(main())


def test_patience_ends():
    async def main():
        now = 0.0
        one = scheduler(slots=2, seconds=0.05, clock=lambda: now)
        first = [waiting(one), waiting(one)]
        person, ahead = waiting(one), waiting(one, Urgency.AHEAD)
        await settle()
        now = 1.0
        with pytest.raises(NotNow):
            await asyncio.wait_for(ahead, 5)
        with pytest.raises(UpstreamUnavailable):
            await asyncio.wait_for(person, 5)
        for turn in first:
            turn.result().end()
        (await one.turn(FRAMES, Urgency.WAITING)).end()

    asyncio.run(main())
