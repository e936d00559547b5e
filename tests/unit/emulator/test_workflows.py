"""Changes that are done: what is visible at each step, after failures, and after crashes."""

import shutil
import threading
from pathlib import Path

import pytest

from gateway.emulator import blobs, documents, versions, workflows
from gateway.emulator.faults import Fault
from gateway.emulator.quotas import Quotas
from tests.unit.emulator.archives import Archive, flat, instance, tree

A, B, C = "a" * 32, "b" * 32, "c" * 32
FRAME = "{:032x}".format
NAME = {"Patient": {"DICOM": {"PatientName": "New^Name"}}}
DESCRIPTION = {"Study": {"DICOM": {"StudyDescription": None}}}


def fill(root):
    """Three image sets of one study with a frame each; only one has a StudyDescription."""
    archive = Archive(root)
    described = {"StudyDescription": "d"}
    first = tree(instance("1.2.3.1", [FRAME(1)]), instance("1.2.3.2", [FRAME(2)]), study=described)
    archive.add("a", first, packs={"1.2.3.1": b"frame 1", "1.2.3.2": b"frame 2"})
    other = {"SeriesInstanceUID": "1.2.4"}
    archive.add("b", tree(instance("1.2.4.1", [FRAME(3)]), series=other), packs={"1.2.4.1": b"3"})
    third = tree(instance("1.2.3.9", [FRAME(9)]), study=described)
    archive.add("c", third, primary=False, packs={"1.2.3.9": b"frame 9"})
    return archive


@pytest.fixture
def archive(tmp_path):
    return fill(tmp_path / "data")


def name(archive, image_set_id, version=None):
    return archive.document(image_set_id, version)["Patient"]["DICOM"]["PatientName"]


def not_found(call, *arguments):
    with pytest.raises(Fault) as fault:
        call(*arguments)
    assert fault.value.code == "ResourceNotFoundException"


# Updates


def test_an_update_is_a_version_of_its_own(archive):
    before = archive.document(A)
    archive.update(A, "1", NAME)
    archive.work()
    assert archive.versions(A)[-1] == ("ACTIVE", "UPDATED", None)
    assert (name(archive, A), name(archive, A, "2")) == ("New^Name", "New^Name")
    assert archive.document(A, "1") == before
    assert archive.document(A) == before | NAME | {
        "Patient": {"DICOM": before["Patient"]["DICOM"] | NAME["Patient"]["DICOM"]}
    }
    assert archive.pending() == []
    assert name(archive, B) == "Phantom^Test"


def test_a_failed_update_leaves_the_former_content_at_its_version(archive):
    before, row = archive.document(A), archive.row(A)
    archive.update(A, "1", {"Patient": {"DICOM": {"PatientSex": "not a code"}}})
    archive.work()
    message = "The value of PatientSex is not compatible with its VR CS"
    assert archive.versions(A)[-1] == ("ACTIVE", "UPDATE_FAILED", message)
    assert archive.document(A) == archive.document(A, "2") == before
    after = archive.row(A)
    assert (after["version"], after["latest"], after["tags"]) == (2, 2, row["tags"])
    archive.update(A, "2", NAME)
    archive.work()
    assert name(archive, A) == "New^Name"
    assert archive.document(A, "2") == before
    assert archive.frame(A, FRAME(1)) == b"frame 1"


def test_what_breaks_inside_is_a_failure_and_no_end(archive, monkeypatch):
    archive.update(A, "1", NAME)
    monkeypatch.setattr(documents, "save", lambda *_: 1 / 0)
    archive.work()
    monkeypatch.undo()
    message = "INTERNAL_ERROR: ZeroDivisionError"
    assert archive.versions(A)[-1] == ("ACTIVE", "UPDATE_FAILED", message)
    assert name(archive, A) == "Phantom^Test"


