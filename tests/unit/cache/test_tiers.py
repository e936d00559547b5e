"""The tiers as one: the nearest that has it gives it, and the nearer ones then have it."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from gateway.cache import keys
from gateway.cache.tiers import Tiers
from tests.unit.cache import disks
from tests.unit.cache.counting import count, metrics
from tests.unit.services.memory import settings
from tests.valkeys import BINARY, MISSING, ValkeyServer

KEY = keys.frame("d" * 32, "i" * 32, "f" * 32)
CONTENT = bytes(range(256)) * 500


@asynccontextmanager
async def opened(counted=None, **changes):
    tiers = Tiers(settings(frame_cache_mb=1, **changes), counted or metrics())
    try:
        yield tiers
    finally:
        await tiers.close()


def test_memory_alone_is_enough():
    async def scenario():
        counted = metrics()
        async with opened(counted) as tiers:
            assert tiers.peek(KEY) is await tiers.get(KEY) is None
            await tiers.put(KEY, CONTENT)
            assert tiers.peek(KEY) is await tiers.get(KEY) is CONTENT
        assert count(counted, "memory", "misses") == 1

    asyncio.run(scenario())


def test_the_caller_does_not_wait_for_the_tiers_behind(tmp_path):
    async def scenario():
        async with opened(disk_cache_dir=tmp_path) as tiers:
            put = tiers.put(KEY, CONTENT)
            with pytest.raises(StopIteration):
                put.send(None)  # it never yields to the event loop
            assert tiers.peek(KEY) is CONTENT

    asyncio.run(scenario())
    assert set(disks.files(tmp_path)) == {keys.digest(KEY)}


def test_the_disk_gives_it_back_to_memory(tmp_path):
    async def scenario():
        async with opened(disk_cache_dir=tmp_path) as tiers:
            await tiers.put(KEY, CONTENT)
        async with opened(disk_cache_dir=tmp_path) as tiers:
            assert tiers.peek(KEY) is None
            assert await tiers.get(KEY) == CONTENT
            assert tiers.peek(KEY) == CONTENT

    asyncio.run(scenario())


@pytest.mark.skipif(BINARY is None, reason=MISSING)
def test_the_shared_server_gives_it_to_memory_and_disk(tmp_path):
    server = ValkeyServer()
    url = f"valkey://127.0.0.1:{server.port}"

    async def scenario():
        async with opened(shared_cache_url=url) as tiers:
            await tiers.put(KEY, CONTENT)
        counted = metrics()
        async with opened(counted, shared_cache_url=url, disk_cache_dir=tmp_path) as tiers:
            assert await tiers.get(KEY) == CONTENT
            assert tiers.peek(KEY) == CONTENT
        assert [count(counted, tier, "hits") for tier in ("memory", "disk", "shared")] == [1, 0, 1]
        assert count(counted, "shared", "written_bytes") == 0
        async with opened(disk_cache_dir=tmp_path) as tiers:
            assert await tiers.get(KEY) == CONTENT

    try:
        asyncio.run(scenario())
    finally:
        server.kill()


def test_tiers_that_are_away_are_misses_and_never_errors(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "file").write_text("no folder")

    async def scenario():
        away = {
            "disk_cache_dir": tmp_path / "file" / "cache",
            "shared_cache_url": "valkey://:geheim@127.0.0.1:1",
        }
        async with opened(**away) as tiers:
            for number in range(5):
                key = keys.frame("d", "i", f"{number}")
                assert await tiers.get(key) is None
                await tiers.put(key, CONTENT)
                assert await tiers.get(key) == CONTENT

    asyncio.run(scenario())
    assert "The shared cache is left alone" in caplog.messages
    assert len(caplog.messages) <= 3
    assert "geheim" not in caplog.text


def test_a_value_too_large_for_memory_is_kept_behind_it(tmp_path):
    async def scenario():
        large = bytes(1 << 20)
        async with opened(disk_cache_dir=tmp_path) as tiers:
            await tiers.put(KEY, large)
            assert tiers.peek(KEY) is None
        async with opened(disk_cache_dir=tmp_path) as tiers:
            assert await tiers.get(KEY) == large

    asyncio.run(scenario())
