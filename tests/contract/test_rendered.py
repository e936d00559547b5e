"""Rendered resources and thumbnails over HTTP: what Pillow sees beside what pydicom computes."""

import io
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_windowing

from tests import files, multipart
from tests.contract.conftest import UID

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

STUDY, SERIES = f"{UID}.0.1", f"{UID}.0.1.1"
HOSPITAL_SERIES = f"/studies/{STUDY}/series/{SERIES}"
HOSPITAL_INSTANCE = f"{HOSPITAL_SERIES}/instances/{SERIES}.2"
PARTS = 'multipart/related; type="image/png"'
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"}
WITHOUT_PIXELS = {
    "rtplan.dcm", "test-SR.dcm", "reportsi.dcm", "waveform_ecg.dcm", "pdf.dcm",
    "attributes_explicit.dcm", "attributes_implicit.dcm",
}  # fmt: skip


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def pixels(content):
    return np.asarray(opened(content)).astype(float)


def get(http, address, accept="image/png", **parameters):
    url = httpx.URL(address)
    url = url.copy_with(params=url.params.merge(parameters))
    return http.get(url, headers={"Accept": accept}).raise_for_status()


class Collection:
    """The instances of the collection; some share their UIDs, so each is read by its image set."""

    def __init__(self, root, image_sets):
        self.root = root
        self.image_sets = image_sets

    def named(self, name):
        return files.read(next(path for path in self.image_sets if path.name == name))

    def place(self, dataset, tail="/rendered"):
        study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
        base = f"{self.root}/studies/{study}/series/{series}"
        image_set = self.image_sets[Path(dataset.filename)]
        return f"{base}/instances/{dataset.SOPInstanceUID}{tail}?imageSetId={image_set}"


@pytest.fixture(scope="module")
def collection(gateway, library):
    return Collection(gateway.root, library.image_sets)


def through(values, center, width):
    """A linear window (PS3.3 C.11.2.1.2.1), from 0 to 255."""
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255


def test_every_file_has_a_picture_of_its_size_or_says_why_not(http, collection):
    unseen = set()
    for path in collection.image_sets:
        dataset = files.read(path)
        answer = http.get(collection.place(dataset), headers={"Accept": "image/*"})
        if answer.status_code == 406:
            unseen.add(path.name)
            assert "Rows" not in dataset or "PixelData" not in dataset
            continue
        assert answer.raise_for_status().headers["content-type"] == "image/jpeg"
        assert opened(answer.content).size == (dataset.Columns, dataset.Rows), path.name
    assert unseen >= WITHOUT_PIXELS
    assert len(unseen) < 15


def test_every_file_has_a_thumbnail(http, collection):
    for path in collection.image_sets:
        dataset = files.read(path)
        answer = get(http, collection.place(dataset, "/thumbnail"), "image/jpeg")
        assert answer.headers["content-type"] == "image/jpeg"
        size = opened(answer.content).size
        assert max(size) <= 128, path.name
        if path.name in WITHOUT_PIXELS:
            assert size == (128, 128)
        elif "PixelData" in dataset:
            assert size[0] <= dataset.Columns
            assert size[1] <= dataset.Rows


GREY = [
    "CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm", "693_J2KI.dcm", "rtdose_1frame.dcm", "rtdose_expb.dcm",
    "native_grey12.dcm", "grey16_rle.dcm", "htj2k_201.dcm", "htj2k_202.dcm", "signed8.dcm",
    "grey32.dcm", "image_dfl.dcm", "examples_overlay.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", GREY)
def test_greyscale_in_a_window_is_what_pydicom_computes(http, collection, name):
    dataset = collection.named(name)
    syntax = dataset.file_meta.TransferSyntaxUID
    values = apply_modality_lut(pixel_array(dataset, index=0), dataset).astype(float)
    center, width = round(values.mean(), 3), round(max(np.ptp(values) / 2, 2), 3)
    address = collection.place(dataset, "/frames/1/rendered")
    answer = get(http, address, window=f"{center},{width},linear")
    expected = through(values, center, width)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        expected = 255 - expected
    found = pixels(answer.content)
    tolerance = 4 if syntax in LOSSY else 0.51
    assert np.abs(found - expected).max() <= tolerance


