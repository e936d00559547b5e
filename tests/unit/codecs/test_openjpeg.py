"""JPEG 2000: frames of imagecodecs' encoder, checked with pylibjpeg's decoder."""

import imagecodecs
import numpy as np
import openjpeg as pylibjpeg
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import openjpeg
from gateway.codecs.codestream import jpeg_2000
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests.unit.codecs.images import described, noise, of_file, smooth


def encoded(samples, **options):
    settings = {"codecformat": "j2k", "reversible": True, **options}
    return bytes(imagecodecs.jpeg2k_encode(samples, **settings))


@pytest.mark.parametrize("dtype", ["<u1", "<i1", "<u2", "<i2"])
@pytest.mark.parametrize("colours", [1, 3])
def test_lossless_frames_come_back(dtype, colours):
    @settings(max_examples=8, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        shape = (rows, columns, colours) if colours > 1 else (rows, columns)
        samples = pattern(shape, dtype, 8 * int(dtype[2]))
        found = openjpeg.decode(encoded(samples), described(samples))
        assert found.dtype == samples.dtype
        assert np.array_equal(found, samples)

    check()


DEPTHS = [("<u1", 8), ("<i1", 8), ("<u1", 5), ("<u2", 16), ("<i2", 16), ("<u2", 12), ("<i2", 13)]


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize(("dtype", "bits"), DEPTHS)
def test_what_is_encoded_comes_back_from_two_decoders(dtype, bits, colours):
    @settings(max_examples=8, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        shape = (rows, columns, colours) if colours > 1 else (rows, columns)
        samples = pattern(shape, dtype, bits)
        frame = openjpeg.encode(samples, described(samples, bits))
        assert np.array_equal(openjpeg.decode(frame, described(samples, bits)), samples)
        assert np.array_equal(pylibjpeg.decode(frame), samples)

    check()


@pytest.mark.parametrize(
    ("dtype", "bits", "beyond", "declared"),
    [
        ("<u2", 12, 0, (12, False)),
        ("<i2", 12, 0, (12, True)),
        ("<u2", 12, 4096, (16, False)),
        ("<i2", 12, -2049, (16, True)),
        ("<u2", 8, 0, (16, False)),
        ("<u1", 6, 0, (8, False)),
    ],
)
def test_the_header_declares_bits_stored_and_no_loss(dtype, bits, beyond, declared):
    samples = noise((20, 30), dtype, bits)
    if beyond:
        samples[7, 7] = beyond
    frame = openjpeg.encode(samples, described(samples, bits))
    header = jpeg_2000(frame)
    assert (header.precision, header.signed) == declared
    assert header.reversible
    assert frame.startswith(b"\xff\x4f")
    assert np.array_equal(pylibjpeg.decode(frame), samples)


def test_three_components_are_transformed_and_one_is_not():
    colours, grey = noise((20, 30, 3), "<u1", 8), noise((20, 30), "<u1", 8)
    assert jpeg_2000(openjpeg.encode(colours, described(colours))).transformed
    assert not jpeg_2000(openjpeg.encode(grey, described(grey))).transformed


@pytest.mark.parametrize("codecformat", ["j2k", "jp2"])
@pytest.mark.parametrize("mct", [False, True])
def test_boxed_or_bare_with_a_component_transform_or_without(codecformat, mct):
    samples = noise((20, 30, 3), "<u1", 8)
    frame = encoded(samples, codecformat=codecformat, mct=mct)
    assert np.array_equal(openjpeg.decode(frame, described(samples)), samples)
    assert np.array_equal(pylibjpeg.decode(frame), samples)


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_samples_of_fewer_bits(bits):
    samples = noise((20, 30), "<u2", bits)
    found = openjpeg.decode(encoded(samples, bitspersample=bits), described(samples, bits))
    assert found.dtype == np.dtype("<u2")
    assert np.array_equal(found, samples)


def test_an_unsigned_codestream_of_a_signed_image():
    samples = np.array([[0, 2047, 2048, 4095]], "<u2")
    image = ImagePixel(1, 4, 1, 16, 12, signed=True)
    found = openjpeg.decode(encoded(samples, bitspersample=12), image)
    assert found.tolist() == [[0, 2047, -2048, -1]]


def test_a_signed_codestream_of_an_unsigned_image():
    samples = np.array([[0, 32767, -32768, -1]], "<i2")
    found = openjpeg.decode(encoded(samples), ImagePixel(1, 4))
    assert found.tolist() == [[0, 32767, 32768, 65535]]


@pytest.mark.parametrize("colours", [1, 3])
def test_lossy_frames_are_as_another_decoder_gives_them(colours):
    samples = smooth((40, 50, 3)[: 1 + (colours > 1) + 1], "<u1", 8)
    frame = encoded(samples, reversible=False, level=40)
    found = openjpeg.decode(frame, described(samples))
    assert np.array_equal(found, pylibjpeg.decode(frame))
    assert 0 < np.abs(found.astype(int) - samples).max() < 32


def test_lossy_frames_are_clipped():
    samples = np.zeros((64, 64), "u1")
    samples[:, ::2] = samples[20:40] = 255
    found = openjpeg.decode(encoded(samples, reversible=False, level=30), described(samples))
    assert np.abs(found.astype(int) - samples).max() < 60


def test_a_file():
    image, frames = of_file("jpeg2000_rgb")
    assert len(frames) == 2
    for frame in frames:
        assert np.array_equal(openjpeg.decode(frame, image), pylibjpeg.decode(frame))


@pytest.mark.parametrize("end", [0, 2, 44, 60, 90])
def test_a_frame_cut_in_its_headers_is_refused(end):
    samples = smooth((40, 50), "<u2", 16)
    with pytest.raises(CodecError):
        openjpeg.decode(encoded(samples)[:end], described(samples))


def test_a_damaged_header_is_refused():
    samples = smooth((40, 50), "<u1", 8)
    frame = bytearray(encoded(samples))
    frame[24:28] = bytes(4)  # tiles of no width
    with pytest.raises(CodecError, match="OpenJPEG cannot decode"):
        openjpeg.decode(bytes(frame), described(samples))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ImagePixel(50, 40), "40x50"),
        (ImagePixel(40, 50, 3), "40x50"),
        (ImagePixel(40, 50, 1, 8, 8), "16 bits"),
    ],
    ids=str,
)
def test_a_frame_that_does_not_fit_is_refused(image, reason):
    with pytest.raises(CodecError, match=reason):
        openjpeg.decode(encoded(smooth((40, 50), "<u2", 16)), image)
