"""Data stores, their tags and the memory of idempotency tokens: rows in, rows out."""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from gateway.emulator import events
from gateway.emulator.faults import conflict, invalid, not_found

ACCOUNT: Final = "000000000000"
MAX_TAGS: Final = 50

_ACTIVE: Final = "ACTIVE"
_DELETED: Final = "DELETED"


def arn(region: str, datastore_id: str, image_set_id: str | None = None) -> str:
    """The Amazon Resource Name of a data store, or of an image set in it."""
    tail = f"/imageset/{image_set_id}" if image_set_id else ""
    return f"arn:aws:medical-imaging:{region}:{ACCOUNT}:datastore/{datastore_id}{tail}"


IMPORT_RULE_TAG: Final = "embedded:import-rule"
"""A tag given at creation that decides how imports meet what is there, see IMPORT_RULES."""

PRIMARY: Final = "primary"
NEW_IMAGE_SETS: Final = "new-image-sets"
IMPORT_RULES: Final = (PRIMARY, NEW_IMAGE_SETS)
"""One primary image set for each series across jobs; or new image sets from every job (2023)."""


def create_datastore(
    db: sqlite3.Connection, parameters: Mapping[str, Any], region: str, import_rule: str = PRIMARY
) -> str:
    """Insert a data store and its tags; its identifier.

    Raises:
        Fault: ValidationException, the tag with the import rule has another value.
    """
    datastore_id = uuid4().hex
    now = time.time()
    rule = parameters.get("tags", {}).get(IMPORT_RULE_TAG, import_rule)
    if rule not in IMPORT_RULES:
        raise invalid(f"The tag {IMPORT_RULE_TAG} must be one of {', '.join(IMPORT_RULES)}")
    db.execute(
        "INSERT INTO datastore (id, name, status, created_at, updated_at, kms_key_arn, "
        "lambda_authorizer_arn, lossless_storage_format, import_rule) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            datastore_id,
            parameters.get("datastoreName") or f"datastore-{datastore_id[:8]}",
            _ACTIVE,
            now,
            now,
            parameters.get("kmsKeyArn"),
            parameters.get("lambdaAuthorizerArn"),
            parameters.get("losslessStorageFormat", "HTJ2K"),
            rule,
        ),
    )
    put_tags(db, arn(region, datastore_id), parameters.get("tags", {}))
    row = datastore(db, datastore_id)
    events.datastore(db, row, "CREATING")  # it is there at once: the two fall together
    events.datastore(db, row, _ACTIVE)
    return datastore_id


def datastore(db: sqlite3.Connection, datastore_id: str) -> sqlite3.Row:
    """The row of a data store, whatever its status.

    Raises:
        Fault: ResourceNotFoundException.
    """
    row = db.execute("SELECT * FROM datastore WHERE id = ?", (datastore_id,)).fetchone()
    if row is None:
        raise not_found(f"Datastore {datastore_id}")
    found: sqlite3.Row = row
    return found


def datastore_ids(db: sqlite3.Connection) -> list[str]:
    """Every data store that is not deleted, the oldest first."""
    query = "SELECT id FROM datastore WHERE status = ? ORDER BY created_at, id"
    return [row["id"] for row in db.execute(query, (_ACTIVE,))]


def active_datastore(db: sqlite3.Connection, datastore_id: str) -> sqlite3.Row:
    """The row of a data store that can be used.

    Raises:
        Fault: ResourceNotFoundException, it does not exist or is deleted.
    """
    row = datastore(db, datastore_id)
    if row["status"] != _ACTIVE:
        raise not_found(f"Datastore {datastore_id}")
    return row


def count_active(db: sqlite3.Connection) -> int:
    """The number of data stores that are not deleted."""
    query = "SELECT count(*) FROM datastore WHERE status = ?"
    return int(db.execute(query, (_ACTIVE,)).fetchone()[0])


