"""Which rendered media type a client gets, and whether in an envelope."""

import pytest

from gateway.dicomweb import accept
from gateway.dicomweb.renditions import ANIMATIONS, STILLS, choose, envelopes
from gateway.errors import NotAcceptable

PDF = ("application/pdf",)
OCTETS = 'multipart/related; type="application/octet-stream"'
AS_STORED = f'{OCTETS}; transfer-syntax="*"'
NAVIGATION = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8"
)
IMAGE_TAG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
ONE_OR_MANY = {"single": STILLS, "parts": STILLS}
ONE = {"single": STILLS, "parts": ()}
MANY = {"single": (), "parts": STILLS}


def chosen(header, single, parts, *, strict=False):
    found = choose(accept.parse(header, strict=strict), single, parts)
    assert found.syntax == ""  # PS3.18 8.7.4: none is permitted for rendered media types
    return found.media_type, found.multipart


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/jpeg", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/gif", "image/gif"),
        ("image/webp", "image/webp"),
        ("image/jp2", "image/jp2"),
        ("image/jpg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("image/png;q=0.5, image/jpeg;q=0.4", "image/png"),
        ("image/jpeg;q=0.4, image/png;q=0.5", "image/png"),
        ("image/*;q=0.9, image/jpeg;q=0.1", "image/png"),
        ("*/*, image/jpeg;q=0", "image/png"),
        ("text/html, */*;q=0.1", "image/jpeg"),
        (NAVIGATION, "image/webp"),
        (IMAGE_TAG, "image/webp"),
        # What OHIF sends for thumbnails.
        (AS_STORED, "image/jpeg"),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", "image/jpeg"),
        ("application/octet-stream", "image/jpeg"),
    ],
)
@pytest.mark.parametrize("offers", [ONE, ONE_OR_MANY], ids=["one", "one or many"])
def test_one_picture(header, media_type, offers):
    assert chosen(header, **offers) == (media_type, False)


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ('multipart/related; type="image/jpeg"', "image/jpeg"),
        ('multipart/related; type="image/png"', "image/png"),
        ('multipart/related; type="image/*"', "image/jpeg"),
        ('multipart/related; type="*/*"', "image/jpeg"),
        ("multipart/related", "image/jpeg"),
        ('multipart/related; type="image/gif";q=0.5, image/bmp', "image/gif"),
    ],
)
def test_parts_where_there_may_be_several(header, media_type):
    assert chosen(header, **ONE_OR_MANY) == (media_type, True)
    assert chosen(header, **MANY) == (media_type, True)
    assert chosen(header, **ONE) == (media_type, False)
    assert chosen(header, **ONE_OR_MANY, strict=True)[1]
    with pytest.raises(NotAcceptable):
        chosen(header, **ONE, strict=True)


def test_anything_is_parts_where_one_picture_is_not_to_be_had():
    assert chosen("*/*", **MANY) == ("image/jpeg", True)
    assert chosen("*/*", ANIMATIONS, STILLS) == ("image/jpeg", True)
    assert chosen("image/*", ANIMATIONS, STILLS) == ("image/gif", False)


@pytest.mark.parametrize(
    "header", ["text/html", "video/mp4", "application/pdf", "image/tiff", "application/dicom", "x"]
)
def test_what_cannot_be_had_is_refused_with_what_can(header):
    with pytest.raises(NotAcceptable) as refused:
        chosen(header, ("image/jpeg", "image/png"), ("image/jpeg",))
    available = ("image/jpeg", "image/png", 'multipart/related; type="image/jpeg"')
    assert refused.value.available == available


@pytest.mark.parametrize("header", [AS_STORED, "application/octet-stream", "image/jpeg"])
def test_several_pictures_do_not_go_out_as_one(header):
    with pytest.raises(NotAcceptable):
        chosen(header, **MANY)


@pytest.mark.parametrize("header", [AS_STORED, "application/octet-stream"])
def test_a_strict_reading_takes_bytes_for_bytes(header):
    with pytest.raises(NotAcceptable):
        chosen(header, **ONE, strict=True)


@pytest.mark.parametrize(
    ("header", "multipart"),
    [("application/pdf", False), ("*/*", False), ("multipart/related; type=application/pdf", True)],
)
def test_documents(header, multipart):
    assert chosen(header, PDF, PDF) == ("application/pdf", multipart)


def test_media_types_are_compared_without_case():
    assert chosen("video/h265", ("video/H265",), ()) == ("video/H265", False)
    assert chosen("video/H265", ("video/H265",), ()) == ("video/H265", False)


@pytest.mark.parametrize(
    ("header", "lenient", "strict"),
    [
        ("", (False,), (True,)),
        ("*/*", (False,), (True,)),
        ("image/jpeg", (False,), ()),
        ("image/*", (False,), ()),
        (AS_STORED, (False,), ()),
        (NAVIGATION, (False,), (True,)),
        ('multipart/related; type="image/jpeg"', (True,), (True,)),
        ('multipart/related; type="image/jpeg";q=0.5, image/png', (False, True), (True,)),
        ('multipart/related; type="image/jpeg", image/png;q=0.5', (True, False), (True,)),
        ("application/json", (), ()),
        ("multipart/related; type=text/html", (True,), ()),  # a slash has to be quoted
        ("text/plain, application/pdf", (False,), ()),
    ],
)
def test_how_a_study_is_answered(header, lenient, strict):
    assert envelopes(accept.parse(header)) == lenient
    assert envelopes(accept.parse(header, strict=True)) == strict
