"""Whatever a data set says, there is a picture or a sentence, never a crash or a warning."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import vrs
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from gateway.rendering.display import Display
from gateway.rendering.voi import Window
from tests.unit.dicom.datasets import elements

NESTED = {
    0x00283000: (0x00283002, 0x00283006),
    0x00283010: (0x00283002, 0x00283006),
    0x20500010: (0x00283002, 0x00283006),
    0x00289132: (0x00281050, 0x00281051, 0x00281056),
    0x00289145: (0x00281052, 0x00281053),
    0x00289110: (0x00280030,),
    0x00189226: (0x00089205,),
    0x00620002: (0x00620004,),
}
FLAT = [
    *(0x00280000 | low for low in (0x02, 0x04, 0x10, 0x11, 0x30, 0x34, 0x0101, 0x0102, 0x0120)),
    *(0x00280000 | low for low in (0x0121, 0x0122, 0x0124, 0x1050, 0x1051, 0x1052, 0x1053, 0x1056)),
    *(0x00280000 | low for low in (0x1101, 0x1102, 0x1103, 0x1201, 0x1202, 0x1203, 0x1221)),
    *(0x60000000 | low for low in (0x10, 0x11, 0x15, 0x40, 0x45, 0x50, 0x51, 0x0102, 0x3000)),
    *(0x00089205, 0x00181164, 0x20500020, 0x00620001, 0x0062000E, 0x00281222, 0x00281223),
]
SMALL = st.integers(-3, 20) | st.sampled_from([255, 256, 4096, 32767, -32768])
WORDS = st.lists(SMALL, min_size=1, max_size=4).map(lambda values: ("SS", values))
TEXTS = st.lists(
    st.sampled_from(["1", "0", "-0.5", "1e308", "nan", "", "x", "COLOR", "MIXED", "R", "INVERSE"])
    | st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP", "SIGMOID", "LINEAR_EXACT"]),
    max_size=3,
).map(lambda values: ("LO", values))
ANY = st.sampled_from(sorted(vrs.KNOWN)).flatmap(elements).map(lambda one: one[1:])
VALUES = WORDS | TEXTS | ANY


def items(tags):
    return st.lists(st.tuples(st.sampled_from(tags), VALUES).map(flat), max_size=4).map(ordered)


def flat(pair):
    tag, (vr, value) = pair
    return tag, vr, value


def ordered(made):
    return sorted({one[0]: one for one in made}.values(), key=lambda one: one[0])


NESTS = st.sampled_from(sorted(NESTED)).flatmap(
    lambda tag: items(NESTED[tag]).map(lambda item: (tag, "SQ", [item]))
)
GROUPS = st.tuples(
    st.sampled_from([0x52009229, 0x52009230]), st.just("SQ"), st.lists(st.lists(NESTS), max_size=2)
)
PLAIN = st.tuples(st.sampled_from(FLAT), VALUES).map(flat)
DATASETS = st.lists(PLAIN | NESTS | GROUPS, max_size=12).map(ordered)
WINDOWS = st.none() | st.builds(
    Window,
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)


def samples(image):
    """Noise of every kind of number that the type has."""
    size = int(np.prod(image.shape)) * np.dtype(image.dtype).itemsize
    raw = np.random.default_rng(7).bytes(size)
    return np.frombuffer(raw, image.dtype).reshape(image.shape)


@pytest.mark.parametrize(
    "image",
    [
        ImagePixel(5, 4, 1, 8, 8),
        ImagePixel(5, 4, 1, 16, 12, signed=True, photometric="MONOCHROME1"),
        ImagePixel(5, 4, 1, 16, 16, photometric="PALETTE COLOR"),
        ImagePixel(5, 4, 1, 32, 32, signed=True),
        ImagePixel(5, 4, 1, 32, 32, floating=True),
        ImagePixel(5, 4, 1, 64, 64, floating=True),
        ImagePixel(5, 4, 3, 8, 8, photometric="YBR_PARTIAL_420"),
        ImagePixel(5, 4, 3, 16, 12, photometric="RGB"),
    ],
    ids=lambda image: f"{image.photometric}-{image.dtype[1:]}",
)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_data_set_gives_a_picture_or_a_codec_error(image, data):
    dataset, state = data.draw(DATASETS), data.draw(st.just([]) | DATASETS)
    window = data.draw(WINDOWS)
    display = Display(dataset, state)
    assert all(side > 0 for side in display.aspect)
    assert display.reducible in (True, False)
    try:
        picture = display.frame(1, samples(image), image, window=window, overlays=True)
    except CodecError:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[:2] == (5, 4)
    assert picture.ndim == 2 or picture.shape[2] == 3
