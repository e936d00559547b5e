"""Polarity, presentation LUTs, and what a presentation state overrides."""

import numpy as np
import pytest

from gateway.rendering.voi import Window
from tests.unit.rendering.images import column, image, item, lut, shown, words

RAMP = column([0, 51, 102, 255], "u1")
UP, DOWN = [0, 51, 102, 255], [255, 204, 153, 0]


def greys(made, state=None, **options):
    return shown(made, state=state, **options).ravel().tolist()


@pytest.mark.parametrize(
    ("photometric", "shape", "expected"),
    [
        ("MONOCHROME2", None, UP),
        ("MONOCHROME2", "IDENTITY", UP),
        ("MONOCHROME2", "INVERSE", DOWN),
        ("MONOCHROME1", None, DOWN),
        ("MONOCHROME1", "INVERSE", DOWN),
        ("MONOCHROME1", "IDENTITY", DOWN),
    ],
)
def test_polarity(photometric, shape, expected):
    more = {"PresentationLUTShape": shape} if shape else {}
    assert greys(image(RAMP, photometric, **more)) == expected


def test_an_inverted_picture_is_the_complement_for_every_value():
    samples = np.arange(4096, dtype="<u2").reshape(64, 64)
    window = {"WindowCenter": 1000, "WindowWidth": 1777}
    plain = shown(image(samples, **window))
    assert np.array_equal(shown(image(samples, "MONOCHROME1", **window)), 255 - plain)


@pytest.mark.parametrize(
    ("descriptor", "data", "expected"),
    [
        ([256, 0, 8], bytes(range(255, -1, -1)), DOWN),
        ([2, 0, 16], words([0, 65535]), [0, 0, 0, 255]),
        ([6, 0, 12], words([0, 4095, 2048, 1, 1, 1000]), [0, 255, 128, 62]),
    ],
)
def test_a_presentation_lut_takes_the_whole_range(descriptor, data, expected):
    table = lut(descriptor, data)
    assert greys(image(RAMP, PresentationLUTSequence=[table])) == expected
    state = item(
        WindowCenter=127.5,
        WindowWidth=255,
        VOILUTFunction="LINEAR_EXACT",
        PresentationLUTSequence=[table],
    )
    assert greys(image(RAMP, "MONOCHROME1"), state) == expected


OWN = {"WindowCenter": 1, "WindowWidth": 2, "RescaleSlope": 3, "RescaleIntercept": 7}
SHAPE = {"PresentationLUTShape": "IDENTITY"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        # Without a VOI LUT all that can be stored is shown, as it is stored.
        (SHAPE, [0, 51, 102, 255]),
        ({"PresentationLUTShape": "INVERSE"}, [255, 204, 153, 0]),
        ({**SHAPE, "WindowCenter": 51.5, "WindowWidth": 103}, [0, 128, 255, 255]),
        ({**SHAPE, "RescaleSlope": 2, "RescaleIntercept": -10}, [0, 51, 102, 255]),
        (
            {
                **SHAPE,
                "RescaleSlope": 2,
                "RescaleIntercept": 0,
                "WindowCenter": 102.5,
                "WindowWidth": 205,
            },
            [0, 128, 255, 255],
        ),
        (
            {**SHAPE, "VOILUTSequence": [lut([2, 102, 8], bytes([5, 9]))]},
            [5, 5, 5, 9],
        ),
        (
            {
                **SHAPE,
                "ModalityLUTSequence": [lut([2, 51, 16], [0, 100], ModalityLUTType="US")],
                "WindowCenter": 50.5,
                "WindowWidth": 101,
            },
            [0, 0, 255, 255],
        ),
        (
            {**SHAPE, "ModalityLUTSequence": [lut([2, 51, 16], [0, 65535], ModalityLUTType="US")]},
            [0, 0, 255, 255],
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_state_stands_for_all_that_the_image_says(photometric, state, expected):
    made = image(RAMP, photometric, PresentationLUTShape="INVERSE", **OWN)
    assert greys(made, item(**state)) == expected


def test_a_state_s_modality_lut_is_meant_for_display():
    made = image(RAMP, SOPClassUID="1.2.840.10008.5.1.4.1.1.12.1", PixelIntensityRelationship="LOG")
    table = lut([2, 51, 16], [0, 65535], ModalityLUTType="US")
    assert greys(made, item(**SHAPE, ModalityLUTSequence=[table])) == [0, 0, 255, 255]


def test_a_state_stands_for_functional_groups_as_well():
    made = image(RAMP[None], frames=1)
    window = item(WindowCenter=1, WindowWidth=1)
    rescale = item(RescaleSlope=9, RescaleIntercept=9, RescaleType="US")
    made.PerFrameFunctionalGroupsSequence = [
        item(FrameVOILUTSequence=[window], PixelValueTransformationSequence=[rescale])
    ]
    assert greys(made, item(**SHAPE)) == UP


def test_the_window_that_is_asked_for_stands_for_a_state_s():
    state = item(**SHAPE, WindowCenter=1, WindowWidth=2)
    found = greys(image(RAMP), state, window=Window(51.5, 103))
    assert found == [0, 128, 255, 255]


def test_pseudo_colour():
    state = item(**SHAPE, WindowCenter=51.5, WindowWidth=103)
    for colour, data in (("Red", [0, 65535]), ("Green", [65535, 0]), ("Blue", [257, 514])):
        setattr(state, f"{colour}PaletteColorLookupTableDescriptor", [2, 0, 16])
        setattr(state, f"{colour}PaletteColorLookupTableData", words(data))
    found = shown(image(RAMP, "MONOCHROME1"), state=state)
    assert found.shape == (4, 1, 3)
    assert found[:, 0].tolist() == [[0, 255, 1], [0, 255, 1], [255, 0, 2], [255, 0, 2]]
