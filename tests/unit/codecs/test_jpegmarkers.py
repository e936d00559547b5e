"""Marker segments of JPEG images: found, left out, changed."""

import imagecodecs
import numpy as np
import pytest

from gateway.codecs import jpegmarkers
from gateway.codecs.jpegmarkers import APP8, as_extended, selection_value, with_tables, without
from gateway.errors import CodecError
from tests.unit.codecs.images import of_file, smooth

GREY = smooth((9, 13), "<u1", 8)
RGB = smooth((9, 13, 3), "<u1", 8)
BASELINE = bytes(imagecodecs.jpeg8_encode(GREY, 90))
SPIFF = bytes(imagecodecs.jpegls_encode(RGB))


def test_segments_of_a_kind_are_left_out_and_all_else_stays():
    assert SPIFF[2:4] == b"\xff\xe8"
    found = without(APP8, SPIFF)
    assert found == b"\xff\xd8" + SPIFF[SPIFF.index(b"\xff\xf7") :]
    assert np.array_equal(imagecodecs.jpegls_decode(found), RGB)


def test_a_frame_without_such_segments_stays_as_it_is():
    assert without(APP8, BASELINE) == BASELINE


def test_fill_bytes_between_segments():
    filled = SPIFF[:2] + b"\xff\xff" + SPIFF[2:]
    assert without(APP8, filled) == b"\xff\xd8\xff\xff" + SPIFF[SPIFF.index(b"\xff\xf7") :]


@pytest.mark.parametrize("value", range(1, 8))
def test_selection_value_of_files(value):
    _, [frame] = of_file(f"grey16_jpeg57_sv{value}")
    assert selection_value(frame) == value


@pytest.mark.parametrize("predictor", [1, 4, 7])
@pytest.mark.parametrize("samples", [GREY, RGB], ids=["grey", "rgb"])
def test_selection_value(samples, predictor):
    frame = bytes(imagecodecs.jpeg8_encode(samples, lossless=True, predictor=predictor))
    assert selection_value(frame) == predictor


def test_a_baseline_image_as_an_extended_one():
    found = as_extended(BASELINE)
    assert [at for at, (a, b) in enumerate(zip(found, BASELINE, strict=True)) if a != b] == [
        BASELINE.index(b"\xff\xc0") + 1
    ]
    assert b"\xff\xc1" in found
    assert np.array_equal(imagecodecs.jpeg8_decode(found), imagecodecs.jpeg8_decode(BASELINE))
    assert as_extended(found) == found


def test_tables_of_a_scan():
    frame = bytes(imagecodecs.jpeg8_encode(RGB, lossless=True, predictor=1))
    at = frame.index(b"\xff\xda")
    changed = with_tables(frame, (0, 1, 2))
    assert changed[at : at + 13] == frame[at : at + 5] + bytes(
        [frame[at + 5], 0, frame[at + 7], 0x10, frame[at + 9], 0x20, frame[at + 11], 0]
    )
    assert changed[at + 13 :] == frame[at + 13 :]


WITHOUT_A_SCAN = [b"", b"\xff", b"\0" + BASELINE, BASELINE[:20], b"\xff\xd8\xff\xd9"]


@pytest.mark.parametrize("frame", WITHOUT_A_SCAN)
@pytest.mark.parametrize(
    "change",
    [lambda f: without(APP8, f), as_extended, selection_value, lambda f: with_tables(f, (0,))],
)
def test_what_is_no_jpeg_image_is_refused(change, frame):
    with pytest.raises(CodecError):
        change(frame)


def test_a_scan_header_cut_short():
    at = BASELINE.index(b"\xff\xda")
    with pytest.raises(CodecError, match="cut short"):
        selection_value(BASELINE[: at + 6])
    with pytest.raises(CodecError, match="cut short"):
        with_tables(BASELINE[: at + 6], (0,))


def test_the_marker_of_spiff():
    assert jpegmarkers.APP8 == 0xE8
