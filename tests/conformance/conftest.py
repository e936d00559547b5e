"""A gateway that keeps what searches tell: nothing changes while the suite looks at it."""

import pytest

from tests.running import Gateway


@pytest.fixture(scope="package")
def keeping(healthimaging):
    running = Gateway(healthimaging, search_ttl=60)
    yield running
    running.stop()
