"""A frame as a presentation state wants it seen (PS3.4 N.2): shutter, area, overlays, graphics.

The order is that of the standard: what is shuttered is painted over first, then the image is cut
and turned, and annotation comes last and is never covered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gateway.codecs.samples import Samples
from gateway.dicom.elements import DataSet
from gateway.dicom.image import ImagePixel
from gateway.dicomweb.rendered import Viewport
from gateway.rendering import geometry, graphics, overlays, projections, shutters, stored
from gateway.rendering.canvas import Canvas, Font, is_grey
from gateway.rendering.cielab import WHITE, Ink
from gateway.rendering.graphic_annotations import Annotation, Layer
from gateway.rendering.overlays import Mask, Overlay
from gateway.rendering.presentation import Picture
from gateway.rendering.presentation_states import PresentationState
from gateway.rendering.projections import Projection


@dataclass(frozen=True, slots=True)
class Room:
    """The picture that is wanted: ``viewport``, whose region is one of what is seen.

    Without one a pixel of the image is one of the picture, ``most`` for a side. Without ``enlarge``
    a viewport is not filled with more pixels than those.
    """

    viewport: Viewport | None
    most: int
    enlarge: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """One frame of an image: its data set, ``number`` from 1, and ``samples`` as decoded.

    ``aspect`` is the height of a pixel by its width.
    """

    dataset: DataSet
    sop: str
    number: int
    samples: Samples
    image: ImagePixel
    aspect: float = 1.0

    @property
    def step(self) -> float:
        """How many pixels of the image one sample stands for, on a side."""
        return float(2 ** round(np.log2(self.image.rows / self.samples.shape[0])))


def projection(
    state: PresentationState, sop: str, number: int, image: ImagePixel, room: Room
) -> Projection:
    """How the frame ``number`` of ``sop`` gets into the picture that there is ``room`` for.

    Raises:
        InvalidRequest: the viewport's region lies outside what is seen.
    """
    area = state.area(sop, number, image.rows, image.columns)
    columns, rows = area.size(state.orientation, room.most)
    plan = geometry.plan(room.viewport, rows, columns, enlarge=room.enlarge)
    return projections.project(area, state.orientation, plan, room.most)


def present(
    picture: Picture,
    source: Source,
    state: PresentationState,
    projection: Projection,
    font: Font,
) -> Picture:
    """``picture``, what ``Display`` makes of ``source``, presented by ``state``.

    ``projection`` is that of the displayed area. The picture is in colour if any colour is needed.
    """
    annotations = state.annotations(source.sop, source.number)
    inks = _inks(state, annotations)
    coloured = picture.ndim == 3 or not all(map(is_grey, inks))
    shuttered = _shuttered(picture, source, state, coloured=coloured)
    canvas = Canvas(projections.pixels(shuttered, source.step, projection), coloured=coloured)
    for layer in _layers(state, annotations):
        for mask in _overlaid(source, state, layer.name):
            canvas.cover(projections.mask(mask, source.step, projection), layer.ink)
        for annotation in annotations:
            if annotation.layer == layer.name:
                graphics.draw(canvas, annotation, projection, layer.ink, font)
    return canvas.picture()


def _layers(state: PresentationState, annotations: list[Annotation]) -> list[Layer]:
    """The layers from the lowest on; what names one that is not there comes on top, in white."""
    known = {layer.name for layer in state.layers}
    named = [one.layer for one in annotations] + [layer for _, layer in state.activated]
    others = dict.fromkeys(name for name in named if name not in known)
    return [*state.layers, *(Layer(name, 0, WHITE) for name in others)]


def _inks(state: PresentationState, annotations: list[Annotation]) -> list[Ink]:
    """All that is drawn with."""
    own = [ink for one in annotations for each in one.graphics for ink in (each.ink, each.fill)]
    texts = [text.ink for one in annotations for text in one.texts]
    shutter = [state.shutter.ink] if state.shutter else []
    found = [ink for ink in (*own, *texts, *shutter) if ink is not None]
    return [*found, *(layer.ink for layer in _layers(state, annotations))]


def _shuttered(
    picture: Picture, source: Source, state: PresentationState, *, coloured: bool
) -> Picture:
    if state.shutter is None:
        return picture
    rows, columns = picture.shape[:2]
    mask = shutters.hidden(state.shutter, (rows, columns), source.step, source.aspect)
    canvas = Canvas(picture, coloured=coloured)
    canvas.cover(mask, state.shutter.ink)
    return canvas.picture()


def _overlaid(source: Source, state: PresentationState, layer: str) -> list[Mask]:
    """What the overlays in ``layer`` cover of the samples; the state's own come first (C.11.7)."""
    bits = stored.of(source.dataset, source.image)
    size = (source.image.rows, source.image.columns)
    return [
        overlays.mask(found, source.number, size, source.samples, bits)
        for group, name in state.activated
        if name == layer and (found := _planes(source.dataset, group, state.planes))
    ]


def _planes(dataset: DataSet, group: int, own: Mapping[int, Overlay]) -> list[Overlay]:
    if group in own:
        return [own[group]]
    return overlays.of([element for element in dataset if element[0] >> 16 == group])
