"""Which metadata, files and bulk data a client gets for its Accept, or 406 with the choice."""

import pytest

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb import accept, representations
from gateway.dicomweb.negotiation import Representation
from gateway.errors import NotAcceptable

ELE, RPCL = ts.EXPLICIT_LE, ts.HTJ2K_LOSSLESS_RPCL
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def instances(header, *stored, decodable=True, single=True):
    targets = (ELE,) if decodable else ()
    return representations.instances(
        accept.parse(header), stored or (RPCL,), targets, single=single
    )


def bulk(header, media_type="application/octet-stream"):
    return representations.bulk_data(accept.parse(header), media_type)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        (BROWSER, "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ("application/dicom+json", "application/dicom+json"),
        ("application/dicom+json; charset=utf-8", "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/dicom+json, application/json", "application/dicom+json"),
        ("application/json, application/dicom+json", "application/json"),
        ("application/json;q=0.5, application/dicom+json;q=0.9", "application/dicom+json"),
        (
            'application/dicom+json, multipart/related; type="application/octet-stream"',
            "application/dicom+json",
        ),
        (
            'multipart/related; type="application/dicom+xml", application/json;q=0.1',
            "application/json",
        ),
    ],
)
def test_metadata_and_results_are_json(header, expected):
    assert representations.documents(accept.parse(header)).media_type == expected


@pytest.mark.parametrize(
    "header",
    [
        'multipart/related; type="application/dicom+xml"',
        "application/dicom+xml",
        "application/dicom",
        "text/html",
        "application/dicom+json;q=0",
        "nonsense",
    ],
)
def test_metadata_in_other_forms_are_refused(header):
    with pytest.raises(NotAcceptable) as caught:
        representations.documents(accept.parse(header))
    assert caught.value.available == ("application/dicom+json", "application/json")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "*/*",
        'multipart/related; type="application/dicom"',
        "multipart/related",
        'multipart/related; type="*/*"',
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1',
        'multipart/related; type="application/dicom"; '
        "transfer-syntax=1.2.840.10008.1.2.4.90; transfer-syntax=1.2.840.10008.1.2.1",
    ],
)
@pytest.mark.parametrize("single", [True, False])
def test_files_are_native_unless_a_syntax_is_named(header, single):
    expected = Representation(ELE, "application/dicom", multipart=True)
    assert instances(header, single=single) == expected
    assert instances(header, RPCL, ts.JPEG_BASELINE, single=single) == expected


@pytest.mark.parametrize(
    "header",
    [
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        'multipart/related; type="application/dicom"; transfer-syntax="*"',
        "multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.202",
        "multipart/related; type=application/dicom; transfer-syntax=3.2.840.10008.1.2.4.96",
        'multipart/related; type="application/dicom"; transfer-syntax=*; transfer-syntax='
        "1.2.840.10008.1.2.1",
    ],
)
def test_files_as_stored(header):
    assert instances(header) == Representation("*", "application/dicom", multipart=True)


def test_one_file_may_go_without_an_envelope():
    assert instances("application/dicom") == Representation(ELE, "application/dicom", False)
    as_stored = instances("application/dicom; transfer-syntax=*")
    assert as_stored == Representation("*", "application/dicom", multipart=False)
    with pytest.raises(NotAcceptable):
        instances("application/dicom", single=False)


def test_a_syntax_that_only_some_files_have_cannot_be_had():
    header = 'multipart/related; type="application/dicom"; transfer-syntax={}'
    with pytest.raises(NotAcceptable) as caught:
        instances(header.format(RPCL), RPCL, ts.JPEG_BASELINE)
    assert {header.format("*"), header.format(ELE)} <= set(caught.value.available)
    assert instances(header.format("*"), RPCL, ts.JPEG_BASELINE).syntax == "*"


@pytest.mark.parametrize("header", ["*/*", 'multipart/related; type="application/dicom"'])
def test_files_that_cannot_be_decoded_are_to_be_had_as_stored(header):
    unknown = "1.2.840.10008.1.2.4.110"
    assert instances(header, unknown, decodable=False).syntax == "*"
    with pytest.raises(NotAcceptable) as caught:
        instances(f"{header}; transfer-syntax={ELE}", unknown, decodable=False)
    offers = caught.value.available
    assert {offer.rpartition("=")[2] for offer in offers} == {"*", unknown}
    assert {instances(offer, unknown, decodable=False).syntax for offer in offers} == {"*"}


@pytest.mark.parametrize(
    "header",
    [
        "application/dicom+json",
        'multipart/related; type="application/dicom+xml"',
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2',
        'multipart/related; type="application/dicom"; q=0',
        "text/html",
        "image/jpeg",
    ],
)
def test_files_in_other_forms_are_refused(header):
    with pytest.raises(NotAcceptable):
        instances(header)


PDF = (
    'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"'
)


@pytest.mark.parametrize(
    ("header", "media_type", "expected", "multipart"),
    [
        (PDF, "application/pdf", "application/pdf", True),
        (PDF, "application/octet-stream", "application/octet-stream", True),
        (PDF, "text/xml", "application/octet-stream", True),
        ("*/*", "application/pdf", "application/pdf", False),
        ("", "application/octet-stream", "application/octet-stream", False),
        (BROWSER, "application/pdf", "application/pdf", False),
        ("application/pdf", "application/pdf", "application/pdf", False),
        ("application/*", "application/pdf", "application/pdf", False),
        ("application/octet-stream", "application/pdf", "application/octet-stream", False),
        ("application/octet-stream", "application/octet-stream", "application/octet-stream", False),
        ('multipart/related; type="*/*"', "application/pdf", "application/pdf", True),
        ("multipart/related", "application/pdf", "application/octet-stream", True),
        ("text/plain, application/pdf;q=0.5", "application/pdf", "application/pdf", False),
        (
            "application/octet-stream;q=0.5, application/pdf",
            "application/pdf",
            "application/pdf",
            False,
        ),
    ],
)
def test_bulk_data(header, media_type, expected, multipart):
    found = bulk(header, media_type)
    assert (found.media_type, found.multipart) == (expected, multipart)


@pytest.mark.parametrize(
    "header",
    ["image/jpeg", 'multipart/related; type="image/jpeg"', "application/pdf;q=0", "text/*"],
)
def test_bulk_data_in_other_forms_are_refused(header):
    with pytest.raises(NotAcceptable) as caught:
        bulk(header, "application/pdf")
    forms = ("{}", 'multipart/related; type="{}"')
    kinds = ("application/pdf", "application/octet-stream")
    assert caught.value.available == tuple(form.format(kind) for kind in kinds for form in forms)
    with pytest.raises(NotAcceptable) as caught:
        bulk(header)
    assert caught.value.available == tuple(form.format(kinds[1]) for form in forms)
