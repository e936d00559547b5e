"""Photometric interpretations of three samples per pixel (PS3.3 C.7.6.3.1.2) made RGB of bytes."""

from typing import Final

import numpy as np

from gateway.codecs.samples import Samples
from gateway.dicom.image import MULTI_COMPONENT_TRANSFORM, ImagePixel
from gateway.errors import CodecError
from gateway.rendering.presentation import Picture
from gateway.rendering.stored import Stored

_UNIT: Final = 587_000
"""What stands for 1 in integers: the equations are then exact, and 32 bits hold bytes' sums."""

_BLOCK: Final = 1 << 15
"""Pixels converted at a time."""

_RGB: Final = frozenset({"RGB", *MULTI_COMPONENT_TRANSFORM})
_FULL: Final = frozenset({"YBR_FULL", "YBR_FULL_422"})
_PARTIAL: Final = frozenset({"YBR_PARTIAL_422", "YBR_PARTIAL_420"})

_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
_CHROMA: Final = (
    (0.0, 2 - 2 * _RED),
    (-_BLUE * (2 - 2 * _BLUE) / _GREEN, -_RED * (2 - 2 * _RED) / _GREEN),
    (2 - 2 * _BLUE, 0.0),
)
"""What blue and red chroma add to red, green and blue."""


def picture(samples: Samples, image: ImagePixel, stored: Stored) -> Picture:
    """RGB of ``samples``, which are by pixel and at full size; maybe ``samples`` themselves.

    Component transforms of JPEG 2000 are undone by its decoders.

    Raises:
        CodecError: the photometric interpretation cannot be shown.
    """
    photometric, values = image.photometric, stored.values(samples)
    if image.samples != 3 or photometric not in _RGB | _FULL | _PARTIAL:
        raise CodecError(f"{image.samples} samples per pixel of {photometric} cannot be shown")
    if photometric not in _RGB:
        values = _from_ybr(values, stored.bits, partial=photometric in _PARTIAL)
    return _bytes(values, stored.bits)


def _from_ybr(values: Samples, bits: int, *, partial: bool) -> Samples:
    """``values`` as RGB, a few rows at a time, which a processor's cache can hold."""
    rgb: Samples = np.empty(values.shape, f"<u{values.dtype.itemsize}")
    step = max(1, _BLOCK // values.shape[1])
    for row in range(0, len(values), step):
        _convert(values[row : row + step], bits, rgb[row : row + step], partial=partial)
    return rgb


def _convert(values: Samples, bits: int, rgb: Samples, *, partial: bool) -> None:
    """The inverse of the equations for YBR, rounded to nearest and clipped.

    Full luminance and chroma take all of the range; partial ones 219 and 224 of 255 above 16.
    """
    top, unit = (1 << bits) - 1, 2.0 ** (bits - 8)
    brightness, depth = (top / (219 * unit), top / (224 * unit)) if partial else (1.0, 1.0)
    wide = np.int32 if bits <= 8 else np.int64
    planes: list[Samples] = [values[..., plane].astype(wide) for plane in range(3)]
    luminance = planes[0] - int(16 * unit) if partial else planes[0]
    luminance = luminance * _fixed(brightness) + _UNIT // 2
    chromas = [plane - (1 << (bits - 1)) for plane in planes[1:]]
    for plane, factors in enumerate(_CHROMA):
        total = luminance.copy()
        for factor, chroma in zip(factors, chromas, strict=True):
            if factor:
                total += chroma * _fixed(factor * depth)
        rgb[..., plane] = np.clip(total // _UNIT, 0, top)


def _fixed(number: float) -> int:
    return round(number * _UNIT)


def _bytes(values: Samples, bits: int) -> Picture:
    if values.dtype == np.uint8 and bits == 8:
        return np.ascontiguousarray(values)
    top = (1 << bits) - 1
    values = np.clip(values, 0, top)
    if bits != 8:
        values = np.rint(values * (255 / top))
    return values.astype(np.uint8)
