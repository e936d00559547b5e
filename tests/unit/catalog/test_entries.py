"""What of a document stands in which column, and what no column can say."""

import gzip

import orjson
import pytest

from gateway.catalog import columns, entries
from gateway.catalog.columns import Columns
from gateway.catalog.entries import entry
from gateway.imagesets import document as documents, excerpts
from gateway.imagesets.excerpts import Uids
from tests.unit.catalog.making import CT, document, summary

SERIES, SOPS = "1.2.3", ("1.2.3.1", "1.2.3.2")
COMPARED = ("study_date", "study_time", "accession_number", "patient_id", "patient_name", "odd")


def made(sops=SOPS, **levels):
    return entry(summary("i"), document("1.2", SERIES, sops, **levels))


def tree(**levels):
    return orjson.loads(document("1.2", SERIES, SOPS, **levels))


def of_tree(content):
    return entry(summary("i"), gzip.compress(orjson.dumps(content)))


def test_an_entry_has_the_rows_of_its_document():
    found = made()
    assert (found.image_set_id, found.version, found.study_uid) == ("i", 1, "1.2")
    [face], [(of_study, series)], instances = found.faces, found.series, found.instances
    assert {name: face[name] for name in COMPARED} == {
        "study_date": "20240102",
        "study_time": "101112",
        "accession_number": "A1",
        "patient_id": "P1",
        "patient_name": "DOE^JOHN",
        "odd": False,
    }
    assert (face["referring_physician"], face["study_description"]) == ("HOUSE^GREGORY", "CT CHEST")
    said = {name: series[name] for name in series if name != "attributes"}
    assert (of_study, said) == (
        0,
        {
            "uid": SERIES,
            "modality": "CT",
            "series_number": "1",
            "series_description": "AXIAL 2.5",
            "body_part": "CHEST",
            "step_date": "",
            "step_time": "",
            "odd": False,
        },
    )
    assert [(place, row["sop_uid"], row["number"], row["odd"]) for place, row in instances] == [
        (0, SOPS[0], 1, False),
        (0, SOPS[1], 2, False),
    ]
    assert {row["sop_class"] for _, row in instances} == {CT}


def test_the_excerpts_of_an_entry_give_its_instances():
    content = document("1.2", SERIES, SOPS, own={"PixelPaddingValue": -5, "PatientWeight": "70"})
    found = entry(summary("i"), content)
    parsed = documents.parse("i", content).instances
    for place, row in found.instances:
        face, series = found.series[place]
        uids = Uids("i", "1.2", series["uid"], row["sop_uid"])
        blobs = (found.faces[face]["attributes"], series["attributes"], row["attributes"])
        assert excerpts.speaker(uids, *blobs).dataset() == parsed[row["sop_uid"]].dataset()


@pytest.mark.parametrize(
    ("patient", "name", "expected", "odd"),
    [
        ({"PatientID": " P 1 "}, "patient_id", "P 1", False),
        ({"PatientID": None}, "patient_id", "", False),
        ({"PatientID": "a\\b"}, "patient_id", "a", True),
        ({"PatientID": "\\"}, "patient_id", "", False),
        ({"PatientID": "x" * 300}, "patient_id", "x" * 256, True),
        ({"PatientID": "a\0b"}, "patient_id", "a b", True),
        ({"PatientID": ["a", "b"]}, "patient_id", "a", True),
        ({"PatientID": {"PatientID": "1"}}, "patient_id", "", True),
        ({"PatientBirthDate": "1970.01.31"}, "patient_birth_date", "19700131", False),
        ({"PatientBirthDate": "not known"}, "patient_birth_date", "not known", True),
        ({"PatientName": "Müller^Jörg "}, "patient_name", "Müller^Jörg", False),
        ({"PatientName": "ﷺ" * 200}, "patient_name", "ﷺ" * 64, True),
        ({"PatientName": "A^B\\C^D"}, "patient_name", "A^B", True),
    ],
)
def test_columns_of_studies(patient, name, expected, odd):
    [face] = made(patient=patient).faces
    assert (face[name], face["odd"]) == (expected, odd)


