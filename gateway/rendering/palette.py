"""Palettes (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9): stored values made into colours."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.codecs.samples import Samples
from gateway.dicom.elements import DataSet
from gateway.rendering import luts, segments
from gateway.rendering.attributes import octets
from gateway.rendering.luts import Descriptor

_DESCRIPTORS: Final = (0x00281101, 0x00281102, 0x00281103)
_DATA: Final = (0x00281201, 0x00281202, 0x00281203)
_SEGMENTED: Final = (0x00281221, 0x00281222, 0x00281223)
_BYTE: Final = 8


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours for stored values from ``first`` on; ``colours`` are red, green and blue bytes."""

    first: int
    colours: bytes

    def table(self) -> NDArray[np.uint8]:
        """The colours in their order: ``(count, 3)``."""
        return np.frombuffer(self.colours, np.uint8).reshape(-1, 3)

    def apply(self, values: Samples) -> NDArray[np.uint8]:
        """The colours of ``values``, with one more axis; beyond an end those at that end."""
        table = self.table()
        return np.take(table, luts.positions(values, self.first, len(table)), axis=0)

    def placed(self, low: int, high: int) -> "Palette":
        """The palette for stored values from ``low`` to ``high``."""
        first = luts.first_mapped(self.first, len(self.table()), low, high)
        return Palette(first, self.colours)


def of(dataset: DataSet) -> Palette | None:
    """The palette of ``dataset``, None if it has none.

    Raises:
        CodecError: a segmented palette is broken.
    """
    described = luts.descriptor(dataset, _DESCRIPTORS[0])
    if described is None:
        return None
    found = [_channel(dataset, channel, described) for channel in range(3)]
    if not all(channel.size for channel, _ in found):
        return None
    bits = _bits(found)
    colours = np.stack([_bytes(channel, bits) for channel, _ in found], axis=-1)
    return Palette(described.first, colours.tobytes())


def _channel(dataset: DataSet, channel: int, red: Descriptor) -> tuple[NDArray[np.uint16], int]:
    own = luts.descriptor(dataset, _DESCRIPTORS[channel]) or red
    described = Descriptor(red.count, red.first, own.bits)
    raw = octets(dataset, _DATA[channel])
    if raw:
        return luts.entries(raw, described)
    segmented = octets(dataset, _SEGMENTED[channel])
    found = segments.expand(segmented, wide=own.bits > _BYTE, count=red.count)
    return luts.filled(found, described)


def _bits(channels: list[tuple[NDArray[np.uint16], int]]) -> int:
    """The bits per entry: palettes that say 16 and hold 8 are known, none is that dark all over."""
    if max(int(channel.max()) for channel, _ in channels) < 1 << _BYTE:
        return _BYTE
    return max(bits for _, bits in channels)


def _bytes(channel: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """The upper eight bits: right for 8-bit intensities, were they replicated or shifted."""
    return (channel >> (bits - _BYTE)).astype(np.uint8)
