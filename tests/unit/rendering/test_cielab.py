"""Colours of presentation states."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from gateway.rendering import cielab


@pytest.mark.parametrize(
    ("p_value", "level"), [(0, 0), (0xFFFF, 255), (0x8080, 128), (-1, 0), (1 << 20, 255)]
)
def test_greys(p_value, level):
    assert cielab.grey(p_value) == (level,) * 3


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ((0xFFFF, 0x8080, 0x8080), (255, 255, 255)),
        ((0, 0x8080, 0x8080), (0, 0, 0)),
        ((35578, 53664, 50858), (255, 0, 0)),  # L* 54.29, a* 80.81, b* 69.89 of D50
    ],
)
def test_known_colours(lab, rgb):
    assert np.abs(np.subtract(cielab.colour(lab), rgb)).max() <= 2


def test_littlecms_finds_the_same_colours():
    some = range(100, 161, 20)
    grid = [(lightness, a, b) for lightness in (60, 120, 200) for a in some for b in some]
    lab = Image.new("LAB", (len(grid), 1))
    lab.putdata(grid)
    profiles = ImageCms.createProfile("LAB", 5000), ImageCms.createProfile("sRGB")
    exactly = ImageCms.Flags.NOOPTIMIZE
    transform = ImageCms.buildTransform(*profiles, "LAB", "RGB", flags=exactly)
    expected = np.asarray(ImageCms.applyTransform(lab, transform))[0].astype(int)
    ours = [cielab.colour([channel * 257 for channel in one]) for one in grid]
    assert np.abs(np.array(ours) - expected).max() <= 1
