"""State changes as HealthImaging tells EventBridge of them: written with what they tell of.

An event is a row of the same transaction as the change itself, so that none is lost and none is
told of a change that did not happen; ``eventbus`` delivers the rows.
"""

import sqlite3
import time
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import orjson

SOURCE: Final = "aws.medical-imaging"

_VERSION: Final = "1.0"
_DATASTORE: Final = {
    "CREATING": "Data Store Creating",
    "CREATE_FAILED": "Data Store Creation Failed",
    "ACTIVE": "Data Store Created",
    "DELETING": "Data Store Deleting",
    "DELETED": "Data Store Deleted",
}
_JOB: Final = {
    "SUBMITTED": "Import Job Submitted",
    "IN_PROGRESS": "Import Job In Progress",
    "COMPLETED": "Import Job Completed",
    "FAILED": "Import Job Failed",
}


def datastore(db: sqlite3.Connection, row: sqlite3.Row, status: str) -> None:
    """A data store has come to ``status``."""
    detail = {
        "datastoreId": row["id"],
        "datastoreName": row["name"],
        "datastoreStatus": status,
    }
    _record(db, _DATASTORE[status], f"datastore/{row['id']}", detail)


def job(db: sqlite3.Connection, row: sqlite3.Row, status: str) -> None:
    """An import job has come to ``status``."""
    detail = {
        "datastoreId": row["datastore_id"],
        "jobId": row["id"],
        "jobName": row["name"],
        "jobStatus": status,
        "inputS3Uri": row["input_uri"],
        "outputS3Uri": row["output_uri"],
    }
    _record(db, _JOB[status], f"datastore/{row['datastore_id']}", detail)


def image_set(
    db: sqlite3.Connection, datastore_id: str, version: sqlite3.Row, source: str | None = None
) -> None:
    """An image set's version has come to its state; ``source`` is what it is a copy of."""
    detail: dict[str, Any] = {
        "imageSetVersion": str(version["version"]),
        "datastoreId": datastore_id,
        "imagesetId": version["image_set_id"],
        "imageSetState": version["state"],
        "imageSetWorkflowStatus": version["workflow_status"],
    }
    if version["is_primary"] is not None:
        detail = {"isPrimary": bool(version["is_primary"])} | detail
    if source is not None:
        detail["sourceImageSetArn"] = f"datastore/{datastore_id}/imageset/{source}"
    words = version["workflow_status"].replace("_", " ").title()
    resource = f"datastore/{datastore_id}/imageset/{version['image_set_id']}"
    _record(db, f"Image Set {words}", resource, detail)


def _record(db: sqlite3.Connection, kind: str, resource: str, detail: dict[str, Any]) -> None:
    """Resources are the tails of their ARNs: region and account are the server's of the day."""
    body = {
        "id": str(uuid4()),
        "detail-type": kind,
        "time": time.time(),
        "resources": [resource],
        "detail": {"imagingVersion": _VERSION} | detail,
    }
    db.execute("INSERT INTO event (body) VALUES (?)", (orjson.dumps(body).decode(),))


def envelope(body: str, region: str, account: str) -> dict[str, Any]:
    """A row as EventBridge delivers it (developer guide, event structure)."""
    event: dict[str, Any] = orjson.loads(body)
    arn = f"arn:aws:medical-imaging:{region}:{account}:"
    detail = event["detail"]
    if "sourceImageSetArn" in detail:
        detail["sourceImageSetArn"] = arn + detail["sourceImageSetArn"]
    return {
        "version": "0",
        "id": event["id"],
        "detail-type": event["detail-type"],
        "source": SOURCE,
        "account": account,
        "time": datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [arn + tail for tail in event["resources"]],
        "detail": detail,
    }
