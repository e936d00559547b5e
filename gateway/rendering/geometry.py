"""From a source image to the viewport: crop, scale, flip (PS3.18 8.3.5.1.3)."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gateway.dicomweb.rendered import Viewport
from gateway.errors import InvalidRequest

_LIKE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Plan:
    """What is cut out of the source and what becomes of it.

    ``box`` is left, top, right and bottom in pixels of the source at full resolution, ``width`` and
    ``height`` are in pixels of the picture.
    """

    box: tuple[float, float, float, float]
    width: int
    height: int
    mirrored: bool = False
    flipped: bool = False


def plan(
    viewport: Viewport | None, rows: int, columns: int, aspect: float = 1.0, *, enlarge: bool = True
) -> Plan:
    """How a source of ``rows`` and ``columns`` gets into ``viewport``, undistorted.

    ``aspect`` is the height of a source pixel by its width. Without a viewport the picture has the
    pixels of the source, whatever their shape. Without ``enlarge`` it has no more than those.

    Raises:
        InvalidRequest: the viewport's region lies outside the image.
    """
    if viewport is None:
        return Plan((0.0, 0.0, float(columns), float(rows)), columns, rows)
    left, right = _extent(viewport.left, viewport.region_width, columns)
    top, bottom = _extent(viewport.top, viewport.region_height, rows)
    wide, high = right - left, (bottom - top) * aspect
    scale = min(viewport.width / wide, viewport.height / high)
    if not enlarge:
        scale = min(scale, 1.0, 1.0 / aspect)
    return Plan(
        (left, top, right, bottom),
        _pixels(wide * scale, viewport.width),
        _pixels(high * scale, viewport.height),
        viewport.mirrored,
        viewport.flipped,
    )


def _extent(start: float, length: float | None, size: int) -> tuple[float, float]:
    end = size if length is None else min(start + length, size)
    if end - start <= _LIKE:
        raise InvalidRequest("viewport names a region outside the image", "viewport")
    return start, float(end)


def _pixels(length: float, most: int) -> int:
    return min(max(round(length), 1), most)


def reduction(wanted: Plan, most: int) -> int:
    """How often the source may be halved and has the pixels of ``wanted``, ``most`` at most."""
    left, top, right, bottom = wanted.box
    for reduce in range(most, 0, -1):
        step = 1 << reduce
        if (right - left) / step >= wanted.width and (bottom - top) / step >= wanted.height:
            return reduce
    return 0


def apply(picture: NDArray[np.uint8], wanted: Plan, reduce: int = 0) -> NDArray[np.uint8]:
    """``picture``, the source halved ``reduce`` times, as ``wanted``."""
    step = 1 << reduce
    rows, columns = picture.shape[:2]
    left, top = wanted.box[0] / step, wanted.box[1] / step
    right, bottom = min(wanted.box[2] / step, columns), min(wanted.box[3] / step, rows)
    x, y = math.floor(left), math.floor(top)
    cut = picture[y : math.ceil(bottom), x : math.ceil(right)]
    box = (left - x, top - y, right - x, bottom - y)
    if box != (0, 0, wanted.width, wanted.height):
        image = Image.fromarray(np.ascontiguousarray(cut))
        size = (wanted.width, wanted.height)
        cut = np.asarray(image.resize(size, Image.Resampling.BICUBIC, box))
    cut = cut[:, ::-1] if wanted.mirrored else cut
    return cut[::-1] if wanted.flipped else cut
