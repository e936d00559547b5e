"""The planner: few searches, the selective key first, and never one that misses a match."""

from itertools import combinations
from uuid import uuid4

import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings, strategies as st

from gateway.dicom import matching, tags
from gateway.dicom.conditions import by_tag
from gateway.dicom.keys import Modes
from gateway.dicomweb import query as queries
from gateway.dicomweb.query import Level, Query
from gateway.emulator import image_sets, model, resources
from gateway.emulator.paging import Pager
from gateway.emulator.search import search as healthimaging
from gateway.emulator.store import Database
from gateway.emulator.touches import Touches
from gateway.remote.search import SUMMARY_TAGS, Plan, plan, told

# The attributes that HealthImaging compares exactly, the most selective first.
EXACT = {
    "StudyInstanceUID": ("DICOMStudyInstanceUID", "1.2.3"),
    "SeriesInstanceUID": ("DICOMSeriesInstanceUID", "1.2.3.4"),
    "AccessionNumber": ("DICOMAccessionNumber", "A1"),
    "PatientID": ("DICOMPatientId", "P1"),
    "StudyID": ("DICOMStudyId", "S1"),
}
EVERYTHING = Plan(({},), True)


def parse(*pairs, level=Level.STUDY, uids=None):
    return queries.parse(level, pairs, uids or {})


def equal(name, value):
    return {"filters": [{"values": [{name: value}], "operator": "EQUAL"}]}


def dates(low, high):
    ends = (low, "000000"), (high, "235959.999999")
    values = [
        {"DICOMStudyDateAndTime": {"DICOMStudyDate": date, "DICOMStudyTime": time}}
        for date, time in ends
    ]
    return Plan(({"filters": [{"values": values, "operator": "BETWEEN"}]},), True)


@pytest.mark.parametrize("keyword", list(EXACT))
def test_a_key_that_is_compared_exactly_is_one_search(keyword):
    name, value = EXACT[keyword]
    complete = keyword != "SeriesInstanceUID"
    study = value if keyword == "StudyInstanceUID" else ""
    for given_key in (keyword, tags.hex8(tags.by_keyword(keyword).tag)):
        found = plan(parse((given_key, f" {value} ")))
        assert found == Plan((equal(name, value),), complete, study)


@pytest.mark.parametrize(("first", "second"), list(combinations(EXACT, 2)))
def test_the_more_selective_of_two_keys_is_searched(first, second):
    name, value = EXACT[first]
    for pairs in (((first, value), (second, "9")), ((second, "9"), (first, value))):
        assert plan(parse(*pairs)).searches == (equal(name, value),)


@pytest.mark.parametrize("keyword", list(EXACT))
def test_a_key_is_searched_rather_than_a_date(keyword):
    name, value = EXACT[keyword]
    pairs = (("StudyDate", "20240101-20240131"), (keyword, value), ("PatientName", "A*"))
    assert plan(parse(*pairs)).searches == (equal(name, value),)


def test_the_uids_of_the_path_are_searched():
    uids = {0x0020000D: "1.2.3"}
    found = plan(parse(("Modality", "CT"), level=Level.SERIES, uids=uids))
    assert found == Plan((equal("DICOMStudyInstanceUID", "1.2.3"),), True, "1.2.3")


@pytest.mark.parametrize("value", ["1.2.3,1.2.4", "*", ""])
def test_a_study_that_is_not_the_only_one_is_none(value):
    assert plan(parse(("StudyInstanceUID", value))).study == ""


@pytest.mark.parametrize("separator", [",", "\\"])
def test_each_uid_of_a_list_is_a_search(separator):
    uids = [f"1.2.{number}" for number in range(5)]
    found = plan(parse(("StudyInstanceUID", separator.join(uids))))
    assert found == Plan(tuple(equal("DICOMStudyInstanceUID", uid) for uid in uids), True)


def test_a_list_that_is_too_long_is_not_searched_one_by_one():
    uids = [f"1.2.{number}" for number in range(201)]
    assert len(plan(parse(("StudyInstanceUID", ",".join(uids[:200])))).searches) == 200
    assert plan(parse(("StudyInstanceUID", ",".join(uids)))) == EVERYTHING
    pairs = (("StudyInstanceUID", ",".join(uids)), ("PatientID", "P1"))
    assert plan(parse(*pairs)).searches == (equal("DICOMPatientId", "P1"),)


@pytest.mark.parametrize("key", ["P*", "*", "?1", "P?", "**", "*P1*", ""])
@pytest.mark.parametrize("keyword", list(EXACT))
def test_a_wildcard_is_not_pushed_down(keyword, key):
    path = (tags.by_keyword(keyword).tag,)
    assert plan(Query(Level.STUDY, {path: (key,)})) == EVERYTHING
    with_date = {path: (key,), (0x00080020,): ("20240102",)}
    assert plan(Query(Level.STUDY, with_date)) == dates("20240102", "20240102")


def test_a_list_with_a_wildcard_is_not_pushed_down():
    assert plan(parse(("PatientID", "P1\\P*"))) == EVERYTHING


