"""``kill -9`` in the middle of each long operation: the next start shows a consistent store."""

import random

import pytest

from tests import files
from tests.running import Store

STUDY = "1.2.826.0.1.3680043.10.1.1"
SERIES = f"{STUDY}.1"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def store(fresh, tmp_path, monkeypatch):
    """A data store with a series of eight slices; changes take a while."""
    fresh.stop()
    monkeypatch.setenv("HEALTHIMAGING_CHANGE_SECONDS", "0.05")
    fresh.start()
    return Store(fresh)


def slices(folder, numbers, **changes):
    return [
        files.write(
            folder / f"{number}-{len(changes)}.dcm",
            files.ct(number, **{"SOPInstanceUID": f"{SERIES}.{number}", **changes}),
        )
        for number in numbers
    ]


def whole(store, image_set):
    """Read every version of an image set and every frame of it."""
    listed = store.call("list_image_set_versions", imageSetId=image_set)["imageSetPropertiesList"]
    numbers = [int(version["versionId"]) for version in listed]
    assert numbers == list(range(len(numbers), 0, -1))
    for version in listed:
        tree = store.metadata(image_set, versionId=version["versionId"])
        assert tree["ImageSetID"] == image_set
        for series in tree["Study"]["Series"].values():
            for instance in series["Instances"].values():
                for frame in instance["ImageFrames"]:
                    body = store.call(
                        "get_image_frame",
                        imageSetId=image_set,
                        imageFrameInformation={"imageFrameId": frame["ID"]},
                    )["imageFrameBlob"].read()
                    assert body.endswith(b"\xff\xd9")
    return listed[0]


def leftovers(store):
    """Files that no row refers to."""
    root = store.server.data / "healthimaging"
    return [path.name for path in root.rglob("*") if ".part" in path.name]


@pytest.mark.parametrize("seed", range(2))
def test_updates(store, tmp_path, seed):
    generator = random.Random(seed)
    [one, *_] = store.bring(*slices(tmp_path, range(1, 9)))
    names = ["Phantom^Test"]
    for round_ in range(4):
        before = int(store.properties(one)["versionId"])
        name = f"Round^{round_}"
        store.update(one, before, updatable={"Patient": {"DICOM": {"PatientName": name}}})
        store.server.stop_hard_after(generator.uniform(0, 0.12))
        assert store.settled(one)["imageSetWorkflowStatus"] == "UPDATED"
        assert store.properties(one)["versionId"] == str(before + 1)
        names.append(name)
        assert store.metadata(one)["Patient"]["DICOM"]["PatientName"] == name
        [summary] = store.search()
        assert summary["DICOMTags"]["DICOMPatientName"] == name
    whole(store, one)
    for version, name in enumerate(names, 1):
        tree = store.metadata(one, versionId=str(version))
        assert tree["Patient"]["DICOM"]["PatientName"] == name
    assert leftovers(store) == []


@pytest.mark.parametrize("seed", range(2))
def test_copies_and_deletions(store, tmp_path, seed):
    generator = random.Random(seed)
    [one, *_] = store.bring(*slices(tmp_path, range(1, 9)))
    copies = []
    for _ in range(3):
        copies.append(store.copy(one, 1))
        store.server.stop_hard_after(generator.uniform(0, 0.12))
        assert store.settled(copies[-1])["imageSetWorkflowStatus"] == "COPIED"
        assert store.settled(one)["imageSetState"] == "ACTIVE"
        whole(store, copies[-1])
    for gone in [one, *copies[:2]]:
        store.call("delete_image_set", imageSetId=gone)
        store.server.stop_hard_after(generator.uniform(0, 0.12))
        assert store.settled(gone)["imageSetState"] == "DELETED"
        whole(store, copies[2])
    assert [found["imageSetId"] for found in store.search()] == copies[2:]
    store.call("delete_image_set", imageSetId=copies[2])
    store.settled(copies[2])
    store.server.kill()
    store.server.start()
    root = store.server.data / "healthimaging"
    assert store.settled(copies[2])["imageSetState"] == "DELETED"
    store.server.stop()
    assert [p for p in (root / "frames").rglob("*") if p.is_file()] == []
    assert [p for p in (root / "metadata").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("seed", range(2))
def test_imports_into_a_primary_image_set(store, tmp_path, seed):
    generator = random.Random(seed)
    [one, *_] = store.bring(*slices(tmp_path, range(1, 9)))
    again = slices(tmp_path, range(5, 13), ImageComments="again", size=128)
    keys = store.server.upload(again, f"again-{seed}")
    job = store.server.start_job(f"s3://input/again-{seed}/", store.id)
    for _ in range(3):
        store.server.stop_hard_after(generator.uniform(0, 0.6))
    assert store.server.wait(job, store.id)["jobStatus"] == "COMPLETED"
    assert len(store.server.lines(job, "SUCCESS/success.ndjson", store.id)) == len(keys)
    newest = whole(store, one)
    assert (newest["versionId"], newest["ImageSetWorkflowStatus"]) == ("2", "IMPORTED")
    [series] = store.metadata(one)["Study"]["Series"].values()
    comments = {
        uid: held["DICOM"].get("ImageComments") for uid, held in series["Instances"].items()
    }
    assert comments == {
        f"{SERIES}.{number}": "again" if number >= 5 else None for number in range(1, 13)
    }
    assert len(store.search()) == 1
    assert leftovers(store) == []
