"""Readiness: what stands in the way, asked of HealthImaging now and then."""

import asyncio
import time

import pytest

from gateway.errors import UpstreamDenied, UpstreamUnavailable
from gateway.services.library import Library
from gateway.services.readiness import Readiness
from tests.unit.services.memory import DATASTORE, MemoryHealthImaging, settings


def readiness(remote, progress=None, datastore_id=DATASTORE):
    return Readiness(Library(remote, settings()), datastore_id, progress)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set forward."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def forward(seconds):
        now[0] += seconds

    return forward


def problems(state, times=1):
    async def scenario():
        return [await state.problem() for _ in range(times)]

    return asyncio.run(scenario())


def test_nothing_stands_in_the_way():
    remote = MemoryHealthImaging()
    assert problems(readiness(remote)) == [None]
    assert remote.calls == [("check", DATASTORE)]


def test_healthimaging_is_asked_at_most_every_few_seconds(clock):
    remote = MemoryHealthImaging()
    state = readiness(remote)
    assert problems(state, times=10) == [None] * 10
    assert remote.count("check") == 1
    clock(2.9)
    problems(state)
    assert remote.count("check") == 1
    clock(0.2)
    problems(state)
    assert remote.count("check") == 2


@pytest.mark.parametrize(
    "error", [UpstreamUnavailable("HealthImaging is away"), UpstreamDenied("no permission")]
)
def test_what_healthimaging_lacks_is_told_and_forgotten_when_it_is_back(clock, error):
    remote = MemoryHealthImaging()
    remote.failures["check"] = error
    state = readiness(remote)
    assert problems(state, times=3) == [str(error)] * 3
    assert remote.count("check") == 1
    remote.failures.clear()
    clock(3.1)
    assert problems(state) == [None]


def test_a_failure_after_a_good_answer_is_noticed(clock):
    remote = MemoryHealthImaging()
    state = readiness(remote)
    assert problems(state) == [None]
    remote.failures["check"] = UpstreamUnavailable("away")
    clock(3.1)
    assert not state.serves
    assert problems(state) == ["away"]
    assert state.serves  # what it has, once it was ready
    state.end()
    assert not state.serves


@pytest.mark.parametrize("error", [UpstreamDenied("no permission"), UpstreamUnavailable("away")])
def test_who_was_never_ready_or_lacks_permission_serves_nothing(clock, error):
    remote = MemoryHealthImaging()
    state = readiness(remote)
    if isinstance(error, UpstreamDenied):
        problems(state)
        clock(3.1)
    remote.failures["check"] = error
    problems(state)
    assert not state.serves


def test_an_unknown_data_store_is_a_problem():
    assert problems(readiness(MemoryHealthImaging(), datastore_id="e" * 32)) == [
        "no such data store"
    ]


def test_start_up_that_is_not_over_comes_first():
    remote = MemoryHealthImaging()
    busy = ["importing 1 of 2", "importing 2 of 2", None]
    state = readiness(remote, lambda: busy.pop(0))
    assert problems(state, times=2) == ["importing 1 of 2", "importing 2 of 2"]
    assert remote.calls == []
    assert problems(state) == [None]
    assert remote.count("check") == 1


def test_a_healthimaging_that_stalls_is_away_before_anybody_gives_up(monkeypatch):
    monkeypatch.setattr("gateway.services.readiness._PATIENCE", 0.05)
    monkeypatch.setattr("gateway.services.readiness._SECONDS", 0.0)
    remote = MemoryHealthImaging()
    state = readiness(remote)

    async def scenario():
        assert await state.problem() is None
        goes_on, check = asyncio.Event(), remote.check

        async def stall(datastore_id):
            await goes_on.wait()
            await check(datastore_id)

        remote.check = stall
        told = [await state.problem() for _ in range(3)]
        assert told == ["HealthImaging takes long to answer"] * 3
        assert state.serves
        goes_on.set()
        assert await state.problem() is None
        assert remote.count("check") == 2  # one call stalled, however often it was asked for

    asyncio.run(scenario())


def test_one_that_stalls_at_the_start_is_not_ready(monkeypatch):
    monkeypatch.setattr("gateway.services.readiness._PATIENCE", 0.05)
    remote = MemoryHealthImaging()
    state = readiness(remote)

    async def scenario():
        remote.check = lambda _: asyncio.sleep(60)
        assert await state.problem() == "HealthImaging takes long to answer"
        assert not state.serves

    asyncio.run(scenario())
