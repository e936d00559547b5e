"""Overlays: where they lie, whose they are, and how they look."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs.samples import low_pass
from tests.unit.rendering.images import display, image, shown, stored

GREY = np.full((6, 8), 100, "u1")
WINDOW = {"WindowCenter": 128, "WindowWidth": 256}
DOT = [[1]]
CROSS = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


def overlay(bits, group=0x6000, *, origin=(1, 1), **more):
    """The elements of a group that draws ``bits``, of one frame or several."""
    bits = np.array(bits, "u1")
    rows, columns = bits.shape[-2:]
    data = np.packbits(bits.ravel(), bitorder="little").tobytes()
    found = {
        (0x10, "US"): rows,
        (0x11, "US"): columns,
        (0x40, "CS"): "G",
        (0x50, "SS"): list(origin),
        (0x100, "US"): 1,
        (0x102, "US"): 0,
        (0x3000, "OW"): data + bytes(len(data) % 2),
    }
    if bits.ndim == 3:
        found[0x15, "IS"] = len(bits)
    return {
        (group << 16 | tag, vr): value for (tag, vr), value in {**found, **more_of(more)}.items()
    }


def more_of(more):
    names = {"frames": (0x15, "IS"), "first": (0x51, "US"), "kind": (0x40, "CS")}
    names |= {"subtype": (0x45, "LO"), "data": (0x3000, "OW"), "bit": (0x102, "US")}
    names |= {"rows": (0x10, "US"), "allocated": (0x100, "US")}
    return {names[key]: value for key, value in more.items()}


def made(*groups, samples=GREY, **attributes):
    found = image(samples, **{**WINDOW, **attributes})
    for group in groups:
        for (tag, vr), value in group.items():
            if value is not None:
                found.add_new(tag, vr, value)
    return found


def drawn(source, number=1):
    """Where a frame is white."""
    picture = shown(source, number, overlays=True)
    return (picture == 255).astype(int)


def at(bits, row, column, shape=(6, 8)):
    bits = np.array(bits)
    whole = np.zeros(shape, int)
    whole[row : row + bits.shape[0], column : column + bits.shape[1]] = bits
    return whole


def test_only_where_they_are_asked_for():
    source = made(overlay(CROSS))
    assert (shown(source) == 100).all()
    assert np.array_equal(drawn(source), at(CROSS, 0, 0))
    assert (shown(source, overlays=True)[drawn(source) == 0] == 100).all()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ((1, 1), at(CROSS, 0, 0)),
        ((3, 5), at(CROSS, 2, 4)),
        ((0, 0), at([[1, 1], [1, 0]], 0, 0)),
        ((-1, 1), at([[0, 1, 0]], 0, 0)),
        ((5, 7), at([[0, 1], [1, 1]], 4, 6)),
        ((7, 1), at([[0]], 0, 0)),
        ((-2, 1), at([[0]], 0, 0)),
        ((1, 32767), at([[0]], 0, 0)),
        ((-32768, -32768), at([[0]], 0, 0)),
    ],
)
def test_the_origin(origin, expected):
    assert np.array_equal(drawn(made(overlay(CROSS, origin=origin))), expected)


def test_an_overlay_larger_than_the_image():
    bits = np.random.default_rng(1).integers(0, 2, (20, 30))
    assert np.array_equal(drawn(made(overlay(bits, origin=(-3, -5)))), bits[4:10, 6:14])


def test_all_groups_are_drawn():
    groups = [overlay(DOT, 0x6000 + 2 * n, origin=(1 + n // 8, 1 + n % 8)) for n in range(16)]
    found = drawn(made(*groups))
    assert found[:2].all()
    assert not found[2:].any()
    beyond = overlay(DOT, 0x6020, origin=(1, 1))
    assert not drawn(made(beyond)).any()


def test_colours_are_covered_with_white():
    samples = np.full((6, 8, 3), 40, "u1")
    found = shown(made(overlay(CROSS), samples=samples), overlays=True)
    assert found[0, 1].tolist() == [255, 255, 255]
    assert found[0, 0].tolist() == [40, 40, 40]


def test_the_samples_are_left_alone():
    source = made(overlay(CROSS), samples=np.full((6, 8, 3), 40, "u1"))
    kept = stored(source)
    samples, described = kept.decoded()
    display(source).frame(1, samples, described, overlays=True)
    assert (samples == 40).all()


FRAMES = np.full((3, 6, 8), 100, "u1")
ONE, TWO = at(DOT, 1, 1), at(DOT, 2, 2)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (overlay(ONE), [ONE, ONE, ONE]),
        (overlay(ONE, frames=1), [ONE, None, None]),
        (overlay(ONE, first=2), [None, ONE, None]),
        (overlay(ONE, frames=1, first=3), [None, None, ONE]),
        (overlay([ONE, TWO]), [ONE, TWO, None]),
        (overlay([ONE, TWO], first=2), [None, ONE, TWO]),
        (overlay([ONE, TWO, ONE], first=3), [None, None, ONE]),
    ],
)
def test_frames_of_overlays(group, expected):
    source = made(group, samples=FRAMES, frames=3)
    for number, bits in enumerate(expected, 1):
        assert np.array_equal(drawn(source, number), np.zeros((6, 8)) if bits is None else bits)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.randoms(use_true_random=False))
def test_frames_that_begin_within_a_byte(rows, columns, count, random):
    bits = np.array([random.getrandbits(1) for _ in range(rows * columns * count)])
    bits = bits.reshape(count, rows, columns)
    source = made(overlay(bits), samples=np.full((count, rows, columns), 9, "u1"), frames=count)
    for number in range(count):
        assert np.array_equal(drawn(source, number + 1), bits[number])


@pytest.mark.parametrize("size", [0, 2, 4])
def test_data_that_are_cut_short(size):
    whole = overlay(np.ones((6, 8)))
    data = next(value for (tag, _), value in whole.items() if tag & 0xFFFF == 0x3000)
    found = drawn(made(overlay(np.ones((6, 8)), data=data[:size])))
    assert np.array_equal(found.ravel(), [1] * 8 * size + [0] * (48 - 8 * size))


def test_a_size_that_no_data_can_fill_costs_nothing():
    found = drawn(made(overlay(np.ones((2, 8)), rows=65535)))
    assert np.array_equal(found, at(np.ones((2, 8)), 0, 0))


@pytest.mark.parametrize("name", ["rows", "data"])
def test_an_overlay_without_what_it_needs(name):
    assert not drawn(made(overlay(CROSS, **{name: None}))).any()


# Regions of interest

AREA = np.zeros((6, 8), int)
AREA[1:5, 2:7] = 1
AREA[0, 0] = 1
OUTLINE = AREA.copy()
OUTLINE[2:4, 3:6] = 0


def test_regions_are_outlined():
    assert np.array_equal(drawn(made(overlay(AREA, kind="R"))), OUTLINE)
    assert np.array_equal(drawn(made(overlay(AREA))), AREA)


def test_a_region_has_an_edge_at_the_edge_of_its_plane():
    expected = np.ones((6, 8), int)
    expected[1:5, 1:7] = 0
    assert np.array_equal(drawn(made(overlay(np.ones((6, 8)), kind="R"))), expected)


@pytest.mark.parametrize(
    ("subtype", "visible"),
    [("USER", True), ("AUTOMATED", True), ("ACTIVE 2D/BMODE IMAGE AREA", False)],
)
def test_the_active_area_of_an_ultrasound_image_is_no_drawing(subtype, visible):
    assert drawn(made(overlay(AREA, subtype=subtype))).any() == visible


# In bits of the pixel words

WORDS = np.full((6, 8), 1000, "<u2")
TWELVE = {"BitsStored": 12, "WindowCenter": 2048, "WindowWidth": 4096}


def inside(bit, **more):
    return overlay(np.zeros((6, 8)), data=None, bit=bit, allocated=16, **more)


@pytest.mark.parametrize("bit", [12, 15])
def test_bits_of_the_words(bit):
    samples = WORDS | (AREA << bit).astype("<u2")
    source = made(inside(bit), samples=samples, **TWELVE)
    assert np.array_equal(drawn(source), AREA)
    assert np.ptp(shown(source)) == 0
    source = made(inside(bit, kind="R"), samples=samples, **TWELVE)
    assert np.array_equal(drawn(source), OUTLINE)


def test_bits_below_the_value():
    samples = (WORDS << 4) | (AREA << 1).astype("<u2")
    source = made(inside(1), samples=samples, HighBit=15, **TWELVE)
    assert np.array_equal(drawn(source), AREA)
    assert np.ptp(shown(source)) == 0


@pytest.mark.parametrize("bit", [0, 11, 16, 99])
def test_bits_of_the_value_itself_are_no_overlay(bit):
    assert not drawn(made(inside(bit), samples=WORDS | 1, **TWELVE)).any()


@pytest.mark.parametrize("extended", [True, False])
def test_a_sign_is_no_overlay(extended):
    values = np.where(AREA, -5, 5).astype("<i2")
    samples = values if extended else (values & 0xFFF) | (AREA[::-1] << 12).astype("<i2")
    source = made(inside(12), samples=samples, PixelRepresentation=1, **TWELVE)
    assert np.array_equal(drawn(source), np.zeros((6, 8)) if extended else AREA[::-1])


def test_bits_of_every_frame():
    samples = np.stack([WORDS, WORDS | (AREA << 13).astype("<u2")])
    source = made(inside(13), samples=samples, frames=2, **TWELVE)
    assert not drawn(source, 1).any()
    assert np.array_equal(drawn(source, 2), AREA)


# At lower resolutions


@pytest.mark.parametrize("shape", [(64, 64), (61, 47), (5, 128)])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_reduced_frame_has_every_line_of_its_overlay(shape, levels):
    bits = (np.random.default_rng(2).random(shape) < 0.03).astype("u1")
    source = made(overlay(bits), samples=np.full(shape, 90, "u1"))
    samples, described = stored(source).decoded()
    for _ in range(levels):
        samples = low_pass(samples)
    found = display(source).frame(1, samples, described, overlays=True)
    assert found.shape == samples.shape
    expected = np.zeros(samples.shape, bool)
    for row, column in np.argwhere(bits):
        expected[row >> levels, column >> levels] = True
    assert np.array_equal(found == 255, expected)
