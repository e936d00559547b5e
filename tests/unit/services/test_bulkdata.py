"""Retrieve Bulk Data: the bytes at a path of tags and item numbers, and all there are."""

import base64
import struct

import pytest

from gateway.dicomweb import accept
from gateway.dicomweb.resources import Address
from gateway.errors import InvalidRequest, NotAcceptable, NotFound
from tests.unit.services.bulk import ROOT, ask
from tests.unit.services.memory import DATASTORE, MemoryHealthImaging, image_set, instance

STUDY, SERIES, SOP = "1.2.3", "1.2.3.1", "1.2.3.1.1"
BASE = f"{ROOT}/studies/{STUDY}/series/{SERIES}/instances/{SOP}"
DOCUMENT = b"%PDF-1.7 test"


def text(content):
    return base64.b64encode(content).decode()


def retrieve(path, header="*/*", sop=SOP, **attributes):
    remote = MemoryHealthImaging()
    attributes = {
        "EncapsulatedDocument": text(DOCUMENT),
        "MIMETypeOfEncapsulatedDocument": "Application/PDF ",
        "ICCProfile": text(b"profile"),
        "PatientComments": "page\fpäge",
        "WaveformSequence": [
            {"WaveformData": text(b"first.")},
            {
                "WaveformData": text(b"second"),
                "ChannelDefinitionSequence": [{"ChannelLabel": "x"}, {"00091010": text(b"deep")}],
            },
        ],
        "vrs": {"00091010": "OB"},
        **attributes,
    }
    remote.add(image_set(STUDY, SERIES, instance(SOP, **attributes)))
    address = Address(DATASTORE, STUDY, SERIES, sop)
    ranges = accept.parse(header)
    answer, [found] = ask(remote, lambda service: service.retrieve(address, path, ranges, ROOT))
    assert answer.alone
    assert answer.complete
    assert answer.first == found.representation
    return found


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("00282000", b"profile"),
        ("00420011", DOCUMENT),
        ("54000100/1/54001010", b"first."),
        ("54000100/2/54001010", b"second"),
        ("54000100/2/003a0200/2/00091010", b"deep"),
        ("00104000", "page\fpäge".encode()),
    ],
)
def test_the_value_at_a_path(path, content):
    found = retrieve(path)
    assert found.content == content
    assert found.uri == f"{BASE}/bulkdata/{path.upper()}"


@pytest.mark.parametrize(
    "path",
    [
        "00282001",
        "54000100/3/54001010",
        "54000100/1/54001011",
        "54000100/1/003A0200/1/00091010",
        "00282000/1/54001010",
        "54000100",
        "00100010",
        "00080018",
        "00091010",
        "7FE00010",
        "7FE00008",
        "00020001",
    ],
)
def test_what_is_no_binary_value_does_not_exist(path):
    with pytest.raises(NotFound, match="no such bulk data"):
        retrieve(path)


def test_a_malformed_path_is_named():
    with pytest.raises(InvalidRequest) as caught:
        retrieve("ICCProfile")
    assert caught.value.parameter == "bulkdata"


def test_an_instance_that_is_not_there():
    with pytest.raises(NotFound, match="instance"):
        retrieve("00282000", sop="1.2.3.1.2")


def test_words_are_little_endian():
    words = struct.pack("<4H", 1, 2, 3, 0xFFFE)
    found = retrieve("00281201", RedPaletteColorLookupTableData=text(words))
    assert found.content == words


@pytest.mark.parametrize(
    ("header", "media_type", "multipart"),
    [
        (
            'multipart/related; type="application/pdf", '
            'multipart/related; type="application/octet-stream"',
            "application/pdf",
            True,
        ),
        ("*/*", "application/pdf", False),
        ("application/octet-stream", "application/octet-stream", False),
        ('multipart/related; type="*/*"', "application/pdf", True),
    ],
)
def test_a_document_goes_out_as_what_it_is(header, media_type, multipart):
    found = retrieve("00420011", header)
    assert found.representation.media_type == media_type
    assert found.representation.multipart is multipart
    assert found.content == DOCUMENT


@pytest.mark.parametrize("kind", [None, "", "pdf", "text/html\r\nX: y", "a/b; c=d", "ä/b"])
def test_a_document_of_no_known_type_is_bytes(kind):
    found = retrieve("00420011", MIMETypeOfEncapsulatedDocument=kind)
    assert found.representation.media_type == "application/octet-stream"


def test_other_values_are_bytes_whatever_the_document_is():
    assert retrieve("00282000").representation.media_type == "application/octet-stream"
    with pytest.raises(NotAcceptable):
        retrieve("00282000", "application/pdf")


def test_a_form_that_cannot_be_had_is_refused_with_those_that_can():
    with pytest.raises(NotAcceptable) as caught:
        retrieve("00420011", "image/jpeg")
    assert {"application/pdf", "application/octet-stream"} <= set(caught.value.available)


def test_an_empty_value_is_empty():
    assert retrieve("00282000", ICCProfile="").content == b""
