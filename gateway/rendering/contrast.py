"""Which greyscale transformations a frame goes through: its own, or a presentation state's."""

from functools import cached_property
from typing import Final

from gateway.codecs.samples import Samples
from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel
from gateway.rendering import modality, palette, presentation, ranges, voi
from gateway.rendering.functional_groups import FunctionalGroups
from gateway.rendering.luts import Lut
from gateway.rendering.modality import Modality
from gateway.rendering.palette import Palette
from gateway.rendering.presentation import Presentation
from gateway.rendering.stored import Stored
from gateway.rendering.transformations import Greyscale
from gateway.rendering.voi import Voi, Window

_PHOTOMETRIC: Final = 0x00280004
_FRAME_VOI: Final = 0x00289132
_FRAME_MODALITY: Final = 0x00289145
_PIXEL_PRESENTATION: Final = 0x00089205
_FRAME_TYPES: Final = (0x00189226, 0x00189329, 0x00189751)
"""MR, CT and PET Frame Type Sequence."""


class Contrast:
    """The greyscale transformations of one instance, or those of the ``state`` if there is one.

    What a state does not have is an identity transformation, whatever the instance says (PS3.4
    N.2). What holds for all frames is read once.
    """

    def __init__(self, dataset: DataSet, state: DataSet, groups: FunctionalGroups) -> None:
        self._dataset = dataset
        self._state = state
        self._groups = groups

    def transformation(
        self, number: int, samples: Samples, image: ImagePixel, bits: Stored, window: Window | None
    ) -> Greyscale:
        """What the frame with ``number`` goes through, told by its ``samples`` if by nothing else.

        Raises:
            CodecError: the palette is broken.
        """
        scale, colours = self._modality(number, bits), self._supplemental(number, bits)
        shown = window or self._voi(number, scale, bits)
        if shown is None:
            values = bits.values(samples)
            if colours is not None:
                values = values[values < colours.first]
            padding = ranges.padding(self._dataset, image)
            shown = ranges.occurring(values, bits, scale, padding)
        if image.floating and isinstance(shown, Window):
            shown = voi.exact(shown)
        return Greyscale(bits, scale, shown, self._presentation, colours)

    def _modality(self, number: int, bits: Stored) -> Modality:
        own = None
        if not self._state:
            own = modality.of(self._groups.macro(number, _FRAME_MODALITY))
        found = own or self._common_modality
        return found.placed(bits.low, bits.top) if isinstance(found, Lut) else found

    def _voi(self, number: int, scale: Modality, bits: Stored) -> Voi | None:
        """The VOI LUT, or what is shown without one; None if that depends on the samples."""
        ends = ranges.ends(bits, scale)
        own = None if self._state else voi.of(self._groups.macro(number, _FRAME_VOI))
        found = own or self._common_voi
        if isinstance(found, Lut):
            return found.placed(*ends)
        if found is None:
            return voi.spanning(*ends) if self._state else ranges.segmentation(self._dataset)
        return found

    @cached_property
    def _common_modality(self) -> Modality:
        if self._state:
            return modality.of(self._state) or modality.IDENTITY
        if modality.is_backward(self._dataset):
            return modality.IDENTITY
        return modality.of(self._dataset) or modality.IDENTITY

    @cached_property
    def _common_voi(self) -> Voi | None:
        return voi.of(self._state or self._dataset)

    @cached_property
    def _presentation(self) -> Presentation:
        photometric = elements.text(self._dataset, _PHOTOMETRIC)
        if self._state:
            return presentation.of_state(self._state, photometric)
        return presentation.of_image(self._dataset, photometric)

    def _supplemental(self, number: int, bits: Stored) -> Palette | None:
        """The supplemental palette (PS3.3 C.7.6.19), if this frame is to be shown with it."""
        kind = elements.text(self._dataset, _PIXEL_PRESENTATION)
        if kind == "MIXED":
            macros = (self._groups.macro(number, tag) for tag in _FRAME_TYPES)
            kind = next(filter(None, (elements.text(m, _PIXEL_PRESENTATION) for m in macros)), "")
        if kind != "COLOR" or self._state or self._palette is None:
            return None
        return self._palette.placed(bits.low, bits.top)

    @cached_property
    def _palette(self) -> Palette | None:
        return palette.of(self._dataset)
