"""RLE Lossless, encoded by pydicom and by DCMTK."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydicom.pixels.encoders import RLELosslessEncoder

from gateway.codecs import rle
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests.unit.codecs.images import described, native, noise, of_file, smooth

KINDS = [
    ("<u1", 1),
    ("<i1", 1),
    ("<u2", 1),
    ("<i2", 1),
    ("<u1", 3),
    ("<u2", 3),
]


def encoded(samples):
    image = described(samples)
    options = {"planar_configuration": 0} if image.samples > 1 else {}
    return RLELosslessEncoder.encode(
        samples.tobytes(),
        rows=image.rows,
        columns=image.columns,
        samples_per_pixel=image.samples,
        number_of_frames=1,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        pixel_representation=int(image.signed),
        photometric_interpretation=image.photometric,
        encoding_plugin="pydicom",
        **options,
    )


@pytest.mark.parametrize(("dtype", "colours"), KINDS)
def test_frames_encoded_by_pydicom(dtype, colours):
    bits = 8 * int(dtype[2])

    @settings(max_examples=12, deadline=None)
    @given(st.integers(1, 9), st.integers(1, 200), st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        shape = (rows, columns, colours) if colours > 1 else (rows, columns)
        samples = pattern(shape, dtype, bits)
        found = rle.decode(encoded(samples), described(samples))
        assert found.dtype == samples.dtype
        assert np.array_equal(found, samples)

    check()


@pytest.mark.parametrize("length", [1, 2, 3, 127, 128, 129, 130, 256, 257, 300])
def test_runs_of_any_length(length):
    samples = np.full((3, length), 0x0102, "<u2")
    samples[1, ::2] = 0x0304
    assert np.array_equal(rle.decode(encoded(samples), described(samples)), samples)


@pytest.mark.parametrize(
    ("name", "source"), [("grey16_rle", "native_grey16"), ("rgb_rle", "native_rgb")]
)
def test_frames_encoded_by_dcmtk(name, source):
    image, [frame] = of_file(name)
    [expected] = native(source)
    found = rle.decode(frame, image)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def frame(*segments, offsets=None, count=None):
    """A frame by PS3.5 G.3: number of segments, offsets, segments."""
    starts = offsets or [64 + sum(map(len, segments[:at])) for at in range(len(segments))]
    header = struct.pack("<I", len(segments) if count is None else count)
    header += b"".join(struct.pack("<I", start) for start in starts)
    return header.ljust(64, b"\0") + b"".join(segments)


def test_bytes_of_a_sample_stand_most_significant_first():
    image = ImagePixel(1, 2)
    assert rle.decode(frame(b"\1\1\2\0", b"\1\3\4\0"), image).tolist() == [[0x0103, 0x0204]]


@pytest.mark.parametrize("signed", [False, True])
def test_samples_of_32_bits(signed):
    planes = [b"\1\xff\0\0", b"\1\xff\1\0", b"\1\xff\2\0", b"\1\xfe\3\0"]
    image = ImagePixel(1, 2, 1, 32, 32, signed=signed)
    expected = [-2 if signed else 0xFFFFFFFE, 0x00010203]
    assert rle.decode(frame(*planes), image).tolist() == [expected]


def test_planes_become_pixels():
    image = ImagePixel(1, 2, 3, 8, 8, photometric="RGB")
    found = rle.decode(frame(b"\1\1\2\0", b"\xff\3", b"\0\4\0\5"), image)
    assert found.tolist() == [[[1, 3, 4], [2, 3, 5]]]


def test_byte_128_does_nothing():
    found = rle.decode(frame(b"\x80\1\1\2\x80\x80\0\3"), ImagePixel(1, 3, 1, 8, 8))
    assert found.tolist() == [[1, 2, 3]]


def test_what_a_segment_holds_beyond_the_pixels_is_not_read():
    found = rle.decode(frame(b"\3\1\2\3\4\0"), ImagePixel(1, 2, 1, 8, 8))
    assert found.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "shorter than its header"),
        (bytes(63), "shorter than its header"),
        (frame(b"\1\1\2\0"), "1 segments, 2 are expected"),
        (frame(b"\1\1\2\0", b"\1\1\2\0", b"\1\1\2\0"), "3 segments, 2 are expected"),
        (frame(b"\1\1\2\0", b"\1\1\2\0", count=2**32 - 1), "4294967295 segments"),
        (frame(b"\1\1\2\0", b"\1\1\2\0", offsets=[0, 68]), "outside"),
        (frame(b"\1\1\2\0", b"\1\1\2\0", offsets=[64, 2**32 - 1]), "outside"),
        (frame(b"\1\1\2\0", b"\1\1\2\0", offsets=[68, 64]), "outside"),
        (frame(b"\1\1\2\0", b"\1\1\2\0", offsets=[64, 72]), "0 bytes, 2 are expected"),
        (frame(b"\1\1\2\0", b"\0\1"), "1 bytes, 2 are expected"),
    ],
)
def test_broken_frames(content, reason):
    with pytest.raises(CodecError, match=reason):
        rle.decode(content, ImagePixel(1, 2))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 3), st.lists(st.integers(0, 150), max_size=3))
def test_any_bytes_give_samples_or_an_error(content, count, offsets):
    image = ImagePixel(2, 2)
    try:
        found = rle.decode(frame(content, offsets=offsets, count=count), image)
    except CodecError:
        return
    assert found.shape == (2, 2)
