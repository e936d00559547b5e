"""What OHIF, cornerstone and dicomweb-client send, word for word, and what they need back."""

import numpy as np
import openjpeg
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from tests import files, multipart
from tests.contract.conftest import UID

JSON = {"Accept": "application/dicom+json"}
STUDY_LIST = (
    "/studies?limit=101&offset=0&fuzzymatching=true"
    "&includefield=00081030%2C00080060%2C00080090%2C00100030"
)
SERIES = f"/studies/{UID}.0.0/series/{UID}.0.0.0"
FRAME = f"{SERIES}/instances/{UID}.0.0.0.2/frames/1"
STORED = "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202"


def pixels(hospital, sop):
    [dataset] = [d for d in hospital.datasets if d.SOPInstanceUID == sop]
    return np.frombuffer(dataset.PixelData, "<i2").reshape(dataset.Rows, dataset.Columns)


def test_the_study_list(http, hospital):
    found = http.get(hospital.root + STUDY_LIST, headers=JSON).raise_for_status().json()
    assert len(found) == 9
    for study in found:
        assert {"0020000D", "00080020", "00080030", "00080050", "00100020", "00100010"} <= set(
            study
        )
        assert {"00100030", "00201208", "00081030", "00080061", "00080090"} <= set(study)
        assert "Alphabetic" in study["00100010"]["Value"][0]
        assert study["00080061"]["Value"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("PatientName=*uster*&", 3),
        ("00100020=*P1*&", 3),
        ("AccessionNumber=*A0*&", 3),
        ("StudyDescription=*isit 1*&", 3),
        ("ModalitiesInStudy=CT%2CXA&", 4),
        ("StudyDate=20240102-20261121&", 9),
        ("StudyDate=19700102-20240101&", 0),
        (f"StudyInstanceUID={UID}.0.0%5C{UID}.1.1&", 2),
    ],
)
def test_the_filters_of_the_study_list(http, hospital, query, count):
    address = hospital.root + STUDY_LIST.replace("?", f"?{query}")
    assert len(http.get(address, headers=JSON).raise_for_status().json()) == count


def test_opening_a_study(http, hospital):
    fields = "includefield=00080021%2C00080031%2C0008103E%2C00200011"
    address = f"{hospital.root}/studies/{UID}.0.0/series?{fields}"
    [series] = http.get(address, headers=JSON).raise_for_status().json()
    assert {"0020000D", "0020000E", "00080060", "00200011", "00201209", "0008103E"} <= set(series)
    metadata = http.get(f"{hospital.root}{SERIES}/metadata", headers=JSON).raise_for_status()
    assert metadata.headers["content-type"] == "application/dicom+json"
    instances = metadata.json()
    assert len(instances) == 3
    for tag in ("00280010", "00280030", "00200032", "00200037", "00200052", "00281053", "00280100"):
        assert all("Value" in one[tag] for one in instances)
    lazy_off = http.get(f"{hospital.root}/studies/{UID}.0.0/metadata", headers=JSON)
    assert {one["00080018"]["Value"][0] for one in lazy_off.json()} == {
        one["00080018"]["Value"][0] for one in instances
    }


@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        "multipart/related; type=application/octet-stream; "
        "transfer-syntax=1.2.840.10008.1.2.4.202; transfer-syntax=*",
        'multipart/related; type="image/jphc"; transfer-syntax=1.2.840.10008.1.2.4.202',
        "multipart/related; type=image/jphc",
        "multipart/related; type=image/jls; transfer-syntax=1.2.840.10008.1.2.4.80, "
        "multipart/related; type=image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90, "
        "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202, "
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        "multipart/related; type=image/jphc; transfer-syntax=3.2.840.10008.1.2.4.96",
    ],
)
def test_frames_as_stored(http, hospital, accept):
    response = http.get(hospital.root + FRAME, headers={"Accept": accept}).raise_for_status()
    assert int(response.headers["content-length"]) == len(response.content)
    assert "content-encoding" not in response.headers
    assert b"\r\nContent-Type: " + STORED.encode() + b"\r\n" in response.content
    [part] = multipart.parse(response)
    assert np.array_equal(openjpeg.decode(part.content), pixels(hospital, f"{UID}.0.0.0.2"))


