"""A picture to draw on: points, lines, areas and text, in grey or in colour.

Coordinates are those of the picture, 0 at its left and upper edges. What lies outside is cut off
before it is drawn, so that nothing costs more than what is seen of it.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gateway.rendering.cielab import BLACK, WHITE, Ink

Point: TypeAlias = tuple[float, float]
Picture: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Font: TypeAlias = Callable[[int], ImageFont.FreeTypeFont]
"""Gives the letters of a size in pixels."""

_DARK: Final = 128
_MARGIN: Final = 64  # pixels around the picture up to which lines are drawn
_FARTHEST: Final = 1 << 16


class Canvas:
    """Draws on a copy of a picture, which becomes one of colours if it is to be ``coloured``."""

    def __init__(self, picture: Picture, *, coloured: bool) -> None:
        image = Image.fromarray(np.ascontiguousarray(picture))
        self._image = image.convert("RGB") if coloured else image.copy()
        self._draw = ImageDraw.Draw(self._image)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self._image.size

    def picture(self) -> Picture:
        """What has been drawn on: ``(rows, columns)`` or ``(rows, columns, 3)``."""
        return np.asarray(self._image)

    def cover(self, mask: Mask, ink: Ink) -> None:
        """Paint where ``mask`` is, which has the size of the picture."""
        self._image.paste(self._fill(ink), mask=Image.fromarray(mask))

    def point(self, at: Point, ink: Ink) -> None:
        """A square of three pixels around ``at``."""
        x, y = self._place(at)
        self._draw.rectangle((x - 1, y - 1, x + 1, y + 1), self._fill(ink))

    def line(self, points: Sequence[Point], ink: Ink, thickness: int = 1) -> None:
        """Lines from point to point."""
        for first, last in pairwise(points):
            seen = _clipped(first, last, self.size)
            if seen is not None:
                ends = [self._place(end) for end in seen]
                self._draw.line(ends, self._fill(ink), thickness)

    def area(self, points: Sequence[Point], ink: Ink) -> None:
        """What is within the line through ``points``."""
        if len(points) > 2:
            self._draw.polygon([self._place(point) for point in points], self._fill(ink))

    def text(self, line: str, at: Point, letters: ImageFont.FreeTypeFont, ink: Ink) -> None:
        """A line of text whose upper left corner is ``at``, edged so that it can be read."""
        edge = self._fill(BLACK if max(ink) >= _DARK else WHITE)
        self._draw.text(
            self._place(at), line, self._fill(ink), letters, stroke_width=1, stroke_fill=edge
        )

    def _place(self, point: Point) -> tuple[int, int]:
        """The pixel at ``point``; the far edges belong to the last pixels."""
        x, y = (
            math.floor(max(-_FARTHEST, min(number, _FARTHEST))) - (number == size)
            for number, size in zip(point, self.size, strict=True)
        )
        return x, y

    def _fill(self, ink: Ink) -> int | Ink:
        return ink if self._image.mode == "RGB" else ink[0]


def is_grey(ink: Ink) -> bool:
    """Whether ``ink`` can be drawn on a grey picture."""
    return ink[0] == ink[1] == ink[2]


def _clipped(first: Point, last: Point, size: tuple[int, int]) -> tuple[Point, Point] | None:
    """The part of a line that is near a picture of ``size``, after Liang and Barsky."""
    start, end = 0.0, 1.0
    for axis in range(2):
        run = last[axis] - first[axis]
        for sign, limit in ((-1, _MARGIN), (1, size[axis] + _MARGIN)):
            way, room = sign * run, limit - sign * first[axis]
            if way == 0:
                if room < 0:
                    return None
            elif way < 0:
                start = max(start, room / way)
            else:
                end = min(end, room / way)
    if start > end:
        return None
    run_x, run_y = last[0] - first[0], last[1] - first[1]
    return (
        (first[0] + start * run_x, first[1] + start * run_y),
        (first[0] + end * run_x, first[1] + end * run_y),
    )
