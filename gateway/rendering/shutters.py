"""Display shutters (PS3.3 C.7.6.11, C.7.6.15, C.11.12): parts of an image that are not shown."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, cielab, overlays
from gateway.rendering.cielab import Ink
from gateway.rendering.overlays import Overlay

_SHAPE: Final = 0x00181600
_EDGES: Final = (0x00181602, 0x00181604, 0x00181606, 0x00181608)
_CENTER: Final = 0x00181610
_RADIUS: Final = 0x00181612
_VERTICES: Final = 0x00181620
_GREY: Final = 0x00181622
_COLOUR: Final = 0x00181624
_GROUP: Final = 0x00181623

_MAX_VERTICES: Final = 2_000
_FARTHEST: Final = 1 << 17  # pixels from the first of the image

Mask: TypeAlias = NDArray[np.bool_]
_Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shutter:
    """What is shown of an image, in columns and rows from 1; the rest is painted in ``ink``.

    ``rectangle`` are the first and last column and the first and last row, ``circle`` the row and
    column of the center and a radius in columns, ``polygon`` vertices as column and row. Where
    there are several shapes, only what is in all of them is shown. ``bitmap`` is one overlay in
    whose bits nothing is shown.
    """

    rectangle: tuple[int, int, int, int] | None
    circle: tuple[int, int, int] | None
    polygon: tuple[tuple[int, int], ...]
    bitmap: Overlay | None
    ink: Ink


def of(state: DataSet, *, coloured: bool) -> Shutter | None:
    """The shutter of a state, None if it has none; ``coloured`` says that pictures are."""
    shapes = {str(shape).strip() for shape in attributes.values(state, _SHAPE)}
    shutter = Shutter(
        _rectangle(state) if "RECTANGULAR" in shapes else None,
        _circle(state) if "CIRCULAR" in shapes else None,
        _polygon(state) if "POLYGONAL" in shapes else (),
        _bitmap(state) if "BITMAP" in shapes else None,
        _ink(state, coloured=coloured),
    )
    parts = (shutter.rectangle, shutter.circle, shutter.polygon, shutter.bitmap)
    return shutter if any(parts) else None


def bitmap_group(state: DataSet) -> int | None:
    """The group of the overlay that is a shutter, and so none to be drawn."""
    return elements.number(state, _GROUP)


def _rectangle(state: DataSet) -> tuple[int, int, int, int] | None:
    found = [number for tag in _EDGES for number in _numbers(state, tag)[:1]]
    return (found[0], found[1], found[2], found[3]) if len(found) == len(_EDGES) else None


def _circle(state: DataSet) -> tuple[int, int, int] | None:
    center, radius = _numbers(state, _CENTER), _numbers(state, _RADIUS)
    return (center[0], center[1], radius[0]) if len(center) > 1 and radius else None


def _polygon(state: DataSet) -> tuple[tuple[int, int], ...]:
    """The vertices, which the element has as row and column."""
    found = _numbers(state, _VERTICES)[: 2 * _MAX_VERTICES]
    vertices = tuple(zip(found[1::2], found[::2], strict=False))
    return vertices if len(vertices) > 2 else ()


def _numbers(state: DataSet, tag: int) -> list[int]:
    """The values of ``tag``, none farther away than matters."""
    return [max(-_FARTHEST, min(one, _FARTHEST)) for one in attributes.integers(state, tag)]


def _bitmap(state: DataSet) -> Overlay | None:
    group = bitmap_group(state)
    found = overlays.of([element for element in state if element[0] >> 16 == group])
    return next(iter(found), None)


def _ink(state: DataSet, *, coloured: bool) -> Ink:
    colour = attributes.integers(state, _COLOUR)
    if coloured and len(colour) == 3:
        return cielab.colour(colour)
    grey = attributes.integers(state, _GREY)
    return cielab.grey(grey[0]) if grey else cielab.BLACK


def hidden(shutter: Shutter, shape: tuple[int, int], step: float, aspect: float) -> Mask:
    """What ``shutter`` hides of a picture of ``shape``, a pixel of which is ``step`` of the image.

    ``aspect`` is the height of a pixel by its width: a circle is one on the patient.
    """
    shown = np.ones(shape, np.bool_)
    # Pixel centers: that of the first column and row of the image is at 1.
    rows, columns = (_centers(size, step) for size in shape)
    if shutter.rectangle:
        left, right, upper, lower = shutter.rectangle
        shown &= ((rows >= upper - 0.5) & (rows <= lower + 0.5))[:, None]
        shown &= (columns >= left - 0.5) & (columns <= right + 0.5)
    if shutter.circle:
        row, column, radius = shutter.circle
        down, right_of = (rows - row) * aspect, columns - column
        shown &= (down**2)[:, None] + right_of**2 <= radius**2
    if shutter.polygon:
        shown &= _inside(shutter.polygon, shape, step)
    if shutter.bitmap:
        shown &= ~_sampled(shutter.bitmap, rows, columns)
    return ~shown


def _centers(size: int, step: float) -> _Numbers:
    return np.arange(size, dtype=np.float64) * step + (step + 1) / 2


def _inside(polygon: tuple[tuple[int, int], ...], shape: tuple[int, int], step: float) -> Mask:
    """The pixels whose centers are in ``polygon`` or on its edge."""
    image = Image.new("1", (shape[1], shape[0]))
    first = (step + 1) / 2
    vertices = [((column - first) / step, (row - first) / step) for column, row in polygon]
    ImageDraw.Draw(image).polygon(vertices, fill=1)
    return np.asarray(image)


def _sampled(bitmap: Overlay, rows: _Numbers, columns: _Numbers) -> Mask:
    plane = bitmap.plane(1)
    covered: Mask = np.zeros((len(rows), len(columns)), np.bool_)
    if plane is None:
        return covered
    down, right = bitmap.origin
    at = (rows - 1 - down).astype(int), (columns - 1 - right).astype(int)
    inside = [(one >= 0) & (one < size) for one, size in zip(at, plane.shape, strict=True)]
    covered[np.ix_(*inside)] = plane[np.ix_(at[0][inside[0]], at[1][inside[1]])]
    return covered
