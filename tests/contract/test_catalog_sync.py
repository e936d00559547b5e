"""The catalog of real processes: killed, replaced, emptied, compared, and told of."""

import re
import sqlite3
import time
from contextlib import closing, suppress

import httpx
import pytest
from sqlalchemy import select

from gateway.catalog.database import Database
from gateway.catalog.schema import IMAGE_SET
from gateway.errors import CatalogError
from tests import soak
from tests.contract.keeping import made
from tests.running import Store
from tests.soak import Serving, state, wait


@pytest.fixture
def store(healthimaging):
    return Store(healthimaging)


BOTH = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def url(request, tmp_path):
    """Where a catalog is going to be; in SQLite where a test does not say."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog' / 'catalog.sqlite'}"
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def serving(healthimaging, store, url):
    """Starts gateways on the store, all with the same catalog."""
    running = []

    def start(**environment):
        running.append(Serving(healthimaging, store.id, url, **environment).start())
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.end()


def measured(one, name):
    text = httpx.get(f"{one.url}/metrics").text
    found = re.search(rf"^gateway_catalog_{name}{{[^}}]*}} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def ids(url):
    with suppress(CatalogError), closing(Database(url)) as database, database.read() as connection:
        query = select(IMAGE_SET.c.image_set_id, IMAGE_SET.c.version)
        return {row.image_set_id: row.version for row in connection.execute(query)}
    return None


def there(store, url):
    """Whether the catalog has been loaded and has all versions; it may not be made yet."""
    return ids(url) == {one["imageSetId"]: one["version"] for one in store.search()}


@BOTH
def test_a_killed_leader_is_followed_within_seconds(serving, store, url, tmp_path):
    store.bring(*made(tmp_path, 1, 2))
    one = serving()
    wait(lambda: measured(one, "leader") == 1)
    other = serving()
    wait(lambda: there(store, url))
    wait(lambda: measured(other, "leader") == 0)
    one.end(9)
    began = time.monotonic()
    wait(lambda: measured(other, "leader") == 1)
    assert time.monotonic() - began < 10
    store.bring(*made(tmp_path, 3))
    wait(lambda: there(store, url))
    assert other.end() == 0


@BOTH
def test_kills_at_random_moments_leave_no_difference(healthimaging, url, tmp_path):
    found = soak.soak(healthimaging, url, tmp_path, rounds=3, seed=6)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.endswith(" 0 differences.\n")


def test_verify_prints_each_difference_and_rebuild_mends_all(serving, store, url, tmp_path):
    sets = store.bring(*made(tmp_path, *range(1, 7)))
    one = serving(GATEWAY_CATALOG_RECONCILE="3600")
    wait(lambda: there(store, url))
    assert one.command("verify", "--deep").returncode == 0
    one.end()
    store.call("delete_image_set", imageSetId=sets[0])
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE image_set SET version = 9 WHERE image_set_id = ?", sets[1:2])
        database.execute("UPDATE image_set SET is_primary = 0 WHERE image_set_id = ?", sets[2:3])
        database.execute("UPDATE image_set SET study_uid = '1' WHERE image_set_id = ?", sets[3:4])
        database.execute("UPDATE study SET patient_id = 'X' WHERE uid = '1.2.3.5'")
        database.commit()
    [new] = store.bring(*made(tmp_path, 9))
    found = one.command("verify")
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert any(line.startswith("series of another study") for line in lines)
    assert sorted(line for line in lines if line[:32] in {*sets, new}) == sorted(
        [
            f"{sets[0]}: in the catalog, but not in HealthImaging",
            f"{sets[1]}: version 9 in the catalog, 1 in HealthImaging",
            f"{sets[2]}: primary is False in the catalog, True in HealthImaging",
            f"{sets[3]}: of another study",
            f"{new}: not in the catalog",
        ]
    )
    deep = one.command("verify", "--deep")
    assert f"{sets[4]}: the rows of its study differ" in deep.stdout.splitlines()
    rebuilt = one.command("rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert one.command("verify", "--deep").returncode == 0


def test_a_gateway_that_runs_rebuilds_what_is_emptied(serving, store, url, tmp_path):
    store.bring(*made(tmp_path, *range(1, 7)))
    one = serving()
    wait(lambda: there(store, url))
    before = state(url, store.id).loaded_at
    assert one.command("rebuild").returncode == 0
    assert state(url, store.id).loaded_at > before
    assert there(store, url)
    assert one.command("verify", "--deep").returncode == 0


def test_progress_is_told_on_the_page_in_the_log_and_in_numbers(serving, store, url, tmp_path):
    store.bring(*made(tmp_path, *range(1, 4)))
    one = serving()
    wait(lambda: measured(one, "lag_seconds") is not None)
    wait(lambda: measured(one, "image_sets") == 3)
    assert measured(one, "lag_seconds") < 10
    assert measured(one, "applied_total") == 3
    assert "The search index has 3 image sets" in httpx.get(one.url).text
    assert httpx.get(f"{one.url}/readyz").status_code == 200
    told = one.command("status")
    assert f"data store {store.id}" in told.stdout
    assert re.search(r"^  image sets     3$", told.stdout, re.MULTILINE)
    assert one.end() == 0
    assert '"event":"catalog_loaded"' in one.log
    assert "1.2.3." not in one.log


def test_the_end_is_prompt_in_the_middle_of_a_load(serving, store, tmp_path):
    store.bring(*made(tmp_path, *range(1, 60)))
    one = serving()
    time.sleep(0.3)
    began = time.monotonic()
    assert one.end() == 0
    assert time.monotonic() - began < 5


def test_without_a_place_for_it_the_gateway_serves_and_says_so(healthimaging, store, tmp_path):
    (tmp_path / "file").write_text("")
    one = Serving(healthimaging, store.id, f"sqlite:///{tmp_path / 'file' / 'catalog.sqlite'}")
    one.start()
    try:
        assert httpx.get(f"{one.root}/studies").status_code == 200
        wait(lambda: "The search index is off" in httpx.get(one.url).text)
        assert httpx.get(f"{one.url}/readyz").status_code == 200
    finally:
        assert one.end() == 0
    assert one.log.count("catalog_off") == 1
