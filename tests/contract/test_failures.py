"""When HealthImaging is away, refuses, or gives damaged data: honest answers, and recovery."""

import gzip
import json
import shutil
import sqlite3
import time
from contextlib import closing, suppress

import httpx
import pytest

from tests import files
from tests.running import Gateway, HealthImaging

STUDY = "1.2.826.0.1.3680043.10.1.1"
SERIES = f"{STUDY}.1"


def four_slices(server, folder, **settings):
    """A gateway that gives up quickly, before a server that is given a series of four slices."""
    paths = [files.write(folder / f"{n}.dcm", files.ct(n)) for n in range(1, 5)]
    server.import_files(paths, "four")
    return Gateway(server, max_attempts=2, **settings)


@pytest.fixture
def pair(fresh, tmp_path):
    """A server for the test to damage, and its gateway."""
    gateway = four_slices(fresh, tmp_path)
    yield fresh, gateway
    gateway.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A gateway whose server nobody damages."""
    folder = tmp_path_factory.mktemp("whole")
    server = HealthImaging(folder / "data")
    gateway = four_slices(server, folder)
    yield gateway
    gateway.stop()
    assert server.stop() == 0


def test_healthimaging_away_is_503_and_comes_back(pair):
    server, gateway = pair
    series = f"{gateway.root}/studies/{STUDY}/series/{SERIES}"
    assert httpx.get(f"{gateway.url}/readyz").status_code == 200
    server.kill()
    for address in (f"{gateway.root}/studies", f"{series}/metadata", series):
        answer = httpx.get(address, timeout=30)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Traceback" not in answer.text
        assert "Error" not in answer.json()["detail"]
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    server.start()
    assert server.known["endpoint_url"] == gateway.settings.endpoint_url
    assert len(httpx.get(f"{gateway.root}/studies", timeout=30).json()) == 1
    assert len(httpx.get(f"{series}/metadata", timeout=30).json()) == 4


def test_healthimaging_away_leaves_the_gateway_alive_and_serving_what_it_has(fresh, tmp_path):
    paths = [files.write(tmp_path / f"{n}.dcm", files.ct(n)) for n in range(1, 3)]
    fresh.import_files(paths, "two")
    gateway = Gateway(fresh, max_attempts=1, search_ttl=60)
    try:
        assert httpx.get(f"{gateway.url}/readyz").json() == {"status": "ready"}
        study = f"{gateway.root}/studies/{STUDY}"
        first = httpx.get(f"{study}/metadata", timeout=30)
        sop = first.json()[0]["00080018"]["Value"][0]
        frame = f"{study}/series/{SERIES}/instances/{sop}/frames/1"
        kept = httpx.get(frame, timeout=30).content
        fresh.kill()
        time.sleep(3.1)  # that is how long what readiness has found is good
        ready = httpx.get(f"{gateway.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert "HealthImaging" in ready.json()["reason"]
        assert httpx.get(f"{gateway.url}/healthz").status_code == 200
        assert httpx.get(frame).content == kept
        assert httpx.get(f"{study}/metadata").json() == first.json()
        assert httpx.get(f"{gateway.root}/studies", timeout=30).status_code == 503
    finally:
        gateway.stop()


def test_wrong_credentials_are_502_and_not_ready(fresh):
    known = {**fresh.known}
    fresh.known["aws_secret_access_key"] = "wrong"
    gateway = Gateway(fresh, max_attempts=2)
    fresh.known.update(known)
    try:
        answer = httpx.get(f"{gateway.root}/studies")
        assert answer.status_code == 502
        assert "credentials" in answer.json()["detail"]
        ready = httpx.get(f"{gateway.url}/readyz")
        assert ready.status_code == 503
        assert "credentials" in ready.json()["reason"]
    finally:
        gateway.stop()


def test_a_file_that_breaks_off_is_not_taken_for_whole(pair):
    server, gateway = pair
    shutil.move(pack_of(server, 4), server.data / "elsewhere")
    with suppress(httpx.RemoteProtocolError):  # or an error, as long as nothing was sent
        assert httpx.get(f"{gateway.root}/studies/{STUDY}", timeout=60).status_code >= 500
    metadata = httpx.get(f"{gateway.root}/studies/{STUDY}/metadata")
    assert len(metadata.json()) == 4


def pack_of(server, number):
    """The file that holds the frame of the instance with this number."""
    where = {"datastoreId": server.datastore_id}
    [summary] = server.imaging.search_image_sets(**where)["imageSetsMetadataSummaries"]
    answer = server.imaging.get_image_set_metadata(**where, imageSetId=summary["imageSetId"])
    tree = json.loads(gzip.decompress(answer["imageSetMetadataBlob"].read()))
    [frame] = [
        instance["ImageFrames"][0]["ID"]
        for instance in tree["Study"]["Series"][SERIES]["Instances"].values()
        if instance["DICOM"]["InstanceNumber"].strip() == str(number)
    ]
    with closing(sqlite3.connect(server.data / "healthimaging/healthimaging.sqlite")) as db:
        [name] = db.execute("SELECT pack FROM frame WHERE id = ?", (frame,)).fetchone()
    return server.data / "healthimaging/frames" / name[:2] / name


def test_a_file_that_cannot_be_begun_is_an_error(pair):
    server, gateway = pair
    pack_of(server, 1).unlink()
    assert httpx.get(f"{gateway.root}/studies/{STUDY}", timeout=60).status_code == 503


def test_damaged_pixels_are_an_error_and_not_a_picture(pair):
    server, gateway = pair
    for pack in (server.data / "healthimaging/frames").rglob("*"):
        if pack.is_file():
            content = bytearray(pack.read_bytes())
            content[2:60] = bytes(58)
            pack.write_bytes(content)
    series = f"{gateway.root}/studies/{STUDY}/series/{SERIES}"
    sop = httpx.get(f"{series}/metadata").json()[0]["00080018"]["Value"][0]
    answer = httpx.get(f"{series}/instances/{sop}/frames/1")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "JPEG 2000" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/studies/1.2.3", 404),
        ("/studies/1.2.3/metadata", 404),
        (f"/studies/{STUDY}/series/1.2", 404),
        (f"/studies/{STUDY}/series/{SERIES}/instances/1.2", 404),
        (f"/studies/{STUDY}/series/{SERIES}/instances/1.2/frames/1", 404),
        ("/studies/..%2f..%2fetc", 404),
        ("/studies/abc", 400),
        (f"/studies/{STUDY}/series/x/metadata", 400),
        ("/nonsense", 404),
        ("/studies/1.2.3/thumbnail", 404),
    ],
)
def test_what_is_not_there(whole, path, status):
    answer = httpx.get(whole.root + path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_frame_numbers_are_checked(whole):
    series = f"{whole.root}/studies/{STUDY}/series/{SERIES}"
    sop = httpx.get(f"{series}/metadata").json()[0]["00080018"]["Value"][0]
    for numbers, status in {"2": 404, "0": 400, "-1": 400, "x": 400, "1,1": 400, "": 404}.items():
        answer = httpx.get(f"{series}/instances/{sop}/frames/{numbers}")
        assert answer.status_code == status, numbers
    assert httpx.post(f"{whole.root}/studies").status_code == 405
    assert httpx.head(f"{whole.root}/studies").status_code == 200


def test_head_says_what_get_would_without_reading_it(whole):
    answer = httpx.head(f"{whole.root}/studies/{STUDY}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("multipart/related")
    assert answer.content == b""
    assert httpx.head(f"{whole.root}/studies/1.2.3").status_code == 404
