"""Overlay planes (PS3.3 C.9.2, C.9.3): bits over the pixels, in repeating groups.

They may also stand in bits of the pixel words that hold no value, as PS3.3-2004 had it.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering.attributes import integers, octets
from gateway.rendering.presentation import Picture
from gateway.rendering.stored import Stored

_FIRST_GROUP: Final = 0x6000
_GROUPS: Final = 16
_ROWS: Final = 0x0010
_COLUMNS: Final = 0x0011
_FRAMES: Final = 0x0015
_TYPE: Final = 0x0040
_SUBTYPE: Final = 0x0045
_ORIGIN: Final = 0x0050
_FRAME_ORIGIN: Final = 0x0051
_BIT_POSITION: Final = 0x0102
_DATA: Final = 0x3000
_WHITE: Final = 255

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlay:
    """One group: ``rows`` x ``columns`` bits, of which the first lies at ``origin``, from 0.

    ``frames`` overlays belong to as many frames of the image from ``first`` on; one overlay to all
    where it is None. Without ``data`` the bits are those at ``position`` in the pixel words. A
    ``region`` marks an area, other overlays are drawings.
    """

    rows: int
    columns: int
    origin: tuple[int, int]
    frames: int | None
    first: int
    data: bytes
    position: int
    region: bool

    def plane(self, number: int) -> Mask | None:
        """The bits of the group for the frame ``number`` of the image, None if it has none."""
        at = number - self.first if self.frames is not None else 0
        if not self.data or not 0 <= at < (self.frames or 1):
            return None
        size = self.rows * self.columns
        begin, end = at * size, (at + 1) * size
        octet = np.frombuffer(self.data[begin // 8 : (end + 7) // 8], np.uint8)
        bits = np.unpackbits(octet, bitorder="little")[begin % 8 :][:size]
        # No more rows than there are data for, whatever size is claimed.
        rows = -(-bits.size // self.columns)
        whole = np.pad(bits, (0, rows * self.columns - bits.size))
        return whole.reshape(rows, self.columns).astype(np.bool_)


def of(dataset: DataSet) -> list[Overlay]:
    """The overlays of ``dataset`` that are to be drawn.

    The active area of an ultrasound image (PS3.3 C.8.5.6.1.11) is none: it covers the picture.
    """
    groups = (_overlay(dataset, _FIRST_GROUP + 2 * group) for group in range(_GROUPS))
    return [overlay for overlay in groups if overlay is not None]


def _overlay(dataset: DataSet, group: int) -> Overlay | None:
    own = [element for element in dataset if element[0] >> 16 == group]
    base = group << 16
    rows, columns = (elements.number(own, base | tag) or 0 for tag in (_ROWS, _COLUMNS))
    active = elements.text(own, base | _SUBTYPE).startswith("ACTIVE")
    if rows <= 0 or columns <= 0 or active:
        return None
    frames = elements.number(own, base | _FRAMES)
    first = elements.number(own, base | _FRAME_ORIGIN)
    origin = integers(own, base | _ORIGIN)
    down, right = origin[:2] if len(origin) > 1 else (1, 1)
    return Overlay(
        rows,
        columns,
        (down - 1, right - 1),
        1 if frames is None and first is not None else frames,
        first or 1,
        octets(own, base | _DATA),
        elements.number(own, base | _BIT_POSITION) or 0,
        elements.text(own, base | _TYPE) == "R",
    )


def embedded(overlays: list[Overlay], stored: Stored) -> list[Overlay]:
    """Those of ``overlays`` whose bits stand in the pixel words."""
    low = stored.high - stored.bits
    return [one for one in overlays if not one.data and not low < one.position <= stored.high]


def mask(
    overlays: list[Overlay], number: int, size: tuple[int, int], samples: Samples, stored: Stored
) -> Mask:
    """What ``overlays`` cover of the frame ``number``, in the size of its ``samples``.

    ``size`` are the rows and columns that the image has; a pixel of fewer ones is covered where any
    of those it stands for is.
    """
    whole = np.zeros(size, np.bool_)
    for overlay in overlays:
        plane = overlay.plane(number)
        if plane is not None:
            _put(whole, _outlined(plane) if overlay.region else plane, overlay.origin)
    covered = _reduced(whole, samples.shape[:2])
    for overlay in embedded(overlays, stored):
        plane = _embedded(overlay, samples, stored)
        if plane is not None:
            covered |= _outlined(plane) if overlay.region else plane
    return covered


def _embedded(overlay: Overlay, samples: Samples, stored: Stored) -> Mask | None:
    if samples.dtype.kind == "f" or samples.shape != (overlay.rows, overlay.columns):
        return None
    width = samples.dtype.itemsize * 8
    if overlay.position >= width:
        return None
    words = samples.view(f"<u{width // 8}")
    plane: Mask = ((words >> overlay.position) & 1).astype(np.bool_)
    # Bits above a signed value are copies of its sign as often as an overlay.
    if stored.signed and np.array_equal(plane, (words >> stored.high) & 1):
        return None
    return plane


def _outlined(area: Mask) -> Mask:
    """The pixels of ``area`` that have a neighbour outside: a filled area would hide the image."""
    around = np.pad(area, 1)
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return area & ~inside


def _put(whole: Mask, plane: Mask, origin: tuple[int, int]) -> None:
    """Add ``plane`` to ``whole``, as far as they meet."""
    down, right = origin
    part = plane[max(-down, 0) :, max(-right, 0) :]
    place = whole[max(down, 0) :, max(right, 0) :]
    rows, columns = (min(ends) for ends in zip(part.shape, place.shape, strict=True))
    place[:rows, :columns] |= part[:rows, :columns]


def _reduced(whole: Mask, size: tuple[int, ...]) -> Mask:
    """``whole`` at a lower resolution: each side halved, and rounded up, as often as need be."""
    while whole.shape[0] > size[0] or whole.shape[1] > size[1]:
        odd = [(0, side % 2) for side in whole.shape]
        rows, columns = ((side + 1) // 2 for side in whole.shape)
        blocks = np.pad(whole, odd).reshape(rows, 2, columns, 2)
        whole = np.logical_or.reduce(blocks, axis=(1, 3))
    fitted = np.zeros(size, np.bool_)
    _put(fitted, whole, (0, 0))
    return fitted


def drawn(picture: Picture, covered: Mask) -> Picture:
    """A copy of ``picture``, white where ``covered``."""
    copy = picture.copy()
    copy[covered] = _WHITE
    return copy
