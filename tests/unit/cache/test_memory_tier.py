"""The memory tier against a model: least recently used, by bytes, to the byte."""

import gc
import tracemalloc

import pytest
from hypothesis import given, strategies as st

from gateway.cache import keys
from gateway.cache.memory import ENTRY_BYTES, MemoryTier
from tests.unit.cache.counting import count, metrics

LIMIT = 8 * ENTRY_BYTES
LARGEST = LIMIT // 4 - ENTRY_BYTES


class Model:
    """What is kept, the least recently used first."""

    def __init__(self):
        self.kept = {}
        self.evicted = 0

    @property
    def bytes(self):
        return sum(len(value) + ENTRY_BYTES for value in self.kept.values())

    def get(self, key):
        if key in self.kept:
            self.kept[key] = self.kept.pop(key)
        return self.kept.get(key)

    def put(self, key, value):
        if len(value) > LARGEST:
            return
        self.kept.pop(key, None)
        while self.bytes + len(value) + ENTRY_BYTES > LIMIT:
            del self.kept[next(iter(self.kept))]
            self.evicted += 1
        self.kept[key] = value


STEPS = st.lists(
    st.tuples(st.sampled_from("abcdefghijkl"), st.none() | st.integers(0, LARGEST + 3)), max_size=80
)


@given(STEPS)
def test_it_does_what_the_model_does(steps):
    counted, model = metrics(), Model()
    tier = MemoryTier(LIMIT, counted)
    for key, size in steps:
        if size is None:
            assert tier.get(key) == model.get(key)
        else:
            # Bytes never change under a key, so a key comes back with the length it had.
            value = model.kept.get(key, key.encode() * size)
            tier.put(key, value)
            model.put(key, value)
        assert count(counted, "memory", "bytes") == model.bytes <= LIMIT
    assert count(counted, "memory", "evictions") == model.evicted
    assert {key: tier.peek(key) for key in "abcdefghijkl" if tier.peek(key) is not None} == (
        model.kept
    )


@pytest.mark.parametrize(("size", "kept"), [(LARGEST, True), (LARGEST + 1, False)])
def test_a_value_that_is_too_large_is_passed_on_and_drives_nothing_out(size, kept):
    counted = metrics()
    tier = MemoryTier(LIMIT, counted)
    tier.put("small", b"x")
    tier.put("large", b"x" * size)
    assert (tier.peek("large") is not None) is kept
    assert tier.peek("small") == b"x"
    assert count(counted, "memory", "dropped") == (not kept)


def test_a_look_counts_hits_only_and_a_get_both():
    counted = metrics()
    tier = MemoryTier(LIMIT, counted)
    assert tier.peek("a") is tier.get("a") is None
    tier.put("a", b"four")
    assert tier.peek("a") == tier.get("a") == b"four"
    found = [count(counted, "memory", what) for what in ("hits", "misses", "read_bytes")]
    assert found == [2, 1, 8]


def test_what_is_given_is_the_same_object_and_no_copy():
    tier = MemoryTier(1 << 20, metrics())
    content = bytes(100_000)
    tier.put("a", content)
    assert tier.get("a") is content


def test_the_overhead_is_no_less_than_what_entries_take():
    tier = MemoryTier(64 << 20, metrics())
    entries = 5_000
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(entries):
            tier.put(keys.frame("d" * 32, f"{number:032}", f"{number:032}"), bytes(1_000))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken <= entries * (1_000 + ENTRY_BYTES)
