"""Catalogs to test with."""

import pytest

from gateway.catalog.database import Database


@pytest.fixture
def database(tmp_path):
    """An empty catalog."""
    found = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    found.prepare()
    yield found
    found.close()
