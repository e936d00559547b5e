"""Presentation states: what they say of which image."""

import pytest

from gateway.errors import NotAcceptable
from gateway.rendering import presentation_states
from gateway.rendering.displayed_areas import DisplayedArea, Orientation
from gateway.rendering.presentation_states import ImageReference
from tests.unit.rendering.documents import made
from tests.unit.rendering.states import (
    COLOR,
    OTHER,
    PSEUDO_COLOR,
    SERIES,
    SOP,
    STUDY,
    annotation,
    graphic,
    image,
    internal,
    layered,
    series,
    state,
)

CENTER, WIDTH, SHAPE, SLOPE = 0x00281050, 0x00281051, 0x20500020, 0x00281053


def parse(dataset):
    return presentation_states.parse(internal(dataset))


def tags(elements):
    return {tag: value for tag, _, value in elements}


@pytest.mark.parametrize(
    ("sop_class", "is_one"),
    [
        ("1.2.840.10008.5.1.4.1.1.11.1", True),
        ("1.2.840.10008.5.1.4.1.1.11.4", True),
        ("1.2.840.10008.5.1.4.1.1.1", False),
        ("1.2.840.10008.5.1.4.1.1.88.11", False),
    ],
)
def test_which_objects_are_states(sop_class, is_one):
    assert presentation_states.is_state(internal(made(SOPClassUID=sop_class))) is is_one


def test_references():
    dataset = state(image(), image(OTHER, [2, 5]))
    dataset.ReferencedSeriesSequence.append(series(image("1.2.3"), image("no UID"), uid="1.2"))
    dataset.ReferencedSeriesSequence.append(series(image("1.2.3"), uid="../.."))
    found = parse(dataset)
    assert found.study == STUDY
    assert found.references == (
        ImageReference(SERIES, SOP),
        ImageReference(SERIES, OTHER, (2, 5)),
        ImageReference("1.2", "1.2.3"),
    )
    assert found.covers(SOP, 7)
    assert found.covers(OTHER, 5)
    assert not found.covers(OTHER, 1)
    assert not found.covers("1.2.4", 1)


def windows(*items):
    return state(image(), image(OTHER), SoftcopyVOILUTSequence=list(items))


def window(center, *images):
    item = made(WindowCenter=center, WindowWidth=10, WindowCenterWidthExplanation="Bone")
    if images:
        item.ReferencedImageSequence = list(images)
    return item


def test_each_image_and_frame_has_its_own_window():
    found = parse(windows(window(1, image(SOP, [1, 2])), window(2, image(SOP)), window(3)))
    centers = [
        tags(found.overriding(sop, n))[CENTER] for sop, n in ((SOP, 2), (SOP, 3), (OTHER, 1))
    ]
    assert [float(center) for [center] in centers] == [1, 2, 3]
    only = parse(windows(window(1, image(SOP))))
    assert CENTER not in tags(only.overriding(OTHER, 1))


def test_the_transformations_of_grey_images():
    found = parse(
        state(
            PresentationLUTShape="INVERSE",
            RescaleSlope=2,
            RescaleIntercept=-5,
            SoftcopyVOILUTSequence=[window(1)],
            PatientName="Doe",
        )
    ).overriding(SOP, 1)
    assert [tag for tag, _, _ in found] == sorted(tags(found))
    assert set(tags(found)) == {0x00281052, SLOPE, CENTER, WIDTH, 0x00281055, SHAPE}
    assert tags(found)[SHAPE] == ["INVERSE"]


def test_a_grey_state_that_says_nothing_stands_for_the_images_own_all_the_same():
    dataset = state()
    del dataset.PresentationLUTShape
    assert tags(parse(dataset).overriding(SOP, 1)) == {SLOPE: ["1"]}


def test_the_transformations_of_coloured_images_are_their_own():
    assert parse(state(sop_class=COLOR)).overriding(SOP, 1) == ()


def test_pseudo_colour_brings_a_palette():
    palette = {
        f"{name}PaletteColorLookupTable{what}": value
        for name in ("Red", "Green", "Blue")
        for what, value in (("Descriptor", [2, 0, 16]), ("Data", b"\0\0\xff\xff"))
    }
    found = tags(parse(state(sop_class=PSEUDO_COLOR, **palette)).overriding(SOP, 1))
    assert list(map(int, found[0x00281101])) == [2, 0, 16]
    assert found[0x00281203]
    assert 0x00281101 not in tags(parse(state(**palette)).overriding(SOP, 1))


