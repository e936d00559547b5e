"""HealthImaging's own DICOMweb: what comes back equals the files, by pydicom and other decoders."""

import io
import json
import shutil
import subprocess
import warnings

import httpx
import numpy as np
import openjpeg
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from tests import files, multipart
from tests.contract.signing import Signature
from tests.contract.test_round_trip import (
    HTJ2K,
    HTJ2K_IMAGES,
    IMAGES,
    IMPORTED,
    NATIVE,
    RETAINED,
    UNREADABLE,
    containers,
    decoded,
    each,
    normal,
)

EXPLICIT_LE = "1.2.840.10008.1.2.1"
INSTANCE = "application/dicom; transfer-syntax={}"
FRAMES = "multipart/related; type=application/octet-stream; transfer-syntax={}"
READABLE = [path for path in IMAGES if path.name not in UNREADABLE]
KEPT = [path for path in READABLE if files.read(path).file_meta.TransferSyntaxUID in RETAINED]
ENCODED = [path for path in READABLE if path not in KEPT]
CT = files.AHI_PAIR[0]
MULTI_FRAME = files.GENERATED / "multiframe_grey10.dcm"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def signed(healthimaging):
    with httpx.Client(auth=Signature(healthimaging.known), timeout=60) as client:
        yield client


@pytest.fixture
def get(healthimaging, library, signed):
    """Asks for a file's instance, or what lies below it, as its image set has it."""

    def get(path, tail="", accept=None, image_set=True, **changes):
        query = {"imageSetId": library.image_sets[path]} if image_set else {}
        headers = {} if accept is None else {"Accept": accept}
        address = place(healthimaging, path, **changes)
        return signed.get(address + tail, params=query or None, headers=headers)

    return get


def place(healthimaging, path, datastore_id=None, **changes):
    dataset = files.read(path)
    uids = {
        "studies": dataset.StudyInstanceUID,
        "series": dataset.SeriesInstanceUID,
        "instances": dataset.SOPInstanceUID,
        **changes,
    }
    root = f"{healthimaging.known['endpoint_url']}/datastore/"
    below = "".join(f"/{level}/{uid}" for level, uid in uids.items() if uid)
    return root + (datastore_id or healthimaging.datastore_id) + below


def content(response):
    assert response.status_code == 200, response.text
    return response.content


def refused(response, code, status, *words):
    assert (response.status_code, response.headers["x-amzn-ErrorType"]) == (status, code)
    assert response.headers["content-type"] == "application/json"
    message = response.json()["message"]
    assert all(word in message for word in words), message


def numbered(path):
    return range(1, int(files.read(path).get("NumberOfFrames", 1) or 1) + 1)


@each(ENCODED)
def test_an_instance_comes_back_decoded(get, path):
    response = get(path, accept=INSTANCE.format(EXPLICIT_LE))
    retrieved = pydicom.dcmread(io.BytesIO(content(response)))
    assert response.headers["content-type"] == INSTANCE.format(EXPLICIT_LE)
    assert retrieved.file_meta.TransferSyntaxUID == EXPLICIT_LE
    original = files.read(path)
    assert np.array_equal(pixel_array(retrieved, raw=True), decoded(original))
    if original.file_meta.TransferSyntaxUID in NATIVE:
        assert retrieved.PixelData == original.PixelData[: len(retrieved.PixelData)]


@each(HTJ2K_IMAGES)
def test_an_instance_comes_back_as_stored(get, path):
    for syntax in ("*", HTJ2K):
        response = get(path, accept=INSTANCE.format(syntax))
        assert response.headers["content-type"] == INSTANCE.format(HTJ2K)
    retrieved = pydicom.dcmread(io.BytesIO(content(response)))
    assert retrieved.file_meta.TransferSyntaxUID == HTJ2K
    count = len(numbered(path))
    frames = [
        openjpeg.decode(frame)
        for frame in generate_frames(retrieved.PixelData, number_of_frames=count)
    ]
    assert np.array_equal(frames if count > 1 else frames[0], containers(files.read(path)))


