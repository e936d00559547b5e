"""Display shutters."""

import base64

import numpy as np
import pytest

from gateway.rendering import shutters
from tests.unit.rendering.documents import made, plain

RED = [35578, 53664, 50858]


def shown(rows, columns, step=1, aspect=1.0, extra=(), **attributes):
    dataset = [*plain(made(**attributes)), *extra]
    shutter = shutters.of(dataset, coloured=False)
    hidden = shutters.hidden(shutter, (rows, columns), step, aspect)
    return ["".join(".#"[not one] for one in row) for row in hidden]


RECTANGLE = {
    "ShutterLeftVerticalEdge": 2,
    "ShutterRightVerticalEdge": 4,
    "ShutterUpperHorizontalEdge": 2,
    "ShutterLowerHorizontalEdge": 3,
}


def test_a_rectangle_shows_its_edges():
    assert shown(4, 6, ShutterShape="RECTANGULAR", **RECTANGLE) == [
        "......",
        ".###..",
        ".###..",
        "......",
    ]


def test_a_circle_is_given_as_row_and_column():
    circle = {"CenterOfCircularShutter": [2, 3], "RadiusOfCircularShutter": 1}
    assert shown(4, 6, ShutterShape="CIRCULAR", **circle) == [
        "..#...",
        ".###..",
        "..#...",
        "......",
    ]


def test_a_circle_is_round_where_pixels_are_not_square():
    circle = {"CenterOfCircularShutter": [3, 3], "RadiusOfCircularShutter": 2}
    assert shown(5, 5, aspect=2.0, ShutterShape="CIRCULAR", **circle) == [
        ".....",
        "..#..",
        "#####",
        "..#..",
        ".....",
    ]


def test_a_polygon_is_given_as_rows_and_columns():
    triangle = {"VerticesOfThePolygonalShutter": [1, 2, 1, 5, 4, 2]}
    assert shown(5, 6, ShutterShape="POLYGONAL", **triangle) == [
        ".####.",
        ".###..",
        ".##...",
        ".#....",
        "......",
    ]


def test_of_several_shapes_the_least_is_shown():
    circle = {"CenterOfCircularShutter": [2, 3], "RadiusOfCircularShutter": 1}
    shapes = {"ShutterShape": ["RECTANGULAR", "CIRCULAR"]}
    assert shown(4, 6, **shapes, **RECTANGLE, **circle) == ["......", ".###..", "..#...", "......"]


def bitmap(*rows):
    bits = np.array([[one == "#" for one in row] for row in rows], np.uint8)
    data = base64.b64encode(np.packbits(bits.ravel(), bitorder="little").tobytes()).decode()
    return [
        (0x60020010, "US", [bits.shape[0]]),
        (0x60020011, "US", [bits.shape[1]]),
        (0x60020050, "SS", [1, 1]),
        (0x60020100, "US", [1]),
        (0x60023000, "OW", data),
    ]


def test_a_bitmap_hides_what_its_bits_are_set_for():
    attributes = {"ShutterShape": "BITMAP", "ShutterOverlayGroup": 0x6002}
    found = shown(3, 4, extra=bitmap("#...", ".##.", "...#"), **attributes)
    assert found == [".###", "#..#", "###."]


def test_at_a_lower_resolution_the_centers_of_pixels_decide():
    # Of four columns, two make one: what is shown from the third on is the second of two.
    edges = {**RECTANGLE, "ShutterLeftVerticalEdge": 3, "ShutterRightVerticalEdge": 4,
             "ShutterUpperHorizontalEdge": 1, "ShutterLowerHorizontalEdge": 2}  # fmt: skip
    assert shown(2, 2, step=2, ShutterShape="RECTANGULAR", **edges) == [".#", ".."]
    triangle = {"VerticesOfThePolygonalShutter": [1, 1, 1, 8, 8, 1]}
    found = shown(4, 4, step=2, ShutterShape="POLYGONAL", **triangle)
    assert found == ["####", "###.", "##..", "#..."]


@pytest.mark.parametrize(
    ("attributes", "coloured", "ink"),
    [
        ({"ShutterPresentationValue": 0xFFFF}, False, (255, 255, 255)),
        ({"ShutterPresentationValue": 0x8080}, True, (128, 128, 128)),
        ({}, False, (0, 0, 0)),
        ({"ShutterPresentationColorCIELabValue": RED}, True, (255, 0, 0)),
        ({"ShutterPresentationColorCIELabValue": RED}, False, (0, 0, 0)),
    ],
)
def test_what_is_painted_instead(attributes, coloured, ink):
    dataset = plain(made(ShutterShape="RECTANGULAR", **RECTANGLE, **attributes))
    found = shutters.of(dataset, coloured=coloured)
    assert np.abs(np.subtract(found.ink, ink)).max() <= 2


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"ShutterShape": "RECTANGULAR"},
        {"ShutterShape": "CIRCULAR", "RadiusOfCircularShutter": 3},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 2, 2]},
        {"ShutterShape": "BITMAP", "ShutterOverlayGroup": 0x6000},
        {"ShutterShape": "HEXAGONAL"},
    ],
)
def test_a_shutter_that_cannot_be_read_hides_nothing(attributes):
    assert shutters.of(plain(made(**attributes)), coloured=False) is None


def test_no_number_is_too_large():
    far = "9" * 300
    dataset = [
        (0x00181600, "CS", ["RECTANGULAR", "CIRCULAR", "POLYGONAL"]),
        *((tag, "IS", [far]) for tag in (0x00181602, 0x00181604, 0x00181606, 0x00181608)),
        (0x00181610, "IS", [far, far]),
        (0x00181612, "IS", [far]),
        (0x00181620, "IS", [far, "1", "1", far, "1", "1"]),
    ]
    found = shutters.of(dataset, coloured=False)
    assert shutters.hidden(found, (2, 2), 1, 1.0).all()
