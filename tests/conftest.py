"""Fixtures that all tests share."""

import os
import signal

import httpx
import pytest
from hypothesis import settings

from tests import files, postgres
from tests.running import Gateway, HealthImaging

# Gateways that tests start have no catalog but where a test is about it.
os.environ.setdefault("GATEWAY_CATALOG", "off")

# What a shell starts in the background ignores SIGINT, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing is tested by how long a request takes: five seconds are short on a busy machine.
for _name in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _name, 60.0)

# The same examples in every run; HYPOTHESIS_PROFILE=default draws new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def healthimaging(tmp_path_factory):
    """An embedded server for tests that only add to it."""
    server = HealthImaging(tmp_path_factory.mktemp("healthimaging"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def fresh(tmp_path):
    """An embedded server of the test's own."""
    server = HealthImaging(tmp_path / "data")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def datastore(healthimaging):
    """A new, empty data store of the shared server."""
    answer = healthimaging.imaging.create_datastore(datastoreName="test")
    return answer["datastoreId"]


@pytest.fixture(scope="session")
def gateway(healthimaging):
    """A gateway in front of the shared server."""
    running = Gateway(healthimaging)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def http(gateway):
    """An HTTP client that knows no base URL."""
    with httpx.Client(timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def library(healthimaging):
    """Every importable file of the collection, imported; image set by path, and reasons."""
    good, bad = healthimaging.import_files(files.collection(), "collection")
    return files.Library(good, bad)


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL for catalogs, each of which has a database of its own."""
    if not postgres.AVAILABLE:
        pytest.skip(postgres.MISSING)
    server = postgres.PostgresServer()
    yield server
    server.stop()
