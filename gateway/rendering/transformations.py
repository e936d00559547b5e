"""Point operations: what a stored value looks like, without regard to its neighbours (PS3.4 N.2).

One is a value that can be compared, so that frames, instances and series which are shown in the
same way share one table.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import numpy as np

from gateway.codecs.samples import Samples
from gateway.rendering import modality, presentation, voi
from gateway.rendering.modality import Modality
from gateway.rendering.palette import Palette
from gateway.rendering.presentation import Picture, Presentation
from gateway.rendering.stored import Stored
from gateway.rendering.voi import Voi

_TABLES: Final = 64  # of 64 KiB in grey and 192 KiB in colour
_MAX_BYTES: Final = 2
_BLOCK: Final = 1 << 16
"""Pixels transformed at a time: what is between fits into a processor's cache."""


class Transformation(Protocol):
    """A hashable value that says what samples look like."""

    @property
    def stored(self) -> Stored:
        """Where in a word the value is that is looked at."""

    def __hash__(self) -> int: ...

    def apply(self, samples: Samples) -> Picture:
        """A picture of ``samples``, as they are stored."""


@dataclass(frozen=True, slots=True)
class Greyscale:
    """The greyscale transformations (PS3.4 N.2.1).

    ``supplemental`` colours stand for the stored values from its first one on (PS3.3 C.7.6.19).
    """

    stored: Stored
    modality: Modality
    voi: Voi
    presentation: Presentation
    supplemental: Palette | None = None

    def apply(self, samples: Samples) -> Picture:
        """Grey, or colours where there is a palette."""
        values = self.stored.values(samples)
        shown = voi.apply(self.voi, modality.apply(self.modality, values))
        picture = presentation.apply(self.presentation, shown)
        if self.supplemental is None:
            return picture
        grey = picture if picture.ndim > values.ndim else picture[..., None]
        coloured = (values >= self.supplemental.first)[..., None]
        return np.where(coloured, self.supplemental.apply(values), grey)


@dataclass(frozen=True, slots=True)
class Indexed:
    """PALETTE COLOR (PS3.3 C.7.6.3.1.2)."""

    stored: Stored
    palette: Palette

    def apply(self, samples: Samples) -> Picture:
        """The colours that the stored values name."""
        return self.palette.apply(self.stored.values(samples))


def picture(transformation: Transformation, samples: Samples) -> Picture:
    """``samples`` transformed, through a table where they have no more than 16 bits."""
    width = samples.dtype.itemsize
    if samples.dtype.kind == "f" or width > _MAX_BYTES:
        return _direct(transformation, samples)
    return _looked_up(_table(transformation, width), samples.view(f"<u{width}"))


def _looked_up(table: Picture, words: Samples) -> Picture:
    """The entry of ``table`` for each of ``words``, of which there is none without one.

    NumPy wants places of eight bytes each: a block at a time, they are in the same memory.
    """
    flat = words.reshape(-1)
    found = np.empty((flat.size, *table.shape[1:]), np.uint8)
    places = np.empty(min(flat.size, _BLOCK), np.intp)
    for start in range(0, flat.size, _BLOCK):
        part = flat[start : start + _BLOCK]
        places[: part.size] = part
        # Clipping changes nothing, but saves a check of every place.
        np.take(table, places[: part.size], 0, found[start : start + _BLOCK], "clip")
    return found.reshape(*words.shape, *table.shape[1:])


def _direct(transformation: Transformation, samples: Samples) -> Picture:
    """A few rows at a time, because there are intermediate results of eight bytes each."""
    step = max(1, _BLOCK // samples.shape[1])
    blocks = (samples[row : row + step] for row in range(0, len(samples), step))
    return np.concatenate([transformation.apply(block) for block in blocks])


@lru_cache(_TABLES)
def _table(transformation: Transformation, width: int) -> Picture:
    """What every word of ``width`` bytes looks like.

    Bits above the value are of no account: what its own say is repeated for all that they can be.
    """
    bits = min(transformation.stored.high + 1, 8 * width)
    found = transformation.apply(np.arange(1 << bits).astype(f"<u{width}"))
    times = 1 << (8 * width - bits)
    table = np.tile(found, (times, *(1,) * (found.ndim - 1)))
    table.flags.writeable = False
    return table
