"""Results: what forms a study, a series or an instance, whether it matches, and what it says."""

import base64

import pytest

from gateway.dicom import elements
from gateway.dicomweb.query import Level, Query, parse
from gateway.services import results
from tests.unit.services.memory import PIXELS, image_set, instance
from tests.unit.services.resulting import (
    ROOT,
    TWO_SERIES,
    cut,
    encoded,
    keys,
    matches,
    parsed,
    values,
)


def test_units_of_each_level():
    instances = parsed(*TWO_SERIES, image_set("2", "2.1", instance("2.1.1")))
    for level, sizes in (
        (Level.STUDY, [3, 1]),
        (Level.SERIES, [2, 1, 1]),
        (Level.INSTANCE, [1, 1, 1, 1]),
    ):
        found = results.group(level, instances)
        assert [len(one.instances) for one in found] == sizes
        assert all(one.level is level for one in found)


def test_of_equal_instances_the_first_counts_once():
    copies = parsed(
        image_set("1", "1.1", instance("1.1.1", ImageComments="first")),
        image_set("1", "1.1", instance("1.1.1", ImageComments="second"), instance("1.1.2")),
    )
    for level in Level:
        found = [one for unit in results.group(level, copies) for one in unit.instances]
        assert [one.sop for one in found] == ["1.1.1", "1.1.2"]
        assert found[0].attributes["ImageComments"] == "first"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, True),
        ({"PatientID": "PHANTOM"}, True),
        ({"PatientID": "phantom"}, False),
        ({"PatientID": ("X", "PHANTOM")}, True),
        ({"PatientName": "phantom^*"}, True),
        ({"Modality": "MR"}, True),
        ({"Modality": "US"}, False),
        ({"Modality": "MR", "SeriesNumber": "2"}, True),
        ({"Modality": "MR", "SeriesNumber": "1"}, False),
        ({"SOPInstanceUID": "1.1.2"}, True),
        ({"SOPInstanceUID": "1.1.2", "ImageComments": "second"}, True),
        ({"SOPInstanceUID": "1.1.1", "ImageComments": "second"}, False),
        ({"SOPInstanceUID": "1.1.2", "Modality": "MR"}, False),
        ({"InstanceNumber": "2"}, True),
        ({"InstanceNumber": "3"}, False),
        ({"BodyPartExamined": ""}, True),
        ({"BodyPartExamined": "HEAD"}, False),
        ({"ModalitiesInStudy": "CT"}, True),
        ({"ModalitiesInStudy": ("US", "MR")}, True),
        ({"ModalitiesInStudy": "US"}, False),
        ({"ModalitiesInStudy": ""}, True),
        ({"ModalitiesInStudy": "MR", "PatientID": "X"}, False),
        ({"NumberOfStudyRelatedSeries": "2"}, True),
        ({"NumberOfStudyRelatedSeries": "1"}, False),
        ({"NumberOfStudyRelatedInstances": "3"}, True),
        ({"InstanceAvailability": "ONLINE"}, True),
        ({"InstanceAvailability": "NEARLINE"}, False),
        ({"RetrieveURL": "*"}, True),
        ({"RetrieveURL": "/studies/1"}, False),
    ],
)
def test_a_study_matches_where_one_instance_meets_all_keys(named, expected):
    query = Query(Level.STUDY, keys(**named))
    assert matches(query, *TWO_SERIES) is expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"NumberOfSeriesRelatedInstances": "2"}, True),
        ({"NumberOfSeriesRelatedInstances": "3"}, False),
        ({"SeriesInstanceUID": ("1.1", "1.9")}, True),
        ({"ImageComments": "sec*"}, True),
        ({"PatientID": "PHANTOM", "SeriesNumber": "1"}, True),
        ({"SeriesNumber": "2"}, False),
    ],
)
def test_a_series_matches(named, expected):
    query = Query(Level.SERIES, keys(**named))
    assert matches(query, TWO_SERIES[0]) is expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"RequestAttributesSequence__ScheduledProcedureStepID": "S2"}, True),
        ({"RequestAttributesSequence__ScheduledProcedureStepID": "S3"}, False),
        ({"RequestAttributesSequence__ScheduledProcedureStepID": ""}, True),
        ({"AvailableTransferSyntaxUID": "1.2.840.10008.1.2.1"}, True),
        ({"AvailableTransferSyntaxUID": "1.2.840.10008.1.2.4.50"}, False),
        ({"SOPInstanceUID": "1.1.1"}, True),
    ],
)
def test_an_instance_matches_also_within_sequences(named, expected):
    requests = [{"ScheduledProcedureStepID": "S1"}, {"ScheduledProcedureStepID": "S2"}]
    content = image_set(
        "1", "1.1", instance("1.1.1"), at_series={"RequestAttributesSequence": requests}
    )
    query = Query(Level.INSTANCE, keys(**named))
    assert matches(query, content) is expected


