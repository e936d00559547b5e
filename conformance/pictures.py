"""Rendered pictures beside the images that they are to show.

Servers choose windows and colour management, so values are not compared but how they go together:
a picture fits its image better than the image mirrored, inverted, in other channels, or another
frame of it.
"""

from collections.abc import Iterator
from itertools import permutations
from typing import Final

import numpy as np
from PIL import Image

from conformance import decoders, pixels
from conformance.decoders import Array
from conformance.originals import Original
from conformance.pixels import Frames

_WINDOW: Final = (0x00281050, 0x00281051)
_RESCALE: Final = (0x00281052, 0x00281053)
_TABLES: Final = (0x00283000, 0x00283010, 0x20500010, 0x20500020)
"""What gives an image another look: modality, VOI and presentation LUTs."""
_FITS: Final = 0.9
_CLEARLY: Final = 3
"""How much better another view has to fit."""
_STRANGE: Final = 0.3
_BLANK: Final = 1.0


def difference(picture: Image.Image, original: Original, frames: Frames, number: int) -> str:
    """What a picture shows in place of a frame; empty if it is that frame, or cannot be told."""
    wanted = _shown(original, frames, number)
    if not wanted or picture.size != (frames.shape.columns, frames.shape.rows):
        return ""
    got = np.asarray(picture.convert("RGB" if wanted[0].ndim == 3 else "L"), np.float64)
    if got.std() < _BLANK:
        return "it is blank" if all(_varies(one) for one in wanted) else ""
    score = max(_fit(got, one) for one in wanted)
    others = _others(wanted[0], original, frames, number)
    best, name = max((_fit(got, one), name) for name, one in others)
    if best > _FITS and (1 - best) * _CLEARLY < 1 - score:
        return f"it is {name}"
    return "it is another picture" if score < _STRANGE and _varies(wanted[0]) else ""


def _shown(original: Original, frames: Frames, number: int) -> list[Array]:
    """A frame as it may be shown: with its first window and without; none if it cannot be said."""
    kind = frames.shape.photometric
    if frames.shape.floating or any(original.value(tag) for tag in _TABLES):
        return []
    array = decoders.stored(frames.decoded(number), frames.shape).astype(np.float64)
    if kind in ("YBR_FULL", "YBR_FULL_422"):
        return [pixels.rgb(array, frames.shape)]
    if kind in ("RGB", "YBR_RCT", "YBR_ICT"):
        return [array]
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        return []
    slope, intercept = (_decimal(original, tag, 1.0 - at) for at, tag in enumerate(_RESCALE[::-1]))
    array = array * slope + intercept
    centre, width = (_decimal(original, tag, 0.0) for tag in _WINDOW)
    views = [array]
    if width > 0:
        views.insert(0, np.clip(array, centre - width / 2, centre + width / 2))
    return [-one for one in views] if kind == "MONOCHROME1" else views


def _decimal(original: Original, tag: int, default: float) -> float:
    value = original.value(tag)
    return float(value[0]) if value and isinstance(value[0], float) else default


def _others(
    array: Array, original: Original, frames: Frames, number: int
) -> Iterator[tuple[str, Array]]:
    yield "mirrored", array[:, ::-1]
    yield "upside down", array[::-1]
    yield "turned by half", array[::-1, ::-1]
    yield "inverted", -array
    if array.ndim == 3:
        for order in list(permutations(range(3)))[1:]:
            yield "in other channels", array[:, :, list(order)]
    for other in {1, 2, frames.count - 1, frames.count} - {number}:
        if 1 <= other <= frames.count:
            for one in _shown(original, frames, other)[:1]:
                yield f"frame {other}", one


def _fit(got: Array, wanted: Array) -> float:
    """Pearson's correlation; 0 of what does not vary."""
    one, other = got - got.mean(), wanted - wanted.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size else 0.0


def _varies(array: Array) -> bool:
    """Whether a tenth of the pixels at least differs clearly from the rest."""
    low, high = np.percentile(array, 5), np.percentile(array, 95)
    span = float(array.max() - array.min())
    return span > 0 and float(high - low) > span / 4
