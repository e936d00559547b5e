"""Versions of image sets: begun when a change is taken, settled when it has worked or failed.

A version is LOCKED from the one to the other. What is read and searched meanwhile is the version
before it: ``image_set.version`` is the newest that can be read, ``image_set.latest`` the newest.
"""

import sqlite3
import time
from typing import Final

from gateway.emulator import documents, events, image_sets
from gateway.emulator.documents import Tree
from gateway.emulator.faults import conflict, not_found

LOCKED: Final = "LOCKED"
ACTIVE: Final = "ACTIVE"
DELETED: Final = "DELETED"
_TICK: Final = 1e-6


def stamp(db: sqlite3.Connection, datastore_id: str) -> float:
    """The time of a change: later than that of every image set of the data store.

    Pages of a search depend on it: what changes after a page was read sorts behind that moment.
    """
    query = "SELECT max(updated_at) FROM image_set WHERE datastore_id = ? AND version > 0"
    newest = db.execute(query, (datastore_id,)).fetchone()[0]
    return max(time.time(), (newest or 0.0) + _TICK)


def check_writable(db: sqlite3.Connection, row: sqlite3.Row, expected: str | None) -> sqlite3.Row:
    """The newest version of an image set that may be changed now.

    Raises:
        Fault: ConflictException, another change is under way; ResourceNotFoundException, it is
            deleted, or ``expected`` is not its newest version.
    """
    newest = image_sets.version(db, row, None)
    if newest["state"] == DELETED:
        raise not_found(f"Image set {row['id']}")
    if newest["state"] == LOCKED:
        raise conflict(f"Image set {row['id']} is LOCKED: {newest['workflow_status']}")
    if expected is not None and image_sets.number(expected) != row["latest"]:
        raise not_found(f"Latest version {expected} of image set {row['id']}")
    return newest


def begin(
    db: sqlite3.Connection,
    row: sqlite3.Row,
    status: str,
    *,
    forced: bool = False,
    source: str | None = None,
) -> int:
    """Add a locked version to an image set; its number. ``source`` is what is copied into it."""
    number: int = row["latest"] + 1
    db.execute(
        "INSERT INTO image_set_version (image_set_id, version, state, workflow_status, created_at, "
        "updated_at, is_primary, forced) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row["id"],
            number,
            LOCKED,
            status,
            row["created_at"],
            stamp(db, row["datastore_id"]),
            row["is_primary"],
            forced,
        ),
    )
    db.execute("UPDATE image_set SET latest = ? WHERE id = ?", (number, row["id"]))
    tell(db, row["id"], number, source)
    return number


def undo(db: sqlite3.Connection, image_set_id: str) -> None:
    """Take back the begun version of an import that did not come to an end."""
    query = "SELECT max(version) FROM image_set_version WHERE image_set_id = ? AND state <> ?"
    [number] = db.execute(query, (image_set_id, LOCKED)).fetchone()
    where = "WHERE image_set_id = ? AND version > ?"
    db.execute(f"DELETE FROM image_set_version {where}", (image_set_id, number))  # noqa: S608
    db.execute("UPDATE image_set SET latest = ? WHERE id = ?", (number, image_set_id))


def undo_imports(db: sqlite3.Connection) -> None:
    """Take back what imports had begun when the server ended; their jobs begin it again."""
    query = "SELECT image_set_id FROM image_set_version WHERE workflow_status = 'IMPORTING'"
    for row in db.execute(query).fetchall():
        undo(db, row["image_set_id"])


def settle(
    db: sqlite3.Connection,
    image_set_id: str,
    number: int,
    status: str,
    tree: Tree | None,
    message: str | None = None,
    source: str | None = None,
) -> None:
    """Unlock a version. ``tree`` is what it shows from now on; None where there is nothing."""
    set_state(db, image_set_id, number, ACTIVE, status, message, source=source)
    if tree is not None:
        show(db, image_set_id, number, tree)


def promote(db: sqlite3.Connection, image_set_id: str) -> None:
    """Let an image set be primary from now on."""
    db.execute("UPDATE image_set SET is_primary = 1 WHERE id = ?", (image_set_id,))
    query = "UPDATE image_set_version SET is_primary = 1 WHERE image_set_id = ?"
    db.execute(query, (image_set_id,))


def set_state(
    db: sqlite3.Connection,
    image_set_id: str,
    number: int,
    state: str,
    status: str,
    message: str | None = None,
    *,
    touch: bool = True,
    source: str | None = None,
) -> None:
    """Set state and workflow status of a version, and tell of it.

    Without ``touch`` the time of its last update stays: its content is the same.
    """
    query = "SELECT datastore_id FROM image_set WHERE id = ?"
    [datastore_id] = db.execute(query, (image_set_id,)).fetchone()
    now = stamp(db, datastore_id)
    db.execute(
        "UPDATE image_set_version SET state = ?1, workflow_status = ?2, message = ?3, "
        "updated_at = iif(?4, ?5, updated_at), deleted_at = iif(?1 = 'DELETED', ?5, NULL) "
        "WHERE image_set_id = ?6 AND version = ?7",
        (state, status, message, touch, now, image_set_id, number),
    )
    tell(db, image_set_id, number, source)


def show(db: sqlite3.Connection, image_set_id: str, number: int, tree: Tree) -> None:
    """Make a version the one that is read and searched."""
    query = "SELECT * FROM image_set_version WHERE image_set_id = ? AND version = ?"
    row = db.execute(query, (image_set_id, number)).fetchone()
    instances = sum(1 for _ in documents.instances(tree))
    columns = image_sets.searched(documents.upper(tree), instances) | {
        "version": number,
        "latest": number,
        "updated_at": row["updated_at"],
        "is_primary": row["is_primary"],
    }
    names = ", ".join(f"{name} = :{name}" for name in columns)
    db.execute(f"UPDATE image_set SET {names} WHERE id = :id", columns | {"id": image_set_id})  # noqa: S608  names are ours


def tell(db: sqlite3.Connection, image_set_id: str, number: int, source: str | None) -> None:
    """Record the event of a version's present state; ``source`` is what is copied into it."""
    query = (
        "SELECT v.*, s.datastore_id FROM image_set_version v JOIN image_set s "
        "ON s.id = v.image_set_id WHERE image_set_id = ? AND v.version = ?"
    )
    row = db.execute(query, (image_set_id, number)).fetchone()
    events.image_set(db, row["datastore_id"], row, source)
