"""How long the frames of an animation are shown (PS3.3 C.7.6.5)."""

from collections.abc import Sequence
from typing import Final

from gateway.dicom import elements
from gateway.dicom.elements import DataSet

_FRAME_TIME: Final = 0x00181063
_FRAME_TIME_VECTOR: Final = 0x00181065
_DISPLAY_RATE: Final = 0x00082144
_CINE_RATE: Final = 0x00180040
_INCREMENT_POINTER: Final = 0x00280009
_UNTIMED: Final = 100.0
_LONGEST: Final = 60_000.0


def durations(dataset: DataSet, numbers: Sequence[int]) -> list[float]:
    """Milliseconds for each of the frames with ``numbers``, from 1.

    They follow from Frame Time Vector where Frame Increment Pointer names it, else from Frame Time,
    Recommended Display Frame Rate or Cine Rate, the first that there is; an image that tells
    nothing of time is shown at ten frames a second.
    """
    vector = [_positive(text) for text in _values(dataset, _FRAME_TIME_VECTOR)]
    pointed = _values(dataset, _INCREMENT_POINTER)
    steady = _frame_time(dataset)
    if len(vector) < 2 or (steady and f"{_FRAME_TIME_VECTOR:08X}" not in map(str.upper, pointed)):
        return [steady or _UNTIMED] * len(numbers)
    # The vector holds the time since the frame before; a frame stays until the next one comes.
    until = [*vector[1:], vector[-1]]
    known = [until[number - 1] if number <= len(until) else 0.0 for number in numbers]
    return [time or steady or _UNTIMED for time in known]


def _frame_time(dataset: DataSet) -> float:
    time = _first(dataset, _FRAME_TIME)
    rate = _first(dataset, _DISPLAY_RATE) or _first(dataset, _CINE_RATE)
    return time or (min(1000 / rate, _LONGEST) if rate else 0.0)


def _first(dataset: DataSet, tag: int) -> float:
    return next((_positive(text) for text in _values(dataset, tag)), 0.0)


def _values(dataset: DataSet, tag: int) -> list[str]:
    element = elements.find(dataset, tag)
    return [str(value) for value in element[2]] if element else []


def _positive(text: str) -> float:
    """A time or a rate; 0 where it is none."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(value, _LONGEST) if value > 0 else 0.0
