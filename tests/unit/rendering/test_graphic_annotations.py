"""Graphic layers and annotations as values."""

import pytest

from gateway.rendering import graphic_annotations
from gateway.rendering.graphic_annotations import Annotation, Graphic, Layer, Text
from tests.unit.rendering.documents import made, plain
from tests.unit.rendering.states import annotation, graphic, internal, layered

RED = [35578, 53664, 50858]


def read(*graphics, texts=()):
    return graphic_annotations.annotation(plain(annotation(*graphics, texts=texts)))


def test_layers_come_in_their_order():
    inks = {
        "B": {"GraphicLayerRecommendedDisplayGrayscaleValue": 0x8080},
        "C": {"GraphicLayerRecommendedDisplayCIELabValue": RED},
        "D": {},
    }
    state = layered(inks=inks)
    state.GraphicLayerSequence[0].GraphicLayerOrder = 9
    state.GraphicLayerSequence.append(
        made(GraphicLayer="A", GraphicLayerRecommendedDisplayRGBValue=[0xFFFF, 0, 0x8080])
    )
    assert graphic_annotations.layers(internal(state)) == (
        Layer("A", 0, (255, 0, 128)),
        Layer("C", 2, (255, 0, 0)),
        Layer("D", 3, (255, 255, 255)),
        Layer("B", 9, (128, 128, 128)),
    )


def test_graphics():
    styled = graphic("CIRCLE", 1, 2, 3, 4, units="DISPLAY", GraphicFilled="Y")
    styled.LineStyleSequence = [made(PatternOnColorCIELabValue=RED, LineThickness=2.6)]
    styled.FillStyleSequence = [made(PatternOnColorCIELabValue=[0, 0x8080, 0x8080])]
    found = read(graphic("POLYLINE", 0, 0, 5.5, 1, 7), styled)
    assert found == Annotation(
        "ONE",
        (
            Graphic("POLYLINE", ((0, 0), (5.5, 1))),
            Graphic("CIRCLE", ((1, 2), (3, 4)), "DISPLAY", True, (255, 0, 0), (0, 0, 0), 3),
        ),
        (),
    )


def test_texts():
    boxed = made(
        UnformattedTextValue="one\r\ntwo",
        BoundingBoxAnnotationUnits="DISPLAY",
        BoundingBoxTopLeftHandCorner=[0.0, 0.25],
        BoundingBoxBottomRightHandCorner=[1.0, 0.5],
        BoundingBoxTextHorizontalJustification="RIGHT",
        TextStyleSequence=[made(TextColorCIELabValue=RED)],
    )
    anchored = made(
        UnformattedTextValue="here",
        AnchorPointAnnotationUnits="PIXEL",
        AnchorPoint=[3.0, 4.0],
        AnchorPointVisibility="Y",
    )
    assert read(texts=[boxed, anchored]).texts == (
        Text("one\ntwo", ((0, 0.25), (1, 0.5)), "DISPLAY", alignment="RIGHT", ink=(255, 0, 0)),
        Text("here", anchor=(3, 4), pointing=True),
    )


@pytest.mark.parametrize(
    "dataset",
    [
        annotation(graphic("POLYLINE")),
        annotation(graphic("POLYLINE", 1, float("nan"))),
        annotation(texts=[made(UnformattedTextValue="nowhere")]),
        annotation(texts=[made(AnchorPoint=[1.0, 1.0])]),
        made(GraphicLayer="ONE"),
    ],
)
def test_objects_that_make_no_sense_are_left_out(dataset):
    assert graphic_annotations.annotation(plain(dataset)) == Annotation("ONE", (), ())


def test_nothing_is_infinitely_far_away():
    [found] = read(graphic("POLYLINE", 1e30, -1e30, float("inf"), 1)).graphics or [None]
    assert found is None
    [found] = read(graphic("POLYLINE", 1e30, -1e30, 2, 1)).graphics
    assert found.points == ((1e6, -1e6), (2, 1))


def test_the_effort_of_drawing():
    circle = graphic("CIRCLE", 1, 2, 3, 4)
    text = made(UnformattedTextValue="abc", AnchorPoint=[1.0, 1.0])
    assert read(circle, graphic("POLYLINE", *range(20)), texts=[text]).effort == 180 + 10 + 12


@pytest.mark.parametrize(("units", "found"), [("MATRIX", True), ("PIXEL", False)])
def test_the_total_pixel_matrix_is_recognised(units, found):
    text = made(UnformattedTextValue="x", AnchorPointAnnotationUnits=units, AnchorPoint=[1.0, 1.0])
    drawn = annotation(graphic("POINT", 1, 1, units=units))
    for dataset in (drawn, annotation(texts=[text])):
        assert graphic_annotations.in_matrix(plain(dataset)) is found
