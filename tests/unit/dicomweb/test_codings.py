"""Content codings: what a client wants, what is worth it, and the tags of coded answers."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import codings

BROWSER = "gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("  ", "identity"),
        (BROWSER, "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", "identity"),
        ("deflate, compress", "identity"),
        ("identity", "identity"),
        ("*", "zstd"),
        ("*;q=0.1", "zstd"),
        ("gzip;q=0, *", "zstd"),
        ("zstd;q=0, br;q=0, *", "gzip"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.9", "br"),
        ("zstd;q=0.001, br;q=0.002", "br"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0, x-gzip", "identity"),
        ("br ; Q = 0.5 , gzip ;q=0.4", "br"),
        ("gzip;q=nonsense", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, identity;q=0.1", "identity"),
        ("identity;q=0, deflate", None),
        ("identity;q=0, gzip;q=0.0", None),
        ("*;q=0, br", "br"),
        (",,gzip,,", "gzip"),
    ],
)
def test_the_coding_that_a_client_likes_best(header, coding):
    assert codings.choose(codings.qualities(header)) == coding


def test_what_is_refused_is_not_among_the_qualities():
    assert set(codings.qualities("gzip, br;q=0")) == {"gzip", "identity"}
    assert set(codings.qualities("gzip, identity;q=0")) == {"gzip"}


@given(st.text(max_size=40))
def test_any_header_can_be_read(header):
    chosen = codings.choose(codings.qualities(header))
    assert chosen in (*codings.CODINGS, "identity", None)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/dicom+json",
        "application/json; charset=utf-8",
        "application/problem+json",
        "application/dicom+xml",
        "application/xml",
        "APPLICATION/VND.SUN.WADL+XML",
        "text/html; charset=utf-8",
        "text/plain",
        "text/javascript",
        "application/javascript",
        'multipart/related; type="application/dicom+xml"; boundary=x',
        "multipart/related; boundary=x; type=application/dicom+xml",
    ],
)
def test_text_is_worth_a_coding(content_type):
    assert codings.is_text(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/dicom",
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
        "application/octet-stream",
        "application/zip",
        "application/pdf",
        "image/jpeg",
        "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202",
        "image/svg",
        "video/mp4",
        'multipart/related; type="application/dicom"; boundary=x',
        'multipart/related; type="application/octet-stream"; boundary=json',
        "multipart/byteranges; boundary=x",
        "application/jsonlike",
    ],
)
def test_pixels_and_files_are_not(content_type):
    assert not codings.is_text(content_type)


def test_a_tag_differs_with_the_coding():
    assert codings.coded_tag('"a"', "identity") == '"a"'
    coded = {codings.coded_tag('"a"', coding) for coding in codings.CODINGS}
    assert coded == {'"a-zstd"', '"a-br"', '"a-gzip"'}


@pytest.mark.parametrize(
    ("header", "accepted", "plain"),
    [
        ('"a-gzip"', {"gzip"}, '"a"'),
        ('"a-gzip"', {"br"}, ""),
        ('"a"', {"identity"}, '"a"'),
        ('"a"', {"gzip"}, ""),  # identity is refused
        ('"a-gzip", W/"b-br", "c"', {"gzip", "br", "identity"}, '"a", "b", "c"'),
        ('"a-gzip", "b-br"', {"br", "identity"}, '"b"'),
        ('"a-deflate"', {"identity"}, '"a-deflate"'),
        ('"-gzip"', {"identity"}, '"-gzip"'),
        ("*", set(), "*"),
    ],
)
def test_the_application_sees_tags_without_codings(header, accepted, plain):
    assert codings.plain_tags(header, accepted) == plain


@pytest.mark.parametrize(
    ("header", "coding", "tag"),
    [
        ('"a-gzip"', "gzip", '"a-gzip"'),
        ('"a-gzip"', "br", '"a-gzip"'),
        ('"a-gzip", "a-br"', "br", '"a-br"'),
        ('"a", "a-br"', "identity", '"a"'),
        ('"a"', "gzip", '"a"'),
        ('"b-gzip"', "gzip", '"a"'),
        ("*", "gzip", '"a"'),
    ],
)
def test_what_is_not_modified_is_what_the_client_has(header, coding, tag):
    assert codings.known_tag('"a"', header, coding) == tag
