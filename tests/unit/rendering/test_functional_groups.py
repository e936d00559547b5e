"""Windows and rescales of single frames, of all frames, and of instances with thousands."""

import numpy as np
import pytest

from gateway.dicom.image import ImagePixel
from gateway.rendering.display import Display
from gateway.rendering.functional_groups import FunctionalGroups
from tests.unit.rendering.images import image, item, lut, shown, stored

FRAMES = np.tile(np.array([0, 100, 200], "<u2").reshape(1, 3, 1), (3, 1, 1))


def window(center, width, function=None):
    found = item(WindowCenter=center, WindowWidth=width)
    if function:
        found.VOILUTFunction = function
    return item(FrameVOILUTSequence=[found])


def rescale(slope, intercept):
    found = item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")
    return item(PixelValueTransformationSequence=[found])


def enhanced(shared=None, frames=None, **attributes):
    made = image(FRAMES, frames=3, **attributes)
    if shared is not None:
        made.SharedFunctionalGroupsSequence = [shared]
    if frames is not None:
        made.PerFrameFunctionalGroupsSequence = frames
    return made


def greys(made):
    return [shown(made, number).ravel().tolist() for number in (1, 2, 3)]


def test_a_shared_window():
    assert greys(enhanced(window(100.5, 201))) == [[0, 128, 255]] * 3


def test_a_window_for_each_frame():
    made = enhanced(frames=[window(100.5, 201), window(0.5, 1), window(100, 2, "LINEAR_EXACT")])
    assert greys(made) == [[0, 128, 255], [0, 255, 255], [0, 128, 255]]


def test_the_frame_s_own_before_the_shared_before_the_instance_s():
    made = enhanced(window(150, 2), [item(), window(0.5, 1), item()], WindowCenter=1, WindowWidth=2)
    assert greys(made) == [[0, 0, 255], [0, 255, 255], [0, 0, 255]]
    made = enhanced(rescale(1, 0), WindowCenter=100.5, WindowWidth=201)
    assert greys(made) == [[0, 128, 255]] * 3


def test_fewer_items_than_frames():
    made = enhanced(frames=[window(0.5, 1)], WindowCenter=100.5, WindowWidth=201)
    assert greys(made) == [[0, 255, 255], [0, 128, 255], [0, 128, 255]]


def test_a_rescale_for_each_frame_under_one_window():
    frames = [rescale(1, 0), rescale(2, 0), rescale(1, 100)]
    made = enhanced(window(100.5, 201), frames)
    assert greys(made) == [[0, 128, 255], [0, 255, 255], [128, 255, 255]]


def test_a_shared_rescale():
    made = enhanced(rescale(0.5, 0), frames=[window(50.5, 101)] * 3)
    assert greys(made) == [[0, 128, 255]] * 3


def test_a_table_for_one_frame():
    table = item(FrameVOILUTSequence=[item(VOILUTSequence=[lut([2, 99, 8], bytes([9, 7]))])])
    assert greys(enhanced(window(100.5, 201), [item(), table, item()]))[1] == [9, 7, 7]


class Indexed(list):
    """Items that can be looked up but not walked."""

    def __iter__(self):
        pytest.fail("the items are walked")


def test_no_frame_costs_a_walk_over_all_of_them():
    found = stored(enhanced(frames=[window(100.5, 201), window(0.5, 1), window(150, 2)])).dataset
    dataset = [
        (tag, vr, Indexed(value * 1000) if tag == 0x52009230 else value) for tag, vr, value in found
    ]
    display, described = Display(dataset), ImagePixel(3, 1, 1, 16, 16, frames=3000)
    for number, expected in ((1, [0, 128, 255]), (1503, [0, 0, 255]), (2999, [0, 255, 255])):
        assert display.frame(number, FRAMES[0], described).ravel().tolist() == expected


@pytest.mark.parametrize("number", [0, -1, 3, 99])
def test_numbers_that_no_item_has(number):
    groups = FunctionalGroups([(0x52009230, "SQ", [[(0x00289132, "SQ", [[]])]] * 2)])
    assert groups.macro(number, 0x00289132) == []


@pytest.mark.parametrize(
    "broken",
    [
        [(0x52009230, "UN", "AAAA")],
        [(0x52009230, "SQ", [])],
        [(0x52009230, "SQ", [[(0x00289132, "LO", ["x"])]])],
    ],
)
def test_groups_that_cannot_be_read(broken):
    assert FunctionalGroups(broken).macro(1, 0x00289132) == []
