"""Catalogs of made-up archives, written as the syncer writes them, and kept for later runs."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from gateway.catalog.database import Database
from gateway.catalog.entries import Entry, entry
from gateway.catalog.progress import Mark
from gateway.catalog.writer import Writer
from tests.bench.catalog.archive import SERIES, Archive
from tests.bench.report import say

_EDITION: Final = "2"  # to be changed with anything that changes the files
_CHUNK: Final = 500  # studies of one batch
_TAKEN_IN: Final = 5_000
_AHEAD: Final = 4
_FOREVER: Final = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Built:
    """A catalog file, and the archive in it."""

    archive: Archive
    file: Path

    @property
    def url(self) -> str:
        """Where a gateway finds it."""
        return f"sqlite:///{self.file}"


def build(folder: Path, datastore_id: str, archive: Archive, policy: str) -> Built:
    """The catalog of ``archive`` as that of a data store; made where it is not there."""
    name = f"{archive.seed}-{archive.studies}"
    file, known = folder / f"{name}.sqlite", folder / f"{name}.json"
    wanted = {"datastore": datastore_id, "policy": policy, "edition": _EDITION}
    if known.is_file() and orjson.loads(known.read_bytes()) == wanted:
        _mark_again(file, datastore_id, policy)
        return Built(archive, file)
    for old in folder.glob(f"{name}.*"):
        old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    _fill(file, datastore_id, archive, policy)
    known.write_bytes(orjson.dumps(wanted))
    return Built(archive, file)


def intake(folder: Path, archive: Archive, policy: str) -> float:
    """How many image sets a second one process takes in, of documents in memory."""
    with TemporaryDirectory(dir=folder) as place:
        database = Database(f"sqlite:///{place}/catalog.sqlite")
        database.prepare()
        try:
            writer = Writer(database, "intake", policy)
            writer.begin()
            return _alone(writer, archive, min(archive.studies, _TAKEN_IN))
        finally:
            database.close()


def _fill(file: Path, datastore_id: str, archive: Archive, policy: str) -> None:
    database = Database(f"sqlite:///{file}")
    database.prepare()
    try:
        writer = Writer(database, datastore_id, policy)
        writer.begin()
        _together(writer, archive)
        _mark(writer)
    finally:
        database.close()


def _mark(writer: Writer) -> None:
    """Say that it is complete, as of now, and need not be compared: there is nothing behind it."""
    now = time.time()
    writer.apply((), mark=Mark(now, now, now + _FOREVER, loaded_at=now))


def _mark_again(file: Path, datastore_id: str, policy: str) -> None:
    database = Database(f"sqlite:///{file}")
    try:
        database.prepare()
        _mark(Writer(database, datastore_id, policy))
    finally:
        database.close()


def _alone(writer: Writer, archive: Archive, studies: int) -> float:
    spent = 0.0
    for first in range(0, studies, _CHUNK):
        documents = list(archive.image_sets(first, min(first + _CHUNK, studies)))
        started = time.perf_counter()
        writer.apply([entry(summary, document) for summary, document in documents])
        spent += time.perf_counter() - started
    return studies * SERIES / spent


def _together(writer: Writer, archive: Archive) -> None:
    """All of it, read by other processes while this one writes."""
    started, done = time.monotonic(), 0
    with ProcessPoolExecutor() as pool:
        chunks = _chunks(done, archive.studies)
        waiting = [pool.submit(_entries, archive, *chunk) for chunk in islice(chunks, _AHEAD)]
        while waiting:
            writer.apply(waiting.pop(0).result())
            waiting += [pool.submit(_entries, archive, *chunk) for chunk in islice(chunks, 1)]
            done += _CHUNK
            if done % (100 * _CHUNK) == 0:
                say(
                    f"  {done:,} of {archive.studies:,} studies, {time.monotonic() - started:.0f} s"
                )


def _chunks(first: int, last: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _CHUNK, last)) for start in range(first, last, _CHUNK))


def _entries(archive: Archive, first: int, last: int) -> list[Entry]:
    return [entry(summary, document) for summary, document in archive.image_sets(first, last)]
