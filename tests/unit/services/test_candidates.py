"""Candidates: what search results alone decide of a study or a series, and in which order."""

import itertools

import pytest

from gateway.dicom import tags
from gateway.dicomweb.query import Level, Query, parse
from gateway.remote.api import Summary
from gateway.services.candidates import candidates
from gateway.services.criteria import criteria

NAMES = itertools.count()


def summary(study="1", series="1.1", **told):
    found = {
        "DICOMStudyInstanceUID": study,
        "DICOMSeriesInstanceUID": series,
        "DICOMStudyDate": "20240102",
        "DICOMStudyTime": "101112",
        "DICOMPatientId": "P1",
        "DICOMPatientName": "Phantom^One",
        "DICOMSeriesModality": "CT",
        "DICOMSeriesNumber": 1,
        **told,
    }
    known = {key: value for key, value in found.items() if value is not None}
    return Summary(f"{next(NAMES):032x}", 1, 0.0, None, known)


def query(level=Level.STUDY, **keys):
    return Query(
        level,
        {
            tuple(tags.parse_tag(part) for part in name.split("__")): (
                value if isinstance(value, tuple) else (value,)
            )
            for name, value in keys.items()
        },
    )


def found(asked, *summaries):
    return [
        (
            [
                (one.tags.get("DICOMStudyInstanceUID"), one.tags.get("DICOMSeriesInstanceUID"))
                for one in candidate.summaries
            ],
            candidate.decided,
        )
        for candidate in candidates(criteria(asked), summaries)
    ]


def test_image_sets_of_a_study_are_one_candidate_in_their_order():
    sets = summary("1", "1.2"), summary("2", "2.1"), summary("1", "1.1"), summary("1", "1.2")
    assert found(query(), *sets) == [
        ([("1", "1.2"), ("1", "1.1"), ("1", "1.2")], True),
        ([("2", "2.1")], True),
    ]


@pytest.mark.parametrize(("level", "decided"), [(Level.SERIES, True), (Level.INSTANCE, False)])
def test_image_sets_of_a_series_are_one_candidate(level, decided):
    sets = summary("1", "1.2"), summary("2", "1.1"), summary("1", "1.1"), summary("1", "1.2")
    assert found(query(level), *sets) == [
        ([("1", "1.1")], decided),
        ([("1", "1.2"), ("1", "1.2")], decided),
        ([("2", "1.1")], decided),
    ]


def test_what_has_no_study_stands_alone_and_is_undecided():
    sets = summary(None), summary(None), summary("")
    assert [len(one.summaries) for one in candidates(criteria(query()), sets)] == [1, 1, 1]
    assert not any(one.decided for one in candidates(criteria(query()), sets))


def test_a_series_that_is_not_told_is_undecided():
    assert found(query(Level.SERIES), summary("1", None)) == [([("1", None)], False)]
    assert found(query(Level.STUDY), summary("1", None)) == [([("1", None)], True)]


def test_the_newest_studies_come_first_and_series_by_their_number():
    sets = [
        summary("old", "o", DICOMStudyDate="20230101", DICOMStudyTime="235959"),
        summary(
            "new", "n10", DICOMStudyDate="20240101", DICOMStudyTime="1200", DICOMSeriesNumber=10
        ),
        summary("new", "n2", DICOMStudyDate="20240101", DICOMStudyTime="1200", DICOMSeriesNumber=2),
        summary("late", "l", DICOMStudyDate="20240101", DICOMStudyTime="1300"),
        summary("never", "x", DICOMStudyDate=None, DICOMStudyTime=None),
    ]
    expected = ["l", "n2", "n10", "o", "x"]
    for order in (sets, sets[::-1]):
        series = found(query(Level.SERIES), *order)
        assert [pairs[0][1] for pairs, _ in series] == expected
        studies = found(query(Level.STUDY), *order)
        assert [pairs[0][0] for pairs, _ in studies] == ["late", "new", "old", "never"]


