"""The pictures of one instance: its stored frames decoded, shown, placed, coloured, annotated."""

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.codecs import registry, resolutions
from gateway.codecs.samples import Samples
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import ImagePixel
from gateway.dicomweb.rendered import Parameters
from gateway.errors import CodecError
from gateway.rendering import annotation, cine, geometry, icc
from gateway.rendering.geometry import Plan
from gateway.rendering.lettering import Lettering
from gateway.rendering.sitters import Sitter
from gateway.rendering.voi import Window

Picture = NDArray[np.uint8]
"""``(rows, columns)`` grey or ``(rows, columns, 3)`` RGB."""

Decode: TypeAlias = Callable[[], Samples]
Keep: TypeAlias = Callable[[Hashable, Decode], Samples]
"""Gives the samples that are kept under a key, or has them decoded; nobody may change them."""


class Painter:
    """Paints the frames of ``sitter`` as ``parameters`` have it; safe in several threads.

    Without ``enlarge`` a picture never has more pixels than the image. Decoded frames are looked
    for with ``keep`` first.

    Raises:
        InvalidRequest: the viewport does not fit the image.
    """

    def __init__(
        self,
        sitter: Sitter,
        parameters: Parameters,
        lettering: Lettering,
        *,
        enlarge: bool = True,
        keep: Keep | None = None,
    ) -> None:
        self._instance = sitter.instance
        self._parameters = parameters
        self._lettering = lettering
        self._dataset = sitter.dataset
        self._image = sitter.image
        self._display = sitter.display
        self._profiles = sitter.profiles
        self._keep = keep
        self._window = _window(parameters)
        self._plan = self._placed(enlarge=enlarge)

    def _placed(self, *, enlarge: bool) -> Plan:
        registry.check_size(self._image)
        high, wide = self._display.aspect
        size = self._image.rows, self._image.columns
        return geometry.plan(self._parameters.viewport, *size, high / wide, enlarge=enlarge)

    def paint(self, number: int, frame: bytes) -> tuple[Picture, bytes | None]:
        """The picture of ``frame``, which has ``number`` from 1, and the ICC profile to go with it.

        Raises:
            CodecError: the frame cannot be decoded.
        """
        reduce = self._reduction(frame)
        samples, image = self._decoded(number, frame, reduce)
        overlays = self._parameters.overlays
        shown = self._display.frame(number, samples, image, window=self._window, overlays=overlays)
        placed = geometry.apply(shown, self._plan, reduce)
        colours = self._colours(number, frame)
        return self._annotated(colours.apply(placed), number), colours.profile

    def durations(self, numbers: Sequence[int]) -> list[float]:
        """How many milliseconds each of the frames is shown in an animation."""
        return cine.durations(self._dataset, numbers)

    def _reduction(self, frame: bytes) -> int:
        """How often the frame is halved as it is decoded; overlays fit only the whole of it."""
        if self._parameters.overlays or self._image.packed or not self._display.reducible:
            return 0
        most = math.floor(math.log2(max(self._image.rows, self._image.columns)))
        wanted = geometry.reduction(self._plan, most)
        if not wanted:
            return 0
        return min(wanted, resolutions.most(self._instance.stored_syntax, frame, self._image))

    def _decoded(self, number: int, frame: bytes, reduce: int) -> tuple[Samples, ImagePixel]:
        """Samples by pixel, and the image that they are of."""
        stored, source = self._instance.stored_syntax, self._instance.source_syntax
        samples = self._samples(number, frame, reduce)
        image = registry.uncompressed(stored, frame, self._image, source)
        return samples, resolutions.reduced(image, reduce) if reduce else image

    def _samples(self, number: int, frame: bytes, reduce: int) -> Samples:
        """The samples of ``frame``; native ones are its bytes, and not kept a second time."""
        stored = self._instance.stored_syntax
        if self._image.packed and stored == ts.EXPLICIT_LE:
            return _unpacked(frame, self._image)
        decode = partial(resolutions.decode, stored, frame, self._image, reduce)
        if self._keep is None or stored == ts.EXPLICIT_LE:
            return decode()
        frame_id = self._instance.frames[number - 1]
        key = self._instance.image_set_id, frame_id, stored, self._image, reduce
        return self._keep(key, decode)

    def _colours(self, number: int, frame: bytes) -> icc.Colours:
        wanted = self._parameters.profile
        return icc.colours(wanted, b"" if wanted == "no" else self._profiles.of(number, frame))

    def _annotated(self, picture: Picture, number: int) -> Picture:
        keywords = self._parameters.annotations
        if not keywords:
            return picture
        place = (number, self._image.frames)
        return annotation.burn(picture, keywords, self._dataset, place, self._lettering)


def _window(parameters: Parameters) -> Window | None:
    found = parameters.window
    return Window(found.center, found.width, found.function) if found else None


def _unpacked(frame: bytes, image: ImagePixel) -> Samples:
    """One bit per pixel (PS3.5 8.1.1) as samples of 0 and 1."""
    registry.check_size(image)
    if len(frame) < image.frame_bytes:
        raise CodecError(f"the frame holds {len(frame)} bytes, {image.frame_bytes} are expected")
    bits = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")
    return bits[: image.frame_bits].reshape(image.shape)
