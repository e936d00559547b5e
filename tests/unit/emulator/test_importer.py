"""The end of a job: failed by itself, or cut off by the end of the server."""

import pytest

from gateway.emulator import blobs, jobs, resources
from gateway.emulator.importer import Importer
from gateway.emulator.quotas import DEFAULTS
from gateway.emulator.s3client import Location
from gateway.emulator.store import Database
from gateway.emulator.workers import WorkerPool

NOWHERE = Location("http://127.0.0.1:9", "us-east-1", "AKIA", "secret")


@pytest.mark.parametrize(("ends", "status"), [(False, "FAILED"), (True, "IN_PROGRESS")])
def test_a_job_whose_buckets_go_with_the_server_is_resumed(tmp_path, ends, status):
    layout = blobs.Layout(tmp_path)
    database = Database(layout.database)
    with database.write() as db:
        places = {"dataAccessRoleArn": "r", "inputS3Uri": "s3://i/", "outputS3Uri": "s3://o/"}
        datastore_id = resources.create_datastore(db, {}, "us-east-1")
        job_id = jobs.submit(db, {"datastoreId": datastore_id, **places})["jobId"]
    pool = WorkerPool(1, 10, 1 << 30)
    if ends:
        pool.interrupt()
    Importer(database, layout, pool, NOWHERE, DEFAULTS).run(job_id)
    pool.close()
    with database.read() as db:
        assert jobs.find(db, datastore_id, job_id)["status"] == status
    assert jobs.unfinished(database) == ([job_id] if ends else [])
