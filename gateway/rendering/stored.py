"""Stored values (PS3.5 8.1.1): taken out of words that may hold other bits beside them."""

from dataclasses import dataclass
from typing import Final

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel

_HIGH_BIT: Final = 0x00280102


@dataclass(frozen=True, slots=True)
class Stored:
    """Where in a word the value is: ``bits`` of it up to ``high``, counted from 0."""

    bits: int
    high: int
    signed: bool

    @property
    def low(self) -> int:
        """The smallest value there can be."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def top(self) -> int:
        """The greatest value there can be."""
        return (1 << (self.bits - int(self.signed))) - 1

    def values(self, samples: Samples) -> Samples:
        """``samples`` without the bits above and below; floating-point samples as they are."""
        if samples.dtype.kind == "f":
            return samples
        width = samples.dtype.itemsize * 8
        kind = "i" if self.signed else "u"
        words = samples.view(f"<u{width // 8}")
        if self.bits >= width:
            return words.view(f"<{kind}{width // 8}")
        # To the left what is above goes away, to the right what is below, and the sign comes in.
        raised = (words << (width - 1 - self.high)).view(f"<{kind}{width // 8}")
        return raised >> (width - self.bits)


def of(dataset: DataSet, image: ImagePixel) -> Stored:
    """Where ``image`` has its values; High Bit counts only if it leaves room for all bits."""
    width = max(image.bits_allocated, 8)
    bits = min(max(image.bits_stored, 1), width)
    high = elements.number(dataset, _HIGH_BIT)
    if high is None or not bits - 1 <= high < width:
        high = bits - 1
    return Stored(bits, high, image.signed)
