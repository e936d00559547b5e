"""Import jobs: what they make of good files and bad, of copies and variants, and of a crash."""

import gzip
import json
import os
import random
import re
import time

import numpy as np
import pydicom
import pytest

from tests import files


def document(server, image_set_id, datastore_id=None):
    answer = server.imaging.get_image_set_metadata(
        datastoreId=datastore_id or server.datastore_id, imageSetId=image_set_id
    )
    return json.loads(gzip.decompress(answer["imageSetMetadataBlob"].read()))


def instances(tree):
    return {
        sop: instance
        for series in tree["Study"]["Series"].values()
        for sop, instance in series["Instances"].items()
    }


def test_the_manifest_and_its_lines(healthimaging, datastore, tmp_path):
    good = [files.write(tmp_path / f"{n}.dcm", files.ct(n)) for n in (1, 2)]
    bad = tmp_path / "bad.dcm"
    bad.write_text("not DICOM at all")
    keys = healthimaging.upload([*good, bad], f"manifest-{datastore}")
    job_id = healthimaging.start_job(f"s3://input/manifest-{datastore}/", datastore)
    job = healthimaging.wait(job_id, datastore)
    assert job["jobStatus"] == "COMPLETED"
    assert job["endedAt"] >= job["submittedAt"]
    manifest = healthimaging.manifest(job_id, datastore)
    folder = f"s3://output/results/{datastore}-DicomImport-{job_id}/"
    [summary] = manifest.pop("imageSetsSummary")
    assert summary["numberOfMatchedSOPInstances"] == 2
    assert manifest == {
        "jobId": job_id,
        "datastoreId": datastore,
        "inputS3Uri": f"s3://input/manifest-{datastore}/",
        "outputS3Uri": folder,
        "successOutputS3Uri": folder + "SUCCESS/",
        "failureOutputS3Uri": folder + "FAILURE/",
        "numberOfScannedFiles": 3,
        "numberOfImportedFiles": 2,
        "numberOfFilesWithCustomerError": 1,
        "numberOfFilesWithServerError": 0,
        "numberOfGeneratedImageSets": 1,
    }
    [failure] = healthimaging.lines(job_id, "FAILURE/failure.ndjson", datastore)
    assert keys[failure["inputFile"]] == bad
    assert failure["exception"] == {
        "exceptionType": "ValidationException",
        "message": "not a DICOM Part 10 file: the prefix DICM is missing",
    }
    listed = healthimaging.imaging.list_dicom_import_jobs(datastoreId=datastore)["jobSummaries"]
    assert [one["jobId"] for one in listed] == [job_id]


def test_nothing_to_import_is_a_failed_job(healthimaging, datastore):
    healthimaging.s3.create_bucket(Bucket="input")
    job = healthimaging.wait(healthimaging.start_job("s3://input/nothing/", datastore), datastore)
    assert job["jobStatus"] == "FAILED"
    assert "no files" in job["message"]
    job = healthimaging.wait(healthimaging.start_job("s3://nowhere/x/", datastore), datastore)
    assert job["jobStatus"] == "FAILED"
    assert "s3://nowhere" in job["message"]


def test_the_seven_elements_make_image_sets(healthimaging, datastore, tmp_path):
    changes = [
        {},
        {"StudyDate": "20240103"},
        {"AccessionNumber": "ACC2"},
        {"PatientID": "OTHER"},
        {"StudyInstanceUID": "1.2.826.0.1.3680043.10.1.9"},
        {"StudyID": "S2"},
        {"SeriesInstanceUID": "1.2.826.0.1.3680043.10.1.1.9"},
        {"SeriesNumber": 2},
        {"PatientName": "Another^Name"},  # none of the seven
        {"SeriesDescription": "only here"},
    ]
    paths = [
        files.write(tmp_path / f"{n}.dcm", files.ct(n, **change))
        for n, change in enumerate(changes)
    ]
    good, bad = healthimaging.import_files(paths, f"seven-{datastore}", datastore)
    assert not bad
    assert len(set(good.values())) == 8
    assert good[paths[0]] == good[paths[8]] == good[paths[9]]
    tree = document(healthimaging, good[paths[0]], datastore)
    assert tree["Patient"]["DICOM"]["PatientName"] == "Phantom^Test"
    own = [one["DICOM"].get("PatientName") for one in instances(tree).values()]
    assert sorted(filter(None, own)) == ["Another^Name"]  # kept where it differs, not lost
    described = [one["DICOM"].get("SeriesDescription") for one in instances(tree).values()]
    assert sorted(filter(None, described)) == ["only here"]


