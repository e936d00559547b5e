"""The Image Pixel module (PS3.3 C.7.6.3) as a value: how the samples of a frame are laid out."""

from dataclasses import dataclass
from typing import Final

from gateway.dicom import elements
from gateway.dicom.elements import DataSet

SUBSAMPLED: Final = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
"""Photometric interpretations whose native form keeps two chroma samples per two pixels."""

_PHOTOMETRIC: Final = 0x00280004
_PLANAR: Final = 0x00280006

RESTATED: Final = frozenset({_PHOTOMETRIC, _PLANAR})
"""What ``restated`` changes."""

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


def pixel_element(image: ImagePixel) -> tuple[int, str]:
    """Tag and VR of the native pixel data that ``image`` describes (PS3.5 A.2, PS3.3 C.7.6.24)."""
    if image.floating:
        return (0x7FE00009, "OD") if image.bits_allocated == 64 else (0x7FE00008, "OF")
    return 0x7FE00010, "OW" if image.bits_allocated > 8 else "OB"


def from_dataset(dataset: DataSet, frames: int) -> ImagePixel:
    """The Image Pixel module of ``dataset``, whose pixel data are ``frames`` stored frames.

    Without Bits Stored the samples are floating point (PS3.3 C.7.6.24).
    """
    allocated = elements.number(dataset, 0x00280100) or 16
    stored = elements.number(dataset, 0x00280101)
    return ImagePixel(
        rows=elements.number(dataset, 0x00280010) or 0,
        columns=elements.number(dataset, 0x00280011) or 0,
        samples=elements.number(dataset, 0x00280002) or 1,
        bits_allocated=allocated,
        bits_stored=stored or allocated,
        signed=elements.number(dataset, 0x00280103) == 1,
        photometric=elements.text(dataset, 0x00280004) or "MONOCHROME2",
        planar=elements.number(dataset, 0x00280006) or 0,
        frames=frames,
        floating=stored is None and allocated >= 32,
    )


def restated(dataset: DataSet, image: ImagePixel) -> DataSet:
    """``dataset`` with the photometric interpretation and planar configuration of ``image``."""
    changed = {_PHOTOMETRIC: ("CS", [image.photometric]), _PLANAR: ("US", [image.planar])}
    return [(tag, *changed[tag]) if tag in changed else (tag, vr, v) for tag, vr, v in dataset]
