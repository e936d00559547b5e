"""Graphic layers and annotations of presentation states (PS3.3 C.10.5, C.10.7) as values.

Compound graphics are left to the simple objects that every state has beside them (C.10.5.1.2).
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, cielab, wording
from gateway.rendering.cielab import Ink

Point: TypeAlias = tuple[float, float]
"""Column and row."""

Units: TypeAlias = Literal["PIXEL", "DISPLAY"]
"""Pixels of the image from its upper left edge, or fractions of the displayed area as seen."""

_LAYERS: Final = 0x00700060
_LAYER: Final = 0x00700002
_ORDER: Final = 0x00700062
_GRAPHICS: Final = 0x00700009
_TEXTS: Final = 0x00700008
_LINE_STYLE: Final = 0x00700232
_FILL_STYLE: Final = 0x00700233
_TEXT_STYLE: Final = 0x00700231
_PATTERN_COLOUR: Final = 0x00700251
_TEXT_COLOUR: Final = 0x00700241

_UNITS: Final = (0x00700003, 0x00700004, 0x00700005)

_FARTHEST: Final = 1e6
_MAX_LETTERS: Final = 1_024
_THICKEST: Final = 32
_PIECES: Final = {"CIRCLE": 90, "ELLIPSE": 45, "INTERPOLATED": 12}  # lines for a point
_PER_LETTER: Final = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """A graphic layer: what is in one of a higher ``order`` is drawn over the others."""

    name: str
    order: int
    ink: Ink = cielab.WHITE


@dataclass(frozen=True, slots=True)
class Graphic:
    """A graphic object; ``ink`` and ``fill`` are its own, None are its layer's.

    ``kind`` is POINT, POLYLINE, INTERPOLATED, CIRCLE or ELLIPSE, ``thickness`` in pixels of the
    picture.
    """

    kind: str
    points: tuple[Point, ...]
    units: Units = "PIXEL"
    filled: bool = False
    ink: Ink | None = None
    fill: Ink | None = None
    thickness: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text object, in a box of which two corners are given, at an anchor point, or both.

    ``pointing`` says that the anchor point is to be seen; ``alignment`` is LEFT, CENTER or RIGHT.
    """

    text: str
    box: tuple[Point, Point] | None = None
    box_units: Units = "PIXEL"
    anchor: Point | None = None
    anchor_units: Units = "PIXEL"
    pointing: bool = False
    alignment: str = "LEFT"
    ink: Ink | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """The objects of one item of Graphic Annotation Sequence; ``layer`` names where they belong."""

    layer: str
    graphics: tuple[Graphic, ...]
    texts: tuple[Text, ...]

    @property
    def effort(self) -> int:
        """How much there is to be drawn, about in lines."""
        lines = sum(_PIECES.get(one.kind, 1) * len(one.points) for one in self.graphics)
        return lines + sum(_PER_LETTER * len(one.text) for one in self.texts)


def layers(state: DataSet) -> tuple[Layer, ...]:
    """The graphic layers of a state, the lowest first."""
    found = [
        Layer(
            elements.text(item, _LAYER),
            elements.number(item, _ORDER) or 0,
            _layer_ink(item),
        )
        for item in attributes.items(state, _LAYERS)
    ]
    return tuple(sorted(found, key=lambda layer: layer.order))


def _layer_ink(item: DataSet) -> Ink:
    """The recommended colour, else the recommended grey, else white."""
    colour, grey = _ink(item, 0x00700401), attributes.integers(item, 0x00700066)
    rgb = attributes.integers(item, 0x00700067)
    if colour is not None:
        return colour
    if grey:
        return cielab.grey(grey[0])
    if len(rgb) == 3:  # retired, in P-values
        return cielab.grey(rgb[0])[0], cielab.grey(rgb[1])[0], cielab.grey(rgb[2])[0]
    return cielab.WHITE


def _ink(item: DataSet, tag: int) -> Ink | None:
    values = attributes.integers(item, tag)
    return cielab.colour(values) if len(values) == 3 else None


def annotation(item: DataSet) -> Annotation:
    """The objects in ``item``; those that make no sense are left out."""
    graphics = map(_graphic, attributes.items(item, _GRAPHICS))
    texts = map(_text, attributes.items(item, _TEXTS))
    return Annotation(
        elements.text(item, _LAYER),
        tuple(graphic for graphic in graphics if graphic.points),
        tuple(text for text in texts if text.text and (text.box or text.anchor)),
    )


def _graphic(item: DataSet) -> Graphic:
    line = attributes.item(item, _LINE_STYLE)
    thickness = attributes.decimal(line, 0x00700253) or 1.0
    return Graphic(
        elements.text(item, 0x00700023),
        _points(item, 0x00700022),
        _units(item, 0x00700005),
        elements.text(item, 0x00700024) == "Y",
        _ink(line, _PATTERN_COLOUR),
        _ink(attributes.item(item, _FILL_STYLE), _PATTERN_COLOUR),
        min(max(round(thickness), 1), _THICKEST),
    )


def _text(item: DataSet) -> Text:
    corners = [_points(item, tag) for tag in (0x00700010, 0x00700011)]
    anchors = _points(item, 0x00700014)
    style = attributes.item(item, _TEXT_STYLE)
    return Text(
        wording.clean(elements.text(item, 0x00700006))[:_MAX_LETTERS],
        (corners[0][0], corners[1][0]) if all(corners) else None,
        _units(item, 0x00700003),
        anchors[0] if anchors else None,
        _units(item, 0x00700004),
        elements.text(item, 0x00700015) == "Y",
        elements.text(style, 0x00700242) or elements.text(item, 0x00700012) or "LEFT",
        _ink(style, _TEXT_COLOUR),
    )


def _points(item: DataSet, tag: int) -> tuple[Point, ...]:
    values = attributes.decimals(item, tag)
    if any(map(math.isnan, values)):
        return ()
    near = [max(-_FARTHEST, min(value, _FARTHEST)) for value in values]
    return tuple(zip(near[::2], near[1::2], strict=False))


def _units(item: DataSet, tag: int) -> Units:
    return "DISPLAY" if elements.text(item, tag) == "DISPLAY" else "PIXEL"


def in_matrix(item: DataSet) -> bool:
    """Whether an object in ``item`` is placed in a total pixel matrix of tiles (C.10.5)."""
    objects = [*attributes.items(item, _GRAPHICS), *attributes.items(item, _TEXTS)]
    return any(elements.text(one, tag) == "MATRIX" for one in objects for tag in _UNITS)
