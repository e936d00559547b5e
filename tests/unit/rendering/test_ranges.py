"""What is black and white where no window says so."""

import numpy as np
import pytest

from gateway.rendering.voi import Window
from tests.unit.rendering.images import column, image, item, shown

NAN, INF = float("nan"), float("inf")
SEG = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}


def greys(made, **options):
    return shown(made, **options).ravel().tolist()


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("u1", [10, 60, 110], [0, 128, 255]),
        ("<u2", [1000, 2000, 3000], [0, 128, 255]),
        ("<i2", [-1000, 0, 1000], [0, 128, 255]),
        ("i1", [-100, 0, 100], [0, 128, 255]),
        ("<u4", [0, 1 << 31, (1 << 32) - 1], [0, 128, 255]),
        ("<u4", [4_000_000_000, 4_000_000_001, 4_000_000_002], [0, 128, 255]),
        ("<i4", [-(1 << 31), 0, (1 << 31) - 1], [0, 128, 255]),
        ("<f4", [0.25, 0.5, 0.75], [0, 128, 255]),
        ("<f8", [1e300, 1.5e300, 2e300], [0, 128, 255]),
        ("<f4", [NAN, 0.5, 0.75, INF, -INF], [0, 0, 255, 255, 0]),
        ("<f4", [NAN, NAN], [0, 0]),
    ],
    ids=str,
)
def test_from_the_least_to_the_greatest(dtype, values, expected):
    assert greys(image(column(values, dtype))) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (image(column([0, 0], "u1")), [0, 0]),
        (image(column([255, 255], "u1")), [255, 255]),
        (image(column([128, 128], "u1")), [128, 128]),
        (image(column([2048, 2048]), BitsStored=12), [128, 128]),
        (image(column([-2048, -2048], "<i2"), BitsStored=12), [0, 0]),
        (image(column([7, 7]), RescaleSlope=2, RescaleIntercept=5), [0, 0]),
        (image(column([65535]), RescaleSlope=-1), [0]),
        (image(column([0, 0], "u1"), photometric="MONOCHROME1"), [255, 255]),
        (image(column([2.5, 2.5], "<f4")), [0, 0]),
        (image(column([-1e30], "<f4")), [0]),
    ],
)
def test_a_frame_that_is_all_the_same_is_shown_for_what_it_is(made, expected):
    assert greys(made) == expected


@pytest.mark.parametrize(
    ("dtype", "values", "padding", "expected"),
    [
        ("<u2", [0, 100, 200, 300], {"PixelPaddingValue": 0}, [0, 0, 128, 255]),
        ("<u2", [65535, 100, 200, 300], {"PixelPaddingValue": 65535}, [255, 0, 128, 255]),
        ("<i2", [-2000, 0, 100, 200], {"PixelPaddingValue": -2000}, [0, 0, 128, 255]),
        (
            "<u2",
            [0, 5, 10, 100, 200],
            {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 10},
            [0, 0, 0, 0, 255],
        ),
        (
            "<u2",
            [4095, 4000, 0, 100],
            {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 4000},
            [255, 255, 0, 255],
        ),
        ("<u2", [9, 9, 9], {"PixelPaddingValue": 9}, [0, 0, 0]),
        (
            "<f4",
            [-1.5, 0.0, 1.0, 2.0],
            {"FloatPixelPaddingValue": -1.5},
            [0, 0, 128, 255],
        ),
        (
            "<f4",
            [-1.5, -9.0, 0.0, 2.0],
            {"FloatPixelPaddingValue": -1.5, "FloatPixelPaddingRangeLimit": -10.0},
            [0, 0, 0, 255],
        ),
        ("<f8", [-1.5, 0.0, 2.0], {"DoubleFloatPixelPaddingValue": -1.5}, [0, 0, 255]),
    ],
    ids=str,
)
def test_padding_does_not_count(dtype, values, padding, expected):
    assert greys(image(column(values, dtype), **padding)) == expected


def test_padding_that_was_written_without_its_sign():
    made = image(column([-2000, 0, 200], "<i2"))
    made.add_new("PixelPaddingValue", "US", 63536)
    assert greys(made) == [0, 0, 255]


def test_a_window_is_not_touched_by_padding():
    made = image(column([0, 100, 200]), PixelPaddingValue=100, WindowCenter=100.5, WindowWidth=201)
    assert greys(made) == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "attributes", "expected"),
    [
        ([0, 1, 0], {"SegmentationType": "BINARY"}, [0, 255, 0]),
        ([1, 1, 1], {"SegmentationType": "BINARY"}, [255, 255, 255]),
        (
            [0, 50, 100],
            {"SegmentationType": "FRACTIONAL", "MaximumFractionalValue": 200},
            [0, 64, 128],
        ),
        ([0, 51, 255], {"SegmentationType": "FRACTIONAL"}, [0, 51, 255]),
        (
            [0, 1, 2],
            {
                "SegmentationType": "LABELMAP",
                "SegmentSequence": [item(SegmentNumber=number) for number in (1, 4, 2)],
            },
            [0, 64, 128],
        ),
    ],
    ids=str,
)
def test_segmentations_look_the_same_in_every_frame(values, attributes, expected):
    assert greys(image(column(values, "u1"), **SEG, **attributes)) == expected


def test_a_window_for_a_segmentation():
    made = image(column([0, 50, 200], "u1"), **SEG, SegmentationType="FRACTIONAL")
    assert greys(made, window=Window(25, 50, "LINEAR_EXACT")) == [0, 255, 255]


def test_the_range_of_a_large_frame_is_found_in_each_of_its_pixels():
    samples = np.full((300, 200), 500, "<u2")
    samples[299, 199], samples[0, 7] = 1000, 0
    found = shown(image(samples))
    assert (found[299, 199], found[0, 7], found[5, 5]) == (255, 0, 128)
