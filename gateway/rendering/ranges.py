"""What is black and white where no window says so: of segmentations, or of a frame's values."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel
from gateway.rendering import modality, voi
from gateway.rendering.attributes import decimal, items
from gateway.rendering.modality import Modality, Rescale
from gateway.rendering.stored import Stored
from gateway.rendering.voi import Window

_SEGMENTATION_TYPE: Final = 0x00620001
_SEGMENTS: Final = 0x00620002
_SEGMENT_NUMBER: Final = 0x00620004
_MAX_FRACTION: Final = 0x0062000E
_PADDING: Final = (0x00280120, 0x00280121)
_FLOAT_PADDING: Final = (0x00280122, 0x00280124)
_DOUBLE_PADDING: Final = (0x00280123, 0x00280125)


@dataclass(frozen=True, slots=True)
class Padding:
    """Stored values, ends included, that are no part of the image (PS3.3 C.7.5.1.1.2)."""

    low: float
    high: float


def padding(dataset: DataSet, image: ImagePixel) -> Padding | None:
    """The padding of ``image``, None if it has none; US and SS are read by its sign."""
    tags = _PADDING
    if image.floating:
        tags = _DOUBLE_PADDING if image.bits_allocated > 32 else _FLOAT_PADDING
    value = decimal(dataset, tags[0])
    limit = decimal(dataset, tags[1])
    if value is None:
        return None
    limits = [value, value if limit is None else limit]
    if not image.floating:
        limits = [_signed(int(end), image) for end in limits]
    return Padding(min(limits), max(limits))


def _signed(value: int, image: ImagePixel) -> int:
    word = value & 0xFFFF
    return word - (1 << 16) if image.signed and word > 0x7FFF else word


def segmentation(dataset: DataSet) -> Window | None:
    """The range of a segmentation's values (PS3.3 C.8.20.2), None for other images.

    It is the same for all frames, so that a segment looks the same in each.
    """
    kind = elements.text(dataset, _SEGMENTATION_TYPE)
    if kind == "BINARY":
        return voi.spanning(0, 1)
    if kind == "FRACTIONAL":
        return voi.spanning(0, decimal(dataset, _MAX_FRACTION) or 255)
    if kind == "LABELMAP":
        numbers = (decimal(one, _SEGMENT_NUMBER) for one in items(dataset, _SEGMENTS))
        return voi.spanning(0, max((one for one in numbers if one is not None), default=0) or 1)
    return None


def ends(stored: Stored, scale: Modality) -> tuple[float, float]:
    """The least and the greatest that stored values can be in the units of the modality."""
    if not isinstance(scale, Rescale):
        return 0.0, float(scale.top)
    found = modality.apply(scale, np.array([stored.low, stored.top], np.float64))
    return float(found.min()), float(found.max())


def occurring(values: Samples, stored: Stored, scale: Modality, without: Padding | None) -> Window:
    """From the least to the greatest of the stored ``values``, in the units of the modality.

    Padding does not count, nor what is not finite. Values that are all the same are shown for what
    they are in the range that the stored ones can have.
    """
    if without is not None:
        values = values[(values < without.low) | (values > without.high)]
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if isinstance(scale, Rescale) and values.size:
        values = np.array([values.min(), values.max()])
    found = modality.apply(scale, values)
    if not found.size or found.min() == found.max():
        return voi.spanning(*ends(stored, scale))
    return voi.spanning(float(found.min()), float(found.max()))
