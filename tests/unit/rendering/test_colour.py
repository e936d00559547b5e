"""Colour images, against the equations of PS3.3 C.7.6.3.1.2 in exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydicom.pixels.processing import convert_color_space

from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from gateway.rendering import colour
from gateway.rendering.stored import Stored
from gateway.rendering.voi import Window
from tests.unit.codecs.images import noise
from tests.unit.rendering.images import image, shown

RED, GREEN, BLUE = Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000)


def picture(samples, photometric, bits=None):
    bits = bits or samples.dtype.itemsize * 8
    described = ImagePixel(*samples.shape, samples.dtype.itemsize * 8, bits, False, photometric)
    return colour.picture(samples, described, Stored(bits, bits - 1, False))


def inverse(sample, top, *, partial):
    """Red, green and blue from 0 to 255 of one luminance and two chromas, exactly."""
    unit = Fraction(top + 1, 256)
    middle = Fraction(top + 1, 2)
    luminance, blue, red = map(Fraction, sample)
    if partial:
        luminance = (luminance - 16 * unit) * Fraction(top) / (219 * unit)
        scale = Fraction(top) / (224 * unit)
    else:
        scale = Fraction(1)
    blue, red = (blue - middle) * scale, (red - middle) * scale
    found = (
        luminance + 2 * (1 - RED) * red,
        luminance - (2 * BLUE * (1 - BLUE) * blue + 2 * RED * (1 - RED) * red) / GREEN,
        luminance + 2 * (1 - BLUE) * blue,
    )
    return [min(max(value, 0), top) * 255 / top for value in found]


BYTES = st.tuples(*[st.integers(0, 255)] * 3)


@given(BYTES)
def test_full_range_to_the_nearest(sample):
    exact = inverse(sample, 255, partial=False)
    for photometric in ("YBR_FULL", "YBR_FULL_422"):
        [[found]] = picture(np.array([[sample]], "u1"), photometric).tolist()
        assert found == [int(value + Fraction(1, 2)) for value in exact]


@given(BYTES)
def test_partial_range_to_the_nearest(sample):
    exact = inverse(sample, 255, partial=True)
    for photometric in ("YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        [[found]] = picture(np.array([[sample]], "u1"), photometric).tolist()
        assert all(abs(one - value) < 0.501 for one, value in zip(found, exact, strict=True))


@pytest.mark.parametrize(
    ("photometric", "sample", "expected"),
    [
        ("YBR_FULL", [0, 128, 128], [0, 0, 0]),
        ("YBR_FULL", [255, 128, 128], [255, 255, 255]),
        ("YBR_FULL", [76, 85, 255], [254, 0, 0]),
        ("YBR_FULL", [150, 44, 21], [0, 255, 1]),
        ("YBR_FULL", [29, 255, 107], [0, 0, 254]),
        ("YBR_FULL", [255, 255, 255], [255, 121, 255]),
        ("YBR_PARTIAL_422", [16, 128, 128], [0, 0, 0]),
        ("YBR_PARTIAL_422", [235, 128, 128], [255, 255, 255]),
        ("YBR_PARTIAL_422", [126, 128, 128], [128, 128, 128]),
        ("YBR_PARTIAL_420", [82, 90, 240], [255, 1, 0]),
        ("YBR_PARTIAL_420", [0, 0, 255], [184, 0, 0]),
        ("RGB", [1, 2, 255], [1, 2, 255]),
        ("YBR_RCT", [1, 2, 255], [1, 2, 255]),
        ("YBR_ICT", [1, 2, 255], [1, 2, 255]),
    ],
)
def test_single_colours(photometric, sample, expected):
    assert picture(np.array([[sample]], "u1"), photometric).tolist() == [[expected]]


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 7, 3), (300, 401, 3), (2, 40000, 3)])
def test_whole_pictures_as_pydicom_converts_them(shape):
    samples = noise(shape, "u1", 8)
    found = picture(samples, "YBR_FULL")
    expected = convert_color_space(samples, "YBR_FULL", "RGB").astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.001


@pytest.mark.parametrize(
    ("dtype", "bits", "values", "expected"),
    [
        ("<u2", 16, [0, 257, 32896, 65535], [0, 1, 128, 255]),
        ("<u2", 16, [128, 129, 384, 65407], [0, 1, 1, 255]),
        ("<u2", 12, [0, 2048, 4095], [0, 128, 255]),
        ("<u2", 12, [0xF000, 0x1FFF, 0xA800], [0, 255, 128]),
        ("<u2", 8, [0, 128, 0x01FF], [0, 128, 255]),
        ("<u4", 32, [0, 1 << 31, (1 << 32) - 1], [0, 128, 255]),
        ("u1", 6, [0, 32, 63], [0, 130, 255]),
    ],
    ids=str,
)
def test_every_depth(dtype, bits, values, expected):
    samples = np.repeat(np.array(values, dtype).reshape(-1, 1, 1), 3, axis=2)
    found = picture(samples, "RGB", bits)
    assert found.dtype == np.uint8
    assert found[:, 0, 1].tolist() == expected


@given(st.tuples(*[st.integers(0, 4095)] * 3), st.sampled_from(["YBR_FULL", "YBR_PARTIAL_422"]))
def test_ybr_of_twelve_bits(sample, photometric):
    [[found]] = picture(np.array([[sample]], "<u2"), photometric, 12).tolist()
    exact = inverse(sample, 4095, partial=photometric != "YBR_FULL")
    assert all(abs(one - value) < 0.54 for one, value in zip(found, exact, strict=True))


def test_bytes_are_not_copied():
    samples = noise((4, 5, 3), "u1", 8)
    assert np.shares_memory(picture(samples, "RGB"), samples)


def test_planes_come_out_by_pixel():
    planes = noise((3, 4, 5), "u1", 8)
    found = picture(np.moveaxis(planes, 0, 2), "RGB")
    assert found.flags.c_contiguous
    assert np.array_equal(found[..., 1], planes[1])


@pytest.mark.parametrize(
    ("photometric", "count"), [("CMYK", 4), ("ARGB", 4), ("HSV", 3), ("RGB", 4), ("RGB", 2)]
)
def test_what_cannot_be_shown_is_refused(photometric, count):
    with pytest.raises(CodecError, match=f"{count} samples per pixel of {photometric}"):
        picture(np.zeros((2, 2, count), "u1"), photometric)


def test_a_window_does_nothing_to_colours():
    samples = noise((4, 5, 3), "u1", 8)
    made = image(samples, WindowCenter=1, WindowWidth=1)
    assert np.array_equal(shown(made, window=Window(1, 1)), samples)
