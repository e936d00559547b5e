"""Where the catalog is, as the settings have it."""

import stat

import pytest

from gateway.catalog import places
from gateway.settings import GatewaySettings, load

STORE = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32


@pytest.fixture
def settings(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GATEWAY_CATALOG_URL", raising=False)
    return lambda **given: load(GatewaySettings, **{"datastore_id": STORE, **given})


def test_a_url_wins(settings):
    url = "postgresql://gateway:secret@db/catalog"
    assert places.url(settings(catalog_url=url)) == url


def test_each_endpoint_and_data_store_has_a_file_of_its_own(settings, tmp_path):
    found = [
        places.url(settings(**given))
        for given in (
            {},
            {"datastore_id": OTHER},
            {"endpoint_url": "http://localhost:1"},
            {"region": "eu-west-1"},
            {"disk_cache_dir": tmp_path / "disk"},
        )
    ]
    assert len(set(found)) == len(found)
    assert all(one.startswith(f"sqlite:///{tmp_path}/home/dicomweb-gateway/") for one in found[:4])
    assert found[4].startswith(f"sqlite:///{tmp_path}/disk/catalog-")
    assert places.url(settings(datastore_ids=OTHER)) == found[0]  # one file for all


def test_the_data_stores_are_those_that_are_named_each_once(settings):
    assert places.datastores(settings()) == (STORE,)
    named = settings(datastore_ids=f" {OTHER} ,{STORE},")
    assert places.datastores(named) == (STORE, OTHER)


def test_nobody_else_may_read_the_file(tmp_path):
    path = tmp_path / "folder" / "catalog.sqlite"
    places.keep_private(path)
    places.keep_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
