"""From an image to the picture of its displayed area: points, and the pixels themselves."""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gateway.rendering.displayed_areas import Box, DisplayedArea, Orientation
from gateway.rendering.geometry import Plan

Picture: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
_Matrix: TypeAlias = NDArray[np.float64]

_TURNS: Final = (
    ((1, 0, 0), (0, 1, 0)),
    ((0, -1, 1), (1, 0, 0)),
    ((-1, 0, 1), (0, -1, 1)),
    ((0, 1, 0), (-1, 0, 1)),
)
"""Quarter turns clockwise of a square whose corners are 0 and 1."""

_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Affine:
    """Coordinates of a point as linear functions of those of another."""

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where the point at ``x`` and ``y`` goes."""
        return self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0


@dataclass(frozen=True, slots=True)
class Projection:
    """How an image is put on a picture of ``width`` times ``height`` pixels.

    ``pixel`` takes coordinates of the image, in pixels from its upper left edge, ``displayed``
    fractions of the displayed area as it is seen (PS3.3 C.10.5), to coordinates of the picture.
    """

    pixel: Affine
    displayed: Affine
    width: int
    height: int

    @property
    def halvings(self) -> int:
        """How often the image may be halved and still has all the pixels of the picture."""
        to = self.pixel
        scale = max(abs(to.xx) + abs(to.xy), abs(to.yx) + abs(to.yy))
        return max(math.floor(_SAME - math.log2(scale)), 0)


def project(area: DisplayedArea, orientation: Orientation, plan: Plan, most: int) -> Projection:
    """The projection of ``area``; ``plan`` cuts out of it as it is seen in ``area.size``."""
    left, top, right, bottom = area.box
    unit = _scaled(1 / (right - left), 1 / (bottom - top)) @ _moved(-left, -top)
    turned = _matrix(_TURNS[orientation.quarters]) @ unit
    if orientation.flipped:
        turned = _MIRROR @ turned
    seen = _seen(plan, *area.size(orientation, most))
    return Projection(_affine(seen @ turned), _affine(seen), plan.width, plan.height)


def _seen(plan: Plan, columns: int, rows: int) -> _Matrix:
    """From fractions of the area as it is seen to the picture."""
    left, top, right, bottom = plan.box
    wide, high = right - left, bottom - top
    cut = _scaled(1 / wide, 1 / high) @ _moved(-left, -top) @ _scaled(columns, rows)
    if plan.mirrored:
        cut = _MIRROR @ cut
    if plan.flipped:
        cut = _matrix(((1, 0, 0), (0, -1, 1))) @ cut
    return _scaled(plan.width, plan.height) @ cut


def pixels(picture: Picture, step: float, projection: Projection) -> Picture:
    """``picture``, of which a pixel stands for ``step`` of the image's, put as ``projection`` says.

    What lies beside the image is black (PS3.3 C.10.4 leaves it open).
    """
    return _put(picture, step, projection, Image.Resampling.BICUBIC)


def mask(covered: Mask, step: float, projection: Projection) -> Mask:
    """``covered`` as ``pixels`` puts it; a pixel is covered where any that it shows is."""
    levels = _put(covered.astype(np.uint8) * 255, step, projection, Image.Resampling.BOX)
    return levels.astype(np.bool_)


def _put(
    picture: Picture, step: float, projection: Projection, filtering: Image.Resampling
) -> Picture:
    size = (projection.height, projection.width, *picture.shape[2:])
    out = np.zeros(size, np.uint8)
    rows, columns = picture.shape[:2]
    source = _common(_source(projection), (0.0, 0.0, columns * step, rows * step))
    if source is None:
        return out
    left, top, right, bottom = _target(projection, source)
    across, along = right - left, bottom - top
    extent = (along, across) if projection.pixel.xx == 0 else (across, along)
    box = (
        source[0] / step,
        source[1] / step,
        min(source[2] / step, columns),
        min(source[3] / step, rows),
    )
    out[top:bottom, left:right] = _turned(
        _resized(picture, box, extent, filtering), projection.pixel
    )
    return out


def _source(projection: Projection) -> Box:
    """What of the image the whole picture shows."""
    inverse = np.linalg.inv(_homogeneous(projection.pixel))
    ends = inverse @ np.array([[0, projection.width], [0, projection.height], [1, 1]], float)
    (left, right), (top, bottom) = (sorted(map(float, ends[axis])) for axis in range(2))
    return left, top, right, bottom


def _target(projection: Projection, source: Box) -> tuple[int, int, int, int]:
    """The pixels of the picture that show ``source``, at least one."""
    first = projection.pixel.point(*source[:2])
    last = projection.pixel.point(*source[2:])
    left, right = _span(first[0], last[0], projection.width)
    top, bottom = _span(first[1], last[1], projection.height)
    return left, top, right, bottom


def _span(first: float, last: float, size: int) -> tuple[int, int]:
    start, end = sorted((round(first), round(last)))
    start = min(max(start, 0), size - 1)
    return start, min(max(end, start + 1), size)


def _common(one: Box, other: Box) -> Box | None:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _resized(
    picture: Picture, box: Box, size: tuple[int, int], filtering: Image.Resampling
) -> Picture:
    left, top, right, bottom = (round(edge) for edge in box)
    on_edges = np.allclose(box, (left, top, right, bottom), rtol=0, atol=_SAME)
    if on_edges and size == (right - left, bottom - top):
        return picture[top:bottom, left:right]
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, filtering, box))


def _turned(part: Picture, by: Affine) -> Picture:
    """``part`` as columns and rows of the picture run."""
    if by.xx == 0:
        part, right, down = part.swapaxes(0, 1), by.xy, by.yx
    else:
        right, down = by.xx, by.yy
    part = part[:, ::-1] if right < 0 else part
    return part[::-1] if down < 0 else part


def _matrix(rows: tuple[tuple[float, ...], ...]) -> _Matrix:
    return np.array([*rows, (0, 0, 1)], np.float64)


def _homogeneous(affine: Affine) -> _Matrix:
    return _matrix(((affine.xx, affine.xy, affine.x0), (affine.yx, affine.yy, affine.y0)))


def _scaled(x: float, y: float) -> _Matrix:
    return _matrix(((x, 0, 0), (0, y, 0)))


def _moved(x: float, y: float) -> _Matrix:
    return _matrix(((1, 0, x), (0, 1, y)))


def _affine(matrix: _Matrix) -> Affine:
    return Affine(*(float(number) for number in matrix[:2].flat))


_MIRROR: Final = _matrix(((-1, 0, 1), (0, 1, 0)))
