"""Decoded samples of one frame to what is to be seen (PS3.4 N.2)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.codecs.samples import Samples
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.image import ImagePixel
from gateway.rendering.voi import Window


class Display:
    """How the frames of one instance are shown; safe to use from several threads.

    ``overriding`` are elements of a presentation state that stand for the instance's own.
    """

    def __init__(self, dataset: DataSet, overriding: Sequence[Element] = ()) -> None:
        self._dataset = dataset
        self._overriding = overriding

    @property
    def aspect(self) -> tuple[float, float]:
        """Height and width of a pixel, in any unit."""
        return 1.0, 1.0

    @property
    def reducible(self) -> bool:
        """Whether frames may be decoded at a lower resolution: samples are intensities."""
        return True

    def frame(
        self,
        number: int,
        samples: Samples,
        image: ImagePixel,
        *,
        window: Window | None = None,
        overlays: bool = False,
    ) -> NDArray[np.uint8]:
        """The frame with ``number`` from 1: ``(rows, columns)`` grey or ``(rows, columns, 3)``."""
        values = samples.astype(np.float64)
        low, high = float(values.min()), float(values.max())
        if window is not None:
            low, high = window.center - window.width / 2, window.center + window.width / 2
        shown = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
        return np.rint(shown * 255).astype(np.uint8)
