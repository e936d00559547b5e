"""Searches through the catalog: as fresh as they are to be, or they say that they are not."""

import sqlite3
import threading
from contextlib import closing

import httpx
import pytest

from tests.contract.keeping import made
from tests.running import Gateway, Store
from tests.soak import wait


@pytest.fixture
def store(healthimaging):
    return Store(healthimaging)


def patients(gateway, query="", path="/studies"):
    answer = httpx.get(f"{gateway.root}{path}?includefield=PatientID&{query}")
    assert answer.status_code == 200
    return sorted(one["00100020"]["Value"][0] for one in answer.json()), answer


def test_what_has_been_imported_updated_and_deleted_is_found_at_once(cataloging, store, tmp_path):
    [first] = store.bring(*made(tmp_path, 1))
    gateway = cataloging(store.id, catalog_interval=3600, catalog_reconcile=3600)
    for number in range(2, 5):
        store.bring(*made(tmp_path, number))
        found, answer = patients(gateway, "PatientName=*")
        assert found == [f"P{n}" for n in range(1, number + 1)]
        assert "warning" not in answer.headers
    store.update(first, 1, updatable={"Study": {"DICOM": {"StudyDescription": "new words"}}})
    store.settled(first)
    assert patients(gateway, "StudyDescription=*words")[0] == ["P1"]


def test_who_hears_that_something_is_gone_has_it_taken_out(cataloging, store, tmp_path):
    first, _ = store.bring(*made(tmp_path, 1, 2))
    gateway = cataloging(store.id, catalog_reconcile=3600)
    store.call("delete_image_set", imageSetId=first)
    wait(lambda: len(store.search()) == 1)
    assert patients(gateway)[0] == ["P1", "P2"]  # nobody knows
    params = {"imageSetId": first, "versionId": "1"}
    assert httpx.get(f"{gateway.root}/studies/1.2.3.1/metadata", params=params).status_code == 404
    wait(lambda: patients(gateway)[0] == ["P2"])


def test_a_catalog_that_cannot_be_fresh_in_time_says_so(fresh, tmp_path):
    store = Store(fresh)
    store.bring(*made(tmp_path, 1))
    gateway = Gateway(
        fresh,
        datastore_id=store.id,
        catalog="on",
        catalog_url=f"sqlite:///{tmp_path / 'catalog.sqlite'}",
        catalog_wait=0.3,
        max_attempts=1,
    ).loaded()
    try:
        fresh.kill()
        found, answer = patients(gateway)
        assert found == ["P1"]
        assert "seconds behind HealthImaging" in answer.headers["warning"]
        fresh.start()
        wait(lambda: "warning" not in patients(gateway)[1].headers)
    finally:
        gateway.stop()


def test_while_it_is_loaded_healthimaging_is_asked(healthimaging, store, tmp_path):
    store.bring(*made(tmp_path, *range(1, 40)))
    gateway = Gateway(
        healthimaging,
        datastore_id=store.id,
        catalog="on",
        catalog_url=f"sqlite:///{tmp_path / 'catalog.sqlite'}",
        quotas="GetImageSetMetadata=4",
    )
    try:
        assert patients(gateway, "PatientID=P7")[0] == ["P7"]

        def excused():
            found, answer = patients(gateway, "PatientID=P7")
            assert found == ["P7"]
            return "The search index is being loaded" in answer.headers.get("warning", "")

        wait(excused, 5)
        assert httpx.get(f"{gateway.url}/readyz").status_code == 200
    finally:
        gateway.stop()


def test_readers_see_whole_studies_while_the_store_changes(cataloging, store, tmp_path):
    gateway = cataloging(store.id, catalog_interval=0.2)
    for series in "12":
        (tmp_path / series).mkdir()
    ended = threading.Event()
    wrong = []

    def read():
        while not ended.is_set():
            answer = httpx.get(f"{gateway.root}/studies?includefield=all").json()
            wrong.extend(one for one in answer if one["00201208"]["Value"] != [2])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(8):
            pair = [
                path
                for series in (1, 2)
                for path in made(
                    tmp_path / str(series),
                    number,
                    SeriesInstanceUID=f"1.2.3.{number}.1",
                    SOPInstanceUID=f"1.2.3.{number}.1.{series}",
                )
            ]
            [one, _] = store.bring(*pair)
            if number % 2:
                store.call("delete_image_set", imageSetId=one)
    finally:
        ended.set()
        reader.join(60)
    assert wrong == []
    assert len(patients(gateway)[0]) >= 4


def test_nobody_waits_for_those_who_write(healthimaging, store, tmp_path):
    store.bring(*made(tmp_path, *range(1, 4)))
    file = tmp_path / "catalog.sqlite"
    gateway = Gateway(
        healthimaging,
        datastore_id=store.id,
        catalog="on",
        catalog_url=f"sqlite:///{file}",
        catalog_interval=0.2,
        catalog_reconcile=1,
        catalog_wait=0.2,
    ).loaded()
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(10, 16):  # each has somebody wait for the lock
                store.bring(*made(tmp_path, number))
                found, answer = patients(gateway, "PatientID=P*")
                assert found == ["P1", "P2", "P3"]
                assert "seconds behind HealthImaging" in answer.headers["warning"]
            other.execute("ROLLBACK")
        wait(lambda: len(patients(gateway)[0]) == 9)
    finally:
        gateway.stop()
