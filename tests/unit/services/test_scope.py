"""What is computed from documents: counts, classes, places; as keys and in results."""

import base64
from xml.etree import ElementTree

import pytest

from gateway.dicom import elements
from gateway.dicomweb import resources
from gateway.dicomweb.query import Level, Query
from gateway.services import results
from tests.unit.services.memory import CT_STORAGE, EXPLICIT_LE, image_set, instance
from tests.unit.services.resulting import ROOT, TWO_SERIES, cut, encoded, keys, values


@pytest.mark.parametrize(
    ("level", "named", "expected"),
    [
        (Level.STUDY, {"NumberOfSeriesRelatedInstances": "1"}, ["1"]),
        (Level.STUDY, {"NumberOfSeriesRelatedInstances": "3"}, []),
        (Level.STUDY, {"NumberOfSeriesRelatedInstances": "1", "Modality": "MR"}, ["1"]),
        (Level.STUDY, {"NumberOfSeriesRelatedInstances": "1", "Modality": "CT"}, []),
        (Level.STUDY, {"SOPClassesInStudy": CT_STORAGE}, ["1"]),
        (Level.STUDY, {"SOPClassesInStudy": "1.2"}, []),
        (Level.STUDY, {"AvailableTransferSyntaxUID": EXPLICIT_LE}, ["1"]),
        (Level.STUDY, {"RetrieveURL": f"{ROOT}/studies/1"}, ["1"]),
        (Level.STUDY, {"RetrieveURL": "*/studies/2"}, []),
        (Level.SERIES, {"NumberOfStudyRelatedSeries": "2"}, ["1.1", "1.2"]),
        (Level.SERIES, {"NumberOfStudyRelatedSeries": "1"}, []),
        (Level.SERIES, {"NumberOfStudyRelatedInstances": "3", "Modality": "MR"}, ["1.2"]),
        (Level.SERIES, {"NumberOfSeriesRelatedInstances": "1"}, ["1.2"]),
        (Level.SERIES, {"ModalitiesInStudy": "MR"}, ["1.1", "1.2"]),
        (Level.INSTANCE, {"NumberOfSeriesRelatedInstances": "2"}, ["1.1.1", "1.1.2"]),
        (Level.INSTANCE, {"NumberOfStudyRelatedInstances": "3"}, ["1.1.1", "1.1.2", "1.2.1"]),
        (Level.INSTANCE, {"SOPClassesInStudy": CT_STORAGE, "Modality": "MR"}, ["1.2.1"]),
    ],
)
def test_computed_attributes_are_keys_at_every_level(level, named, expected):
    found = cut(Query(level, keys(**named)), *TWO_SERIES).results
    tag = {Level.STUDY: 0x0020000D, Level.SERIES: 0x0020000E, Level.INSTANCE: 0x00080018}[level]
    assert [elements.text(one.dataset, tag) for one in found] == expected


def test_keys_on_a_study_are_met_already_where_the_study_is_not_whole():
    query = Query(Level.SERIES, keys(ModalitiesInStudy="MR"))
    assert cut(query, TWO_SERIES[0]).count == 0
    assert cut(query, TWO_SERIES[0], whole=False).count == 1


def test_the_study_of_a_series_is_told_by_search_results_or_by_itself():
    facts = [(0x00080061, "CS", ["CT", "US"]), (0x00201206, "IS", ["7"])]
    alone = values(encoded(Query(Level.SERIES), TWO_SERIES[0], whole=False, facts=facts))
    assert alone["ModalitiesInStudy"] == ["CT", "US"]
    assert alone["NumberOfStudyRelatedSeries"] == [7]
    assert "NumberOfStudyRelatedInstances" not in alone
    whole = values(encoded(Query(Level.SERIES), TWO_SERIES[0], facts=facts))
    assert whole["NumberOfStudyRelatedSeries"] == [1]
    assert whole["NumberOfStudyRelatedInstances"] == [2]


def test_copies_of_an_instance_count_once():
    content = [
        image_set("1", "1.1", instance("1.1.1"), instance("1.1.2")),
        image_set("1", "1.1", instance("1.1.2"), instance("1.1.3")),
    ]
    study = values(encoded(Query(Level.STUDY), *content))
    assert study["NumberOfStudyRelatedInstances"] == [3]
    series = values(encoded(Query(Level.SERIES), *content))
    assert series["NumberOfSeriesRelatedInstances"] == [3]


def test_the_classes_of_a_study_when_asked_for():
    content = image_set("1", "1.1", instance("1.1.1", SOPClassUID="1.2.9"), instance("1.1.2"))
    asked = Query(Level.STUDY, include=frozenset(keys(SOPClassesInStudy="")))
    assert values(encoded(asked, content))["SOPClassesInStudy"] == [CT_STORAGE, "1.2.9"]
    assert "SOPClassesInStudy" not in values(encoded(Query(Level.STUDY), content))


def test_a_result_says_what_its_query_asked_for_where_instances_differ():
    content = [
        image_set("1", "1.1", instance("1.1.1"), at_study={"StudyDescription": "Head"}),
        image_set("1", "1.2", instance("1.2.1"), at_study={"StudyDescription": "Neck"}),
    ]
    for text in ("Head", "Neck"):
        query = Query(Level.STUDY, keys(StudyDescription=text))
        assert values(encoded(query, *content))["StudyDescription"] == [text]
    private = [
        image_set("1", "1.1", instance("1.1.1", **{"00231001": "A"}), instance("1.1.2")),
        image_set("1", "1.2", instance("1.2.1", **{"00231001": "B"})),
    ]
    query = Query(Level.STUDY, keys(**{"00231001": "B"}))
    assert encoded(query, *private)["00231001"]["Value"] == ["B"]


def test_urls_lead_to_the_image_set_that_alone_was_asked_for():
    profile = base64.b64encode(bytes(40)).decode()
    content = image_set("1", "1.1", instance("1.1.1", ICCProfile=profile))
    asked = Query(Level.INSTANCE, include_all=True)
    root = resources.pinned(ROOT, "a" * 32, 3)
    found = encoded(asked, content, limit=10, root=root)
    place, pin = (
        f"{ROOT}/studies/1/series/1.1/instances/1.1.1",
        f"imageSetId={'a' * 32}&versionId=3",
    )
    assert found["00081190"]["Value"] == [f"{place}?{pin}"]
    assert found["00282000"]["BulkDataURI"] == f"{place}/bulkdata/00282000?{pin}"


def test_results_as_xml_documents():
    content = image_set("1", "1.1", instance("1.1.1"), patient={"PatientName": "Doe^John=山田"})
    found = cut(Query(Level.STUDY), content).results
    [document] = results.dicom_xml(found, 1024)
    tree = ElementTree.fromstring(document)
    names = {one.get("keyword") for one in tree}
    assert names >= {"PatientName", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"}
    assert "山田" in document.decode()
