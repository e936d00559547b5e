"""Lookup tables (PS3.3 C.11.1.1.1, C.11.2.1.1, C.11.6.1.1): descriptor and data made usable."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.codecs.samples import Samples
from gateway.dicom.elements import DataSet
from gateway.rendering.attributes import integers, octets, words

_DESCRIPTOR: Final = 0x00283002
_DATA: Final = 0x00283006
_MAX_BITS: Final = 16
_MAX_SS: Final = 0x7FFF


@dataclass(frozen=True, slots=True)
class Descriptor:
    """``count`` entries of ``bits`` bits, of which the first stands for the value ``first``."""

    count: int
    first: int
    bits: int


@dataclass(frozen=True, slots=True)
class Lut:
    """A lookup table; ``entries`` are 16-bit words, and the greatest of ``bits`` bits is white."""

    first: int
    bits: int
    entries: bytes

    @property
    def top(self) -> int:
        """The end of the output range, which begins at 0."""
        return (1 << self.bits) - 1

    def outputs(self) -> NDArray[np.uint16]:
        """The entries in their order."""
        return np.frombuffer(self.entries, "<u2")

    def apply(self, values: Samples) -> NDArray[np.uint16]:
        """The entries for ``values``; those beyond an end have the entry at that end."""
        return np.take(self.outputs(), positions(values, self.first, len(self.entries) // 2))

    def placed(self, low: float, high: float) -> "Lut":
        """The table for inputs from ``low`` to ``high``."""
        first = first_mapped(self.first, len(self.entries) // 2, low, high)
        return Lut(first, self.bits, self.entries)


def positions(values: Samples, first: int, count: int) -> NDArray[np.intp]:
    """Where in a table of ``count`` entries ``values`` are, if ``first`` is the first mapped."""
    numbers = np.nan_to_num(np.rint(values.astype(np.float64)))
    places: NDArray[np.intp] = np.clip(numbers - first, 0, count - 1).astype(np.intp)
    return places


def first_mapped(first: int, count: int, low: float, high: float) -> int:
    """The first mapped value, read with the sign that inputs from ``low`` to ``high`` have.

    US or SS of the descriptor follows Pixel Representation, the input of a VOI LUT has a sign of
    its own: a reading is wrong that no input can meet.
    """
    if first > max(high, _MAX_SS):
        return first - (1 << _MAX_BITS)
    if first < 0 and first + count <= low:
        return first + (1 << _MAX_BITS)
    return first


def of(item: DataSet) -> Lut | None:
    """The table in ``item`` of a Modality, VOI or Presentation LUT Sequence, None if unreadable."""
    found = descriptor(item, _DESCRIPTOR)
    if found is None:
        return None
    outputs, bits = entries(octets(item, _DATA), found)
    return Lut(found.first, bits, outputs.tobytes()) if outputs.size else None


def descriptor(dataset: DataSet, tag: int) -> Descriptor | None:
    """The descriptor at ``tag``: the count 0 stands for 65536 (PS3.3 C.11.1.1.1)."""
    values = integers(dataset, tag) or words(dataset, tag).tolist()
    if len(values) < 3:
        return None
    count, first, bits = values[:3]
    return Descriptor(count & 0xFFFF or 1 << _MAX_BITS, first, min(max(bits, 1), _MAX_BITS))


def entries(raw: bytes, described: Descriptor) -> tuple[NDArray[np.uint16], int]:
    """All entries of a table's ``raw`` data, and how many bits they have.

    Entries of 8 bits may stand in bytes or in words: the length tells (PS3.3 C.11.1.1.1). A
    table that is cut short goes on with its last entry; entries beyond the stated bits widen them.
    """
    count, bits = described.count, described.bits
    if len(raw) < 2 * count and (bits <= 8 or len(raw) in (count, count + 1)):
        found, bits = np.frombuffer(raw, np.uint8, min(count, len(raw))).astype("<u2"), 8
    else:
        found = np.frombuffer(raw, "<u2", min(count, len(raw) // 2))
    return filled(found, Descriptor(count, described.first, bits))


def filled(found: NDArray[np.uint16], described: Descriptor) -> tuple[NDArray[np.uint16], int]:
    """``found`` with as many entries as are described, if there is any, and their bits."""
    if not found.size:
        return found, described.bits
    full = np.pad(found, (0, described.count - found.size), mode="edge")
    return full, max(described.bits, int(full.max()).bit_length())
