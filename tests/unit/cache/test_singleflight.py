"""One piece of work for many askers: nobody repeats it, nobody who leaves breaks it."""

import asyncio
import gc

import pytest

from gateway.cache.singleflight import SingleFlight


class Work:
    """Work that goes on until it is let go, and counts how often it was begun."""

    def __init__(self, result="result"):
        self.begun = 0
        self.ended = []
        self.gate = asyncio.Event()
        self._result = result

    async def __call__(self):
        self.begun += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_one_call_for_many():
    async def scenario():
        flights, work = SingleFlight(), Work()
        askers = [asyncio.create_task(flights.do("key", work)) for _ in range(20)]
        await settle()
        work.gate.set()
        assert await asyncio.gather(*askers) == ["result"] * 20
        assert work.begun == 1

    asyncio.run(scenario())


def test_other_keys_are_other_work():
    async def scenario():
        flights, left, right = SingleFlight(), Work("left"), Work("right")
        left.gate.set()
        right.gate.set()
        found = await asyncio.gather(flights.do(1, left), flights.do(2, right))
        assert found == ["left", "right"]

    asyncio.run(scenario())


def test_work_that_has_ended_is_done_anew():
    async def scenario():
        flights, work = SingleFlight(), Work()
        work.gate.set()
        for times in (1, 2, 3):
            assert await flights.do("key", work) == "result"
            await settle()
            assert work.begun == times

    asyncio.run(scenario())


def test_a_failure_reaches_every_asker_and_is_not_kept():
    async def scenario():
        flights, work = SingleFlight(), Work(OSError("away"))
        askers = [asyncio.create_task(flights.do("key", work)) for _ in range(3)]
        await settle()
        work.gate.set()
        found = await asyncio.gather(*askers, return_exceptions=True)
        assert [str(one) for one in found] == ["away"] * 3
        await settle()
        again = Work("here")
        again.gate.set()
        assert await flights.do("key", again) == "here"
        assert (work.begun, again.begun) == (1, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("leaver", [0, 1])
def test_an_asker_that_leaves_fails_nobody(leaver):
    async def scenario():
        flights, work = SingleFlight(), Work()
        askers = [asyncio.create_task(flights.do("key", work)) for _ in range(3)]
        await settle()
        gone = askers.pop(leaver)
        gone.cancel()
        await settle()
        assert gone.cancelled()
        assert work.ended == []
        work.gate.set()
        assert await asyncio.gather(*askers) == ["result"] * 2

    asyncio.run(scenario())


def test_work_goes_on_when_all_have_left_and_serves_who_comes_then():
    async def scenario():
        flights, work = SingleFlight(), Work()
        asker = asyncio.create_task(flights.do("key", work))
        await settle()
        asker.cancel()
        await settle()
        late = asyncio.create_task(flights.do("key", work))
        await settle()
        work.gate.set()
        assert await late == "result"
        assert work.begun == 1

    asyncio.run(scenario())


def test_work_whose_result_is_not_kept_is_given_up_when_the_last_asker_has_left():
    async def scenario():
        flights, work = SingleFlight(given_up=True), Work()
        askers = [asyncio.create_task(flights.do("key", work)) for _ in range(3)]
        await settle()
        for asker in askers[:2]:
            asker.cancel()
        await settle()
        assert work.ended == []
        askers[2].cancel()
        late = Work("late")
        late.gate.set()
        await asyncio.sleep(0)
        assert await flights.do("key", late) == "late"
        await settle()
        assert work.ended == ["cancelled"]

    asyncio.run(scenario())


def test_a_failure_that_nobody_waits_for_is_not_reported_as_forgotten():
    complaints = []

    async def scenario():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        flights, work = SingleFlight(), Work(OSError("away"))
        asker = asyncio.create_task(flights.do("key", work))
        await settle()
        asker.cancel()
        await settle()
        work.gate.set()
        await settle()
        gc.collect()

    asyncio.run(scenario())
    assert complaints == []


def test_close_cancels_what_runs_and_waits_for_its_end():
    async def scenario():
        flights, works = SingleFlight(), [Work(), Work()]
        askers = [asyncio.create_task(flights.do(key, work)) for key, work in enumerate(works)]
        await settle()
        await flights.close()
        assert [work.ended for work in works] == [["cancelled"], ["cancelled"]]
        found = await asyncio.gather(*askers, return_exceptions=True)
        assert [type(one) for one in found] == [asyncio.CancelledError] * 2

    asyncio.run(scenario())


def test_close_without_work_is_nothing():
    asyncio.run(SingleFlight().close())
