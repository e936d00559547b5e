"""Changes of image sets as they are asked for: checked, the image sets locked, the work recorded.

Each function runs in one write transaction and gives the operation's answer; ``workflows`` does
the work afterwards, also after a crash.
"""

import sqlite3
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from gateway.emulator import copies, image_sets, resources, updates, versions
from gateway.emulator.faults import invalid
from gateway.emulator.quotas import DEFAULTS, Quotas

_CONCURRENCY: Final = {"UPDATE": "updates", "COPY": "copies", "DELETE": "deletes"}

Parameters = Mapping[str, Any]


def update(
    db: sqlite3.Connection, parameters: Parameters, quotas: Quotas = DEFAULTS
) -> dict[str, Any]:
    """UpdateImageSetMetadata: lock the image set, and those of its study where asked for.

    Raises:
        Fault: the request or the image set's state does not allow it.
    """
    row = image_sets.find(db, parameters["datastoreId"], parameters["imageSetId"])
    force = parameters.get("force", False)
    request: dict[str, Any] = {"force": force, **_wanted(db, row, parameters, quotas)}
    versions.check_writable(db, row, parameters["latestVersionId"])
    if not row["version"]:
        raise invalid("The image set has no content")
    _check_concurrency(db, row["datastore_id"], "UPDATE", quotas)
    number = versions.begin(db, row, "UPDATING", forced=force)
    request |= {"version": number, "base": row["version"], "siblings": []}
    if parameters.get("includeStudyImageSets"):
        request["siblings"] = _lock_siblings(db, row, forced=force)
    _record(db, row, "UPDATE", request)
    found = image_sets.properties(
        image_sets.version(db, row, str(number)), "imageSetWorkflowStatus"
    )
    return found | {"datastoreId": row["datastore_id"], "latestVersionId": found["versionId"]}


def _wanted(
    db: sqlite3.Connection, row: sqlite3.Row, parameters: Parameters, quotas: Quotas
) -> dict[str, Any]:
    """What an update asks for, checked as far as it can be without the document."""
    asked = parameters["updateImageSetMetadataUpdates"]
    if "revertToVersionId" in asked:
        if parameters.get("includeStudyImageSets"):
            raise invalid("includeStudyImageSets is not supported with revertToVersionId")
        version = image_sets.readable(db, row, asked["revertToVersionId"])
        return {"revert": version}
    payloads = {
        name: asked["DICOMUpdates"][name]
        for name in ("updatableAttributes", "removableAttributes")
        if name in asked["DICOMUpdates"]
    }
    if not payloads:
        raise invalid("DICOMUpdates needs updatableAttributes or removableAttributes")
    quotas.check("update-size", sum(map(len, payloads.values())))
    try:
        return {name: updates.parse(content) for name, content in payloads.items()}
    except ValueError as error:
        raise invalid("The attributes of DICOMUpdates are not a JSON object") from error


def _lock_siblings(
    db: sqlite3.Connection, row: sqlite3.Row, *, forced: bool
) -> list[dict[str, Any]]:
    """Lock the other primary image sets of the study."""
    if not row["is_primary"]:
        raise invalid("includeStudyImageSets is for primary image sets only")
    query = (
        "SELECT * FROM image_set WHERE datastore_id = ? AND study_uid = ? AND version > 0 "
        "AND is_primary = 1 AND id <> ? ORDER BY id"
    )
    found = []
    for other in db.execute(query, (row["datastore_id"], row["study_uid"], row["id"])).fetchall():
        versions.check_writable(db, other, None)
        number = versions.begin(db, other, "UPDATING_FOR_STUDY_CONSISTENCY", forced=forced)
        found.append({"id": other["id"], "version": number, "base": other["version"]})
    return found


def copy(
    db: sqlite3.Connection, parameters: Parameters, region: str, quotas: Quotas = DEFAULTS
) -> dict[str, Any]:
    """CopyImageSet: lock source and destination, or make a new destination.

    Raises:
        Fault: the request or the state of one of them does not allow it.
    """
    asked = parameters["copyImageSetInformation"]
    source = image_sets.find(db, parameters["datastoreId"], parameters["sourceImageSetId"])
    former = versions.check_writable(db, source, asked["sourceImageSet"]["latestVersionId"])
    if not source["version"]:
        raise invalid("The source image set has no content")
    _check_concurrency(db, source["datastore_id"], "COPY", quotas)
    force, promote = parameters.get("force", False), parameters.get("promoteToPrimary", False)
    request = {
        "force": force,
        "base": source["version"],
        "former": former["workflow_status"],
        "formerMessage": former["message"],
        "subset": _subset(asked["sourceImageSet"]),
        "promote": promote,
    }
    if request["subset"] is None:
        quotas.check("copied-frames", _frames(db, source))
    destination = _destination(db, source, asked.get("destinationImageSet"), promote=promote)
    if destination is None:
        destination_id, number = _new_destination(db, source, forced=force), 1
    else:
        destination_id = destination["id"]
        number = versions.begin(db, destination, "COPYING", forced=force, source=source["id"])
        request["destinationBase"] = destination["version"]
    status = "COPYING_WITH_READ_ONLY_ACCESS"
    versions.set_state(db, source["id"], source["latest"], versions.LOCKED, status, touch=False)
    request |= {"source": source["id"], "sourceVersion": source["latest"], "version": number}
    target = image_sets.find(db, source["datastore_id"], destination_id)
    _record(db, target, "COPY", request)
    return {
        "datastoreId": source["datastore_id"],
        "sourceImageSetProperties": _brief(db, source, region),
        "destinationImageSetProperties": _brief(db, target, region),
    }


