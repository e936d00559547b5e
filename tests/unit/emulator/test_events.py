"""Events as rows: one for each state change, with it or not at all, in the guide's structure."""

import re
import uuid
from datetime import UTC, datetime

import pytest

from gateway.emulator import events, image_sets, jobs, model, resources
from gateway.emulator.faults import Fault
from gateway.emulator.store import Database

REGION, ACCOUNT = "eu-west-1", resources.ACCOUNT
IMAGE_SET = "e" * 32
PLACES = {
    "dataAccessRoleArn": "r",
    "inputS3Uri": "s3://input/prefix/",
    "outputS3Uri": "s3://output/",
    "jobName": "name",
}

# Developer guide, "HealthImaging events sent to EventBridge".
GUIDE = {
    "DatastoreStatus": {
        "CREATING": "Data Store Creating",
        "CREATE_FAILED": "Data Store Creation Failed",
        "ACTIVE": "Data Store Created",
        "DELETING": "Data Store Deleting",
        "DELETED": "Data Store Deleted",
    },
    "JobStatus": {
        "SUBMITTED": "Import Job Submitted",
        "IN_PROGRESS": "Import Job In Progress",
        "COMPLETED": "Import Job Completed",
        "FAILED": "Import Job Failed",
    },
    "ImageSetWorkflowStatus": {
        "CREATED": "Image Set Created",
        "COPYING": "Image Set Copying",
        "COPYING_WITH_READ_ONLY_ACCESS": "Image Set Copying With Read Only Access",
        "COPIED": "Image Set Copied",
        "COPY_FAILED": "Image Set Copy Failed",
        "UPDATING": "Image Set Updating",
        "UPDATED": "Image Set Updated",
        "UPDATE_FAILED": "Image Set Update Failed",
        "DELETING": "Image Set Deleting",
        "DELETED": "Image Set Deleted",
    },
}


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "test.sqlite")


@pytest.fixture
def datastore_id(database):
    with database.write() as db:
        return resources.create_datastore(db, {"datastoreName": "hospital"}, REGION)


@pytest.fixture
def job_id(database, datastore_id):
    with database.write() as db:
        return jobs.submit(db, {"datastoreId": datastore_id, **PLACES})["jobId"]


def told(database):
    with database.read() as db:
        rows = db.execute("SELECT body FROM event ORDER BY id").fetchall()
    return [events.envelope(row["body"], REGION, ACCOUNT) for row in rows]


def kinds(database):
    return [event["detail-type"] for event in told(database)]


def version(db, **changes):
    values = {
        "image_set_id": IMAGE_SET,
        "version": 3,
        "state": "LOCKED",
        "workflow_status": "COPYING",
        "is_primary": None,
    }
    columns = ", ".join(f"? AS {name}" for name in values)
    return db.execute(f"SELECT {columns}", tuple((values | changes).values())).fetchone()


