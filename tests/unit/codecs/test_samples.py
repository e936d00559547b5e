"""Samples brought into the declared type, and measured as HealthImaging measures them."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gateway.codecs import native
from gateway.codecs.samples import conform, crc32, fits, low_pass
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError
from tests import files
from tests.unit.codecs.images import described, noise

SLICE = next(path for path in files.AHI_PAIR if path.name.endswith(".888.dcm"))


def published():
    """The slice whose checksums the developer guide prints."""
    dataset = files.read(SLICE)
    image = ImagePixel(dataset.Rows, dataset.Columns, signed=dataset.PixelRepresentation == 1)
    return native.decode(dataset.PixelData, image)


def test_published_checksums():
    samples = published()
    assert samples.shape == (375, 512)
    assert crc32(samples) == 1227709180
    assert crc32(low_pass(samples)) == 2598394845
    assert low_pass(samples).shape == (188, 256)
    assert (samples.min(), samples.max()) == (451, 1466)


@pytest.mark.parametrize(
    "samples",
    [
        np.frombuffer(b"123456789", np.uint8).reshape(3, 3),
        np.asfortranarray(np.frombuffer(b"123456789", np.uint8).reshape(3, 3)),
        np.frombuffer(b"1_2_3_4_5_6_7_8_9_", np.uint8).reshape(3, 6)[:, ::2],
    ],
    ids=["plain", "fortran", "strided"],
)
def test_checksum_is_crc_32_in_row_order(samples):
    assert crc32(samples) == 0xCBF43926  # the check value of CRC-32/ISO-HDLC


def test_checksum_is_over_little_endian_bytes():
    pairs = np.array([[0x3231, 0x3433], [0x3635, 0x3837]], "<u2")
    assert crc32(pairs) == crc32(np.frombuffer(b"12345678", np.uint8).reshape(2, 4))
    assert crc32(pairs.view("<i2")) == crc32(pairs)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["<u1", "<i1", "<u2", "<i2"]),
    st.integers(0, 99),
)
def test_low_pass_is_what_a_decoder_gives_at_half_size(rows, columns, dtype, seed):
    samples = noise((rows, columns), dtype, 8 * int(dtype[2]), seed)
    codestream = imagecodecs.htj2k_encode(samples, reversible=True, resolutions=3)
    half = imagecodecs.htj2k_decode(codestream, skipres=1)
    found = low_pass(samples)
    assert found.dtype == samples.dtype
    assert found.shape == ((rows + 1) // 2, (columns + 1) // 2)
    assert np.array_equal(found, half)


def test_low_pass_of_colours_is_plane_by_plane():
    samples = noise((9, 12, 3), "<u1", 8)
    found = low_pass(samples)
    assert found.shape == (5, 6, 3)
    for plane in range(3):
        assert np.array_equal(found[..., plane], low_pass(samples[..., plane]))


def test_low_pass_wraps_as_an_unsigned_decoder_does():
    samples = np.zeros((1, 8), "<u2")
    samples[0, 3] = 60000
    assert low_pass(samples).tolist() == [[0, 15000, 15000, 0]]
    samples[0, 3], samples[0, 4] = 0, 60000
    assert low_pass(samples).tolist() == [[0, 65536 - 7500, 45000, 65536 - 7500]]


def test_low_pass_leaves_its_argument_alone():
    samples = noise((8, 8), "<u2", 16)
    before = samples.copy()
    low_pass(samples)
    assert np.array_equal(samples, before)


# Sign and container: (decoded type, values) at a precision, (declared type, values).
SIGNS = [
    ("u1", [0, 127, 255], 8, "u1", [0, 127, 255]),
    ("u1", [0, 127, 128, 255], 8, "i1", [0, 127, -128, -1]),
    ("i1", [0, -128, -1], 8, "u1", [0, 128, 255]),
    ("u1", [0, 31, 32, 63], 6, "i1", [0, 31, -32, -1]),
    ("u1", [0, 200], 8, "u2", [0, 200]),
    ("u1", [0, 127, 128, 255], 8, "i2", [0, 127, -128, -1]),
    ("i1", [-1, 5], 8, "i2", [-1, 5]),
    ("i1", [-1, 5], 8, "u2", [255, 5]),
    ("u2", [0, 4095], 12, "u2", [0, 4095]),
    ("u2", [0, 2047, 2048, 4095], 12, "i2", [0, 2047, -2048, -1]),
    ("u2", [0, 32767, 32768, 65535], 16, "i2", [0, 32767, -32768, -1]),
    ("i2", [-2048, -1, 2047], 12, "i2", [-2048, -1, 2047]),
    ("i2", [-2048, -1, 2047], 12, "u2", [2048, 4095, 2047]),
    ("i2", [-32768, -1], 16, "u2", [32768, 65535]),
    ("u2", [0, 4095], 12, "u4", [0, 4095]),
    ("u2", [0, 4095], 12, "i4", [0, -1]),
    ("u2", [1, 255], 8, "u1", [1, 255]),
    ("u4", [2**31, 2**32 - 1], 32, "i4", [-(2**31), -1]),
    ("i4", [-1], 32, "u4", [2**32 - 1]),
    ("u2", [0, 1], 1, "i2", [0, -1]),
]


@pytest.mark.parametrize(("given_type", "values", "precision", "wanted", "expected"), SIGNS)
def test_conform(given_type, values, precision, wanted, expected):
    decoded = np.array([values], given_type)
    image = described(np.zeros(decoded.shape, wanted))
    found = conform(decoded, image, precision)
    assert found.dtype == np.dtype(wanted).newbyteorder("<")
    assert found.tolist() == [expected]


def test_conform_keeps_bits_beyond_bits_stored():
    decoded = np.array([[0x8FFF]], "<u2")
    image = ImagePixel(1, 1, bits_allocated=16, bits_stored=12)
    assert conform(decoded, image, 16).tolist() == [[0x8FFF]]


def test_conform_gives_little_endian_samples():
    image = ImagePixel(1, 1, bits_allocated=16, bits_stored=16)
    assert conform(np.array([[258]], ">u2"), image, 16).tobytes() == b"\x02\x01"


def test_conform_copies_nothing_that_fits():
    decoded = noise((4, 4), "<u2", 16)
    assert conform(decoded, described(decoded), 16) is decoded


@pytest.mark.parametrize("shape", [(3, 2), (2, 4), (6,), (2, 3, 1), (2, 3, 3)])
def test_conform_refuses_another_shape(shape):
    with pytest.raises(CodecError, match="x".join(map(str, shape))):
        conform(np.zeros(shape, "u1"), ImagePixel(2, 3, 1, 8, 8), 8)


def test_conform_refuses_planes_in_place_of_pixels():
    with pytest.raises(CodecError, match="3x4x5"):
        conform(np.zeros((3, 4, 5), "u1"), ImagePixel(4, 5, 3, 8, 8), 8)


@pytest.mark.parametrize(("dtype", "precision", "allocated"), [("u2", 9, 8), ("u4", 17, 16)])
def test_conform_refuses_more_bits_than_there_is_room_for(dtype, precision, allocated):
    image = ImagePixel(1, 1, bits_allocated=allocated, bits_stored=allocated)
    with pytest.raises(CodecError, match=f"{precision} bits"):
        conform(np.zeros((1, 1), dtype), image, precision)


@pytest.mark.parametrize(
    ("dtype", "bits", "value", "expected"),
    [
        ("<u2", 12, 4095, True),
        ("<u2", 12, 4096, False),
        ("<u2", 12, 0, True),
        ("<i2", 12, 2047, True),
        ("<i2", 12, 2048, False),
        ("<i2", 12, -2048, True),
        ("<i2", 12, -2049, False),
        ("<u2", 16, 65535, True),
        ("<i2", 16, -32768, True),
    ],
)
def test_fits(dtype, bits, value, expected):
    samples = np.zeros((3, 3), dtype)
    samples[1, 1] = value
    assert fits(samples, bits, signed=dtype[1] == "i") is expected
