"""Doing the changes that were asked for, outside the requests: in order, resumed after a crash.

A change is one row until it is done. Files are written first, then one transaction shows them and
removes the row; whatever a crash interrupts is done again and gives the same.
"""

import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.emulator import blobs, copies, documents, primaries, updates, versions
from gateway.emulator.documents import Tree
from gateway.emulator.failures import ChangeFailed
from gateway.emulator.quotas import DEFAULTS, Quotas
from gateway.emulator.store import Database

_log = logging.getLogger(__name__)

_THREADS: Final = 2
_sweeping = threading.Lock()  # guards: two threads do not remove the same files
_FAILED: Final = {"UPDATE": "UPDATE_FAILED", "COPY": "COPY_FAILED"}


@dataclass(frozen=True, slots=True)
class _Version:
    """A version that is being made: of ``image_set``, after version ``base``."""

    image_set: str
    number: int
    base: int | None


@dataclass(frozen=True, slots=True)
class Workflows:
    """What changes need: where the rows and the files are."""

    database: Database
    layout: blobs.Layout
    quotas: Quotas = DEFAULTS

    def run(self, change_id: str) -> None:
        """Do one change; its failure is the version's message."""
        with self.database.read() as db:
            row = db.execute("SELECT * FROM change WHERE id = ?", (change_id,)).fetchone()
        if row is None:
            return
        request = orjson.loads(row["request"])
        try:
            {"UPDATE": self._update, "COPY": self._copy, "DELETE": self._delete}[row["kind"]](
                row, request
            )
        except ChangeFailed as error:
            self._fail(row, request, str(error))
        except Exception as error:
            _log.exception("change_failed", extra={"change": change_id})
            self._fail(row, request, f"INTERNAL_ERROR: {type(error).__name__}")

    def _update(self, row: sqlite3.Row, request: dict[str, Any]) -> None:
        made = []
        for version in _updated(row, request):
            own = version.image_set == row["image_set_id"]
            tree = self._updated_tree(version, request, own=own)
            self._save(version.image_set, version.number, tree)
            made.append((version, tree))
        with self.database.write() as db:
            for version, tree in made:
                versions.settle(db, version.image_set, version.number, "UPDATED", tree)
            _forget(db, row)

    def _updated_tree(self, version: _Version, request: dict[str, Any], *, own: bool) -> Tree:
        if "revert" in request:
            return documents.load(self.layout, version.image_set, request["revert"])
        assert version.base is not None  # noqa: S101  only copies make image sets
        tree = documents.load(self.layout, version.image_set, version.base)
        with self.database.read() as db:
            primary = primaries.is_primary(db, version.image_set)
        payloads = [request.get(f"{name}Attributes") for name in ("updatable", "removable")]
        if not own:
            payloads = [None if one is None else updates.of_study(one) for one in payloads]
        updatable, removable = payloads
        return updates.apply(tree, updatable, removable, force=request["force"], primary=primary)

    def _save(self, image_set_id: str, version: int, tree: Tree) -> None:
        limit = self.quotas.limit("metadata-size")
        documents.save(self.layout, image_set_id, version, tree, limit)

    def _copy(self, row: sqlite3.Row, request: dict[str, Any]) -> None:
        target = row["image_set_id"]
        source = documents.load(self.layout, request["source"], request["base"])
        tree = copies.chosen(source, request["subset"])
        frames = [
            one for *_, held in documents.instances(tree) for one in documents.frame_ids(held)
        ]
        excess = self.quotas.excess("copied-frames", len(frames))
        if excess:
            raise ChangeFailed(f"INVALID_REQUEST: {excess}.")
        if "destinationBase" in request:
            into = documents.load(self.layout, target, request["destinationBase"])
            tree = copies.merged(tree, into, force=request["force"])
        tree["ImageSetID"] = target
        self._save(target, request["version"], tree)
        with self.database.write() as db:
            if request["promote"] and "destinationBase" not in request:
                primaries.check_promotion(db, row["datastore_id"], documents.upper(tree))
                versions.promote(db, target)
            db.executemany(
                "INSERT OR IGNORE INTO frame SELECT ?, id, pack, offset, length, syntax FROM frame "
                "WHERE image_set_id = ? AND id = ?",
                [(target, request["source"], frame) for frame in frames],
            )
            versions.settle(
                db, target, request["version"], "COPIED", tree, source=request["source"]
            )
            source_version = (request["source"], request["sourceVersion"])
            versions.set_state(db, *source_version, versions.ACTIVE, "COPIED", touch=False)
            _forget(db, row)

    def _delete(self, row: sqlite3.Row, _: dict[str, Any]) -> None:
        image_set_id = row["image_set_id"]
        folder = self.layout.metadata(image_set_id, 1).parent
        with self.database.write() as db:
            orphans = db.execute(
                "SELECT DISTINCT pack FROM frame AS own WHERE image_set_id = ?1 AND NOT EXISTS "
                "(SELECT 1 FROM frame WHERE pack = own.pack AND image_set_id <> ?1)",
                (image_set_id,),
            ).fetchall()
            paths = [folder, *(self.layout.pack(orphan["pack"]) for orphan in orphans)]
            names = [(str(path.relative_to(self.layout.root)),) for path in paths]
            db.executemany("INSERT OR IGNORE INTO garbage VALUES (?)", names)
            db.execute("DELETE FROM frame WHERE image_set_id = ?", (image_set_id,))
            db.execute("DELETE FROM tag WHERE arn LIKE ?", (f"%/imageset/{image_set_id}",))
            query = "SELECT latest FROM image_set WHERE id = ?"
            [latest] = db.execute(query, (image_set_id,)).fetchone()
            versions.set_state(db, image_set_id, latest, versions.DELETED, "DELETED")
            db.execute(
                "UPDATE image_set SET version = 0, tags = '{}', patient_id = NULL, "
                "accession_number = NULL, study_id = NULL, study_datetime = '' WHERE id = ?",
                (image_set_id,),
            )
            _forget(db, row)
        self.sweep()

    def sweep(self) -> None:
        """Remove the files that nothing refers to any more."""
        with _sweeping:
            with self.database.read() as db:
                names = [row["path"] for row in db.execute("SELECT path FROM garbage")]
            for path in (self.layout.root / name for name in names):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            with self.database.write() as db:
                db.executemany("DELETE FROM garbage WHERE path = ?", [(name,) for name in names])

    def _fail(self, row: sqlite3.Row, request: dict[str, Any], message: str) -> None:
        """Unlock with the former content, and say why."""
        status = _FAILED.get(row["kind"])
        with self.database.write() as db:
            if status is None:  # a deletion is tried again at the next start
                return
            if row["kind"] == "COPY":
                source = (request["source"], request["sourceVersion"])
                former = (request["former"], request.get("formerMessage"))
                versions.set_state(db, *source, versions.ACTIVE, *former, touch=False)
            for version in _updated(row, request):
                tree = None
                if version.base is not None:
                    documents.keep(self.layout, version.image_set, version.base, version.number)
                    tree = documents.load(self.layout, version.image_set, version.base)
                versions.settle(
                    db,
                    version.image_set,
                    version.number,
                    status,
                    tree,
                    message,
                    request.get("source"),
                )
            _forget(db, row)


