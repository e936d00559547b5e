"""YBR_FULL to RGB, against the formulas of PS3.3 turned round and pydicom's conversion."""

import numpy as np
import pytest
from pydicom.pixels import convert_color_space

from gateway.codecs.colour import rgb
from tests.unit.codecs.images import noise


def test_eight_bits_are_as_pydicom_converts_them():
    samples = noise((40, 50, 3), "<u1", 8)
    expected = convert_color_space(samples, "YBR_FULL", "RGB")
    found = rgb(samples, 8)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("dtype", "bits"), [("<u1", 8), ("<u2", 12), ("<u2", 16)])
def test_colours_come_back(dtype, bits):
    """PS3.3 C.7.6.3.1.2: YBR_FULL is a linear combination of RGB."""
    known = noise((30, 30, 3), dtype, bits).astype(float)
    middle = 1 << (bits - 1)
    weights = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    ybr = known @ weights.T + [0, middle, middle]
    samples = np.clip(np.rint(ybr), 0, (1 << bits) - 1).astype(dtype)
    assert np.abs(rgb(samples, bits) - known).max() <= 2


@pytest.mark.parametrize("grey", [0, 100, 255])
def test_what_has_no_colour_is_grey(grey):
    assert rgb(np.array([[[grey, 128, 128]]], "u1"), 8).tolist() == [[[grey] * 3]]


def test_what_lies_outside_is_clipped():
    found = rgb(np.array([[[255, 255, 255], [0, 0, 0]]], "u1"), 8)
    assert found.tolist() == [[[255, 121, 255], [0, 135, 0]]]
