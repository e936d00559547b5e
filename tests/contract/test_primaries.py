"""Primary image sets across jobs, and what promotes one."""

import numpy as np
import pytest

from tests import files
from tests.running import Store

STUDY = "1.2.826.0.1.3680043.10.1.1"
SERIES = f"{STUDY}.1"


@pytest.fixture
def store(healthimaging):
    return Store(healthimaging)


@pytest.fixture
def ct(tmp_path):
    """Write a slice; its path."""

    def write(number, **changes):
        name = f"{number}-{len(list(tmp_path.iterdir()))}.dcm"
        dataset = files.ct(number, **{"SOPInstanceUID": f"{SERIES}.{number}", **changes})
        return files.write(tmp_path / name, dataset)

    return write


def instances(tree):
    [series] = tree["Study"]["Series"].values()
    return series["Instances"]


def merged(tree):
    """The attributes of each instance as every reader puts them together."""
    [series] = tree["Study"]["Series"].values()
    upper = tree["Patient"]["DICOM"] | tree["Study"]["DICOM"] | series["DICOM"]
    return {uid: upper | one["DICOM"] for uid, one in series["Instances"].items()}


def test_a_series_has_one_primary_image_set_across_jobs(store, ct):
    [first] = store.bring(ct(1))
    before = store.metadata(first)
    [second, third] = store.bring(ct(2), ct(3, SeriesDescription="only here"))
    assert {first} == {second, third}
    found = store.properties(first)
    assert found["versionId"] == "2"
    assert found["isPrimary"] is True
    assert (found["imageSetState"], found["imageSetWorkflowStatus"]) == ("ACTIVE", "IMPORTED")
    tree = store.metadata(first)
    assert set(instances(tree)) == {f"{SERIES}.{number}" for number in (1, 2, 3)}
    assert store.metadata(first, versionId="1") == before
    attributes = merged(tree)
    assert merged(before)[f"{SERIES}.1"] == attributes[f"{SERIES}.1"]
    assert attributes[f"{SERIES}.3"]["SeriesDescription"] == "only here"
    [summary] = store.search()
    assert (summary["version"], summary["isPrimary"]) == (2, True)
    assert summary["DICOMTags"]["DICOMNumberOfStudyRelatedInstances"] == 3


def test_an_instance_that_is_imported_again_is_replaced(store, ct, healthimaging):
    [one] = store.bring(ct(1))
    old = instances(store.metadata(one))[f"{SERIES}.1"]["ImageFrames"][0]
    dataset = files.ct(1, SOPInstanceUID=f"{SERIES}.1")
    pixels = np.full((dataset.Rows, dataset.Columns), 77, "<i2")
    [again] = store.bring(ct(1, PixelData=pixels.tobytes(), ImageComments="again"))
    assert again == one
    tree = store.metadata(one)
    new = instances(tree)[f"{SERIES}.1"]
    assert new["DICOM"]["ImageComments"] == "again"
    assert (new["ImageFrames"][0]["MinPixelValue"], new["ImageFrames"][0]["ID"]) != (
        old["MinPixelValue"],
        old["ID"],
    )
    for frame in (old, new["ImageFrames"][0]):  # also the frames of former versions are there
        content = store.call(
            "get_image_frame",
            imageSetId=one,
            imageFrameInformation={"imageFrameId": frame["ID"]},
        )
        assert content["imageFrameBlob"].read().startswith(b"\xff\x4f")


@pytest.mark.parametrize(
    "changes",
    [
        {"PatientID": "OTHER"},
        {"StudyDate": "20200101"},
        {"AccessionNumber": "OTHER"},
        {"StudyID": "OTHER"},
        {"SeriesNumber": 9},
        {"PatientName": "Another^Patient"},
        {"SeriesInstanceUID": f"{STUDY}.2", "PatientID": "OTHER"},
    ],
)
def test_what_contradicts_is_not_primary(store, ct, changes):
    [one] = store.bring(ct(1))
    before = store.metadata(one)
    [two] = store.bring(ct(2, **changes))
    [three] = store.bring(ct(3, **changes))
    assert len({one, two, three}) == 3
    assert store.properties(one)["isPrimary"] is True
    assert store.metadata(one) == before
    for other in (two, three):
        found = store.properties(other)
        assert found["isPrimary"] is False
        assert found["imageSetWorkflowStatus"] == "CREATED"
    primary = {"filters": [{"values": [{"isPrimary": True}], "operator": "EQUAL"}]}
    assert [summary["imageSetId"] for summary in store.search(**primary)] == [one]
    others = {"filters": [{"values": [{"isPrimary": False}], "operator": "EQUAL"}]}
    assert {summary["imageSetId"] for summary in store.search(**others)} == {two, three}


def test_another_series_of_the_study_is_primary_too(store, ct):
    [one] = store.bring(ct(1))
    [two] = store.bring(ct(2, SeriesInstanceUID=f"{STUDY}.2", SeriesNumber=2))
    assert one != two
    assert store.properties(two)["isPrimary"] is True


def test_the_results_of_a_job_say_what_is_primary(store, ct, healthimaging):
    store.bring(ct(1))
    keys = healthimaging.upload([ct(2), ct(3, PatientID="OTHER")], f"results-{store.id}")
    job = healthimaging.start_job(f"s3://input/results-{store.id}/", store.id)
    healthimaging.wait(job, store.id)
    lines = healthimaging.lines(job, "SUCCESS/success.ndjson", store.id)
    assert [line["inputFile"] for line in lines] == list(keys)
    assert [line["importResponse"]["isPrimary"] for line in lines] == [True, False]
    summary = healthimaging.manifest(job, store.id)["imageSetsSummary"]
    assert [(one["imageSetVersion"], one["isPrimary"]) for one in summary] == [
        (2, True),
        (1, False),
    ]


def test_promotion(store, ct):
    [one] = store.bring(ct(1))
    [two] = store.bring(ct(2, PatientID="OTHER"))
    refused = store.copy(two, 1, promoteToPrimary=True)
    failed = store.settled(refused)
    assert failed["imageSetWorkflowStatus"] == "COPY_FAILED"
    assert "has a primary image set already" in failed["message"]
    store.settled(two)
    store.call("delete_image_set", imageSetId=one)
    store.settled(one)
    promoted = store.copy(two, 1, promoteToPrimary=True)
    found = store.settled(promoted)
    assert found["imageSetWorkflowStatus"] == "COPIED"
    assert found["isPrimary"] is True
    [three] = store.bring(ct(3, PatientID="OTHER"))
    assert three == promoted


def test_an_import_waits_for_a_change_that_is_under_way(fresh, tmp_path, monkeypatch):
    fresh.stop()
    monkeypatch.setenv("HEALTHIMAGING_CHANGE_SECONDS", "1.5")
    fresh.start()
    store = Store(fresh)
    path = files.write(tmp_path / "1.dcm", files.ct(1, SOPInstanceUID=f"{SERIES}.1"))
    [one] = store.bring(path)
    store.update(one, 1, updatable={"Study": {"DICOM": {"StudyDescription": "changed"}}})
    more = files.write(tmp_path / "2.dcm", files.ct(2, SOPInstanceUID=f"{SERIES}.2"))
    assert store.bring(more) == [one]
    tree = store.metadata(one)
    assert len(instances(tree)) == 2
    assert merged(tree)[f"{SERIES}.1"]["StudyDescription"] == "changed"
    assert store.properties(one)["versionId"] == "3"
