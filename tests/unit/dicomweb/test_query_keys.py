"""Keys of QIDO-RS: lists, dates, paths and the modes that change how they are read."""

from urllib.parse import urlencode

import pytest

from gateway.dicom import tags
from tests.unit.dicomweb.parsing import keyed, parse, refused


@pytest.mark.parametrize("separator", [",", "\\", ", ", " \\ "])
@pytest.mark.parametrize(
    "name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"]
)
def test_uid_lists_with_commas_and_with_backslashes(name, separator):
    _, keys = keyed(urlencode({name: separator.join(["1.2", "1.3", "1.4"])}))
    assert keys == ["1.2", "1.3", "1.4"]


def test_modalities_are_lists_too():
    assert keyed("ModalitiesInStudy=CT%2CMR")[1] == ["CT", "MR"]
    assert keyed("Modality=CT%5CXA")[1] == ["CT", "XA"]


def test_a_comma_belongs_to_a_name():
    assert keyed("PatientName=A,B")[1] == ["A,B"]
    assert keyed("StudyDescription=a,b")[1] == ["a,b"]


def test_a_backslash_belongs_to_long_text():
    assert keyed(urlencode({"AdditionalPatientHistory": "a\\b"}))[1] == ["a\\b"]


def test_empty_members_of_a_list_are_none():
    assert keyed("StudyInstanceUID=1.2,,1.3,")[1] == ["1.2", "1.3"]
    assert keyed("StudyInstanceUID=,")[1] == [""]


def test_an_empty_value_is_the_universal_key():
    assert keyed("PatientName=") == (["00100010"], [""])
    assert keyed("StudyDate=") == (["00080020"], [""])
    assert keyed("PatientName=*") == (["00100010"], ["*"])


def test_the_key_of_an_empty_value():
    text = urlencode({"PatientName": '""', "StudyDate": '""', "StudyInstanceUID": '""'})
    found = parse(f"emptyvaluematching=true&{text}")
    assert set(found.matches.values()) == {('""',)}
    assert refused(urlencode({"StudyDate": '""'})) == "StudyDate"
    assert refused(urlencode({"StudyInstanceUID": '""'})) == "StudyInstanceUID"
    assert keyed(urlencode({"PatientName": '""'}))[1] == ['""']


@pytest.mark.parametrize(
    ("name", "value", "values", "every"),
    [
        ("ImageType", "ORIGINAL\\AXIAL", ("ORIGINAL", "AXIAL"), True),
        ("ModalitiesInStudy", "CT\\MR", ("CT", "MR"), True),
        ("ModalitiesInStudy", "CT,MR", ("CT", "MR"), False),
        ("ImageType", "ORIGINAL", ("ORIGINAL",), False),
        ("RequestAttributesSequence.ImageType", "A\\B", ("A", "B"), True),
        ("OtherPatientNames", "A\\B", ("A", "B"), True),
        ("00231001", "A\\B", ("A", "B"), True),
        ("PatientID", "A\\B", ("A", "B"), False),  # it has one value
        ("Modality", "CT\\MR", ("CT", "MR"), False),
        ("SOPClassesInStudy", "1.2\\1.3", ("1.2", "1.3"), False),  # UIDs are a list of any
        ("TimeOfLastCalibration", "10\\11", ("10", "11"), False),
    ],
)
def test_multiple_values(name, value, values, every):
    text = urlencode({name: value})
    found = parse(f"{text}&multiplevaluematching=true")
    path = tuple(tags.parse_tag(part) for part in name.split("."))
    assert found.matches == {path: values}
    assert found.every == ({path} if every else frozenset())
    assert parse(text).every == frozenset()
    assert parse(text).matches == {path: values}


@pytest.mark.parametrize("value", ["+0100", "-0500", "%2B0545"])
@pytest.mark.parametrize("name", ["TimezoneOffsetFromUTC", "00080201"])
def test_the_zone_of_the_query_is_no_key(name, value):
    found = parse(f"{name}={value}&PatientID=1")
    assert found.modes.zone in ("+0100", "-0500", "+0545")
    assert found.matches == {(0x00100020,): ("1",)}


@pytest.mark.parametrize("value", ["0100", "+1500", "Europe/Berlin", "+01:00", "+0100%5C+0200"])
def test_what_is_no_zone_is_refused(value):
    assert refused(f"TimezoneOffsetFromUTC={value}") == "TimezoneOffsetFromUTC"


