"""Compute: work in a bounded number of threads, the event loop free meanwhile."""

import asyncio
import threading

import pytest

from gateway.errors import CodecError
from gateway.services.compute import Compute


def test_work_gets_its_arguments_and_gives_its_result():
    async def scenario():
        compute = Compute(1)
        assert await compute.run(divmod, 17, 5) == (3, 2)
        assert await compute.run(int, "11", base=2) == 3
        await compute.close()

    asyncio.run(scenario())


def test_a_failure_of_the_work_is_raised():
    def work():
        raise CodecError("broken")

    async def scenario():
        compute = Compute(1)
        with pytest.raises(CodecError, match="broken"):
            await compute.run(work)
        await compute.close()

    asyncio.run(scenario())


def test_no_more_than_so_many_at_a_time_and_the_loop_stays_free():
    lock = threading.Lock()
    running, most, names = 0, 0, set()
    full, gate = threading.Event(), threading.Event()

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            names.add(threading.current_thread().name)
            if running == 2:
                full.set()
        assert gate.wait(10)
        with lock:
            running -= 1

    async def scenario():
        compute = Compute(2)
        tasks = [asyncio.create_task(compute.run(work)) for _ in range(6)]
        assert await asyncio.to_thread(full.wait, 10)  # and we are here: the loop is free
        assert not any(task.done() for task in tasks)
        gate.set()
        await asyncio.gather(*tasks)
        await compute.close()

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert most == 2
    assert len(names) == 2
    assert threading.current_thread().name not in names


def test_close_ends_the_threads_and_drops_what_waits():
    begun, gate = threading.Event(), threading.Event()

    def work():
        begun.set()
        return gate.wait(10)

    before = set(threading.enumerate())

    async def scenario():
        compute = Compute(1)
        first = asyncio.create_task(compute.run(work))
        assert await asyncio.to_thread(begun.wait, 10)
        second = asyncio.create_task(compute.run(work))
        await asyncio.sleep(0)
        closing = asyncio.create_task(compute.close())
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not closing.done()  # what is under way is waited for
        gate.set()
        await closing
        assert await first is True
        with pytest.raises(RuntimeError):
            await compute.run(int)

    asyncio.run(asyncio.wait_for(scenario(), 10))
    left = set(threading.enumerate()) - before
    assert not [one for one in left if one.name.startswith("compute")]
