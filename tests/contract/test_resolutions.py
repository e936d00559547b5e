"""Frames asked for at a lower resolution: decoded by others, measured by the standard's filter."""

import io

import numpy as np
import openjpeg
import openjpeg.utils
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space, pixel_array

from gateway.codecs.samples import low_pass
from tests import files, multipart
from tests.contract.test_round_trip import decoded
from tests.unit.codecs.images import noise

HTJ2K = "1.2.840.10008.1.2.4.202"
NATIVE = "1.2.840.10008.1.2.1"
ANY = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
DECODED = {
    "Accept": f'multipart/related; type="application/octet-stream"; transfer-syntax={NATIVE}'
}
SINGLE = {"Accept": "image/jphc"}
NAMES = ("CT_small", "rgb_rle", "planar_rgb", "SC_ybr_full_422_uncompressed", "signed8",
         "multiframe_grey10", "examples_palette", "htj2k_203", "rgb_jpeg50", "grey32",
         "bits_above_stored", "segmentation_unaligned", "float_pixels", "pdf")  # fmt: skip


@pytest.fixture(scope="module")
def store(healthimaging, gateway, tmp_path_factory):
    """The URL of each instance in a data store of its own: files, and slices of 512 by 512."""
    datastore_id = healthimaging.imaging.create_datastore()["datastoreId"]
    folder = tmp_path_factory.mktemp("resolutions")
    pixels = [noise((509, 509), "<i2", 13, seed).tobytes() for seed in (1, 2)]
    slices = [files.ct(number, 509, PixelData=one) for number, one in enumerate(pixels, 1)]
    kept = [path for path in files.collection() if path.stem in NAMES]
    assert len(kept) == len(NAMES)
    paths = [files.write(folder / f"slice{at}.dcm", one) for at, one in enumerate(slices, 1)]
    good, bad = healthimaging.import_files([*paths, *kept], "resolutions", datastore_id)
    assert not bad
    root = f"{gateway.url}/datastore/{datastore_id}"
    return {path.stem: (url(root, path), path) for path in good}


def url(root, path):
    dataset = files.read(path)
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    return "{}/studies/{}/series/{}/instances/{}".format(root, *uids)


def get(http, store, name, reduce, headers, frames="1"):
    address, path = store[name]
    answer = http.get(f"{address}/frames/{frames}", params={"reduce": reduce}, headers=headers)
    return answer, files.read(path)


def filtered(samples, times, bits=16, signed=False):
    band = samples.astype(np.int32)
    for _ in range(times):
        band = low_pass(band)
    low = -(1 << (bits - 1)) if signed else 0
    return np.clip(band, low, low + (1 << bits) - 1)


def size(answer):
    return int(answer.headers["frame-rows"]), int(answer.headers["frame-columns"])


