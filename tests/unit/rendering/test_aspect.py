"""The shape of a pixel."""

import numpy as np
import pytest

from gateway.rendering.display import Display
from tests.unit.rendering.images import display, image, item


def measured(*spacing):
    return item(PixelMeasuresSequence=[item(PixelSpacing=list(spacing))])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, (1, 1)),
        ({"PixelSpacing": [0.8, 0.4]}, (0.8, 0.4)),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"NominalScannedPixelSpacing": [3, 2]}, (3, 2)),
        ({"PixelAspectRatio": [4, 3]}, (4, 3)),
        ({"PixelAspectRatio": [4, 3], "PixelSpacing": [0.5, 0.5]}, (0.5, 0.5)),
        ({"PixelSpacing": [0.5, 1], "ImagerPixelSpacing": [1, 1]}, (0.5, 1)),
        ({"PixelSpacing": [0, 1], "PixelAspectRatio": [4, 3]}, (4, 3)),
        ({"PixelSpacing": [-1, 1]}, (1, 1)),
        ({"PixelSpacing": 2}, (1, 1)),
        ({"PixelSpacing": None}, (1, 1)),
        ({"SharedFunctionalGroupsSequence": [measured(2, 1)]}, (2, 1)),
        ({"PerFrameFunctionalGroupsSequence": [measured(2, 1), measured(3, 1)]}, (2, 1)),
    ],
    ids=str,
)
def test_height_and_width(attributes, expected):
    assert display(image(np.zeros((2, 2), "u1"), **attributes)).aspect == expected


@pytest.mark.parametrize("value", [["x", "1"], ["nan", "1"], ["inf", "1"], ["", ""]])
def test_spacings_that_are_no_numbers(value):
    dataset = [(0x00280030, "DS", value), (0x00280034, "IS", ["2", "1"])]
    assert Display(dataset).aspect == (2, 1)
