"""Every BulkDataURI leads to its bytes, of every sample, out of JSON, XML and searches alike."""

import io
import warnings

import httpx
import numpy as np
import pydicom
import pytest

from tests import files, multipart, native_model
from tests.contract.test_round_trip import IMPORTED, NATIVE, each, retrieve, url
from tests.running import Gateway

WORDS = {"OB": 1, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "UN": 1}
PIXEL_DATA = {"7FE00008", "7FE00009", "7FE00010"}
IMAGES = [path for path in IMPORTED if any(tag in files.read(path) for tag in PIXEL_DATA)]
XML = "application/dicom+xml"
OCTETS = "application/octet-stream"
PARTS = f'multipart/related; type="{OCTETS}"'

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def linking(healthimaging):
    """A gateway whose metadata link to every binary value, however small."""
    running = Gateway(healthimaging, inline_limit=0)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def get():
    with httpx.Client(timeout=60) as client:
        yield lambda target, accept="*/*", **headers: client.get(
            target, headers={"Accept": accept, **headers}
        ).raise_for_status()


def expected(dataset, path=""):
    """The bytes of all binary values but pixel data by their paths, little-endian."""
    found = {}
    little = dataset.is_little_endian if path == "" else True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for element in dataset:
            tag = f"{int(element.tag):08X}"
            if element.VR == "SQ":
                for number, item in enumerate(element.value, 1):
                    found |= expected(item, f"{path}{tag}/{number}/")
            elif element.VR in WORDS and element.value and not is_left_out(element.tag, path):
                found[path + tag] = native(element, little=little)
    return found


def is_left_out(tag, path):
    return tag.element == 0 or tag == 0xFFFCFFFC or (tag.group == 0x7FE0 and not path)


def native(element, *, little):
    size = WORDS[element.VR]
    if little or size == 1:
        return element.value
    return np.frombuffer(element.value, f"<u{size}").byteswap().tobytes()


def links(attributes):
    """All BulkDataURIs of a DICOM JSON object, by path."""
    found = {}
    for tag, element in attributes.items():
        if "BulkDataURI" in element:
            found[tag] = element["BulkDataURI"]
        for number, item in enumerate(element.get("Value", []), 1):
            if isinstance(item, dict) and element["vr"] == "SQ":
                found |= {f"{tag}/{number}/{path}": uri for path, uri in links(item).items()}
    return found


def without_padding(found):
    return {path: content.rstrip(b"\0") for path, content in found.items()}


@each(IMPORTED)
def test_every_link_of_the_metadata_leads_to_its_bytes(library, linking, get, path):
    [instance] = get(url(library, linking, path, "/metadata"), "application/dicom+json").json()
    found = links(instance)
    for uri in found.values():
        assert f"?imageSetId={library.image_sets[path]}&versionId=1" in uri
    bulk = {at: get(uri, OCTETS).content for at, uri in found.items() if at not in PIXEL_DATA}
    assert without_padding(bulk) == without_padding(expected(files.read(path)))
    assert len(found) == len(bulk) + (path in IMAGES)


@each(IMPORTED)
def test_xml_and_searches_have_the_same_links(library, linking, get, path):
    [instance] = get(url(library, linking, path, "/metadata")).json()
    expected_links = links(instance)
    document = get(url(library, linking, path, "/metadata"), XML).content
    in_xml = []
    native_model.parse(document, lambda uri: in_xml.append(uri) or b"")
    assert sorted(in_xml) == sorted(expected_links.values())
    dataset = files.read(path)
    query = {
        "SOPInstanceUID": dataset.SOPInstanceUID,
        "imageSetId": library.image_sets[path],
        "includefield": "all",
    }
    [result] = get(f"{linking.root}/instances?{httpx.QueryParams(query)}").json()
    in_search = {at: uri for at, uri in links(result).items() if at not in PIXEL_DATA}
    assert in_search == {at: uri for at, uri in expected_links.items() if at not in PIXEL_DATA}


