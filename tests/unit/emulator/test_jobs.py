"""Import jobs and their files as rows: listed, numbered, grouped, resumed."""

from itertools import groupby

import pytest
from hypothesis import given, settings, strategies as st

from gateway.emulator import jobs, model, resources
from gateway.emulator.faults import Fault
from gateway.emulator.ingest import Failed, Staged
from gateway.emulator.paging import Pager
from gateway.emulator.rules import Identity
from gateway.emulator.store import Database

PAGER = Pager("secret")
ROLE = "arn:aws:iam::000000000000:role/name"
PARAMETERS = {
    "dataAccessRoleArn": ROLE,
    "inputS3Uri": "s3://input/",
    "outputS3Uri": "s3://output/",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One database for all examples of a test: making one takes longer than they do."""
    return Database(tmp_path_factory.mktemp("jobs") / "test.sqlite")


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "test.sqlite")


@pytest.fixture
def datastore_id(database):
    with database.write() as db:
        return resources.create_datastore(db, {}, "us-east-1")


def submit(database, datastore_id, **more):
    with database.write() as db:
        return jobs.submit(db, {"datastoreId": datastore_id, **PARAMETERS, **more})


@pytest.fixture
def job_id(database, datastore_id):
    return submit(database, datastore_id)["jobId"]


def row(database, datastore_id, job_id):
    with database.read() as db:
        return jobs.find(db, datastore_id, job_id)


def staged(key, group="G", sop="1.2", size=10):
    return Staged(key, Identity("1", "2", sop, (group,)), f"name-{key}", size)


def failed(key, message="reason"):
    return Failed(key, "ValidationException", message)


def test_a_submitted_job_waits(database, datastore_id):
    answer = submit(database, datastore_id, jobName="name")
    found = jobs.properties(row(database, datastore_id, answer["jobId"]))
    assert answer == {
        "datastoreId": datastore_id,
        "jobId": found["jobId"],
        "jobStatus": "SUBMITTED",
        "submittedAt": found["submittedAt"],
    }
    expected = {"jobName": "name", "jobStatus": "SUBMITTED", **PARAMETERS}
    expected["outputS3Uri"] += f"{datastore_id}-DicomImport-{answer['jobId']}/"
    assert found.items() >= expected.items()
    assert "endedAt" not in found
    assert "message" not in found
    assert found.keys() <= model.service().shape_for("DICOMImportJobProperties").members.keys()
    model.serialize("StartDICOMImportJob", answer)
    model.serialize("GetDICOMImportJob", {"jobProperties": found})


def test_a_job_without_a_name_gets_one(database, datastore_id, job_id):
    assert jobs.summary(row(database, datastore_id, job_id))["jobName"]


def test_a_summary_does_not_show_the_places(database, datastore_id, job_id):
    found = jobs.summary(row(database, datastore_id, job_id))
    assert found.keys() <= model.service().shape_for("DICOMImportJobSummary").members.keys()


def test_a_job_needs_an_active_data_store(database, datastore_id):
    with database.write() as db:
        resources.delete_datastore(db, datastore_id)
    for unknown in (datastore_id, "x" * 32):
        with pytest.raises(Fault) as refused:
            submit(database, unknown)
        assert refused.value.code == "ResourceNotFoundException"


def test_a_job_is_found_in_its_data_store_only(database, datastore_id, job_id):
    with database.write() as db:
        other = resources.create_datastore(db, {}, "us-east-1")
    for place in ((other, job_id), (datastore_id, "x"), ("x" * 32, job_id)):
        with pytest.raises(Fault) as refused:
            row(database, *place)
        assert refused.value.code == "ResourceNotFoundException"


def test_the_course_of_a_job(database, datastore_id, job_id):
    begun = jobs.begin(database, job_id)
    assert (begun["id"], begun["status"]) == (job_id, "IN_PROGRESS")
    jobs.progress(database, job_id, "20 of 40 files")
    assert jobs.summary(row(database, datastore_id, job_id))["message"] == "20 of 40 files"
    jobs.record(database, job_id, staged("a"))
    jobs.end(database, job_id, "COMPLETED", None)
    found = jobs.summary(row(database, datastore_id, job_id))
    assert found["jobStatus"] == "COMPLETED"
    assert found["endedAt"] >= found["submittedAt"]
    assert "message" not in found
    assert jobs.done_keys(database, job_id) == set()


def test_a_failed_job_says_why(database, datastore_id, job_id):
    jobs.end(database, job_id, "FAILED", "There are no files")
    found = jobs.summary(row(database, datastore_id, job_id))
    assert (found["jobStatus"], found["message"]) == ("FAILED", "There are no files")


def test_the_end_of_a_job_forgets_its_own_files_only(database, datastore_id, job_id):
    other = submit(database, datastore_id)["jobId"]
    for one in (job_id, other):
        jobs.record(database, one, staged("a"))
    jobs.end(database, job_id, "COMPLETED", None)
    assert jobs.done_keys(database, other) == {"a"}


def test_unfinished_jobs_are_taken_up_in_their_order(database, datastore_id):
    ids = [submit(database, datastore_id)["jobId"] for _ in range(5)]
    with database.write() as db:
        for number, one in enumerate(ids):
            db.execute("UPDATE job SET submitted_at = ? WHERE id = ?", (100 - number, one))
    jobs.begin(database, ids[1])
    jobs.end(database, ids[2], "COMPLETED", None)
    jobs.end(database, ids[3], "FAILED", "no")
    assert jobs.unfinished(database) == [ids[4], ids[1], ids[0]]


@settings(deadline=None, max_examples=25)
@given(
    statuses=st.lists(st.sampled_from(["SUBMITTED", "COMPLETED", "FAILED"]), max_size=9),
    wanted=st.sampled_from([None, "SUBMITTED", "COMPLETED", "IN_PROGRESS"]),
    size=st.integers(1, 4),
    data=st.data(),
)
def test_pages_hold_every_job_once_the_newest_first(shared, statuses, wanted, size, data):
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(statuses), max_size=len(statuses)))
    with shared.write() as db:
        store, other = (resources.create_datastore(db, {}, "us-east-1") for _ in range(2))
        jobs.submit(db, {"datastoreId": other, **PARAMETERS})
        made = []
        for status, at in zip(statuses, times, strict=True):
            one = jobs.submit(db, {"datastoreId": store, **PARAMETERS})["jobId"]
            change = "UPDATE job SET status = ?, submitted_at = ? WHERE id = ?"
            db.execute(change, (status, at, one))
            made.append((at, one, status))
    parameters = {"datastoreId": store, "maxResults": size}
    if wanted:
        parameters["jobStatus"] = wanted
    seen, token = [], {}
    for _ in range(20):
        with shared.write() as db:
            answer = jobs.page(db, parameters | token, PAGER)
            # A job that is submitted between two pages is newer than all of them.
            jobs.submit(db, {"datastoreId": store, **PARAMETERS})
        seen += [one["jobId"] for one in answer["jobSummaries"]]
        if "nextToken" not in answer:
            break
        assert len(answer["jobSummaries"]) == size
        token = {"nextToken": answer["nextToken"]}
    made.sort(reverse=True)
    assert seen == [one for _, one, status in made if wanted in (None, status)]


def test_the_jobs_of_an_unknown_data_store_are_not_listed(database):
    with database.read() as db, pytest.raises(Fault) as refused:
        jobs.page(db, {"datastoreId": "x" * 32}, PAGER)
    assert refused.value.code == "ResourceNotFoundException"


def test_a_file_that_is_done_again_after_a_restart_counts_once(database, job_id):
    jobs.record(database, job_id, failed("a"))
    jobs.record(database, job_id, staged("a"))
    jobs.record(database, job_id, staged("a"))
    assert jobs.done_keys(database, job_id) == {"a"}
    [found] = jobs.outcomes(database, job_id)
    assert (found["key"], found["kind"], found["message"]) == ("a", None, None)


outcomes = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=3),
    st.none() | st.tuples(st.sampled_from("GH"), st.sampled_from(["1.1", "1.2", "1.3"])),
    max_size=9,
)


def utf8(key):
    return key.encode()


@settings(deadline=None, max_examples=30)
@given(found=outcomes)
def test_groups_hold_every_instance_once(shared, found):
    database = shared
    with database.write() as db:
        store = resources.create_datastore(db, {}, "us-east-1")
        job, other = (jobs.submit(db, {"datastoreId": store, **PARAMETERS})["jobId"] for _ in "12")
    for key, instance in found.items():
        good = instance and staged(key, *instance)
        jobs.record(database, job, good or failed(key))
    jobs.record(database, other, staged("another"))
    jobs.number_copies(database, job)
    jobs.number_copies(database, job)  # as after a restart
    groups = jobs.groups(database, job)
    assert len(groups) == len(set(groups))
    seen = []
    for group in groups:
        members = jobs.members(database, job, group)
        keys = [one["key"] for one in members]
        assert keys == sorted(keys, key=utf8)
        sops = [one["sop_uid"] for one in members]
        assert len(set(sops)) == len(sops)
        assert {found[key] for key in keys} == {(found[keys[0]][0], sop) for sop in sops}
        seen += keys
    assert sorted(seen) == sorted(key for key, instance in found.items() if instance)
    # As few image sets as the copies allow: the first of each instance stand in one.
    by_group = {}
    for key in sorted(filter(found.get, found), key=utf8):
        by_group.setdefault(found[key], []).append(key)
    for copies in by_group.values():
        numbers = [next(g[1] for g in groups if k in _keys(database, job, g)) for k in copies]
        assert numbers == list(range(len(copies)))
    assert jobs.groups(database, other) == [('["G"]', None)]


def _keys(database, job, group):
    return [one["key"] for one in jobs.members(database, job, group)]


def test_groups_come_in_the_order_of_their_first_files(database, job_id):
    for key, group in (("b", "X"), ("a", "Y"), ("c", "Y"), ("d", "W")):
        jobs.record(database, job_id, staged(key, group, key))
    jobs.number_copies(database, job_id)
    assert jobs.groups(database, job_id) == [('["Y"]', 0), ('["X"]', 0), ('["W"]', 0)]


def test_a_member_has_what_publishing_needs(database, job_id):
    jobs.record(database, job_id, staged("a", size=77))
    jobs.number_copies(database, job_id)
    [group] = jobs.groups(database, job_id)
    [member] = jobs.members(database, job_id, group)
    assert dict(member) == {
        "key": "a",
        "name": "name-a",
        "size": 77,
        "sop_uid": "1.2",
        "image_set_id": None,
    }


def test_outcomes_come_in_the_order_of_the_keys_over_many_pages(database, job_id):
    wanted = sorted((f"k{number}" for number in range(2500)), key=utf8)
    with database.write() as db:
        sql = "INSERT INTO job_file (job_id, key, kind, message) VALUES (?, ?, 'K', 'M')"
        db.executemany(sql, [(job_id, key) for key in reversed(wanted)])
    assert [one["key"] for one in jobs.outcomes(database, job_id)] == wanted


def test_image_sets_are_counted(database, datastore_id, job_id):
    for key, sop in (("c", "1"), ("a", "2"), ("b", "3"), ("d", "4")):
        jobs.record(database, job_id, staged(key, sop=sop))
    jobs.record(database, job_id, failed("e"))
    with database.write() as db:
        sql = "UPDATE job_file SET image_set_id = ? WHERE key = ?"
        db.executemany(sql, [("later", "b"), ("first", "a"), ("later", "c")])
    counts = [
        (row["image_set_id"], row["instances"]) for row in jobs.image_set_counts(database, job_id)
    ]
    assert counts == [("first", 1), ("later", 2)]
    counted = groupby(jobs.outcomes(database, job_id), lambda one: one["image_set_id"])
    assert [name for name, _ in counted] == ["first", "later", None]
