"""Touches: noted in memory, shown at once, written later and never lost by a write that fails."""

import sqlite3
import time

import pytest

from gateway.emulator import image_sets, resources
from gateway.emulator.store import Database
from gateway.emulator.touches import ARCHIVE, FREQUENT, Touches

ID, OTHER = "a" * 32, "b" * 32
DAY = 86400.0


@pytest.fixture
def database(tmp_path):
    """Two image sets, touched forty and twenty days ago."""
    found = Database(tmp_path / "test.sqlite")
    with found.write() as db:
        datastore_id = resources.create_datastore(db, {}, "us-east-1")
        for image_set_id, days in ((ID, 40), (OTHER, 20)):
            new = image_sets.NewImageSet(image_set_id, datastore_id, {}, 1)
            image_sets.insert(db, new, time.time() - days * DAY)
    return found


def row(database, image_set_id=ID):
    with database.read() as db:
        query = "SELECT * FROM image_set WHERE id = ?"
        return db.execute(query, (image_set_id,)).fetchone()


def test_thirty_days_without_a_touch_make_the_archive(database):
    touches = Touches(database, 30)
    assert touches.shown(row(database))["storageTier"] == ARCHIVE
    assert touches.shown(row(database, OTHER))["storageTier"] == FREQUENT
    assert Touches(database, 10).shown(row(database, OTHER))["storageTier"] == ARCHIVE
    assert touches.shown(row(database))["lastAccessedAt"] == row(database)["accessed_at"]


def test_a_touch_is_shown_at_once_and_written_by_a_flush(database):
    touches = Touches(database, 30)
    before = row(database)["accessed_at"]
    touches.note(ID)
    shown = touches.shown(row(database))
    assert shown["storageTier"] == FREQUENT
    assert abs(shown["lastAccessedAt"] - time.time()) < 60
    assert row(database)["accessed_at"] == before
    touches.flush()
    assert row(database)["accessed_at"] == shown["lastAccessedAt"]
    assert touches.shown(row(database)) == shown
    assert touches.shown(row(database, OTHER))["lastAccessedAt"] < time.time() - 19 * DAY


def test_an_update_is_a_touch(database):
    with database.write() as db:
        db.execute("UPDATE image_set SET updated_at = ? WHERE id = ?", (time.time(), ID))
    assert Touches(database, 30).shown(row(database))["storageTier"] == FREQUENT


def test_a_later_time_on_disk_stays(database):
    touches = Touches(database, 30)
    touches.note(ID)
    with database.write() as db:
        db.execute("UPDATE image_set SET accessed_at = 9e9 WHERE id = ?", (ID,))
    touches.flush()
    assert row(database)["accessed_at"] == 9e9


def test_a_write_that_fails_is_made_up_for(database):
    touches = Touches(database, 30)
    touches.note(ID)
    with database.write() as db:
        db.execute("ALTER TABLE image_set RENAME COLUMN accessed_at TO elsewhere")
    with pytest.raises(sqlite3.Error):
        touches.flush()
    with database.write() as db:
        db.execute("ALTER TABLE image_set RENAME COLUMN elsewhere TO accessed_at")
    touches.flush()
    assert row(database)["accessed_at"] > time.time() - 60


def test_they_are_written_in_the_background_and_at_the_end(database):
    touches = Touches(database, 30, seconds=0.02)
    touches.start()
    touches.note(ID)
    deadline = time.monotonic() + 30
    while row(database)["accessed_at"] < time.time() - DAY and time.monotonic() < deadline:
        time.sleep(0.01)
    written = row(database)["accessed_at"]
    assert written > time.time() - 60
    touches.close()
    touches.note(OTHER)
    touches.close()
    assert row(database, OTHER)["accessed_at"] > time.time() - 60
