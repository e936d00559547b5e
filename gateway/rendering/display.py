"""How the frames of an instance are shown (PS3.4 N.2): decoded samples to what is to be seen."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from gateway.rendering import aspect, colour, overlays as planes, palette, stored, transformations
from gateway.rendering.contrast import Contrast
from gateway.rendering.functional_groups import FunctionalGroups
from gateway.rendering.overlays import Overlay
from gateway.rendering.palette import Palette
from gateway.rendering.presentation import Picture
from gateway.rendering.stored import Stored
from gateway.rendering.transformations import Indexed
from gateway.rendering.voi import Window

_GROUPS: Final = frozenset({0x0008, 0x0018, 0x0028, 0x0062, 0x2050})
"""Groups that say how pixels are shown, beside those of overlays."""

_PALETTE_COLOR: Final = "PALETTE COLOR"
_PHOTOMETRIC: Final = 0x00280004
_ROWS: Final = 0x00280010
_COLUMNS: Final = 0x00280011
_BITS_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102
_PALETTE_DESCRIPTOR: Final = 0x00281101
_SEGMENTATION_TYPE: Final = 0x00620001


class Display:
    """How the frames of one instance are shown; several threads may use it.

    ``overriding`` are elements of a presentation state: Modality LUT, VOI LUT or window,
    Presentation LUT, palette. Where there are any, the instance's own are not used, and what the
    state does not have is an identity transformation (PS3.4 N.2).
    """

    def __init__(self, dataset: DataSet, overriding: Sequence[Element] = ()) -> None:
        self._dataset = [one for one in dataset if one[0] >> 16 in _GROUPS or one[0] >> 24 == 0x60]
        self._state = list(overriding)
        self._groups = FunctionalGroups(dataset)
        self._contrast = Contrast(dataset, self._state, self._groups)

    @cached_property
    def aspect(self) -> tuple[float, float]:
        """Height and width of a pixel; only their ratio means something."""
        return aspect.of(self._dataset, self._groups)

    @cached_property
    def reducible(self) -> bool:
        """Whether a frame may be shown from samples that were decoded at a lower resolution.

        Not where the mean of two samples says nothing, because they name colours or segments, or
        where words hold other bits beside their values.
        """
        own = self._dataset
        bits, high = elements.number(own, _BITS_STORED), elements.number(own, _HIGH_BIT)
        shifted = bits is not None and high is not None and high != bits - 1
        beside = any(not overlay.data for overlay in self._overlays)
        indexed = elements.text(own, _PHOTOMETRIC) == _PALETTE_COLOR
        coloured = elements.find(own, _PALETTE_DESCRIPTOR) is not None
        labels = elements.text(own, _SEGMENTATION_TYPE) in {"BINARY", "LABELMAP"}
        return not (shifted or beside or indexed or coloured or labels)

    def frame(
        self,
        number: int,
        samples: Samples,
        image: ImagePixel,
        *,
        window: Window | None = None,
        overlays: bool = False,
    ) -> NDArray[np.uint8]:
        """The frame with ``number``, from 1: ``(rows, columns)`` grey, ``(rows, columns, 3)`` RGB.

        ``samples`` are as a decoder gives them for ``image``, at full or lower resolution; the
        picture may be ``samples`` themselves. ``window`` stands for the VOI LUT of greyscale.

        Raises:
            CodecError: the image cannot be shown: its photometric interpretation is unknown, its
                palette broken or missing.
        """
        bits = stored.of(self._dataset, image)
        picture = self._picture(number, samples, image, bits, window)
        if not overlays or not self._overlays:
            return picture
        rows, columns = (elements.number(self._dataset, tag) or 0 for tag in (_ROWS, _COLUMNS))
        covered = planes.mask(self._overlays, number, (rows, columns), samples, bits)
        return planes.drawn(picture, covered)

    def _picture(
        self, number: int, samples: Samples, image: ImagePixel, bits: Stored, window: Window | None
    ) -> Picture:
        if image.samples != 1:
            return colour.picture(samples, image, bits)
        if image.photometric == _PALETTE_COLOR:
            return transformations.picture(self._indexed(bits), samples)
        shown = self._contrast.transformation(number, samples, image, bits, window)
        return transformations.picture(shown, samples)

    def _indexed(self, bits: Stored) -> Indexed:
        if self._palette is None:
            raise CodecError("the image has no palette that can be read")
        return Indexed(bits, self._palette.placed(bits.low, bits.top))

    @cached_property
    def _palette(self) -> Palette | None:
        return palette.of(self._state) or palette.of(self._dataset)

    @cached_property
    def _overlays(self) -> list[Overlay]:
        return planes.of(self._dataset)