def test_the_window_of_the_image(http, collection):
    dataset = collection.named("MR_small.dcm")
    values = apply_modality_lut(dataset.pixel_array, dataset)
    low, high = (apply_windowing(np.array([v]), dataset)[0] for v in (-1e6, 1e6))
    expected = (apply_windowing(values, dataset) - low) / (high - low) * 255
    found = pixels(get(http, collection.place(dataset)).content)
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("SC_rgb_rle_2frame.dcm", 0),
        ("SC_ybr_full_422_uncompressed.dcm", 1),
        ("GDCMJ2K_TextGBR.dcm", 0),
        ("ExplVR_BigEnd.dcm", 0),
        ("native_rgb.dcm", 0),
        ("planar_rgb.dcm", 0),
        ("jpeg2000_rgb.dcm", 0),
        ("rgb_rle.dcm", 0),
        ("ybr_full.dcm", 1),
        ("examples_palette.dcm", 0),
        ("SC_rgb_jpeg.dcm", 3),
        ("examples_ybr_color.dcm", 3),
    ],
)
def test_colours_are_what_pydicom_computes(http, collection, name, tolerance):
    dataset = collection.named(name)
    expected = pixel_array(dataset, index=0)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        expected = apply_color_lut(expected, dataset)
        expected = expected >> 8 if expected.dtype == np.uint16 else expected
    address = collection.place(dataset, "/frames/1/rendered")
    found = pixels(get(http, address).content)
    assert np.abs(found - expected).max() <= tolerance


def test_a_stored_jpeg_is_not_compressed_again(http, collection):
    dataset = collection.named("examples_ybr_color.dcm")
    stored = list(generate_frames(dataset.PixelData, number_of_frames=30))
    address = collection.place(dataset, "/frames/4/rendered")
    assert get(http, address, "image/jpeg").content == stored[3]
    assert get(http, address, "image/jpeg", quality=80).content != stored[3]


def test_binary_segments_differ_from_what_is_around_them(http, collection):
    dataset = collection.named("segmentation_unaligned.dcm")
    for number, mask in enumerate(np.atleast_3d(dataset.pixel_array), 1):
        address = collection.place(dataset, f"/frames/{number}/rendered")
        found = pixels(get(http, address).content)
        found = found if found.ndim == 2 else found.max(2)
        assert {*found[mask == 1].ravel()}.isdisjoint(found[mask == 0].ravel())


def test_float_pixels_are_shown(http, collection):
    dataset = collection.named("float_pixels.dcm")
    values = pixel_array(dataset, index=1).astype(float)
    center, width = round(values.mean(), 4), round(np.ptp(values) / 2, 4)
    address = collection.place(dataset, "/frames/2/rendered")
    answer = get(http, address, window=f"{center},{width},linear-exact")
    expected = np.clip((values - center) / width + 0.5, 0, 1) * 255
    assert np.abs(pixels(answer.content) - expected).max() <= 0.51


def test_a_viewport_shows_a_region_at_its_size(http, hospital):
    [dataset] = [d for d in hospital.datasets if d.SOPInstanceUID == f"{SERIES}.2"]
    values = apply_modality_lut(dataset.pixel_array, dataset).astype(float)
    address = f"{hospital.root}{HOSPITAL_INSTANCE}/rendered"
    window = {"window": "-1950,300,linear"}
    whole = pixels(get(http, address, **window).content)
    assert np.abs(whole - through(values, -1950, 300)).max() <= 0.51
    cut = pixels(get(http, address, viewport="6,4,3,2,-6,4", **window).content)
    assert np.array_equal(cut, whole[2:6, 3:9][:, ::-1])
    large = opened(get(http, address, viewport="100,50,,,,", **window).content)
    assert large.size == (50, 50)
    for wrong in ("16,16,16,0", "0,16", "16", "9000,16", "16,16,0,0,0,4"):
        refused = http.get(address, params={"viewport": wrong})
        assert (refused.status_code, refused.json()["parameter"]) == (400, "viewport")