@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="application/octet-stream"',
        'multipart/related; type="*/*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
        "*/*",
        "",
        "image/jphc;q=0.1;transfer-syntax=1.2.840.10008.1.2.4.90, multipart/related;q=0.5",
    ],
)
def test_frames_decoded(http, hospital, accept):
    response = http.get(hospital.root + FRAME, headers={"Accept": accept}).raise_for_status()
    [part] = multipart.parse(response)
    assert part.type == "application/octet-stream"
    assert part.parameters == {"transfer-syntax": "1.2.840.10008.1.2.1"}
    assert part.content == pixels(hospital, f"{UID}.0.0.0.2").tobytes()


def test_a_frame_without_an_envelope(http, hospital):
    headers = {"Accept": "image/jphc"}
    response = http.get(hospital.root + FRAME, headers=headers).raise_for_status()
    assert response.headers["content-type"] == STORED
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.content.startswith(b"\xff\x4f")


def test_the_accept_parameter_wins(http, hospital):
    wanted = "multipart%2Frelated%3B%20type%3Dapplication%2Foctet-stream%3B%20transfer-syntax%3D*"
    headers = {"Accept": "application/nonsense"}
    response = http.get(f"{hospital.root}{FRAME}?accept={wanted}", headers=headers)
    [part] = multipart.parse(response.raise_for_status())
    assert part.type == "image/jphc"


@pytest.mark.parametrize(
    "accept",
    [
        "multipart/related; type=image/jp2; transfer-syntax=1.2.840.10008.1.2.4.80",
        "multipart/related; type=image/png",
        "text/html",
        "nonsense",
        "multipart/related; type=application/octet-stream; transfer-syntax=*; q=0",
    ],
)
def test_what_cannot_be_had_is_406_with_what_can(http, hospital, accept):
    response = http.get(hospital.root + FRAME, headers={"Accept": accept})
    assert response.status_code == 406
    assert any("1.2.840.10008.1.2.4.202" in one for one in response.json()["available"])


def test_metadata_is_json_or_xml_or_406(http, hospital):
    for accept in (
        "application/json",
        "*/*",
        'application/dicom+json, multipart/related; type="x"',
    ):
        response = http.get(f"{hospital.root}{SERIES}/metadata", headers={"Accept": accept})
        assert len(response.raise_for_status().json()) == 3
    wanted = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    response = http.get(f"{hospital.root}{SERIES}/metadata", headers=wanted)
    assert len(multipart.parse(response.raise_for_status())) == 3
    refused = http.get(f"{hospital.root}{SERIES}/metadata", headers={"Accept": "text/html"})
    assert refused.status_code == 406
    assert "application/dicom+json" in refused.json()["available"]


