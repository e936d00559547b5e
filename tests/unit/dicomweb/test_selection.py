"""Attributes of a result: those of the level, of keys and fields, of private creators."""

import pytest

from gateway.dicom import matching, tags
from gateway.dicomweb import attributes, selection
from gateway.dicomweb.query import Level
from tests.unit.dicomweb.parsing import SERIES, STUDY, parse

REQUESTS, STEP, PROCEDURE, CODES, CODE = 0x00400275, 0x00400009, 0x00401001, 0x00321064, 0x00080100
ITEMS = [
    [(STEP, "SH", ["S1"]), (CODES, "SQ", [[(CODE, "SH", ["C1"]), (0x00080104, "LO", ["One"])]])],
    [(STEP, "SH", ["S2"]), (PROCEDURE, "SH", ["P2"])],
]
DATASET = [
    (0x00080005, "CS", ["ISO_IR 192"]),
    (0x00080016, "UI", ["1.2"]),
    (0x00080020, "DA", ["20240101"]),
    (0x00080056, "CS", ["OFFLINE"]),
    (0x00081030, "LO", ["Chest"]),
    (0x00081111, "SQ", ITEMS),
    (0x00100010, "PN", ["Doe^John"]),
    (0x00180015, "CS", ["CHEST"]),
    (0x0020000D, "UI", ["1"]),
    (0x0020000E, "UI", ["1.1"]),
    (0x00200013, "IS", ["1"]),
    (0x00230010, "LO", ["OTHER"]),
    (0x00230011, "LO", ["ACME"]),
    (0x00231002, "LO", ["theirs"]),
    (0x00231102, "LO", ["ours"]),
    (0x00400275, "SQ", ITEMS),
]
PERFORMED = 0x00081111


def picked(text, level=Level.STUDY, uids=()):
    """The elements of the data set that a query's results have, by tag."""
    query = parse(text, level, uids)
    matcher = matching.matcher(query.matches, query.modes, query.every)
    found = selection.selection(query).pick(DATASET, matcher)
    assert len({element[0] for element in found}) == len(found)
    return {element[0]: element for element in found}


def named(*keywords):
    return {tags.parse_tag(keyword) for keyword in keywords}


STUDY_TABLE = named(
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
)
SERIES_TABLE = named(
    "SpecificCharacterSet",
    "Modality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "RequestAttributesSequence",
)
INSTANCE_TABLE = named(
    "SpecificCharacterSet",
    "SOPClassUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "InstanceNumber",
)


@pytest.mark.parametrize(
    ("level", "uids", "expected"),
    [
        (Level.STUDY, {}, STUDY_TABLE),
        (Level.SERIES, {STUDY: "1"}, SERIES_TABLE),
        (Level.SERIES, {}, SERIES_TABLE | STUDY_TABLE),
        (Level.INSTANCE, {STUDY: "1", SERIES: "1.1"}, INSTANCE_TABLE),
        (Level.INSTANCE, {STUDY: "1"}, INSTANCE_TABLE | SERIES_TABLE),
        (Level.INSTANCE, {}, INSTANCE_TABLE | SERIES_TABLE | STUDY_TABLE),
    ],
)
def test_the_tables_of_the_levels(level, uids, expected):
    assert set(picked("", level, uids)) == expected


def test_required_attributes_stand_there_without_a_value():
    found = picked("")
    assert found[0x00100020] == (0x00100020, "LO", [])
    assert found[0x00100030] == (0x00100030, "DA", [])
    assert found[0x00080020][2] == ["20240101"]
    assert picked("", Level.SERIES, {STUDY: "1"})[0x00200011] == (0x00200011, "IS", [])


def test_what_is_asked_for_and_not_there_is_left_out():
    assert 0x00101010 not in picked("includefield=PatientAge&PatientSize=")


@pytest.mark.parametrize("text", ["includefield=00081030", "StudyDescription=Chest", "00081030="])
def test_fields_and_keys(text):
    for level in Level:
        assert picked(text, level)[0x00081030][2] == ["Chest"]
    assert 0x00081030 not in picked("")


@pytest.mark.parametrize("text", ["{}", "{0},PatientID", "all"])
def test_what_is_below_the_level_stays_away(text):
    fields = "includefield=" + text.format("BodyPartExamined,SOPClassUID")
    assert not {0x00180015, 0x00080016} & picked(fields).keys()
    of_series = picked(fields, Level.SERIES).keys()
    assert (0x00180015 in of_series, 0x00080016 in of_series) == (True, False)
    assert {0x00180015, 0x00080016} <= picked(fields, Level.INSTANCE).keys()


