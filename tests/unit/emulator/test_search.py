"""SearchImageSets against brute force over the same rows in Python."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.emulator import image_sets, model, resources, search, versions
from gateway.emulator.faults import Fault
from gateway.emulator.paging import Pager
from gateway.emulator.store import Database
from gateway.emulator.touches import Touches

PAGER = Pager("secret")
DATES = ["20231231", "20240101", "20240102", "2024.01.02"]
TIMES = ["", "00", "10", "1011", "101112", "101112.5", "101112.500000 ", "235959.999999"]
MOMENTS = [1700000000.0, 1700000000.125, 1700000001.0, 1700000007.7]
EQUAL = {
    "DICOMPatientId": ("PatientID", ["P1", "P2", "", "p1"]),
    "DICOMAccessionNumber": ("AccessionNumber", ["A1", "A2", ""]),
    "DICOMStudyId": ("StudyID", ["S1", "S2", ""]),
    "DICOMStudyInstanceUID": ("StudyInstanceUID", ["1.2.1", "1.2.10"]),
    "DICOMSeriesInstanceUID": ("SeriesInstanceUID", ["1.3.1", "1.3.10"]),
}
RANGES = ("createdAt", "updatedAt", "DICOMStudyDateAndTime")


@dataclass
class Row:
    """An image set: the attributes of its upper levels, and when it was made and changed."""

    attributes: dict
    createdAt: float
    updatedAt: float
    id: str = ""

    def value(self, name):
        """What a filter or an order compares, None where there is nothing to compare."""
        if name in EQUAL:
            found = self.attributes.get(EQUAL[name][0])
            return None if found is None else found.strip()
        if name != "DICOMStudyDateAndTime":
            return getattr(self, name)
        return moment(self.attributes.get("StudyDate"), self.attributes.get("StudyTime"))


def moment(date, time):
    """A comparable moment; what has no date comes before everything."""
    if not date:
        return datetime.min
    digits = (time or "").strip().ljust(6, "0")
    day = datetime.strptime(date.replace(".", ""), "%Y%m%d")
    clock = {"hours": int(digits[:2]), "minutes": int(digits[2:4]), "seconds": float(digits[4:])}
    return day + timedelta(**clock)


rows = st.builds(
    Row,
    st.fixed_dictionaries(
        {
            keyword: st.sampled_from([*values, f"{values[0]} ", None])
            for keyword, values in EQUAL.values()
        }
        | {
            "StudyDate": st.sampled_from([*DATES, "", None]),
            "StudyTime": st.sampled_from([*TIMES, None]),
        }
    ).map(lambda found: {key: value for key, value in found.items() if value is not None}),
    st.sampled_from(MOMENTS),
    st.sampled_from(MOMENTS),
)


def bounds(name):
    if name != "DICOMStudyDateAndTime":
        return st.sampled_from(MOMENTS)
    date = {"DICOMStudyDate": st.sampled_from(DATES)}
    return st.fixed_dictionaries(date, optional={"DICOMStudyTime": st.sampled_from(TIMES)})


def comparable(bound):
    if isinstance(bound, dict):
        return moment(bound["DICOMStudyDate"], bound.get("DICOMStudyTime"))
    return bound


def item(operator, name, *values):
    return {"operator": operator, "values": [{name: value} for value in values]}


def between(name):
    pairs = st.tuples(bounds(name), bounds(name)).map(lambda pair: sorted(pair, key=comparable))
    return pairs.map(lambda pair: item("BETWEEN", name, *pair))


filters = st.one_of(
    *(
        st.sampled_from(values).map(lambda value, name=name: item("EQUAL", name, value))
        for name, (_, values) in EQUAL.items()
    ),
    *(bounds(name).map(lambda bound, name=name: item("EQUAL", name, bound)) for name in RANGES),
    *(between(name) for name in RANGES),
)
sorts = st.fixed_dictionaries(
    {"sortField": st.sampled_from(RANGES), "sortOrder": st.sampled_from(["ASC", "DESC"])}
)
criteria = st.fixed_dictionaries(
    {}, optional={"filters": st.lists(filters, min_size=1, max_size=2), "sort": sorts}
)


def meets(row, one):
    [(name, low)], [(_, high)] = (list(one["values"][at].items()) for at in (0, -1))
    found = row.value(name)
    return found is not None and comparable(low) <= found <= comparable(high)


def expected(found, wanted):
    """The identifiers of the rows that meet ``wanted``, in order."""
    sort = wanted.get("sort", {"sortField": "updatedAt", "sortOrder": "DESC"})
    matching = [row for row in found if all(meets(row, one) for one in wanted.get("filters", ()))]
    matching.sort(key=lambda row: (row.value(sort["sortField"]), row.id))
    return [row.id for row in (matching if sort["sortOrder"] == "ASC" else reversed(matching))]


class Store:
    """A new data store among others of a database, with these image sets."""

    def __init__(self, database, found=()):
        self.database = database
        with self.database.write() as db:
            self.id = resources.create_datastore(db, {}, "us-east-1")
            for row in found:
                self._insert(db, row, self.id)

    def _insert(self, db, row, datastore):
        row.id = uuid4().hex
        new = image_sets.NewImageSet(row.id, datastore, row.attributes, 3)
        image_sets.insert(db, new, row.createdAt)
        db.execute("UPDATE image_set SET updated_at = ? WHERE id = ?", (row.updatedAt, row.id))
        query = "UPDATE image_set_version SET updated_at = ? WHERE image_set_id = ?"
        db.execute(query, (row.updatedAt, row.id))

    def change(self, row):
        """A new version of an image set, with the same attributes."""
        tree = {
            "Patient": {"DICOM": {}},
            "Study": {"DICOM": {}, "Series": {"1": {"DICOM": row.attributes, "Instances": {}}}},
        }
        with self.database.write() as db:
            known = image_sets.find(db, self.id, row.id)
            version = versions.begin(db, known, "UPDATING")
            versions.settle(db, row.id, version, "UPDATED", tree)

    def add(self, found):
        if found:
            with self.database.write() as db:
                for row in found:
                    self._insert(db, row, self.id)

    def search(self, **parameters):
        with self.database.read() as db:
            query = {"datastoreId": self.id, **parameters}
            return search.search(db, query, PAGER, Touches(self.database, 30))

    def pages(self, size, wanted, meanwhile=lambda: None):
        """Identifiers of all pages; ``meanwhile`` is called between two."""
        found, token = [], {}
        for _ in range(100):
            answer = self.search(searchCriteria=wanted, maxResults=size, **token)
            page = [one["imageSetId"] for one in answer["imageSetsMetadataSummaries"]]
            found += page
            if "nextToken" not in answer:
                return found
            assert len(page) == size
            token = {"nextToken": answer["nextToken"]}
            meanwhile()
        raise AssertionError("the pages have no end")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """One database for all tests: making one takes longer than they do."""
    found = Database(tmp_path_factory.mktemp("search") / "test.sqlite")
    Store(found, [Row({"PatientID": "P1", "StudyDate": "20240101"}, 1.7e9, 1.7e9)])
    return found


@pytest.fixture
def store(database):
    return Store(database)


@settings(deadline=None, max_examples=150)
@given(found=st.lists(rows, max_size=12), wanted=criteria, size=st.integers(1, 5))
def test_the_pages_are_what_brute_force_finds(database, found, wanted, size):
    store = Store(database, found)
    assert store.pages(50, wanted) == expected(found, wanted)
    assert store.pages(size, wanted) == expected(found, wanted)


@settings(deadline=None, max_examples=60)
@given(
    found=st.lists(rows, min_size=4, max_size=10),
    later=st.lists(st.lists(rows, max_size=3), max_size=6),
    wanted=st.fixed_dictionaries({"sort": sorts}),
    size=st.integers(1, 3),
)
def test_rows_that_arrive_between_pages_shift_nothing(database, found, later, wanted, size):
    store = Store(database, found)
    arriving, arrived = iter(later), []

    def meanwhile():
        new = next(arriving, [])
        # A strategy can hand out the same object twice.
        copies = [Row(row.attributes, row.createdAt, row.updatedAt) for row in new]
        store.add(copies)
        arrived.extend(copies)

    seen = store.pages(size, wanted, meanwhile)
    assert len(seen) == len(set(seen))
    assert [one for one in expected([*found, *arrived], wanted) if one in seen] == seen
    before = {row.id for row in found}
    assert [one for one in seen if one in before] == expected(found, wanted)


@settings(deadline=None, max_examples=100)
@given(
    found=st.lists(rows, min_size=2, max_size=8),
    changed=st.lists(st.lists(st.integers(0, 7), max_size=3), max_size=4),
    order=st.sampled_from(["ASC", "DESC"]),
    size=st.integers(1, 3),
)
def test_what_changes_between_pages_is_neither_skipped_nor_doubled(
    database, found, changed, order, size
):
    found = [Row(row.attributes, row.createdAt, row.updatedAt) for row in found]
    store = Store(database, found)
    moving = iter(changed)

    def meanwhile():
        for number in next(moving, []):
            store.change(found[number % len(found)])

    wanted = {"sort": {"sortField": "updatedAt", "sortOrder": order}}
    assert store.pages(size, wanted, meanwhile) == expected(found, wanted)


def test_primary_image_sets_are_told_apart(database):
    store = Store(database)
    with database.write() as db:
        for number, primary in enumerate([True, False, None]):
            attributes = {"StudyInstanceUID": "1", "SeriesInstanceUID": str(number)}
            new = image_sets.NewImageSet(f"{number}" * 32, store.id, attributes, 1, primary)
            image_sets.insert(db, new, 1.0)
    for wanted, expected_id in [(True, "0" * 32), (False, "1" * 32)]:
        one = item("EQUAL", "isPrimary", wanted)
        [answer] = store.search(searchCriteria={"filters": [one]})["imageSetsMetadataSummaries"]
        assert (answer["imageSetId"], answer["isPrimary"]) == (expected_id, wanted)
    answers = store.search()["imageSetsMetadataSummaries"]
    assert [one.get("isPrimary") for one in answers] == [None, False, True]


def test_every_attribute_of_the_model_is_searched(store):
    union = model.service().shape_for("SearchByAttributeValue")
    for name, shape in union.members.items():
        value = {"structure": {"DICOMStudyDate": "20240101"}, "boolean": True, "timestamp": 1.0}
        one = item("EQUAL", name, value.get(shape.type_name, "1.2"))
        assert store.search(searchCriteria={"filters": [one]})["imageSetsMetadataSummaries"] == []
    assert set(model.service().shape_for("SortField").enum) == set(RANGES)


@pytest.mark.parametrize("name", sorted(EQUAL))
def test_identifiers_have_ranges_too(database, name):
    keyword, _ = EQUAL[name]
    store = Store(database, [Row({keyword: value}, 1.0, 1.0) for value in ("1", "2", "30", "4")])
    one = item("BETWEEN", name, "2", "3")
    found = store.search(searchCriteria={"filters": [one]})["imageSetsMetadataSummaries"]
    assert [summary["DICOMTags"][name] for summary in found] == ["2"]
    inside = item("BETWEEN", name, "2", "30")
    assert (
        len(store.search(searchCriteria={"filters": [inside]})["imageSetsMetadataSummaries"]) == 2
    )


def test_primary_has_no_range(store):
    with pytest.raises(Fault, match="BETWEEN is not supported for isPrimary") as refused:
        store.search(searchCriteria={"filters": [item("BETWEEN", "isPrimary", False, True)]})
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (item("EQUAL", "DICOMPatientId", "a", "b"), "EQUAL takes exactly one value"),
        (item("BETWEEN", "createdAt", 1.0), "BETWEEN takes exactly two values"),
        (item("BETWEEN", "createdAt", 2.0, 1.0), "lower bound of a search filter is above"),
        (
            {"operator": "BETWEEN", "values": [{"createdAt": 1.0}, {"updatedAt": 2.0}]},
            "must be of the same attribute",
        ),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(store, one, message):
    with pytest.raises(Fault, match=message) as refused:
        store.search(searchCriteria={"filters": [one]})
    assert refused.value.code == "ValidationException"


def test_a_summary_holds_what_was_inserted(store):
    attributes = {
        "PatientID": "P1",
        "PatientName": "Phantom^Test ",
        "StudyDate": "20240102",
        "Modality": "CT",
        "SeriesNumber": "7 ",
        "BodyPartExamined": None,
    }
    row = Row(attributes, 1700000000.25, 1700000001.5)
    store.add([row])
    assert store.search() == {
        "imageSetsMetadataSummaries": [
            {
                "imageSetId": row.id,
                "version": 1,
                "createdAt": 1700000000.25,
                "updatedAt": 1700000001.5,
                "lastAccessedAt": 1700000001.5,
                "storageTier": "ARCHIVE_INSTANT_ACCESS",
                "DICOMTags": {
                    "DICOMPatientId": "P1",
                    "DICOMPatientName": "Phantom^Test",
                    "DICOMStudyDate": "20240102",
                    "DICOMSeriesModality": "CT",
                    "DICOMSeriesNumber": 7,
                    "DICOMNumberOfStudyRelatedSeries": 1,
                    "DICOMNumberOfStudyRelatedInstances": 3,
                },
            }
        ],
        "sort": {"sortField": "updatedAt", "sortOrder": "DESC"},
    }
    answer = model.serialize("SearchImageSets", store.search())
    assert orjson.loads(answer.body) == store.search()


def test_an_empty_data_store_has_one_empty_page(store):
    assert store.search() == {
        "imageSetsMetadataSummaries": [],
        "sort": {"sortField": "updatedAt", "sortOrder": "DESC"},
    }


@pytest.mark.parametrize(("rows", "more"), [(49, False), (50, False), (51, True)])
def test_a_page_has_fifty_results(store, rows, more):
    store.add([Row({}, 1.0, float(number)) for number in range(rows)])
    answer = store.search()
    assert len(answer["imageSetsMetadataSummaries"]) == min(rows, 50)
    assert ("nextToken" in answer) == more


def test_a_token_leads_on_with_the_same_criteria_only(store):
    store.add([Row({"PatientID": "P1"}, 1.0, 1.0) for _ in range(3)])
    wanted = {"filters": [item("EQUAL", "DICOMPatientId", "P1")]}
    token = store.search(searchCriteria=wanted, maxResults=1)["nextToken"]
    assert store.search(searchCriteria=wanted, nextToken=token)["imageSetsMetadataSummaries"]
    for other in ({}, {"filters": [item("EQUAL", "DICOMPatientId", "P2")]}):
        with pytest.raises(Fault, match="nextToken is not valid for this request"):
            store.search(searchCriteria=other, nextToken=token)


@settings(deadline=None)
@given(
    st.sampled_from(DATES), st.sampled_from(TIMES), st.sampled_from(DATES), st.sampled_from(TIMES)
)
def test_the_text_of_a_study_date_and_time_sorts_by_time(date, time, other_date, other_time):
    one, other = search.study_datetime(date, time), search.study_datetime(other_date, other_time)
    left, right = moment(date, time), moment(other_date, other_time)
    assert (one < other, one == other) == (left < right, left == right)


@pytest.mark.parametrize("time", ["25", "garbage", "10:11:12", "1", ""])
def test_a_time_that_is_none_still_leaves_the_date(time):
    assert search.study_datetime("20240102", time).startswith("20240102")
    assert search.study_datetime("", time) == ""
