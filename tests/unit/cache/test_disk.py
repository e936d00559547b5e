"""The disk tier: bounded by bytes, least recently used first out, and never a wrong byte."""

import asyncio
import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from gateway.cache import disk
from gateway.cache.entries import HEAD_BYTES
from gateway.cache.folder import occupied
from tests.unit.cache import disks
from tests.unit.cache.counting import count, metrics
from tests.unit.cache.disks import content, name, opened, settled


def test_what_was_put_is_there_in_the_next_process(tmp_path):
    async def scenario():
        async with opened(tmp_path) as tier:
            for number in range(100):
                tier.put(name(number), content(number))
        counted = metrics()
        async with opened(tmp_path, counted=counted) as tier:
            assert [await tier.get(name(n)) for n in range(100)] == [content(n) for n in range(100)]
            assert await tier.get(name(100)) is None
        found = [count(counted, "disk", what) for what in ("hits", "misses", "read_bytes")]
        assert found == [100, 1, 1_000_000]

    asyncio.run(scenario())
    assert disks.rows(tmp_path) == {
        one: occupied(path.stat().st_size) for one, path in disks.files(tmp_path).items()
    }


def test_nobody_else_can_read_the_files(tmp_path):
    async def scenario():
        async with opened(tmp_path / "new" / "folder") as tier:
            tier.put(name(1), content(1))

    asyncio.run(scenario())
    folder = tmp_path / "new" / "folder"
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not path.name.startswith("index"):  # SQLite's own, within a folder that is closed
            assert mode == (0o700 if path.is_dir() else 0o600), path.name


@pytest.mark.parametrize(
    "damage",
    {
        "empty": lambda whole: b"",
        "torn in the head": lambda whole: whole[: HEAD_BYTES - 1],
        "without a value": lambda whole: whole[:HEAD_BYTES],
        "torn": lambda whole: whole[:-1],
        "longer": lambda whole: whole + b"\0",
        "zeros at the end": lambda whole: whole[:-4096] + bytes(4096),
        "a bit": lambda whole: whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:],
        "another layout": lambda whole: b"DGW0" + whole[4:],
    }.items(),
    ids=lambda item: item[0],
)
def test_a_damaged_file_is_a_miss_and_removed(tmp_path, damage):
    async def scenario():
        counted = metrics()
        async with opened(tmp_path, counted=counted) as tier:
            tier.put(name(1), content(1))
            await settled(tier)
            path = disks.files(tmp_path)[name(1)]
            path.write_bytes(damage[1](path.read_bytes()))
            assert await tier.get(name(1)) is None
            assert not path.exists()
            assert count(counted, "disk", "damaged") == count(counted, "disk", "misses") == 1
            tier.put(name(1), content(1))
            await settled(tier)
            assert await tier.get(name(1)) == content(1)

    asyncio.run(scenario())


def test_the_file_of_another_name_is_a_miss(tmp_path):
    async def scenario():
        async with opened(tmp_path) as tier:
            tier.put(name(1), content(1))
            tier.put(name(2), content(2))
            await settled(tier)
            found = disks.files(tmp_path)
            found[name(2)].write_bytes(found[name(1)].read_bytes())
            assert await tier.get(name(2)) is None
            assert await tier.get(name(1)) == content(1)

    asyncio.run(scenario())


BLOCKS = 40
STEPS = st.lists(st.tuples(st.integers(0, 15), st.booleans()), max_size=60)


def blocks(number):
    """Values of different sizes: one to five blocks."""
    return 1 + number % 5


