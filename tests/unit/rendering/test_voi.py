"""Windows and VOI LUTs: the standard's formulas by hand, and pydicom's."""

import warnings

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi, apply_windowing

from gateway.rendering import voi
from gateway.rendering.luts import Lut
from gateway.rendering.voi import Window
from tests.unit.rendering.images import column, image, lut, shown, stored, words, written


def bytes_of(window, *values):
    return np.rint(voi.apply(window, np.array(values)) * 255).astype(int).tolist()


@pytest.mark.parametrize(
    ("window", "values", "expected"),
    [
        # The examples of PS3.3 C.11.2.1.2.1.
        (Window(2048, 4096), [-5, 0, 4095, 5000], [0, 0, 255, 255]),
        (Window(2048, 1), [2047, 2048], [0, 255]),
        (Window(0, 100), [-51, -50, 49, 50], [0, 0, 255, 255]),
        (Window(0, 1), [-1, 0], [0, 255]),
        # Its formula: (40 - 39.5) / 399 + 0.5 is 0.50125.
        (Window(40, 400), [-160, 40, 139, 239], [0, 128, 191, 255]),
        # C.11.2.1.3.2: the ends are those of the width.
        (Window(0, 100, "LINEAR_EXACT"), [-50, -25, 0, 25, 50], [0, 64, 128, 191, 255]),
        (Window(0.5, 1, "LINEAR_EXACT"), [0, 1], [0, 255]),
        (Window(0.5, 0.5, "LINEAR_EXACT"), [0.25, 0.375, 0.75], [0, 64, 255]),
        # C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w)) at 0, a quarter of the width, and far away.
        (Window(100, 40, "SIGMOID"), [100, 110, 90], [128, 186, 69]),
        (Window(0, 1e-9, "SIGMOID"), [-(1 << 31), -1, 0, 1, 1 << 31], [0, 0, 128, 255, 255]),
        # Narrower than the standard allows: the exact function, or a step.
        (Window(0.5, 0.5), [0.25, 0.5, 0.75], [0, 128, 255]),
        (Window(7, 0), [6, 7, 8], [0, 0, 255]),
        (Window(7, -3, "SIGMOID"), [6, 7, 8], [0, 0, 255]),
        (Window(40, 400, "WHATEVER"), [-160, 239], [0, 255]),
    ],
    ids=str,
)
def test_windows(window, values, expected):
    assert bytes_of(window, *values) == expected


@given(
    st.integers(-3000, 3000) | st.floats(-3000, 3000),
    st.integers(1, 5000) | st.floats(1, 5000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_windows_as_pydicom_has_them(center, width, function):
    values = np.arange(-4096, 4096, 7)
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored, dataset.PixelRepresentation = 8, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # longer than a DS may be
        dataset.add_new("WindowCenter", "FD", center)
        dataset.add_new("WindowWidth", "FD", width)
        dataset.VOILUTFunction = function
        expected = apply_windowing(values, dataset)
    found = voi.apply(Window(center, width, function), values)
    assert np.abs(found * 255 - expected).max() < 1e-6


def test_what_is_not_finite():
    values = np.array([np.nan, -np.inf, np.inf, 0.5], "f4")
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        found = voi.apply(Window(0.5, 1, function), values)
        assert np.isfinite(found).all()
        assert (found[0], found[1], found[2]) == (0, pytest.approx(0), 1)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_numbers_at_the_ends_of_their_range(function):
    for dtype in ("f4", "f8"):
        values = np.array([np.finfo(dtype).min, -1, 1, np.finfo(dtype).max], dtype)
        for width in (1e-81, 1e-300, 1e300):
            found = voi.apply(Window(0, width, function), values)
            assert np.allclose(found, [0, 0, 1, 1], atol=0.5)
            assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"WindowCenter": 40, "WindowWidth": 400}, Window(40, 400)),
        ({"WindowCenter": ["40", "300"], "WindowWidth": ["400", "1500"]}, Window(40, 400)),
        (
            {"WindowCenter": "4.5e1 ", "WindowWidth": "8", "VOILUTFunction": "SIGMOID "},
            Window(45, 8, "SIGMOID"),
        ),
        ({"WindowCenter": [40, 300], "WindowWidth": [0, 1500]}, Window(300, 1500)),
        ({"WindowCenter": 40}, None),
        ({"WindowWidth": 400}, None),
        ({"WindowCenter": 40, "WindowWidth": -400}, None),
        ({"WindowCenter": None, "WindowWidth": None}, None),
        ({"VOILUTSequence": []}, None),
        ({}, None),
    ],
    ids=str,
)
def test_windows_of_data_sets(attributes, expected):
    found = stored(image(column([0], "u1"), **attributes)).dataset
    assert voi.of(found) == expected


