"""The shape of a pixel, from spacings or from Pixel Aspect Ratio (PS3.3 C.7.6.3.1.7, 10.7.1.3)."""

from typing import Final

from gateway.dicom.elements import DataSet
from gateway.rendering.attributes import decimals
from gateway.rendering.functional_groups import FunctionalGroups

_MEASURES: Final = 0x00289110
_SPACING: Final = 0x00280030
_OTHERS: Final = (0x00181164, 0x00182010, 0x00280034)
"""Imager Pixel Spacing, Nominal Scanned Pixel Spacing, Pixel Aspect Ratio."""


def of(dataset: DataSet, groups: FunctionalGroups) -> tuple[float, float]:
    """Height and width of a pixel; only their ratio means something.

    Spacings come first: Pixel Aspect Ratio is for images that have none. The frames of an instance
    have one shape, that of the first.
    """
    candidates = [(groups.macro(1, _MEASURES), _SPACING), (dataset, _SPACING)]
    for source, tag in [*candidates, *((dataset, other) for other in _OTHERS)]:
        found = decimals(source, tag)[:2]
        if len(found) == 2 and all(side > 0 for side in found):
            return found[0], found[1]
    return 1.0, 1.0
