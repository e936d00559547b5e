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


def waiting(one, urgency=Urgency.WAITING, wanted=None):
    return asyncio.ensure_future(one.turn(FRAMES, urgency, wanted=wanted))


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


def test_what_somebody_begins_to_wait_for_is_no_work_ahead_any_longer():
    async def main():
        one, wanted = scheduler(slots=2), asyncio.Event()
        first = [waiting(one), waiting(one)]
        await settle()
        others = [waiting(one, Urgency.AHEAD) for _ in range(3)]
        ahead = waiting(one, Urgency.AHEAD, wanted)
        person = waiting(one)
        await settle()
        wanted.set()
        await settle()
        for done in (first[0], person):
            done.result().end()
            await settle()
        assert ahead.done()  # behind the person, before the other work ahead
        assert not any(other.done() for other in others)
        for turn in (first[1], ahead, *others):
            (await turn).end()
        assert one._schedule._waiting.running == one._schedule._ahead.running == 0

    asyncio.run(main())


@pytest.mark.parametrize("late", [False, True])
def test_whoever_leaves_what_may_be_wanted_frees_its_place(late):
    async def main():
        one, wanted = scheduler(slots=2), asyncio.Event()
        first = [waiting(one), waiting(one)]
        await settle()
        ahead = waiting(one, Urgency.AHEAD, wanted)
        await settle()
        if late:
            first[0].result().end()
        ahead.cancel()
        await settle()
        assert ahead.cancelled()
        for turn in first:
            turn.result().end()
        assert one._schedule._ahead.running == one._schedule._ahead.queued == 0

    asyncio.run(main())


def test_what_is_wanted_already_waits_at_once():
    async def main():
        one, wanted = scheduler(slots=1), asyncio.Event()  # where there is no work ahead
        wanted.set()
        (await one.turn(FRAMES, Urgency.AHEAD, wanted=wanted)).end()

    asyncio.run(main())
