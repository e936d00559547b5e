"""What is known of an instance before anybody says how its frames are to be painted."""

from dataclasses import dataclass
from typing import Final

from gateway.dicom import vrs
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel
from gateway.imagesets.document import Instance
from gateway.rendering.display import Display
from gateway.rendering.icc import Profiles

_ELEMENT_BYTES: Final = 256  # a tuple and its values, what is derived from them included
_VALUE_BYTES: Final = 32
_FRAME_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class Sitter:
    """An instance that is painted again and again; several threads may use it.

    ``size`` is about what it takes in bytes beside ``instance``.
    """

    instance: Instance
    dataset: DataSet
    image: ImagePixel
    display: Display
    profiles: Profiles
    size: int


def of(instance: Instance) -> Sitter:
    """What a painter wants to know of ``instance``, read once."""
    dataset, image = instance.dataset(), instance.pixel()
    size = _size(dataset) + _FRAME_BYTES * image.frames
    profiles = Profiles(dataset, image.frames)
    return Sitter(instance, dataset, image, Display(dataset), profiles, size)


def _size(dataset: DataSet) -> int:
    """About the bytes of ``dataset``, its sequences and what is made of long values included."""
    total = _ELEMENT_BYTES * len(dataset)
    for _, vr, value in dataset:
        if vr == "SQ":
            total += sum(map(_size, value))
        else:
            total += len(value) * (1 if vr in vrs.BYTES else _VALUE_BYTES)
    return total
