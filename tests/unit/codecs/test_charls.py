"""JPEG-LS as DCMTK encodes it, and imagecodecs."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import charls
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests.unit.codecs.images import described, native, noise, of_file, smooth

# Nine pixels in three scans (interleave mode none), by DCMTK.
BY_PLANE = bytes.fromhex(
    "ffd8fff70011080003000303011100021100031100ffda000801010000000000000172000001c53a0030001400"
    "000654500000173020ffda0008010200000000000001d0000001f115000000670000006f800e5fb40068ffda00"
    "08010300000000000001de00000280c4028000606000001c100000189000c0ffffd9"
)


@pytest.mark.parametrize("mode", ["none", "line", "sample"])
def test_every_interleave_mode(mode):
    image, [frame] = of_file(f"rgb_jls80_{mode}")
    [expected] = native("native_rgb")
    assert np.array_equal(charls.decode(frame, image), expected)


def test_as_many_pixels_as_planes():
    found = charls.decode(BY_PLANE, ImagePixel(3, 3, 3, 8, 8, photometric="RGB"))
    assert found.tolist() == [
        [[58, 105, 112], [215, 240, 157], [124, 133, 23]],
        [[77, 26, 95], [244, 1, 107], [78, 23, 12]],
        [[70, 107, 192], [179, 94, 123], [66, 178, 3]],
    ]


def test_a_signed_file():
    image, [frame] = of_file("grey16_jls80")
    [expected] = native("native_grey16")
    found = charls.decode(frame, image)
    assert found.dtype == np.dtype("<i2")
    assert np.array_equal(found, expected)


def test_a_near_lossless_file():
    image, [frame] = of_file("grey12_jls81")
    [source] = native("native_grey12")
    found = charls.decode(frame, image)
    assert 0 < np.abs(found.astype(int) - source).max() <= 3


@pytest.mark.parametrize(("dtype", "colours"), [("<u1", 1), ("<u2", 1), ("<u1", 3), ("<u2", 3)])
def test_lossless_frames_come_back(dtype, colours):
    @settings(max_examples=10, deadline=None)
    @given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([noise, smooth]))
    def check(rows, columns, pattern):
        shape = (rows, columns, colours) if colours > 1 else (rows, columns)
        samples = pattern(shape, dtype, 8 * int(dtype[2]))
        frame = bytes(imagecodecs.jpegls_encode(samples))
        found = charls.decode(frame, described(samples))
        assert found.dtype == samples.dtype
        assert np.array_equal(found, samples)

    check()


@pytest.mark.parametrize(
    ("coded", "declared", "expected"),
    [
        (np.array([[0, 127, 128, 255]], "u1"), "i1", [0, 127, -128, -1]),
        (np.array([[0, 32767, 32768, 65535]], "<u2"), "<i2", [0, 32767, -32768, -1]),
        (np.array([[0, 127, 128, 255]], "u1"), "<i2", [0, 127, -128, -1]),
        (np.array([[0, 127, 128, 255]], "u1"), "<u2", [0, 127, 128, 255]),
    ],
)
def test_the_data_set_decides_of_the_sign(coded, declared, expected):
    frame = bytes(imagecodecs.jpegls_encode(coded))
    found = charls.decode(frame, described(np.zeros(coded.shape, declared)))
    assert found.tolist() == [expected]


@pytest.mark.parametrize("end", [0, 2, 20, 60, 100])
def test_a_frame_cut_short_is_refused(end):
    samples = smooth((40, 50), "<u2", 16)
    frame = bytes(imagecodecs.jpegls_encode(samples))
    with pytest.raises(CodecError):
        charls.decode(frame[:end], described(samples))


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
    frame = bytes(imagecodecs.jpegls_encode(smooth((40, 50), "<u2", 16)))
    with pytest.raises(CodecError, match=reason):
        charls.decode(frame, image)