def test_what_a_study_says():
    found = values(encoded(Query(Level.STUDY), *TWO_SERIES))
    assert found == {
        "StudyDate": ["20240102"],
        "StudyTime": ["101112"],
        "AccessionNumber": ["ACC1"],
        "InstanceAvailability": ["ONLINE"],
        "ModalitiesInStudy": ["CT", "MR"],
        "ReferringPhysicianName": None,
        "RetrieveURL": [f"{ROOT}/studies/1"],
        "PatientName": [{"Alphabetic": "Phantom^One"}],
        "PatientID": ["PHANTOM"],
        "PatientBirthDate": None,
        "PatientSex": None,
        "StudyInstanceUID": ["1"],
        "StudyID": ["S1"],
        "NumberOfStudyRelatedSeries": [2],
        "NumberOfStudyRelatedInstances": [3],
    }


def test_what_a_series_of_a_study_says():
    asked = parse(Level.SERIES, [], {0x0020000D: "1"})
    found = values(encoded(asked, TWO_SERIES[1]))
    assert found == {
        "InstanceAvailability": ["ONLINE"],
        "Modality": ["MR"],
        "RetrieveURL": [f"{ROOT}/studies/1/series/1.2"],
        "StudyInstanceUID": ["1"],
        "SeriesInstanceUID": ["1.2"],
        "SeriesNumber": [2],
        "NumberOfSeriesRelatedInstances": [1],
    }


def test_what_an_instance_of_a_series_says():
    content = image_set("1", "1.1", instance("1.1.1", 4, frames=["f"], **PIXELS))
    asked = parse(Level.INSTANCE, [], {0x0020000D: "1", 0x0020000E: "1.1"})
    assert values(encoded(asked, content)) == {
        "SOPClassUID": ["1.2.840.10008.5.1.4.1.1.2"],
        "SOPInstanceUID": ["1.1.1"],
        "InstanceAvailability": ["ONLINE"],
        "RetrieveURL": [f"{ROOT}/studies/1/series/1.1/instances/1.1.1"],
        "StudyInstanceUID": ["1"],
        "SeriesInstanceUID": ["1.1"],
        "InstanceNumber": [4],
        "Rows": [2],
        "Columns": [2],
        "BitsAllocated": [16],
    }


def test_results_of_the_whole_service_say_whose_they_are():
    for level, expected in (
        (Level.SERIES, {"PatientID", "StudyDate", "StudyID", "Modality"}),
        (Level.INSTANCE, {"PatientID", "StudyDate", "StudyID", "Modality", "SeriesNumber"}),
    ):
        found = values(encoded(Query(level), TWO_SERIES[1]))
        assert expected <= set(found)


def test_elements_stand_in_the_order_of_their_tags():
    for level in Level:
        found = encoded(Query(level, include_all=True), TWO_SERIES[1])
        assert list(found) == sorted(found)


def test_no_modality_at_all_leaves_the_modalities_out():
    content = image_set("1", "1.1", instance("1.1.1"), at_series={"Modality": None})
    assert "00080061" not in encoded(Query(Level.STUDY), content)


def test_included_attributes_of_the_level():
    content = image_set(
        "1",
        "1.1",
        instance("1.1.1", ImageComments="x"),
        at_study={"StudyDescription": "Chest"},
        at_series={"BodyPartExamined": "CHEST"},
    )
    include = frozenset(keys(StudyDescription="", BodyPartExamined="", ImageComments=""))
    for level, expected in (
        (Level.STUDY, {"StudyDescription"}),
        (Level.SERIES, {"StudyDescription", "BodyPartExamined"}),
        (Level.INSTANCE, {"StudyDescription", "BodyPartExamined", "ImageComments"}),
    ):
        plain = set(values(encoded(Query(level), content)))
        found = set(values(encoded(Query(level, include=include), content)))
        assert found - plain == expected
        assert set(values(encoded(Query(level, include_all=True), content))) >= found


def test_keys_are_returned_with_what_they_matched():
    content = image_set("1", "1.1", instance("1.1.1"), at_study={"StudyDescription": "Chest"})
    for value in ("Chest", ""):
        asked = Query(Level.STUDY, keys(StudyDescription=value))
        assert values(encoded(asked, content))["StudyDescription"] == ["Chest"]