def test_a_document_that_grows_too_large_is_refused(archive):
    archive.update(A, "1", NAME)
    archive.work(Quotas({"metadata-size": 100}))
    assert archive.versions(A)[-1][1:] == (
        "UPDATE_FAILED",
        "The image set's metadata would be larger than the quota allows",
    )


def test_changed_uids_are_searched_for(archive):
    payload = {"Study": {"DICOM": {"StudyInstanceUID": "1.9"}}}
    archive.update(C, "1", payload, force=True)
    archive.update(A, "1", payload, force=True)
    archive.work()
    assert archive.row(C)["study_uid"] == "1.9"
    assert archive.row(A)["study_uid"] == "1.2"
    assert "primary" in archive.versions(A)[-1][2]


def test_the_whole_study_changes_or_nothing(archive):
    archive.update(A, "1", NAME, includeStudyImageSets=True)
    archive.work()
    assert [name(archive, one) for one in (A, B, C)] == ["New^Name", "New^Name", "Phantom^Test"]
    assert {archive.versions(one)[-1] for one in (A, B)} == {("ACTIVE", "UPDATED", None)}
    before = [archive.document(one) for one in (A, B)]
    archive.update(A, "2", None, DESCRIPTION, includeStudyImageSets=True)  # B has none
    archive.work()
    for one, document in zip((A, B), before, strict=True):
        state, status, message = archive.versions(one)[-1]
        assert (state, status) == ("ACTIVE", "UPDATE_FAILED")
        assert "StudyDescription" in message
        assert archive.document(one) == archive.document(one, "3") == document


def test_series_and_instances_are_changed_in_the_named_image_set_only(archive):
    payload = NAME | {"Study": {"Series": {"1.2.3": {"DICOM": {"SeriesDescription": "x"}}}}}
    archive.update(A, "1", payload, includeStudyImageSets=True)
    archive.work()
    assert {one["SeriesDescription"] for one in flat(archive.document(A)).values()} == {"x"}
    assert "SeriesDescription" not in flat(archive.document(B))["1.2.4.1"]
    assert name(archive, B) == "New^Name"


def test_a_revert_brings_content_back(archive):
    before = archive.document(A)
    removal = {"Study": {"Series": {"1.2.3": {"Instances": {"1.2.3.2": {}}}}}}
    archive.update(A, "1", None, removal)
    archive.work()
    assert list(flat(archive.document(A))) == ["1.2.3.1"]
    archive.update(A, "2", revert="1")
    archive.work()
    assert archive.document(A) == archive.document(A, "3") == before
    assert archive.versions(A)[-1] == ("ACTIVE", "UPDATED", None)
    assert archive.frame(A, FRAME(2)) == b"frame 2"
    assert list(flat(archive.document(A, "2"))) == ["1.2.3.1"]


# Copies


def test_a_copy_is_an_image_set_with_the_same_frames(archive):
    made = archive.copy(A)
    archive.work()
    assert archive.versions(made) == [("ACTIVE", "COPIED", None)]
    assert archive.versions(A) == [("ACTIVE", "COPIED", None)]
    assert archive.document(made) == archive.document(A) | {"ImageSetID": made}
    assert archive.frame(made, FRAME(2)) == b"frame 2"
    assert (archive.row(made)["version"], archive.row(made)["is_primary"]) == (1, 0)
    archive.update(A, "1", NAME)
    archive.work()
    assert (name(archive, A), name(archive, made)) == ("New^Name", "Phantom^Test")


