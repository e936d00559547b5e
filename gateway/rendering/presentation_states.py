"""Softcopy presentation states (PS3.3 A.33, C.11; PS3.4 N): what they say of which image."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from gateway.dicom import elements, uids
from gateway.dicom.elements import DataSet, Element
from gateway.errors import NotAcceptable
from gateway.rendering import (
    attributes,
    displayed_areas,
    graphic_annotations,
    overlays,
    shutters,
)
from gateway.rendering.displayed_areas import DisplayedArea, Orientation
from gateway.rendering.graphic_annotations import Annotation, Layer
from gateway.rendering.overlays import Overlay
from gateway.rendering.shutters import Shutter

GRAYSCALE: Final = "1.2.840.10008.5.1.4.1.1.11.1"
COLOR: Final = "1.2.840.10008.5.1.4.1.1.11.2"
PSEUDO_COLOR: Final = "1.2.840.10008.5.1.4.1.1.11.3"

_SLIDE: Final = "1.2.840.10008.5.1.4.1.1.77.1.6"
_STATES: Final = "1.2.840.10008.5.1.4.1.1.11."
_PRESENTED: Final = frozenset({GRAYSCALE, COLOR, PSEUDO_COLOR})
_MAX_EFFORT: Final = 1_000_000  # lines to draw: a few seconds if all are on one picture

_SOP_CLASS: Final = 0x00080016
_STUDY: Final = 0x0020000D
_SERIES: Final = 0x0020000E
_SERIES_SEQUENCE: Final = 0x00081115
_IMAGES: Final = 0x00081140
_REFERENCED_CLASS: Final = 0x00081150
_SOP_INSTANCE: Final = 0x00081155
_FRAMES: Final = 0x00081160
_AREAS: Final = 0x0070005A
_ANNOTATIONS: Final = 0x00700001
_SOFTCOPY_VOI: Final = 0x00283110
_ORIGIN: Final = 0x00480301
_MASK: Final = 0x00286100
_VIEWING_MODE: Final = 0x00281090
_PROFILE: Final = frozenset({0x00282000, 0x00282002})
_ACTIVATION: Final = 0x1001
_OVERLAY_GROUPS: Final = range(0x6000, 0x6020, 2)
_IDENTITY: Final[tuple[Element, ...]] = ((0x00281053, "DS", ["1"]),)

_VOI: Final = frozenset({0x00281050, 0x00281051, 0x00281055, 0x00281056, 0x00283010})
_GREYSCALE: Final = frozenset(
    {0x00281052, 0x00281053, 0x00281054, 0x00283000, 0x20500010, 0x20500020}
)
_PALETTE: Final = frozenset(
    {
        0x00281101, 0x00281102, 0x00281103, 0x00281199, 0x00281201, 0x00281202, 0x00281203,
        0x00281221, 0x00281222, 0x00281223,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image that a state applies to; without ``frames``, numbers from 1, to all of it."""

    series: str
    sop: str
    frames: tuple[int, ...] = ()

    def covers(self, sop: str, number: int) -> bool:
        """Whether the frame ``number`` of ``sop`` is meant."""
        return self.sop == sop and (not self.frames or number in self.frames)


_Content = TypeVar("_Content")
_Selected: TypeAlias = tuple[tuple[ImageReference, ...], _Content]
"""What an item of a sequence says, and of which images; without any of all that the state has."""


@dataclass(frozen=True, slots=True)
class PresentationState:
    """A grayscale, color or pseudo-color softcopy presentation state.

    ``activated`` are the groups of overlays, of the image or the state, that are drawn, and the
    layers that they belong to; ``planes`` those overlays that the state has itself; ``profile`` the
    elements of its ICC profile.
    """

    study: str
    references: tuple[ImageReference, ...]
    orientation: Orientation
    shutter: Shutter | None
    layers: tuple[Layer, ...]
    activated: tuple[tuple[int, str], ...]
    planes: Mapping[int, Overlay]
    profile: DataSet
    _contrast: tuple[Element, ...]
    _vois: tuple[_Selected[DataSet], ...]
    _areas: tuple[_Selected[DataSet], ...]
    _annotations: tuple[_Selected[Annotation], ...]

    def covers(self, sop: str, number: int) -> bool:
        """Whether the state says how the frame ``number`` of ``sop`` is presented."""
        return any(reference.covers(sop, number) for reference in self.references)

    def overriding(self, sop: str, number: int) -> tuple[Element, ...]:
        """The elements that stand for the image's own in ``Display``, none for color states."""
        if not self._contrast:
            return ()
        voi = next(_for(self._vois, sop, number), [])
        chosen = [element for element in voi if element[0] in _VOI]
        return tuple(sorted((*self._contrast, *chosen), key=lambda element: element[0]))

    def area(self, sop: str, number: int, rows: int, columns: int) -> DisplayedArea:
        """The part of an image of ``rows`` and ``columns`` that is shown of the frame."""
        return displayed_areas.area(next(_for(self._areas, sop, number), []), rows, columns)

    def annotations(self, sop: str, number: int) -> list[Annotation]:
        """The graphics and text of the frame ``number`` of ``sop``."""
        return list(_for(self._annotations, sop, number))