@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES])
def test_equal_times_are_ordered_by_identifier_whatever_the_search_gives(level):
    sets = [summary(study, f"{study}.1") for study in "31524"]
    for order in itertools.permutations(sets):
        assert [pairs[0][0] for pairs, _ in found(query(level), *order)] == list("12345")


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [
        ({"PatientID": "P1"}, True),
        ({"PatientID": "P2"}, None),
        ({"PatientID": ("P2", "P1")}, True),
        ({"PatientID": "p1"}, None),
        ({"PatientName": "phantom*"}, True),
        ({"PatientName": "Other*"}, None),
        ({"StudyDate": "20240101-20240103"}, True),
        ({"StudyDate": "20240103-"}, None),
        ({"StudyTime": "10-11"}, True),
        ({"StudyTime": "12-"}, None),
        ({"Modality": "CT"}, True),
        ({"Modality": "MR"}, None),
        ({"SeriesNumber": "1"}, True),
        ({"SeriesNumber": "01"}, True),
        ({"SeriesNumber": "2"}, None),
        ({"StudyInstanceUID": ("1", "2")}, True),
        ({"PatientName": ""}, True),
        ({"PatientName": "*"}, True),
        ({"BodyPartExamined": ""}, True),
        ({"BodyPartExamined": "HEAD"}, False),
        ({"SOPInstanceUID": "1.2"}, False),
        ({"StudyDescription": "x"}, False),
        ({"PatientBirthDate": "19700101"}, False),
        ({"RequestAttributesSequence__ScheduledProcedureStepID": "x"}, False),
        ({"RequestAttributesSequence__PatientID": "P2"}, False),
        ({"PatientID": "P1", "BodyPartExamined": "HEAD"}, False),
        ({"PatientID": "P2", "BodyPartExamined": "HEAD"}, None),
        ({"NumberOfStudyRelatedInstances": "3"}, False),
        ({"InstanceAvailability": "ONLINE"}, False),
    ],
)
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES])
def test_a_key_is_decided_by_what_is_told(level, keys, verdict):
    """True: it matches; None: it does not; False: only the documents can tell."""
    expected = [] if verdict is None else [([("1", "1.1")], verdict)]
    assert found(query(level, **keys), summary()) == expected


def test_an_instance_is_never_decided_but_may_be_ruled_out():
    assert found(query(Level.INSTANCE, PatientID="P1"), summary()) == [([("1", "1.1")], False)]
    assert found(query(Level.INSTANCE, PatientID="P2"), summary()) == []


def test_what_is_not_told_does_not_rule_out():
    untold = summary(DICOMPatientId=None)
    assert found(query(PatientID="P1"), untold) == [([("1", "1.1")], False)]
    assert found(query(PatientID=""), untold) == [([("1", "1.1")], True)]


def test_one_member_that_may_match_is_enough():
    sets = summary("1", "1.1"), summary("1", "1.2", DICOMSeriesModality="MR")
    for modality in ("CT", "MR"):
        assert found(query(Modality=modality), *sets) == [([("1", "1.1"), ("1", "1.2")], True)]
    assert found(query(Modality="US"), *sets) == []
    untold = summary("1", "1.3", DICOMSeriesModality=None)
    assert found(query(Modality="CT"), sets[0], untold)[0][1] is True
    assert found(query(Modality="MR"), sets[0], untold)[0][1] is False


@pytest.mark.parametrize(
    ("modalities", "keys", "verdict"),
    [
        (["CT", "MR"], ("MR",), True),
        (["CT", "MR"], ("US", "CT"), True),
        (["CT", "MR"], ("US",), None),
        (["CT", "MR"], ("C*",), True),
        (["CT", None], ("CT",), True),
        (["CT", None], ("US",), False),
        (["CT", None], ("",), True),
    ],
)
def test_modalities_in_study_are_those_of_all_its_series(modalities, keys, verdict):
    sets = [
        summary("1", f"1.{number}", DICOMSeriesModality=modality)
        for number, modality in enumerate(modalities)
    ]
    decided = [decided for _, decided in found(query(ModalitiesInStudy=keys), *sets)]
    assert decided == ([] if verdict is None else [verdict])


