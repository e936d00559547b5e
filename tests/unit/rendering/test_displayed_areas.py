"""Displayed areas, and images put on pictures as they say."""

import numpy as np
import pytest

from gateway.dicomweb.rendered import Viewport
from gateway.rendering import displayed_areas, geometry, projections
from gateway.rendering.displayed_areas import DisplayedArea, Orientation
from tests.unit.rendering.documents import made, plain

IMAGE = np.arange(1, 7, dtype=np.uint8).reshape(2, 3)
MOST = 1000


def area(corners=None, rows=2, columns=3, **attributes):
    item = made(**attributes)
    if corners:
        item.DisplayedAreaTopLeftHandCorner = list(corners[:2])
        item.DisplayedAreaBottomRightHandCorner = list(corners[2:])
    return displayed_areas.area(plain(item), rows, columns)


@pytest.mark.parametrize(
    ("corners", "attributes", "expected"),
    [
        (None, {}, DisplayedArea((0, 0, 3, 2))),
        ((1, 1, 3, 2), {"PresentationSizeMode": "SCALE TO FIT"}, DisplayedArea((0, 0, 3, 2))),
        ((2, 1, 2, 1), {}, DisplayedArea((1, 0, 2, 1))),
        ((3, 2, 1, 1), {}, DisplayedArea((0, 0, 3, 2))),
        ((-1, 0, 5, 4), {}, DisplayedArea((-2, -1, 5, 4))),
        (None, {"PresentationPixelAspectRatio": [2, 1]}, DisplayedArea((0, 0, 3, 2), 2.0)),
        (None, {"PresentationPixelSpacing": ["0.2", "0.4"]}, DisplayedArea((0, 0, 3, 2), 0.5)),
        (None, {"PresentationPixelSpacing": ["0", "0.4"]}, DisplayedArea((0, 0, 3, 2))),
        (
            None,
            {"PresentationSizeMode": "MAGNIFY", "PresentationPixelMagnificationRatio": 2.0},
            DisplayedArea((0, 0, 3, 2), 1.0, 2.0),
        ),
        (
            None,
            {"PresentationSizeMode": "TRUE SIZE", "PresentationPixelMagnificationRatio": 2.0},
            DisplayedArea((0, 0, 3, 2)),
        ),
        (
            None,
            {"PresentationSizeMode": "MAGNIFY", "PresentationPixelMagnificationRatio": 1e9},
            DisplayedArea((0, 0, 3, 2), 1.0, 100.0),
        ),
    ],
)
def test_areas(corners, attributes, expected):
    assert area(corners, **attributes) == expected


@pytest.mark.parametrize(
    ("found", "quarters", "size"),
    [
        (DisplayedArea((0, 0, 3, 2)), 0, (3, 2)),
        (DisplayedArea((0, 0, 3, 2)), 1, (2, 3)),
        (DisplayedArea((0, 0, 3, 2), 2.0), 0, (3, 4)),
        (DisplayedArea((0, 0, 3, 2), 0.5), 0, (6, 2)),
        (DisplayedArea((0, 0, 3, 2), 1.0, 3.0), 0, (9, 6)),
        (DisplayedArea((0, 0, 4000, 2000)), 0, (1000, 500)),
        (DisplayedArea((0, 0, 4000, 1)), 3, (1, 1000)),
    ],
)
def test_how_large_an_area_is_seen(found, quarters, size):
    assert found.size(Orientation(quarters), MOST) == size


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, Orientation()),
        ({"ImageRotation": 0, "ImageHorizontalFlip": "N"}, Orientation()),
        ({"ImageRotation": 90, "ImageHorizontalFlip": "Y"}, Orientation(1, True)),
        ({"ImageRotation": 270}, Orientation(3)),
        ({"ImageRotation": 360}, Orientation()),
    ],
)
def test_orientations(attributes, expected):
    assert displayed_areas.orientation(plain(made(**attributes))) == expected


def projected(found=None, orientation=None, viewport=None):
    found = found or DisplayedArea((0.0, 0.0, 3.0, 2.0))
    orientation = orientation or Orientation()
    columns, rows = found.size(orientation, MOST)
    plan = geometry.plan(viewport, rows, columns)
    return projections.project(found, orientation, plan, MOST)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turning_and_flipping(quarters, flipped):
    projection = projected(orientation=Orientation(quarters, flipped))
    expected = np.rot90(IMAGE, -quarters)
    expected = expected[:, ::-1] if flipped else expected
    assert np.array_equal(projections.pixels(IMAGE, 1, projection), expected)
    # The corner of a pixel goes where the pixel goes.
    y, x = (int(one[0]) for one in np.nonzero(expected == 6))
    left, top = projection.pixel.point(2.5, 1.5)
    assert (left, top) == pytest.approx((x + 0.5, y + 0.5))
    assert projection.displayed.point(1.0, 1.0) == (projection.width, projection.height)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((1.0, 0.0, 3.0, 1.0), [[2, 3]]),
        ((-1.0, -1.0, 2.0, 1.0), [[0, 0, 0], [0, 1, 2]]),
        ((2.0, 1.0, 4.0, 3.0), [[6, 0], [0, 0]]),
        ((5.0, 5.0, 7.0, 6.0), [[0, 0]]),
    ],
)
def test_cutting(box, expected):
    projection = projected(DisplayedArea(box))
    assert projections.pixels(IMAGE, 1, projection).tolist() == expected


