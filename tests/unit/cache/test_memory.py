"""The memory cache: bounded in bytes, the least used first out, failures forgotten."""

import asyncio

import pytest
from hypothesis import given, settings, strategies as st

from gateway.cache.memory import MemoryCache


class Source:
    """Gives ``content`` and counts how often it was asked."""

    def __init__(self, content):
        self.content = content
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


async def held(cache, key):
    """Whether ``key`` is there; does not keep what it asks for."""
    probe = Source(LookupError())
    try:
        await cache.get(key, probe)
    except LookupError:
        return False
    return True


def test_a_value_is_fetched_once():
    async def scenario():
        cache, source = MemoryCache(100, len), Source(b"x" * 10)
        assert [await cache.get("key", source) for _ in range(3)] == [b"x" * 10] * 3
        assert source.asked == 1
        assert (
            await asyncio.gather(*(cache.get("other", source) for _ in range(9))) == [b"x" * 10] * 9
        )
        assert source.asked == 2

    asyncio.run(scenario())


def test_an_empty_value_is_a_value():
    async def scenario():
        cache, source = MemoryCache(100, len), Source(b"")
        assert await cache.get("key", source) == b""
        assert await cache.get("key", source) == b""
        assert source.asked == 1

    asyncio.run(scenario())


def test_keys_are_compared_whole():
    async def scenario():
        cache = MemoryCache(100, len)
        for version in (1, 2):
            assert await cache.get(("set", version), Source(b"%d" % version)) == b"%d" % version
        assert await held(cache, ("set", 1))
        assert not await held(cache, ("set", 3))

    asyncio.run(scenario())


def test_the_least_used_goes_first():
    async def scenario():
        cache = MemoryCache(30, len)
        for key in "abc":
            await cache.get(key, Source(b"x" * 10))
        assert await held(cache, "a")  # and so used last
        await cache.get("d", Source(b"x" * 10))
        assert [await held(cache, key) for key in "abcd"] == [True, False, True, True]

    asyncio.run(scenario())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=30))
def test_the_bound_holds_whatever_is_asked_for(asked):
    async def scenario():
        cache = MemoryCache(100, len)
        sizes = {}
        for key, size in asked:
            found = await cache.get(key, Source(b"x" * size))
            sizes[key] = len(found)
            kept = [size for key, size in sizes.items() if await held(cache, key)]
            assert sum(kept) <= 100
            assert await held(cache, key)

    asyncio.run(scenario())


@pytest.mark.parametrize(("size", "kept"), [(100, True), (101, False)])
def test_a_value_larger_than_the_cache_is_passed_on_and_drives_nothing_out(size, kept):
    async def scenario():
        cache, source = MemoryCache(100, len), Source(b"x" * size)
        await cache.get("small", Source(b"x"))
        assert len(await cache.get("large", source)) == size
        assert await held(cache, "large") is kept
        assert await held(cache, "small") is not kept

    asyncio.run(scenario())


def test_the_size_is_what_the_measure_says():
    async def scenario():
        cache = MemoryCache(100, lambda value: 60 * len(value))
        await cache.get("a", Source(b"x"))
        await cache.get("b", Source(b"x"))
        assert [await held(cache, key) for key in "ab"] == [False, True]
        assert await cache.get("c", Source(b"xx")) == b"xx"
        assert not await held(cache, "c")

    asyncio.run(scenario())


def test_a_failure_is_not_remembered():
    async def scenario():
        cache, source = MemoryCache(100, len), Source(OSError("away"))
        for times in (1, 2):
            with pytest.raises(OSError, match="away"):
                await cache.get("key", source)
            await asyncio.sleep(0)
            assert source.asked == times
        assert await cache.get("key", Source(b"here")) == b"here"

    asyncio.run(scenario())


def test_what_an_asker_left_behind_is_kept_for_the_next():
    async def scenario():
        cache, source = MemoryCache(100, len), Source(b"x")
        asker = asyncio.create_task(cache.get("key", source))
        await asyncio.sleep(0)
        asker.cancel()
        assert await cache.get("key", source) == b"x"
        assert source.asked == 1

    asyncio.run(scenario())


def test_close_ends_what_is_being_fetched():
    async def scenario():
        cache = MemoryCache(100, len)
        asker = asyncio.create_task(cache.get("key", asyncio.Event().wait))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await cache.close()
        with pytest.raises(asyncio.CancelledError):
            await asker

    asyncio.run(asyncio.wait_for(scenario(), 10))
