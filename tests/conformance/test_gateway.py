"""The suite against the gateway with every importable file of the collection."""

import pytest

from conformance.model import Verdict
from tests.conformance import suite

SAMPLES = 6  # kinds of images whose pixels are compared; the round trips compare all of them

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def originals(library, tmp_path_factory):
    """The files that the embedded server holds, as a folder."""
    folder = tmp_path_factory.mktemp("originals")
    for number, path in enumerate(library.image_sets):
        (folder / f"{number:04}-{path.name}").write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def outcomes(keeping, originals):
    return suite.check(keeping.root, originals, samples=SAMPLES)


def test_the_gateway_conforms(outcomes):
    assert suite.failed(outcomes) == {}


def test_what_is_offered_was_tried(outcomes):
    """A check that compares nothing proves nothing."""
    idle = {name for name, one in outcomes.items() if one.verdict is not Verdict.PASS}
    assert {name for name in idle if outcomes[name].check.group != "store"} == set()