def delete_datastore(db: sqlite3.Connection, datastore_id: str) -> None:
    """Mark a data store deleted.

    Raises:
        Fault: ConflictException, it still holds image sets or runs an import job.
    """
    row = active_datastore(db, datastore_id)
    held = (
        "SELECT 1 FROM image_set s JOIN image_set_version v ON v.image_set_id = s.id "
        "AND v.version = s.latest WHERE v.state <> 'DELETED' AND s.datastore_id = ? LIMIT 1"
    )
    if db.execute(held, (datastore_id,)).fetchone():
        raise conflict("The data store holds image sets; delete them first")
    running = (
        "SELECT 1 FROM job WHERE status IN ('SUBMITTED', 'IN_PROGRESS') AND datastore_id = ? "
        "LIMIT 1"
    )
    if db.execute(running, (datastore_id,)).fetchone():
        raise conflict("The data store runs an import job")
    db.execute(
        "UPDATE datastore SET status = ?, updated_at = ? WHERE id = ?",
        (_DELETED, time.time(), datastore_id),
    )
    events.datastore(db, row, "DELETING")
    events.datastore(db, row, _DELETED)


def datastore_summary(row: sqlite3.Row, region: str) -> dict[str, Any]:
    """A row as ListDatastores shows it."""
    return {
        "datastoreId": row["id"],
        "datastoreName": row["name"],
        "datastoreStatus": row["status"],
        "datastoreArn": arn(region, row["id"]),
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def datastore_properties(row: sqlite3.Row, region: str) -> dict[str, Any]:
    """A row as GetDatastore shows it."""
    optional = {
        "kmsKeyArn": row["kms_key_arn"],
        "lambdaAuthorizerArn": row["lambda_authorizer_arn"],
        "losslessStorageFormat": row["lossless_storage_format"],
    }
    return datastore_summary(row, region) | {
        key: value for key, value in optional.items() if value is not None
    }


def check_resource(db: sqlite3.Connection, resource: str, region: str) -> None:
    """Make sure that an ARN names a data store or image set that is there.

    Raises:
        Fault: ResourceNotFoundException.
    """
    ids = resource.rpartition(":")[2].split("/")
    datastore_id, image_set_id = ids[1], ids[3] if len(ids) == 4 else None
    query = "SELECT 1 FROM image_set WHERE datastore_id = ? AND id = ?"
    known = resource == arn(region, datastore_id, image_set_id) and (
        image_set_id is None or db.execute(query, (datastore_id, image_set_id)).fetchone()
    )
    if not known:
        raise not_found(f"Resource {resource}")
    active_datastore(db, datastore_id)


def put_tags(db: sqlite3.Connection, resource: str, tags: Mapping[str, str]) -> None:
    """Add or replace tags.

    Raises:
        Fault: ValidationException, more than 50 tags.
    """
    rows = [(resource, key, value) for key, value in tags.items()]
    db.executemany("INSERT OR REPLACE INTO tag VALUES (?, ?, ?)", rows)
    count = db.execute("SELECT count(*) FROM tag WHERE arn = ?", (resource,)).fetchone()[0]
    if count > MAX_TAGS:
        raise invalid(f"A resource can have at most {MAX_TAGS} tags")


def remove_tags(db: sqlite3.Connection, resource: str, keys: list[str]) -> None:
    """Remove tags; unknown keys are ignored."""
    db.executemany("DELETE FROM tag WHERE arn = ? AND key = ?", [(resource, key) for key in keys])


def tags(db: sqlite3.Connection, resource: str) -> dict[str, str]:
    """All tags of a resource."""
    rows = db.execute("SELECT key, value FROM tag WHERE arn = ? ORDER BY key", (resource,))
    return {row["key"]: row["value"] for row in rows}


def once(
    db: sqlite3.Connection,
    operation: str,
    parameters: Mapping[str, Any],
    do: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Run ``do`` unless the request's clientToken was seen before; then its result of that time.

    Raises:
        Fault: ConflictException, the token came with other parameters.
    """
    token = parameters["clientToken"]
    digest = hashlib.sha256(orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)).hexdigest()
    query = "SELECT * FROM client_token WHERE operation = ? AND token = ?"
    seen = db.execute(query, (operation, token)).fetchone()
    if seen is None:
        result = do()
        db.execute(
            "INSERT INTO client_token VALUES (?, ?, ?, ?)",
            (operation, token, digest, orjson.dumps(result).decode()),
        )
        return result
    if seen["parameters"] != digest:
        raise conflict("The client token was used with other parameters")
    remembered: dict[str, Any] = orjson.loads(seen["result"])
    return remembered
