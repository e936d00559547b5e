"""Every importable file of the collection comes back: pixels bit for bit, attributes one by one."""

import base64
import io
import json
import warnings

import imagecodecs
import numpy as np
import openjpeg
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.pixels import convert_color_space, pixel_array

from tests import files, multipart

HTJ2K = "1.2.840.10008.1.2.4.202"
NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"}
RETAINED = {
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
}
LOSSY = {*RETAINED, "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
NOT_IMPORTED = {
    "ExplVR_BigEndNoMeta.dcm": "prefix DICM",
    "ExplVR_LitEndNoMeta.dcm": "prefix DICM",
    "JPEGLSNearLossless_08.dcm": "StudyInstanceUID",
    "JPEGLSNearLossless_16.dcm": "StudyInstanceUID",
    "MR_truncated.dcm": "PixelData",
    "README.txt": "prefix DICM",
    "FileInfo.txt": "prefix DICM",
    "JPEG2000-embedded-sequence-delimiter.dcm": "frame 1 of 1",  # its codestream is damaged
    "SC_rgb_jls_lossy_line.dcm": "StudyInstanceUID",
    "SC_rgb_jls_lossy_sample.dcm": "StudyInstanceUID",
    "UN_sequence.dcm": "StudyInstanceUID",
    "badVR.dcm": "NumberOfFrames",
    "chrSQEncoding.dcm": "StudyInstanceUID",
    "chrSQEncoding1.dcm": "StudyInstanceUID",
    "crayons.icc": "prefix DICM",
    "empty_charset_LEI.dcm": "StudyInstanceUID",
    "meta_missing_tsyntax.dcm": "TransferSyntaxUID",
    "nested_priv_SQ.dcm": "StudyInstanceUID",
    "no_meta.dcm": "prefix DICM",
    "no_meta_group_length.dcm": "StudyInstanceUID",
    "priv_SQ.dcm": "StudyInstanceUID",
    "rtplan.dump": "prefix DICM",
    "rtplan_truncated.dcm": "BeamSequence",
    "rtstruct.dcm": "prefix DICM",
    "rtstruct.dump": "prefix DICM",
    "test1.json": "prefix DICM",
    "test_PN.json": "prefix DICM",
    "zipMR.gz": "prefix DICM",
}
IMPORTED = [path for path in files.collection() if path.name not in NOT_IMPORTED]

pytestmark = pytest.mark.timeout(300)


def url(library, gateway, path, tail=""):
    dataset = files.read(path)
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    base = "{}/studies/{}/series/{}/instances/{}".format(gateway.root, *uids)
    return f"{base}{tail}?imageSetId={library.image_sets[path]}"


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


IMAGES = [path for path in IMPORTED if "PixelData" in files.read(path)]
HTJ2K_IMAGES = [
    path
    for path in IMAGES
    if files.read(path).file_meta.TransferSyntaxUID not in RETAINED
    and files.read(path).BitsAllocated in (8, 16)
]


def decoded(dataset, **options):
    """All samples as they were encoded, before any colour conversion: by pydicom, or by imagecodecs
    where pydicom has no decoder installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            array = pixel_array(dataset, raw=True, **options)
        except RuntimeError:
            frames = generate_frames(
                dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1)
            )
            syntax = str(dataset.file_meta.TransferSyntaxUID)
            array = np.stack([_by_imagecodecs(frame, syntax) for frame in frames])
            if dataset.get("NumberOfFrames", 1) in (1, None):
                array = array[0]
            if dataset.PixelRepresentation:
                array = array.view(array.dtype.str.replace("u", "i"))
    return array


def _by_imagecodecs(frame, syntax):
    if syntax in ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"):
        array = imagecodecs.jpegls_decode(frame)
        planar = array.ndim == 3 and array.shape[0] == 3 != array.shape[2]
        return np.moveaxis(array, 0, 2) if planar else array
    if syntax == "1.2.840.10008.1.2.4.70":
        return imagecodecs.ljpeg_decode(frame)
    return imagecodecs.jpeg8_decode(frame)


def test_what_is_imported_and_what_is_not(library):
    names = {path.name: reason for path, reason in library.failures.items()}
    assert names.keys() == NOT_IMPORTED.keys()
    for name, reason in names.items():
        assert NOT_IMPORTED[name] in reason, (name, reason)
    assert set(library.image_sets) == set(IMPORTED)


@each(IMPORTED)
def test_dicom_json_equals_pydicoms(library, gateway, http, path):
    found = http.get(url(library, gateway, path, "/metadata")).raise_for_status()
    assert found.headers["content-type"] == "application/dicom+json"
    [instance] = found.json()
    assert list(instance) == sorted(instance)
    dataset = files.read(path)
    for tag in list(dataset.keys()):
        if tag.element == 0 or tag == 0xFFFCFFFC or tag.group == 0x7FE0:
            del dataset[tag]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = json.loads(dataset.to_json())
    top = {tag: element for tag, element in instance.items() if not tag.startswith("7FE0")}
    got = resolve(http, top)
    assert normal(got) == normal(expected, swapped=not dataset.is_little_endian)


def resolve(http, value):
    """The DICOM JSON with what its BulkDataURIs lead to in their place."""
    if isinstance(value, list):
        return [resolve(http, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "BulkDataURI" in value:
        content = http.get(value["BulkDataURI"]).raise_for_status().content
        return {"vr": value["vr"], "InlineBinary": base64.b64encode(content).decode()}
    return {key: resolve(http, item) for key, item in value.items()}


def normal(value, *, swapped=False):
    """Without what PS3.18 and pydicom write differently: empty values among several, sequences
    without items, and words of big-endian files, which pydicom does not swap."""
    if isinstance(value, dict):
        kept = {key: normal(item, swapped=swapped) for key, item in value.items() if item != []}
        if swapped and value.get("vr") == "OW" and "InlineBinary" in value:
            raw = np.frombuffer(base64.b64decode(value["InlineBinary"]), "<u2").byteswap()
            kept["InlineBinary"] = base64.b64encode(raw.tobytes()).decode()
        return kept
    if isinstance(value, list):
        return [None if item == "" else normal(item, swapped=swapped) for item in value]
    return value


@each(IMPORTED)
def test_attributes_come_back(library, gateway, http, path):
    content = retrieve(http, url(library, gateway, path), "1.2.840.10008.1.2.1")
    retrieved = pydicom.dcmread(io.BytesIO(content))
    original = files.read(path)
    assert retrieved.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert retrieved.file_meta.MediaStorageSOPInstanceUID == original.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        differing = {
            original[tag].keyword or str(tag)
            for tag in set(original.keys()) | set(retrieved.keys())
            if not_the_same(original, retrieved, tag)
        }
    allowed = {"SpecificCharacterSet"} if b"ISO_IR 192" in content else set()
    if original.get("PhotometricInterpretation") not in (None, "RGB", "MONOCHROME2"):
        allowed |= {"PhotometricInterpretation"}
    assert differing <= allowed


def not_the_same(original, retrieved, tag):
    if tag.element == 0 or tag == 0xFFFCFFFC or tag.group == 0x7FE0:
        return False
    if tag not in original or tag not in retrieved:
        return True
    left, right = original[tag].value, retrieved[tag].value
    if original[tag].VR == "OW" and not original.is_little_endian:
        left = np.frombuffer(left, "<u2").byteswap().tobytes()
    return left != right and bool(left or right)


def retrieve(http, address, syntax):
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'
    response = http.get(address, headers={"Accept": accept}).raise_for_status()
    [part] = multipart.parse(response)
    assert part.type == "application/dicom"
    return part.content


@each(IMAGES)
def test_pixels_come_back_decoded(library, gateway, http, path):
    content = retrieve(http, url(library, gateway, path), "1.2.840.10008.1.2.1")
    retrieved = pydicom.dcmread(io.BytesIO(content))
    original = files.read(path)
    if path.name in UNREADABLE:
        pytest.skip(UNREADABLE[path.name])
    assert np.array_equal(pixel_array(retrieved, raw=True), decoded(original))
    if original.file_meta.TransferSyntaxUID in NATIVE:
        length = len(retrieved.PixelData)
        assert retrieved.PixelData == original.PixelData[:length]


UNREADABLE = {"SC_rgb_jpeg.dcm": "pydicom refuses the Basic Offset Table of this file"}


@each(IMAGES)
def test_a_file_as_stored_decodes_to_the_same_pixels(library, gateway, http, path):
    content = retrieve(http, url(library, gateway, path), "*")
    retrieved = pydicom.dcmread(io.BytesIO(content))
    if path.name in UNREADABLE:
        pytest.skip(UNREADABLE[path.name])
    original = files.read(path)
    stored = retrieved.file_meta.TransferSyntaxUID
    if original.file_meta.TransferSyntaxUID in RETAINED:
        assert stored == original.file_meta.TransferSyntaxUID
        count = int(original.get("NumberOfFrames", 1) or 1)
        assert list(generate_frames(retrieved.PixelData, number_of_frames=count)) == list(
            generate_frames(original.PixelData, number_of_frames=count)
        )
    elif path in HTJ2K_IMAGES:
        assert stored == HTJ2K
    with warnings.catch_warnings():
        if path.name not in WIDE:
            warnings.simplefilter("error")  # pydicom warns where attributes and codestream differ
        array = pixel_array(retrieved, raw=True)
    assert np.array_equal(array, containers(original))


WIDE = {"bits_above_stored.dcm", "high_bit_15.dcm"}


def containers(original):
    """All allocated bits of the samples, those beyond Bits Stored included: nothing is lost."""
    if original.file_meta.TransferSyntaxUID in NATIVE and original.BitsAllocated > 1:
        return decoded(original, correct_unused_bits=False)
    return decoded(original)


def is_described(dataset):
    by_pixel = dataset.get("PlanarConfiguration", 0) == 0
    return by_pixel and dataset.PhotometricInterpretation != "YBR_FULL_422"


NOT_DESCRIBED = [path for path in HTJ2K_IMAGES if not is_described(files.read(path))]


@each(NOT_DESCRIBED)
def test_frames_that_the_metadata_do_not_describe_go_out_native(library, gateway, http, path):
    accept = "multipart/related; type=application/octet-stream; transfer-syntax=*"
    address = url(library, gateway, path, "/frames/1")
    [part] = multipart.parse(http.get(address, headers={"Accept": accept}).raise_for_status())
    assert part.type == "application/octet-stream"
    original = files.read(path)
    assert original.PixelData.startswith(part.content)


@each(HTJ2K_IMAGES)
def test_frames_as_stored_decode_with_another_decoder(library, gateway, http, path):
    original = files.read(path)
    count = int(original.get("NumberOfFrames", 1) or 1)
    numbers = ",".join(str(number) for number in range(1, count + 1))
    syntax = HTJ2K if path in NOT_DESCRIBED else "*"
    accept = f'multipart/related; type="application/octet-stream"; transfer-syntax={syntax}'
    address = url(library, gateway, path, f"/frames/{numbers}")
    response = http.get(address, headers={"Accept": accept}).raise_for_status()
    parts = multipart.parse(response)
    assert len(parts) == count
    for part in parts:
        assert (part.type, part.parameters["transfer-syntax"]) == ("image/jphc", HTJ2K)
    frames = [openjpeg.decode(part.content) for part in parts]
    expected = containers(original)
    assert np.array_equal(frames if count > 1 else frames[0], expected)


@each(IMAGES)
def test_frames_decoded_are_the_native_frames(library, gateway, http, path):
    original = files.read(path)
    count = int(original.get("NumberOfFrames", 1) or 1)
    accept = 'multipart/related; type="application/octet-stream"'
    content = retrieve(http, url(library, gateway, path), "1.2.840.10008.1.2.1")
    native = pydicom.dcmread(io.BytesIO(content))
    whole = native.PixelData
    parts = []
    for number in range(1, count + 1):
        address = url(library, gateway, path, f"/frames/{number}")
        response = http.get(address, headers={"Accept": accept}).raise_for_status()
        [part] = multipart.parse(response)
        assert part.type == "application/octet-stream"
        assert part.parameters["transfer-syntax"] == "1.2.840.10008.1.2.1"
        parts.append(part.content)
    if native.PhotometricInterpretation == "YBR_FULL" != original.PhotometricInterpretation:
        # Coded as YCbCr, called otherwise: viewers take what they are given for RGB.
        planes = pixel_array(native, raw=True).reshape(len(parts), native.Rows, native.Columns, 3)
        expected = convert_color_space(planes, "YBR_FULL", "RGB", per_frame=True)
        found = np.frombuffer(b"".join(parts), "u1").reshape(planes.shape)
        assert np.abs(found.astype(int) - expected).max() <= 1
    elif original.BitsAllocated > 1:
        joined = b"".join(parts)
        assert joined == whole[: len(joined)]
        assert len(whole) - len(joined) in (0, 1)
    else:
        bits = [np.unpackbits(np.frombuffer(p, "u1"), bitorder="little") for p in parts]
        size = original.Rows * original.Columns
        expected = np.unpackbits(np.frombuffer(whole, "u1"), bitorder="little")
        assert np.array_equal(
            np.concatenate([one[:size] for one in bits]), expected[: size * count]
        )