def _subset(asked: Mapping[str, Any]) -> list[str] | None:
    if "DICOMCopies" not in asked:
        return None
    try:
        found = copies.subset(asked["DICOMCopies"]["copiableAttributes"])
    except ValueError as error:
        raise invalid("copiableAttributes is not a JSON object of the metadata's shape") from error
    return None if found is None else sorted(found)


def _frames(db: sqlite3.Connection, source: sqlite3.Row) -> int:
    query = "SELECT count(*) FROM frame WHERE image_set_id = ?"
    count: int = db.execute(query, (source["id"],)).fetchone()[0]
    return count


def _destination(
    db: sqlite3.Connection,
    source: sqlite3.Row,
    asked: Mapping[str, Any] | None,
    *,
    promote: bool,
) -> sqlite3.Row | None:
    if promote and source["is_primary"] is None:
        raise invalid("The data store has no primary image sets")
    if promote and source["is_primary"]:
        raise invalid("The source image set is primary already")
    if asked is None:
        return None
    if asked["imageSetId"] == source["id"]:
        raise invalid("Source and destination are the same image set")
    row = image_sets.find(db, source["datastore_id"], asked["imageSetId"])
    versions.check_writable(db, row, asked["latestVersionId"])
    if not row["version"]:
        raise invalid("The destination image set has no content")
    if promote and not row["is_primary"]:
        raise invalid("promoteToPrimary needs a primary destination image set, or none")
    return row


def _new_destination(db: sqlite3.Connection, source: sqlite3.Row, *, forced: bool) -> str:
    image_set_id = uuid4().hex
    now = time.time()
    primary = None if source["is_primary"] is None else False
    db.execute(
        "INSERT INTO image_set (id, datastore_id, version, latest, created_at, updated_at, tags, "
        "study_datetime, accessed_at, is_primary) VALUES (?, ?, 0, 0, ?, ?, '{}', '', ?, ?)",
        (image_set_id, source["datastore_id"], now, now, now, primary),
    )
    row = image_sets.find(db, source["datastore_id"], image_set_id)
    versions.begin(db, row, "COPYING", forced=forced, source=source["id"])
    return image_set_id


def delete(
    db: sqlite3.Connection, parameters: Parameters, quotas: Quotas = DEFAULTS
) -> dict[str, Any]:
    """DeleteImageSet: lock the image set.

    Raises:
        Fault: its state does not allow it.
    """
    row = image_sets.find(db, parameters["datastoreId"], parameters["imageSetId"])
    versions.check_writable(db, row, None)
    _check_concurrency(db, row["datastore_id"], "DELETE", quotas)
    versions.set_state(db, row["id"], row["latest"], versions.LOCKED, "DELETING")
    _record(db, row, "DELETE", {})
    return {
        "datastoreId": row["datastore_id"],
        "imageSetId": row["id"],
        "imageSetState": versions.LOCKED,
        "imageSetWorkflowStatus": "DELETING",
    }


def _brief(db: sqlite3.Connection, row: sqlite3.Row, region: str) -> dict[str, Any]:
    found = image_sets.properties(
        image_sets.version(db, row, str(row["latest"])), "imageSetWorkflowStatus"
    )
    kept = ("imageSetId", "imageSetState", "imageSetWorkflowStatus", "createdAt", "updatedAt")
    return {key: found[key] for key in kept} | {
        "latestVersionId": found["versionId"],
        "imageSetArn": resources.arn(region, row["datastore_id"], row["id"]),
    }


def _check_concurrency(
    db: sqlite3.Connection, datastore_id: str, kind: str, quotas: Quotas
) -> None:
    query = "SELECT count(*) FROM change WHERE datastore_id = ? AND kind = ?"
    under_way = db.execute(query, (datastore_id, kind)).fetchone()[0]
    quotas.check(_CONCURRENCY[kind], under_way + 1)


def _record(db: sqlite3.Connection, row: sqlite3.Row, kind: str, request: dict[str, Any]) -> None:
    db.execute(
        "INSERT INTO change (id, datastore_id, kind, image_set_id, request, submitted_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            uuid4().hex,
            row["datastore_id"],
            kind,
            row["id"],
            orjson.dumps(request).decode(),
            time.time(),
        ),
    )
