"""Changes as they are asked for: what is checked, locked and answered, before any work is done."""

import threading

import orjson
import pytest

from gateway.emulator import changes, model, resources
from gateway.emulator.faults import Fault
from tests.unit.emulator.archives import Archive, instance, tree

A, B, C = "a" * 32, "b" * 32, "c" * 32
NAME = {"Patient": {"DICOM": {"PatientName": "New^Name"}}}


@pytest.fixture
def archive(tmp_path):
    """Three image sets of one study; the last is not primary."""
    found = Archive(tmp_path / "data")
    found.add("a")
    found.add("b", tree(instance("1.2.4.1"), series={"SeriesInstanceUID": "1.2.4"}))
    found.add("c", tree(instance("1.2.3.9")), primary=False)
    return found


def refused(code, archive, call, *arguments, **more):
    """The request fails and leaves nothing behind."""
    before = archive.rows()
    with pytest.raises(Fault) as fault:
        call(*arguments, **more)
    assert fault.value.code == code
    assert archive.rows() == before
    return str(fault.value)


NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ConflictException"
INVALID, QUOTA = "ValidationException", "ServiceQuotaExceededException"


def test_an_update_locks_a_new_version(archive):
    answer = archive.update(A, "1", NAME)
    assert archive.versions(A) == [("ACTIVE", "CREATED", None), ("LOCKED", "UPDATING", None)]
    assert archive.versions(B) == [("ACTIVE", "CREATED", None)]
    row = archive.row(A)
    assert (
        answer.items()
        >= {
            "datastoreId": archive.datastore_id,
            "imageSetId": A,
            "latestVersionId": "2",
            "imageSetState": "LOCKED",
            "imageSetWorkflowStatus": "UPDATING",
            "createdAt": row["created_at"],
        }.items()
    )
    assert answer["updatedAt"] > row["updated_at"]
    model.serialize("UpdateImageSetMetadata", answer)
    assert archive.document(A)["Patient"]["DICOM"]["PatientName"] == "Phantom^Test"


@pytest.mark.parametrize("latest", ["0", "2", "9" * 30, "9" * 5000])
def test_a_change_names_the_newest_version(archive, latest):
    refused(NOT_FOUND, archive, archive.update, A, latest, NAME)
    refused(NOT_FOUND, archive, archive.update, A, "1", revert=latest)
    refused(NOT_FOUND, archive, archive.copy, A, latest)
    refused(NOT_FOUND, archive, archive.copy, A, "1", (B, latest))


def test_a_change_is_of_an_image_set_of_the_data_store(archive):
    for call in (
        lambda: archive.update("x" * 32, "1", NAME),
        lambda: archive.copy("x" * 32),
        lambda: archive.copy(A, "1", ("x" * 32, "1")),
        lambda: archive.delete("x" * 32),
    ):
        refused(NOT_FOUND, archive, call)


LOCKS = {
    "UPDATING": lambda archive: archive.update(A, "1", NAME),
    "UPDATING_FOR_STUDY_CONSISTENCY": lambda archive: archive.update(
        B, "1", NAME, includeStudyImageSets=True
    ),
    "COPYING": lambda archive: archive.copy(C, "1", (A, "1")),
    "COPYING_WITH_READ_ONLY_ACCESS": lambda archive: archive.copy(A),
    "DELETING": lambda archive: archive.delete(A),
}


@pytest.mark.parametrize("status", LOCKS)
def test_a_locked_image_set_is_left_alone(archive, status):
    LOCKS[status](archive)
    assert archive.versions(A)[-1][:2] == ("LOCKED", status)
    latest = str(archive.row(A)["latest"])
    for call in (
        lambda: archive.update(A, latest, NAME),
        lambda: archive.update(A, "1", NAME),
        lambda: archive.update(A, latest, revert="1"),
        lambda: archive.copy(A, latest),
        lambda: archive.copy(C, "1", (A, latest)),
        lambda: archive.delete(A),
    ):
        message = refused(CONFLICT, archive, call)
        assert "LOCKED" in message
    assert archive.document(A) == archive.document(A, "1")


