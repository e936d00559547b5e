"""Which image sets studies have: when HealthImaging is asked, and how old an answer may be."""

import asyncio
import time

import pytest

from gateway.errors import UpstreamDenied, UpstreamUnavailable
from gateway.remote.api import NotNow, Summary, Urgency
from gateway.services.studies import Studies

STUDY, TTL = ("d" * 32, "1.2.3"), 2.0
WAITING, AHEAD = Urgency.WAITING, Urgency.AHEAD


class Remote:
    """Finds one image set more each time; ``hold`` makes look-ups wait."""

    def __init__(self):
        self.asked = []
        self.failure = {}
        self.hold = asyncio.Event()
        self.hold.set()

    async def look_up(self, study, urgency):
        assert study == STUDY
        self.asked.append(urgency)
        found = tuple(Summary(str(n), 1, 0.0, None, {}) for n in range(len(self.asked)))
        await asyncio.sleep(0)
        await self.hold.wait()
        if urgency in self.failure:
            raise self.failure[urgency]
        return found


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set forward."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "monotonic_ns", lambda: int(now[0] * 1e9))

    def forward(seconds):
        now[0] += seconds

    return forward


def run(scenario, ttl=TTL, stale=0.0):
    async def main():
        remote = Remote()
        studies = Studies(remote.look_up, ttl, stale)
        try:
            return await scenario(studies, remote)
        finally:
            await studies.close()

    return asyncio.run(main())


async def settled():
    for _ in range(10):
        await asyncio.sleep(0)


async def at(studies):
    return len(await studies.at(STUDY, studies.moment()))


def test_what_a_search_has_found_is_what_is_retrieved(clock):
    async def scenario(studies, remote):
        assert len(await studies.now(STUDY)) == 1
        assert len(await studies.recent(STUDY)) == 1
        assert await at(studies) == 1
        assert remote.asked == [WAITING]

    run(scenario)


def test_what_is_asked_for_now_is_looked_up(clock):
    async def scenario(studies, _):
        assert [len(await studies.now(STUDY)) for _ in range(3)] == [1, 2, 3]
        assert len(await studies.recent(STUDY)) == 3

    run(scenario)


@pytest.mark.parametrize("how", ["at", "recent", "now"])
def test_who_asks_at_the_same_time_has_one_look_up(clock, how):
    async def scenario(studies, remote):
        ask = {"at": lambda: at(studies)}.get(how, lambda: getattr(studies, how)(STUDY))
        await asyncio.gather(*(ask() for _ in range(9)))
        assert len(remote.asked) == 1

    run(scenario)


def test_a_look_up_that_has_been_under_way_for_long_is_not_joined(clock):
    async def scenario(studies, remote):
        remote.hold.clear()
        first = asyncio.ensure_future(studies.now(STUDY))
        await settled()
        clock(TTL)
        second = asyncio.ensure_future(studies.now(STUDY))
        await settled()
        remote.hold.set()
        assert [len(found) for found in await asyncio.gather(first, second)] == [1, 2]
        assert len(await studies.recent(STUDY)) == 2

    run(scenario)


@pytest.mark.parametrize(("age", "shown"), [(1.9, 1), (2.0, 2), (9.9, 2)])
def test_a_search_is_not_answered_from_what_is_old(clock, age, shown):
    async def scenario(studies, _):
        await studies.recent(STUDY)
        clock(age)
        assert len(await studies.recent(STUDY)) == shown

    run(scenario)


def test_nobody_who_retrieves_waits_for_what_is_looked_up_again(clock):
    async def scenario(studies, remote):
        assert await at(studies) == 1
        clock(5 * TTL - 0.1)
        remote.hold.clear()
        assert [await at(studies) for _ in range(3)] == [1, 1, 1]
        await settled()
        assert remote.asked == [WAITING, AHEAD]
        remote.hold.set()
        await settled()
        assert await at(studies) == 1  # the same moment
        clock(TTL)
        assert await at(studies) == 2
        assert len(remote.asked) in (2, 3)

    run(scenario)


def test_what_is_too_old_is_waited_for(clock):
    async def scenario(studies, remote):
        assert await at(studies) == 1
        clock(5 * TTL)
        assert await at(studies) == 2
        assert remote.asked == [WAITING, WAITING]

    run(scenario)


def test_at_one_moment_it_is_always_the_same(clock):
    async def scenario(studies, _):
        moment = studies.moment()
        assert len(await studies.at(STUDY, moment)) == 1
        assert len(await studies.now(STUDY)) == 2
        assert len(await studies.at(STUDY, moment)) == 1

    run(scenario)


def test_what_cannot_be_looked_up_again_stays_until_it_is_too_old(clock):
    async def scenario(studies, remote):
        assert await at(studies) == 1
        remote.failure = {AHEAD: NotNow("busy"), WAITING: UpstreamUnavailable("away")}
        clock(3 * TTL)
        assert await at(studies) == 1
        await settled()
        clock(2 * TTL)
        with pytest.raises(UpstreamUnavailable, match="away"):
            await at(studies)
        assert remote.asked == [WAITING, AHEAD, WAITING]

    run(scenario)


def test_an_older_look_up_does_not_replace_a_newer_one(clock):
    async def scenario(studies, remote):
        await at(studies)
        clock(TTL)
        remote.hold.clear()
        assert await at(studies) == 1
        await settled()
        clock(0.5)
        newer = asyncio.ensure_future(studies.now(STUDY))
        await settled()
        remote.hold.set()
        assert len(await newer) == 3
        await settled()
        assert len(await studies.recent(STUDY)) == 3

    run(scenario)


def test_without_a_time_everything_is_looked_up(clock):
    async def scenario(studies, remote):
        for _ in range(3):
            clock(0.001)
            await at(studies)
            await studies.recent(STUDY)
        assert remote.asked == [WAITING] * 6

    run(scenario, ttl=0.0)


def test_a_look_up_goes_on_where_its_asker_leaves(clock):
    async def scenario(studies, remote):
        remote.hold.clear()
        asking = asyncio.ensure_future(studies.now(STUDY))
        await settled()
        asking.cancel()
        remote.hold.set()
        await settled()
        assert await at(studies) == 1
        assert len(remote.asked) == 1

    run(scenario)


def test_what_was_known_is_good_while_nothing_newer_can_be_had(clock):
    async def scenario(studies, remote):
        assert len(await studies.recent(STUDY)) == 1
        known = await studies.now(STUDY)
        remote.failure = {WAITING: UpstreamUnavailable("away")}
        clock(50)
        for ask in (studies.recent, studies.now, lambda study: studies.at(study, 9)):
            assert await ask(STUDY) == known
            assert studies.is_stale(STUDY)
        clock(11)
        for ask in (studies.recent, studies.now, lambda study: studies.at(study, 10)):
            with pytest.raises(UpstreamUnavailable):
                await ask(STUDY)
        remote.failure = {}
        assert len(await studies.recent(STUDY)) > len(known)
        assert not studies.is_stale(STUDY)

    run(scenario, stale=60.0)


def test_refusals_are_no_reason_to_use_what_is_old(clock):
    async def scenario(studies, remote):
        await studies.recent(STUDY)
        remote.failure = {WAITING: UpstreamDenied("no")}
        clock(50)
        with pytest.raises(UpstreamDenied):
            await studies.recent(STUDY)

    run(scenario, stale=60.0)