@each(KEPT)
def test_frames_in_their_original_encoding_are_kept_and_never_decoded(get, path):
    original = files.read(path)
    stored = original.file_meta.TransferSyntaxUID
    for accept in (None, "application/dicom", INSTANCE.format(EXPLICIT_LE), INSTANCE.format(HTJ2K)):
        refused(get(path, accept=accept), "NotAcceptableException", 406, stored)
    for syntax in ("*", stored):
        retrieved = pydicom.dcmread(io.BytesIO(content(get(path, accept=INSTANCE.format(syntax)))))
        assert retrieved.file_meta.TransferSyntaxUID == stored
        [ours, theirs] = (
            list(generate_frames(one.PixelData, number_of_frames=len(numbered(path))))
            for one in (retrieved, original)
        )
        assert ours == theirs
    refused(get(path, "/frames/1", FRAMES.format(EXPLICIT_LE)), "NotAcceptableException", 406)
    [part] = multipart.parse(get(path, "/frames/1", FRAMES.format("*")))
    assert part.parameters["transfer-syntax"] == stored
    assert part.content.rstrip(b"\0") == theirs[0].rstrip(b"\0")


@each(IMPORTED)
def test_metadata_are_what_pydicom_reads(get, path):
    response = get(path, "/metadata", "application/dicom+json")
    assert response.headers["content-type"] == "application/dicom+json"
    [found] = json.loads(content(response))
    dataset = files.read(path)
    for tag in list(dataset.keys()):
        if tag.element == 0 or tag == 0xFFFCFFFC or tag.group == 0x7FE0:
            del dataset[tag]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = json.loads(dataset.to_json())
    stored = pydicom.dcmread(
        io.BytesIO(content(get(path, accept=INSTANCE.format("*")))), stop_before_pixels=True
    ).file_meta.TransferSyntaxUID
    assert next(iter(found)) == "00020010"
    assert found.pop("00020010") == {"vr": "UI", "Value": [stored]}
    kept = {tag: element for tag, element in found.items() if not tag.startswith("7FE0")}
    assert "7FE00010" not in found
    assert normal(kept) == normal(expected, swapped=not dataset.is_little_endian)


@pytest.mark.parametrize("numbers", [(1,), (2, 1), (1, 2, 3), (3, 1)])
@pytest.mark.parametrize("syntax", [EXPLICIT_LE, HTJ2K])
def test_frames_in_the_order_asked_for(get, numbers, syntax):
    original = containers(files.read(MULTI_FRAME))
    tail = "/frames/" + ",".join(map(str, numbers))
    parts = multipart.parse(get(MULTI_FRAME, tail, FRAMES.format(syntax)))
    assert len(parts) == len(numbers)
    for number, part in zip(numbers, parts, strict=True):
        assert part.type == "application/octet-stream"
        assert part.parameters["transfer-syntax"] == syntax
        frame = original[number - 1]
        if syntax == EXPLICIT_LE:
            assert part.content == frame.astype("<u2").tobytes()
        else:
            assert np.array_equal(openjpeg.decode(part.content), frame)


def test_the_primary_image_set_is_the_default(get):
    named, found = (
        get(MULTI_FRAME, accept=INSTANCE.format("*"), image_set=x) for x in (True, False)
    )
    assert content(named) == content(found)


def test_the_metadata_of_a_series(healthimaging, signed, hospital):
    dataset = hospital.datasets[0]
    made = [one for one in hospital.datasets if one.SeriesInstanceUID == dataset.SeriesInstanceUID]
    root = f"{healthimaging.known['endpoint_url']}/datastore/{hospital.datastore_id}"
    below = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/metadata"
    found = json.loads(content(signed.get(root + below)))
    numbers = [one["00200013"]["Value"][0] for one in found]
    assert numbers == sorted(numbers)
    assert {one["00080018"]["Value"][0] for one in found} == {one.SOPInstanceUID for one in made}


