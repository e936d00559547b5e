"""Results as JSON: byte for byte what their data sets are, whatever a query wants of them."""

import base64

import orjson
import pytest

from gateway.dicom import jsonmodel
from gateway.dicomweb.query import Level
from gateway.imagesets import document
from gateway.services import results
from gateway.services.criteria import criteria
from gateway.services.scope import Scope
from tests.unit.dicomweb.parsing import parse
from tests.unit.imagesets.test_document import DOCUMENTS
from tests.unit.services.memory import image_set, instance
from tests.unit.services.resulting import ROOT, TWO_SERIES, parsed

LARGE = base64.b64encode(bytes(60)).decode()
ITEMS = [
    {"ScheduledProcedureStepID": "S1", "CodeValue": "C1"},
    {"ScheduledProcedureStepID": "S2", "CodeValue": "C2"},
]
ODD = (
    *TWO_SERIES,
    image_set(
        "1",
        "1.3",
        instance("1.3.1", ICCProfile=LARGE, RequestAttributesSequence=ITEMS),
        instance("1.3.2", 1, Modality="XA", RequestAttributesSequence=[{"ICCProfile": LARGE}]),
        instance("1.3.3", 1, StudyID=None, **{"00230010": "ACME", "00231001": "ours"}),
        at_series={"Modality": None},
    ),
)
QUERIES = [
    "",
    "includefield=all",
    "includefield=ICCProfile&includefield=AvailableTransferSyntaxUID",
    "includefield=RequestAttributesSequence",
    "RequestAttributesSequence.ScheduledProcedureStepID=S2",
    "includefield=RequestAttributesSequence.CodeValue",
    "includefield=RequestAttributesSequence.ICCProfile",
    "includefield=00231001",
    "00230010=ACME&00231001=ours",
    "includefield=SOPClassesInStudy&includefield=PatientComments",
]


def check(query, instances, limit):
    asked = criteria(query)
    scope = Scope(instances, ROOT, True)
    found = results.cut(asked, instances, scope, slice(None), decided=False).results
    expected = [jsonmodel.encode(one.dataset, one.link, limit) for one in found]
    assert results.dicom_json(found, limit) == orjson.dumps(expected)
    return len(found)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("text", QUERIES)
def test_results_are_as_their_data_sets(text, level):
    assert check(parse(text, level), parsed(*ODD), 30)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@pytest.mark.parametrize("text", ["", "includefield=all"])
def test_results_of_real_documents_are_as_their_data_sets(name, text, level):
    instances = list(document.parse("e" * 32, DOCUMENTS[name]).instances.values())
    assert check(parse(text, level), instances, 30)
    assert results.dicom_json([], 30) == b"[]"