def test_one_locked_sibling_leaves_nothing_locked(archive):
    archive.delete(B)
    refused(CONFLICT, archive, archive.update, A, "1", NAME, includeStudyImageSets=True)
    archive.update(A, "1", NAME)  # alone it may


def test_the_study_is_its_primary_image_sets(archive):
    archive.add("f", tree(study={"StudyInstanceUID": "1.8"}))
    archive.update(A, "1", NAME, includeStudyImageSets=True)
    assert archive.versions(B)[-1][:2] == ("LOCKED", "UPDATING_FOR_STUDY_CONSISTENCY")
    assert [len(archive.versions(one)) for one in (A, B, C, "f" * 32)] == [2, 2, 1, 1]
    refused(INVALID, archive, archive.update, C, "1", NAME, includeStudyImageSets=True)


def test_a_data_store_without_primary_image_sets(tmp_path):
    archive = Archive(tmp_path / "data", resources.NEW_IMAGE_SETS)
    archive.add("a", primary=None)
    refused(INVALID, archive, archive.update, A, "1", NAME, includeStudyImageSets=True)
    refused(INVALID, archive, archive.copy, A, promoteToPrimary=True)
    assert archive.row(archive.copy(A))["is_primary"] is None


def test_a_revert_is_to_a_version_with_content(archive):
    refused(NOT_FOUND, archive, archive.update, A, "1", revert="2")
    refused(NOT_FOUND, archive, archive.update, A, "1", revert="0")
    more = {"revert": "1", "includeStudyImageSets": True}
    refused(INVALID, archive, archive.update, A, "1", **more)
    answer = archive.update(A, "1", revert="1", force=True)
    assert (answer["latestVersionId"], answer["overrides"]) == ("2", {"forced": True})


def update_raw(archive, **payloads):
    asked = {"DICOMUpdates": payloads}
    parameters = {"datastoreId": archive.datastore_id, "imageSetId": A, "latestVersionId": "1"}
    with archive.database.write() as db:
        return changes.update(db, parameters | {"updateImageSetMetadataUpdates": asked})


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"[]", b"null", b"\xff", b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"]
)
def test_a_payload_that_is_no_document_is_invalid(archive, payload):
    for name in ("updatableAttributes", "removableAttributes"):
        refused(INVALID, archive, update_raw, archive, **{name: payload})


def test_a_payload_has_something_and_at_most_10_kb(archive):
    refused(INVALID, archive, update_raw, archive)
    half = orjson.dumps(NAME).ljust(5 << 10)
    both = {"updatableAttributes": half, "removableAttributes": half + b" "}
    refused(QUOTA, archive, update_raw, archive, **both)
    update_raw(archive, updatableAttributes=half, removableAttributes=half)


def test_a_copy_locks_both_sides(archive):
    made = archive.copy(A)
    assert archive.versions(A) == [("LOCKED", "COPYING_WITH_READ_ONLY_ACCESS", None)]
    assert archive.versions(made) == [("LOCKED", "COPYING", None)]
    assert (archive.row(made)["version"], archive.row(made)["is_primary"]) == (0, 0)
    with pytest.raises(Fault) as fault:
        archive.document(made)
    assert fault.value.code == CONFLICT
    archive.copy(C, "1", (B, "1"))
    assert archive.versions(B)[-1] == ("LOCKED", "COPYING", None)
    assert archive.versions(C) == [("LOCKED", "COPYING_WITH_READ_ONLY_ACCESS", None)]


def test_the_answer_of_a_copy_fits_the_model(archive):
    parameters = {
        "datastoreId": archive.datastore_id,
        "sourceImageSetId": C,
        "copyImageSetInformation": {
            "sourceImageSet": {"latestVersionId": "1"},
            "destinationImageSet": {"imageSetId": A, "latestVersionId": "1"},
        },
    }
    with archive.database.write() as db:
        answer = changes.copy(db, parameters, "us-east-1")
    source, target = (answer[f"{one}ImageSetProperties"] for one in ("source", "destination"))
    assert (source["imageSetId"], source["latestVersionId"]) == (C, "1")
    assert source["imageSetWorkflowStatus"] == "COPYING_WITH_READ_ONLY_ACCESS"
    assert (target["imageSetId"], target["latestVersionId"]) == (A, "2")
    assert target["imageSetArn"].endswith(f"/{A}")
    model.serialize("CopyImageSet", answer)


