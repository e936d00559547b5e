"""Values of interest (PS3.3 C.11.2): windows and VOI LUTs that say what is black and white."""

import math
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import luts
from gateway.rendering.attributes import decimals, item
from gateway.rendering.luts import Lut

_VOI_LUT: Final = 0x00283010
_CENTER: Final = 0x00281050
_WIDTH: Final = 0x00281051
_FUNCTION: Final = 0x00281056
_STEEPEST: Final = 80.0  # beyond it a sigmoid is 0 or 1, and an exponential would overflow

Fractions: TypeAlias = NDArray[np.floating]
"""What is shown, from 0 for black to 1 for white."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window in the units of the modality LUT's output.

    ``function`` is LINEAR (PS3.3 C.11.2.1.2.1), LINEAR_EXACT (C.11.2.1.3.2) or SIGMOID
    (C.11.2.1.3.1).
    """

    center: float
    width: float
    function: str = "LINEAR"


Voi: TypeAlias = Window | Lut


def spanning(low: float, high: float) -> Window:
    """The window in which ``low`` is black and ``high`` white, and all between linear."""
    return Window(low / 2 + high / 2, high - low, "LINEAR_EXACT")


def of(dataset: DataSet) -> Voi | None:
    """The VOI LUT or else the first window of ``dataset``, or an item; None if there is neither."""
    table = luts.of(item(dataset, _VOI_LUT))
    if table is not None:
        return table
    pairs = zip(decimals(dataset, _CENTER), decimals(dataset, _WIDTH), strict=False)
    function = elements.text(dataset, _FUNCTION) or "LINEAR"
    usable = (pair for pair in pairs if not math.isnan(pair[0]) and pair[1] > 0)
    return next((Window(*pair, function) for pair in usable), None)


def apply(voi: Voi, values: Samples) -> Fractions:
    """What is shown of ``values`` in the modality's units; of NaN nothing."""
    if isinstance(voi, Lut):
        return voi.apply(values) / voi.top
    with np.errstate(all="ignore"):
        shown = _sigmoid(voi, values) if voi.function == "SIGMOID" else _linear(voi, values)
    return np.where(np.isnan(shown), 0, shown)


def exact(window: Window) -> Window:
    """``window`` for values that are no integers: one of width 1 is then no step."""
    narrow = window.function == "LINEAR" and window.width <= 1
    return replace(window, function="LINEAR_EXACT") if narrow else window


def _linear(window: Window, values: Samples) -> Fractions:
    center, width = float(window.center), float(window.width)  # integers would wrap around
    if window.function != "LINEAR_EXACT" and width >= 1:
        center, width = center - 0.5, width - 1  # PS3.3 C.11.2.1.2.1: its ends are values
    if width <= 0:
        return (values > center).astype(np.float32)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _sigmoid(window: Window, values: Samples) -> Fractions:
    center, width = float(window.center), float(window.width)
    if width <= 0:
        return (values > center).astype(np.float32)
    exponents = np.clip(-4 * ((values - center) / width), -_STEEPEST, _STEEPEST)
    return 1 / (1 + np.exp(exponents))
