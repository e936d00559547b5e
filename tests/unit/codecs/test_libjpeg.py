"""JPEG, DCT and lossless, as DCMTK and imagecodecs encode it, against Pillow's decoder."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from gateway.codecs import libjpeg
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests.unit.codecs.images import described, native, noise, of_file, smooth

GREY = smooth((29, 37), "<u1", 8)
RGB = smooth((30, 40, 3), "<u1", 8)


def by_pillow(frame, mode):
    """The components as they are coded, which Pillow gives in draft mode."""
    with Image.open(io.BytesIO(frame)) as picture:
        picture.draft(mode, picture.size)
        assert picture.mode == mode
        return np.asarray(picture)


@pytest.mark.parametrize("selection", range(1, 8))
def test_lossless_with_every_predictor(selection):
    image, [frame] = of_file(f"grey16_jpeg57_sv{selection}")
    [expected] = native("native_grey16")
    found = libjpeg.decode(frame, image)
    assert found.dtype == np.dtype("<i2")
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("grey12_jpeg70", "native_grey12"),
        ("rgb_jpeg57", "native_rgb"),
        ("rgb_jpeg70", "native_rgb"),
    ],
)
def test_lossless_files(name, source):
    image, [frame] = of_file(name)
    [expected] = native(source)
    found = libjpeg.decode(frame, image)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_of_any_precision(bits, signed):
    coded = noise((29, 37), "<u2", bits)
    frame = bytes(imagecodecs.ljpeg_encode(coded, bitspersample=bits))
    image = ImagePixel(29, 37, 1, 16, bits, signed=signed)
    values = coded.astype(int)
    expected = np.where(signed & (values >= 1 << (bits - 1)), values - (1 << bits), values)
    assert np.array_equal(libjpeg.decode(frame, image), expected)


def test_12_bits_by_dct():
    image, [frame] = of_file("grey12_jpeg51")
    [source] = native("native_grey12")
    found = libjpeg.decode(frame, image)
    assert found.dtype == np.dtype("<u2")
    assert found.max() > 3000
    assert 0 < np.abs(found.astype(int) - source).max() < 100


def test_8_bits_by_dct():
    frame = bytes(imagecodecs.jpeg8_encode(GREY, level=90))
    found = libjpeg.decode(frame, described(GREY))
    assert np.abs(found.astype(int) - by_pillow(frame, "L")).max() <= 1
    assert np.abs(found.astype(int) - GREY).max() < 10


def test_no_colour_is_converted():
    frame = bytes(imagecodecs.jpeg8_encode(RGB, level=95))
    found = libjpeg.decode(frame, described(RGB)).astype(int)
    assert np.abs(found - by_pillow(frame, "YCbCr")).max() <= 1
    red, green, blue = np.moveaxis(RGB.astype(float), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert np.abs(found[..., 0] - luma).max() < 6
    assert np.abs(found - RGB).max() > 20


def test_components_that_are_red_green_and_blue():
    frame = bytes(imagecodecs.jpeg8_encode(RGB, level=95, colorspace="RGB", outcolorspace="RGB"))
    found = libjpeg.decode(frame, described(RGB)).astype(int)
    assert np.abs(found - RGB).max() < 12


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
def test_subsampled_chroma_comes_at_full_size(subsampling):
    frame = bytes(imagecodecs.jpeg8_encode(RGB, level=95, subsampling=subsampling))
    found = libjpeg.decode(frame, described(RGB, photometric="YBR_FULL_422"))
    assert found.shape == (30, 40, 3)
    assert np.abs(found.astype(int) - by_pillow(frame, "YCbCr")).max() <= 1


@pytest.mark.parametrize("name", ["rgb_jpeg50", "fragments"])
def test_lossy_files(name):
    image, frames = of_file(name)
    for frame in frames:
        found = libjpeg.decode(frame, image).astype(int)
        assert np.abs(found - by_pillow(frame, "YCbCr")).max() <= 1


@pytest.mark.parametrize("end", [0, 2, 20, 150])
def test_a_frame_cut_in_its_headers_is_refused(end):
    frame = bytes(imagecodecs.jpeg8_encode(GREY))
    with pytest.raises(CodecError):
        libjpeg.decode(frame[:end], described(GREY))


def test_a_frame_without_quantization_tables_is_refused():
    frame = bytes(imagecodecs.jpeg8_encode(GREY)).replace(b"\xff\xdb", b"\xff\xe5")
    with pytest.raises(CodecError, match="libjpeg-turbo cannot decode"):
        libjpeg.decode(frame, described(GREY))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ImagePixel(37, 29, 1, 8, 8), "29x37"),
        (ImagePixel(29, 37, 3, 8, 8, photometric="RGB"), "29x37"),
    ],
    ids=str,
)
def test_a_frame_that_does_not_fit_is_refused(image, reason):
    with pytest.raises(CodecError, match=reason):
        libjpeg.decode(bytes(imagecodecs.jpeg8_encode(GREY)), image)


def test_a_frame_of_more_bits_than_allocated_is_refused():
    image, [frame] = of_file("grey12_jpeg51")
    with pytest.raises(CodecError, match="12 bits"):
        libjpeg.decode(frame, ImagePixel(image.rows, image.columns, 1, 8, 8))
