"""Import jobs as rows: submitted, resumed, listed; and what is known of each of their files."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from gateway.emulator import events, resources
from gateway.emulator.faults import not_found
from gateway.emulator.ingest import Failed, Staged
from gateway.emulator.paging import DEFAULT_SIZE, Pager
from gateway.emulator.quotas import DEFAULTS, Quotas
from gateway.emulator.store import Database

UNFINISHED: Final = ("SUBMITTED", "IN_PROGRESS")


def submit(
    db: sqlite3.Connection, parameters: Mapping[str, Any], quotas: Quotas = DEFAULTS
) -> dict[str, Any]:
    """Insert a job; the answer of StartDICOMImportJob.

    Raises:
        Fault: ResourceNotFoundException; ServiceQuotaExceededException, too many are unfinished.
    """
    resources.active_datastore(db, parameters["datastoreId"])
    query = "SELECT count(*) FROM job WHERE datastore_id = ? AND status IN (?, ?)"
    waiting = db.execute(query, (parameters["datastoreId"], *UNFINISHED)).fetchone()[0]
    quotas.check("import-jobs", waiting + 1)
    job_id = uuid4().hex
    now = time.time()
    db.execute(
        "INSERT INTO job (id, datastore_id, name, status, role_arn, input_uri, output_uri, "
        "submitted_at, input_owner_account_id) VALUES (?, ?, ?, 'SUBMITTED', ?, ?, ?, ?, ?)",
        (
            job_id,
            parameters["datastoreId"],
            parameters.get("jobName") or f"import-{job_id[:8]}",
            parameters["dataAccessRoleArn"],
            parameters["inputS3Uri"],
            parameters["outputS3Uri"],
            now,
            parameters.get("inputOwnerAccountId"),
        ),
    )
    events.job(db, _row(db, job_id), "SUBMITTED")
    return {
        "datastoreId": parameters["datastoreId"],
        "jobId": job_id,
        "jobStatus": "SUBMITTED",
        "submittedAt": now,
    }


def find(db: sqlite3.Connection, datastore_id: str, job_id: str) -> sqlite3.Row:
    """The row of a job.

    Raises:
        Fault: ResourceNotFoundException.
    """
    resources.active_datastore(db, datastore_id)
    query = "SELECT * FROM job WHERE id = ? AND datastore_id = ?"
    row = db.execute(query, (job_id, datastore_id)).fetchone()
    if row is None:
        raise not_found(f"Import job {job_id}")
    found: sqlite3.Row = row
    return found


def summary(row: sqlite3.Row) -> dict[str, Any]:
    """A job as ListDICOMImportJobs shows it."""
    optional = {"endedAt": row["ended_at"], "message": row["message"]}
    return {
        "jobId": row["id"],
        "jobName": row["name"],
        "jobStatus": row["status"],
        "datastoreId": row["datastore_id"],
        "dataAccessRoleArn": row["role_arn"],
        "submittedAt": row["submitted_at"],
    } | {key: value for key, value in optional.items() if value is not None}


def properties(row: sqlite3.Row) -> dict[str, Any]:
    """A job as GetDICOMImportJob shows it: its output is the folder of its own."""
    return summary(row) | {"inputS3Uri": row["input_uri"], "outputS3Uri": output_folder(row)}


def output_folder(row: sqlite3.Row) -> str:
    """Where the manifest of a job goes, below the place that was asked for."""
    place = row["output_uri"].removesuffix("/")
    return f"{place}/{row['datastore_id']}-DicomImport-{row['id']}/"


def page(db: sqlite3.Connection, parameters: Mapping[str, Any], pager: Pager) -> dict[str, Any]:
    """One page of a data store's jobs, the newest first."""
    resources.active_datastore(db, parameters["datastoreId"])
    size = parameters.get("maxResults", DEFAULT_SIZE)
    where, values = "datastore_id = ?", [parameters["datastoreId"]]
    if "jobStatus" in parameters:
        where += " AND status = ?"
        values.append(parameters["jobStatus"])
    position = pager.position(parameters, parameters.get("nextToken"))
    if position is not None:
        where += " AND (submitted_at, id) < (?, ?)"
        values += position
    rows = db.execute(
        f"SELECT * FROM job WHERE {where} ORDER BY submitted_at DESC, id DESC LIMIT ?",  # noqa: S608
        (*values, size + 1),
    ).fetchall()
    result: dict[str, Any] = {"jobSummaries": [summary(row) for row in rows[:size]]}
    if len(rows) > size:
        last = rows[size - 1]
        result["nextToken"] = pager.token(parameters, [last["submitted_at"], last["id"]])
    return result


def unfinished(database: Database) -> list[str]:
    """The jobs that a start of the server has to take up, oldest first."""
    with database.read() as db:
        query = "SELECT id FROM job WHERE status IN (?, ?) ORDER BY submitted_at"
        return [row["id"] for row in db.execute(query, UNFINISHED)]


