"""Graphic annotations of presentation states drawn on a picture (PS3.3 C.10.5)."""

import math
from collections.abc import Sequence
from typing import Final

from PIL import ImageFont

from gateway.rendering.canvas import Canvas, Font, Point
from gateway.rendering.cielab import Ink
from gateway.rendering.graphic_annotations import Annotation, Graphic, Text, Units
from gateway.rendering.projections import Projection

_ROUND: Final = 180  # sides of the polygon that stands for a circle
_STEPS: Final = 12  # pieces of a curve between two of its points
_SMALLEST, _LARGEST = 10, 48  # letters, in pixels
_LINE_HEIGHT: Final = 1.25  # from one line to the next, by the size of letters
_PER_PICTURE: Final = 30  # letters at an anchor point, as a part of the picture


def draw(
    canvas: Canvas, annotation: Annotation, projection: Projection, ink: Ink, font: Font
) -> None:
    """Draw the objects of ``annotation`` on the picture that ``projection`` has made of an image.

    ``ink`` is that of their layer. Text stays upright however the image has been turned.
    """
    for graphic in annotation.graphics:
        points = _outline(graphic, projection)
        own = graphic.ink or ink
        if graphic.kind == "POINT":
            canvas.point(points[0], own)
            continue
        if graphic.filled:
            canvas.area(points, graphic.fill or own)
        canvas.line(points, own, graphic.thickness)
    for text in annotation.texts:
        _text(canvas, text, projection, text.ink or ink, font)


def _put(projection: Projection, units: Units, points: Sequence[Point]) -> list[Point]:
    to = projection.displayed if units == "DISPLAY" else projection.pixel
    return [to.point(*point) for point in points]


def _outline(graphic: Graphic, projection: Projection) -> list[Point]:
    """The line that shows ``graphic``: round in the image, or in the picture it is placed in."""
    points = list(graphic.points)
    if graphic.units == "DISPLAY":
        return _shaped(graphic, _put(projection, graphic.units, points))
    return _put(projection, graphic.units, _shaped(graphic, points))


def _shaped(graphic: Graphic, points: list[Point]) -> list[Point]:
    if graphic.kind == "CIRCLE" and len(points) > 1:
        (x, y), rim = points[0], points[1]
        radius = math.hypot(rim[0] - x, rim[1] - y)
        return _ellipse((x, y), (radius, 0.0), (0.0, radius))
    if graphic.kind == "ELLIPSE" and len(points) > 3:
        (a, b), (c, d) = points[:2], points[2:4]
        center = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        return _ellipse(center, _half(a, b), _half(c, d))
    return _curve(points) if graphic.kind == "INTERPOLATED" else points


def _half(first: Point, last: Point) -> Point:
    return (last[0] - first[0]) / 2, (last[1] - first[1]) / 2


def _ellipse(center: Point, major: Point, minor: Point) -> list[Point]:
    angles = (2 * math.pi * step / _ROUND for step in range(_ROUND + 1))
    turns = ((math.cos(angle), math.sin(angle)) for angle in angles)
    return [
        (
            center[0] + along * major[0] + across * minor[0],
            center[1] + along * major[1] + across * minor[1],
        )
        for along, across in turns
    ]


def _curve(points: list[Point]) -> list[Point]:
    """A smooth curve through ``points``, closed if they are: Catmull and Rom's spline."""
    if len(points) < 3:
        return points
    closed = points[0] == points[-1]
    before, after = (points[-2], points[1]) if closed else (points[0], points[-1])
    around = [before, *points, after]
    curve = [
        _between(around[at : at + 4], step / _STEPS)
        for at in range(len(points) - 1)
        for step in range(_STEPS)
    ]
    return [*curve, points[-1]]


def _between(four: Sequence[Point], t: float) -> Point:
    """The point at ``t`` of the way from the second to the third of ``four`` points."""
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    x, y = (
        sum(weight * point[axis] for weight, point in zip(weights, four, strict=True))
        for axis in range(2)
    )
    return x, y


def _text(canvas: Canvas, text: Text, projection: Projection, ink: Ink, font: Font) -> None:
    lines = text.text.split("\n")
    anchor = _put(projection, text.anchor_units, [text.anchor])[0] if text.anchor else None
    if text.box is not None:
        corners = _put(projection, text.box_units, text.box)
        (left, right), (top, bottom) = (sorted(one[axis] for one in corners) for axis in range(2))
        size = _fitting(lines, right - left, bottom - top, font)
    else:
        size = min(max(min(canvas.size) // _PER_PICTURE, _SMALLEST), _LARGEST // 2)
        left, top = right, bottom = _beside(anchor or (0.0, 0.0))
    if anchor is not None and text.pointing:
        near = (min(max(anchor[0], left), right), min(max(anchor[1], top), bottom))
        canvas.line([near, anchor], ink)
        canvas.point(anchor, ink)
    for number, line in enumerate(lines):
        x = _aligned(line, left, right, text, font(size))
        canvas.text(line, (x, top + number * size * _LINE_HEIGHT), font(size), ink)


def _beside(anchor: Point) -> Point:
    return anchor[0] + 4, anchor[1] + 4


def _fitting(lines: Sequence[str], width: float, height: float, font: Font) -> int:
    """The size of letters in which ``lines`` fill a box, or that can be read and leave it."""
    trial = _LARGEST
    wide = max((font(trial).getlength(line) for line in lines), default=0.0) or 1.0
    high = trial * (1 + _LINE_HEIGHT * (len(lines) - 1))
    scale = min(width / wide, height / high, 1.0)
    return max(math.floor(trial * scale), _SMALLEST)


def _aligned(
    line: str, left: float, right: float, text: Text, letters: ImageFont.FreeTypeFont
) -> float:
    spare = right - left - letters.getlength(line)
    if text.box is None or text.alignment == "LEFT":
        return left
    return left + (spare if text.alignment == "RIGHT" else spare / 2)
