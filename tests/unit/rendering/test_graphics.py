"""Graphics and text drawn on pictures."""

import time

import numpy as np
import pytest
from PIL import ImageFont

from gateway.rendering import geometry, graphics, projections
from gateway.rendering.canvas import Canvas
from gateway.rendering.displayed_areas import DisplayedArea, Orientation
from gateway.rendering.graphic_annotations import Annotation, Graphic, Text

WHITE, RED = (255, 255, 255), (255, 0, 0)


def projection(rows, columns, area=None, orientation=None):
    found = area or DisplayedArea((0.0, 0.0, float(columns), float(rows)))
    orientation = orientation or Orientation()
    wide, high = found.size(orientation, 4000)
    plan = geometry.plan(None, high, wide)
    return projections.project(found, orientation, plan, 4000)


def letters(size):
    return ImageFont.load_default(size)


def drawn(*objects, rows=5, columns=7, ink=WHITE, **placed):
    """What is drawn, as rows of characters."""
    to = projection(rows, columns, **placed)
    canvas = Canvas(np.zeros((to.height, to.width), np.uint8), coloured=False)
    texts = tuple(one for one in objects if isinstance(one, Text))
    shapes = tuple(one for one in objects if isinstance(one, Graphic))
    graphics.draw(canvas, Annotation("", shapes, texts), to, ink, letters)
    return canvas.picture()


def art(picture):
    return ["".join(".#"[bool(one)] for one in row) for row in picture]


@pytest.mark.parametrize(
    ("graphic", "expected"),
    [
        (
            Graphic("POINT", ((3.5, 2.5),)),
            [".......", "..###..", "..###..", "..###..", "......."],
        ),
        (
            Graphic("POLYLINE", ((1.5, 0.5), (1.5, 3.5), (5.5, 3.5))),
            [".#.....", ".#.....", ".#.....", ".#####.", "......."],
        ),
        (
            Graphic("POLYLINE", ((0, 0), (7, 5))),
            ["#......", ".##....", "...#...", "....##.", "......#"],
        ),
        (
            Graphic("POLYLINE", ((1.5, 1.5), (5.5, 1.5), (5.5, 3.5), (1.5, 1.5)), filled=True),
            [".......", ".#####.", "...###.", ".....#.", "......."],
        ),
        (
            Graphic("CIRCLE", ((3.5, 2.5), (5.5, 2.5))),
            ["..###..", ".##.##.", ".#...#.", ".##.##.", "..###.."],
        ),
        (
            Graphic("CIRCLE", ((3.5, 2.5), (3.5, 4.5)), filled=True),
            ["..###..", ".#####.", ".#####.", ".#####.", "..###.."],
        ),
        (
            Graphic("ELLIPSE", ((0.5, 2.5), (6.5, 2.5), (3.5, 1.5), (3.5, 3.5))),
            [".......", "#######", "#.....#", "#######", "......."],
        ),
        (
            Graphic("INTERPOLATED", ((0.5, 2.5), (3.5, 2.5), (6.5, 2.5))),
            [".......", ".......", "#######", ".......", "......."],
        ),
        (
            Graphic("POLYLINE", ((0, 0.5), (1, 0.5)), "DISPLAY"),
            [".......", ".......", "#######", ".......", "......."],
        ),
        (
            Graphic("POLYLINE", ((1.5, 2.5), (5.5, 2.5)), thickness=3),
            [".......", ".#####.", ".#####.", ".#####.", "......."],
        ),
    ],
)
def test_shapes(graphic, expected):
    assert art(drawn(graphic)) == expected


def test_a_curve_goes_through_its_points_and_closes():
    points = ((10.5, 2.5), (18.5, 10.5), (10.5, 18.5), (2.5, 10.5), (10.5, 2.5))
    found = drawn(Graphic("INTERPOLATED", points), rows=21, columns=21) > 0
    assert all(found[int(y), int(x)] for x, y in points)
    assert np.array_equal(found, found[::-1])
    straight = drawn(Graphic("POLYLINE", points), rows=21, columns=21) > 0
    assert found[5:16, 5:16].sum() < straight[5:16, 5:16].sum()  # it bends outwards


def test_graphics_turn_with_the_image():
    line = Graphic("POLYLINE", ((0.5, 0.5), (0.5, 4.5)))
    assert art(drawn(line, orientation=Orientation(1)))[0] == "#####"
    assert art(drawn(line, orientation=Orientation(0, True)))[0] == "......#"
    placed = Graphic("POLYLINE", ((0, 0.5), (1, 0.5)), "DISPLAY")
    assert art(drawn(placed, orientation=Orientation(1)))[3] == "#####"


def test_pixel_coordinates_are_the_images_and_display_ones_the_areas():
    area = DisplayedArea((2.0, 1.0, 6.0, 5.0))
    point = Graphic("POLYLINE", ((3.5, 2.5), (4.5, 2.5)))
    assert art(drawn(point, area=area)) == ["....", ".##.", "....", "...."]
    half = Graphic("POLYLINE", ((0.5, 0), (0.5, 1)), "DISPLAY")
    assert art(drawn(half, area=area)) == ["..#."] * 4


