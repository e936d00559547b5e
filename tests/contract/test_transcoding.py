"""Every importable file in every transfer syntax that can carry it, decoded by somebody else."""

import io
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.pixels import convert_color_space, pixel_array

from gateway.codecs.encoders import ENCODERS
from gateway.dicom import transfer_syntaxes as ts, uids
from gateway.dicom.image import from_dataset
from tests import files, multipart
from tests.contract.test_round_trip import IMAGES, IMPORTED, each, retrieve, url
from tests.unit.codecs.decoders import OTHER, by_pillow
from tests.unit.dicom.datasets import from_pydicom

LOSSLESS = [uid for uid, encoder in ENCODERS.items() if not encoder.compress]
EITHER = [uid for uid, encoder in ENCODERS.items() if encoder.compress and encoder.encode]
FRAMES = 'multipart/related; type="{}"; transfer-syntax={}'
NATIVE = "1.2.840.10008.1.2.1"
BY_NAME = {path.name: path for path in IMPORTED}
OTHERS = [path for path in IMPORTED if path not in IMAGES]
TWELVE_BITS = [
    path
    for path in IMAGES
    if (files.read(path).BitsAllocated, files.read(path).BitsStored) == (16, 12)
]

pytestmark = pytest.mark.timeout(300)


def read(content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(content))


def native(http, address):
    """The file decoded by the gateway, which the round trip compares with pydicom's reading."""
    return read(retrieve(http, address, NATIVE))


