"""The order of changes: pages from a moment on, however many bear the same, and without room."""

import asyncio

import pytest

from gateway.remote.api import NotNow, Summary, Urgency
from gateway.services import changes

PAGE = 5


class Remote:
    """Searches of ``times``, a page of five at a time; there is no room for some of them."""

    def __init__(self, times, busy=()):
        self.sets = [Summary(f"{n:032}", 1, moment, None, {}) for n, moment in enumerate(times)]
        self.busy, self.pages, self.bounds, self.moods = set(busy), 0, [], []

    async def search(self, datastore_id, criteria, urgency):
        [rule] = criteria["filters"]
        assert rule["operator"] == "BETWEEN"
        assert criteria["sort"] == {"sortField": "updatedAt", "sortOrder": "ASC"}
        low, high = (one["updatedAt"] for one in rule["values"])
        self.bounds.append(low)
        self.moods.append(urgency)
        found = [one for one in self.sets if low <= one.updated <= high]
        for start in range(0, max(len(found), 1), PAGE):
            self.pages += 1
            if self.pages in self.busy:
                raise NotNow("no room")
            yield found[start : start + PAGE]


def listed(remote, moment=0.0):
    async def run():
        mood = lambda: Urgency.AHEAD  # noqa: E731
        pages = changes.since(remote, "d", moment, mood)
        return [one.image_set_id async for page in pages for one in page]

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(changes, "_PAUSE", (0.0, 0.001))
    monkeypatch.setattr(changes, "_PAGES", 3)


@pytest.mark.parametrize(
    "times",
    [
        [],
        [10.0],
        [10.0 + n / 3 for n in range(100)],
        [10.5] * 64,
        [10.0] * 20 + [11.0 + n / 100 for n in range(90)] + [500.0] * 40,
    ],
    ids=["none", "one", "spread", "same", "mixed"],
)
@pytest.mark.parametrize("busy", [(), (1, 2, 5, 9, 10)], ids=["free", "busy"])
def test_everything_comes_in_order_and_searches_are_short(times, busy):
    remote = Remote(times, busy)
    found = listed(remote)
    first = list(dict.fromkeys(found))
    assert first == [one.image_set_id for one in remote.sets]
    assert set(remote.moods) == {Urgency.AHEAD}


def test_bounds_are_whole_seconds_before_the_moment():
    remote = Remote([10.2, 10.7, 11.0])
    assert len(listed(remote, 10.5)) == 3
    assert remote.bounds == [10.0]
    assert listed(remote, 10_000.0) == []


def test_a_call_waits_as_long_as_there_is_no_room_and_people_do_not():
    moods = iter([Urgency.AHEAD, Urgency.AHEAD, Urgency.WAITING])
    asked = []

    async def call(urgency):
        asked.append(urgency)
        if urgency is Urgency.AHEAD:
            raise NotNow("no room")
        return 7

    assert asyncio.run(changes.patiently(call, lambda: next(moods))) == 7
    assert asked == [Urgency.AHEAD, Urgency.AHEAD, Urgency.WAITING]
