"""The database: migrated once, transactions whole or not at all, one connection per thread."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from gateway.emulator import image_sets, resources, store
from gateway.emulator.store import Database

INSERT = "INSERT INTO tag VALUES (?, ?, ?)"


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "data" / "test.sqlite")


def add(database, *keys):
    with database.write() as db:
        db.executemany(INSERT, [("arn", key, "") for key in keys])


def keys(database):
    with database.read() as db:
        return [row["key"] for row in db.execute("SELECT key FROM tag ORDER BY key")]


def in_thread(call, *arguments):
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call, *arguments).result(30)


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def test_the_schema_is_made_once(tmp_path, database):
    add(database, "kept")
    again = Database(tmp_path / "data" / "test.sqlite")
    assert keys(again) == ["kept"]
    assert version(tmp_path / "data" / "test.sqlite") == len(store._MIGRATIONS)


def test_only_the_new_migrations_run(tmp_path, database, monkeypatch):
    add(database, "kept")
    added = (
        "CREATE TABLE first (a); INSERT INTO first VALUES (1);",
        "CREATE TABLE second (a); INSERT INTO second SELECT a + 1 FROM first;",
    )
    monkeypatch.setattr(store, "_MIGRATIONS", store._MIGRATIONS + added)
    path = tmp_path / "data" / "test.sqlite"
    for _ in range(2):
        again = Database(path)
        with again.read() as db:
            assert [row["a"] for row in db.execute("SELECT a FROM second")] == [2]
        assert keys(again) == ["kept"]
        assert version(path) == len(store._MIGRATIONS)


def test_a_failing_migration_changes_nothing(tmp_path, database, monkeypatch):
    broken = "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);"
    before = len(store._MIGRATIONS)
    monkeypatch.setattr(store, "_MIGRATIONS", (*store._MIGRATIONS, broken))
    path = tmp_path / "data" / "test.sqlite"
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Database(path)
    monkeypatch.undo()
    assert version(path) == before
    with Database(path).read() as db, pytest.raises(sqlite3.OperationalError, match="half"):
        db.execute("SELECT * FROM half")


def test_what_is_written_is_on_disk_when_the_block_ends(tmp_path, database):
    add(database, "a")
    with closing(sqlite3.connect(tmp_path / "data" / "test.sqlite")) as other:
        assert other.execute("SELECT key FROM tag").fetchall() == [("a",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with database.read() as db:
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def write_and_fail(database, error):
    with database.write() as db:
        db.execute(INSERT, ("arn", "lost", ""))
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, sqlite3.OperationalError])
def test_a_failing_block_leaves_nothing(database, error):
    add(database, "a")
    with pytest.raises(error):
        write_and_fail(database, error)
    assert keys(database) == ["a"]
    add(database, "b")  # and the next one is not hindered
    assert keys(database) == ["a", "b"]
    assert in_thread(keys, database) == ["a", "b"]


def test_a_violated_constraint_leaves_nothing(database):
    add(database, "a")
    with pytest.raises(sqlite3.IntegrityError):
        add(database, "b", "a")
    assert keys(database) == ["a"]


def test_rows_refer_to_rows_that_are_there(database):
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), database.write() as db:
        db.execute(
            "INSERT INTO image_set_version (image_set_id, version, state, workflow_status, "
            "created_at, updated_at) VALUES ('none', 1, '', '', 0, 0)"
        )


def test_a_failing_read_does_not_hinder_the_next(database):
    add(database, "a")
    with pytest.raises(ZeroDivisionError), database.read():
        raise ZeroDivisionError
    assert keys(database) == ["a"]


def test_a_reader_sees_one_state(database):
    add(database, "a")
    with database.read() as db:
        query = "SELECT count(*) FROM tag"
        assert db.execute(query).fetchone()[0] == 1
        in_thread(add, database, "b")
        assert db.execute(query).fetchone()[0] == 1
    assert keys(database) == ["a", "b"]


def test_a_reader_does_not_see_what_is_being_written(database):
    add(database, "a")
    with database.write() as db:
        db.execute(INSERT, ("arn", "b", ""))
        assert in_thread(keys, database) == ["a"]  # and it does not wait either
    assert in_thread(keys, database) == ["a", "b"]


def test_writers_wait_for_each_other(database):
    threads, rounds = 6, 15
    add(database, "counter")
    with database.write() as db:
        db.execute("UPDATE tag SET value = 0")

    def count():
        for _ in range(rounds):
            with database.write() as db:
                value = int(db.execute("SELECT value FROM tag").fetchone()[0])
                db.execute("UPDATE tag SET value = ?", (value + 1,))

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(count) for _ in range(threads)]:
            future.result(60)
    with database.read() as db:
        assert db.execute("SELECT value FROM tag").fetchone()[0] == str(threads * rounds)


def test_each_thread_has_its_own_connection(database):
    together = threading.Barrier(3, timeout=30)

    def connection():
        with database.read() as db:
            together.wait()
            return db

    with ThreadPoolExecutor(3) as pool:
        found = [future.result(30) for future in [pool.submit(connection) for _ in range(3)]]
    assert len({id(one) for one in found}) == 3
    with database.read() as first:
        pass
    with database.read() as second:
        assert first is second


def test_a_transaction_that_cannot_be_committed_is_undone(tmp_path):
    database = Database(tmp_path / "test.sqlite")

    def write():
        with database.write() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute("INSERT INTO change VALUES ('c', 'none', 'UPDATE', 'none', '', 0)")

    for _ in range(2):  # the connection is as good as before
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            write()
    with database.read() as connection:
        assert connection.execute("SELECT * FROM change").fetchall() == []


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path, monkeypatch):
    path = tmp_path / "old.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr(store, "_MIGRATIONS", store._MIGRATIONS[:1])
        with Database(path).write() as db:
            db.execute(
                "INSERT INTO datastore VALUES ('d', 'old', 'ACTIVE', 1, 1, NULL, NULL, 'HTJ2K')"
            )
            db.execute(
                "INSERT INTO image_set VALUES "
                "('i', 'd', 1, 1, 2, '{}', 'P', 'A', 'S', '1', '2', '')"
            )
            db.execute("INSERT INTO image_set_version VALUES ('i', 1, 'ACTIVE', 'CREATED', 1, 2)")
    with Database(path).read() as db:
        row = image_sets.find(db, "d", "i")
        assert (row["latest"], row["accessed_at"], row["is_primary"]) == (1, 2.0, None)
        assert image_sets.readable(db, row, None) == 1
        assert resources.datastore(db, "d")["import_rule"] == resources.NEW_IMAGE_SETS
