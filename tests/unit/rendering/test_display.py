"""One display for many frames: tables that are shared, threads, and lower resolutions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gateway.codecs.samples import low_pass
from gateway.rendering import transformations
from gateway.rendering.luts import Lut
from gateway.rendering.modality import IDENTITY, Rescale
from gateway.rendering.palette import Palette
from gateway.rendering.stored import Stored
from gateway.rendering.transformations import Greyscale, Indexed
from gateway.rendering.voi import Window
from tests.unit.codecs.images import noise, smooth
from tests.unit.rendering.images import column, display, image, item, shown, stored, words
from tests.unit.rendering.palettes import palette, ramps

COLOURS = Palette(3, bytes(range(240)))
TRANSFORMATIONS = [
    Greyscale(Stored(8, 7, False), IDENTITY, Window(100, 50), "IDENTITY"),
    Greyscale(Stored(12, 11, True), Rescale(2.5, -100.0), Window(40, 400), "INVERSE"),
    Greyscale(Stored(12, 15, False), IDENTITY, Window(9, 3, "SIGMOID"), Lut(0, 8, words([3, 255]))),
    Greyscale(Stored(16, 15, True), Lut(-5, 16, words(range(99))), Window(50, 99), "IDENTITY"),
    Greyscale(Stored(16, 15, False), IDENTITY, Lut(9, 16, words([1, 60000])), COLOURS),
    Greyscale(Stored(10, 9, False), IDENTITY, Window(40, 400), "IDENTITY", COLOURS),
    Indexed(Stored(8, 7, True), COLOURS),
    Indexed(Stored(16, 15, False), COLOURS),
]


PAIRS = [
    (transformation, dtype)
    for transformation in TRANSFORMATIONS
    for dtype in ("u1", "i1", "<u2", "<i2")
    if transformation.stored.high < 8 * int(dtype[-1])
]


@pytest.mark.parametrize(("transformation", "dtype"), PAIRS, ids=range(len(PAIRS)))
def test_a_table_shows_what_the_transformation_shows(transformation, dtype):
    samples = noise((40, 50), dtype, 8 * int(dtype[-1]))
    found = transformations.picture(transformation, samples)
    assert np.array_equal(found, transformation.apply(samples))
    assert found.flags.c_contiguous
    assert found.flags.writeable


WIDE = [one for one in TRANSFORMATIONS if one.stored.high < 16]


@pytest.mark.parametrize("transformation", WIDE, ids=range(len(WIDE)))
def test_every_word_is_looked_up_block_by_block(transformation):
    """Bits above the value included, in a picture of more pixels than a block has."""
    samples = np.arange(3 * 50_000).astype("<u2").reshape(3, 50_000)
    for seen in (samples, samples[:, ::-2]):
        found = transformations.picture(transformation, seen)
        assert np.array_equal(found, transformation.apply(np.ascontiguousarray(seen)))


@pytest.mark.parametrize("shape", [(700, 300), (3, 70_000), (1, 1)])
def test_samples_without_a_table_are_transformed_block_by_block(shape):
    window = Window(1 << 31, 1 << 31)
    transformation = Greyscale(Stored(32, 31, False), Rescale(0.5, 9.0), window, COLOURS)
    samples = noise(shape, "<u4", 32)
    found = transformations.picture(transformation, samples)
    assert found.shape == (*shape, 3)
    assert np.array_equal(found, transformation.apply(samples))


def test_what_is_shown_alike_shares_a_table():
    transformations._table.cache_clear()
    window = {"WindowCenter": 600, "WindowWidth": 1600}
    for seed in range(5):
        shown(image(noise((8, 8), "<u2", 12, seed), BitsStored=12, **window))
    assert transformations._table.cache_info().misses == 1


def test_the_tables_are_bounded():
    made = image(noise((8, 8), "<u2", 12), BitsStored=12)
    one, kept = display(made), stored(made)
    for center in range(200):
        one.frame(1, *kept.decoded(), window=Window(center, 100))
    assert transformations._table.cache_info().currsize <= 64


def test_threads_share_a_display():
    frames = np.stack([noise((64, 64), "<u2", 12, seed) for seed in range(16)])
    made = image(frames, frames=16, BitsStored=12)
    made.PerFrameFunctionalGroupsSequence = [
        item(FrameVOILUTSequence=[item(WindowCenter=100 * number, WindowWidth=900 + number)])
        for number in range(16)
    ]
    kept = stored(made)
    decoded = [kept.decoded(number) for number in range(1, 17)]
    expected = [display(made).frame(number, *decoded[number - 1]) for number in range(1, 17)]
    transformations._table.cache_clear()
    together = display(made)

    def one(call):
        number = call % 16 + 1
        return np.array_equal(together.frame(number, *decoded[number - 1]), expected[number - 1])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(320)))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (image(column([0])), True),
        (image(column([0]), BitsStored=12), True),
        (image(column([0], "<f4")), True),
        (image(np.zeros((1, 1, 3), "u1")), True),
        (image(column([0]), BitsStored=12, HighBit=15), False),
        (image(column([0], "u1"), "PALETTE COLOR", **palette([4, 0, 16], *ramps(4))), False),
        (image(column([0]), PixelPresentation="COLOR", **palette([4, 9, 16], *ramps(4))), False),
        (image(column([0], "u1"), SegmentationType="LABELMAP"), False),
        (image(column([0], "u1"), SegmentationType="BINARY"), False),
        (image(column([0], "u1"), SegmentationType="FRACTIONAL"), True),
    ],
)
def test_what_may_be_shown_from_a_lower_resolution(made, expected):
    assert display(made).reducible is expected


@pytest.mark.parametrize(("data", "expected"), [(b"\1\0", True), (None, False)])
def test_overlays_in_pixel_words_need_all_of_them(data, expected):
    made = image(column([0]), BitsStored=12)
    for tag, vr, value in ((0x10, "US", 1), (0x11, "US", 1), (0x102, "US", 12)):
        made.add_new(0x60000000 | tag, vr, value)
    if data:
        made.add_new(0x60003000, "OW", data)
    assert display(made).reducible is expected


@pytest.mark.parametrize("signed", [False, True])
def test_a_lower_resolution_looks_like_the_whole(signed):
    dtype = "<i2" if signed else "<u2"
    samples = smooth((128, 96), dtype, 12)
    made = image(samples, BitsStored=12, WindowCenter=0 if signed else 2048, WindowWidth=3000)
    kept = stored(made)
    whole, described = kept.decoded()
    small = display(made).frame(1, low_pass(whole), described)
    large = display(made).frame(1, whole, described).astype(int)
    means = large.reshape(64, 2, 48, 2).mean(axis=(1, 3))
    assert small.shape == (64, 48)
    assert np.abs(small - means).mean() < 6