def test_two_zones_are_refused_and_none_is_a_field():
    assert refused("TimezoneOffsetFromUTC=-0100&00080201=-0200") == "00080201"
    assert parse("TimezoneOffsetFromUTC=-0100&00080201=-0100").modes.zone == "-0100"
    assert parse("TimezoneOffsetFromUTC=").matches == {(0x00080201,): ("",)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240131101112+0100", "20240131101112+0100"),
        ("20240131101112%2B0100", "20240131101112+0100"),
        ("20240131101112+0100-20240201101112+0100", "20240131101112+0100-20240201101112+0100"),
        ("-20240131101112+0100", "-20240131101112+0100"),
        ("20240131101112-0500", "20240131101112-0500"),
    ],
)
def test_a_plus_sign_that_arrives_as_a_space(value, expected):
    assert keyed(f"AcquisitionDateTime={value}")[1] == [expected]
    assert keyed("PatientName=Doe+John")[1] == ["Doe John"]


@pytest.mark.parametrize(
    "name",
    [
        "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries",
        "NumberOfPatientRelatedInstances",
    ],
)
def test_what_is_not_computed_cannot_be_searched_for(name):
    assert refused(f"{name}=2") == name
    tag = tags.parse_tag(name)
    assert parse(f"{name}=").asked() == parse(f"includefield={name}").asked() == {tag}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StudyDate", "20240131"),
        ("StudyDate", "20240101-20240131"),
        ("StudyDate", "20240101-"),
        ("StudyDate", "-20240131"),
        ("StudyDate", "20240101\\20240131-"),
        ("StudyTime", "10"),
        ("StudyTime", "1011"),
        ("StudyTime", "101112"),
        ("StudyTime", "10:11:12"),
        ("StudyTime", "101112.123456"),
        ("StudyTime", "10-1130"),
        ("StudyTime", "-101112.5"),
        ("AcquisitionDateTime", "2024"),
        ("AcquisitionDateTime", "20240131101112.123456+0100"),
        ("AcquisitionDateTime", "20240131101112-20240131101113"),
        ("AcquisitionDateTime", "20240131101112-0500"),
        ("AcquisitionDateTime", "20240131101112-0500-20240131101112-0500"),
    ],
)
def test_dates_and_times(name, value):
    tag = tags.parse_tag(name)
    assert parse(urlencode({name: value})).matches == {(tag,): tuple(value.split("\\"))}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StudyDate", "2024"),
        ("StudyDate", "2024-01-31"),
        ("StudyDate", "20240131x"),
        ("StudyDate", "-"),
        ("StudyDate", "20240101-20240131-"),
        ("StudyDate", "20240101--20240131"),
        ("StudyDate", "today"),
        ("StudyDate", "202401*"),
        ("StudyDate", "20240101\\x"),
        ("StudyDate", "20240101,20240102"),
        ("StudyTime", "1"),
        ("StudyTime", "101"),
        ("StudyTime", "101112.1234567"),
        ("StudyTime", "noon"),
        ("StudyTime", "-"),
        ("AcquisitionDateTime", "202"),
        ("AcquisitionDateTime", "20240131101112+2500"),
        ("PatientBirthDate", "1970"),
        ("00080020", "yesterday"),
    ],
)
def test_what_is_no_date_or_time_is_refused(name, value):
    assert refused(urlencode({name: value})) == name


def test_dates_within_sequences_are_checked_too():
    name = "PerformedProtocolCodeSequence.ContextGroupVersion"
    assert tags.by_tag(tags.parse_tag("ContextGroupVersion")).vr == "DT"
    assert refused(f"{name}=soon") == name


@pytest.mark.parametrize(
    "name",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
        "00400275.ScheduledProcedureStepID",
    ],
)
def test_paths_into_sequences(name):
    assert keyed(f"{name}=X") == (["00400275", "00400009"], ["X"])


def test_paths_of_any_depth_take_the_type_of_their_end():
    path, keys = keyed("00081115.00081199.00081155=1.2,1.3")
    assert path == ["00081115", "00081199", "00081155"]
    assert keys == ["1.2", "1.3"]


@pytest.mark.parametrize("name", ["RequestAttributesSequence.Nonsense", "Nonsense.PatientID"])
def test_a_path_with_an_unknown_step_is_refused(name):
    assert refused(f"{name}=x") == name


def test_the_character_set_is_never_matched():
    """It would be that of the request (PS3.4 C.2.2.2)."""
    assert keyed("SpecificCharacterSet=ISO_IR+192") == (["00080005"], [""])
