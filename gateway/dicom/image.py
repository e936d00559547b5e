"""The Image Pixel module (PS3.3 C.7.6.3) as a value: how the samples of a frame are laid out."""

from dataclasses import dataclass
from typing import Final

SUBSAMPLED: Final = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
"""Photometric interpretations whose native form keeps two chroma samples per two pixels."""

MULTI_COMPONENT_TRANSFORM: Final = frozenset({"YBR_RCT", "YBR_ICT"})
"""Photometric interpretations that name a transform inside a JPEG 2000 codestream."""


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """What is needed to find a frame's samples in its bytes.

    ``rows`` and ``columns`` are in pixels, ``bits_*`` in bits per sample, ``planar`` is Planar
    Configuration (0: by pixel, 1: by plane), ``floating`` says Float or Double Float Pixel Data.
    """

    rows: int
    columns: int
    samples: int = 1
    bits_allocated: int = 16
    bits_stored: int = 16
    signed: bool = False
    photometric: str = "MONOCHROME2"
    planar: int = 0
    frames: int = 1
    floating: bool = False

    @property
    def subsampled(self) -> bool:
        """Whether the native form of a frame holds two samples per pixel instead of three."""
        return self.samples == 3 and self.photometric in SUBSAMPLED

    @property
    def packed(self) -> bool:
        """Whether eight pixels share a byte (PS3.5 8.1.1): binary segmentations."""
        return self.bits_allocated == 1

    @property
    def frame_bits(self) -> int:
        """The size in bits of one native frame."""
        samples = 2 if self.subsampled else self.samples
        return self.rows * self.columns * samples * self.bits_allocated

    @property
    def frame_bytes(self) -> int:
        """The size in bytes of one native frame on its own."""
        return (self.frame_bits + 7) // 8

    @property
    def pixel_data_bytes(self) -> int:
        """The size in bytes of native Pixel Data, without the pad to an even length."""
        return (self.frame_bits * self.frames + 7) // 8

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a decoded frame: ``(rows, columns)`` or ``(rows, columns, samples)``."""
        if self.samples == 1:
            return (self.rows, self.columns)
        return (self.rows, self.columns, self.samples)

    @property
    def dtype(self) -> str:
        """The little-endian NumPy type of one sample."""
        if self.floating:
            return f"<f{self.bits_allocated // 8}"
        return f"<{'i' if self.signed else 'u'}{max(self.bits_allocated, 8) // 8}"
