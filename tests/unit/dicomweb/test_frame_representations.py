"""Which frames a client gets for its Accept: the lists of viewers, one by one."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb import accept, representations
from gateway.dicomweb.negotiation import Representation
from gateway.dicomweb.representations import Stored
from gateway.errors import NotAcceptable

ELE, RPCL = ts.EXPLICIT_LE, ts.HTJ2K_LOSSLESS_RPCL
NATIVE = (ELE, "application/octet-stream")
KEPT = (RPCL, "image/jphc")
OHIF = 'multipart/related; type="application/octet-stream"; transfer-syntax="*"'
OHIF_UNQUOTED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
INSTALLER = (
    "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202, "
    "multipart/related; type=image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90, "
    "multipart/related; type=image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50, "
    "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
)
SLIDES = (
    'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80, '
    'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.81, '
    'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90, '
    'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.91, '
    'multipart/related; type="image/jpx"; transfer-syntax=1.2.840.10008.1.2.4.92, '
    'multipart/related; type="image/jpx"; transfer-syntax=1.2.840.10008.1.2.4.93, '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*, '
    'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50'
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def frames(header, stored=RPCL, *, decodable=True, count=1, strict=False, **options):
    """What comes of ``header``; beside the stored form only the decoded one unless said."""
    options = {"lossless": (ELE,) if decodable and stored != ELE else ()} | options
    wanted = accept.parse(header, strict=strict)
    return representations.frames(wanted, Stored(stored, **options), count)


def chosen(header, stored=RPCL, **options):
    found = frames(header, stored, **options)
    return found.syntax, found.media_type


@pytest.mark.parametrize(
    "header",
    [
        OHIF,
        OHIF_UNQUOTED,
        "multipart/related; type=application/octet-stream; "
        "transfer-syntax=1.2.840.10008.1.2.4.202; transfer-syntax=*",
        "multipart/related; type=application/octet-stream; "
        "transfer-syntax=1.2.840.10008.1.2.4.90; transfer-syntax=*",
        'multipart/related; type="application/octet-stream"; '
        'transfer-syntax="1.2.840.10008.1.2.4.90"; transfer-syntax="*"',
        'multipart/related; type="*/*"; transfer-syntax=*',
        "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202",
        "multipart/related; type=image/jphc; transfer-syntax=*",
        "multipart/related; type=image/jphc",
        "multipart/related; type=IMAGE/JPHC",
        "multipart/related; type=image/jhc",
        'multipart/related; type="image/*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.202",
        "multipart/related; type=image/jphc; transfer-syntax=3.2.840.10008.1.2.4.96",
        INSTALLER,
        SLIDES,
        "multipart/related; transfer-syntax=*",
        "*/*; transfer-syntax=*",
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_frames_as_stored(header, count):
    assert frames(header, count=count) == Representation(*KEPT, multipart=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "*/*",
        BROWSER,
        "multipart/related",
        "multipart/*",
        'multipart/related; type="*/*"',
        'multipart/related; type="application/octet-stream"',
        "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
        "multipart/related; type=application/octet-stream; "
        "transfer-syntax=1.2.840.10008.1.2.4.90; transfer-syntax=1.2.840.10008.1.2.1",
        "image/jls, multipart/related; type=application/octet-stream",
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_frames_decoded(header, count):
    assert frames(header, count=count) == Representation(*NATIVE, multipart=True)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (ts.JPEG_LS, "image/jls"),
        (ts.JPEG_LS_NEAR, "image/jls"),
        (ts.JPEG_2000_LOSSLESS, "image/jp2"),
        (ts.JPEG_2000, "image/jp2"),
        (ts.JPEG_BASELINE, "image/jpeg"),
        (RPCL, "image/jphc"),
        (ts.HTJ2K, "image/jphc"),
        (ts.RLE, "image/dicom-rle"),
        (ELE, "application/octet-stream"),
    ],
)
@pytest.mark.parametrize("header", [OHIF, OHIF_UNQUOTED, SLIDES])
def test_every_stored_syntax_has_its_own_media_type(header, stored, expected):
    assert chosen(header, stored) == (stored, expected)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (RPCL, KEPT),
        (ts.JPEG_BASELINE, (ts.JPEG_BASELINE, "image/jpeg")),
        (ELE, NATIVE),
        (ts.JPEG_2000, NATIVE),
        (ts.HTJ2K, NATIVE),
    ],
)
def test_the_list_of_an_installer(stored, expected):
    assert chosen(INSTALLER, stored) == expected


@pytest.mark.parametrize(
    ("alias", "stored"),
    [
        ("image/jphc", RPCL),
        ("image/jhc", RPCL),
        ("image/x-jls", ts.JPEG_LS),
        ("image/x-dicom-rle", ts.RLE),
        ("image/j2k", ts.JPEG_2000),
        ("image/j2c", ts.JPEG_2000),
    ],
)
@pytest.mark.parametrize("form", ["multipart/related; type={}", "{}"])
def test_other_names_of_a_media_type(alias, stored, form):
    found = frames(form.format(alias), stored)
    assert found == Representation(stored, ts.BY_UID[stored].media_type, form != "{}")


def test_the_content_type_of_a_part_names_its_syntax():
    found = frames(OHIF)
    assert found.content_type == "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202"


@pytest.mark.parametrize("uid", sorted(ts.BY_UID))
def test_media_types_of_transfer_syntaxes(uid):
    assert representations.media_type(uid) == ts.BY_UID[uid].media_type
    assert representations.media_type("1.2.840.10008.1.2.4.110") == "application/octet-stream"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("image/jphc", KEPT), ("application/octet-stream", NATIVE), ("image/*", KEPT)],
)
def test_one_frame_may_go_without_an_envelope(header, expected):
    assert frames(header) == Representation(*expected, multipart=False)
    with pytest.raises(NotAcceptable):
        frames(header, count=2)


def test_several_frames_take_the_next_range_that_is_multipart():
    header = f"image/jphc, {OHIF};q=0.5"
    assert frames(header).multipart is False
    assert frames(header, count=2) == Representation(*KEPT, multipart=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"{OHIF};q=0.5, multipart/related; type=application/octet-stream", NATIVE),
        (f"{OHIF}, multipart/related; type=application/octet-stream;q=0.5", KEPT),
        (f"{OHIF};q=0, multipart/related; type=application/octet-stream", NATIVE),
        ("multipart/related; type=image/jpeg, multipart/related; type=image/jphc;q=0.1", KEPT),
        ("multipart/related;q=0.2;type=image/jphc, */*;q=0.1", KEPT),
    ],
)
def test_the_most_wanted_that_can_be_had_wins(header, expected):
    assert chosen(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "multipart/related; type=image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90",
        "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.4.201",
        "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.1",
        "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2",
        "multipart/related; type=image/jpeg; transfer-syntax=*",
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        "image/jpeg",
        "text/html",
        "application/dicom+json",
        "nonsense",
        f"{OHIF};q=0",
    ],
)
def test_frames_that_cannot_be_had_are_refused_with_those_that_can(header):
    with pytest.raises(NotAcceptable) as caught:
        frames(header)
    assert caught.value.available == (
        'multipart/related; type="image/jphc"; transfer-syntax=1.2.840.10008.1.2.4.202',
        'multipart/related; type="image/jph"; transfer-syntax=1.2.840.10008.1.2.4.202',
        'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1',
        "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202",
        "image/jph; transfer-syntax=1.2.840.10008.1.2.4.202",
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
    )
    for offer in caught.value.available:
        assert frames(offer).content_type in offer.replace('"', "")


def test_without_a_decoder_there_is_one_form_only():
    unknown = "1.2.840.10008.1.2.4.110"
    for header in ("*/*", OHIF, 'multipart/related; type="application/octet-stream"'):
        assert chosen(header, unknown, decodable=False) == (unknown, "application/octet-stream")
    with pytest.raises(NotAcceptable) as caught:
        frames(f"multipart/related; type=*/*; transfer-syntax={ELE}", unknown, decodable=False)
    assert all(unknown in offer for offer in caught.value.available)
    assert len(caught.value.available) == 2


def test_native_frames_have_one_form_that_serves_both_wishes():
    for header in ("*/*", OHIF, f"multipart/related; type=*/*; transfer-syntax={ELE}"):
        assert chosen(header, ELE) == NATIVE
    with pytest.raises(NotAcceptable) as caught:
        frames("image/jphc", ELE)
    assert len(caught.value.available) == 2


@pytest.mark.parametrize("header", [OHIF, OHIF_UNQUOTED, SLIDES, "*/*; transfer-syntax=*"])
def test_frames_that_the_metadata_do_not_describe_go_out_decoded(header):
    assert chosen(header, described=False) == NATIVE
    assert chosen(header, described=False, decodable=False) == KEPT


@pytest.mark.parametrize(
    "header",
    [
        "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202",
        "multipart/related; type=application/octet-stream; "
        "transfer-syntax=1.2.840.10008.1.2.4.202; transfer-syntax=*",
        "multipart/related; type=image/jphc",
        "image/jphc",
    ],
)
def test_who_names_the_stored_form_gets_it_all_the_same(header):
    assert chosen(header, described=False) == KEPT


@given(
    st.sampled_from(sorted(ts.BY_UID)),
    st.sampled_from(sorted(ts.BY_UID)),
    st.booleans(),
    st.integers(1, 3),
)
def test_a_named_syntax_is_what_comes_or_nothing_does(stored, wanted, decodable, count):
    header = f'multipart/related; type="application/octet-stream"; transfer-syntax={wanted}'
    possible = wanted == stored or (wanted == ELE and decodable)
    try:
        found = frames(header, stored, decodable=decodable, count=count)
    except NotAcceptable:
        assert not possible
    else:
        assert possible
        assert found == Representation(wanted, ts.BY_UID[wanted].media_type)


EVERY = (ELE, ts.JPEG_LS, ts.JPEG_LOSSLESS_SV1, ts.JPEG_2000_LOSSLESS, ts.HTJ2K_LOSSLESS, ts.RLE)
LOSSY = (ts.JPEG_BASELINE, ts.JPEG_2000)


@pytest.mark.parametrize(
    ("header", "syntax"),
    [
        ("image/jpeg", ts.JPEG_LOSSLESS_SV1),
        ("image/jls", ts.JPEG_LS),
        ("image/jp2", ts.JPEG_2000_LOSSLESS),
        ("image/dicom-rle", ts.RLE),
        ("image/jp2; transfer-syntax=*", ts.JPEG_2000_LOSSLESS),
        ("image/jphc", RPCL),
        ("image/jphc; transfer-syntax=1.2.840.10008.1.2.4.201", ts.HTJ2K_LOSSLESS),
        ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", ts.JPEG_BASELINE),
        ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80", ts.JPEG_LS),
        # Within a range its order counts, between equal ranges what costs least, lossy last.
        (
            "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.90; transfer-syntax=*",
            ts.JPEG_2000_LOSSLESS,
        ),
        (SLIDES, RPCL),
        (INSTALLER, RPCL),
        ("image/jls, image/jphc", RPCL),
        ("image/jls, image/jphc;q=0.9", ts.JPEG_LS),
        ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50, image/jls", ts.JPEG_LS),
        ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50, image/jls;q=0.9", ts.JPEG_BASELINE),
        # A range that says more decides over one that says less.
        ("image/*", RPCL),
        ("image/*, image/jphc;q=0.1, image/jph;q=0.1", ts.JPEG_LS),
        ("image/*, image/jphc;q=0, image/jph;q=0", ts.JPEG_LS),
        ("*/*, multipart/related; type=application/octet-stream;q=0", RPCL),
    ],
)
def test_transcoded_frames(header, syntax):
    found = frames(header, lossless=EVERY, lossy=LOSSY)
    assert found.syntax == syntax
    assert found.media_type == representations.media_type(syntax)


def test_nothing_is_made_lossy_unasked():
    for header in ("image/jpeg", "image/jpeg; transfer-syntax=*", "image/*", "*/*", OHIF):
        try:
            found = frames(header, ELE, lossless=(), lossy=LOSSY)
        except NotAcceptable:
            continue
        assert found.syntax == ELE


def test_the_label_of_healthimaging_is_understood_and_answered():
    found = frames("image/jph; transfer-syntax=1.2.840.10008.1.2.4.202")
    assert found.content_type == "image/jph; transfer-syntax=1.2.840.10008.1.2.4.202"
    assert frames("multipart/related; type=image/jph").media_type == "image/jph"
    assert frames("image/jph", ts.JPEG_LS, lossless=EVERY).syntax == ts.HTJ2K_LOSSLESS


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (OHIF, NATIVE),
        ('multipart/related; type="image/jphc"; transfer-syntax=*', KEPT),
        ('multipart/related; type="*/*"; transfer-syntax=*', KEPT),
        ('multipart/related; type="application/octet-stream"', NATIVE),
        ("image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202", KEPT),
        (OHIF_UNQUOTED, None),
        ("image/jhc", None),
        ("image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202; transfer-syntax=*", None),
        ("image/jphc; q=high", None),
        (
            'multipart/related; type="application/octet-stream"; '
            'transfer-syntax="1.2.840.10008.1.2.4.202"',
            None,
        ),
    ],
)
def test_read_strictly(header, expected):
    if expected is None:
        frames(header)
        with pytest.raises(NotAcceptable):
            frames(header, strict=True)
    else:
        found = frames(header, strict=True)
        assert (found.syntax, found.media_type) == expected