def _updated(row: sqlite3.Row, request: dict[str, Any]) -> Iterator[_Version]:
    base = request.get("destinationBase") if row["kind"] == "COPY" else request["base"]
    yield _Version(row["image_set_id"], request["version"], base)
    for other in request.get("siblings", ()):
        yield _Version(other["id"], other["version"], other["base"])


def _forget(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    db.execute("DELETE FROM change WHERE id = ?", (row["id"],))


class WorkflowRunner:
    """Runs changes in threads, in the order in which they were asked for."""

    def __init__(self, workflows: Workflows, seconds: float) -> None:
        """``seconds`` is how long a change stays under way at least."""
        self._workflows = workflows
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(_THREADS, "image-set-change")
        self._lock = threading.Lock()  # guards: no change is queued twice
        self._queued: set[str] = set()
        self._stop = threading.Event()

    def start(self) -> None:
        """Take up what a former run of the server left undone."""
        self._threads.submit(self._workflows.sweep)
        self.wake()

    def wake(self) -> None:
        """Queue the changes that were recorded since the last time."""
        with self._lock, self._workflows.database.read() as db:
            rows = db.execute("SELECT id FROM change ORDER BY submitted_at, id").fetchall()
            for change_id in (row["id"] for row in rows):
                if change_id not in self._queued:
                    self._queued.add(change_id)
                    self._threads.submit(self._run, change_id)

    def _run(self, change_id: str) -> None:
        if self._stop.wait(self._seconds) or self._stop.is_set():
            return
        try:
            self._workflows.run(change_id)
        except Exception:  # not even its failure could be recorded: it is tried again
            _log.exception("change_not_recorded", extra={"change": change_id})
        finally:
            with self._lock:
                self._queued.discard(change_id)

    def close(self) -> None:
        """Stop: what is not done is done after the next start."""
        self._stop.set()
        self._threads.shutdown(cancel_futures=True)
