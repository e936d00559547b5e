"""The presentation LUT (PS3.3 C.11.6) and pseudo-colour (PS3.4 N.2.2): fractions to bytes."""

from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import luts, palette
from gateway.rendering.attributes import item
from gateway.rendering.luts import Lut
from gateway.rendering.palette import Palette
from gateway.rendering.voi import Fractions

_LUT: Final = 0x20500010
_SHAPE: Final = 0x20500020
_WHITE: Final = 255

Picture: TypeAlias = NDArray[np.uint8]
"""``(rows, columns)`` grey or ``(rows, columns, 3)`` red, green and blue."""

Shape: TypeAlias = Literal["IDENTITY", "INVERSE"]
Presentation: TypeAlias = Shape | Lut | Palette


def of_image(dataset: DataSet, photometric: str) -> Presentation:
    """What an image says itself: MONOCHROME1 and the shape INVERSE mean the same."""
    table = luts.of(item(dataset, _LUT))
    if table is not None:
        return table
    inverse = photometric == "MONOCHROME1" or elements.text(dataset, _SHAPE) == "INVERSE"
    return "INVERSE" if inverse else "IDENTITY"


def of_state(state: DataSet, photometric: str) -> Presentation:
    """What a presentation state says, for which Photometric Interpretation is of no account.

    It counts for a state that says nothing, which none may (PS3.3 C.11.6).
    """
    shape = elements.text(state, _SHAPE)
    colours = palette.of(state)
    if colours is not None:
        return colours
    return of_image(state, "MONOCHROME2" if shape else photometric)


def apply(presentation: Presentation, shown: Fractions) -> Picture:
    """The bytes of a picture; the range from 0 to 1 becomes the whole of a table."""
    if isinstance(presentation, Palette):
        table = presentation.table()
        return np.take(table, _places(shown, len(table)), axis=0)
    if isinstance(presentation, Lut):
        outputs = presentation.outputs()
        shown = np.take(outputs, _places(shown, len(outputs))) / presentation.top
    grey = np.rint(shown * _WHITE).astype(np.uint8)
    return _WHITE - grey if presentation == "INVERSE" else grey


def _places(shown: Fractions, count: int) -> NDArray[np.intp]:
    return np.rint(shown * (count - 1)).astype(np.intp)
