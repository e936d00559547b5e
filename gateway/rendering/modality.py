"""The modality LUT (PS3.3 C.11.1, C.7.6.16.2.9): from stored values to the modality's units."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import luts
from gateway.rendering.attributes import decimal, item
from gateway.rendering.luts import Lut

_MODALITY_LUT: Final = 0x00283000
_INTERCEPT: Final = 0x00281052
_SLOPE: Final = 0x00281053
_SOP_CLASS: Final = 0x00080016
_INTENSITY: Final = 0x00281040
_X_RAY: Final = frozenset({"1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2"})
"""X-Ray Angiographic and Radiofluoroscopic Image Storage."""


@dataclass(frozen=True, slots=True)
class Rescale:
    """A linear modality LUT: ``slope`` times the stored value plus ``intercept``."""

    slope: float = 1.0
    intercept: float = 0.0


Modality: TypeAlias = Rescale | Lut
IDENTITY: Final = Rescale()


def of(dataset: DataSet) -> Modality | None:
    """The modality LUT that ``dataset``, or an item of functional groups, has; None without."""
    table = luts.of(item(dataset, _MODALITY_LUT))
    if table is not None:
        return table
    slope, intercept = decimal(dataset, _SLOPE), decimal(dataset, _INTERCEPT)
    if slope is None and intercept is None:
        return None
    return Rescale(1.0 if slope is None else slope, intercept or 0.0)


def is_backward(dataset: DataSet) -> bool:
    """Whether the modality LUT leads back to X-ray intensity, not to display (PS3.3 C.8.7.1.1.2).

    It does for angiography and fluoroscopy whose stored values are logarithmic or for display.
    """
    intensity = elements.text(dataset, _INTENSITY)
    return elements.text(dataset, _SOP_CLASS) in _X_RAY and intensity in {"LOG", "DISP"}


def apply(modality: Modality, values: Samples) -> Samples:
    """``values`` in the units of the modality."""
    if isinstance(modality, Lut):
        return modality.apply(values)
    if modality == IDENTITY:
        return values
    with np.errstate(all="ignore"):
        rescaled: Samples = values * modality.slope + modality.intercept
    return rescaled
