"""The order in which frames around a viewer are fetched."""

from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from gateway.services.outwards import Outwards


@dataclass(frozen=True)
class Image:
    sop: str
    frames: tuple[str, ...]


def series(*counts):
    return [Image(f"1.{at}", tuple("f" * count)) for at, count in enumerate(counts)]


def rest(order):
    found = []
    while (at := order.next()) is not None:
        found.append(at)
    return found


@pytest.mark.parametrize(
    ("counts", "sop", "number", "expected"),
    [
        ((1,) * 9, "1.2", 1, [4, 0, 8, 3, 1, 5, 6, 7]),
        ((1,) * 9, "1.0", 1, [4, 8, 1, 2, 3, 5, 6, 7]),
        ((1,) * 9, "1.8", 1, [4, 0, 7, 6, 5, 3, 2, 1]),
        ((9,), "1.0", 4, [4, 0, 8, 2, 5, 1, 6, 7]),
        ((2, 0, 3), "1.2", 1, [0, 4, 3, 1]),
        ((1,), "1.0", 1, []),
        ((1, 1), "1.0", 1, [1]),
        ((), "1.0", 1, []),
        ((1, 1, 1), "unknown", 1, [1, 0, 2]),
        ((1, 1, 1), "1.2", 7, [1, 0, 2]),
    ],
)
def test_overview_then_outwards(counts, sop, number, expected):
    order = Outwards(series(*counts))
    order.saw(sop, number)
    assert rest(order) == expected
    assert order.finished


def test_it_follows_the_viewer():
    order = Outwards(series(*[1] * 20))
    order.saw("1.2", 1)
    assert [order.next() for _ in range(5)] == [10, 0, 19, 3, 1]
    order.saw("1.15", 1)
    assert [order.next() for _ in range(3)] == [16, 14, 17]
    assert not order.finished
    order.give_back(16)
    assert order.next() == 16


def test_places_are_instances_and_their_frames():
    order = Outwards(series(2, 0, 3))
    places = [(one.sop, number) for one, number in map(order.__getitem__, range(5))]
    assert places == [("1.0", 1), ("1.0", 2), ("1.2", 1), ("1.2", 2), ("1.2", 3)]


@given(st.integers(1, 30), st.lists(st.integers(0, 29), max_size=8))
def test_every_frame_is_taken_once_wherever_the_viewer_goes(count, steps):
    order, found, seen = Outwards(series(*[1] * count)), [], set()
    for step in steps:
        at = step % count
        if at not in found:
            seen.add(at)
        order.saw(f"1.{at}", 1)
        if (next_ := order.next()) is not None:
            found.append(next_)
    found += rest(order)
    assert len(found) == len(set(found))
    assert set(found) | seen == set(range(count))
