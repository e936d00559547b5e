"""This machine's disk: what all its gateways have fetched, across restarts.

The files alone say what is there; the index says how much, and what was used when. Reading asks the
files only. Writing goes through the index, a batch at a time.
"""

import asyncio
import fcntl
import itertools
import os
import random
import sqlite3
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.cache import entries, index
from gateway.cache.behind import Behind
from gateway.cache.circuit import Circuit
from gateway.cache.entries import Damaged
from gateway.cache.folder import SHARDS, Folder, occupied
from gateway.cache.index import Index, Row
from gateway.telemetry.metrics import Metrics

_READERS: Final = 4
_READ_SECONDS: Final = 2.0
_WAITING_BYTES: Final = 32 << 20
_SHARE: Final = 8  # a value that takes more than this part of the disk would drive out too many
_USES: Final = 512
_USES_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 10.0
_SETTLED_NANOSECONDS: Final = 60_000_000_000  # a row that young may be of a file to come
_PAUSE: Final = {"first": 10.0, "longest": 300.0}


class DiskTier:
    """Bytes by name in files of at most ``max_bytes`` together, for the event loop alone.

    Any number of processes share ``path``, which has to be on a local file system: the index is
    SQLite's in WAL mode. A disk that fails is left alone for a while; no failure reaches a caller.
    """

    def __init__(self, path: Path, max_bytes: int, metrics: Metrics) -> None:
        self._folder = Folder(path)
        self._counts = metrics.tier("disk", max_bytes, lambda: self._keeper.held)
        self._keeper = _Keeper(self._folder, max_bytes)
        self._largest = max_bytes // _SHARE
        self._behind = Behind(self._write, min(_WAITING_BYTES, max_bytes // _SHARE), self._counts)
        self._readers = ThreadPoolExecutor(_READERS, "disk-cache-read")
        self._writer = ThreadPoolExecutor(1, "disk-cache-write")
        self._reading = Circuit("Reading the disk cache", **_PAUSE)
        self._writing = Circuit("Writing the disk cache", **_PAUSE)
        self._uses: dict[str, int] = {}
        self._noted = time.monotonic()

    async def get(self, name: str) -> bytes | None:
        """The value of ``name``; None where there is none, or none that can be believed."""
        content = await self._read(name) if self._reading.closed else None
        if content is None:
            self._counts.misses += 1
            return None
        self._counts.hits += 1
        self._counts.read_bytes += len(content)
        self._use(name)
        return content

    async def _read(self, name: str) -> bytes | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_READ_SECONDS):
                content = await loop.run_in_executor(self._readers, self._folder.read, name)
        except Damaged:
            self._counts.damaged += 1
            return None
        except OSError as error:  # a time-out is one
            self._counts.errors += 1
            self._reading.fail(error)
            return None
        self._reading.succeed()
        return content

    def _use(self, name: str) -> None:
        """Remember that ``name`` was used; told to the index many at a time."""
        self._uses[name] = time.time_ns()
        if len(self._uses) >= _USES or time.monotonic() - self._noted > _USES_SECONDS:
            self._noted = time.monotonic()
            if self._writing.closed:
                self._behind.start()
            else:
                self._uses.clear()

    def put(self, name: str, content: bytes) -> None:
        """Write ``content`` behind the caller; not where it is too large or the disk fails."""
        if len(content) > self._largest or not self._writing.closed:
            self._counts.dropped += 1
        else:
            self._behind.put(name, content)

    async def _write(self, batch: Mapping[str, bytes]) -> None:
        uses, self._uses = self._uses, {}
        work = asyncio.get_running_loop().run_in_executor(
            self._writer, self._keeper.write, batch, uses
        )
        try:
            self._counts.evictions += await work
        except (OSError, sqlite3.Error) as error:
            self._counts.errors += 1
            self._writing.fail(error)
        else:
            self._writing.succeed()
            self._counts.written_bytes += sum(map(len, batch.values()))

    async def close(self, seconds: float) -> None:
        """Write what is waiting, for ``seconds`` at the most."""
        if self._uses and self._writing.closed:
            self._behind.start()
        await self._behind.close(seconds)
        closing = asyncio.get_running_loop().run_in_executor(self._writer, self._keeper.close)
        await asyncio.wait([closing], timeout=seconds)
        for threads in (self._readers, self._writer):
            threads.shutdown(wait=False, cancel_futures=True)


class _Keeper:
    """The one thread of a process that writes files and their index."""

    def __init__(self, folder: Folder, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._path = folder.path / index.FILE
        self._index: Index | None = None
        self._looked = 0.0
        self._shards = itertools.cycle(random.sample(SHARDS, len(SHARDS)))  # not all alike
        self.held = 0

    def write(self, batch: Mapping[str, bytes], uses: Mapping[str, int]) -> int:
        """Write ``batch`` and note ``uses``; how many files made room.

        Raises:
            OSError: the disk is full, read-only or gone.
            sqlite3.Error: the index cannot be written.
        """
        try:
            return self._write(batch, uses)
        except sqlite3.Error as error:
            self.close()
            if index.is_broken(error):
                self._discard()
            raise

    def _write(self, batch: Mapping[str, bytes], uses: Mapping[str, int]) -> int:
        known = self._opened()
        if uses:
            known.use(uses)
        self._look(known)
        rows = self._planned(batch)
        gone = known.reserve(rows, self._max_bytes, self._folder.remove)
        self.held = known.total()
        unwritten = {name for name in batch if self._folder.size(name) is None}
        try:
            for name in list(unwritten):
                self._folder.write(name, batch[name])
                unwritten.remove(name)
                if not known.has(name):  # others have written a whole cache's worth meanwhile
                    self._folder.remove(name)
        finally:
            if unwritten:
                known.forget(unwritten)
        return gone

    def _planned(self, batch: Mapping[str, bytes]) -> dict[str, Row]:
        now = time.time_ns()
        return {
            name: Row(
                name,
                self._folder.size(name) or occupied(len(content) + entries.HEAD_BYTES),
                now + place,
            )
            for place, (name, content) in enumerate(batch.items())
        }

    def _opened(self) -> Index:
        if self._index is not None and not self._index.current:
            self.close()  # another process has made a new one
        if self._index is None:
            self._folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                self._index = Index(self._path)
                if self._index.fresh:
                    for shard in SHARDS:
                        self._index.note(self._folder.shard(shard))
                    self._index.complete()
        return self._index

    def _look(self, known: Index) -> None:
        """Compare one shard with the index: a power failure or a kill may have parted them."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            shard = next(self._shards)
            before = time.time_ns() - _SETTLED_NANOSECONDS
            known.reconcile(shard, self._folder.shard(shard), before)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process opens or discards the index meanwhile."""
        lock = os.open(self._folder.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _discard(self) -> None:
        """Remove an index that is broken; the next write makes one from the files."""
        with self._alone():
            index.remove(self._path)

    def close(self) -> None:
        """Close the index; the next write opens it."""
        if self._index is not None:
            self._index.close()
            self._index = None