def samples(dataset):
    """All frames as they are, colours not converted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pixel_array(dataset, raw=True, correct_unused_bits=False)
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    return found if count > 1 else found[None]


def upsampled(dataset):
    """``samples`` with chroma at full size, which pydicom repeats."""
    found = samples(dataset)
    assert found.shape[1:3] == (dataset.Rows, dataset.Columns)
    return found


def described(dataset):
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    return from_dataset(from_pydicom(dataset.group_dataset(0x0028)), count)


def encapsulated(dataset):
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    return list(generate_frames(dataset.PixelData, number_of_frames=count))


def available(http, address):
    """The transfer syntaxes that a refusal lists, beside the stored one."""
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.3'
    answer = http.get(address, headers={"Accept": accept})
    assert answer.status_code == 406
    listed = " ".join(answer.json()["available"])
    return [uid for uid in (*ENCODERS, NATIVE) if f"transfer-syntax={uid}" in f"{listed} "]


def is_packed(dataset):
    return dataset.BitsAllocated == 1


@each(IMAGES)
def test_a_file_in_every_lossless_syntax(library, gateway, http, path):
    address = url(library, gateway, path)
    expected = native(http, address)
    wanted = [uid for uid in available(http, address) if uid in OTHER]
    if is_packed(expected) or expected.get("BitsStored") is None:
        assert not wanted
        return
    if expected.BitsAllocated <= 16 and expected.SamplesPerPixel in (1, 3):
        assert set(LOSSLESS) <= {*wanted, *stored_syntax(http, address)}
    for syntax in wanted:
        found = read(retrieve(http, address, syntax))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert found.SOPInstanceUID == expected.SOPInstanceUID
        image = described(found)
        decoded = [OTHER[syntax](frame, image) for frame in encapsulated(found)]
        assert np.array_equal(decoded, upsampled(expected)), syntax
        assert found.get("LossyImageCompression") == expected.get("LossyImageCompression")


def stored_syntax(http, address):
    found = read(retrieve(http, address, "*"))
    return [str(found.file_meta.TransferSyntaxUID)]


@each(IMAGES)
def test_frames_in_every_lossless_syntax(library, gateway, http, path):
    """What a decoder gives is what the frame decoded by the gateway holds."""
    address = url(library, gateway, path, "/frames/1")
    whole = native(http, url(library, gateway, path))
    if is_packed(whole) or whole.get("BitsStored") is None or whole.BitsAllocated > 16:
        return
    octets = FRAMES.format("application/octet-stream", NATIVE)
    [part] = multipart.parse(http.get(address, headers={"Accept": octets}).raise_for_status())
    whole.NumberOfFrames = 1
    shown = photometric(part.content, whole)
    for syntax in LOSSLESS:
        accept = FRAMES.format(ts.SENT[syntax].media_type, syntax)
        answer = http.get(address, headers={"Accept": accept})
        if answer.status_code == 406:
            assert shown == "YBR_FULL_422"  # which only native frames and JPEG keep
            continue
        [sent] = multipart.parse(answer.raise_for_status())
        assert sent.parameters["transfer-syntax"] == syntax
        image = described(whole)
        decoded = OTHER[syntax](sent.content, image)
        if shown != "YBR_FULL_422":
            assert np.array_equal(decoded, laid_out(part.content, image)), syntax


def photometric(content, whole):
    two_thirds = len(content) * 3 == whole.Rows * whole.Columns * 6
    return "YBR_FULL_422" if two_thirds and whole.SamplesPerPixel == 3 else ""


def laid_out(content, image):
    flat = np.frombuffer(content, image.dtype)[: image.rows * image.columns * image.samples]
    if image.samples > 1 and image.planar:
        return np.moveaxis(flat.reshape(image.samples, image.rows, image.columns), 0, 2)
    return flat.reshape(image.shape)


# Lossily


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_rgb_color.dcm", "signed8.dcm"])
@pytest.mark.parametrize("syntax", EITHER)
def test_a_file_that_was_compressed_on_request(library, gateway, http, name, syntax):
    address = url(library, gateway, BY_NAME[name])
    expected = native(http, address)
    found = read(retrieve(http, f"{address}&quality=80", syntax))
    assert found.LossyImageCompression == "01"
    assert found.ImageType[0] == "DERIVED" if "ImageType" in expected else "ImageType" not in found
    assert found.SOPInstanceUID == uids.derived(expected.SOPInstanceUID, f"{syntax}/80")
    assert found.SourceImageSequence[0].ReferencedSOPInstanceUID == expected.SOPInstanceUID
    [frame] = encapsulated(found)
    error = OTHER[syntax](frame, described(found)).astype(int) - samples(expected)[0]
    assert 0 < np.abs(error).mean() < 6
    ratio = samples(expected)[0].nbytes / len(frame)
    assert found.LossyImageCompressionRatio == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize(
    "name", ["examples_rgb_color.dcm", "SC_rgb_rle.dcm", "ybr_full.dcm", "planar_rgb.dcm"]
)
def test_colours_as_jpeg(library, gateway, http, name):
    address = url(library, gateway, BY_NAME[name])
    expected = native(http, address)
    found = read(retrieve(http, address, ts.JPEG_BASELINE))
    assert (found.PhotometricInterpretation, found.PlanarConfiguration) == ("YBR_FULL_422", 0)
    assert found.LossyImageCompressionMethod == "ISO_10918_1"
    rgb = samples(expected)[0]
    if expected.PhotometricInterpretation == "YBR_FULL":
        rgb = convert_color_space(rgb, "YBR_FULL", "RGB")
    shown = by_pillow(encapsulated(found)[0], described(found))
    assert np.abs(shown.astype(int) - rgb).mean() < 6


@each(TWELVE_BITS)
def test_twelve_bits_as_jpeg(library, gateway, http, path):
    address = url(library, gateway, path)
    expected = native(http, address)
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.51'
    answer = http.get(address, headers={"Accept": accept})
    unfit = expected.PixelRepresentation or samples(expected).max() > 4095
    assert answer.status_code == (406 if unfit or expected.SamplesPerPixel > 1 else 200)
    if answer.status_code == 200:
        [part] = multipart.parse(answer)
        found = read(part.content)
        assert (found.BitsAllocated, found.BitsStored, found.HighBit) == (16, 12, 11)
        assert found.LossyImageCompression == "01"


def test_a_quality_that_makes_no_sense(library, gateway, http):
    address = url(library, gateway, BY_NAME["CT_small.dcm"])
    for tail in ("", "/frames/1"):
        where = address.replace("?", f"{tail}?")
        answer = http.get(f"{where}&quality=101")
        assert (answer.status_code, answer.json()["parameter"]) == (400, "quality")


# Without pixels


@each(OTHERS)
def test_what_has_no_frames_can_be_deflated(library, gateway, http, path):
    address = url(library, gateway, path)
    if "FloatPixelData" in files.read(path) or "DoubleFloatPixelData" in files.read(path):
        assert ts.DEFLATED_LE not in available(http, address)
        return
    found = read(retrieve(http, address, ts.DEFLATED_LE))
    assert found.file_meta.TransferSyntaxUID == ts.DEFLATED_LE
    assert found == native(http, address)