def test_a_data_store_is_being_created_and_then_is_there(database, datastore_id):
    creating, created = told(database)
    detail = {
        "imagingVersion": "1.0",
        "datastoreId": datastore_id,
        "datastoreName": "hospital",
        "datastoreStatus": "CREATING",
    }
    arn = resources.arn(REGION, datastore_id)
    assert creating == {
        "version": "0",
        "id": creating["id"],
        "detail-type": "Data Store Creating",
        "source": "aws.medical-imaging",
        "account": ACCOUNT,
        "time": creating["time"],
        "region": REGION,
        "resources": [arn],
        "detail": detail,
    }
    assert created == creating | {
        "id": created["id"],
        "time": created["time"],
        "detail-type": "Data Store Created",
        "detail": detail | {"datastoreStatus": "ACTIVE"},
    }
    assert uuid.UUID(creating["id"]).version == 4
    assert creating["id"] != created["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created["time"])
    age = datetime.now(UTC) - datetime.fromisoformat(created["time"])
    assert -1 < age.total_seconds() < 60
    assert ACCOUNT.isdecimal()
    assert len(ACCOUNT) == 12


def test_a_data_store_is_being_deleted_and_then_is_gone(database, datastore_id):
    with database.write() as db:
        resources.delete_datastore(db, datastore_id)
    assert kinds(database)[2:] == ["Data Store Deleting", "Data Store Deleted"]
    statuses = [event["detail"]["datastoreStatus"] for event in told(database)]
    assert statuses == ["CREATING", "ACTIVE", "DELETING", "DELETED"]


def test_what_is_refused_is_not_told(database, datastore_id):
    with database.write() as db:
        image_sets.insert(db, image_sets.NewImageSet(IMAGE_SET, datastore_id, {}, 1), 1.0)
    before = told(database)
    with pytest.raises(Fault), database.write() as db:
        resources.delete_datastore(db, datastore_id)
    many = {"tags": {f"k{number}": "" for number in range(51)}}
    with pytest.raises(Fault), database.write() as db:
        resources.create_datastore(db, many, REGION)
    with pytest.raises(Fault), database.write() as db:
        jobs.submit(db, {"datastoreId": "x" * 32, **PLACES})
    assert told(database) == before


@pytest.mark.parametrize(
    ("status", "last"), [("COMPLETED", "Import Job Completed"), ("FAILED", "Import Job Failed")]
)
def test_the_course_of_a_job(database, datastore_id, job_id, status, last):
    jobs.begin(database, job_id)
    jobs.progress(database, job_id, "1 of 2 files")
    jobs.end(database, job_id, status, None)
    found = told(database)[2:]
    assert [event["detail-type"] for event in found] == [
        "Import Job Submitted",
        "Import Job In Progress",
        last,
    ]
    for event, expected in zip(found, ["SUBMITTED", "IN_PROGRESS", status], strict=True):
        assert event["resources"] == [resources.arn(REGION, datastore_id)]
        assert event["detail"] == {
            "imagingVersion": "1.0",
            "datastoreId": datastore_id,
            "jobId": job_id,
            "jobName": "name",
            "jobStatus": expected,
            "inputS3Uri": "s3://input/prefix/",
            "outputS3Uri": "s3://output/",
        }


def test_a_job_that_is_resumed_does_not_begin_again(database, job_id):
    assert jobs.begin(database, job_id)["status"] == "IN_PROGRESS"
    assert jobs.begin(database, job_id)["status"] == "IN_PROGRESS"
    assert kinds(database).count("Import Job In Progress") == 1


def test_a_new_image_set_is_told(database, datastore_id):
    with database.write() as db:
        image_sets.insert(db, image_sets.NewImageSet(IMAGE_SET, datastore_id, {}, 1), 1.0)
    event = told(database)[-1]
    assert event["detail-type"] == "Image Set Created"
    assert event["resources"] == [resources.arn(REGION, datastore_id, IMAGE_SET)]
    assert (
        event["detail"].items()
        >= {
            "imagingVersion": "1.0",
            "imageSetVersion": "1",
            "datastoreId": datastore_id,
            "imagesetId": IMAGE_SET,
            "imageSetState": "ACTIVE",
            "imageSetWorkflowStatus": "CREATED",
        }.items()
    )


@pytest.mark.parametrize(("stored", "expected"), [(None, None), (0, False), (1, True)])
def test_a_primary_image_set_is_told_as_one_where_it_is_known(database, stored, expected):
    with database.write() as db:
        events.image_set(db, "d" * 32, version(db, is_primary=stored))
    [event] = told(database)
    assert event["detail"].get("isPrimary") is expected
    assert event["detail"]["imageSetVersion"] == "3"


def test_a_copy_names_its_source_by_its_full_arn(database):
    with database.write() as db:
        events.image_set(db, "d" * 32, version(db), "f" * 32)
        events.image_set(db, "d" * 32, version(db))
    copied, other = told(database)
    source = resources.arn(REGION, "d" * 32, "f" * 32)
    assert copied["detail"]["sourceImageSetArn"] == source
    assert "sourceImageSetArn" not in other["detail"]


def tell(database, kind, status):
    with database.write() as db:
        if kind == "ImageSetWorkflowStatus":
            events.image_set(db, "d" * 32, version(db, workflow_status=status))
        elif kind == "JobStatus":
            names = ("id", "datastore_id", "name", "input_uri", "output_uri")
            query = f"SELECT {', '.join(f'1 AS {name}' for name in names)}"
            events.job(db, db.execute(query).fetchone(), status)
        else:
            row = db.execute("SELECT 1 AS id, 'n' AS name").fetchone()
            events.datastore(db, row, status)
    return told(database)[-1]["detail-type"]


@pytest.mark.parametrize("kind", GUIDE)
def test_every_status_has_the_name_that_the_guide_gives_it(database, kind):
    for status in model.service().shape_for(kind).enum:
        words = status.replace("_", " ").title()
        assert tell(database, kind, status) == GUIDE[kind].get(status, f"Image Set {words}")
    assert GUIDE[kind].keys() <= set(model.service().shape_for(kind).enum)


def test_an_event_is_of_its_region_and_account_when_it_is_delivered(database, datastore_id):
    with database.read() as db:
        body = db.execute("SELECT body FROM event").fetchone()["body"]
    assert REGION not in body
    assert "arn:" not in body
    moved = events.envelope(body, "us-west-2", "111122223333")
    assert (moved["region"], moved["account"]) == ("us-west-2", "111122223333")
    arn = f"arn:aws:medical-imaging:us-west-2:111122223333:datastore/{datastore_id}"
    assert moved["resources"] == [arn]