def test_the_frames_of_an_instance(http, collection):
    dataset = collection.named("multiframe_grey10.dcm")
    window = {"window": "500,1000,linear"}
    whole = get(http, collection.place(dataset), PARTS, **window)
    parts = multipart.parse(whole)
    places = re.findall(rb"\r\nContent-Location: ([^\r]+)\r\n", whole.content)
    assert len(parts) == len(places) == dataset.NumberOfFrames == 5
    for number, (part, where) in enumerate(zip(parts, places, strict=True)):
        values = pixel_array(dataset, index=number).astype(float)
        assert np.abs(pixels(part.content) - through(values, 500, 1000)).max() <= 0.51
        assert get(http, where.decode(), **window).content == part.content
    some = get(http, collection.place(dataset, "/frames/3,1/rendered"), PARTS, **window)
    found = [part.content for part in multipart.parse(some)]
    assert found == [parts[2].content, parts[0].content]
    one = get(http, collection.place(dataset), **window)
    assert one.content == parts[2].content
    assert one.headers["content-location"].encode() == places[2]


@pytest.mark.parametrize(("media_type", "milliseconds"), [("image/gif", 30), ("image/webp", 33)])
def test_an_animation(http, collection, media_type, milliseconds):
    """Frame Time is 33.333 ms; the clock of a GIF ticks every 10. Equal frames become one."""
    dataset = collection.named("examples_ybr_color.dcm")
    answer = get(http, collection.place(dataset), media_type, viewport="160,120")
    assert answer.headers["content-type"] == media_type
    at = 0
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (160, 120)
        for number in range(image.n_frames):
            image.seek(number)
            found = np.asarray(image.convert("RGB")).astype(float)
            source = Image.fromarray(pixel_array(dataset, index=at // milliseconds))
            expected = np.asarray(source.resize((160, 120), Image.Resampling.BOX))
            assert np.abs(found - expected).mean() < 6
            at += image.info["duration"]
    assert at == dataset.NumberOfFrames * milliseconds


@pytest.mark.parametrize(
    ("level", "count"), [(f"/studies/{STUDY}", 6), (HOSPITAL_SERIES, 3), (HOSPITAL_INSTANCE, 1)]
)
def test_all_that_a_study_or_series_holds(http, hospital, level, count):
    parts = multipart.parse(get(http, f"{hospital.root}{level}/rendered", PARTS))
    assert len(parts) == count
    assert all(opened(part.content).size == (16, 16) for part in parts)


# What OHIF sends for thumbnails, to either resource and at any level.
ACCEPTS = [
    ("", "image/jpeg"),
    ("", "*/*"),
    ("", 'multipart/related; type="application/octet-stream"'),
    ("", 'multipart/related; type="application/octet-stream"; transfer-syntax="*"'),
    ("", "multipart/related; type=application/octet-stream; transfer-syntax=*"),
    ("?accept=image%2Fjpeg", 'multipart/related; type="application/octet-stream"'),
    ("?viewport=256%2C256", "image/jpeg"),
]


@pytest.mark.parametrize("leaf", ["rendered", "thumbnail"])
@pytest.mark.parametrize("level", [f"/studies/{STUDY}", HOSPITAL_SERIES, HOSPITAL_INSTANCE])
@pytest.mark.parametrize(("query", "accept"), ACCEPTS)
def test_a_viewer_gets_one_jpeg(http, hospital, leaf, level, query, accept):
    address = f"{hospital.root}{level}/{leaf}{query}"
    answer = http.get(address, headers={"Accept": accept}).raise_for_status()
    assert answer.headers["content-type"] == "image/jpeg"
    assert opened(answer.content).format == "JPEG"
    side = 256 if "viewport" in query and leaf == "rendered" else 16
    assert opened(answer.content).size == (side, side)
    middle = level in (HOSPITAL_SERIES, HOSPITAL_INSTANCE)
    assert f"{SERIES}.2/" in answer.headers["content-location"] or not middle


def test_a_browser_opens_a_document_in_parts(http, collection):
    dataset = collection.named("pdf.dcm")
    navigation = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
    whole = get(http, collection.place(dataset), navigation)
    assert whole.headers["content-type"] == "application/pdf"
    assert whole.content == dataset.EncapsulatedDocument[: len(whole.content)]
    part = http.get(
        collection.place(dataset), headers={"Accept": navigation, "Range": "bytes=5-14"}
    )
    assert part.status_code == 206
    assert part.content == whole.content[5:15]
    assert part.headers["content-range"] == f"bytes 5-14/{len(whole.content)}"
    assert part.headers["content-type"] == "application/pdf"


def test_colour_profiles(http, collection):
    dataset = collection.named("native_rgb.dcm")
    address = collection.place(dataset)
    plain = opened(get(http, address).content)
    assert "icc_profile" not in plain.info
    for wanted in ("yes", "srgb", "adobergb", "rommrgb", "displayp3"):
        found = opened(get(http, address, iccprofile=wanted).content)
        assert found.info["icc_profile"][36:40] == b"acsp"
        same = np.array_equal(np.asarray(found), np.asarray(plain))
        assert same == (wanted in ("yes", "srgb"))
    refused = http.get(address, headers={"Accept": "image/gif"}, params={"iccprofile": "yes"})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "iccprofile")


def test_annotations_are_burnt_in(http, hospital):
    address = f"{hospital.root}{HOSPITAL_INSTANCE}/rendered"
    box = {"viewport": "256,256", "window": "-1950,300,linear"}
    plain = pixels(get(http, address, **box).content)
    patient = pixels(get(http, address, annotation="patient", **box).content)
    both = pixels(get(http, address, annotation="patient,technique", **box).content)
    changed = np.nonzero(patient != plain)
    assert changed[0].size > 200
    assert changed[0].max() < 80
    assert np.nonzero(both != patient)[0].min() > 150
    unknown = get(http, address, annotation="patient,dose", **box)
    assert "dose" in unknown.headers["warning"]
    assert np.array_equal(pixels(unknown.content), patient)


def test_quality(http, collection):
    address = collection.place(collection.named("CT_small.dcm"))
    sizes = [
        len(get(http, address, kind, quality=quality).content)
        for kind in ("image/jpeg", "image/webp")
        for quality in (10, 90)
    ]
    assert sizes[0] * 2 < sizes[1]
    assert sizes[2] * 2 < sizes[3]


@pytest.fixture(scope="module")
def client(hospital):
    return DICOMwebClient(url=hospital.root)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/gif", "image/jp2"])
def test_dicomweb_client_retrieves_rendered(client, media_type):
    sop, wanted = f"{SERIES}.2", (media_type,)
    found = [
        client.retrieve_series_rendered(STUDY, SERIES, media_types=wanted),
        client.retrieve_instance_rendered(STUDY, SERIES, sop, media_types=wanted),
        client.retrieve_instance_frames_rendered(STUDY, SERIES, sop, [1], media_types=wanted),
    ]
    assert [Image.MIME[opened(one).format] for one in found] == [media_type] * 3
    assert found[0] == found[1] == found[2]
    assert opened(found[0]).size == (16, 16)


def test_dicomweb_client_sends_parameters_or_no_media_type(client):
    sop = f"{SERIES}.2"
    box = {"viewport": "8,8", "window": "-1950,300,linear"}
    wanted = ("image/png",)
    small = client.retrieve_instance_rendered(STUDY, SERIES, sop, wanted, params=box)
    assert opened(small).size == (8, 8)
    for found in (
        client.retrieve_series_rendered(STUDY, SERIES),
        client.retrieve_instance_rendered(STUDY, SERIES, sop),
        client.retrieve_instance_frames_rendered(STUDY, SERIES, sop, [1]),
    ):
        assert opened(found).format == "JPEG"


def test_dicomweb_client_retrieves_a_document(gateway, collection):
    dataset = collection.named("pdf.dcm")
    client = DICOMwebClient(url=gateway.root)
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    content = client.retrieve_instance_rendered(*uids, media_types=("application/pdf",))
    assert content.startswith(b"%PDF")


@pytest.mark.parametrize("accept", ["text/html", "video/mp4", "application/dicom", "image/tiff"])
def test_what_cannot_be_had_is_406_with_what_can(http, hospital, accept):
    for level in (f"/studies/{STUDY}", HOSPITAL_SERIES, HOSPITAL_INSTANCE):
        address = f"{hospital.root}{level}/rendered"
        refused = http.get(address, headers={"Accept": accept})
        assert refused.status_code == 406
        for offer in refused.json()["available"]:
            assert http.get(address, headers={"Accept": offer}).status_code == 200