def area(left, right, *images, **attributes):
    item = made(
        DisplayedAreaTopLeftHandCorner=[left, 1],
        DisplayedAreaBottomRightHandCorner=[right, 4],
        PresentationSizeMode="SCALE TO FIT",
        PresentationPixelAspectRatio=[1, 1],
        **attributes,
    )
    if images:
        item.ReferencedImageSequence = list(images)
    return item


def test_areas_and_orientation():
    found = parse(
        state(
            DisplayedAreaSelectionSequence=[area(1, 2, image(SOP, [1])), area(3, 4, image(OTHER))],
            ImageRotation=270,
            ImageHorizontalFlip="Y",
        )
    )
    assert found.area(SOP, 1, 4, 4).box == (0, 0, 2, 4)
    assert found.area(OTHER, 9, 4, 4).box == (2, 0, 4, 4)
    assert found.area(SOP, 2, 4, 5) == DisplayedArea((0, 0, 5, 4))
    assert found.orientation == Orientation(3, True)


def test_annotations_by_image():
    everywhere = annotation(graphic("POINT", 1, 1))
    there = annotation(graphic("POINT", 2, 2), images=[image(OTHER, [3])])
    found = parse(layered(everywhere, there))
    points = [one.graphics[0].points[0] for one in found.annotations(OTHER, 3)]
    assert points == [(1, 1), (2, 2)]
    assert len(found.annotations(OTHER, 2)) == len(found.annotations(SOP, 3)) == 1


def test_too_many_graphics_are_refused():
    circles = annotation(*[graphic("CIRCLE", 1, 1, 2, 2)] * 2_000)
    parse(layered(*[circles] * 2))
    with pytest.raises(NotAcceptable, match="more graphics"):
        parse(layered(*[circles] * 3))


def overlay(group, **more):
    return {
        group << 16 | 0x0010: ("US", [2]),
        group << 16 | 0x0011: ("US", [2]),
        group << 16 | 0x0100: ("US", [1]),
        group << 16 | 0x3000: ("OW", "AQA="),
        **{group << 16 | tag: value for tag, value in more.items()},
    }


def test_overlays():
    dataset = internal(state(ShutterShape="BITMAP", ShutterOverlayGroup=0x6004))
    for group in (0x6000, 0x6004):
        dataset += [(tag, *value) for tag, value in overlay(group).items()]
    dataset += [(group << 16 | 0x1001, "CS", ["ONE"]) for group in (0x6000, 0x6002, 0x6004)]
    found = presentation_states.parse(sorted(dataset, key=lambda one: one[0]))
    assert found.activated == ((0x6000, "ONE"), (0x6002, "ONE"))
    assert set(found.planes) == {0x6000}
    assert found.shutter.bitmap.rows == 2


def test_what_cannot_be_presented_truly_is_refused():
    subtraction = {
        "MaskSubtractionSequence": [made(MaskOperation="AVG_SUB")],
        "RecommendedViewingMode": "SUB",
    }
    volume = area(1, 2, PixelOriginInterpretation="VOLUME")
    slide = image(sop_class="1.2.840.10008.5.1.4.1.1.77.1.6")
    for dataset, words in (
        (state(sop_class="1.2.840.10008.5.1.4.1.1.11.4"), "11.4 cannot be rendered"),
        (state(sop_class="1.2.840.10008.5.1.4.1.1.11.8"), "11.8 cannot be rendered"),
        (state(**subtraction), "subtract a mask"),
        (state(slide, DisplayedAreaSelectionSequence=[volume]), "total pixel matrix"),
        (layered(annotation(graphic("POINT", 1, 1, units="MATRIX"))), "total pixel matrix"),
    ):
        with pytest.raises(NotAcceptable, match=words):
            parse(dataset)
    parse(state(**{**subtraction, "RecommendedViewingMode": "NAT"}))
    parse(state(DisplayedAreaSelectionSequence=[volume]))  # as some say of images without tiles
