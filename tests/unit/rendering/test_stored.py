"""Stored values out of words, against arithmetic on single numbers."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gateway.dicom.image import ImagePixel
from gateway.rendering import stored
from gateway.rendering.stored import Stored
from tests.unit.rendering.images import column, image, shown


@st.composite
def layouts(draw):
    width = draw(st.sampled_from([8, 16, 32]))
    bits = draw(st.integers(1, width))
    return width, Stored(bits, draw(st.integers(bits - 1, width - 1)), draw(st.booleans()))


@given(layouts(), st.data())
def test_a_value_comes_out_of_whatever_stands_beside_it(layout, data):
    width, place = layout
    value = data.draw(st.integers(place.low, place.top))
    beside = data.draw(st.integers(0, (1 << width) - 1))
    mask = ((1 << place.bits) - 1) << (place.high + 1 - place.bits)
    word = (beside & ~mask) | ((value << (place.high + 1 - place.bits)) & mask)
    for kind in "ui":
        words = np.array([[word]], f"<u{width // 8}").view(f"<{kind}{width // 8}")
        assert place.values(words).tolist() == [[value]]


def test_floating_point_samples_stay_as_they_are():
    samples = np.array([0.5, -np.inf])
    assert Stored(32, 31, False).values(samples) is samples


@pytest.mark.parametrize(
    ("described", "high", "expected"),
    [
        (ImagePixel(1, 1, 1, 16, 12), ["11"], Stored(12, 11, False)),
        (ImagePixel(1, 1, 1, 16, 12, signed=True), ["15"], Stored(12, 15, True)),
        (ImagePixel(1, 1, 1, 16, 12), None, Stored(12, 11, False)),
        (ImagePixel(1, 1, 1, 16, 12), ["10"], Stored(12, 11, False)),
        (ImagePixel(1, 1, 1, 16, 12), ["16"], Stored(12, 11, False)),
        (ImagePixel(1, 1, 1, 8, 12), ["11"], Stored(8, 7, False)),
        (ImagePixel(1, 1, 1, 1, 1), ["0"], Stored(1, 0, False)),
        (ImagePixel(1, 1, 1, 16, 0), None, Stored(1, 0, False)),
    ],
)
def test_where_an_image_has_its_values(described, high, expected):
    dataset = [] if high is None else [(0x00280102, "US", high)]
    assert stored.of(dataset, described) == expected


def test_bits_above_the_value_do_not_show():
    clean = column([0, 1000, 4095])
    dirty = clean | 0xA000
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    expected = shown(image(clean, BitsStored=12, **window))
    assert np.array_equal(shown(image(dirty, BitsStored=12, **window)), expected)
    assert expected.ravel().tolist() == [0, 62, 255]


def test_a_signed_value_without_its_sign_extended():
    values = [-2048, -1, 0, 2047]
    words = column([value & 0xFFF for value in values])
    found = shown(image(words, BitsStored=12, PixelRepresentation=1))
    assert found.ravel().tolist() == [0, 127, 128, 255]
