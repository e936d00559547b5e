"""Versions of image sets: begun, settled, taken back; and what is read meanwhile."""

import orjson
import pytest

from gateway.emulator import image_sets, versions
from gateway.emulator.faults import Fault
from tests.unit.emulator.archives import Archive, instance, tree

A, B = "a" * 32, "b" * 32


@pytest.fixture
def archive(tmp_path):
    found = Archive(tmp_path / "data")
    found.add("a")
    return found


@pytest.fixture
def db(archive):
    with archive.database.write() as connection:
        yield connection


def row(db, image_set_id=A):
    return db.execute("SELECT * FROM image_set WHERE id = ?", (image_set_id,)).fetchone()


def newest(db, image_set_id=A):
    return image_sets.version(db, row(db, image_set_id), None)


def refused(code, call, *arguments):
    with pytest.raises(Fault) as fault:
        call(*arguments)
    assert fault.value.code == code
    return str(fault.value)


def events(db):
    found = [orjson.loads(one["body"]) for one in db.execute("SELECT * FROM event ORDER BY id")]
    return [(one["detail-type"], one["detail"]) for one in found if "imagesetId" in one["detail"]]


def test_a_change_is_later_than_every_other_of_the_data_store(archive, db):
    times = [versions.stamp(db, archive.datastore_id)]
    for _ in range(3):
        db.execute("UPDATE image_set SET updated_at = ?", (times[-1],))
        times.append(versions.stamp(db, archive.datastore_id))
    assert times == sorted(set(times))
    db.execute("UPDATE image_set SET updated_at = 4e9")  # the clock was wrong, or is now
    assert versions.stamp(db, archive.datastore_id) > 4e9
    assert versions.stamp(db, "d" * 32) < 4e9
    db.execute("UPDATE image_set SET version = 0")  # what is deleted is in no search
    assert versions.stamp(db, archive.datastore_id) < 4e9


def test_a_version_is_locked_until_it_is_settled(archive, db):
    before = row(db)
    assert versions.begin(db, before, "UPDATING", forced=True) == 2
    begun = newest(db)
    assert (begun["state"], begun["workflow_status"], begun["forced"]) == ("LOCKED", "UPDATING", 1)
    assert begun["created_at"] == before["created_at"]
    assert begun["updated_at"] > before["updated_at"]
    assert begun["is_primary"] == 1
    during = row(db)
    assert (during["version"], during["latest"]) == (1, 2)
    assert dict(during) | {"latest": 1} == dict(before)

    changed = tree(instance("1.2.3.1"), patient={"PatientID": "P2"}, image_set_id=A)
    versions.settle(db, A, 2, "UPDATED", changed)
    settled, after = newest(db), row(db)
    assert (settled["state"], settled["workflow_status"], settled["message"]) == (
        "ACTIVE",
        "UPDATED",
        None,
    )
    assert (after["version"], after["latest"], after["patient_id"]) == (2, 2, "P2")
    assert after["updated_at"] == settled["updated_at"] > begun["updated_at"]
    assert orjson.loads(after["tags"])["DICOMNumberOfStudyRelatedInstances"] == 1
    assert [kind for kind, _ in events(db)] == [
        "Image Set Created",
        "Image Set Updating",
        "Image Set Updated",
    ]
    assert events(db)[-1][1] == {
        "imagingVersion": "1.0",
        "datastoreId": archive.datastore_id,
        "imagesetId": A,
        "imageSetVersion": "2",
        "imageSetState": "ACTIVE",
        "imageSetWorkflowStatus": "UPDATED",
        "isPrimary": True,
    }


def test_a_version_without_content_shows_none(db):
    versions.begin(db, row(db), "COPYING")
    versions.settle(db, A, 2, "COPY_FAILED", None, "why")
    assert (row(db)["version"], row(db)["latest"], newest(db)["message"]) == (1, 2, "why")


def test_only_an_active_image_set_at_its_newest_version_may_be_changed(archive, db):
    for expected in (None, "1", "0001"):
        assert versions.check_writable(db, row(db), expected)["version"] == 1
    for expected in ("0", "2", "9" * 18, "9" * 19, str(1 << 64), "9" * 5000):
        refused("ResourceNotFoundException", versions.check_writable, db, row(db), expected)
    versions.begin(db, row(db), "UPDATING")
    for expected in (None, "1", "2"):
        message = refused("ConflictException", versions.check_writable, db, row(db), expected)
        assert "LOCKED" in message
        assert "UPDATING" in message
    versions.settle(db, A, 2, "UPDATED", tree())
    assert versions.check_writable(db, row(db), "2")["version"] == 2
    refused("ResourceNotFoundException", versions.check_writable, db, row(db), "1")
    versions.set_state(db, A, 2, "DELETED", "DELETED")
    assert newest(db)["deleted_at"] == newest(db)["updated_at"]
    for expected in (None, "2"):
        refused("ResourceNotFoundException", versions.check_writable, db, row(db), expected)


def test_a_version_number_of_any_length_is_found_or_not(db):
    for wanted in ("9" * 19, str(1 << 63), "9" * 5000, "0" * 5000, "0"):
        refused("ResourceNotFoundException", image_sets.version, db, row(db), wanted)
        refused("ResourceNotFoundException", image_sets.readable, db, row(db), wanted)
    assert image_sets.readable(db, row(db), "0" * 5000 + "1") == 1


def test_reading_goes_on_while_a_version_is_made(db):
    versions.begin(db, row(db), "UPDATING")
    assert image_sets.readable(db, row(db), None) == 1
    assert image_sets.readable(db, row(db), "1") == 1
    refused("ConflictException", image_sets.readable, db, row(db), "2")
    versions.settle(db, A, 2, "UPDATED", tree())
    assert [image_sets.readable(db, row(db), one) for one in (None, "1", "2")] == [2, 1, 2]
    versions.set_state(db, A, 2, "LOCKED", "DELETING")
    assert image_sets.readable(db, row(db), None) == 2


def test_an_untouched_version_keeps_its_time(db):
    before = newest(db)["updated_at"]
    versions.set_state(db, A, 1, "LOCKED", "COPYING_WITH_READ_ONLY_ACCESS", touch=False)
    assert newest(db)["updated_at"] == before
    versions.set_state(db, A, 1, "ACTIVE", "COPIED")
    assert newest(db)["updated_at"] > before


def everything(db):
    tables = ("image_set", "image_set_version")
    return [[dict(one) for one in db.execute(f"SELECT * FROM {table}")] for table in tables]


def test_a_begun_version_is_taken_back(db):
    before = everything(db)
    versions.begin(db, row(db), "IMPORTING")
    assert everything(db) != before
    versions.undo(db, A)
    assert everything(db) == before
    versions.undo(db, A)  # nothing was begun
    assert everything(db) == before


def test_what_imports_had_begun_is_taken_back_and_nothing_else(archive):
    archive.add("b", tree(series={"SeriesInstanceUID": "1.2.4"}))
    with archive.database.write() as db:
        versions.begin(db, row(db), "IMPORTING")
        versions.settle(db, A, 2, "IMPORTED", tree())
        versions.begin(db, row(db, B), "UPDATING")
        before = everything(db)
        versions.undo_imports(db)
        assert everything(db) == before
        versions.begin(db, row(db), "IMPORTING")
        versions.undo_imports(db)
        assert everything(db) == before
        assert versions.begin(db, row(db), "IMPORTING") == 3
