"""Native frames, against pydicom's own reader and bit for bit in both directions."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from gateway.codecs import native
from gateway.dicom.image import ImagePixel
from gateway.errors import CodecError

LAYOUTS = [  # samples, bits allocated, signed, photometric interpretation, planar configuration
    (1, 8, False, "MONOCHROME2", 0),
    (1, 8, True, "MONOCHROME2", 0),
    (1, 16, False, "MONOCHROME1", 0),
    (1, 16, True, "MONOCHROME2", 0),
    (1, 32, False, "MONOCHROME2", 0),
    (1, 32, True, "MONOCHROME2", 0),
    (3, 8, False, "RGB", 0),
    (3, 8, False, "RGB", 1),
    (3, 16, False, "RGB", 0),
    (3, 16, False, "RGB", 1),
    (3, 32, False, "RGB", 1),
    (3, 8, False, "YBR_FULL", 1),
    (3, 8, False, "YBR_FULL_422", 0),
    (3, 16, False, "YBR_FULL_422", 0),
]


def read_by_pydicom(frame, image):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows, dataset.Columns = image.rows, image.columns
    dataset.SamplesPerPixel = image.samples
    dataset.PhotometricInterpretation = image.photometric
    if image.samples > 1:
        dataset.PlanarConfiguration = image.planar
    dataset.BitsAllocated = dataset.BitsStored = image.bits_allocated
    dataset.HighBit = image.bits_allocated - 1
    dataset.PixelRepresentation = int(image.signed)
    dataset.PixelData = frame + bytes(len(frame) % 2)
    dataset["PixelData"].VR = "OB" if image.bits_allocated == 8 else "OW"
    return pixel_array(dataset, raw=True)


@pytest.mark.parametrize(
    ("samples", "bits", "signed", "photometric", "planar"), LAYOUTS, ids=lambda item: str(item)
)
def test_any_frame_is_read_as_pydicom_reads_it_and_comes_back(
    samples, bits, signed, photometric, planar
):
    @settings(max_examples=15, deadline=None)
    @given(st.integers(1, 9), st.integers(1, 6), st.data())
    def check(rows, half, data):
        columns = 2 * half if photometric == "YBR_FULL_422" else half
        image = ImagePixel(rows, columns, samples, bits, bits, signed, photometric, planar)
        size = image.frame_bytes
        frame = data.draw(st.binary(min_size=size, max_size=size))
        decoded = native.decode(frame, image)
        assert decoded.dtype == np.dtype(image.dtype)
        assert np.array_equal(decoded, read_by_pydicom(frame, image))
        assert native.encode(decoded, image) == frame

    check()


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floating_point_frames(dtype):
    samples = np.array([[0.5, -1e30, np.inf], [np.nan, 0, 3]], dtype)
    image = ImagePixel(2, 3, bits_allocated=samples.itemsize * 8, floating=True)
    decoded = native.decode(samples.tobytes(), image)
    assert decoded.dtype == np.dtype(dtype)
    assert np.array_equal(decoded, samples, equal_nan=True)
    assert native.encode(decoded, image) == samples.tobytes()


def test_pairs_share_their_chroma():
    image = ImagePixel(1, 4, 3, 8, 8, photometric="YBR_FULL_422")
    decoded = native.decode(bytes([10, 11, 1, 2, 12, 13, 3, 4]), image)
    assert decoded.tolist() == [[[10, 1, 2], [11, 1, 2], [12, 3, 4], [13, 3, 4]]]


def test_a_pair_is_encoded_with_the_chroma_of_its_first_pixel():
    image = ImagePixel(1, 2, 3, 8, 8, photometric="YBR_FULL_422")
    samples = np.array([[[10, 1, 2], [11, 7, 8]]], np.uint8)
    assert native.encode(samples, image) == bytes([10, 11, 1, 2])


def test_planes_and_pixels():
    planes = bytes([1, 2, 3, 4, 5, 6])
    by_plane = ImagePixel(1, 2, 3, 8, 8, photometric="RGB", planar=1)
    by_pixel = ImagePixel(1, 2, 3, 8, 8, photometric="RGB", planar=0)
    decoded = native.decode(planes, by_plane)
    assert decoded.tolist() == [[[1, 3, 5], [2, 4, 6]]]
    assert native.encode(decoded, by_pixel) == bytes([1, 3, 5, 2, 4, 6])


def test_encode_takes_samples_in_any_memory_order():
    samples = np.arange(24, dtype="<u2").reshape(2, 4, 3)
    for order in (samples, np.asfortranarray(samples)):
        for planar in (0, 1):
            image = ImagePixel(2, 4, 3, 16, 16, photometric="RGB", planar=planar)
            expected = np.moveaxis(samples, 2, 0) if planar else samples
            assert native.encode(order, image) == expected.tobytes()


def test_the_pad_is_not_read():
    image = ImagePixel(1, 3, 1, 8, 8)
    assert native.decode(b"\1\2\3\0", image).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    "image",
    [
        ImagePixel(4, 4),
        ImagePixel(4, 4, 3, 8, 8, photometric="RGB", planar=1),
        ImagePixel(4, 4, 3, 8, 8, photometric="YBR_FULL_422"),
        ImagePixel(4, 4, bits_allocated=32, floating=True),
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [1, 2, 8])
def test_a_short_frame_is_refused(image, missing):
    with pytest.raises(CodecError, match=f"{image.frame_bytes} are expected"):
        native.decode(bytes(image.frame_bytes - missing), image)


def test_no_pair_is_left_over():
    with pytest.raises(CodecError, match="odd number of columns"):
        native.decode(bytes(18), ImagePixel(3, 3, 3, 8, 8, photometric="YBR_FULL_422"))