def size(number):
    return blocks(number) * 4096 - HEAD_BYTES - number


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_it_does_what_a_model_does(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("model")

    async def scenario():
        model, evicted, counted = {}, 0, metrics()
        async with opened(folder, BLOCKS * 4096, counted) as tier:
            tier._largest = BLOCKS * 4096
            tier._behind._max_bytes = BLOCKS * 4096
            for number, put in steps:
                if number in model:
                    model[number] = model.pop(number)
                    assert await tier.get(name(number)) == content(number, size(number))
                elif put:
                    tier.put(name(number), content(number, size(number)))
                    await settled(tier)
                    while sum(map(blocks, model)) + blocks(number) > BLOCKS:
                        del model[next(iter(model))]
                        evicted += 1
                    model[number] = None
                else:
                    assert await tier.get(name(number)) is None
                assert set(disks.files(folder)) == {name(one) for one in model}
            assert disks.taken(folder) == sum(map(blocks, model)) * 4096 <= BLOCKS * 4096
            assert count(counted, "disk", "evictions") == evicted

    asyncio.run(scenario())
    if (folder / "index-1.sqlite").exists():
        disks.rows(folder)


def test_a_smaller_limit_is_honoured_from_the_first_write_on(tmp_path):
    async def scenario():
        async with opened(tmp_path) as tier:
            for number in range(400):
                tier.put(name(number), content(number))
                if number % 100 == 99:
                    await settled(tier)
        async with opened(tmp_path, 1 << 20) as tier:
            tier.put(name(400), content(400))

    asyncio.run(scenario())
    assert disks.taken(tmp_path) <= 1 << 20
    assert name(399) in disks.files(tmp_path)
    assert name(0) not in disks.files(tmp_path)
    assert set(disks.rows(tmp_path)) == set(disks.files(tmp_path))


def test_what_was_used_is_known_in_the_next_process(tmp_path):
    limit = 1 << 20  # eighty-five of these files

    async def scenario():
        async with opened(tmp_path, limit) as tier:
            for number in range(80):
                tier.put(name(number), content(number))
                await settled(tier)
            assert await tier.get(name(0)) == content(0)
        async with opened(tmp_path, limit) as tier:
            for number in range(80, 130):
                tier.put(name(number), content(number))
                await settled(tier)
            kept = [number for number in range(80) if await tier.get(name(number)) is not None]
            assert kept == [0, *range(46, 80)]

    asyncio.run(scenario())


def test_writes_that_the_system_takes_in_parts_are_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "writev", lambda file, parts: os.write(file, b"".join(parts)[:99]))
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, part: write(file, part[:3000]))

    async def scenario():
        async with opened(tmp_path) as tier:
            tier.put(name(1), content(1))
            await settled(tier)
            assert await tier.get(name(1)) == content(1)

    asyncio.run(scenario())


def test_what_another_process_uses_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "_USES_SECONDS", 0.0)

    async def scenario():
        async with opened(tmp_path, 1 << 20) as left, opened(tmp_path, 1 << 20) as right:
            for number in range(120):
                left.put(name(number), content(number))
                await settled(left)
                assert await right.get(name(0)) == content(0)
                await settled(right)
            assert await left.get(name(0)) == content(0)
            assert await left.get(name(1)) is None

    asyncio.run(scenario())
    assert disks.taken(tmp_path) <= 1 << 20


@pytest.mark.parametrize("wreck", ["removed", "garbage", "truncated"])
def test_without_its_index_it_counts_its_files_anew(tmp_path, wreck):
    async def scenario():
        async with opened(tmp_path) as tier:
            for number in range(50):
                tier.put(name(number), content(number))
        index = tmp_path / "index-1.sqlite"
        if wreck == "removed":
            index.unlink()
        else:
            index.write_bytes(os.urandom(9000) if wreck == "garbage" else index.read_bytes()[:5000])
        (tmp_path / "ab").mkdir(exist_ok=True)
        (tmp_path / "ab" / "somebody's file").write_text("stays")
        async with opened(tmp_path) as tier:
            assert await tier.get(name(7)) == content(7)
            tier.put(name(50), content(50))
            await settled(tier)
            tier._writing._until = 0  # the pause after a failure is over
            tier.put(name(51), content(51))

    asyncio.run(scenario())
    files = disks.files(tmp_path)
    assert {name(n) for n in (*range(50), 51)} <= set(files)
    assert set(disks.rows(tmp_path)) == set(files)
    assert (tmp_path / "ab" / "somebody's file").read_text() == "stays"


def test_an_index_that_another_process_has_replaced_is_left(tmp_path):
    async def scenario():
        async with opened(tmp_path) as tier:
            tier.put(name(1), content(1))
            await settled(tier)
            for path in tmp_path.glob("index*"):
                path.unlink()
            tier.put(name(2), content(2))

    asyncio.run(scenario())
    assert set(disks.rows(tmp_path)) == {name(1), name(2)}


def test_differences_between_files_and_index_are_found_shard_by_shard(tmp_path, monkeypatch):
    async def scenario():
        async with opened(tmp_path) as tier:
            tier.put(name(1), content(1))
            tier.put(name(2), content(2))
            await settled(tier)
            found = disks.files(tmp_path)
            stray = found[name(1)].with_name(name(1)[:2] + "0" * 62)
            stray.write_bytes(bytes(100))
            old, young = (
                stray.with_name(f"{stray.name}.{digit * 16}.part") for digit in ("0", "1")
            )
            old.write_bytes(bytes(100))
            young.write_bytes(bytes(100))
            os.utime(old, (0, 0))
            found[name(2)].unlink()
            await disks.looked_over(tier, monkeypatch)
            assert set(disks.rows(tmp_path)) == {name(1), stray.name}
            assert (old.exists(), young.exists()) == (False, True)

    asyncio.run(scenario())