@pytest.mark.parametrize("subset", [[], None, {"Study": {"Series": {"a": {"Instances": [{}]}}}}])
def test_a_subset_of_another_form_is_invalid(archive, subset):
    parameters = {
        "datastoreId": archive.datastore_id,
        "sourceImageSetId": A,
        "copyImageSetInformation": {
            "sourceImageSet": {
                "latestVersionId": "1",
                "DICOMCopies": {"copiableAttributes": orjson.dumps(subset).decode()},
            }
        },
    }

    def ask():
        with archive.database.write() as db:
            changes.copy(db, parameters, "us-east-1")

    refused(INVALID, archive, ask)


def test_what_can_be_copied_where(archive):
    refused(INVALID, archive, archive.copy, A, "1", (A, "1"))
    refused(INVALID, archive, archive.copy, A, promoteToPrimary=True)  # it is primary already
    archive.add("f", tree(instance("1.2.5.1")), primary=False)
    other = ("f" * 32, "1")
    refused(INVALID, archive, archive.copy, C, "1", other, promoteToPrimary=True)
    made = archive.copy(C, promoteToPrimary=True)
    assert archive.row(made)["is_primary"] == 0  # until it has worked


@pytest.mark.parametrize(("count", "allowed"), [(1000, True), (1001, False)])
def test_a_copy_has_at_most_a_thousand_frames(archive, count, allowed):
    with archive.database.write() as db:
        frames = [(C, f"{number:032x}", "p", 0, 0, "s") for number in range(count)]
        db.executemany("INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?)", frames)
    if allowed:
        archive.copy(C)
    else:
        refused(QUOTA, archive, archive.copy, C)
        archive.copy(C, subset={"Study": {"Series": {"x": {"Instances": {"1.2.3.9": {}}}}}})


def test_an_image_set_without_content_can_only_be_deleted(archive):
    subset = {"Study": {"Series": {"x": {"Instances": {"1.2.9": {}}}}}}
    made = archive.copy(A, subset=subset)
    archive.work()
    assert archive.versions(made)[0][:2] == ("ACTIVE", "COPY_FAILED")
    refused(INVALID, archive, archive.update, made, "1", NAME)
    refused(NOT_FOUND, archive, archive.update, made, "1", revert="1")
    refused(INVALID, archive, archive.copy, made)
    refused(INVALID, archive, archive.copy, A, "1", (made, "1"))
    archive.delete(made)
    archive.work()
    assert archive.versions(made)[-1][:2] == ("DELETED", "DELETED")


@pytest.mark.parametrize("kind", ["UPDATE", "COPY", "DELETE"])
def test_a_hundred_changes_of_a_kind_are_under_way_at_most(archive, kind):
    with archive.database.write() as db:
        rows = [(str(n), archive.datastore_id, kind, B, "{}", 0) for n in range(100)]
        db.executemany("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)", rows)
    calls = {
        "UPDATE": lambda: archive.update(A, "1", NAME),
        "COPY": lambda: archive.copy(A),
        "DELETE": lambda: archive.delete(A),
    }
    refused(QUOTA, archive, calls.pop(kind))
    next(iter(calls.values()))()


@pytest.mark.parametrize("number", [2, 8])
def test_of_updates_of_one_version_exactly_one_is_taken(archive, number):
    barrier, outcomes = threading.Barrier(number), []

    def ask(name):
        barrier.wait()
        try:
            archive.update(A, "1", {"Patient": {"DICOM": {"PatientName": name}}})
            outcomes.append(name)
        except Fault as fault:
            outcomes.append(fault.code)

    threads = [threading.Thread(target=ask, args=(f"N{one}",)) for one in range(number)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    [won] = [one for one in outcomes if one.startswith("N")]
    assert sorted(outcomes) == [CONFLICT] * (number - 1) + [won]
    assert len(archive.versions(A)) == 2
    archive.work()
    assert archive.document(A)["Patient"]["DICOM"]["PatientName"] == won
    refused(NOT_FOUND, archive, archive.update, A, "1", NAME)
