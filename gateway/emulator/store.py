"""The server's SQLite database: one file, WAL, a connection per thread, one writer at a time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE datastore (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL, kms_key_arn TEXT, lambda_authorizer_arn TEXT,
    lossless_storage_format TEXT NOT NULL
);
CREATE TABLE job (
    id TEXT PRIMARY KEY, datastore_id TEXT NOT NULL REFERENCES datastore, name TEXT NOT NULL,
    status TEXT NOT NULL, role_arn TEXT NOT NULL, input_uri TEXT NOT NULL, output_uri TEXT NOT NULL,
    submitted_at REAL NOT NULL, ended_at REAL, message TEXT
);
CREATE INDEX job_by_datastore ON job (datastore_id, submitted_at DESC, id);
CREATE TABLE job_file (
    job_id TEXT NOT NULL REFERENCES job, key TEXT NOT NULL,
    name TEXT, size INTEGER, group_key TEXT, sop_uid TEXT, copy INTEGER,
    image_set_id TEXT, kind TEXT, message TEXT,
    PRIMARY KEY (job_id, key)
) WITHOUT ROWID;
CREATE INDEX job_file_by_group ON job_file (job_id, group_key, copy, key);
CREATE INDEX job_file_by_sop ON job_file (job_id, group_key, sop_uid);
CREATE TABLE image_set (
    id TEXT PRIMARY KEY, datastore_id TEXT NOT NULL REFERENCES datastore, version INTEGER NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, tags TEXT NOT NULL,
    patient_id TEXT, accession_number TEXT, study_id TEXT, study_uid TEXT, series_uid TEXT,
    study_datetime TEXT NOT NULL
);
CREATE INDEX image_set_by_updated ON image_set (datastore_id, updated_at, id);
CREATE INDEX image_set_by_created ON image_set (datastore_id, created_at, id);
CREATE INDEX image_set_by_study_datetime ON image_set (datastore_id, study_datetime, id);
CREATE INDEX image_set_by_patient ON image_set (datastore_id, patient_id);
CREATE INDEX image_set_by_accession ON image_set (datastore_id, accession_number);
CREATE INDEX image_set_by_study_id ON image_set (datastore_id, study_id);
CREATE INDEX image_set_by_study ON image_set (datastore_id, study_uid);
CREATE INDEX image_set_by_series ON image_set (datastore_id, series_uid);
CREATE TABLE image_set_version (
    image_set_id TEXT NOT NULL REFERENCES image_set, version INTEGER NOT NULL, state TEXT NOT NULL,
    workflow_status TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL,
    PRIMARY KEY (image_set_id, version)
) WITHOUT ROWID;
CREATE TABLE frame (
    image_set_id TEXT NOT NULL REFERENCES image_set, id TEXT NOT NULL, pack TEXT NOT NULL,
    offset INTEGER NOT NULL, length INTEGER NOT NULL, syntax TEXT NOT NULL,
    PRIMARY KEY (image_set_id, id)
) WITHOUT ROWID;
CREATE TABLE tag (arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key))
    WITHOUT ROWID;
CREATE TABLE client_token (
    operation TEXT NOT NULL, token TEXT NOT NULL, parameters TEXT NOT NULL, result TEXT NOT NULL,
    PRIMARY KEY (operation, token)
) WITHOUT ROWID;
"""

_CHANGES: Final = """
ALTER TABLE datastore ADD COLUMN import_rule TEXT NOT NULL DEFAULT 'new-image-sets';
ALTER TABLE job ADD COLUMN input_owner_account_id TEXT;
ALTER TABLE job_file ADD COLUMN image_set_version INTEGER;
ALTER TABLE job_file ADD COLUMN is_primary INTEGER;
ALTER TABLE image_set ADD COLUMN latest INTEGER NOT NULL DEFAULT 1;
ALTER TABLE image_set ADD COLUMN is_primary INTEGER;
ALTER TABLE image_set ADD COLUMN accessed_at REAL;
ALTER TABLE image_set_version ADD COLUMN is_primary INTEGER;
ALTER TABLE image_set_version ADD COLUMN message TEXT;
ALTER TABLE image_set_version ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE image_set_version ADD COLUMN deleted_at REAL;
UPDATE image_set SET latest = version, accessed_at = updated_at;
DROP INDEX image_set_by_updated;
DROP INDEX image_set_by_created;
DROP INDEX image_set_by_study_datetime;
DROP INDEX image_set_by_patient;
DROP INDEX image_set_by_accession;
DROP INDEX image_set_by_study_id;
DROP INDEX image_set_by_study;
DROP INDEX image_set_by_series;
CREATE INDEX image_set_by_updated ON image_set (datastore_id, updated_at, id) WHERE version > 0;
CREATE INDEX image_set_by_created ON image_set (datastore_id, created_at, id) WHERE version > 0;
CREATE INDEX image_set_by_study_datetime ON image_set (datastore_id, study_datetime, id)
    WHERE version > 0;
CREATE INDEX image_set_by_patient ON image_set (datastore_id, patient_id, updated_at, id)
    WHERE version > 0;
CREATE INDEX image_set_by_accession ON image_set (datastore_id, accession_number, updated_at, id)
    WHERE version > 0;
CREATE INDEX image_set_by_study_id ON image_set (datastore_id, study_id, updated_at, id)
    WHERE version > 0;
CREATE INDEX image_set_by_study ON image_set (datastore_id, study_uid, updated_at, id)
    WHERE version > 0;
CREATE INDEX image_set_by_series ON image_set (datastore_id, series_uid, updated_at, id)
    WHERE version > 0;
CREATE INDEX image_set_by_primary ON image_set (datastore_id, is_primary, updated_at, id)
    WHERE version > 0;
CREATE UNIQUE INDEX image_set_primary ON image_set (datastore_id, study_uid, series_uid)
    WHERE version > 0 AND is_primary = 1;
CREATE INDEX image_set_primary_by_study ON image_set (datastore_id, study_uid, updated_at, id)
    WHERE version > 0 AND is_primary = 1;
CREATE INDEX frame_by_pack ON frame (pack);
CREATE TABLE change (
    id TEXT PRIMARY KEY, datastore_id TEXT NOT NULL REFERENCES datastore, kind TEXT NOT NULL,
    image_set_id TEXT NOT NULL REFERENCES image_set, request TEXT NOT NULL,
    submitted_at REAL NOT NULL
);
CREATE INDEX change_by_datastore ON change (datastore_id, kind);
CREATE TABLE garbage (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE event_sink (name TEXT PRIMARY KEY, sent INTEGER NOT NULL) WITHOUT ROWID;
"""

_MIGRATIONS: Final = (_SCHEMA, _CHANGES)


class Database:
    """Transactions over the database file; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._writing = threading.Lock()  # guards: one write transaction at a time in this process
        self._migrate()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._local.connection = connection
        return connection

    def _migrate(self) -> None:
        connection = self._connection()
        done = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(_MIGRATIONS[done:], done + 1):
            connection.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;"
            )

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view: every statement of the block sees the same state."""
        with _transaction(self._connection(), "BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of the block is on disk when it ends, or nothing of it."""
        with self._writing, _transaction(self._connection(), "BEGIN IMMEDIATE") as connection:
            yield connection


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors, a full disk among them, have ended it already
            connection.execute("ROLLBACK")
        raise
