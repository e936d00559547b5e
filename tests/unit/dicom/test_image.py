"""The Image Pixel module: sizes against pydicom's reckoning, types against NumPy's."""

import numpy as np
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.pixels.utils import get_expected_length

from gateway.dicom import image
from gateway.dicom.image import ImagePixel
from tests import files
from tests.unit.dicom.datasets import from_pydicom

SHAPES = [
    ImagePixel(5, 7),
    ImagePixel(5, 7, frames=3, bits_allocated=8, bits_stored=8),
    ImagePixel(5, 7, 3, 8, 8, photometric="RGB"),
    ImagePixel(5, 7, 3, 8, 8, photometric="RGB", planar=1, frames=2),
    ImagePixel(5, 8, 3, 8, 8, photometric="YBR_FULL_422", frames=2),
    ImagePixel(5, 8, 3, 8, 8, photometric="YBR_FULL"),
    ImagePixel(5, 7, 3, 16, 12, photometric="RGB"),
    ImagePixel(5, 7, bits_allocated=32, bits_stored=32, frames=2),
    ImagePixel(7, 9, bits_allocated=1, bits_stored=1),
    ImagePixel(7, 9, bits_allocated=1, bits_stored=1, frames=3),
    ImagePixel(8, 8, bits_allocated=1, bits_stored=1, frames=3),
]


def described(pixel):
    dataset = Dataset()
    dataset.Rows, dataset.Columns = pixel.rows, pixel.columns
    dataset.SamplesPerPixel = pixel.samples
    dataset.BitsAllocated, dataset.BitsStored = pixel.bits_allocated, pixel.bits_stored
    dataset.PixelRepresentation = int(pixel.signed)
    dataset.PhotometricInterpretation = pixel.photometric
    dataset.PlanarConfiguration = pixel.planar
    dataset.NumberOfFrames = pixel.frames
    return dataset


@pytest.mark.parametrize("pixel", SHAPES, ids=str)
def test_sizes_are_pydicoms(pixel):
    dataset = described(pixel)
    assert pixel.pixel_data_bytes == get_expected_length(dataset)
    dataset.NumberOfFrames = 1
    assert pixel.frame_bytes == get_expected_length(dataset)


@pytest.mark.parametrize("pixel", SHAPES, ids=str)
def test_read_from_a_data_set(pixel):
    assert image.from_dataset(from_pydicom(described(pixel)), pixel.frames) == pixel


@pytest.mark.parametrize(
    ("pixel", "bits"),
    [
        (ImagePixel(7, 9, bits_allocated=1), 63),
        (ImagePixel(7, 9, bits_allocated=16), 1008),
        (ImagePixel(2, 2, 3, 8, 8, photometric="YBR_PARTIAL_422"), 64),
        (ImagePixel(2, 2, 3, 8, 8, photometric="YBR_FULL"), 96),
    ],
    ids=str,
)
def test_frame_bits(pixel, bits):
    assert pixel.frame_bits == bits


@pytest.mark.parametrize(
    ("photometric", "samples", "subsampled"),
    [
        ("YBR_FULL_422", 3, True),
        ("YBR_PARTIAL_422", 3, True),
        ("YBR_FULL_422", 1, False),
        ("YBR_FULL", 3, False),
        ("RGB", 3, False),
    ],
)
def test_subsampled(photometric, samples, subsampled):
    assert ImagePixel(2, 2, samples, photometric=photometric).subsampled is subsampled


@pytest.mark.parametrize(
    ("allocated", "signed", "floating", "dtype"),
    [
        (1, False, False, "u1"),
        (8, False, False, "u1"),
        (8, True, False, "i1"),
        (16, False, False, "<u2"),
        (16, True, False, "<i2"),
        (32, False, False, "<u4"),
        (32, True, False, "<i4"),
        (64, False, False, "<u8"),
        (32, False, True, "<f4"),
        (64, False, True, "<f8"),
    ],
)
def test_dtype(allocated, signed, floating, dtype):
    pixel = ImagePixel(1, 1, bits_allocated=allocated, signed=signed, floating=floating)
    assert np.dtype(pixel.dtype) == np.dtype(dtype)


@pytest.mark.parametrize(
    ("allocated", "floating", "keyword", "vr"),
    [
        (1, False, "PixelData", "OB"),
        (8, False, "PixelData", "OB"),
        (16, False, "PixelData", "OW"),
        (32, False, "PixelData", "OW"),
        (32, True, "FloatPixelData", "OF"),
        (64, True, "DoubleFloatPixelData", "OD"),
    ],
)
def test_element_of_native_pixels(allocated, floating, keyword, vr):
    pixel = ImagePixel(1, 1, bits_allocated=allocated, floating=floating)
    assert image.pixel_element(pixel) == (tag_for_keyword(keyword), vr)


def test_shape():
    assert ImagePixel(5, 7).shape == (5, 7)
    assert ImagePixel(5, 7, 3).shape == (5, 7, 3)


@pytest.mark.parametrize(("allocated", "packed"), [(1, True), (8, False), (16, False)])
def test_packed(allocated, packed):
    assert ImagePixel(5, 7, bits_allocated=allocated).packed is packed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("signed8", ImagePixel(29, 37, 1, 8, 8, signed=True)),
        ("planar_rgb", ImagePixel(30, 40, 3, 8, 8, photometric="RGB", planar=1, frames=2)),
        ("native_grey12", ImagePixel(29, 37, 1, 16, 12)),
        ("segmentation_unaligned", ImagePixel(7, 9, 1, 1, 1, frames=3)),
        ("float_pixels", ImagePixel(29, 37, 1, 32, 32, frames=2, floating=True)),
        ("jpeg2000_rgb", ImagePixel(30, 40, 3, 8, 8, photometric="YBR_RCT", frames=2)),
    ],
)
def test_read_from_a_file(name, expected):
    dataset = files.read(files.GENERATED / f"{name}.dcm")
    known = from_pydicom(dataset.group_dataset(0x0028))
    assert image.from_dataset(known, expected.frames) == expected


def test_defaults_of_a_data_set_that_says_little():
    assert image.from_dataset([], 1) == ImagePixel(0, 0)


def test_numbers_that_are_none():
    dataset = [(0x00280010, "US", []), (0x00280011, "LO", ["many"]), (0x00280100, "US", [8])]
    assert image.from_dataset(dataset, 2) == ImagePixel(0, 0, 1, 8, 8, frames=2)


def test_restated():
    dataset = [
        (0x00280004, "CS", ["YBR_FULL_422"]),
        (0x00280006, "US", [1]),
        (0x00280010, "US", [5]),
    ]
    told = image.restated(dataset, ImagePixel(5, 8, 3, 8, 8, photometric="RGB", planar=0))
    assert told == [
        (0x00280004, "CS", ["RGB"]),
        (0x00280006, "US", [0]),
        (0x00280010, "US", [5]),
    ]
    assert dataset[0][2] == ["YBR_FULL_422"]


def test_restated_adds_nothing():
    dataset = [(0x00280010, "US", [5])]
    assert image.restated(dataset, ImagePixel(5, 8, 3, photometric="RGB")) == dataset