def begin(database: Database, job_id: str) -> sqlite3.Row:
    """Mark a job as running, unless it is resumed and was so before; its row."""
    with database.write() as db:
        change = "UPDATE job SET status = 'IN_PROGRESS' WHERE id = ? AND status = 'SUBMITTED'"
        begun = db.execute(change, (job_id,)).rowcount
        row = _row(db, job_id)
        if begun:
            events.job(db, row, "IN_PROGRESS")
        return row


def _row(db: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
    return row


def progress(database: Database, job_id: str, message: str) -> None:
    """Say in a sentence how far a job is."""
    with database.write() as db:
        db.execute("UPDATE job SET message = ? WHERE id = ?", (message, job_id))


def end(database: Database, job_id: str, status: str, message: str | None) -> None:
    """Finish a job and forget its files."""
    with database.write() as db:
        db.execute(
            "UPDATE job SET status = ?, ended_at = ?, message = ? WHERE id = ?",
            (status, time.time(), message, job_id),
        )
        events.job(db, _row(db, job_id), status)
        db.execute("DELETE FROM job_file WHERE job_id = ?", (job_id,))


def done_keys(database: Database, job_id: str) -> set[str]:
    """The keys that the job has dealt with already, before a restart."""
    with database.read() as db:
        rows = db.execute("SELECT key FROM job_file WHERE job_id = ?", (job_id,))
        return {row["key"] for row in rows}


def record(database: Database, job_id: str, outcome: Staged | Failed) -> None:
    """Remember what became of one file."""
    with database.write() as db:
        if isinstance(outcome, Failed):
            db.execute(
                "INSERT OR REPLACE INTO job_file (job_id, key, kind, message) VALUES (?, ?, ?, ?)",
                (job_id, outcome.key, outcome.kind, outcome.message),
            )
            return
        identity = outcome.identity
        db.execute(
            "INSERT OR REPLACE INTO job_file (job_id, key, name, size, group_key, sop_uid) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                job_id,
                outcome.key,
                outcome.name,
                outcome.size,
                orjson.dumps(identity.group).decode(),
                identity.sop,
            ),
        )


def number_copies(database: Database, job_id: str) -> None:
    """Number the files of a group that carry the same SOP Instance UID, in order of their keys.

    An image set holds an instance once, so each further copy goes to a further image set.
    """
    with database.write() as db:
        db.execute(
            "UPDATE job_file SET copy = numbered.copy FROM (SELECT key, row_number() OVER "
            "(PARTITION BY group_key, sop_uid ORDER BY key) - 1 AS copy FROM job_file "
            "WHERE job_id = ?1 AND name IS NOT NULL) AS numbered "
            "WHERE job_file.job_id = ?1 AND job_file.key = numbered.key",
            (job_id,),
        )


def groups(database: Database, job_id: str) -> list[tuple[str, int]]:
    """The group keys and copy numbers that become image sets, in order of their first files."""
    with database.read() as db:
        rows = db.execute(
            "SELECT group_key, copy FROM job_file WHERE job_id = ? AND name IS NOT NULL "
            "GROUP BY group_key, copy ORDER BY min(key)",
            (job_id,),
        )
        return [(row["group_key"], row["copy"]) for row in rows]


def members(database: Database, job_id: str, group: tuple[str, int]) -> list[sqlite3.Row]:
    """The files of one group in order of their keys: key, name, size and image_set_id."""
    with database.read() as db:
        return db.execute(
            "SELECT key, name, size, sop_uid, image_set_id FROM job_file "
            "WHERE job_id = ? AND group_key = ? AND copy = ? ORDER BY key",
            (job_id, *group),
        ).fetchall()


def outcomes(database: Database, job_id: str) -> Iterator[sqlite3.Row]:
    """Every file of a job in order of the keys, a page at a time."""
    last = ""
    while True:
        with database.read() as db:
            rows = db.execute(
                "SELECT key, image_set_id, is_primary, kind, message FROM job_file "
                "WHERE job_id = ? AND key > ? ORDER BY key LIMIT 1000",
                (job_id, last),
            ).fetchall()
        if not rows:
            return
        yield from rows
        last = rows[-1]["key"]


def image_set_counts(database: Database, job_id: str) -> list[sqlite3.Row]:
    """The image sets that a job made or added to, and the number of instances in each."""
    with database.read() as db:
        return db.execute(
            "SELECT image_set_id, image_set_version, is_primary, count(*) AS instances "
            "FROM job_file WHERE job_id = ? AND image_set_id IS NOT NULL "
            "GROUP BY image_set_id, image_set_version, is_primary ORDER BY min(key)",
            (job_id,),
        ).fetchall()


def published(
    db: sqlite3.Connection, job_id: str, keys: Iterable[str], image_set_id: str, version: int
) -> None:
    """Record which version of which image set holds the instances of some files."""
    query = "SELECT is_primary FROM image_set WHERE id = ?"
    [primary] = db.execute(query, (image_set_id,)).fetchone()
    db.executemany(
        "UPDATE job_file SET image_set_id = ?, image_set_version = ?, is_primary = ? "
        "WHERE job_id = ? AND key = ?",
        [(image_set_id, version, primary, job_id, key) for key in keys],
    )
