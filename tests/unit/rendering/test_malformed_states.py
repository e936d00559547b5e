"""Presentation states that make little sense: they are refused, or shown as far as they do."""

from contextlib import suppress

import numpy as np
from hypothesis import given, strategies as st
from PIL import ImageFont

from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError, NotAcceptable
from gateway.rendering import presentation_states, softcopy
from gateway.rendering.display import Display
from gateway.rendering.softcopy import Room, Source
from tests.unit.rendering.states import COLOR, GRAYSCALE, PSEUDO_COLOR, SERIES, SOP

IMAGE = ImagePixel(4, 6, bits_allocated=8, bits_stored=8)
SAMPLES = np.arange(24, dtype=np.uint8).reshape(4, 6)
NUMBERS = (
    0x00081160, 0x00181602, 0x00181604, 0x00181606, 0x00181608, 0x00181610, 0x00181612,
    0x00181620, 0x00181622, 0x00181623, 0x00181624, 0x00281050, 0x00281051, 0x00281052,
    0x00281053, 0x00281101, 0x00281201, 0x00283002, 0x00283006, 0x60000010, 0x60000011,
    0x60000050, 0x60000102, 0x00700010, 0x00700011, 0x00700014, 0x00700022, 0x00700042,
    0x00700052, 0x00700053, 0x00700062, 0x00700066, 0x00700101, 0x00700102, 0x00700103,
    0x00700241, 0x00700251, 0x00700253, 0x00700401,
)  # fmt: skip
TEXTS = (
    0x00181600, 0x00281056, 0x20500020, 0x60001001, 0x60000040, 0x00700002, 0x00700003,
    0x00700005, 0x00700006, 0x00700012, 0x00700015, 0x00700023, 0x00700024, 0x00700041,
    0x00700100,
)  # fmt: skip
SEQUENCES = (
    0x00081115, 0x00081140, 0x00283000, 0x00283010, 0x00283110, 0x20500010, 0x0070005A,
    0x00700001, 0x00700008, 0x00700009, 0x00700060, 0x00700231, 0x00700232, 0x00700233,
)  # fmt: skip
WORDS = st.sampled_from(
    ["RECTANGULAR", "CIRCULAR", "POLYGONAL", "BITMAP", "POINT", "POLYLINE", "CIRCLE", "ELLIPSE",
     "INTERPOLATED", "DISPLAY", "PIXEL", "Y", "MAGNIFY", "TRUE SIZE", "INVERSE", "SIGMOID", "ONE",
     "RIGHT", "", "x\ny", "9" * 400]
)  # fmt: skip
VALUES = st.one_of(
    st.tuples(st.sampled_from(["IS", "DS", "CS"]), st.lists(WORDS, max_size=4)),
    st.tuples(st.just("SL"), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=6)),
    st.tuples(st.just("US"), st.lists(st.integers(0, 300), max_size=6)),
    st.tuples(st.just("FL"), st.lists(st.floats(width=32), max_size=8)),
    st.tuples(st.just("FL"), st.lists(st.floats(-9, 9, width=32), max_size=8)),
    st.tuples(st.just("OW"), st.sampled_from(["", "AAA=", "//8=", "AQIDBAUGBwg="])),
)


def _level(inner=None):
    numbers = st.tuples(st.sampled_from(NUMBERS), VALUES)
    words = st.tuples(st.sampled_from(TEXTS), st.tuples(st.just("CS"), st.lists(WORDS, max_size=2)))
    kinds = [numbers, words, words]
    if inner is not None:
        items = st.tuples(st.just("SQ"), st.lists(inner, max_size=3))
        kinds += [st.tuples(st.sampled_from(SEQUENCES), items)] * 3
    element = st.one_of(kinds).map(lambda made: (made[0], *made[1]))
    return st.lists(element, max_size=12).map(
        lambda found: sorted({one[0]: one for one in found}.values(), key=lambda one: one[0])
    )


STATES = _level(_level(_level(_level())))
CLASSES = st.sampled_from([GRAYSCALE, COLOR, PSEUDO_COLOR])


@given(STATES, CLASSES)
def test_no_state_is_too_malformed(dataset, sop_class):
    images = [[(0x00081155, "UI", [SOP])]]
    referenced = [[(0x00081140, "SQ", images), (0x0020000E, "UI", [SERIES])]]
    own = {0x00080016: ("UI", [sop_class]), 0x00081115: ("SQ", referenced)}
    given_state = {tag: (vr, value) for tag, vr, value in dataset} | own
    raw = sorted((tag, *value) for tag, value in given_state.items())
    with suppress(NotAcceptable, CodecError):
        state = presentation_states.parse(raw)
        assert state.covers(SOP, 1)
        picture = Display([], state.overriding(SOP, 1)).frame(1, SAMPLES, IMAGE)
        projection = softcopy.projection(state, SOP, 1, IMAGE, Room(None, 64))
        source = Source([], SOP, 1, SAMPLES, IMAGE)
        found = softcopy.present(picture, source, state, projection, ImageFont.load_default)
        assert found.dtype == np.uint8
        assert found.shape[:2] == (projection.height, projection.width)
        assert max(found.shape[:2]) <= 64