def test_a_wildcard_does_not_hinder_a_less_selective_key():
    pairs = (("AccessionNumber", "A*"), ("PatientID", "P?"), ("StudyID", "S1"))
    assert plan(parse(*pairs)).searches == (equal("DICOMStudyId", "S1"),)


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("20240102", "20240102", "20240102"),
        ("20240101-20240131", "20240101", "20240131"),
        ("20240101-", "20240101", "99991231"),
        ("-20240131", "00010101", "20240131"),
    ],
)
def test_study_dates_are_one_search(key, low, high):
    assert plan(parse(("StudyDate", key))) == dates(low, high)


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("20240102", "20231231", "20240104"),
        ("20240101-20240131", "20231230", "20240202"),
        ("20240229-", "20240227", "99991231"),
        ("-00010101", "00010101", "00010103"),
        ("20240231", "00010101", "99991231"),  # no day of the calendar
    ],
)
def test_dates_of_another_zone_are_searched_for_with_the_days_around_them(key, low, high):
    assert plan(parse(("StudyDate", key), ("TimezoneOffsetFromUTC", "+0900"))) == dates(low, high)


@pytest.mark.parametrize("keyword", ["AccessionNumber", "PatientID", "StudyID"])
def test_an_empty_value_is_not_searched_for(keyword):
    path = (tags.by_keyword(keyword).tag,)
    assert plan(Query(Level.STUDY, {path: ('""',)}, modes=Modes(empty=True))) == EVERYTHING
    assert plan(Query(Level.STUDY, {path: ("A", '""')}, modes=Modes(empty=True))) == EVERYTHING
    assert plan(Query(Level.STUDY, {path: ('""',)})) != EVERYTHING


def test_what_nothing_can_match_is_not_searched():
    assert plan(parse(("StudyDate", "20240131-20240101"))) == Plan((), True)
    assert plan(parse(("PatientID", "P" * 257))) == Plan((), True)
    found = plan(parse(("PatientID", "P1\\" + "P" * 257)))
    assert found == Plan((equal("DICOMPatientId", "P1"),), True)
    assert len(plan(parse(("PatientID", "P" * 256))).searches) == 1


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        (("StudyDate", ""),),
        (("StudyDate", "*"),),
        (("StudyDate", "20240101\\20240105"),),
        (("StudyTime", "101112"),),
        (("PatientName", "Phantom^Test"),),
        (("Modality", "CT"),),
        (("SeriesDate", "20240102"),),
        (("ReferencedImageSequence.ReferencedSOPInstanceUID", "1.2"),),
        (("RequestAttributesSequence.AccessionNumber", "A1"),),
    ],
)
def test_what_healthimaging_cannot_compare_is_matched_afterwards(pairs):
    assert plan(parse(*pairs)) == EVERYTHING


VALUES = {
    "StudyInstanceUID": ["1.2", "1.2.3"],
    "SeriesInstanceUID": ["1.3", "1.3.1"],
    "AccessionNumber": ["A1", "A2", "a1", ""],
    "PatientID": ["P1", "P2", "P1 ", ""],
    "PatientName": ["Phantom^One", "phantom^two", "Phantom"],
    "StudyID": ["S1", "S2", ""],
    "StudyDate": ["20240101", "20240102", "20231231", "2024.01.02", ""],
    "StudyTime": ["000000", "101112.5", "235959.999999", "10", ""],
    "StudyDescription": ["Head", "head and neck"],
    "Modality": ["CT", "MR"],
    "SeriesNumber": ["1", "2 ", "-3"],
    "PatientSex": ["O", ""],
}
KEYS = {
    "StudyInstanceUID": ["1.2", "1.2.3", "1.2,1.2.3", "9,1.2", "*"],
    "SeriesInstanceUID": ["1.3", "1.3,1.3.1", "9"],
    "AccessionNumber": ["A1", "A*", "?1", " A2 ", "*", ""],
    "PatientID": ["P1", "P2", "P*", "P1\\P2"],
    "PatientName": ["Phantom*", "PHANTOM^ONE", "Phantom", "?hantom^Two"],
    "StudyID": ["S1", "S?"],
    "StudyDate": ["20240102", "20240101-20240102", "-20240101", "20240102-", "20231231\\20240102"],
    "StudyTime": ["10-11", "000000", "1011-"],
    "StudyDescription": ["Head", "*neck", "head*"],
    "Modality": ["CT", "CT,MR", "M?"],
    "SeriesNumber": ["1", "2", "-3"],
    "PatientSex": ["O", '""'],
}
EXTRA = [(), (("emptyvaluematching", "true"),), (("fuzzymatching", "true"),),
         (("TimezoneOffsetFromUTC", "+0900"),)]  # fmt: skip