def whole_value(get, library, gateway, path):
    """Pixel data out of frames, or (bits) of a file, which other tests compare with pydicom."""
    dataset = files.read(path)
    if dataset.BitsAllocated == 1:
        content = retrieve(httpx, url(library, gateway, path), "1.2.840.10008.1.2.1")
        size = dataset.Rows * dataset.Columns * int(dataset.get("NumberOfFrames", 1))
        return pydicom.dcmread(io.BytesIO(content)).PixelData[: (size + 7) // 8]
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    numbers = ",".join(map(str, range(1, count + 1)))
    frames = get(url(library, gateway, path, f"/frames/{numbers}"), PARTS)
    return b"".join(part.content for part in multipart.parse(frames))


@each(IMAGES)
def test_pixel_data_are_one_value_without_an_envelope_or_in_one(library, linking, get, path):
    [instance] = get(url(library, linking, path, "/metadata")).json()
    [uri] = [element["BulkDataURI"] for tag, element in instance.items() if tag in PIXEL_DATA]
    value = whole_value(get, library, linking, path)
    dataset = files.read(path)
    if dataset.file_meta.TransferSyntaxUID in NATIVE:
        pixels = next(dataset[tag].value for tag in PIXEL_DATA if tag in dataset)
        assert pixels[: len(value)] == value
    single = get(uri, OCTETS)
    assert single.content == value
    assert int(single.headers["content-length"]) == len(value)
    for address in (uri, url(library, linking, path, "/pixeldata")):
        [part] = multipart.parse(get(address, PARTS))
        assert part.content == value
        assert part.location == uri


@each(IMAGES)
def test_compressed_pixel_data_are_a_part_for_each_frame(library, linking, get, path):
    [instance] = get(url(library, linking, path, "/metadata")).json()
    [uri] = [element["BulkDataURI"] for tag, element in instance.items() if tag in PIXEL_DATA]
    count = int(files.read(path).get("NumberOfFrames", 1) or 1)
    parts = multipart.parse(get(uri, f"{PARTS}; transfer-syntax=*"))
    if parts[0].type == OCTETS:
        assert len(parts) == 1
        return
    assert len(parts) == count
    numbers = ",".join(map(str, range(1, count + 1)))
    address = url(library, linking, path, f"/frames/{numbers}")
    frames = multipart.parse(get(address, f"{PARTS}; transfer-syntax=*"))
    assert [part.content for part in parts] == [part.content for part in frames]
    for part in parts:
        accept = f'multipart/related; type="{part.type}"; transfer-syntax=*'
        [alone] = multipart.parse(get(part.location, accept))
        assert alone.content == part.content


def test_a_range_of_a_value_is_a_part_of_it(library, linking, get):
    [path] = [path for path in IMPORTED if path.name == "waveform_ecg.dcm"]
    [instance] = get(url(library, linking, path, "/metadata")).json()
    [uri] = [uri for at, uri in links(instance).items() if at == "54000100/1/54001010"]
    whole = get(uri, OCTETS).content
    some = get(uri, OCTETS, Range="bytes=1000-1999")
    assert (some.status_code, some.content) == (206, whole[1000:2000])
    assert some.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert get(uri, OCTETS, Range="bytes=-5").content == whole[-5:]


@pytest.mark.parametrize("name", ["multiframe_grey10.dcm", "segmentation_unaligned.dcm"])
def test_a_range_of_pixel_data_lies_across_frames(library, linking, get, name):
    path = files.GENERATED / name
    uri = url(library, linking, path, "/bulkdata/7FE00010")
    whole = get(uri, OCTETS).content
    tag = get(uri, OCTETS).headers["etag"]
    for first, last in ((0, 0), (3, 20), (len(whole) // 2 - 9, len(whole) - 2)):
        some = get(uri, OCTETS, **{"Range": f"bytes={first}-{last}", "If-Range": tag})
        assert (some.status_code, some.content) == (206, whole[first : last + 1])
        assert some.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"


@pytest.fixture(scope="module")
def study(healthimaging, linking, tmp_path_factory):
    """The root of a study with two images and a document, and their data sets."""
    folder = tmp_path_factory.mktemp("study")
    images = [files.ct(number, 16, ICCProfile=bytes([number]) * 3000) for number in (1, 2)]
    document = files.read(files.GENERATED / "pdf.dcm")
    document.StudyInstanceUID = images[0].StudyInstanceUID
    document.SeriesNumber = 9
    paths = [files.write(folder / f"{at}.dcm", one) for at, one in enumerate([*images, document])]
    made = healthimaging.imaging.create_datastore()["datastoreId"]
    good, bad = healthimaging.import_files(paths, f"bulk-{made}", made)
    assert len(good) == 3, bad
    root = f"{linking.url}/datastore/{made}/studies/{images[0].StudyInstanceUID}"
    return root, [*images, document]


@pytest.mark.parametrize("tail", ["/bulkdata", "?bytes"])
def test_all_bulk_data_of_a_study_are_those_that_its_metadata_link_to(study, get, tail):
    root, datasets = study
    found = [links(one) for one in get(f"{root}/metadata").json()]
    uris = [uri for one in found for uri in one.values()]
    parts = multipart.parse(get(f"{root}{tail}", f'{PARTS}, multipart/related; type="*/*"')
                            if tail == "/bulkdata" else get(root, PARTS))  # fmt: skip
    assert [part.location for part in parts] == uris
    assert [part.content for part in parts] == [get(uri, OCTETS).content for uri in uris]
    pixels = [part.content for part in parts if "7FE00010" in part.location]
    assert pixels == [one.PixelData for one in datasets[:2]]


def test_documents_are_what_they_are_among_other_values(study, get):
    root, datasets = study
    parts = multipart.parse(get(f"{root}/bulkdata"))
    assert [part.type for part in parts].count("application/pdf") == 1
    answer = get(f"{root}/bulkdata", 'multipart/related; type="application/pdf"')
    assert answer.status_code == 206
    [part] = multipart.parse(answer)
    assert part.content.startswith(b"%PDF")
    assert part.content.strip(b"\0") == datasets[2].EncapsulatedDocument.strip(b"\0")


def test_pixel_data_of_a_study_and_of_a_series(study, get):
    root, datasets = study
    for address in (root, f"{root}/series/{datasets[0].SeriesInstanceUID}"):
        parts = multipart.parse(get(f"{address}/pixeldata", PARTS))
        assert [part.content for part in parts] == [one.PixelData for one in datasets[:2]]
