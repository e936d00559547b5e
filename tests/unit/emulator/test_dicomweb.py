"""HealthImaging's DICOMweb without a wire: paths, parameters, transfer syntaxes, order of work."""

import json

import pytest

from gateway.dicomweb.resources import Address
from gateway.emulator import dicomweb, sigv4
from gateway.emulator.faults import Fault
from gateway.emulator.holdings import Holdings
from tests.unit.emulator.stored import SERIES, STUDY, Stored
from tests.unit.services.memory import EXPLICIT_LE, HTJ2K_RPCL, PIXELS, instance

ID = "d" * 32
SOP = "1.2.3.1.1"
ROOT = f"/datastore/{ID}"
INSTANCE = f"{ROOT}/studies/{STUDY}/series/{SERIES}/instances/{SOP}"
FRAMES = "multipart/related; type=application/octet-stream; transfer-syntax={}"
EVERY = (
    EXPLICIT_LE,
    HTJ2K_RPCL,
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
)
KEPT = EVERY[2:]


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", INSTANCE, "GetDICOMInstance"),
        ("GET", f"{INSTANCE}/metadata", "GetDICOMInstanceMetadata"),
        ("GET", f"{INSTANCE}/frames/1,2", "GetDICOMInstanceFrames"),
        ("GET", f"{INSTANCE}/bulkdata/abc", "GetDICOMBulkdata"),
        ("GET", f"{ROOT}/studies/1.2/series/1.3/metadata", "GetDICOMSeriesMetadata"),
        ("GET", f"{ROOT}/studies", "SearchDICOMStudies"),
        ("GET", f"{ROOT}/studies/1.2/series", "SearchDICOMSeries"),
        ("GET", f"{ROOT}/studies/1.2/instances", "SearchDICOMStudyInstances"),
        ("POST", f"{ROOT}/studies", "StoreDICOM"),
        ("POST", f"{ROOT}/studies/1.2", "StoreDICOMStudy"),
    ],
)
def test_the_operation_at_a_path(method, path, operation):
    assert dicomweb.match(method, path)[0] == operation


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ROOT),
        ("POST", INSTANCE),
        ("DELETE", INSTANCE),
        ("GET", f"{INSTANCE}/rendered"),
        ("GET", f"{INSTANCE}/frames"),
        ("GET", f"{ROOT}/studies/1.2/metadata"),
        ("GET", f"{INSTANCE}/"),
        ("POST", f"{ROOT}/imageSet/{ID}/getImageSet"),
    ],
)
def test_other_paths_are_not_dicomweb(method, path):
    assert dicomweb.match(method, path) is None


def parsed(path, query="", accept=None):
    headers = [] if accept is None else [("Accept", accept)]
    return dicomweb.parse(*dicomweb.match("GET", path), sigv4.Request("GET", path, query, headers))


def test_the_parameters_of_a_request():
    call = parsed(f"{INSTANCE}/frames/3%2C1", f"other=1&imageSetId={'e' * 32}")
    assert call.operation == "GetDICOMInstanceFrames"
    assert call.parameters["datastoreId"] == ID
    assert call.parameters["frames"] == (3, 1)
    assert call.parameters["address"] == Address(ID, STUDY, SERIES, SOP, "e" * 32)


@pytest.mark.parametrize(
    ("path", "query", "word"),
    [
        (INSTANCE.replace(ID, "UPPER"), "", "datastoreId"),
        (INSTANCE, "imageSetId=", "imageSetId"),
        (INSTANCE.replace(STUDY, "x", 1), "", "study"),
        (INSTANCE.replace(SOP, "1..2"), "", "instance"),
        (f"{INSTANCE}/frames/1,1", "", "twice"),
        (f"{INSTANCE}/frames/0", "", "frame numbers"),
    ],
)
def test_parameters_that_cannot_be_meant(path, query, word):
    with pytest.raises(Fault) as fault:
        parsed(path, query)
    assert fault.value.code == "ValidationException"
    assert word in str(fault.value)


