"""Each planted fault is found, and nothing else is reported."""

import pytest

from conformance.model import Verdict
from tests.conformance import faults, suite, ward
from tests.conformance.faulty import Faulty, Recorded, honest

SAMPLES = 5
# Without originals of the kind, or without storing: nothing that could be tried.
IDLE = {"http.coding", "frame.dicom-rle"}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ward")
    ward.write(folder)
    return folder


@pytest.fixture(scope="module")
def server(healthimaging, keeping, originals):
    made = healthimaging.imaging.create_datastore(datastoreName="ward")
    _, bad = healthimaging.import_files(
        sorted(originals.iterdir()), "ward", datastore_id := made["datastoreId"]
    )
    assert not bad
    behind = Recorded(f"{keeping.url}/datastore/{datastore_id}")
    faulty = Faulty(behind)
    yield faulty
    faulty.stop()
    behind.close()


@pytest.fixture
def check(server, originals):
    def run(fault, **options):
        server.fault = fault
        return suite.check(server.root, originals, samples=SAMPLES, **options)

    return run


def test_without_a_fault_nothing_is_found(check):
    outcomes = check(honest)
    assert suite.failed(outcomes) == {}
    tried = {name for name, one in outcomes.items() if one.verdict is Verdict.PASS}
    assert set().union(*(one.found for one in faults.ALL)) <= tried | IDLE


def test_without_originals_searches_are_compared_with_metadata(server):
    server.fault = honest
    outcomes = suite.check(server.root, None, "search", "match", "page", "frame.native")
    assert suite.failed(outcomes) == {}
    assert outcomes["match.dates"].verdict is Verdict.PASS
    assert outcomes["frame.native"].verdict is Verdict.NOT_RUN


@pytest.mark.parametrize("planted", faults.ALL, ids=lambda one: one.name)
def test_a_planted_fault_is_found_and_nothing_else(check, planted):
    patience = 2 if planted.fault is faults.stalls else 30
    found = suite.failed(check(planted.fault, seconds=patience))
    assert set(found) == planted.found, found