def test_copies_of_an_instance_go_to_image_sets_of_their_own(healthimaging, datastore, tmp_path):
    dataset = files.ct(1)
    paths = [files.write(tmp_path / f"{n}.dcm", dataset) for n in range(3)]
    good, _ = healthimaging.import_files(paths, f"copies-{datastore}", datastore)
    assert len(set(good.values())) == 3


def test_a_second_job_makes_new_image_sets_where_the_data_store_says_so(healthimaging, tmp_path):
    made = healthimaging.imaging.create_datastore(tags={"embedded:import-rule": "new-image-sets"})
    path = files.write(tmp_path / "one.dcm", files.ct(1))
    found = set()
    for job in ("first", "second"):
        prefix = f"{job}-{made['datastoreId']}"
        good, _ = healthimaging.import_files([path], prefix, made["datastoreId"])
        found.add(good[path])
    assert len(found) == 2
    answer = healthimaging.imaging.search_image_sets(datastoreId=made["datastoreId"])
    assert not any("isPrimary" in one for one in answer["imageSetsMetadataSummaries"])


def test_every_bad_file_is_a_line_with_a_reason(healthimaging, datastore, tmp_path):
    random.seed(3)
    whole = files.write(tmp_path / "whole.dcm", files.ct(1)).read_bytes()
    contents = {
        "empty": b"",
        "noise": random.randbytes(5000),
        "prefix": bytes(128) + b"DICM",
        "prefix_noise": bytes(128) + b"DICM" + random.randbytes(500),
        "deep": bytes(128) + b"DICM" + whole[132:300] + b"\xff" * 200,
        "text": b"hello\n" * 50,
        **{f"cut_{at}": whole[:at] for at in range(140, len(whole), 997)},
    }
    paths = []
    for name, content in contents.items():
        path = tmp_path / f"{name}.bad"
        path.write_bytes(content)
        paths.append(path)
    good, bad = healthimaging.import_files(paths, f"bad-{datastore}", datastore)
    assert not good
    assert len(bad) == len(paths)
    for path, reason in bad.items():
        assert len(reason) > 15, path.name
        assert "Phantom" not in reason
        assert "Error" not in reason or "corrupt" in reason


def test_lengths_and_identifiers_of_the_guide(healthimaging, datastore, tmp_path):
    wide = "1." + "1" * 254
    cases = {
        "PatientID": ("P" * 256, "P" * 257),
        "StudyDescription": ("D" * 64, "D" * 65),
        "StudyID": ("S" * 16, "S" * 17),
        "StudyInstanceUID": (wide, wide + "1"),
        "SeriesInstanceUID": ("00.01.2", "1.2.a"),
        "SOPInstanceUID": ("1.2.3.4", "1.2.03"),
    }
    paths, expected = [], {}
    for keyword, values in cases.items():
        for valid, value in zip((True, False), values, strict=True):
            dataset = files.ct(1)
            dataset.add(pydicom.DataElement(keyword, pydicom.datadict.dictionary_VR(keyword), "1"))
            dataset[keyword]._value = value
            path = tmp_path / f"{keyword}-{valid}.dcm"
            with pydicom.config.disable_value_validation():
                files.write(path, dataset)
            paths.append(path)
            expected[path] = valid
    good, bad = healthimaging.import_files(paths, f"limits-{datastore}", datastore)
    assert {path: path in good for path in paths} == expected
    for path, reason in bad.items():
        assert path.name.partition("-")[0] in reason


def test_the_documents_have_the_form_of_real_ones(healthimaging, library):
    tree = document(healthimaging, library.image_sets[files.AHI_PAIR[0]])
    assert list(tree) == ["SchemaVersion", "DatastoreID", "ImageSetID", "Patient", "Study"]
    assert tree["SchemaVersion"] == "1.1"
    assert list(tree["Study"]) == ["DICOM", "Series"]
    instance = instances(tree)["1.2.840.113619.2.30.1.1762295590.1623.978668949.888"]
    assert list(instance) == [
        "DICOM",
        "DICOMVRs",
        "StoredTransferSyntaxUID",
        "ChecksumType",
        "ImageFrames",
    ]
    attributes = instance["DICOM"]
    assert attributes["TransferSyntaxUID"] == "1.2.840.10008.1.2"
    assert attributes["RescaleSlope"].strip() == "1"
    assert attributes["ImageType"][:2] == ["ORIGINAL", "PRIMARY"]
    assert attributes["Rows"] == 375
    assert "PixelData" not in attributes
    private = {key for key in attributes if re.fullmatch("[0-9A-F]{8}", key)}
    assert private == set(instance["DICOMVRs"])
    assert {"00090010": "LO", "00091027": "SL"}.items() <= instance["DICOMVRs"].items()