rows = st.fixed_dictionaries(
    {
        "StudyInstanceUID": st.sampled_from(VALUES["StudyInstanceUID"]),
        "SeriesInstanceUID": st.sampled_from(VALUES["SeriesInstanceUID"]),
    },
    optional={
        keyword: st.none() | st.sampled_from(values)
        for keyword, values in VALUES.items()
        if "InstanceUID" not in keyword
    },
)
keys = st.tuples(
    st.dictionaries(st.sampled_from(sorted(KEYS)), st.integers(0, 9), max_size=3),
    st.sampled_from(EXTRA),
).map(
    lambda drawn: [
        *((name, KEYS[name][at % len(KEYS[name])]) for name, at in drawn[0].items()),
        *drawn[1],
    ]
)
PAGER = Pager("secret")


def dataset(attributes):
    """The data set of an instance with these attributes."""
    found = []
    for keyword, value in attributes.items():
        attribute = tags.by_keyword(keyword)
        found.append((attribute.tag, attribute.vr, [value] if value else []))
    return sorted(found)


ZONE = (matching.TIMEZONE_OFFSET, "SH", ["-0500"])


def matches(query, attributes):
    return matching.matcher(query.matches, query.modes).meets(by_tag([*dataset(attributes), ZONE]))


def may_match(query, tags):
    matcher = matching.matcher(query.matches, query.modes)
    return matcher.verdict(told(tags, matcher.tags)) is not False


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return Database(tmp_path_factory.mktemp("plan") / "test.sqlite")


@settings(deadline=None, max_examples=60)
@given(found=st.lists(rows, max_size=6), asked=st.lists(keys, min_size=1, max_size=6))
def test_no_search_misses_a_match(database, found, asked):
    with database.write() as db:
        datastore_id = resources.create_datastore(db, {}, "us-east-1")
        ids = {}
        for attributes in found:
            image_set_id = uuid4().hex
            ids[image_set_id] = attributes
            new = image_sets.NewImageSet(image_set_id, datastore_id, attributes, 1)
            image_sets.insert(db, new, 1.0)
        for pairs in asked:
            query = parse(*pairs)
            reached = {}
            for criteria in plan(query).searches:
                parameters = {"datastoreId": datastore_id, "searchCriteria": criteria}
                answer = healthimaging(db, parameters, PAGER, Touches(database, 30))
                for one in answer["imageSetsMetadataSummaries"]:
                    reached[one["imageSetId"]] = one["DICOMTags"]
            for image_set_id, attributes in ids.items():
                if matches(query, attributes):
                    assert image_set_id in reached
                    assert may_match(query, reached[image_set_id])


@settings(deadline=None, max_examples=200)
@given(keys)
def test_a_plan_is_what_healthimaging_takes(pairs):
    query = parse(*pairs)
    found = plan(query)
    assert found.searches
    for criteria in found.searches:
        assert "*" not in str(criteria)
        assert "?" not in str(criteria)
        shape = model.service().operation_model("SearchImageSets").input_shape
        parameters = {"datastoreId": "d" * 32, "searchCriteria": criteria}
        assert not ParamValidator().validate(parameters, shape).has_errors()
    exact = [
        len(one) for path, one in query.matches.items() if tags.by_tag(path[0]).keyword in EXACT
    ]
    assert len(found.searches) <= max(exact, default=1)


TAGS = {
    "DICOMPatientName": "Phantom^Test",
    "DICOMPatientId": "P1",
    "DICOMStudyDate": "20240102",
    "DICOMStudyTime": "101112",
    "DICOMSeriesModality": "CT",
    "DICOMSeriesNumber": 7,
}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), True),
        ((("PatientID", "P1"),), True),
        ((("PatientID", "P2"),), False),
        ((("PatientID", "P2\\P1"),), True),
        ((("PatientID", ""),), True),
        ((("PatientID", "*"),), True),
        ((("PatientName", "phantom*"),), True),
        ((("PatientName", "Other*"),), False),
        ((("StudyDate", "20240101-20240103"),), True),
        ((("StudyDate", "20240103-"),), False),
        ((("StudyTime", "10-11"),), True),
        ((("StudyTime", "12-"),), False),
        ((("Modality", "CT,MR"),), True),
        ((("Modality", "MR"),), False),
        ((("SeriesNumber", "07"),), True),
        ((("SeriesNumber", "8"),), False),
        ((("AccessionNumber", "A1"),), True),  # the result does not tell
        ((("InstanceNumber", "5"),), True),
        ((("RequestAttributesSequence.PatientID", "P2"),), True),
        ((("PatientID", "P1"), ("Modality", "MR")), False),
    ],
)
def test_a_result_rules_a_match_out_only_by_what_it_tells(pairs, expected):
    assert may_match(parse(*pairs), TAGS) is expected


def test_a_result_tells_what_healthimaging_says_it_tells():
    names = {name for name, _ in SUMMARY_TAGS.values()}
    assert names <= model.service().shape_for("DICOMTags").members.keys()
    for tag, (_, vr) in SUMMARY_TAGS.items():
        assert tags.by_tag(tag).vr == vr
    found = image_sets.dicom_tags({tags.by_tag(tag).keyword: "1" for tag in SUMMARY_TAGS}, 1)
    assert names <= found.keys()
