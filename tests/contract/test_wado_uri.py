"""WADO-URI as old integrations and OHIF speak it; pydicom and Pillow read the answers."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from tests import files
from tests.contract.test_round_trip import decoded
from tests.running import Gateway
from tests.unit.codecs.images import noise

NATIVE = "1.2.840.10008.1.2.1"
HTJ2K = "1.2.840.10008.1.2.4.202"
DICOM = {"contentType": "application/dicom"}
NAMES = ("CT_small", "multiframe_grey10", "rgb_jpeg50", "pdf", "reportsi", "rtplan", "rgb_rle")


@pytest.fixture(scope="module")
def store(healthimaging, gateway, tmp_path_factory):
    """A data store of its own: its service root, and the query of each instance."""
    datastore_id = healthimaging.imaging.create_datastore()["datastoreId"]
    folder = tmp_path_factory.mktemp("uri")
    x = np.arange(6000).reshape(60, 100) % 100
    ramp = files.ct(
        1,
        Rows=60,
        Columns=100,
        PixelData=(x * 10).astype("<i2").tobytes(),
        RescaleIntercept="0",
        WindowCenter="500",
        WindowWidth="1000",
        PatientName="Secret^Person",
        PatientID="SECRET",
    )
    del ramp.PixelSpacing
    big = files.ct(2, 3000, PixelData=noise((3000, 3000), "<i2", 13).tobytes())
    kept = [path for path in files.collection() if path.stem in NAMES and path.suffix == ".dcm"]
    assert len(kept) == len(NAMES)
    paths = [files.write(folder / f"{name}.dcm", one) for name, one in
             (("ramp", ramp), ("big", big))]  # fmt: skip
    good, bad = healthimaging.import_files([*paths, *kept], "uri", datastore_id)
    assert not bad
    root = f"{gateway.url}/datastore/{datastore_id}"
    return root, {path.stem: (query(path), path) for path in good}


def query(path):
    dataset = files.read(path)
    return {
        "requestType": "WADO",
        "studyUID": dataset.StudyInstanceUID,
        "seriesUID": dataset.SeriesInstanceUID,
        "objectUID": dataset.SOPInstanceUID,
    }


def ask(http, store, name, headers=None, **more):
    root, queries = store
    return http.get(f"{root}/wado", params=queries[name][0] | more, headers=headers or {})


def read(store, name):
    return files.read(store[1][name][1])


def picture(answer):
    answer.raise_for_status()
    return Image.open(io.BytesIO(answer.content))


def file(answer):
    answer.raise_for_status()
    assert answer.headers["content-type"] == "application/dicom"
    return pydicom.dcmread(io.BytesIO(answer.content))


# Files


@pytest.mark.parametrize("more", [{}, {"transferSyntax": NATIVE}])
def test_a_file_is_native_by_default(http, store, more):
    answer = ask(http, store, "CT_small", **DICOM, **more)
    found, original = file(answer), read(store, "CT_small")
    assert found.file_meta.TransferSyntaxUID == NATIVE
    assert found.PixelData == original.PixelData
    assert found.PatientID == original.PatientID
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-location"].endswith(f"/instances/{original.SOPInstanceUID}")


def test_the_file_is_that_of_wado_rs(http, store):
    answer = ask(http, store, "rgb_rle", **DICOM)
    other = http.get(answer.headers["content-location"], headers={"Accept": "application/dicom"})
    assert other.content == answer.content


def test_ohif_asks_for_files_as_they_are_stored(http, store):
    header = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
    answer = ask(http, store, "CT_small", header, **DICOM, transferSyntax="*")
    found = file(answer)
    assert found.file_meta.TransferSyntaxUID == HTJ2K
    assert np.array_equal(pixel_array(found), pixel_array(read(store, "CT_small")))


def test_a_transfer_syntax_asks_for_a_file(http, store):
    found = file(ask(http, store, "rgb_jpeg50", transferSyntax="1.2.840.10008.1.2.4.50"))
    frames = [list(generate_frames(one.PixelData, number_of_frames=1))
              for one in (found, read(store, "rgb_jpeg50"))]  # fmt: skip
    assert frames[0] == frames[1]
    assert (
        ask(http, store, "CT_small", {"Accept": "image/png"}, transferSyntax="*").status_code == 406
    )


def test_a_transfer_syntax_that_there_is_not(http, store):
    answer = ask(http, store, "CT_small", **DICOM, transferSyntax="1.2.840.10008.1.2.2")
    assert answer.status_code == 406
    assert any(NATIVE in one for one in answer.json()["available"])


def test_a_large_file(http, store):
    answer = ask(http, store, "big", **DICOM)
    assert "content-length" not in answer.headers
    assert file(answer).PixelData == read(store, "big").PixelData


def test_what_is_no_image_is_a_file(http, store):
    found = file(ask(http, store, "rtplan"))
    assert found.SOPInstanceUID == read(store, "rtplan").SOPInstanceUID
    assert ask(http, store, "rtplan", contentType="image/jpeg").status_code == 406


def test_several_frames_are_a_file_by_default(http, store):
    found = file(ask(http, store, "multiframe_grey10"))
    assert np.array_equal(pixel_array(found), decoded(read(store, "multiframe_grey10")))


# Pictures


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "image/*"}])
def test_an_image_is_a_jpeg_by_default(http, store, headers):
    answer = ask(http, store, "ramp", headers)
    assert answer.headers["content-type"] == "image/jpeg"
    found = picture(answer)
    assert (found.format, found.size) == ("JPEG", (100, 60))
    grey = np.asarray(found.convert("L")).astype(int)
    expected = np.broadcast_to(np.arange(100) * 10 / 1000 * 255, (60, 100))
    assert np.abs(grey - expected).max() < 12


def test_the_query_wins_over_the_header(http, store):
    answer = ask(http, store, "ramp", {"Accept": "image/jpeg"}, contentType="image/png")
    assert picture(answer).format == "PNG"
    both = ask(http, store, "ramp", contentType="image/jpeg;q=0.1, image/png;q=0.9")
    assert picture(both).format == "PNG"
    wanted = ask(http, store, "ramp", {"Accept": "application/dicom"}, contentType="image/gif")
    assert picture(wanted).format == "GIF"


def test_what_nobody_makes(http, store):
    answer = ask(http, store, "ramp", contentType="image/tiff")
    assert answer.status_code == 406
    assert {"image/jpeg", "application/dicom"} <= set(answer.json()["available"])


def pixels(http, store, name="ramp", **more):
    found = picture(ask(http, store, name, contentType="image/png", **more))
    return np.asarray(found.convert("L")).astype(int)


def test_windows(http, store):
    found = pixels(http, store, windowCenter="250", windowWidth="101")
    assert set(found[:, :20].ravel()) == {0}
    assert set(found[:, 31:].ravel()) == {255}
    assert abs(found[0, 25] - 127) < 4


def test_regions(http, store):
    whole = pixels(http, store)
    assert np.array_equal(pixels(http, store, region="0.5,0.25,1,0.75"), whole[15:45, 50:])


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"rows": "30"}, (30, 50)),
        ({"columns": "20"}, (12, 20)),
        ({"rows": "30", "columns": "30"}, (18, 30)),
        ({"rows": "120", "columns": "1000"}, (120, 200)),
        ({"region": "0,0,0.5,1", "rows": "30"}, (30, 25)),
    ],
)
def test_sizes_keep_the_proportion(http, store, more, size):
    assert pixels(http, store, **more).shape == size


def test_quality(http, store):
    small, large = (ask(http, store, "ramp", imageQuality=q).content for q in ("5", "100"))
    assert len(small) < len(large)


def test_annotation(http, store):
    plain, burnt = (pixels(http, store, "big", rows="400", **more)
                    for more in ({}, {"annotation": "patient"}))  # fmt: skip
    assert plain.shape == burnt.shape
    assert not np.array_equal(plain, burnt)


def test_frames(http, store):
    frames = decoded(read(store, "multiframe_grey10"))
    window = {"windowCenter": "512", "windowWidth": "1024"}
    for number in range(1, len(frames) + 1):
        found = pixels(http, store, "multiframe_grey10", frameNumber=number, **window)
        expected = np.clip((frames[number - 1] - 511.5) / 1023 + 0.5, 0, 1) * 255
        assert np.abs(found - expected).max() <= 1
    first = pixels(http, store, "multiframe_grey10", frameNumber=1, **window)
    assert np.array_equal(pixels(http, store, "multiframe_grey10", **window), first)
    by_default = ask(http, store, "multiframe_grey10", frameNumber=2)
    assert by_default.headers["content-type"] == "image/jpeg"
    moving = picture(ask(http, store, "multiframe_grey10", contentType="image/gif"))
    assert moving.n_frames == len(frames)


def test_a_frame_that_is_not_there(http, store):
    answer = ask(http, store, "multiframe_grey10", frameNumber=99)
    assert (answer.status_code, answer.json()["parameter"]) == (400, "frameNumber")
    assert ask(http, store, "ramp", frameNumber=1).status_code == 200
    assert ask(http, store, "ramp", frameNumber=2).status_code == 400
    assert ask(http, store, "rtplan", frameNumber=1).status_code == 400


def test_documents(http, store):
    answer = ask(http, store, "pdf")
    assert answer.headers["content-type"] == "application/pdf"
    document = read(store, "pdf").EncapsulatedDocument
    assert answer.content.rstrip(b"\0") == document.rstrip(b"\0")
    assert file(ask(http, store, "pdf", **DICOM)).SOPInstanceUID
    refused = ask(http, store, "pdf", imageQuality="50")
    assert (refused.status_code, refused.json()["parameter"]) == (400, "imageQuality")


def test_by_the_book_one_frame_has_no_number(http, store, healthimaging):
    strict = Gateway(healthimaging, negotiation="strict")
    try:
        address = store[0].replace(store[0].split("/datastore")[0], strict.url)
        asked = store[1]["ramp"][0]
        assert http.get(f"{address}/wado", params=asked).status_code == 200
        answer = http.get(f"{address}/wado", params=asked | {"frameNumber": "1"})
        assert (answer.status_code, answer.json()["parameter"]) == (400, "frameNumber")
    finally:
        strict.stop()


# What is refused


@pytest.mark.parametrize("name", ["requestType", "studyUID", "seriesUID", "objectUID"])
def test_what_is_missing_is_named(http, store, name):
    rest = {key: value for key, value in store[1]["ramp"][0].items() if key != name}
    answer = http.get(f"{store[0]}/wado", params=rest)
    assert (answer.status_code, answer.json()["parameter"]) == (400, name)


@pytest.mark.parametrize(
    ("more", "parameter"),
    [
        ({"anonymize": "yes"}, "anonymize"),
        ({"rows": "huge"}, "rows"),
        ({"windowCenter": "40"}, "windowWidth"),
        ({"region": "1,1,0,0"}, "region"),
        ({"overlays": "true"}, "overlays"),
        ({"presentationUID": "1.2"}, "presentationSeriesUID"),
        (DICOM | {"rows": "10"}, "rows"),
    ],
)
def test_what_makes_no_sense_is_named(http, store, more, parameter):
    answer = ask(http, store, "ramp", **more)
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
    assert "secret" not in answer.text.lower()
    assert read(store, "ramp").SOPInstanceUID not in answer.text


@pytest.mark.parametrize("name", ["studyUID", "seriesUID", "objectUID"])
@pytest.mark.parametrize("more", [{}, DICOM])
def test_what_is_not_stored(http, store, name, more):
    answer = ask(http, store, "ramp", **{name: "1.2.3.4.5"}, **more)
    assert answer.status_code == 404
    assert "1.2.3.4.5" not in answer.text


def test_text_in_another_character_set_is_not_pictures(http, store):
    assert ask(http, store, "ramp", charset="iso-8859-1").status_code == 200


# The service


@pytest.mark.parametrize("more", [{}, DICOM, {"contentType": "image/png"}])
def test_head(http, store, more):
    root, queries = store
    whole = ask(http, store, "ramp", **more)
    head = http.head(f"{root}/wado", params=queries["ramp"][0] | more)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "content-location"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("name", ["ramp", "big"])
@pytest.mark.parametrize("more", [{"rows": "60"}, DICOM])
def test_what_the_client_has_is_not_sent_again(http, store, name, more):
    if name == "big" and "rows" in more:
        more = {"rows": "60", "contentType": "image/png"}
    answer = ask(http, store, name, **more).raise_for_status()
    tag = answer.headers["etag"]
    again = ask(http, store, name, {"If-None-Match": tag}, **more)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = ask(http, store, name, {"If-None-Match": tag}, **more, imageSetId="0" * 32)
    assert other.status_code == 404
    others = {ask(http, store, name, **one).headers["etag"] for one in ({}, {"columns": "60"})}
    assert len(others | {tag}) == 3


def test_head_of_a_large_file(http, store):
    root, queries = store
    head = http.head(f"{root}/wado", params=queries["big"][0] | DICOM)
    assert (head.status_code, head.content) == (200, b"")


def test_the_default_data_store_has_a_short_path(http, gateway, library):
    path = next(path for path in library.image_sets if path.stem == "CT_small")
    more = {"imageSetId": library.image_sets[path]} | DICOM
    for root in (gateway.url, gateway.root):
        found = file(http.get(f"{root}/wado", params=query(path) | more))
        assert found.PixelData == files.read(path).PixelData
    assert http.post(f"{gateway.url}/wado").status_code == 405
