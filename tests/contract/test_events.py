"""Events of a running server: what the guide's table names, in its structure, across crashes."""

import json
import random
import re
import sqlite3
import threading
import time
import uuid
from contextlib import closing

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests import files
from tests.aws import Bus
from tests.running import HealthImaging, Store

ACCOUNT = "000000000000"


def told(server):
    """The events in the server's file, once the outbox is empty."""
    with closing(sqlite3.connect(server.data / "healthimaging/healthimaging.sqlite")) as db:
        deadline = time.monotonic() + 60
        while db.execute("SELECT 1 FROM event LIMIT 1").fetchone():
            assert time.monotonic() < deadline, "events are still in the outbox"
            time.sleep(0.05)
    assert (server.data / "events.jsonl").read_text().endswith("\n")
    return written(server)


def written(server):
    """The events in the server's file, but none that is being written."""
    path = server.data / "events.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def of(found, **detail):
    """The names of those events whose detail has these values."""
    return [one["detail-type"] for one in found if detail.items() <= one["detail"].items()]


CREATED = ["Data Store Creating", "Data Store Created"]
DELETED = ["Data Store Deleting", "Data Store Deleted"]
STATUSES = {
    "Data Store Creating": "CREATING",
    "Data Store Created": "ACTIVE",
    "Data Store Deleting": "DELETING",
    "Data Store Deleted": "DELETED",
    "Import Job Submitted": "SUBMITTED",
    "Import Job In Progress": "IN_PROGRESS",
    "Import Job Completed": "COMPLETED",
    "Import Job Failed": "FAILED",
    "Image Set Created": "CREATED",
}
FIELDS = {
    "Data Store": {"imagingVersion", "datastoreId", "datastoreName", "datastoreStatus"},
    "Import Job": {
        "imagingVersion",
        "datastoreId",
        "jobId",
        "jobName",
        "jobStatus",
        "inputS3Uri",
        "outputS3Uri",
    },
    "Image Set": {
        "imagingVersion",
        "imageSetVersion",
        "datastoreId",
        "imagesetId",
        "imageSetState",
        "imageSetWorkflowStatus",
    },
}


def check_structure(event, region):
    """One event against the guide's examples and tables."""
    assert list(event) == [
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    ]
    assert (event["version"], event["source"]) == ("0", "aws.medical-imaging")
    assert (event["account"], event["region"]) == (ACCOUNT, region)
    assert uuid.UUID(event["id"]).version == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    detail, kind = event["detail"], event["detail-type"]
    of_kind = " ".join(kind.split()[:2])
    assert detail.keys() - {"isPrimary", "sourceImageSetArn"} == FIELDS[of_kind]
    assert isinstance(detail.get("isPrimary", True), bool)
    assert detail["imagingVersion"] == "1.0"
    status = {"Data Store": "datastoreStatus", "Import Job": "jobStatus"}
    assert detail[status.get(of_kind, "imageSetWorkflowStatus")] == STATUSES[kind]
    arn = f"arn:aws:medical-imaging:{region}:{ACCOUNT}:datastore/{detail['datastoreId']}"
    if of_kind == "Image Set":
        arn += f"/imageset/{detail['imagesetId']}"
    assert event["resources"] == [arn]


def test_what_happens_is_told(fresh, tmp_path):
    made = fresh.imaging.create_datastore(datastoreName="clinic")["datastoreId"]
    paths = [files.write(tmp_path / f"{n}.dcm", files.ct(n)) for n in (1, 2)]
    other = files.write(tmp_path / "3.dcm", files.ct(3, SeriesInstanceUID="1.2.3"))
    good, _ = fresh.import_files([*paths, other], "three", made)
    failing = fresh.start_job("s3://input/nothing/", made)
    assert fresh.wait(failing, made)["jobStatus"] == "FAILED"
    emptied = fresh.imaging.create_datastore(datastoreName="closed")["datastoreId"]
    fresh.imaging.delete_datastore(datastoreId=emptied)

    found = told(fresh)
    for event in found:
        check_structure(event, fresh.known["region_name"])
    assert len({event["id"] for event in found}) == len(found)
    times = [event["time"] for event in found]
    assert times == sorted(times)
    assert {event["detail-type"] for event in found} == STATUSES.keys()

    assert of(found, datastoreId=fresh.datastore_id) == CREATED
    assert of(found, datastoreId=emptied, datastoreName="closed") == CREATED + DELETED
    [job] = {one["detail"]["jobId"] for one in found if "jobId" in one["detail"]} - {failing}
    assert of(found, datastoreId=made) == [
        *CREATED,
        "Import Job Submitted",
        "Import Job In Progress",
        "Image Set Created",
        "Image Set Created",
        "Import Job Completed",
        "Import Job Submitted",
        "Import Job In Progress",
        "Import Job Failed",
    ]
    assert of(found, jobId=job, inputS3Uri="s3://input/three/") == [
        "Import Job Submitted",
        "Import Job In Progress",
        "Import Job Completed",
    ]
    assert len(set(good.values())) == 2
    for image_set in good.values():
        assert of(found, imagesetId=image_set, imageSetState="ACTIVE") == ["Image Set Created"]


def test_an_event_is_told_without_another_after_it(fresh):
    made = fresh.imaging.create_datastore(datastoreName="clinic")["datastoreId"]
    deadline = time.monotonic() + 60
    while of(written(fresh), datastoreId=made) != CREATED:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_refused_request_is_not_told(fresh):
    fresh.s3.create_bucket(Bucket="input")
    before = told(fresh)
    for call in (
        lambda: fresh.imaging.delete_datastore(datastoreId="f" * 32),
        lambda: fresh.imaging.create_datastore(tags={"embedded:import-rule": "none"}),
        lambda: fresh.start_job("s3://input/x/", "f" * 32),
    ):
        with pytest.raises(ClientError):
            call()
    again = fresh.imaging.create_datastore(datastoreName="once", clientToken="token")
    fresh.imaging.create_datastore(datastoreName="once", clientToken="token")
    assert of(told(fresh)[len(before) :], datastoreId=again["datastoreId"]) == CREATED
    assert len(told(fresh)) == len(before) + 2