def test_the_area_beyond_the_image_turns_with_it():
    projection = projected(DisplayedArea((2.0, 1.0, 4.0, 3.0)), Orientation(1))
    assert projections.pixels(IMAGE, 1, projection).tolist() == [[0, 6], [0, 0]]


def test_colours_are_cut_alike():
    colours = np.dstack([IMAGE, IMAGE + 100, IMAGE + 200])
    found = projections.pixels(colours, 1, projected(orientation=Orientation(1, True)))
    assert np.array_equal(found, np.rot90(colours, -1)[:, ::-1])


def test_pixels_that_are_not_square_are_stretched():
    flat = np.full((4, 4), 77, np.uint8)
    projection = projected(DisplayedArea((0.0, 0.0, 4.0, 4.0), 2.0))
    assert np.array_equal(projections.pixels(flat, 1, projection), np.full((8, 4), 77))
    assert projection.pixel.point(1.0, 1.0) == (1.0, 2.0)


def test_a_viewport_shows_a_region_of_what_is_seen():
    big = np.kron(IMAGE, np.ones((10, 10), np.uint8))
    whole = DisplayedArea((0.0, 0.0, 30.0, 20.0))
    viewport = Viewport(20, 20, left=0.0, top=10.0, region_width=10.0, region_height=10.0)
    projection = projected(whole, Orientation(2), viewport)
    # Turned by half, the lower left of what is seen is the upper right of the image.
    found = projections.pixels(big, 1, projection)
    assert found.shape == (20, 20)
    assert (found[2:] == 3).all()  # the neighbour above has its part in the first rows
    assert projection.pixel.point(30.0, 10.0) == pytest.approx((0.0, 0.0))
    mirrored = projected(whole, viewport=Viewport(30, 20, mirrored=True, flipped=True))
    assert np.array_equal(projections.pixels(big, 1, mirrored), big[::-1, ::-1])
    assert mirrored.pixel.point(30.0, 20.0) == pytest.approx((0.0, 0.0))


def test_reduced_pixels_take_the_place_of_those_they_stand_for():
    flat = np.full((2, 2), 9, np.uint8)
    projection = projected(DisplayedArea((0.0, 0.0, 8.0, 4.0)))
    found = projections.pixels(flat, 2, projection)
    assert found[:, :4].tolist() == [[9] * 4] * 4
    assert not found[:, 4:].any()


def test_masks_lose_no_line():
    covered = np.zeros((80, 80), np.bool_)
    covered[41] = True
    whole = DisplayedArea((0.0, 0.0, 80.0, 80.0))
    shown = projections.mask(covered, 1, projected(whole, viewport=Viewport(10, 10)))
    assert np.flatnonzero(shown.all(axis=1)).tolist() == [5]
    assert shown.sum() == 10


@pytest.mark.parametrize("box", [(-(2.0**20), 0.0, 2.0**20, 1.0), (0.4, 0.4, 0.5, 0.5)])
def test_areas_beyond_reason(box):
    found = projections.pixels(IMAGE, 1, projected(DisplayedArea(box)))
    assert found.ndim == 2
    assert max(found.shape) <= MOST


@pytest.mark.parametrize(
    ("viewport", "quarters", "halvings"),
    [
        (None, 0, 0),
        (Viewport(8, 4), 0, 0),
        (Viewport(2, 4), 1, 0),
        (Viewport(1, 2), 1, 1),
        (Viewport(3, 3), 0, 0),
        (Viewport(2, 2), 0, 1),
        (Viewport(1, 1), 2, 1),  # a side of one pixel has no less
        (Viewport(2, 1, region_width=2, region_height=1), 0, 0),
        (Viewport(9, 9), 0, 0),
    ],
)
def test_no_more_is_decoded_than_the_picture_takes(viewport, quarters, halvings):
    whole = DisplayedArea((0.0, 0.0, 4.0, 2.0))
    assert projected(whole, Orientation(quarters), viewport).halvings == halvings
