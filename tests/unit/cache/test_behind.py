"""Writes behind: bounded, in order, and over in time."""

import asyncio

from gateway.cache.behind import Behind
from gateway.telemetry.metrics import TierCounts


class Writer:
    """Writes when it is let, and remembers the batches."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.batches = []

    async def __call__(self, batch):
        await self.gate.wait()
        self.batches.append(dict(batch))


def test_everything_is_written_once_in_order_and_in_batches():
    async def scenario():
        writer, counts = Writer(), TierCounts()
        behind = Behind(writer, 10_000, counts)
        for number in range(100):
            behind.put(f"{number}", b"x")
            behind.put(f"{number}", b"x")
        writer.gate.set()
        await behind.close(10)
        assert [name for batch in writer.batches for name in batch] == [f"{n}" for n in range(100)]
        assert max(map(len, writer.batches)) <= 32
        assert counts.dropped == 0

    asyncio.run(scenario())


def test_what_waits_is_bounded_while_it_is_written_too():
    async def scenario():
        writer, counts = Writer(), TierCounts()
        behind = Behind(writer, 30, counts)
        behind.put("a", bytes(20))
        await asyncio.sleep(0)  # it is being written
        behind.put("b", bytes(11))
        behind.put("c", bytes(10))
        assert counts.dropped == 1
        writer.gate.set()
        await behind.close(10)
        assert [set(batch) for batch in writer.batches] == [{"a"}, {"c"}]
        behind.put("b", bytes(30))
        await behind.close(10)
        assert set(writer.batches[-1]) == {"b"}

    asyncio.run(scenario())


def test_a_write_that_hangs_does_not_keep_the_program():
    async def scenario():
        writer, counts = Writer(), TierCounts()
        behind = Behind(writer, 100, counts)
        behind.put("a", b"x")
        behind.put("b", b"x")
        await behind.close(0.01)
        assert counts.dropped == 2
        assert writer.batches == []

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_it_can_be_started_with_nothing():
    async def scenario():
        writer = Writer()
        behind = Behind(writer, 100, TierCounts())
        await behind.close(1)
        writer.gate.set()
        behind.start()
        await behind.close(1)
        assert writer.batches == [{}]

    asyncio.run(scenario())