def is_state(dataset: DataSet) -> bool:
    """Whether ``dataset`` is a presentation state of any kind (PS3.4 B.5)."""
    return elements.text(dataset, _SOP_CLASS).startswith(_STATES)


def parse(dataset: DataSet) -> PresentationState:
    """The presentation state in ``dataset``.

    Raises:
        NotAcceptable: it is of a kind, or has a part, without which no true picture can be made.
    """
    _check(dataset)
    shutter_group = shutters.bitmap_group(dataset)
    planes = {group: plane for group, plane in _planes(dataset) if group != shutter_group}
    pictures_coloured = elements.text(dataset, _SOP_CLASS) != GRAYSCALE
    return PresentationState(
        elements.text(dataset, _STUDY),
        references(dataset),
        displayed_areas.orientation(dataset),
        shutters.of(dataset, coloured=pictures_coloured),
        graphic_annotations.layers(dataset),
        tuple((group, layer) for group, layer in _activated(dataset) if group != shutter_group),
        planes,
        [element for element in dataset if element[0] in _PROFILE],
        _contrast(dataset),
        _selected(dataset, _SOFTCOPY_VOI),
        _selected(dataset, _AREAS),
        _annotated(dataset),
    )


def references(dataset: DataSet) -> tuple[ImageReference, ...]:
    """The images that the state in ``dataset`` applies to, all of its own study (C.11.11)."""
    return tuple(
        reference
        for series in attributes.items(dataset, _SERIES_SEQUENCE)
        for reference in _references(series, elements.text(series, _SERIES))
        if uids.is_importable(reference.series)
    )


def _references(item: DataSet, series: str = "") -> tuple[ImageReference, ...]:
    found = (
        ImageReference(
            series,
            elements.text(image, _SOP_INSTANCE),
            tuple(number for number in attributes.integers(image, _FRAMES) if number > 0),
        )
        for image in attributes.items(item, _IMAGES)
    )
    return tuple(reference for reference in found if uids.is_importable(reference.sop))


def _check(dataset: DataSet) -> None:
    sop_class = elements.text(dataset, _SOP_CLASS)
    if sop_class not in _PRESENTED:
        raise NotAcceptable(f"Presentation states of SOP class {sop_class} cannot be rendered")
    subtracts = elements.text(dataset, _VIEWING_MODE) == "SUB"
    if subtracts and attributes.items(dataset, _MASK):
        raise NotAcceptable("Presentation states that subtract a mask cannot be rendered")
    matrix = _has_slides(dataset) and any(
        elements.text(area, _ORIGIN) == "VOLUME" for area in attributes.items(dataset, _AREAS)
    )
    annotations = attributes.items(dataset, _ANNOTATIONS)
    if matrix or any(map(graphic_annotations.in_matrix, annotations)):
        message = "Presentation states of a total pixel matrix of tiles cannot be rendered"
        raise NotAcceptable(message)


def _has_slides(dataset: DataSet) -> bool:
    """Whether the state is of whole slides; of other images a volume is each frame (C.10.4)."""
    return any(
        elements.text(image, _REFERENCED_CLASS) == _SLIDE
        for series in attributes.items(dataset, _SERIES_SEQUENCE)
        for image in attributes.items(series, _IMAGES)
    )


def _contrast(dataset: DataSet) -> tuple[Element, ...]:
    """Modality and Presentation LUT, or palette; for grey images there is always something."""
    sop_class = elements.text(dataset, _SOP_CLASS)
    if sop_class == COLOR:
        return ()
    wanted = _GREYSCALE | _PALETTE if sop_class == PSEUDO_COLOR else _GREYSCALE
    found = tuple(element for element in dataset if element[0] in wanted and element[2])
    return found or _IDENTITY


def _selected(dataset: DataSet, sequence: int) -> tuple[_Selected[DataSet], ...]:
    return tuple((_references(item), item) for item in attributes.items(dataset, sequence))


def _annotated(dataset: DataSet) -> tuple[_Selected[Annotation], ...]:
    found: list[_Selected[Annotation]] = []
    effort = 0
    for meant, item in _selected(dataset, _ANNOTATIONS):
        annotation = graphic_annotations.annotation(item)
        found.append((meant, annotation))
        effort += annotation.effort
        if effort > _MAX_EFFORT:
            raise NotAcceptable("The presentation state has more graphics than can be drawn")
    return tuple(found)


def _for(selected: Iterable[_Selected[_Content]], sop: str, number: int) -> Iterator[_Content]:
    """The items that are for the frame ``number`` of ``sop``, in their order."""
    for meant, item in selected:
        if not meant or any(reference.covers(sop, number) for reference in meant):
            yield item


def _activated(dataset: DataSet) -> Iterator[tuple[int, str]]:
    """The groups of overlays that are drawn, with their layers (PS3.3 C.11.7)."""
    for group in _OVERLAY_GROUPS:
        layer = elements.text(dataset, group << 16 | _ACTIVATION)
        if layer:
            yield group, layer


def _planes(dataset: DataSet) -> Iterator[tuple[int, Overlay]]:
    for group in _OVERLAY_GROUPS:
        own = [element for element in dataset if element[0] >> 16 == group]
        yield from ((group, plane) for plane in overlays.of(own))
