"""Disk tiers for tests, and what stands in their folders."""

import asyncio
import hashlib
import sqlite3
from contextlib import asynccontextmanager, closing

from gateway.cache import disk
from gateway.cache.disk import DiskTier
from gateway.cache.folder import occupied
from tests.unit.cache.counting import metrics

LIMIT = 16 << 20


def name(number):
    return hashlib.sha256(b"%d" % number).hexdigest()


def content(number, size=10_000):
    """Bytes that tell which value they are."""
    return (b"%d," % number * size)[:size]


@asynccontextmanager
async def opened(folder, limit=LIMIT, counted=None):
    """A tier that has written everything at the end."""
    tier = DiskTier(folder, limit, counted or metrics())
    try:
        yield tier
    finally:
        await tier.close(30)


async def settled(tier):
    """Wait until nothing is to be written."""
    while tier._behind._task is not None and not tier._behind._task.done():
        await asyncio.wait([tier._behind._task])


async def looked_over(tier, monkeypatch):
    """Let ``tier`` compare every shard with its index."""
    monkeypatch.setattr(disk, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(disk, "_SETTLED_NANOSECONDS", 0)
    for _ in range(256):
        tier._behind.start()
        await settled(tier)


def files(folder):
    """The entries: path by name."""
    return {path.name: path for path in folder.glob("??/*") if len(path.name) == 64}


def taken(folder):
    return sum(occupied(path.stat().st_size) for path in folder.glob("??/*"))


def rows(folder):
    """The index: size by name, after a look at its own sum."""
    with closing(sqlite3.connect(folder / "index-1.sqlite")) as connection:
        (total,) = connection.execute("SELECT bytes FROM total").fetchone()
        found = dict(connection.execute("SELECT name, size FROM file"))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert total == sum(found.values())
    return found