@pytest.mark.parametrize(
    ("level", "name", "expected", "odd"),
    [
        ({"SeriesNumber": "007"}, "series_number", "7", False),
        ({"SeriesNumber": "-0"}, "series_number", "0", False),
        ({"SeriesNumber": "5.0"}, "series_number", "5.0", True),
        ({"SeriesNumber": "x"}, "series_number", "x", True),
        ({"SeriesNumber": None}, "series_number", "", False),
        ({"Modality": "MR "}, "modality", "MR", False),
        ({"Modality": None}, "modality", "", False),
        ({"Modality": "CT\\MR"}, "modality", "CT", True),
        ({"SeriesInstanceUID": "1.9"}, "uid", SERIES, True),
        ({"PerformedProcedureStepStartTime": "10:11:12"}, "step_time", "101112", False),
    ],
)
def test_columns_of_series(level, name, expected, odd):
    [(_, series)] = made(series_level=level).series
    assert (series[name], series["odd"]) == (expected, odd)


@pytest.mark.parametrize(
    ("own", "odd"),
    [
        ({}, False),
        ({"InstanceNumber": " 007 "}, False),
        ({"InstanceNumber": None}, False),
        ({"InstanceNumber": "1.5"}, True),
        ({"InstanceNumber": "9" * 30}, True),
        ({"InstanceNumber": "1", "00200013": "2"}, True),
        ({"SOPClassUID": "1.2\\1.3"}, True),
        ({"SOPInstanceUID": "1.9"}, True),
        ({"SOPInstanceUID": ["1.9"]}, True),
        ({"SeriesDescription": "its own"}, True),
        ({"Modality": "CT"}, False),
        ({"SeriesDescription": "AXIAL 2.5"}, False),
    ],
)
def test_an_instance_of_which_columns_do_not_say_all(own, odd):
    content = tree()
    [series] = content["Study"]["Series"].values()
    series["Instances"][SOPS[1]]["DICOM"] |= own
    found = of_tree(content)
    assert [row["odd"] for _, row in found.instances] == [False, odd]


def test_a_vr_that_the_document_has_itself_is_odd():
    content = tree()
    [series] = content["Study"]["Series"].values()
    series["Instances"][SOPS[1]]["DICOMVRs"] = {"InstanceNumber": "UN"}
    assert [row["odd"] for _, row in of_tree(content).instances] == [False, True]


def test_an_instance_of_another_modality_has_a_row_of_series_of_its_own():
    content = tree()
    [series] = content["Study"]["Series"].values()
    series["Instances"][SOPS[1]]["DICOM"]["Modality"] = "SR"
    found = of_tree(content)
    assert [row["modality"] for _, row in found.series] == ["CT", "SR"]
    assert [place for place, _ in found.instances] == [0, 1]


def test_instances_that_say_otherwise_of_their_study_are_faces_of_it():
    content = tree()
    [series] = content["Study"]["Series"].values()
    series["Instances"][SOPS[1]]["DICOM"]["PatientID"] = "P2"
    found = of_tree(content)
    assert [row["patient_id"] for row in found.faces] == ["P1", "P2"]
    assert [(face, row["uid"]) for face, row in found.series] == [(0, SERIES), (1, SERIES)]
    series["Instances"][SOPS[1]]["DICOM"]["PatientID"] = "P1"
    assert len(of_tree(content).faces) == 1


def broken(change):
    content = tree()
    change(content)
    return orjson.dumps(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\x1f\x8b\x08cut short",
        gzip.compress(document("1.2", SERIES, SOPS))[:-9],
        broken(lambda tree: tree.pop("Study")),
        broken(lambda tree: tree["Study"]["DICOM"].pop("StudyInstanceUID")),
        broken(lambda tree: tree["Study"]["DICOM"].update(StudyInstanceUID="1" * 300)),
        document("1.2", SERIES, ["1.\0"]),
        broken(lambda tree: tree["Study"]["DICOM"].update(ReferencedStudySequence=[{}, 1])),
    ],
)
def test_what_cannot_be_read_is_an_entry_that_failed(content):
    found = entry(summary("i", 4), content)
    assert found == entries.Entry("i", 4, 1.7e9 + 4, True, failed=True)


def test_an_image_set_without_instances_has_no_rows():
    content = tree()
    content["Study"]["Series"] = {}
    found = of_tree(content)
    assert (found.failed, found.faces, found.series, found.instances) == (False, (), (), ())


def test_numbers_to_sort_by_fit_into_64_bits():
    assert columns.place(10**30) == -columns.place(-(10**30)) == (1 << 63) - 1
    assert [columns.series_place(text) for text in ("", "7", "-3", "5.0", "x")] == [0, 7, -3, 0, 0]


def test_an_empty_value_is_none():
    assert Columns({0x00100020: (0x00100020, "LO", [""])}).text(0x00100020, "LO") == ""
    take = Columns({0x00100020: (0x00100020, "UN", "AAAA")})
    assert (take.text(0x00100020, "LO"), take.odd) == ("", True)
