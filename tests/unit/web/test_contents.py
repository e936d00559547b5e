"""What answers hold: parts and their types, single values, documents, files and archives."""

import base64
import io
import zipfile

import pytest

from gateway.app import create_app
from tests import multipart, native_model
from tests.unit.services.memory import PIXELS, MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi

BASE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
FRAMES = [bytes(range(8)), bytes(range(8, 16))]


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    first = instance("1.2.3.1.1", 1, frames=FRAMES, NumberOfFrames="2", **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", first, instance("1.2.3.1.2", 2)))
    return remote


@pytest.fixture
def app(remote):
    return create_app(settings(), remote)


def test_one_frame_has_its_length_and_an_exact_part_header(app):
    octets = 'multipart/related; type="application/octet-stream"'
    response = asgi.get(app, f"/dicomweb{BASE}/frames/2", accept=octets)
    assert int(response.headers["content-length"]) == len(response.content)
    head = b"\r\nContent-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n"
    assert head in response.content
    [part] = multipart.parse(response)
    assert part.content == FRAMES[1]
    single = asgi.get(app, f"/dicomweb{BASE}/frames/2", accept="application/octet-stream")
    assert single.content == FRAMES[1]
    assert single.headers["content-type"] == (
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    )


def test_frames_of_a_list_are_parts_in_its_order(app):
    response = asgi.get(app, f"/dicomweb{BASE}/frames/2%2C1")
    assert [part.content for part in multipart.parse(response)] == FRAMES[::-1]
    response = asgi.get(app, f"/dicomweb{BASE}/bulkdata/7FE00010/frames/2%2C1")
    assert [part.content for part in multipart.parse(response)] == FRAMES[::-1]


@pytest.mark.parametrize("path", ["bulkdata/7FE00010", "pixeldata", "bulkdata"])
def test_native_pixel_data_are_one_value(app, path):
    response = asgi.get(app, f"/dicomweb{BASE}/{path}")
    [part] = multipart.parse(response)
    assert part.content == b"".join(FRAMES)
    location = f"http://{asgi.HOST}/dicomweb{BASE}/bulkdata/7FE00010"
    assert f"\r\nContent-Location: {location}\r\n".encode() in response.content
    single = asgi.get(app, f"/dicomweb{BASE}/{path}", accept="application/octet-stream")
    assert single.content == part.content
    assert int(single.headers["content-length"]) == 16
    assert single.headers["content-type"].startswith("application/octet-stream")


def test_metadata_as_xml(app):
    envelope = 'multipart/related; type="application/dicom+xml"'
    response = asgi.get(app, "/dicomweb/studies/1.2.3/metadata", accept=envelope)
    assert response.headers["content-type"].startswith(envelope)
    parts = multipart.parse(response)
    assert [part.type for part in parts] == ["application/dicom+xml"] * 2
    found = [native_model.parse(part.content, lambda uri: b"") for part in parts]
    assert [one.SOPInstanceUID for one in found] == ["1.2.3.1.1", "1.2.3.1.2"]
    single = asgi.get(app, f"/dicomweb{BASE}/metadata", accept="application/dicom+xml")
    assert single.headers["content-type"] == "application/dicom+xml"
    assert single.content == parts[0].content


def test_an_archive_is_a_file_to_be_saved(app):
    for path in ("/studies/1.2.3", BASE):
        response = asgi.get(app, f"/dicomweb{path}", accept="application/zip")
        chosen = asgi.get(app, f"/dicomweb{path}?accept=application/zip")
        assert chosen.content == response.content
        assert response.headers["content-type"] == "application/zip"
        uid = path.rpartition("/")[2]
        assert response.headers["content-disposition"] == f'attachment; filename="{uid}.zip"'
        found = zipfile.ZipFile(io.BytesIO(response.content))
        assert found.testzip() is None
        assert found.namelist()[0] == "0001_CT_1.2.3.1/00001_1.2.3.1.1.dcm"
        first = asgi.get(app, f"/dicomweb{BASE}", accept="application/dicom")
        assert found.read(found.namelist()[0]) == first.content


def test_bytes_of_an_instance_are_its_bulk_data(app):
    octets = 'multipart/related; type="application/octet-stream"'
    response = asgi.get(app, "/dicomweb/studies/1.2.3", accept=octets)
    assert [part.content for part in multipart.parse(response)] == [b"".join(FRAMES)]


def test_an_answer_that_is_not_complete_says_so(app, remote):
    document = {
        "EncapsulatedDocument": base64.b64encode(bytes(3000)).decode(),
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
    }
    remote.add(image_set("1.2.3", "1.2.3.2", instance("1.2.3.2.1", **document)))
    pdf = 'multipart/related; type="application/pdf"'
    response = asgi.get(app, "/dicomweb/studies/1.2.3/bulkdata", accept=pdf)
    assert response.status_code == 206
    assert [part.type for part in multipart.parse(response)] == ["application/pdf"]
    both = f'{pdf}, multipart/related; type="application/octet-stream"'
    response = asgi.get(app, "/dicomweb/studies/1.2.3/bulkdata", accept=both)
    assert response.status_code == 200
    assert len(multipart.parse(response)) == 2


def test_files_are_parts_and_one_may_stand_alone(app):
    response = asgi.get(app, "/dicomweb/studies/1.2.3")
    parts = multipart.parse(response)
    assert [part.type for part in parts] == ["application/dicom"] * 2
    assert all(part.content[128:132] == b"DICM" for part in parts)
    single = asgi.get(app, f"/dicomweb{BASE}", accept="application/dicom")
    assert single.headers["content-type"].startswith("application/dicom")
    assert single.content == parts[0].content
