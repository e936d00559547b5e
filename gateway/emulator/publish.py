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
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.emulator import blobs, documents, image_sets, jobs, primaries, resources, versions
from gateway.emulator.failures import ChangeFailed
from gateway.emulator.faults import Fault
from gateway.emulator.ingest import MAX_METADATA_BYTES
from gateway.emulator.store import Database

_LEVELS: Final = ("patient", "study", "series")
_placing = threading.Lock()  # guards: two jobs do not make a primary image set of one series


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
        for number, part in enumerate(_parts(members, self._limit)):
            if part[0]["image_set_id"] is not None:
                continue
            paths = [self._layout.staged(self._job["id"], member["name"]) for member in part]
            image_set_id = _identifier(self._job["id"], group, number)
            if self._primaries and number == 0 and group[1] == 0:
                self._place(image_set_id, part, paths)
            else:
                self._new(image_set_id, part, paths, False if self._primaries else None)

    def _place(self, image_set_id: str, members: list[sqlite3.Row], paths: list[Path]) -> None:
        """Into the series' primary image set; as a new one where there is none or it differs."""
        common = _common(_load(path) for path in paths)
        attributes = {key: value for level in _LEVELS for key, value in common[level].items()}
        while True:
            with _placing:
                with self._database.read() as db:
                    contradicts = primaries.contradicts(db, self._job["datastore_id"], attributes)
                    row = primaries.of_series(db, self._job["datastore_id"], attributes)
                if contradicts or row is None:
                    self._new(image_set_id, members, paths, not contradicts)
                    return
                # Locked, deleted or changed since it was read: wait, and look again.
                with suppress(Fault), self._database.write() as db:
                    present = image_sets.find(db, self._job["datastore_id"], row["id"])
                    versions.check_writable(db, present, str(row["latest"]))
                    version = versions.begin(db, present, "IMPORTING")
                    break
            self._wait()
        self._merge(image_set_id, row, version, members, paths)

    def _merge(
        self,
        image_set_id: str,
        row: sqlite3.Row,
        version: int,
        members: list[sqlite3.Row],
        paths: list[Path],
    ) -> None:
        try:
            base = documents.load(self._layout, row["id"], row["version"])
            tree = primaries.merged(base, [_load(path) for path in paths])
            documents.save(self._layout, row["id"], version, tree, self._limit)
            self._settle(members)
            with self._database.write() as db:
                versions.settle(db, row["id"], version, "IMPORTED", tree)
                self._record(db, row["id"], version, members, paths)
        except BaseException as error:
            with self._database.write() as db:
                versions.undo(db, row["id"])
            if not isinstance(error, ChangeFailed):
                raise
            self._new(image_set_id, members, paths, primary=False)

    def _new(
        self,
        image_set_id: str,
        members: list[sqlite3.Row],
        paths: list[Path],
        primary: bool | None,
    ) -> None:
        common = _common(_load(path) for path in paths)
        new = image_sets.NewImageSet(
            image_set_id,
            self._job["datastore_id"],
            {key: value for level in _LEVELS for key, value in common[level].items()},
            len(members),
            primary,
        )
        path = self._layout.metadata(image_set_id, 1)
        with blobs.durable(path, self._layout.growing) as file, _gzip(file) as document:
            for piece in _document(new, common, members, paths):
                document.write(piece)
        self._settle(members)
        with self._database.write() as db:
            if primary and primaries.of_series(db, new.datastore_id, new.attributes) is not None:
                new = replace(new, primary=False)  # a copy was promoted meanwhile
            image_sets.insert(db, new, versions.stamp(db, new.datastore_id))
            self._record(db, image_set_id, 1, members, paths)

    def _settle(self, members: list[sqlite3.Row]) -> None:
        moved = (_settle(self._layout, self._job["id"], member["name"]) for member in members)
        for folder in {folder for folder in moved if folder is not None}:
            blobs.sync_directory(folder)

    def _record(
        self,
        db: sqlite3.Connection,
        image_set_id: str,
        version: int,
        members: list[sqlite3.Row],
        paths: list[Path],
    ) -> None:
        for member, path in zip(members, paths, strict=True):
            staged = _load(path)
            syntax = staged["instance"]["StoredTransferSyntaxUID"]
            image_sets.insert_frames(db, image_set_id, member["name"], syntax, staged["frames"])
        keys = (member["key"] for member in members)
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

    Their values are the first instance's; an instance that differs keeps its own, see ``_own``.
    """
    common: dict[str, dict[str, Any]] = {}
    for instance in instances:
        for level in _LEVELS:
            attributes = instance[level]
            kept = common.setdefault(level, attributes)
            if kept is not attributes:
                for key in kept.keys() - attributes.keys():
                    del kept[key]
    return common


def _own(instance: dict[str, Any], common: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The instance with those upper attributes that are not the image set's.

    Merging Patient, Study, Series and Instance, as every reader does, then gives back exactly the
    attributes of the file.
    """
    own = {
        key: value
        for level in _LEVELS
        for key, value in instance[level].items()
        if key not in common[level] or common[level][key] != value
    }
    content: dict[str, Any] = instance["instance"]
    return content | {"DICOM": content["DICOM"] | own} if own else content


def _document(
    new: image_sets.NewImageSet,
    common: dict[str, dict[str, Any]],
    members: list[sqlite3.Row],
    paths: list[Path],
) -> Iterator[bytes]:
    """The document in pieces, one instance in memory at a time."""
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
    for number, (member, path) in enumerate(zip(members, paths, strict=True)):
        own = orjson.dumps(_own(_load(path), common))
        yield (b"," if number else b"") + orjson.dumps(member["sop_uid"]) + b":" + own
    yield b"}}}}}"
