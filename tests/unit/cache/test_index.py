"""The index of the disk cache: what it counts, and whom it lets go."""

from contextlib import closing

import pytest

from gateway.cache.index import FILE, Index, Row

NOW = 1_000_000


@pytest.fixture
def index(tmp_path):
    with closing(Index(tmp_path / FILE)) as made:
        made.complete()
        yield made


def row(name, size=10, used=NOW):
    return Row(name, size, used)


def test_it_is_fresh_until_it_is_complete(tmp_path):
    for last in (False, False, True):
        with closing(Index(tmp_path / FILE)) as made:
            assert made.fresh
            assert made.total() == 0  # what was noted is noted anew
            made.note([row("a")])
            if last:
                made.complete()
    with closing(Index(tmp_path / FILE)) as made:
        assert not made.fresh
        assert made.total() == 10


def test_the_sum_follows_every_change(index):
    index.note([row("a", 10), row("b", 20)])
    assert index.total() == 30
    index.note([row("a", 15)])
    assert index.total() == 35
    index.forget(["b", "no such"])
    assert index.total() == 15


def test_the_least_used_go_and_only_as_many_as_must(index):
    index.note(row(name, 10, NOW + place) for place, name in enumerate("abcdef"))
    index.use({"a": NOW + 100, "d": NOW - 100, "gone": NOW})
    gone = []
    assert index.reserve({"g": row("g", 15, NOW + 200)}, 60, gone.append) == 2
    assert gone == ["b", "c"]
    assert index.total() == 55
    assert not index.has("gone")


def test_what_is_about_to_be_written_stays_although_clocks_go_back(index):
    index.note(row(name, 10, NOW + place) for place, name in enumerate("abc"))
    gone = []
    index.reserve({"x": row("x", 10, NOW - 1000), "a": row("a", 10, NOW - 1000)}, 30, gone.append)
    assert gone == ["b"]
    assert index.has("x")


def test_any_number_makes_room(index):
    index.note(row(f"{place}", 1, NOW + place) for place in range(1000))
    gone = []
    assert index.reserve({"x": row("x", 500, NOW + 5000)}, 600, gone.append) == 900
    assert gone == [f"{place}" for place in range(900)]


def test_files_that_cannot_be_removed_are_still_counted(index):
    index.note([row("a"), row("b")])

    def refuse(name):
        raise PermissionError(name)

    with pytest.raises(PermissionError):
        index.reserve({"c": row("c")}, 20, refuse)
    assert (index.has("a"), index.has("c"), index.total()) == (True, False, 20)


def test_a_shard_is_as_its_files_are_but_for_the_youngest(index):
    index.note([row("ab1"), row("ab2"), row("ab3", used=NOW + 50), row("ac1"), row("b")])
    index.reconcile("ab", [row("ab1"), row("ab4", 7)], before=NOW + 10)
    found = [index.has(name) for name in ("ab1", "ab2", "ab3", "ab4", "ac1", "b")]
    assert found == [True, False, True, True, True, True]
    assert index.total() == 47
