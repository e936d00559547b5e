"""How long the frames of an animation are shown (PS3.3 C.7.6.5)."""

from collections.abc import Sequence
from typing import Final

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering.attributes import decimal, decimals

_FRAME_TIME: Final = 0x00181063
_FRAME_TIME_VECTOR: Final = 0x00181065
_DISPLAY_RATE: Final = 0x00082144
_CINE_RATE: Final = 0x00180040
_INCREMENT_POINTER: Final = 0x00280009
_UNTIMED: Final = 100.0
_LONGEST: Final = 60_000.0


def durations(dataset: DataSet, numbers: Sequence[int]) -> list[float]:
    """Milliseconds for each of the frames with ``numbers``, from 1.

    They follow from Frame Time Vector where Frame Increment Pointer names it or nothing else is
    there, else from Frame Time, Recommended Display Frame Rate or Cine Rate, the first that there
    is; an image that tells nothing of time is shown at ten frames a second.
    """
    steady = _frame_time(dataset)
    vector = decimals(dataset, _FRAME_TIME_VECTOR)
    pointed = elements.text(dataset, _INCREMENT_POINTER).upper()
    if len(vector) < 2 or (steady and pointed != f"{_FRAME_TIME_VECTOR:08X}"):
        return [steady or _UNTIMED] * len(numbers)
    # The vector holds the time since the frame before; a frame stays until the next one comes.
    until = [*vector[1:], vector[-1]]
    known = [until[number - 1] if number <= len(until) else 0.0 for number in numbers]
    return [min(time, _LONGEST) if time > 0 else steady or _UNTIMED for time in known]


def _frame_time(dataset: DataSet) -> float:
    """Milliseconds from one frame to the next; 0 where nothing tells."""
    time = decimal(dataset, _FRAME_TIME)
    if time is not None and time > 0:
        return min(time, _LONGEST)
    rates = (decimal(dataset, tag) or 0.0 for tag in (_DISPLAY_RATE, _CINE_RATE))
    return next((min(1000 / rate, _LONGEST) for rate in rates if rate > 0), 0.0)