@pytest.mark.parametrize(
    ("tail", "accept"),
    [
        ("", "application/dicom+json"),
        ("", 'multipart/related; type="application/dicom"; transfer-syntax=*'),
        ("", INSTANCE.format("1.2.840.10008.1.2")),
        ("", INSTANCE.format("1.2.840.10008.1.2.4.50")),
        ("/frames/1", "application/octet-stream; transfer-syntax=*"),
        ("/frames/1", "multipart/related; type=image/jphc; transfer-syntax=*"),
        ("/frames/1", FRAMES.format("1.2.840.10008.1.2.4.91")),
        ("/metadata", "application/dicom"),
    ],
)
def test_what_the_guide_does_not_offer_is_not_acceptable(get, tail, accept):
    refused(get(MULTI_FRAME, tail, accept), "NotAcceptableException", 406)


@pytest.mark.parametrize("tail", ["1,1", "2,1,2", "0", "x", "1,", "-1"])
def test_a_frame_list_that_repeats_or_is_none_is_invalid(get, tail):
    refused(get(MULTI_FRAME, f"/frames/{tail}", FRAMES.format("*")), "ValidationException", 400)


def test_what_does_not_exist(get):
    missing = ("ResourceNotFoundException", 404)
    beyond = len(numbered(MULTI_FRAME)) + 1
    refused(get(MULTI_FRAME, f"/frames/1,{beyond}", FRAMES.format("*")), *missing, str(beyond))
    for image_set in (True, False):
        for level in ("studies", "series", "instances"):
            refused(get(MULTI_FRAME, image_set=image_set, **{level: "1.2.3"}), *missing)
    refused(get(MULTI_FRAME, datastore_id="0" * 32), *missing, "Datastore")
    refused(get(MULTI_FRAME, f"?imageSetId={'0' * 32}", image_set=False), *missing, "Image set")


def test_what_cannot_be_an_identifier_is_invalid(get):
    invalid = ("ValidationException", 400)
    refused(get(MULTI_FRAME, studies="x"), *invalid, "study")
    refused(get(MULTI_FRAME, datastore_id="UPPER"), *invalid, "datastoreId")
    refused(get(MULTI_FRAME, "?imageSetId=short", image_set=False), *invalid, "imageSetId")


def test_operations_that_are_not_there_say_so(get):
    for changes in (
        {"studies": "", "series": "", "instances": ""},
        {"series": "", "instances": ""},
    ):
        answer = get(MULTI_FRAME, "/studies" if "studies" in changes else "/series", **changes)
        refused(answer, "NotImplementedException", 501, "SearchDICOM")
    refused(get(MULTI_FRAME, "/rendered"), "UnknownOperationException", 404)


def test_an_unsigned_or_wrongly_signed_request_is_refused(healthimaging, library):
    address = place(healthimaging, CT)
    denied = ("AccessDeniedException", 403)
    refused(httpx.get(address), *denied, "Missing")
    wrong = Signature(healthimaging.known | {"aws_secret_access_key": "wrong"})
    refused(httpx.get(address, auth=wrong), *denied, "signature")
    refused(httpx.get(address, headers={"Authorization": "Bearer x.y.z"}), *denied, "Access Denied")


CURL = shutil.which("curl")


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(
    ("tail", "accept"),
    [
        ("", INSTANCE.format(EXPLICIT_LE)),
        ("/metadata", "application/dicom+json"),
        ("/frames/1", FRAMES.format(EXPLICIT_LE)),
        ("/frames/2,1", FRAMES.format("*")),
    ],
)
def test_the_guides_curl_commands_work(healthimaging, library, get, tmp_path, tail, accept):
    known, output = healthimaging.known, tmp_path / "answer"
    address = place(healthimaging, MULTI_FRAME) + tail
    command = [CURL, "--silent", "--fail-with-body", "--request", "GET"]
    command += [f"{address}?imageSetId={library.image_sets[MULTI_FRAME]}"]
    command += ["--aws-sigv4", f"aws:amz:{known['region_name']}:medical-imaging"]
    command += ["--user", f"{known['aws_access_key_id']}:{known['aws_secret_access_key']}"]
    command += ["--header", "x-amz-security-token:session", "--header", f"Accept: {accept}"]
    answer = subprocess.run([*command, "--output", str(output)], check=False)
    assert answer.returncode == 0, output.read_text()
    expected = content(get(MULTI_FRAME, tail, accept))
    if tail.startswith("/frames"):  # boundaries are drawn anew
        assert len(output.read_bytes()) == len(expected)
    else:
        assert output.read_bytes() == expected