def test_circles_on_the_display_are_round_there():
    wide = DisplayedArea((0.0, 0.0, 40.0, 20.0))
    circle = Graphic("CIRCLE", ((0.5, 0.5), (0.5, 0.9)), "DISPLAY")
    found = np.argwhere(drawn(circle, area=wide))
    assert (found.max(axis=0) - found.min(axis=0)).tolist() == [16, 16]


def test_inks():
    own = Graphic("POLYLINE", ((0.5, 0.5), (3.5, 0.5)), ink=(9, 9, 9))
    assert drawn(own)[0].tolist() == [9, 9, 9, 9, 0, 0, 0]
    area = Graphic(
        "POLYLINE", ((1, 1), (6, 1), (6, 4), (1, 4), (1, 1)), filled=True, fill=(7, 7, 7)
    )
    found = drawn(area, ink=(200, 200, 200))
    assert (found[1, 1], found[2, 3]) == (200, 7)
    canvas = Canvas(np.zeros((5, 7), np.uint8), coloured=True)
    red = Annotation("", (Graphic("POLYLINE", ((0.5, 0.5), (6.5, 0.5)), ink=RED),), ())
    graphics.draw(canvas, red, projection(5, 7), WHITE, letters)
    assert canvas.picture()[0, 3].tolist() == [255, 0, 0]


def extent(picture):
    found = np.argwhere(picture > 100)
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0)
    return left, top, right, bottom


@pytest.mark.parametrize(
    ("alignment", "left", "right"),
    [("LEFT", 10, None), ("RIGHT", None, 190), ("CENTER", None, None)],
)
def test_text_in_a_box(alignment, left, right):
    text = Text("Hi", ((10.0, 40.0), (190.0, 70.0)), alignment=alignment)
    x0, y0, x1, y1 = extent(drawn(text, rows=100, columns=200))
    assert 40 <= y0 < y1 <= 75
    assert y1 - y0 > 12
    assert left is None or abs(x0 - left) < 5
    assert right is None or abs(x1 - right) < 5
    assert alignment != "CENTER" or abs((x0 + x1) / 2 - 100) < 5


def test_text_fits_its_box_as_long_as_it_can_be_read():
    wide = Text("A long line of text", ((10.0, 10.0), (110.0, 90.0)))
    assert extent(drawn(wide, rows=100, columns=200))[2] <= 112
    lines = Text("one\ntwo\nthree", ((10.0, 10.0), (190.0, 55.0)))
    assert extent(drawn(lines, rows=100, columns=200))[3] <= 58
    tiny = Text("legible", ((10.0, 10.0), (12.0, 12.0)))
    left, top, right, bottom = extent(drawn(tiny, rows=100, columns=200))
    assert right - left > 20
    assert bottom - top >= 6


def test_text_stays_upright():
    text = Text("Hi", ((10.0, 40.0), (60.0, 70.0)))
    turned = drawn(text, rows=100, columns=100, orientation=Orientation(2, True))
    # The box is at the same distance from the lower edge, and what is in it not upside down.
    plain = drawn(Text("Hi", ((10.0, 30.0), (60.0, 60.0))), rows=100, columns=100)
    assert np.array_equal(turned, plain)


def test_text_at_an_anchor_point():
    text = Text("Hi", anchor=(50.0, 50.0))
    left, top, *_ = extent(drawn(text, rows=100, columns=200))
    assert 50 < left < 60
    assert 50 < top < 65
    pointing = Text("Hi", ((100.0, 10.0), (190.0, 30.0)), anchor=(20.0, 80.0), pointing=True)
    found = drawn(pointing, rows=100, columns=200)
    assert found[79:82, 19:22].all()
    assert found[30:80, 20:101].any(axis=1).all()  # a line leads to the box
    hidden = Text("Hi", ((100.0, 10.0), (190.0, 30.0)), anchor=(20.0, 80.0))
    assert not drawn(hidden, rows=100, columns=200)[40:].any()


def test_text_is_edged():
    found = drawn(Text("Hi", ((10.0, 10.0), (90.0, 60.0))), rows=100, columns=100)
    assert found.max() == 255
    canvas = Canvas(np.full((100, 100), 255, np.uint8), coloured=False)
    shown = Annotation("", (), (Text("Hi", ((10.0, 10.0), (90.0, 60.0))),))
    graphics.draw(canvas, shown, projection(100, 100), WHITE, letters)
    assert canvas.picture().min() == 0


def test_what_is_far_outside_costs_nothing():
    far = tuple((1e6 * (-1) ** at, 1e6 * (-1) ** (at // 2)) for at in range(2000))
    objects = [Graphic(kind, far, filled=True) for kind in ("POLYLINE", "INTERPOLATED")]
    objects += [Graphic("CIRCLE", ((0.0, 0.0), (1e6, 1e6)), thickness=32)]
    objects += [Text("x", ((-1e6, -1e6), (1e6, 1e6))), Text("y", anchor=(1e6, -1e6), pointing=True)]
    begin = time.process_time()
    drawn(*objects, rows=100, columns=100)
    assert time.process_time() - begin < 5


def test_too_few_points_draw_what_there_is():
    for kind in ("POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE", "NONE"):
        drawn(Graphic(kind, ((1.0, 1.0),), filled=True))
        drawn(Graphic(kind, ((1.0, 1.0), (1.0, 1.0)), filled=True))
