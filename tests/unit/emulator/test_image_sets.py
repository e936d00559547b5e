"""Image sets, their versions and frames as rows."""

import pytest

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import blobs, image_sets, model, pixels, resources
from gateway.emulator.faults import Fault
from gateway.emulator.paging import Pager
from gateway.emulator.store import Database

PAGER = Pager("secret")
ID = "e" * 32
ATTRIBUTES = {
    "PatientID": " P1 ",
    "PatientName": "Phantom^Test",
    "PatientBirthDate": "19700101",
    "PatientSex": "O",
    "StudyInstanceUID": "1.2",
    "StudyID": "S1",
    "StudyDescription": "description",
    "AccessionNumber": "A1",
    "SeriesInstanceUID": "1.3",
    "Modality": "CT",
    "BodyPartExamined": "HEAD",
    "StudyDate": "20240102",
    "StudyTime": "101112",
    "SeriesNumber": "7 ",
}


@pytest.fixture
def db(tmp_path):
    with Database(tmp_path / "test.sqlite").write() as connection:
        yield connection


@pytest.fixture
def datastore_id(db):
    found = resources.create_datastore(db, {}, "us-east-1")
    image_sets.insert(db, image_sets.NewImageSet(ID, found, ATTRIBUTES, 5), 1700000000.5)
    return found


def refused(code, call, *arguments):
    with pytest.raises(Fault) as fault:
        call(*arguments)
    assert fault.value.code == code
    return str(fault.value)


def test_the_tags_of_a_search_result():
    found = image_sets.dicom_tags(ATTRIBUTES, 5)
    assert found == {
        "DICOMPatientId": "P1",
        "DICOMPatientName": "Phantom^Test",
        "DICOMPatientBirthDate": "19700101",
        "DICOMPatientSex": "O",
        "DICOMStudyInstanceUID": "1.2",
        "DICOMStudyId": "S1",
        "DICOMStudyDescription": "description",
        "DICOMAccessionNumber": "A1",
        "DICOMSeriesInstanceUID": "1.3",
        "DICOMSeriesModality": "CT",
        "DICOMSeriesBodyPart": "HEAD",
        "DICOMStudyDate": "20240102",
        "DICOMStudyTime": "101112",
        "DICOMSeriesNumber": 7,
        "DICOMNumberOfStudyRelatedSeries": 1,
        "DICOMNumberOfStudyRelatedInstances": 5,
    }
    assert found.keys() == model.service().shape_for("DICOMTags").members.keys()


@pytest.mark.parametrize("absent", [{}, {"PatientID": None, "SeriesNumber": None}])
def test_what_a_file_does_not_say_is_left_out(absent):
    assert image_sets.dicom_tags(absent, 1) == {
        "DICOMNumberOfStudyRelatedSeries": 1,
        "DICOMNumberOfStudyRelatedInstances": 1,
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7), (" -7 ", -7), ("", None), ("7.0", None), ("seven", None), ("1\\2", None), (3, 3)],
)
def test_a_series_number_is_a_whole_number_or_left_out(value, expected):
    found = image_sets.dicom_tags({"SeriesNumber": value}, 1)
    assert found.get("DICOMSeriesNumber") == expected


def test_a_new_image_set_has_version_one(db, datastore_id):
    row = image_sets.find(db, datastore_id, ID)
    found = image_sets.properties(image_sets.version(db, row, None), "imageSetWorkflowStatus")
    assert found == {
        "imageSetId": ID,
        "versionId": "1",
        "imageSetState": "ACTIVE",
        "imageSetWorkflowStatus": "CREATED",
        "createdAt": 1700000000.5,
        "updatedAt": 1700000000.5,
    }
    assert image_sets.version(db, row, "1")["version"] == 1
    assert image_sets.version(db, row, "0001")["version"] == 1


@pytest.mark.parametrize("version", ["0", "2", str((1 << 63) - 1), str(1 << 63), "9" * 200])
def test_a_version_that_is_not_there_is_not_found(db, datastore_id, version):
    row = image_sets.find(db, datastore_id, ID)
    refused("ResourceNotFoundException", image_sets.version, db, row, version)


