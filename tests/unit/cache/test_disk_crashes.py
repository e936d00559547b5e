"""The disk tier when processes are killed and disks are full: misses, never harm."""

import asyncio
import logging
import random
import resource
import subprocess
import sys
import threading
import time

import pytest

from tests.unit.cache import disks
from tests.unit.cache.counting import count, metrics
from tests.unit.cache.crowding import size
from tests.unit.cache.disks import content, name, opened, settled

LIMIT = 1 << 20


def start(folder):
    command = [sys.executable, "-m", "tests.unit.cache.crowding", str(folder), str(LIMIT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def processes():
    """Processes that are killed at the end, whatever happens."""
    running = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


def kill(process):
    """Kill a process that is at work, having found nothing wrong."""
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    time.sleep(random.random() / 5)
    assert process.poll() is None, process.stderr.read()
    process.kill()
    process.communicate()


def test_processes_that_are_killed_leave_nothing_wrong(tmp_path, processes, monkeypatch):
    processes += [start(tmp_path), start(tmp_path)]
    for _ in range(8):
        kill(processes[0])
        del processes[0]
        processes.append(start(tmp_path))
    for process in processes:
        kill(process)
    files, rows = disks.files(tmp_path), disks.rows(tmp_path)
    assert len(files) > 20
    assert sum(rows.values()) <= LIMIT
    asyncio.run(survivor(tmp_path, files, monkeypatch))
    files, rows = disks.files(tmp_path), disks.rows(tmp_path)
    assert set(files) == set(rows)
    assert sum(rows.values()) <= LIMIT


async def survivor(folder, files, monkeypatch):
    """What the killed ones left is whole or a miss, and the next one goes on."""
    counted = metrics()
    async with opened(folder, LIMIT, counted) as tier:
        for number in range(200):
            found = await tier.get(name(number))
            assert found in (None, content(number, size(number)))
            assert (found is not None) == (name(number) in files)
        await disks.looked_over(tier, monkeypatch)
        tier.put(name(1000), b"new")
        await settled(tier)
        assert await tier.get(name(1000)) == b"new"
    assert count(counted, "disk", "damaged") == count(counted, "disk", "errors") == 0


@pytest.fixture
def no_room():
    """Files of this process can have 64 KiB: the system refuses more, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_told_once_left_alone_and_still_read(
    tmp_path, no_room, caplog
):
    caplog.set_level(logging.INFO)

    async def scenario():
        counted = metrics()
        async with opened(tmp_path, counted=counted) as tier:
            tier.put(name(1), content(1))
            await settled(tier)
            for number in range(2, 6):
                tier.put(name(number), content(number, 100_000))
                await settled(tier)
            assert await tier.get(name(1)) == content(1)
            assert await tier.get(name(2)) is None
            assert count(counted, "disk", "errors") == 1
            assert count(counted, "disk", "dropped") == 3

    asyncio.run(scenario())
    assert caplog.messages == ["Writing the disk cache is left alone"]
    assert set(disks.rows(tmp_path)) == set(disks.files(tmp_path)) == {name(1)}
    assert not list(tmp_path.glob("??/*.part"))


def test_a_folder_that_cannot_be_is_told_once_and_misses(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")

    async def scenario():
        counted = metrics()
        async with opened(tmp_path / "file" / "cache", counted=counted) as tier:
            for number in range(3):
                assert await tier.get(name(number)) is None
                tier.put(name(number), content(number))
                await settled(tier)
        assert count(counted, "disk", "errors") == 2
        assert count(counted, "disk", "misses") == 3

    asyncio.run(scenario())
    assert sorted(caplog.messages) == [
        "Reading the disk cache is left alone",
        "Writing the disk cache is left alone",
    ]
    assert str(tmp_path) not in caplog.text


def test_a_disk_that_works_again_is_used_again(tmp_path, caplog):
    blocking = tmp_path / "cache"
    blocking.write_text("no folder")

    async def scenario():
        async with opened(blocking) as tier:
            tier.put(name(1), content(1))
            await settled(tier)
            blocking.unlink()
            tier._writing._until = 0  # the pause is over
            tier.put(name(1), content(1))
            await settled(tier)
            assert await tier.get(name(1)) == content(1)

    asyncio.run(scenario())
    assert caplog.messages == [
        "Writing the disk cache is left alone",
        "Writing the disk cache is back",
    ]


def test_a_disk_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.cache.disk._READ_SECONDS", 0.05)

    async def scenario():
        async with opened(tmp_path) as tier:
            over, asked = threading.Event(), []

            def hang(one):
                asked.append(one)
                over.wait(60)

            monkeypatch.setattr(tier._folder, "read", hang)
            assert [await tier.get(name(number)) for number in range(20)] == [None] * 20
            assert not over.is_set()
            assert asked == [name(0)]  # nobody else waits for it
            over.set()

    asyncio.run(scenario())