def test_cross_origin_requests(http, hospital):
    headers = {
        "Origin": "https://viewer.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "accept, authorization",
    }
    preflight = http.options(hospital.root + FRAME, headers=headers)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    response = http.get(hospital.root + FRAME, headers={"Origin": "https://viewer.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "Content-Length" in response.headers["access-control-expose-headers"]
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    missing = http.get(f"{hospital.root}/studies/1.2.3", headers={"Origin": "https://x.example"})
    assert missing.status_code == 404
    assert missing.headers["access-control-allow-origin"] == "*"


def test_bulk_data_addresses_are_absolute_and_lead_somewhere(http, gateway, library):
    path = next(one for one in library.image_sets if one.name == "pdf.dcm")
    dataset = files.read(path)
    base = f"{gateway.root}/studies/{dataset.StudyInstanceUID}/metadata"
    [instance] = http.get(base).raise_for_status().json()
    address = instance["00420011"]["BulkDataURI"]
    assert address.startswith(gateway.root)
    pdf = (
        'multipart/related; type="application/pdf", '
        'multipart/related; type="application/octet-stream"'
    )
    [part] = multipart.parse(http.get(address, headers={"Accept": pdf}).raise_for_status())
    assert part.type == "application/pdf"
    assert part.content.startswith(b"%PDF")
    plain = http.get(address).raise_for_status()
    assert plain.headers["content-type"] == "application/pdf"
    octets = http.get(address, headers={"Accept": "application/octet-stream"})
    assert octets.headers["content-type"] == "application/octet-stream"
    assert octets.content == plain.content == dataset.EncapsulatedDocument


def test_pixel_data_as_bulk_data(http, hospital):
    [first, *_] = http.get(f"{hospital.root}{SERIES}/metadata").json()
    response = http.get(first["7FE00010"]["BulkDataURI"]).raise_for_status()
    [part] = multipart.parse(response)
    assert part.content == pixels(hospital, f"{UID}.0.0.0.1").tobytes()


@pytest.fixture(scope="module")
def client(hospital):
    return DICOMwebClient(url=hospital.root)


def test_dicomweb_client_searches(client, hospital):
    assert len(client.search_for_studies()) == 9
    assert len(client.search_for_studies(search_filters={"PatientID": "P1"}, limit=2)) == 2
    assert len(client.search_for_studies(get_remaining=True, limit=2)) == 9
    found = client.search_for_series(f"{UID}.0.1", fields=["SeriesDescription", "Modality"])
    assert {one["0008103E"]["Value"][0] for one in found} == {"Series 0", "Series 1"}
    assert len(client.search_for_instances(f"{UID}.0.1", f"{UID}.0.1.1")) == 3
    name = {"PatientName": "Muster Anna"}  # the client writes the space as a plus sign
    assert client.search_for_studies(search_filters=name) == []


def test_dicomweb_client_retrieves(client, hospital):
    study, series, sop = f"{UID}.0.1", f"{UID}.0.1.1", f"{UID}.0.1.1.3"
    assert len(client.retrieve_study_metadata(study)) == 6
    assert len(client.retrieve_series_metadata(study, series)) == 3
    assert client.retrieve_instance_metadata(study, series, sop)["00080018"]["Value"] == [sop]
    dataset = client.retrieve_instance(study, series, sop)
    assert np.array_equal(dataset.pixel_array, pixels(hospital, sop))
    stored = client.retrieve_instance(study, series, sop, media_types=(("application/dicom", "*"),))
    assert stored.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.202"
    assert np.array_equal(stored.pixel_array, pixels(hospital, sop))
    datasets = client.retrieve_series(study, series)
    assert {d.SOPInstanceUID for d in datasets} == {f"{series}.{n}" for n in (1, 2, 3)}
    assert len(client.retrieve_study(study)) == 6
    [frame] = client.retrieve_instance_frames(study, series, sop, [1])
    assert frame == pixels(hospital, sop).tobytes()
    as_stored = (("application/octet-stream", "*"),)
    [frame] = client.retrieve_instance_frames(study, series, sop, [1], media_types=as_stored)
    assert np.array_equal(openjpeg.decode(frame), pixels(hospital, sop))


def test_dicomweb_client_iterates_a_study(client, hospital):
    found = {d.SOPInstanceUID: d for d in client.iter_study(f"{UID}.1.2")}
    wanted = [d for d in hospital.datasets if d.StudyInstanceUID == f"{UID}.1.2"]
    assert found.keys() == {d.SOPInstanceUID for d in wanted}
    for dataset in wanted:
        retrieved = found[dataset.SOPInstanceUID]
        assert isinstance(retrieved, pydicom.Dataset)
        assert np.array_equal(retrieved.pixel_array, pixels(hospital, dataset.SOPInstanceUID))
        assert retrieved.PatientName == dataset.PatientName