def test_the_available_syntaxes_are_told_when_asked_for():
    content = image_set(
        "1", "1.1", instance("1.1.1", frames=["f"], stored="1.2.840.10008.1.2.4.202", **PIXELS)
    )
    asked = Query(Level.INSTANCE, include=frozenset({(0x00083002,)}))
    told = values(encoded(asked, content))["AvailableTransferSyntaxUID"]
    assert told[:2] == ["1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.1"]
    assert {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"} < set(told)
    assert not {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91"} & set(told)
    everything = Query(Level.INSTANCE, include_all=True)
    assert values(encoded(everything, content))["AvailableTransferSyntaxUID"] == told
    assert "AvailableTransferSyntaxUID" not in values(encoded(Query(Level.INSTANCE), content))


def test_what_has_no_pixels_is_plain_or_deflated():
    content = image_set("1", "1.1", instance("1.1.1"))
    asked = Query(Level.INSTANCE, include=frozenset({(0x00083002,)}))
    found = values(encoded(asked, content))["AvailableTransferSyntaxUID"]
    assert found == ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"]


def test_computed_attributes_are_never_taken_from_what_is_stored():
    stored = {"NumberOfStudyRelatedInstances": "99", "RetrieveURL": "http://elsewhere.example"}
    content = image_set("1", "1.1", instance("1.1.1", InstanceAvailability="OFFLINE", **stored))
    found = values(encoded(Query(Level.STUDY, include_all=True), content))
    assert found["NumberOfStudyRelatedInstances"] == [1]
    assert found["RetrieveURL"] == [f"{ROOT}/studies/1"]
    assert found["InstanceAvailability"] == ["ONLINE"]
    below = values(encoded(Query(Level.INSTANCE, include_all=True), content, whole=False))
    assert "NumberOfStudyRelatedInstances" not in below
    asked = Query(Level.STUDY, keys(NumberOfStudyRelatedInstances="99"))
    assert not matches(asked, content)


def test_large_values_are_links_to_the_instance():
    profile = base64.b64encode(bytes(40)).decode()
    content = image_set("1", "1.1", instance("1.1.1", ICCProfile=profile))
    asked = Query(Level.INSTANCE, include_all=True)
    linked = encoded(asked, content, limit=10)["00282000"]
    link = f"{ROOT}/studies/1/series/1.1/instances/1.1.1/bulkdata/00282000"
    assert linked == {"vr": "OB", "BulkDataURI": link}
    assert encoded(asked, content, limit=100)["00282000"] == {"vr": "OB", "InlineBinary": profile}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (slice(None), ["1.1.1", "1.1.2", "1.2.1"]),
        (slice(1, 2), ["1.1.2"]),
        (slice(2, 9), ["1.2.1"]),
        (slice(3, 9), []),
        (slice(0, 0), []),
    ],
)
def test_a_cut_counts_all_and_gives_some(where, expected):
    found = cut(Query(Level.INSTANCE), *TWO_SERIES[::-1], where=where)
    assert found.count == 3
    assert [elements.text(one.dataset, 0x00080018) for one in found.results] == expected


def test_what_is_decided_is_not_matched_again():
    query = Query(Level.STUDY, keys(PatientID="X"))
    assert cut(query, *TWO_SERIES).count == 0
    assert cut(query, *TWO_SERIES, decided=True).count == 1


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"00231001": "ours"}, False),
        ({"00230010": "ACME", "00231001": "ours"}, True),
        ({"00230010": "ACME", "00231001": "theirs"}, False),
    ],
)
def test_private_keys_go_by_their_creator(named, expected):
    own = {"00230010": "OTHER", "00230011": "ACME", "00231001": "theirs", "00231101": "ours"}
    content = image_set("1", "1.1", instance("1.1.1", **own))
    assert matches(Query(Level.STUDY, keys(**named)), content) is expected


def test_an_attribute_of_an_instance_overrides_that_of_its_series():
    """Also where only the attributes that decide are read."""
    content = image_set(
        "1", "1.1", instance("1.1.1", StudyDescription="Own"), instance("1.1.2"),
        at_study={"StudyDescription": "Common"},
    )  # fmt: skip
    for text, expected in (("Own", ["1.1.1"]), ("Common", ["1.1.2"])):
        query = Query(Level.INSTANCE, keys(StudyDescription=text))
        found = cut(query, content).results
        assert [elements.text(one.dataset, 0x00080018) for one in found] == expected