@pytest.mark.parametrize(
    ("modalities", "asked", "verdict"),
    [
        (["CT", "MR"], "CT\\MR", True),
        (["CT", "CT"], "CT\\MR", None),
        (["CT", None], "CT\\MR", False),
        (["CT", "MR", None], "CT\\MR", True),
        ([None], '""', False),
        (["CT"], '""', None),
        ([""], '""', True),
    ],
)
def test_modalities_with_multiple_and_empty_values(modalities, asked, verdict):
    sets = [
        summary("1", f"1.{number}", DICOMSeriesModality=modality)
        for number, modality in enumerate(modalities)
    ]
    pairs = [("ModalitiesInStudy", asked), ("multiplevaluematching", "true"),
             ("emptyvaluematching", "true")]  # fmt: skip
    query_ = parse(Level.STUDY, pairs, {})
    decided = [decided for _, decided in found(query_, *sets)]
    assert decided == ([] if verdict is None else [verdict])


@pytest.mark.parametrize("level", [Level.SERIES, Level.INSTANCE])
@pytest.mark.parametrize(
    "keys",
    [
        {"NumberOfStudyRelatedSeries": "2"},
        {"NumberOfStudyRelatedInstances": "2"},
        {"SOPClassesInStudy": "1.2"},
        {"NumberOfStudyRelatedSeries": "2", "ModalitiesInStudy": "CT"},
    ],
)
def test_what_is_computed_from_a_study_takes_all_of_it(level, keys):
    sets = summary("1", "1.1"), summary("1", "1.2"), summary("2", "2.1", DICOMPatientId="P2")
    [first, second] = candidates(criteria(query(level, **keys)), sets)
    assert [len(one.summaries) for one in (first, second)] == [2, 1]
    assert (first.whole, first.decided) == (True, False)
    asked = criteria(query(level, PatientID="P1", **keys))
    assert len(candidates(asked, sets)) == 1


def test_a_series_alone_is_no_whole_study():
    [series] = candidates(criteria(query(Level.SERIES)), [summary()])
    assert (series.whole, series.decided) == (False, True)
    [study] = candidates(criteria(query()), [summary()])
    assert study.whole


MODALITIES = (0x00080061, "CS", ["CT", "MR"])
SERIES_COUNT = (0x00201206, "IS", ["2"])


@pytest.mark.parametrize(
    ("modalities", "series", "expected"),
    [
        (["CT", "MR", "CT"], ["1.1", "1.2", "1.2"], (MODALITIES, SERIES_COUNT)),
        (["CT", None, "CT"], ["1.1", "1.2", "1.2"], (SERIES_COUNT,)),
        (["CT", "MR"], ["1.1", None], (MODALITIES,)),
        ([None], [None], ()),
    ],
)
def test_what_search_results_tell_of_the_study_of_a_series(modalities, series, expected):
    sets = [
        summary("1", uid, DICOMSeriesModality=modality)
        for modality, uid in zip(modalities, series, strict=True)
    ]
    for one in candidates(criteria(query(Level.SERIES)), sets):
        assert one.facts == expected
    assert all(not one.facts for one in candidates(criteria(query()), sets))
    unknown = candidates(criteria(query(Level.SERIES)), sets, complete=False)
    assert not any(one.facts for one in unknown)
    within = Query(Level.SERIES, within=frozenset({0x0020000D}))
    assert not any(one.facts for one in candidates(criteria(within), sets))


def test_dates_and_times_are_decided_together_and_left_open_in_another_zone():
    keys = {"StudyDate": "20240102-20240103", "StudyTime": "12-13"}
    assert found(query(**keys), summary()) == []
    assert found(query(**keys), summary(DICOMStudyDate="20240103"))[0][1] is True
    assert found(query(**keys), summary(DICOMStudyTime=None))[0][1] is False
    elsewhere = parse(
        Level.STUDY, [("StudyDate", "20240103"), ("TimezoneOffsetFromUTC", "+0900")], {}
    )
    assert found(elsewhere, summary())[0][1] is False