def test_a_part_is_copied_into_another(archive):
    subset = {"Study": {"Series": {"imageSetId": {"Instances": {"1.2.3.2": {}}}}}}
    archive.copy(A, "1", (C, "1"), subset)
    archive.work()
    assert list(flat(archive.document(C))) == ["1.2.3.9", "1.2.3.2"]
    assert archive.document(C)["ImageSetID"] == C
    assert archive.frame(C, FRAME(2)) == b"frame 2"
    not_found(archive.frame, C, FRAME(1))
    assert list(flat(archive.document(C, "1"))) == ["1.2.3.9"]
    archive.copy(A, "1", (C, "2"))
    archive.work()
    assert archive.versions(C)[-1][1] == "COPY_FAILED"
    assert "not unique" in archive.versions(C)[-1][2]
    assert list(flat(archive.document(C, "3"))) == ["1.2.3.9", "1.2.3.2"]
    assert archive.versions(A) == [("ACTIVE", "COPIED", None)]  # as the first copy left it


def test_a_failed_copy_leaves_the_source_as_it_was(archive):
    archive.copy(B, "1", (A, "1"))
    archive.work()
    assert archive.versions(B) == [("ACTIVE", "CREATED", None)]
    assert "Study of SourceImageSet" in archive.versions(A)[-1][2]
    assert archive.document(A) == archive.document(A, "1") == archive.document(A, "2")


def test_promotion_makes_a_primary_image_set_where_there_is_none(archive):
    made = archive.copy(C, promoteToPrimary=True)
    archive.work()
    assert archive.versions(made)[0][1] == "COPY_FAILED"
    assert "primary image set already" in archive.versions(made)[0][2]
    not_found(archive.document, made)
    archive.delete(A)
    archive.work()
    first, second = (
        archive.copy(C, promoteToPrimary=True),
        None,
    )
    archive.work()
    assert archive.versions(first) == [("ACTIVE", "COPIED", None)]
    second = archive.copy(C, promoteToPrimary=True)
    archive.work()
    assert archive.versions(second)[0][1] == "COPY_FAILED"
    assert (archive.row(first)["version"], archive.row(second)["version"]) == (1, 0)


# Deletions


def packs(archive):
    return sorted(path.name for path in archive.layout.frames.rglob("*") if path.is_file())


def test_a_deletion_removes_what_no_other_image_set_uses(archive):
    everything = packs(archive)
    subset = {"Study": {"Series": {"x": {"Instances": {"1.2.3.2": {}}}}}}
    made = archive.copy(A, subset=subset)
    archive.work()
    archive.delete(A)
    assert archive.document(A)  # until it is done
    archive.work()
    assert archive.versions(A)[-1] == ("DELETED", "DELETED", None)
    not_found(archive.document, A)
    not_found(archive.document, A, "1")
    not_found(archive.frame, A, FRAME(2))
    not_found(archive.update, A, "1", NAME)
    not_found(archive.delete, A)
    assert len(packs(archive)) == len(everything) - 1
    assert archive.frame(made, FRAME(2)) == b"frame 2"
    assert not archive.layout.metadata(A, 1).parent.exists()
    row = archive.row(A)
    assert (row["version"], row["tags"], row["patient_id"]) == (0, "{}", None)
    archive.delete(made)
    archive.work()
    assert len(packs(archive)) == len(everything) - 2
    assert archive.rows()["garbage"] == []


def test_sweeping_in_two_threads_removes_everything_once(archive):
    folders = [archive.layout.root / "metadata" / f"g{number}" for number in range(200)]
    for folder in folders:
        folder.mkdir()
        (folder / "1.json.gz").write_bytes(b"x")
    names = [(str(folder.relative_to(archive.layout.root)),) for folder in folders]
    with archive.database.write() as db:
        db.executemany("INSERT INTO garbage VALUES (?)", [*names, ("never/was",)])
    barrier, failures = threading.Barrier(4), []

    def sweep():
        barrier.wait()
        try:
            archive.workflows.sweep()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failures == []
    assert not any(folder.exists() for folder in folders)
    assert archive.rows()["garbage"] == []


# Crashes


class Crash(BaseException):
    """The server ends here."""


