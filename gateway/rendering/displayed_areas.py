"""The displayed area and its rotation (PS3.3 C.10.4, C.10.6): which part of an image, how put."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering.attributes import decimal, decimals, integers

_TOP_LEFT: Final = 0x00700052
_BOTTOM_RIGHT: Final = 0x00700053
_SIZE_MODE: Final = 0x00700100
_SPACING: Final = 0x00700101
_ASPECT: Final = 0x00700102
_MAGNIFICATION: Final = 0x00700103
_ROTATION: Final = 0x00700042
_FLIP: Final = 0x00700041

_FARTHEST: Final = 1 << 20  # pixels from an image at which an area may end
_STRETCH: Final = 100.0  # how much a pixel may be distorted or magnified

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """Quarter turns clockwise, and whether left and right are exchanged after them."""

    quarters: int = 0
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class DisplayedArea:
    """The part of an image that is shown, in pixels of it, the edge of the first at 0.

    ``aspect`` is the height of a pixel by its width, ``magnification`` how many pixels of the
    display stand for the narrower side of one.
    """

    box: Box
    aspect: float = 1.0
    magnification: float = 1.0

    def size(self, orientation: Orientation, most: int) -> tuple[int, int]:
        """Columns and rows of the area as it is shown, in square pixels, ``most`` for a side.

        No pixel of the image is left out, but where there would be too many.
        """
        left, top, right, bottom = self.box
        wide = (right - left) * self.magnification / min(self.aspect, 1.0)
        high = (bottom - top) * self.magnification * max(self.aspect, 1.0)
        scale = min(1.0, most / max(wide, high))
        columns, rows = max(round(wide * scale), 1), max(round(high * scale), 1)
        return (rows, columns) if orientation.quarters % 2 else (columns, rows)


def orientation(state: DataSet) -> Orientation:
    """Image Rotation, and Image Horizontal Flip that comes after it."""
    degrees = elements.number(state, _ROTATION) or 0
    return Orientation(degrees // 90 % 4, elements.text(state, _FLIP) == "Y")


def area(item: DataSet, rows: int, columns: int) -> DisplayedArea:
    """The area that an item of Displayed Area Selection Sequence selects, else the whole image.

    Its corners are pixels, counted from 1, that are top left and bottom right once the image has
    been rotated. TRUE SIZE says how large pixels are on a display that nobody knows here.
    """
    corners = integers(item, _TOP_LEFT)[:2] + integers(item, _BOTTOM_RIGHT)[:2]
    box = _box(corners) if len(corners) == 4 else (0.0, 0.0, float(columns), float(rows))
    magnified = elements.text(item, _SIZE_MODE) == "MAGNIFY"
    factor = (decimal(item, _MAGNIFICATION) or 1.0) if magnified else 1.0
    return DisplayedArea(box, _aspect(item), _within(factor))


def _box(corners: list[int]) -> Box:
    (left, right), (top, bottom) = (
        sorted(max(-_FARTHEST, min(corner, _FARTHEST)) for corner in corners[axis::2])
        for axis in range(2)
    )
    return left - 1.0, top - 1.0, float(right), float(bottom)


def _aspect(item: DataSet) -> float:
    """Height by width of a pixel; vertical comes first in spacing and ratio alike."""
    for tag in (_SPACING, _ASPECT):
        found = decimals(item, tag)[:2]
        if len(found) == 2 and all(side > 0 for side in found):
            return _within(found[0] / found[1])
    return 1.0


def _within(factor: float) -> float:
    return min(max(factor, 1 / _STRETCH), _STRETCH) if factor > 0 else 1.0
