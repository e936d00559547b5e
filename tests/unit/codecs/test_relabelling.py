"""Frames that go out under another transfer syntax without being decoded."""

import imagecodecs
import numpy as np
import pytest

from gateway.codecs import libjpeg, openjph
from gateway.codecs.codestream import is_rpcl
from gateway.codecs.encoders import ENCODERS
from gateway.codecs.relabelling import is_subset, relabelled
from gateway.dicom import transfer_syntaxes as ts
from gateway.errors import CodecError
from tests.unit.codecs.images import described, of_file, smooth

GREY = smooth((70, 90), "<u2", 12)
IMAGE = described(GREY, 12)
WIDE = smooth((150, 150), "<u2", 12)
RPCL = openjph.encode(GREY, IMAGE)
ALWAYS = [
    (ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K_LOSSLESS),
    (ts.HTJ2K_LOSSLESS_RPCL, ts.HTJ2K),
    (ts.HTJ2K_LOSSLESS, ts.HTJ2K),
    (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000),
    (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000_PART_2_LOSSLESS),
    (ts.JPEG_2000_LOSSLESS, ts.JPEG_2000_PART_2),
    (ts.JPEG_2000, ts.JPEG_2000_PART_2),
    (ts.JPEG_LS, ts.JPEG_LS_NEAR),
    (ts.JPEG_LOSSLESS_SV1, ts.JPEG_LOSSLESS),
]
SYNTAXES = [ts.EXPLICIT_LE, *ENCODERS]


@pytest.mark.parametrize(("stored", "target"), ALWAYS)
def test_a_wider_syntax_takes_any_frame(stored, target):
    encoder = ENCODERS[stored]
    frame = (encoder.encode or encoder.compress)(GREY, IMAGE)
    assert relabelled(stored, target, frame) is frame
    assert is_subset(stored, target)


def test_all_other_pairs_are_coded_anew():
    sometimes = {
        (ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL),
        (ts.JPEG_LOSSLESS, ts.JPEG_LOSSLESS_SV1),
    }
    known = {*ALWAYS, *sometimes, (ts.JPEG_BASELINE, ts.JPEG_EXTENDED)}
    for stored in SYNTAXES:
        for target in SYNTAXES:
            if (stored, target) not in known:
                assert relabelled(stored, target, b"") is None
                assert not is_subset(stored, target)
    assert not any(is_subset(*pair) for pair in sometimes)


def test_htj2k_goes_as_rpcl_where_it_is():
    assert relabelled(ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL, RPCL) is RPCL


@pytest.mark.parametrize(
    "frame",
    [
        bytes(imagecodecs.htj2k_encode(GREY, reversible=True, resolutions=5)),  # no TLM
        bytes(imagecodecs.jpeg2k_encode(GREY, reversible=True, codecformat="j2k")),  # LRCP
        bytes(imagecodecs.htj2k_encode(WIDE, reversible=True, tlm=True, resolutions=1)),
        of_file("htj2k_201")[1][0],
    ],
)
def test_and_is_coded_anew_where_it_is_not(frame):
    assert not is_rpcl(frame)
    assert relabelled(ts.HTJ2K_LOSSLESS, ts.HTJ2K_LOSSLESS_RPCL, frame) is None


@pytest.mark.parametrize(
    ("shape", "levels", "expected"),
    [
        ((256, 256), 2, True),
        ((257, 300), 2, False),
        ((256, 4000), 2, True),  # width or height: one of them is enough
        ((128, 128), 1, True),
        ((129, 129), 1, False),
    ],
)
def test_how_small_the_lowest_resolution_has_to_be(shape, levels, expected):
    samples = smooth(shape, "<u1", 8)
    options = {"reversible": True, "tlm": True, "tilepart": True, "resolutions": levels}
    assert is_rpcl(bytes(imagecodecs.htj2k_encode(samples, **options))) is expected


@pytest.mark.parametrize("end", [0, 2, 40, 60])
def test_a_header_cut_short_is_refused(end):
    with pytest.raises(CodecError):
        is_rpcl(RPCL[:end])


@pytest.mark.parametrize("value", range(1, 8))
def test_lossless_jpeg_goes_as_first_order_where_it_is(value):
    _, [frame] = of_file(f"grey16_jpeg57_sv{value}")
    found = relabelled(ts.JPEG_LOSSLESS, ts.JPEG_LOSSLESS_SV1, frame)
    assert found == (frame if value == 1 else None)


def test_baseline_goes_as_extended_with_another_marker():
    samples = smooth((40, 50), "<u1", 8)
    frame = libjpeg.compress(samples, described(samples), 90)
    found = relabelled(ts.JPEG_BASELINE, ts.JPEG_EXTENDED, frame)
    assert (b"\xff\xc0" in frame, b"\xff\xc1" in found) == (True, True)
    assert np.array_equal(imagecodecs.jpeg8_decode(found), imagecodecs.jpeg8_decode(frame))
    assert is_subset(ts.JPEG_BASELINE, ts.JPEG_EXTENDED)