def test_numbers_that_are_none():
    def dataset(center, width):
        return [(0x00281050, "DS", center), (0x00281051, "DS", width)]

    assert voi.of(dataset(["x", "300"], ["400", "1500"])) == Window(300, 1500)
    assert voi.of(dataset(["", ""], ["400", "1500"])) is None
    assert voi.of(dataset(["inf"], ["400"])) is None
    assert voi.of(dataset(["40"], ["nan"])) is None


def test_the_lut_comes_before_the_window():
    table = lut([4, 0, 8], [0, 10, 20, 255])
    samples = column([0, 1, 2, 3], "u1")
    made = image(samples, VOILUTSequence=[table], WindowCenter=2, WindowWidth=4)
    assert shown(made).ravel().tolist() == [0, 10, 20, 255]


LUTS = {
    "8 bits in bytes": ([4, 1, 8], bytes([0, 100, 200, 255]), [0, 0, 100, 200, 255, 255]),
    "8 bits in words": ([4, 1, 8], words([0, 100, 200, 255]), [0, 0, 100, 200, 255, 255]),
    "8 bits, odd": ([3, 1, 8], bytes([0, 100, 255, 0]), [0, 0, 100, 255, 255, 255]),
    "16 bits": ([4, 1, 16], words([0, 25700, 51400, 65535]), [0, 0, 100, 200, 255, 255]),
    "12 bits": ([4, 1, 12], words([0, 1606, 3212, 4095]), [0, 0, 100, 200, 255, 255]),
    "10 bits": ([2, 2, 10], words([0, 1023]), [0, 0, 0, 255, 255, 255]),
    "8 bits that say 16": ([4, 1, 16], bytes([0, 100, 200, 255]), [0, 0, 100, 200, 255, 255]),
    "16 bits that say 8": ([2, 2, 8], words([0, 65535]), [0, 0, 0, 255, 255, 255]),
    "12 bits that say 10": ([2, 2, 10], words([0, 4095]), [0, 0, 0, 255, 255, 255]),
    "cut short": ([9, 1, 16], words([0, 25700, 65535]), [0, 0, 100, 255, 255, 255]),
    "falling": ([4, 1, 8], bytes([255, 200, 100, 0]), [255, 255, 200, 100, 0, 0]),
}


@pytest.mark.parametrize("name", LUTS)
def test_luts(name):
    descriptor, data, expected = LUTS[name]
    made = image(column(range(6), "u1"), VOILUTSequence=[lut(descriptor, data)])
    assert shown(made).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "intercept", "first", "vr"),
    [
        ("<i2", 0, -1000, "SS"),
        ("<i2", 0, 64536, "US"),
        ("<u2", -1024, -1000, "SS"),
        ("<u2", -1024, 64536, "US"),
        ("<u2", 0, 40000, "US"),
        ("<u2", 0, 40000 - 65536, "SS"),
    ],
)
def test_the_first_value_is_read_with_the_sign_of_the_input(dtype, intercept, first, vr):
    start = first if intercept or dtype == "<i2" else 40000
    start = start - 65536 if start > 50000 else start
    samples = column([start - 1 - intercept, start - intercept, start + 1 - intercept], dtype)
    table = lut([2, 0, 8], bytes([7, 9]))
    table.add_new("LUTDescriptor", vr, [2, first, 8])
    made = image(samples, VOILUTSequence=[table], RescaleIntercept=intercept, RescaleSlope=1)
    found = shown(written(made, implicit=False))
    assert found.ravel().tolist() == [7, 7, 9]


def test_65536_entries():
    table = lut([0, 0, 16], np.arange(65535, -1, -1))
    made = image(column([0, 257, 65535]), VOILUTSequence=[table])
    assert shown(made).ravel().tolist() == [255, 254, 0]


@given(st.integers(-600, 600), st.lists(st.integers(0, 65535), min_size=1, max_size=300))
def test_luts_as_pydicom_has_them(first, entries):
    dataset = Dataset()
    dataset.VOILUTSequence = [lut([len(entries), first, 16], entries)]
    dataset.VOILUTSequence[0]["LUTData"].VR = "OW"
    dataset.set_original_encoding(False, True)
    values = np.arange(-1000, 1000)
    found = Lut(first, 16, words(entries)).apply(values)
    assert np.array_equal(found, apply_voi(values, dataset))