@pytest.mark.parametrize("times", range(6))
def test_a_slice_is_cut(http, store, times):
    whole = http.get(f"{store['slice1'][0]}/frames/1", headers=SINGLE).content
    answer, dataset = get(http, store, "slice1", times, SINGLE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/jphc; transfer-syntax={HTJ2K}"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert (answer.content == whole) == (times == 0)
    assert len(answer.content) < len(whole) * 0.3**times or not times
    known = openjpeg.utils.get_parameters(answer.content)
    side = -(-509 >> times)
    assert size(answer) == (known["rows"], known["columns"]) == (side, side)
    expected = filtered(dataset.pixel_array, times, 13, signed=True)
    assert np.array_equal(openjpeg.decode(answer.content), expected)


def test_what_is_cut_is_a_frame_to_pydicom(http, store):
    answer, dataset = get(http, store, "slice1", 2, SINGLE)
    samples = dataset.pixel_array
    dataset.Rows, dataset.Columns = size(answer)
    dataset.PixelData = encapsulate([answer.content])
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = HTJ2K
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    file.seek(0)
    found = pydicom.dcmread(file).pixel_array
    assert np.array_equal(found, filtered(samples, 2, 13, signed=True))


def ours(http, store, name, times, headers, frames="1"):
    """The parts of an answer, and the size that it says."""
    answer, dataset = get(http, store, name, times, headers, frames)
    answer.raise_for_status()
    return multipart.parse(answer), size(answer), dataset


@pytest.mark.parametrize("times", [1, 2, 7])
def test_decoded_slices(http, store, times):
    [part], shape, dataset = ours(http, store, "slice2", times, DECODED)
    assert (part.type, part.parameters["transfer-syntax"]) == ("application/octet-stream", NATIVE)
    found = np.frombuffer(part.content, "<i2").reshape(shape)
    assert np.array_equal(found, filtered(dataset.pixel_array, times, 13, signed=True))


def test_beyond_the_frames_own_resolutions_it_is_decoded(http, store):
    [part], shape, _ = ours(http, store, "slice1", 6, ANY)
    assert (part.type, shape, len(part.content)) == ("application/octet-stream", (8, 8), 128)
    answer, _ = get(http, store, "slice1", 6, SINGLE)
    assert answer.status_code == 406
    assert all("octet-stream" in one for one in answer.json()["available"])


@pytest.mark.parametrize(
    ("name", "accept", "expected"),
    [
        ("CT_small", ANY, "image/jphc"),
        ("rgb_rle", ANY, "image/jphc"),
        ("signed8", ANY, "image/jphc"),
        ("planar_rgb", ANY, "application/octet-stream"),  # as without reduce
        ("planar_rgb", SINGLE, "image/jphc"),
        ("htj2k_203", ANY, "application/octet-stream"),
        ("examples_palette", ANY, "application/octet-stream"),
        ("bits_above_stored", ANY, "application/octet-stream"),
        ("rgb_jpeg50", ANY, "application/octet-stream"),
        ("grey32", ANY, "application/octet-stream"),
        ("float_pixels", ANY, "application/octet-stream"),
        ("SC_ybr_full_422_uncompressed", ANY, "application/octet-stream"),
    ],
)
def test_what_can_be_cut_and_what_is_decoded(http, store, name, accept, expected):
    answer, dataset = get(http, store, name, 1, accept)
    answer.raise_for_status()
    shape = tuple(-(-side // 2) for side in (dataset.Rows, dataset.Columns))
    assert size(answer) == shape
    multiple = answer.headers["content-type"].startswith("multipart")
    [content] = [one.content for one in multipart.parse(answer)] if multiple else [answer.content]
    kind = multipart.parse(answer)[0].type if multiple else answer.headers["content-type"]
    assert kind.startswith(expected)
    if expected == "image/jphc":
        assert openjpeg.decode(content).shape[:2] == shape
    else:
        samples = {"SC_ybr_full_422_uncompressed": 2}.get(name, dataset.SamplesPerPixel)
        assert len(content) == shape[0] * shape[1] * samples * dataset.BitsAllocated // 8


def native(http, store, name, times, dtype):
    [part], shape, dataset = ours(http, store, name, times, DECODED)
    return np.frombuffer(part.content, dtype), shape, dataset


def test_pictures_by_plane_stay_so(http, store):
    found, (rows, columns), dataset = native(http, store, "planar_rgb", 1, "u1")
    planes = found.reshape(3, rows, columns)
    samples = np.frombuffer(dataset.PixelData, "u1").reshape(2, 3, 30, 40)[0]
    exact = np.stack([filtered(samples[plane], 1, 8) for plane in range(3)])
    # The frame is halved in the components of its transform, not in red, green and blue.
    assert np.abs(planes - exact).max() <= 3


def test_what_is_no_number_of_brightness_is_not_averaged(http, store):
    for name, dtype in (
        ("examples_palette", "u1"),
        ("bits_above_stored", "<u2"),
        ("grey32", "<u4"),
    ):
        found, shape, dataset = native(http, store, name, 2, dtype)
        rows, columns = dataset.Rows, dataset.Columns
        flat = np.frombuffer(dataset.PixelData, dtype, rows * columns)
        samples = flat.reshape(rows, columns)
        assert np.array_equal(found.reshape(shape), samples[::4, ::4]), name
        assert set(np.unique(found)) <= set(np.unique(samples)), name
        assert dataset.Rows > shape[0]


def test_jpeg_is_decoded(http, store):
    found, shape, dataset = native(http, store, "rgb_jpeg50", 1, "u1")
    samples = pixel_array(dataset, raw=True)
    reduced = np.stack([filtered(samples[..., plane], 1, 8) for plane in range(3)], -1)
    exact = convert_color_space(reduced.clip(0, 255).astype(np.uint8), "YBR_FULL", "RGB")
    assert np.abs(found.reshape(*shape, 3).astype(int) - exact).max() <= 6
    answer, _ = get(http, store, "rgb_jpeg50", 1, {"Accept": "image/jpeg"})
    assert answer.status_code == 406
    assert answer.json()["available"]


def test_several_frames(http, store):
    parts, shape, dataset = ours(http, store, "multiframe_grey10", 1, ANY, "3,1")
    samples = decoded(dataset)
    assert shape == tuple(-(-side // 2) for side in samples.shape[1:])
    for part, number in zip(parts, (3, 1), strict=True):
        assert part.parameters["transfer-syntax"] == HTJ2K
        assert np.array_equal(openjpeg.decode(part.content), filtered(samples[number - 1], 1, 10))


def test_bits_have_no_lower_resolution(http, store):
    answer, _ = get(http, store, "segmentation_unaligned", 1, ANY)
    assert answer.status_code == 406
    assert get(http, store, "segmentation_unaligned", 0, ANY)[0].status_code == 200


@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "1.0", "17", "999", "half", "0x1", "1,2", "\u0661"]
)
def test_nonsense(http, store, value):
    answer, _ = get(http, store, "slice1", value, ANY)
    assert (answer.status_code, answer.json()["parameter"]) == (400, "reduce")


def test_two_answers_to_one_question(http, store):
    address = f"{store['slice1'][0]}/frames/1"
    assert http.get(f"{address}?reduce=1&reduce=2", headers=ANY).status_code == 400
    assert http.get(f"{address}?reduce=1&reduce=1", headers=ANY).status_code == 200


def test_what_is_not_there_stays_so(http, store):
    assert get(http, store, "slice1", 1, ANY, "2")[0].status_code == 404
    assert get(http, store, "pdf", 1, ANY)[0].status_code == 404


def test_browsers_may_read_the_size(http, store):
    address = f"{store['slice1'][0]}/frames/1"
    answer = http.get(f"{address}?reduce=1", headers=ANY | {"Origin": "http://viewer"})
    exposed = answer.headers["access-control-expose-headers"]
    assert {"Frame-Rows", "Frame-Columns"} <= set(exposed.split(", "))
    assert "frame-rows" not in http.get(address, headers=ANY).headers


def test_head(http, store):
    address = f"{store['slice1'][0]}/frames/1?reduce=3"
    whole = http.get(address, headers=SINGLE)
    head = http.head(address, headers=SINGLE)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "frame-rows", "frame-columns"):
        assert head.headers[name] == whole.headers[name]
