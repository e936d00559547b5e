"""Frames presented: the steps put together, with the real display pipeline before them."""

import base64

import numpy as np
import pytest
from PIL import ImageFont

from gateway.dicom.image import ImagePixel
from gateway.dicomweb.rendered import Viewport
from gateway.errors import InvalidRequest
from gateway.rendering import presentation_states, softcopy
from gateway.rendering.display import Display
from gateway.rendering.softcopy import Room, Source
from tests.unit.rendering.documents import made
from tests.unit.rendering.states import (
    COLOR,
    PSEUDO_COLOR,
    SOP,
    annotation,
    graphic,
    internal,
    layered,
    state,
)

RED = [35578, 53664, 50858]
IMAGE = ImagePixel(4, 6, bits_allocated=8, bits_stored=8)
SAMPLES = (np.arange(24, dtype=np.uint8) * 10).reshape(4, 6)
BASE = made(
    Rows=4, Columns=6, BitsAllocated=8, BitsStored=8, HighBit=7, SamplesPerPixel=1,
    PhotometricInterpretation="MONOCHROME2", WindowCenter=1, WindowWidth=2,
)  # fmt: skip


def letters(size):
    return ImageFont.load_default(size)


def presented(dataset, viewport=None, extra=(), image=IMAGE, samples=SAMPLES, of_image=()):
    own = sorted([*internal(BASE), *of_image], key=lambda one: one[0])
    raw = sorted([*internal(dataset), *extra], key=lambda one: one[0])
    found = presentation_states.parse(raw)
    picture = Display(own, found.overriding(SOP, 1)).frame(1, samples, image)
    source = Source(own, SOP, 1, samples, image)
    to = softcopy.projection(found, SOP, 1, image, Room(viewport, 1000))
    return softcopy.present(picture, source, found, to, letters)


def test_a_state_that_changes_nothing_shows_stored_values():
    assert np.array_equal(presented(state()), SAMPLES)


def test_the_states_window_stands_for_the_images():
    window = made(WindowCenter=100, WindowWidth=1, WindowCenterWidthExplanation="")
    found = presented(state(SoftcopyVOILUTSequence=[window]))
    assert np.array_equal(found, np.where(SAMPLES >= 100, 255, 0))
    inverse = presented(state(SoftcopyVOILUTSequence=[window], PresentationLUTShape="INVERSE"))
    assert np.array_equal(inverse, 255 - found)


def test_the_shutter_is_painted_before_the_image_is_cut_and_turned():
    found = presented(
        layered(
            annotation(graphic("POLYLINE", 0.5, 0.5, 3.5, 0.5)),
            ShutterShape="RECTANGULAR",
            ShutterLeftVerticalEdge=2, ShutterRightVerticalEdge=6,
            ShutterUpperHorizontalEdge=2, ShutterLowerHorizontalEdge=4,
            ShutterPresentationValue=0x8080,
            DisplayedAreaSelectionSequence=[
                made(
                    DisplayedAreaTopLeftHandCorner=[1, 1],
                    DisplayedAreaBottomRightHandCorner=[3, 2],
                    PresentationSizeMode="SCALE TO FIT",
                )
            ],
            ImageRotation=90,
        )
    )  # fmt: skip
    # The first row is under the shutter and the line over it; turned, it is the last column.
    assert found.tolist() == [[128, 255], [70, 255], [80, 255]]


def bits(group, *rows, origin=(1, 1), **more):
    plane = np.array([[one == "#" for one in row] for row in rows], np.uint8)
    data = base64.b64encode(np.packbits(plane.ravel(), bitorder="little").tobytes()).decode()
    base = group << 16
    return [
        (base | 0x0010, "US", [plane.shape[0]]),
        (base | 0x0011, "US", [plane.shape[1]]),
        (base | 0x0040, "CS", ["G"]),
        (base | 0x0050, "SS", list(origin)),
        (base | 0x0100, "US", [1]),
        (base | 0x0102, "US", [0]),
        (base | 0x3000, "OW", data),
    ]


def test_overlays_are_drawn_where_they_are_activated():
    inks = {"ONE": {"GraphicLayerRecommendedDisplayGrayscaleValue": 0x4040}}
    active = [(0x60001001, "CS", ["ONE"])]
    of_image = bits(0x6000, "##", "#.", origin=(2, 3)) + bits(0x6002, "####")
    found = presented(layered(inks=inks), extra=active, of_image=of_image)
    expected = SAMPLES.copy()
    expected[[1, 1, 2], [2, 3, 2]] = 64
    assert np.array_equal(found, expected)
    assert np.array_equal(presented(layered(inks=inks), of_image=of_image), SAMPLES)


