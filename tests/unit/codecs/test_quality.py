"""One quality means one error, whatever the codec; libjpeg's own scale decides."""

import numpy as np
import pytest

from gateway.codecs import charls, libjpeg, openjpeg, openjph, registry
from gateway.codecs.quality import LOSSLESS, tolerance
from gateway.dicom import transfer_syntaxes as ts
from tests.unit.codecs.images import described, limits, smooth

WIDE = np.array([[0, 4095]], "<u2")
CODECS = [
    (ts.HTJ2K, openjph.compress),
    (ts.JPEG_2000, openjpeg.compress),
    (ts.JPEG_LS_NEAR, charls.compress),
]


def grainy(dtype, bits, grain=12, shape=(256, 256)):
    """A smooth picture with noise, as all that is acquired has."""
    low, high = limits(dtype, bits)
    noise = np.random.default_rng(3).normal(0, grain, shape)
    return np.clip(np.rint(smooth(shape, dtype, bits) + noise), low, high).astype(dtype)


@pytest.mark.parametrize(
    ("quality", "expected"),
    [(100, 0), (95, 0.8), (90, 1.6), (75, 4), (50, 8), (25, 16), (10, 40), (1, 400)],
)
def test_the_scale_is_libjpegs(quality, expected):
    assert tolerance(quality, WIDE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 255, 8), (1000, 1255, 8), (-100, 155, 8), (0, 51, 1.6), (-1000, -949, 1.6), (7, 7, 0)],
)
def test_few_grey_levels_lose_less(low, high, expected):
    assert tolerance(50, np.array([low, high], "<i2")) == pytest.approx(expected)


@pytest.mark.parametrize("quality", [1, 5, 10])
def test_never_more_than_an_eighth_of_the_range(quality):
    assert tolerance(quality, np.array([0, 80], "u1")) <= 10


@pytest.mark.parametrize(("dtype", "bits"), [("<u1", 8), ("<u2", 12), ("<i2", 12), ("<u2", 16)])
@pytest.mark.parametrize("quality", [95, 90, 75, 50])
@pytest.mark.parametrize(("syntax", "compress"), CODECS)
def test_all_codecs_lose_about_what_the_quality_allows(syntax, compress, quality, dtype, bits):
    samples = grainy(dtype, bits)
    image = described(samples, bits)
    found = registry.decode(syntax, compress(samples, image, quality), image)
    error = (found.astype(int) - samples).std()
    assert 0.4 * tolerance(quality, samples) < error < 1.3 * tolerance(quality, samples)


@pytest.mark.parametrize(("dtype", "bits"), [("<u1", 8), ("<u2", 12)])
@pytest.mark.parametrize("quality", [95, 90, 75, 50])
def test_so_does_jpeg(quality, dtype, bits):
    samples = grainy(dtype, bits)
    image = described(samples, bits)
    syntax = ts.JPEG_BASELINE if bits == 8 else ts.JPEG_EXTENDED
    compress = libjpeg.compress if bits == 8 else libjpeg.compress_extended
    found = registry.decode(syntax, compress(samples, image, quality), image)
    error = (found.astype(int) - samples).std()
    assert 0.5 * tolerance(quality, samples) < error < 2.5 * tolerance(quality, samples)


@pytest.mark.parametrize(("syntax", "compress"), CODECS)
def test_nothing_is_lost_at_100(syntax, compress):
    samples = grainy("<i2", 12)
    image = described(samples, 12)
    frame = compress(samples, image, LOSSLESS)
    assert np.array_equal(registry.decode(syntax, frame, image), samples)
