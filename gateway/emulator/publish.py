"""Staged instances become image sets: attributes normalised, one document, visible at once.

An image set's identifier follows from the job and the group, so that publishing again after a crash
writes the same files and not others beside them.
"""

import gzip
import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from gateway.emulator import blobs, documents, image_sets, jobs, primaries, resources, versions
from gateway.emulator.failures import ChangeFailed
from gateway.emulator.faults import Fault
from gateway.emulator.ingest import MAX_METADATA_BYTES
from gateway.emulator.store import Database

_placing = threading.Lock()  # guards: two jobs do not make a primary image set of one series


@dataclass(frozen=True, slots=True)
class _Part:
    """What becomes one image set: files of a job, and the attributes they have in common."""

    image_set_id: str
    members: list[sqlite3.Row]
    paths: list[Path]
    common: dict[str, dict[str, Any]]

    @property
    def attributes(self) -> dict[str, Any]:
        """The common attributes, flat."""
        return {k: v for level in documents.LEVELS for k, v in self.common[level].items()}


class Publisher:
    """Publishes the groups of one job; ``wait`` is called while an image set is locked.

    ``limit`` is the quota on the metadata of one image set, in bytes.
    """

    def __init__(
        self,
        database: Database,
        layout: blobs.Layout,
        job: sqlite3.Row,
        wait: Callable[[], None],
        limit: int = MAX_METADATA_BYTES,
    ) -> None:
        self._database = database
        self._layout = layout
        self._job = job
        self._wait = wait
        self._limit = limit
        with database.read() as db:
            row = resources.datastore(db, job["datastore_id"])
        self._primaries = row["import_rule"] == resources.PRIMARY

    def publish(self, group: tuple[str, int]) -> None:
        """Make the image sets of one group visible; parts of it that are visible already stay."""
        members = jobs.members(self._database, self._job["id"], group)
        for number, files in enumerate(_parts(members, self._limit)):
            if files[0]["image_set_id"] is not None:
                continue
            paths = [self._layout.staged(self._job["id"], member["name"]) for member in files]
            image_set_id = _identifier(self._job["id"], group, number)
            part = _Part(image_set_id, files, paths, _common(_load(path) for path in paths))
            if self._primaries and number == 0 and group[1] == 0:
                self._place(part)
            else:
                self._new(part, False if self._primaries else None)

    def _place(self, part: _Part) -> None:
        """Into the series' primary image set; as a new one where there is none or it differs."""
        attributes = part.attributes
        while True:
            with _placing:
                with self._database.read() as db:
                    contradicts = primaries.contradicts(db, self._job["datastore_id"], attributes)
                    row = primaries.of_series(db, self._job["datastore_id"], attributes)
                if contradicts or row is None:
                    self._new(part, not contradicts)
                    return
                # Locked, deleted or changed since it was read: wait, and look again.
                with suppress(Fault), self._database.write() as db:
                    present = image_sets.find(db, self._job["datastore_id"], row["id"])
                    versions.check_writable(db, present, str(row["latest"]))
                    version = versions.begin(db, present, "IMPORTING")
                    break
            self._wait()
        self._merge(part, row, version)

    def _merge(self, part: _Part, row: sqlite3.Row, version: int) -> None:
        try:
            base = documents.load(self._layout, row["id"], row["version"])
            tree = primaries.merged(base, [_load(path) for path in part.paths])
            documents.save(self._layout, row["id"], version, tree, self._limit)
            self._settle(part)
            with self._database.write() as db:
                versions.settle(db, row["id"], version, "IMPORTED", tree)
                self._record(db, row["id"], version, part)
        except BaseException as error:
            with self._database.write() as db:
                versions.undo(db, row["id"])
            if not isinstance(error, ChangeFailed):
                raise
            self._new(part, primary=False)

    def _new(self, part: _Part, primary: bool | None) -> None:
        new = image_sets.NewImageSet(
            part.image_set_id,
            self._job["datastore_id"],
            part.attributes,
            len(part.members),
            primary,
        )
        path = self._layout.metadata(new.id, 1)
        with blobs.durable(path, self._layout.growing) as file, _gzip(file) as document:
            for piece in _document(new, part):
                document.write(piece)
        self._settle(part)
        with self._database.write() as db:
            if primary and primaries.of_series(db, new.datastore_id, new.attributes) is not None:
                new = replace(new, primary=False)  # a copy was promoted meanwhile
            image_sets.insert(db, new, versions.stamp(db, new.datastore_id))
            self._record(db, new.id, 1, part)

    def _settle(self, part: _Part) -> None:
        moved = (_settle(self._layout, self._job["id"], one["name"]) for one in part.members)
        for folder in {folder for folder in moved if folder is not None}:
            blobs.sync_directory(folder)

    def _record(self, db: sqlite3.Connection, image_set_id: str, version: int, part: _Part) -> None:
        for member, path in zip(part.members, part.paths, strict=True):
            staged = _load(path)
            syntax = staged["instance"]["StoredTransferSyntaxUID"]
            image_sets.insert_frames(db, image_set_id, member["name"], syntax, staged["frames"])
        keys = (member["key"] for member in part.members)
        jobs.published(db, self._job["id"], keys, image_set_id, version)


def _identifier(job_id: str, group: tuple[str, int], part: int) -> str:
    name = orjson.dumps([job_id, *group, part])
    return hashlib.sha256(name).hexdigest()[:32]


def _parts(
    members: list[sqlite3.Row], limit: int = MAX_METADATA_BYTES
) -> Iterator[list[sqlite3.Row]]:
    """Cut a group so that no document exceeds the quota; almost always it is one part."""
    part: list[sqlite3.Row] = []
    size = 0
    for member in members:
        if part and size + member["size"] > limit:
            yield part
            part, size = [], 0
        part.append(member)
        size += member["size"]
    if part:
        yield part


def _gzip(file: Any) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0, compresslevel=6)


def _load(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def _settle(layout: blobs.Layout, job_id: str, name: str) -> Path | None:
    """Move a pack of frames to its final place; the folder, None where there is nothing to move."""
    staged, final = layout.staged_pack(job_id, name), layout.pack(name)
    if not staged.exists():
        return None
    final.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(final)
    return final.parent


def _common(instances: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What stands at the upper levels: the attributes that every instance has.

    Their values are the first instance's; one that differs keeps its own, see ``documents.below``.
    """
    common: dict[str, dict[str, Any]] = {}
    for instance in instances:
        for level in documents.LEVELS:
            attributes = instance[level]
            kept = common.setdefault(level, attributes)
            if kept is not attributes:
                for key in kept.keys() - attributes.keys():
                    del kept[key]
    return common


def _document(new: image_sets.NewImageSet, part: _Part) -> Iterator[bytes]:
    """The document in pieces, one instance in memory at a time."""
    common = part.common
    head = {
        "SchemaVersion": "1.1",
        "DatastoreID": new.datastore_id,
        "ImageSetID": new.id,
        "Patient": {"DICOM": common["patient"]},
    }
    series = new.attributes["SeriesInstanceUID"]
    yield orjson.dumps(head)[:-1]
    yield b',"Study":{"DICOM":' + orjson.dumps(common["study"]) + b',"Series":{'
    yield orjson.dumps(series) + b':{"DICOM":' + orjson.dumps(common["series"])
    yield b',"Instances":{'
    for number, (member, path) in enumerate(zip(part.members, part.paths, strict=True)):
        own = orjson.dumps(documents.below(_load(path), common))
        yield (b"," if number else b"") + orjson.dumps(member["sop_uid"]) + b":" + own
    yield b"}}}}}"