def test_all_fields_of_an_instance_are_all_but_the_computed_ones():
    found = picked("includefield=all", Level.INSTANCE, {STUDY: "1", SERIES: "1.1"})
    assert set(found) == {element[0] for element in DATASET} - attributes.COMPUTED
    assert found[PERFORMED][2] == ITEMS


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("includefield=00081111", ITEMS),
        ("00081111=", ITEMS),
        (
            "includefield=00081111.00400009",
            [[(STEP, "SH", ["S1"])], [(STEP, "SH", ["S2"])]],
        ),
        (
            "includefield=00081111.00400009,00081111.00401001",
            [[(STEP, "SH", ["S1"])], [(STEP, "SH", ["S2"]), (PROCEDURE, "SH", ["P2"])]],
        ),
        ("includefield=00081111.00400009&includefield=00081111", ITEMS),
        (
            "includefield=00081111.00321064.00080100",
            [[(CODES, "SQ", [[(CODE, "SH", ["C1"])]])], []],
        ),
        (
            "includefield=00081111.00321064",
            [[(CODES, "SQ", ITEMS[0][1][2])], []],
        ),
        ("includefield=00081111.00101010", [[], []]),
    ],
)
def test_only_the_named_attributes_of_items(text, items):
    assert picked(text, Level.SERIES)[PERFORMED] == (PERFORMED, "SQ", items)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("00081111.00400009=S2", [[(STEP, "SH", ["S2"])]]),
        (
            "00081111.00400009=S2&includefield=00081111.00401001",
            [[(STEP, "SH", ["S2"]), (PROCEDURE, "SH", ["P2"])]],
        ),
        ("00081111.00400009=S*", [[(STEP, "SH", ["S1"])], [(STEP, "SH", ["S2"])]]),
        ("00081111.00321064.00080100=C1", [[(CODES, "SQ", [[(CODE, "SH", ["C1"])]])]]),
        ("00081111.00400009=S2&includefield=00081111", ITEMS),
        # Links to bulk data go by the number of an item, which must not change.
        (
            "00081111.00400009=S2&includefield=00081111.00282000",
            [[(STEP, "SH", ["S1"])], [(STEP, "SH", ["S2"])]],
        ),
        (
            "00081111.00400009=S2&includefield=00081111.00104000",
            [[(STEP, "SH", ["S1"])], [(STEP, "SH", ["S2"])]],
        ),
        (
            "00081111.00400009=S2&includefield=00081111.00231001",
            [[(STEP, "SH", ["S1"])], [(STEP, "SH", ["S2"])]],
        ),
    ],
)
def test_of_keys_into_a_sequence_the_items_that_match(text, items):
    assert picked(text, Level.SERIES)[PERFORMED] == (PERFORMED, "SQ", items)


def test_a_sequence_of_the_table_is_whole():
    found = picked("RequestAttributesSequence.ScheduledProcedureStepID=S2", Level.SERIES)
    assert found[REQUESTS][2] == ITEMS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("includefield=00231002", {0x00230010: "OTHER", 0x00231002: "theirs"}),
        ("includefield=00231102", {0x00230011: "ACME", 0x00231102: "ours"}),
        (
            "00230010=ACME&includefield=00231002",
            {0x00230011: "ACME", 0x00231102: "ours"},
        ),
        ("00230010=ACME&00231002=ours", {0x00230011: "ACME", 0x00231102: "ours"}),
        ("00230010=ACME", {0x00230011: "ACME"}),
        ("00230010=NOBODY&includefield=00231002", {}),
        ("00231102=", {0x00231102: "ours"}),
    ],
)
@pytest.mark.parametrize("level", Level)
def test_private_elements_with_their_creator(level, text, expected):
    found = picked(text, level)
    private = {tag: element[2][0] for tag, element in found.items() if tags.is_private(tag)}
    assert private == expected


OF_STUDY = named("ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
OF_SERIES = named("NumberOfSeriesRelatedInstances")
EVERYWHERE = named("InstanceAvailability", "RetrieveURL")
CLASSES, SYNTAXES = named("SOPClassesInStudy"), named("AvailableTransferSyntaxUID")


@pytest.mark.parametrize(
    ("level", "uids", "text", "expected"),
    [
        (Level.STUDY, {}, "", OF_STUDY),
        (Level.STUDY, {}, "includefield=SOPClassesInStudy", OF_STUDY | CLASSES),
        (Level.STUDY, {}, "SOPClassesInStudy=1.2", OF_STUDY | CLASSES),
        (Level.STUDY, {}, "includefield=all", OF_STUDY | CLASSES),
        (Level.STUDY, {}, "includefield=00201209,00083002", OF_STUDY),
        (Level.SERIES, {STUDY: "1"}, "", OF_SERIES),
        (
            Level.SERIES,
            {STUDY: "1"},
            "includefield=ModalitiesInStudy",
            OF_SERIES | named("ModalitiesInStudy"),
        ),
        (Level.SERIES, {}, "", OF_SERIES | OF_STUDY),
        (Level.SERIES, {}, "includefield=all", OF_SERIES | OF_STUDY | CLASSES),
        (Level.INSTANCE, {STUDY: "1", SERIES: "1.1"}, "", set()),
        (Level.INSTANCE, {STUDY: "1", SERIES: "1.1"}, "includefield=00083002", SYNTAXES),
        (Level.INSTANCE, {STUDY: "1"}, "", OF_SERIES),
        (Level.INSTANCE, {}, "", OF_SERIES | OF_STUDY),
        (
            Level.INSTANCE,
            {},
            "includefield=all",
            OF_SERIES | OF_STUDY | CLASSES | SYNTAXES,
        ),
    ],
)
def test_computed_attributes(level, uids, text, expected):
    found = selection.selection(parse(text, level, uids)).computed
    assert found == EVERYWHERE | expected
