"""Catalogs to test with: every test runs with both databases."""

import pytest

from gateway.catalog.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of a database that is not there yet, or is empty."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.sqlite'}"
        return
    server = request.getfixturevalue("postgres_server")
    found = server.create()
    yield found
    server.drop(found)


@pytest.fixture
def database(url):
    """An empty catalog."""
    found = Database(url)
    found.prepare()
    yield found
    found.close()