def test_an_image_set_is_found_in_its_data_store_only(db, datastore_id):
    other = resources.create_datastore(db, {}, "us-east-1")
    for place in ((other, ID), (datastore_id, "x" * 32), ("x" * 32, ID)):
        refused("ResourceNotFoundException", image_sets.find, db, *place)
    db.execute("UPDATE datastore SET status = 'DELETED'")
    refused("ResourceNotFoundException", image_sets.find, db, datastore_id, ID)


def test_an_identifier_is_taken_once(db, datastore_id):
    with pytest.raises(Exception, match="UNIQUE"):
        image_sets.insert(db, image_sets.NewImageSet(ID, datastore_id, {}, 1), 1.0)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 11, 12, 13, 50])
def test_versions_are_paged_from_the_newest(db, datastore_id, size):
    total = 12
    image_sets.insert(db, image_sets.NewImageSet("f" * 32, datastore_id, {}, 1), 1.0)
    sql = (
        "INSERT INTO image_set_version (image_set_id, version, state, workflow_status, "
        "created_at, updated_at) VALUES (?, ?, 'ACTIVE', 'UPDATED', 1, ?)"
    )
    db.executemany(sql, [(ID, number, number) for number in range(2, total + 1)])
    row = image_sets.find(db, datastore_id, ID)
    seen, parameters = [], {"imageSetId": ID, "maxResults": size}
    for _ in range(total + 1):
        answer = image_sets.versions(db, row, parameters, PAGER)
        page = answer["imageSetPropertiesList"]
        seen += [int(one["versionId"]) for one in page]
        assert {one["imageSetId"] for one in page} == {ID}
        assert all("ImageSetWorkflowStatus" in one for one in page)
        if "nextToken" not in answer:
            break
        assert len(page) == size
        parameters = parameters | {"nextToken": answer["nextToken"]}
    assert seen == list(range(total, 0, -1))


def test_a_version_fits_the_model(db, datastore_id):
    row = image_sets.find(db, datastore_id, ID)
    answer = image_sets.versions(db, row, {}, PAGER)
    allowed = model.service().shape_for("ImageSetProperties").members
    assert answer["imageSetPropertiesList"][0].keys() <= allowed.keys()
    model.serialize("ListImageSetVersions", answer)


@pytest.fixture
def frames(db, datastore_id, tmp_path):
    """Two packs of frames, the second with the identifier of the first's frame as well."""
    for pack, image_set_id in (("aa", ID), ("bb", "f" * 32)):
        if image_set_id != ID:
            new = image_sets.NewImageSet(image_set_id, datastore_id, {}, 1)
            image_sets.insert(db, new, 1.0)
        blobs.write(blobs.Layout(tmp_path).pack(pack), f"{pack}-first{pack}-second".encode())
        found = [["1" * 32, 0, 8], ["2" * 32, 8, 9], ["3" * 32, 17, 0]]
        image_sets.insert_frames(db, image_set_id, pack, ts.HTJ2K_LOSSLESS_RPCL, found)
    return tmp_path


def test_a_frame_is_a_part_of_its_pack(db, frames):
    for image_set_id, pack in ((ID, "aa"), ("f" * 32, "bb")):
        for frame, expected in (("1", f"{pack}-first"), ("2", f"{pack}-second"), ("3", "")):
            content, kind = image_sets.frame(db, image_set_id, frame * 32, frames)
            assert (content, kind) == (expected.encode(), "image/jph")


def test_a_frame_of_another_image_set_is_not_found(db, frames):
    for image_set_id, frame in ((ID, "9" * 32), ("x" * 32, "1" * 32)):
        code = "ResourceNotFoundException"
        assert frame in refused(code, image_sets.frame, db, image_set_id, frame, frames)


def test_a_pack_that_was_cut_is_a_fault_of_the_server(db, frames):
    path = blobs.Layout(frames).pack("aa")
    path.write_bytes(path.read_bytes()[:-1])
    assert image_sets.frame(db, ID, "1" * 32, frames)[0] == b"aa-first"
    message = refused("InternalServerException", image_sets.frame, db, ID, "2" * 32, frames)
    assert "damaged" in message


def test_every_stored_form_has_a_content_type():
    retained = {uid for uid, syntax in ts.BY_UID.items() if syntax.retained}
    stored = {*retained, *pixels.LOSSLESS.values(), ts.EXPLICIT_LE}
    assert image_sets.CONTENT_TYPES.keys() == stored