class Service:
    """The operations over one instance of three frames."""

    def __init__(self, root, stored=EXPLICIT_LE):
        self.stored = Stored(root)
        frames = [bytes([number] * 8) for number in range(1, 4)]
        count = {"NumberOfFrames": "3"}
        self.stored.add(instance(SOP, frames=frames, stored=stored, **PIXELS, **count), primary=1)
        self._holdings = Holdings(self.stored.database, self.stored.layout)

    def call(self, tail="", accept=None):
        call = parsed(INSTANCE.replace(ID, self.stored.datastore_id) + tail, accept=accept)
        return dicomweb.call(self._holdings, call.operation, call.parameters)

    def refusal(self, *arguments):
        with pytest.raises(Fault) as fault:
            self.call(*arguments)
        return fault.value.code


@pytest.mark.parametrize("stored", EVERY)
def test_the_stored_transfer_syntax_can_always_be_had(tmp_path, stored):
    service = Service(tmp_path, stored)
    for syntax in ("*", stored):
        answer = service.call("", f"application/dicom; transfer-syntax={syntax}")
        assert answer.content_type == f"application/dicom; transfer-syntax={stored}"
        body = b"".join(service.call("/frames/2", FRAMES.format(syntax)).pieces)
        assert f"transfer-syntax={stored}\r\n".encode() in body
        assert b"\r\n\r\n\2\2\2\2\2\2\2\2\r\n--" in body


@pytest.mark.parametrize("stored", EVERY)
def test_explicit_vr_is_the_default_and_only_for_lossless_frames(tmp_path, stored):
    service = Service(tmp_path, stored)
    native = f"application/dicom; transfer-syntax={EXPLICIT_LE}"
    for accept in (None, "*/*", "application/dicom", native, f"text/html, {native};q=0.5"):
        if stored in KEPT:
            assert service.refusal("", accept) == "NotAcceptableException"
        else:
            assert service.call("", accept).content_type == native


def test_a_client_may_name_several_and_gets_the_best_that_there_is(tmp_path):
    service = Service(tmp_path, KEPT[0])
    either = (
        f"application/dicom; transfer-syntax={EXPLICIT_LE}, application/dicom;transfer-syntax=*"
    )
    assert service.call("", either).content_type.endswith(KEPT[0])
    assert service.refusal("", f"{either};q=0") == "NotAcceptableException"


@pytest.mark.parametrize("numbers", ["3,1,2", "1", "2,3"])
def test_each_part_says_what_it_is(tmp_path, numbers):
    answer = Service(tmp_path).call(f"/frames/{numbers}", FRAMES.format("*"))
    kind, mark = answer.content_type.split("; boundary=")
    assert kind == 'multipart/related; type="application/octet-stream"'
    expected = b"".join(
        f"--{mark}\r\nContent-Type: application/octet-stream; transfer-syntax={EXPLICIT_LE}\r\n"
        "Content-Length: 8\r\n\r\n".encode()
        + bytes([int(number)] * 8)
        + b"\r\n"
        for number in numbers.split(",")
    )
    assert b"".join(answer.pieces) == expected + f"--{mark}--\r\n".encode()


@pytest.mark.parametrize(
    ("tail", "accept"), [("", None), ("/frames/1,2,3", FRAMES.format(EXPLICIT_LE))]
)
def test_a_frame_is_read_when_its_turn_comes(tmp_path, tail, accept):
    service = Service(tmp_path)
    answer = service.call(tail, accept)
    next(answer.pieces)
    service.stored.forget_frames()
    with pytest.raises(FileNotFoundError):
        list(answer.pieces)


def test_a_frame_beyond_the_last_is_not_found(tmp_path):
    assert Service(tmp_path).refusal("/frames/1,4", FRAMES.format("*")) == (
        "ResourceNotFoundException"
    )


@pytest.mark.parametrize("stored", [EXPLICIT_LE, KEPT[0]])
def test_metadata_show_the_stored_transfer_syntax_and_no_pixels(tmp_path, stored):
    service = Service(tmp_path, stored)
    answer = service.call("/metadata", "application/dicom+json")
    assert answer.content_type == "application/dicom+json"
    [found] = json.loads(b"".join(answer.pieces))
    assert found["00020010"] == {"vr": "UI", "Value": [stored]}
    assert found["00080018"] == {"vr": "UI", "Value": [SOP]}
    assert "7FE00010" not in found
    assert service.refusal("/metadata", "application/dicom") == "NotAcceptableException"


def test_an_operation_that_is_not_there_says_so(tmp_path):
    assert Service(tmp_path).refusal("/bulkdata/abc") == "NotImplementedException"
