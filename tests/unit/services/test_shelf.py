"""Finished pictures: made once, kept by the byte, and given up when nobody waits."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from gateway.errors import NotFound
from gateway.services.albums import Part
from gateway.services.shelf import Shelf
from gateway.telemetry.metrics import Metrics

MIB = 1 << 20


class Studio:
    """Makes parts when it is let, and counts them."""

    def __init__(self, size=10):
        self.size = size
        self.made = 0
        self.given_up = 0
        self.error = None
        self.let = asyncio.Event()

    async def __call__(self):
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.error:
            raise self.error
        self.made += 1
        return Part("image/png", bytes([self.made % 256]) * self.size, f"/{self.made}")


def shelf(size=MIB):
    metrics = Metrics(CollectorRegistry())
    return Shelf(size, metrics), metrics


def run(scenario):
    return asyncio.run(scenario())


async def asked(kept, studio, count, tag='"a"'):
    """So many who ask at the same time, all of them waiting."""
    tasks = [asyncio.create_task(kept.get(tag, studio)) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_those_who_ask_at_the_same_time_and_later_get_what_was_made_once():
    async def scenario():
        (kept, metrics), studio = shelf(), Studio()
        assert kept.peek('"a"') is None
        waiting = await asked(kept, studio, 5)
        studio.let.set()
        parts = [*(await asyncio.gather(*waiting)), await kept.get('"a"', studio), kept.peek('"a"')]
        assert studio.made == 1
        assert all(part is parts[0] for part in parts)
        assert kept.content('"a"') is parts[0].content
        counted = metrics.text().decode()
        assert 'gateway_cache_hits_total{tier="rendered"} 3.0' in counted
        assert 'gateway_cache_misses_total{tier="rendered"} 1.0' in counted

    run(scenario)


def test_another_tag_is_another_part():
    async def scenario():
        (kept, _), studio = shelf(), Studio()
        studio.let.set()
        one, other = await kept.get('"a"', studio), await kept.get('"b"', studio)
        assert one.content != other.content
        assert (kept.peek('"a"'), kept.peek('"b"')) == (one, other)

    run(scenario)


def test_who_leaves_fails_nobody_and_the_last_one_ends_the_work():
    async def scenario():
        (kept, _), studio = shelf(), Studio()
        first, second, third = await asked(kept, studio, 3)
        first.cancel()
        await asyncio.wait([first])
        assert studio.given_up == 0
        second.cancel()
        third.cancel()
        await asyncio.wait([second, third])
        await asyncio.sleep(0)
        assert (studio.given_up, studio.made) == (1, 0)
        [again] = await asked(kept, studio, 1)
        studio.let.set()
        assert (await again).path == "/1"

    run(scenario)


def test_who_asks_while_the_work_is_being_given_up_gets_it_made():
    async def scenario():
        (kept, _), studio = shelf(), Studio()
        [first] = await asked(kept, studio, 1)
        first.cancel()
        studio.let.set()
        assert (await kept.get('"a"', studio)).path.startswith("/")
        assert first.cancelled() or first.done()

    run(scenario)


def test_a_failure_reaches_all_and_is_not_remembered():
    async def scenario():
        (kept, _), studio = shelf(), Studio()
        studio.error = NotFound("no such frame")
        waiting = await asked(kept, studio, 2)
        studio.let.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in outcomes] == [NotFound, NotFound]
        studio.error = None
        assert (await kept.get('"a"', studio)).path == "/1"

    run(scenario)


def test_without_a_tag_all_is_made_anew():
    async def scenario():
        (kept, _), studio = shelf(), Studio()
        studio.let.set()
        assert [(await kept.get("", studio)).path for _ in range(2)] == ["/1", "/2"]
        assert kept.peek("") is None

    run(scenario)


@pytest.mark.parametrize(("size", "most"), [(1_000, MIB // 1_000), (100_000, 10), (200_000, 5)])
def test_it_holds_no_more_bytes_than_it_may(size, most):
    async def scenario():
        (kept, metrics), studio = shelf(), Studio(size)
        studio.let.set()
        tags = [f'"{number}"' for number in range(2 * most)]
        for tag in tags:
            await kept.get(tag, studio)
        held = sum(len(kept.content(tag) or b"") for tag in tags)
        assert 0 < held <= MIB
        assert kept.peek(tags[-1]) is not None
        assert kept.peek(tags[0]) is None
        assert 'gateway_cache_evictions_total{tier="rendered"} 0.0' not in metrics.text().decode()

    run(scenario)


def test_what_would_drive_out_too_many_is_passed_on():
    async def scenario():
        (kept, metrics), studio = shelf(), Studio(MIB // 2)
        studio.let.set()
        assert len((await kept.get('"a"', studio)).content) == MIB // 2
        assert kept.peek('"a"') is None
        assert 'gateway_cache_dropped_total{tier="rendered"} 1.0' in metrics.text().decode()

    run(scenario)