POINTS = [
    *[(Path, "replace"), (blobs, "sync_directory"), (documents, "save"), (documents, "keep")],
    *[(versions, "settle"), (versions, "set_state"), (versions, "show"), (versions, "tell")],
    *[(workflows, "_forget"), (shutil, "rmtree"), (Path, "unlink"), (documents, "load")],
]
REQUESTS = {
    "update": lambda archive: archive.update(A, "1", NAME, includeStudyImageSets=True),
    "failing": lambda archive: archive.update(
        A, "1", None, DESCRIPTION, includeStudyImageSets=True
    ),
    "revert": lambda archive: archive.update(A, "1", revert="1"),
    "copy": lambda archive: archive.copy(A),
    "merge": lambda archive: archive.copy(C, "1", (A, "1")),
    "failing merge": lambda archive: archive.copy(C, "1", (B, "1")),
    "delete": lambda archive: archive.delete(A),
}


def crash_at(monkeypatch, place, function, nth, when):
    real, calls = getattr(place, function), []

    def wrapped(*arguments, **more):
        calls.append(1)
        if len(calls) == nth and when == "before":
            raise Crash
        result = real(*arguments, **more)
        if len(calls) == nth:
            raise Crash
        return result

    monkeypatch.setattr(place, function, wrapped)


def crashes(monkeypatch, archive, *step):
    """Whether the step was reached; the work ends there."""
    crash_at(monkeypatch, *step)
    try:
        archive.work()
    except Crash:
        return True
    finally:
        monkeypatch.undo()
    return False


@pytest.mark.parametrize("request_name", REQUESTS)
def test_work_resumed_after_a_crash_gives_the_same(tmp_path, monkeypatch, request_name):
    asked = fill(tmp_path / "asked")
    REQUESTS[request_name](asked)
    asked.database = None
    shutil.copytree(tmp_path / "asked", tmp_path / "smooth")
    smooth = asked.again(tmp_path / "smooth")
    before = smooth.rows()["image_set"]
    [change] = smooth.pending()
    smooth.work()
    done, files = smooth.rows(), smooth.files()
    smooth.workflows.run(change)  # there is nothing left to do
    assert (smooth.rows(), smooth.files()) == (done, files)
    assert done["change"] == done["garbage"] == []
    assert {row["state"] for row in done["image_set_version"]} <= {"ACTIVE", "DELETED"}

    reached = 0
    for point in POINTS:
        for when in ("before", "after"):
            for nth in range(1, 9):
                root = tmp_path / "crashed"
                shutil.copytree(tmp_path / "asked", root)
                crashed = crashes(monkeypatch, asked.again(root), *point, nth, when)
                if crashed:
                    restarted = asked.again(root)
                    assert restarted.rows()["image_set"] in (before, done["image_set"])
                    crashes(monkeypatch, restarted, *point, nth, when)  # and once more there
                    restarted.work()
                    restarted.workflows.sweep()  # as each start of the server does
                    assert restarted.rows() == done
                    assert restarted.files() == files
                    reached += 1
                shutil.rmtree(root)
                if not crashed:
                    break
    assert reached > 10


def test_a_runner_does_what_was_asked_for_before_its_start(archive):
    archive.update(A, "1", NAME)
    archive.delete(C)
    runner = workflows.WorkflowRunner(archive.workflows, 0.0)
    runner.start()
    runner._threads.shutdown()
    assert archive.pending() == []
    assert name(archive, A) == "New^Name"
    runner.close()


def test_a_change_whose_failure_cannot_be_recorded_is_tried_again(archive, monkeypatch):
    archive.update(A, "1", NAME)
    runner = workflows.WorkflowRunner(archive.workflows, 0.0)
    monkeypatch.setattr(versions, "settle", lambda *_: 1 / 0)
    [change] = archive.pending()
    runner._queued.add(change)
    runner._run(change)
    monkeypatch.undo()
    assert archive.pending() == [change]
    runner.wake()
    runner._threads.shutdown()
    assert archive.pending() == []
    assert name(archive, A) == "New^Name"