@pytest.mark.timeout(300)
def test_a_killed_server_takes_its_job_up_again(fresh, tmp_path):
    paths = [files.write(tmp_path / f"{n:03}.dcm", files.ct(n, size=256)) for n in range(60)]
    keys = fresh.upload(paths, "crash")
    job_id = fresh.start_job("s3://input/crash/")
    random.seed(11)
    for _ in range(4):
        time.sleep(random.uniform(0.2, 0.9))
        fresh.kill()
        fresh.start()
        for summary in visible(fresh):
            check_image_set(fresh, summary["imageSetId"])
    job = fresh.wait(job_id)
    assert job["jobStatus"] == "COMPLETED"
    lines = fresh.lines(job_id, "SUCCESS/success.ndjson")
    assert sorted(line["inputFile"] for line in lines) == sorted(keys)
    [summary] = visible(fresh)
    assert check_image_set(fresh, summary["imageSetId"]) == 60
    leftovers = [name for _, _, names in os.walk(fresh.data) for name in names if "part" in name]
    assert leftovers == []
    assert not list((fresh.data / "healthimaging" / "staging").iterdir())
    packs = [p for p in (fresh.data / "healthimaging" / "frames").rglob("*") if p.is_file()]
    assert len(packs) == 60


def visible(server):
    answer = server.imaging.search_image_sets(datastoreId=server.datastore_id)
    return answer["imageSetsMetadataSummaries"]


def check_image_set(server, image_set_id):
    """Read everything of an image set; the number of its instances."""
    found = instances(document(server, image_set_id))
    for instance in found.values():
        for frame in instance["ImageFrames"]:
            body = server.imaging.get_image_frame(
                datastoreId=server.datastore_id,
                imageSetId=image_set_id,
                imageFrameInformation={"imageFrameId": frame["ID"]},
            )["imageFrameBlob"].read()
            assert body.startswith(b"\xff\x4f")
            assert body.endswith(b"\xff\xd9")
    return len(found)


def test_pixels_that_differ_from_their_header_are_refused(healthimaging, datastore, tmp_path):
    short = files.ct(1)
    short.PixelData = short.PixelData[:-2]
    frames = files.ct(2, NumberOfFrames=3)
    none = files.ct(3)
    del none.Rows
    wide = files.ct(4)
    wide.BitsAllocated = 12
    huge = files.ct(5)
    huge.Rows = huge.Columns = 65535
    paths = [
        files.write(tmp_path / f"{name}.dcm", dataset)
        for name, dataset in {
            "short": short,
            "frames": frames,
            "none": none,
            "wide": wide,
            "huge": huge,
        }.items()
    ]
    good, bad = healthimaging.import_files(paths, f"pixels-{datastore}", datastore)
    assert not good
    reasons = {path.stem: reason for path, reason in bad.items()}
    assert "8190 bytes, 8192 are expected" in reasons["short"]
    assert "8192 bytes, 24576 are expected" in reasons["frames"]
    assert "Rows" in reasons["none"]
    assert "BitsAllocated" in reasons["wide"]
    assert "2 GiB" in reasons["huge"]


def test_padding_behind_the_pixels_is_no_fault(healthimaging, datastore, tmp_path):
    dataset = files.ct(1)
    pixels = dataset.PixelData
    dataset.PixelData = pixels + bytes(10)
    path = files.write(tmp_path / "padded.dcm", dataset)
    good, _ = healthimaging.import_files([path], f"padded-{datastore}", datastore)
    tree = document(healthimaging, good[path], datastore)
    [instance] = instances(tree).values()
    samples = np.frombuffer(pixels, "<i2")
    [frame] = instance["ImageFrames"]
    assert (frame["MinPixelValue"], frame["MaxPixelValue"]) == (samples.min(), samples.max())