def test_what_happened_last_is_told_before_the_server_ends(fresh):
    made = fresh.imaging.create_datastore(datastoreName="last")["datastoreId"]
    assert fresh.stop() == 0
    assert of(written(fresh), datastoreId=made) == CREATED


class Rush(threading.Thread):
    """Creates and deletes data stores until the server is gone."""

    def __init__(self, server):
        super().__init__()
        self.busy = threading.Event()
        self._client = boto3.client(
            "medical-imaging",
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
            **server.connection,
        )
        self.start()

    def run(self):
        try:
            while True:
                made = self._client.create_datastore(datastoreName="rush")["datastoreId"]
                self.busy.set()
                if random.random() < 0.5:
                    self._client.delete_datastore(datastoreId=made)
        except (BotoCoreError, ClientError):  # the server was killed
            self._client.close()


@pytest.fixture
def queue(monkeypatch):
    """A queue that the servers started from here on tell of changes."""
    bus = Bus()
    monkeypatch.setenv("HEALTHIMAGING_SQS_ENDPOINT_URL", bus.url)
    monkeypatch.setenv("HEALTHIMAGING_SQS_QUEUE_URL", bus.queue_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    yield bus
    bus.close()


def datastores(server):
    pages = server.imaging.get_paginator("list_datastores").paginate()
    return {
        one["datastoreId"]: one["datastoreStatus"]
        for page in pages
        for one in page["datastoreSummaries"]
    }


def test_a_killed_server_loses_and_doubles_nothing(queue, tmp_path):
    server = HealthImaging(tmp_path / "data")
    rounds = 4
    try:
        for number in range(rounds):
            queue.always = "take" if number % 2 else 503
            rush = Rush(server)
            assert rush.busy.wait(60)
            time.sleep(random.random() / 2)
            server.process.kill()
            rush.join(30)
            server.kill()
            server.start()
        queue.always = "take"
        found = told(server)
        known = datastores(server)
        assert len(known) > rounds
        assert len({event["id"] for event in found}) == len(found)
        for datastore_id, status in known.items():
            expected = CREATED + (DELETED if status == "DELETED" else [])
            assert of(found, datastoreId=datastore_id) == expected
        assert {event["detail"]["datastoreId"] for event in found} == known.keys()
        bodies = [json.loads(entry["MessageBody"]) for entry in queue.taken]
        assert list({event["id"]: event for event in bodies}.values()) == found
    finally:
        server.kill()


def test_a_job_that_a_crash_interrupts_is_told_once(fresh, tmp_path):
    paths = [
        files.write(tmp_path / f"{n}.dcm", files.ct(n, SeriesInstanceUID=f"1.2.{n // 3}"))
        for n in range(1, 13)
    ]
    fresh.upload(paths, "many")
    job_id = fresh.start_job("s3://input/many/")
    progress = ["Import Job Submitted", "Import Job In Progress"]
    while of(written(fresh), jobId=job_id)[:2] != progress:
        time.sleep(0.01)
    fresh.kill()
    fresh.start()
    assert fresh.wait(job_id)["jobStatus"] == "COMPLETED"
    found = told(fresh)
    assert of(found, jobId=job_id) == [*progress, "Import Job Completed"]
    made = {line["importResponse"]["imageSetId"] for line in fresh.lines(
        job_id, "SUCCESS/success.ndjson")}  # fmt: skip
    assert len(made) == 5
    for image_set in made:
        assert of(found, imagesetId=image_set) == ["Image Set Created"]
    assert found[-1]["detail-type"] == "Import Job Completed"


def test_changes_of_image_sets_are_told_in_their_order(fresh, tmp_path):
    store = Store(fresh)
    [one] = store.bring(files.write(tmp_path / "1.dcm", files.ct(1)))
    store.update(one, 1, updatable={"Patient": {"DICOM": {"PatientName": "New^Name"}}})
    store.settled(one)
    copied = store.copy(one, 2)
    store.settled(copied)
    failed = store.copy(one, 2, into=(copied, 1))
    store.settled(failed)
    store.call("delete_image_set", imageSetId=copied)
    store.settled(copied)
    events = [one for one in told(fresh) if one["detail-type"].startswith("Image Set")]
    seen = {
        image_set: [
            (one["detail-type"].removeprefix("Image Set "), one["detail"]["imageSetVersion"])
            for one in events
            if one["detail"]["imagesetId"] == image_set
        ]
        for image_set in (one, copied)
    }
    assert seen[one] == [
        ("Created", "1"),
        ("Updating", "2"),
        ("Updated", "2"),
        ("Copying With Read Only Access", "2"),
        ("Copied", "2"),
        ("Copying With Read Only Access", "2"),
        ("Copied", "2"),
    ]
    assert seen[copied] == [
        ("Copying", "1"),
        ("Copied", "1"),
        ("Copying", "2"),
        ("Copy Failed", "2"),
        ("Deleting", "2"),
        ("Deleted", "2"),
    ]
    arn = store.properties(one)["imageSetArn"]
    for event in events:
        status = event["detail"]["imageSetWorkflowStatus"]
        into = event["detail"]["imagesetId"] == copied and status.startswith(("COPY", "COPIED"))
        assert event["detail"].get("sourceImageSetArn") == (arn if into else None)
