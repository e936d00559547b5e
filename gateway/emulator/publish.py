"""Staged instances become image sets: attributes normalised, one document, visible at once.

An image set's identifier follows from the job and the group, so that publishing again after a crash
writes the same files and not others beside them.
"""

import gzip
import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.emulator import blobs, image_sets, jobs
from gateway.emulator.ingest import MAX_METADATA_BYTES
from gateway.emulator.store import Database

_LEVELS: Final = ("patient", "study", "series")


def publish(
    database: Database,
    layout: blobs.Layout,
    job: sqlite3.Row,
    group: tuple[str, int],
    limit: int = MAX_METADATA_BYTES,
) -> None:
    """Make the image sets of one group visible; parts of it that are visible already stay.

    ``limit`` is the quota on the metadata of one of them, in bytes.
    """
    members = jobs.members(database, job["id"], group)
    for number, part in enumerate(_parts(members, limit)):
        if part[0]["image_set_id"] is None:
            _publish(database, layout, job, part, _identifier(job["id"], group, number))


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


def _publish(
    database: Database,
    layout: blobs.Layout,
    job: sqlite3.Row,
    members: list[sqlite3.Row],
    image_set_id: str,
) -> None:
    paths = [layout.staged(job["id"], member["name"]) for member in members]
    common = _common(_load(path) for path in paths)
    new = image_sets.NewImageSet(
        image_set_id,
        job["datastore_id"],
        {key: value for level in _LEVELS for key, value in common[level].items()},
        len(members),
    )
    with blobs.durable(layout.metadata(image_set_id, 1)) as file, _gzip(file) as document:
        for piece in _document(new, common, members, paths):
            document.write(piece)
    moved = (_settle(layout, job["id"], member["name"]) for member in members)
    for folder in {folder for folder in moved if folder is not None}:
        blobs.sync_directory(folder)
    with database.write() as db:
        image_sets.insert(db, new, time.time())
        for member, path in zip(members, paths, strict=True):
            staged = _load(path)
            syntax = staged["instance"]["StoredTransferSyntaxUID"]
            image_sets.insert_frames(db, image_set_id, member["name"], syntax, staged["frames"])
        db.executemany(
            "UPDATE job_file SET image_set_id = ? WHERE job_id = ? AND key = ?",
            [(image_set_id, job["id"], member["key"]) for member in members],
        )


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
