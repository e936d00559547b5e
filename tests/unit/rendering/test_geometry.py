"""Crop, scale and flip, against NumPy and Pillow on their own."""

import numpy as np
import pytest
from PIL import Image

from gateway.dicomweb.rendered import Viewport
from gateway.errors import InvalidRequest
from gateway.rendering import geometry
from gateway.rendering.geometry import Plan

ROWS, COLUMNS = 30, 50
RANDOM = np.random.default_rng(7)
GREY = RANDOM.integers(0, 256, (ROWS, COLUMNS), np.uint8)
COLOUR = RANDOM.integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
both = pytest.mark.parametrize("source", [GREY, COLOUR], ids=["grey", "colour"])


def shown(source, viewport, aspect=1.0, **options):
    plan = geometry.plan(viewport, *source.shape[:2], aspect, **options)
    return geometry.apply(source, plan)


@both
def test_without_a_viewport_the_pixels_are_those_of_the_source(source):
    assert np.array_equal(shown(source, None), source)
    assert np.array_equal(shown(source, None, aspect=2.0), source)


@both
def test_a_region_of_the_viewports_size_is_cut_out(source):
    region = shown(source, Viewport(20, 10, 5, 7, 20, 10))
    assert np.array_equal(region, source[7:17, 5:25])
    to_the_edge = shown(source, Viewport(10, 12, 40, 18))
    assert np.array_equal(to_the_edge, source[18:, 40:])


@both
def test_flips(source):
    whole = {"region_width": COLUMNS, "region_height": ROWS}
    box = Viewport(COLUMNS, ROWS, **whole, mirrored=True)
    assert np.array_equal(shown(source, box), source[:, ::-1])
    box = Viewport(COLUMNS, ROWS, **whole, flipped=True)
    assert np.array_equal(shown(source, box), source[::-1])
    box = Viewport(20, 10, 5, 7, 20, 10, mirrored=True, flipped=True)
    assert np.array_equal(shown(source, box), source[7:17, 5:25][::-1, ::-1])


@both
def test_a_region_is_scaled_and_what_lies_around_it_is_not_seen(source):
    region = source[7:17, 5:25]
    alone = Image.fromarray(region).resize((60, 30), Image.Resampling.BICUBIC)
    assert np.array_equal(shown(source, Viewport(60, 40, 5, 7, 20, 10)), np.asarray(alone))


@pytest.mark.parametrize(
    ("viewport", "aspect", "size"),
    [
        (Viewport(100, 100), 1.0, (100, 60)),  # as large as possible within the box
        (Viewport(500, 60), 1.0, (100, 60)),
        (Viewport(25, 25), 1.0, (25, 15)),
        (Viewport(1, 1), 1.0, (1, 1)),
        (Viewport(100, 1), 1.0, (2, 1)),
        (Viewport(100, 100), 2.0, (83, 100)),  # pixels twice as high as wide
        (Viewport(100, 100), 0.5, (100, 30)),
        (Viewport(64, 64, 10, 5, 20, 20), 1.0, (64, 64)),
        (Viewport(64, 64, 10, 5, 20, 20), 2.0, (32, 64)),
        (Viewport(64, 64, 40, 0, 20, 30), 1.0, (21, 64)),  # cut at the right edge: 10 x 30
        (Viewport(64, 64, 0.5, 0.25, 1.5, 3.0), 1.0, (32, 64)),
    ],
)
def test_sizes(viewport, aspect, size):
    assert shown(GREY, viewport, aspect).shape[::-1] == size


@pytest.mark.parametrize(
    ("box", "aspect", "size"),
    [
        (128, 1.0, (50, 30)),
        (25, 1.0, (25, 15)),
        (128, 2.0, (25, 30)),
        (128, 0.5, (50, 15)),
        (20, 2.0, (17, 20)),
    ],
)
def test_a_thumbnail_is_never_enlarged_nor_distorted(box, aspect, size):
    found = shown(GREY, Viewport(box, box), aspect, enlarge=False)
    assert found.shape[::-1] == size


@pytest.mark.parametrize(
    "viewport",
    [Viewport(10, 10, COLUMNS), Viewport(10, 10, 0, ROWS, 5, 5), Viewport(10, 10, 1e9, 0, 5, 5)],
)
def test_a_region_outside_the_image_is_refused(viewport):
    with pytest.raises(InvalidRequest) as refused:
        geometry.plan(viewport, ROWS, COLUMNS)
    assert refused.value.parameter == "viewport"


def test_what_is_shrunk_is_averaged():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    found = shown(stripes, Viewport(8, 8))
    assert abs(found.astype(int) - 128).max() <= 16


@pytest.mark.parametrize(
    ("size", "box", "most", "halvings"),
    [
        ((512, 512), 512, 5, 0),
        ((512, 512), 257, 5, 0),
        ((512, 512), 256, 5, 1),
        ((512, 512), 128, 5, 2),
        ((512, 512), 128, 1, 1),
        ((512, 512), 100, 5, 2),
        ((513, 513), 256, 5, 1),
        ((511, 511), 256, 5, 0),
        ((2048, 1024), 64, 9, 5),
        ((512, 512), 1, 9, 9),
    ],
)
def test_no_more_is_decoded_than_the_picture_has_pixels(size, box, most, halvings):
    plan = geometry.plan(Viewport(box, box), *size)
    assert geometry.reduction(plan, most) == halvings


def test_a_region_takes_the_resolution_that_it_is_shown_at():
    plan = geometry.plan(Viewport(64, 64, 0, 0, 128, 128), 1024, 1024)
    assert geometry.reduction(plan, 9) == 1
    assert geometry.reduction(geometry.plan(None, 1024, 1024), 9) == 0
    assert geometry.reduction(Plan((0, 0, 100, 100), 200, 10), 9) == 0


def test_a_source_that_was_halved_shows_the_same_region():
    y, x = np.mgrid[0:256, 0:256]
    source = ((x + y) // 2).astype(np.uint8)
    halved = source.reshape(64, 4, 64, 4).mean((1, 3)).astype(np.uint8)
    for viewport in (Viewport(32, 32), Viewport(16, 16, 64, 128, 128, 64, mirrored=True)):
        plan = geometry.plan(viewport, 256, 256)
        whole, reduced = geometry.apply(source, plan), geometry.apply(halved, plan, 2)
        assert whole.shape == reduced.shape
        assert abs(whole.astype(int) - reduced).max() <= 2


def test_a_halved_source_of_an_odd_size_is_not_read_beyond_its_edge():
    plan = geometry.plan(Viewport(13, 13), 101, 101)
    odd = np.full((13, 13), 77, np.uint8)  # 101 / 8 is 12.6
    assert np.array_equal(geometry.apply(odd, plan, 3), odd)