def test_the_states_overlay_stands_for_the_images_of_that_group():
    own = [*bits(0x6000, "#"), (0x60001001, "CS", ["ONE"])]
    found = presented(layered(), extra=own, of_image=bits(0x6000, "....", "####"))
    expected = SAMPLES.copy()
    expected[0, 0] = 255
    assert np.array_equal(found, expected)


def test_layers_lie_over_each_other_in_their_order():
    inks = {
        "LOW": {"GraphicLayerRecommendedDisplayGrayscaleValue": 0x1010},
        "HIGH": {"GraphicLayerRecommendedDisplayGrayscaleValue": 0x2020},
    }
    line = graphic("POLYLINE", 0.5, 1.5, 5.5, 1.5)
    across = graphic("POLYLINE", 2.5, 0.5, 2.5, 3.5)
    found = presented(
        layered(annotation(line, layer="HIGH"), annotation(across, layer="LOW"), inks=inks)
    )
    assert found[1].tolist() == [32] * 6
    assert found[:, 2].tolist() == [16, 32, 16, 16]
    unknown = presented(layered(annotation(line, layer="LOST"), annotation(across), inks=inks))
    assert unknown[1, 2] == 255


def test_a_colour_makes_the_picture_one_of_colours():
    inks = {"ONE": {"GraphicLayerRecommendedDisplayCIELabValue": RED}}
    found = presented(layered(annotation(graphic("POLYLINE", 0.5, 0.5, 5.5, 0.5)), inks=inks))
    assert found.shape == (4, 6, 3)
    assert found[0, 3].tolist() == [255, 0, 0]
    assert found[1, 3].tolist() == [90, 90, 90]


def test_a_coloured_image():
    colours = np.dstack([SAMPLES, SAMPLES // 2, 255 - SAMPLES])
    rgb = ImagePixel(4, 6, 3, 8, 8, photometric="RGB")
    shutter = {
        "ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": 2, "ShutterRightVerticalEdge": 6,
        "ShutterUpperHorizontalEdge": 1, "ShutterLowerHorizontalEdge": 4,
        "ShutterPresentationColorCIELabValue": RED,
    }  # fmt: skip
    found = presented(state(sop_class=COLOR, **shutter), image=rgb, samples=colours)
    assert (found[:, 0] == (255, 0, 0)).all()
    assert np.array_equal(found[:, 1:], colours[:, 1:])


def test_pseudo_colour():
    ramps = {
        "Red": np.arange(256) * 257,
        "Green": np.zeros(256),
        "Blue": 65535 - np.arange(256) * 257,
    }
    palette = {}
    for name, ramp in ramps.items():
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{name}PaletteColorLookupTableData"] = ramp.astype("<u2").tobytes()
    found = presented(state(sop_class=PSEUDO_COLOR, **palette))
    assert np.array_equal(found, np.dstack([SAMPLES, SAMPLES * 0, 255 - SAMPLES]))


def test_graphics_are_drawn_in_the_size_of_the_viewport():
    found = presented(
        layered(annotation(graphic("POLYLINE", 0.05, 2, 5.95, 2))), Viewport(600, 400)
    )
    assert found.shape == (400, 600)
    assert (found[200, 5:595] == 255).all()
    assert not (found[199] == 255).any()
    assert not (found[201] == 255).any()


def test_a_region_is_one_of_what_is_seen():
    turned = state(ImageRotation=180)
    found = presented(turned, Viewport(2, 1, left=4.0, top=3.0, region_width=2, region_height=1))
    assert found.tolist() == [[10, 0]]
    with pytest.raises(InvalidRequest, match="outside"):
        presented(turned, Viewport(2, 2, left=7.0))


def test_frames_of_a_lower_resolution():
    small = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
    shutter = {
        "ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": 3, "ShutterRightVerticalEdge": 6,
        "ShutterUpperHorizontalEdge": 1, "ShutterLowerHorizontalEdge": 4,
    }  # fmt: skip
    drawn = layered(annotation(graphic("POLYLINE", 2.5, 0.5, 5.5, 0.5)), **shutter)
    found = presented(drawn, Viewport(3, 2), samples=small)
    assert found.tolist() == [[0, 255, 255], [0, 50, 60]]
