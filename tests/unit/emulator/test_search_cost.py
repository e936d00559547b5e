"""What a page of a search costs, counted in steps of SQLite's virtual machine: not more in a large
data store than in a small one.
"""

import pytest

from gateway.emulator import image_sets, resources, search
from gateway.emulator.paging import Pager
from gateway.emulator.store import Database
from gateway.emulator.touches import Touches

SMALL, LARGE = 500, 100_000
_COUNTED = 10  # the handler is called every so many steps

CRITERIA = {
    "everything": {},
    "oldest": {"sort": {"sortField": "updatedAt", "sortOrder": "ASC"}},
    "created": {"sort": {"sortField": "createdAt", "sortOrder": "DESC"}},
    "studies by date": {"sort": {"sortField": "DICOMStudyDateAndTime", "sortOrder": "DESC"}},
    "patient": {"filters": [{"operator": "EQUAL", "values": [{"DICOMPatientId": "P7"}]}]},
    "accession": {"filters": [{"operator": "EQUAL", "values": [{"DICOMAccessionNumber": "A7"}]}]},
    "study": {"filters": [{"operator": "EQUAL", "values": [{"DICOMStudyInstanceUID": "1.7"}]}]},
    "series": {"filters": [{"operator": "EQUAL", "values": [{"DICOMSeriesInstanceUID": "2.7"}]}]},
    "study id": {"filters": [{"operator": "EQUAL", "values": [{"DICOMStudyId": "S7"}]}]},
    "primary": {"filters": [{"operator": "EQUAL", "values": [{"isPrimary": True}]}]},
    "a day": {
        "filters": [
            {
                "operator": "BETWEEN",
                "values": [
                    {"DICOMStudyDateAndTime": {"DICOMStudyDate": "20240107"}},
                    {"DICOMStudyDateAndTime": {"DICOMStudyDate": "20240108"}},
                ],
            }
        ],
        "sort": {"sortField": "DICOMStudyDateAndTime", "sortOrder": "ASC"},
    },
    "an hour": {
        "filters": [{"operator": "BETWEEN", "values": [{"updatedAt": 7.0}, {"updatedAt": 60.0}]}]
    },
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return Database(tmp_path_factory.mktemp("cost") / "test.sqlite")


def filled(database, count):
    """A data store with ``count`` image sets, of which few share an attribute."""
    with database.write() as db:
        datastore_id = resources.create_datastore(db, {}, "us-east-1")
        columns = None
        rows = []
        for number in range(count):
            attributes = {
                "PatientID": f"P{number}",
                "AccessionNumber": f"A{number}",
                "StudyID": f"S{number}",
                "StudyInstanceUID": f"1.{number}",
                "SeriesInstanceUID": f"2.{number}",
                "StudyDate": f"2024{1 + number % 12:02}{1 + number // 12 % 28:02}",
            }
            row = image_sets.searched(attributes, 1) | {
                "id": f"{datastore_id[:16]}{number:016x}",
                "datastore_id": datastore_id,
                "version": 1,
                "created_at": float(number),
                "updated_at": float(number),
                "is_primary": 1,
            }
            columns = columns or list(row)
            rows.append(tuple(row.values()))
        marks = ", ".join("?" * len(columns))
        db.executemany(f"INSERT INTO image_set ({', '.join(columns)}) VALUES ({marks})", rows)
    return datastore_id


@pytest.fixture(scope="module")
def stores(database):
    return {count: filled(database, count) for count in (SMALL, LARGE)}


def cost(database, datastore_id, criteria, pages=30):
    """The steps of each of the first pages."""
    pager, touches = Pager("secret"), Touches(database, 30.0)
    steps = []
    parameters = {"datastoreId": datastore_id, "searchCriteria": criteria}

    def count():
        steps[-1] += _COUNTED

    token = {}
    for _ in range(pages):
        with database.read() as db:
            steps.append(0)
            db.set_progress_handler(count, _COUNTED)
            answer = search.search(db, parameters | token, pager, touches)
            db.set_progress_handler(None, 0)
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    return steps


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", CRITERIA)
def test_a_page_costs_the_same_in_a_large_data_store(database, stores, name):
    small = cost(database, stores[SMALL], CRITERIA[name])
    large = cost(database, stores[LARGE], CRITERIA[name])
    assert large[0] > 0
    assert max(large) <= 1.5 * max(small) + 2_000, (small, large)
    assert max(large) <= 1.5 * large[0] + 1_000, large
