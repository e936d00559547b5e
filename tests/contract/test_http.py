"""HTTP on real sockets: HEAD, conditions, ranges, codings, aborts, proxies, other clients."""

import gzip
import json
import socket
import zlib
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from dicomweb_client import DICOMwebClient

from tests import files
from tests.running import Gateway, HealthImaging

STUDY = "1.2.826.0.1.3680043.10.1.1"
SERIES = f"{STUDY}.1"
INSTANCE = f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
STREAM = f"/studies/{STUDY}/metadata"
FRAME = f"{INSTANCE}/frames/1"
ASKED = 'Accept: multipart/related; type="application/octet-stream"; transfer-syntax=*'
OCTETS = {"Accept": "application/octet-stream"}


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A server of its own with one series of twelve slices, and a gateway."""
    server = HealthImaging(tmp_path_factory.mktemp("ward"))
    folder = tmp_path_factory.mktemp("slices")
    slices = [
        files.write(folder / f"{at}.dcm", files.ct(at, SOPInstanceUID=f"{SERIES}.{at}"))
        for at in range(1, 13)
    ]
    good, bad = server.import_files(slices, "ward")
    assert (len(good), bad) == (12, {})
    gateway = Gateway(server)
    yield gateway
    gateway.stop()
    server.stop()


@pytest.fixture(scope="module")
def http():
    with httpx.Client(timeout=60) as client:
        yield client


def raw(gateway, *lines, method="GET", path="/dicomweb/studies"):
    """Everything that comes back for one request before the server closes the connection."""
    parts = urlsplit(gateway.url)
    head = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", *lines]
    with closing(socket.create_connection((parts.hostname, parts.port), 30)) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in fields), body


PATHS = ["/studies", STREAM, FRAME, INSTANCE, f"/studies/{STUDY}", f"{INSTANCE}/thumbnail", "/"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_sends_the_head_of_get_and_not_a_byte_more(ward, path, coding):
    asked = [ASKED] if "frames" in path else []
    asked.append(f"Accept-Encoding: {coding}")
    path = f"/dicomweb{path}"
    got, got_headers, content = raw(ward, *asked, path=path)
    head, headers, body = raw(ward, *asked, path=path, method="HEAD")
    assert (got, head, body) == (200, 200, b"")
    assert content
    own = {"date", "x-request-id", "transfer-encoding"}
    coded = {"content-length"} if "content-encoding" in headers else set()  # known only when made
    for name in got_headers.keys() - own - coded:
        assert headers.get(name) == got_headers[name], name
    assert headers.keys() <= got_headers.keys()


def test_a_connection_goes_on_behind_head_and_304(ward):
    parts = urlsplit(ward.url)
    with closing(socket.create_connection((parts.hostname, parts.port), 30)) as connection:
        reader = connection.makefile("rb")

        def ask(method, *lines):
            head = [f"{method} /dicomweb{STREAM} HTTP/1.1", f"Host: {parts.netloc}", *lines, "", ""]
            connection.sendall("\r\n".join(head).encode())
            status = int(reader.readline().split()[1])
            headers = {}
            while line := reader.readline().strip():
                name, _, text = line.decode().partition(": ")
                headers[name.lower()] = text
            return status, headers

        status, headers = ask("HEAD")
        assert status == 200
        for _ in range(3):
            status, _ = ask("GET", f"If-None-Match: {headers['etag']}")
            assert status == 304
        status, headers = ask("OPTIONS")
        assert status == 200
        assert len(reader.read(int(headers["content-length"]))) > 100


def test_what_a_client_has_is_not_sent_again(ward, http):
    for path in PATHS:
        url = f"{ward.root}{path}"
        first = http.get(url)
        tag = first.headers["etag"]
        again = http.get(url, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
        assert http.get(url, headers={"If-None-Match": '"other"'}).content == first.content


@pytest.mark.parametrize("path", ["/instances", STREAM, f"{STREAM}?accept=application/json", "/"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_text_is_compressed_and_the_same(ward, http, path, coding):
    url = f"{ward.root}{path}"
    plain = http.get(url, headers={"Accept-Encoding": "identity"})
    coded = http.get(url, headers={"Accept-Encoding": coding})
    assert coded.headers["content-encoding"] == coding
    assert coded.content == plain.content
    assert int(coded.num_bytes_downloaded) < len(plain.content)
    tag = coded.headers["etag"]
    assert tag == f'{plain.headers["etag"][:-1]}-{coding}"'
    known = {"Accept-Encoding": coding, "If-None-Match": tag}
    again = http.get(url, headers=known)
    assert (again.status_code, again.headers["etag"]) == (304, tag)
    other = http.get(url, headers=known | {"Accept-Encoding": "identity"})
    assert other.status_code == 200


@pytest.mark.parametrize("path", [FRAME, INSTANCE, f"/studies/{STUDY}", f"{INSTANCE}/thumbnail"])
def test_pixels_and_files_are_never_compressed(ward, http, path):
    response = http.get(f"{ward.root}{path}", headers={"Accept-Encoding": "gzip, br, zstd"})
    assert response.status_code == 200
    assert "content-encoding" not in response.headers
    assert "Accept-Encoding" not in response.headers["vary"]


def test_a_frame_fits_together_from_its_ranges(ward, http):
    url = f"{ward.root}{FRAME}"
    accept = {"Accept": "image/jphc"}
    whole = http.get(url, headers=accept)
    assert whole.content == http.get(url, headers=accept | {"Range": "bytes=0-"}).content
    size, tag = len(whole.content), whole.headers["etag"]
    pieces = []
    for first in range(0, size, 1000):
        asked = accept | {"Range": f"bytes={first}-{first + 999}", "If-Range": tag}
        response = http.get(url, headers=asked)
        assert response.status_code == 206
        last = min(first + 999, size - 1)
        assert response.headers["content-range"] == f"bytes {first}-{last}/{size}"
        pieces.append(response.content)
    assert b"".join(pieces) == whole.content
    beyond = http.get(url, headers=accept | {"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize("path", [f"{INSTANCE}/bulkdata/7FE00010", f"{INSTANCE}/pixeldata"])
def test_a_value_can_be_had_in_parts(ward, http, path):
    url, expected = f"{ward.root}{path}", files.ct(1).PixelData
    whole = http.get(url, headers=OCTETS)
    if whole.status_code == 406:
        whole = http.get(url)
        assert whole.headers["content-type"].startswith("multipart/related")
    part = http.get(url, headers={**OCTETS, "Accept": whole.request.headers["accept"],
                                  "Range": "bytes=100-199"})  # fmt: skip
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert expected in whole.content


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_what_fails_in_the_middle_is_not_taken_for_whole(tmp_path, coding):
    """HealthImaging fails at the second series: its metadata are cut off, in any coding."""
    server = HealthImaging(tmp_path / "data")
    slices = [
        files.write(
            tmp_path / f"{at}.dcm",
            files.ct(at, SeriesInstanceUID=f"{STUDY}.{at}", SeriesNumber=at),
        )
        for at in (1, 2)
    ]
    image_sets, _ = server.import_files(slices, "failing")
    gateway = Gateway(server, fetch_ahead=1, max_attempts=1)
    try:
        [document] = server.data.rglob(f"metadata/*/{image_sets[slices[1]]}/1.json.gz")
        document.write_bytes(document.read_bytes()[:50])
        status, headers, body = raw(
            gateway, f"Accept-Encoding: {coding}", path=f"/dicomweb{STREAM}"
        )
    finally:
        gateway.stop()
        server.stop()
    assert status == 200
    assert headers["transfer-encoding"] == "chunked"
    assert not body.endswith(b"0\r\n\r\n")
    if coding == "gzip":
        content, decoder = _unchunked(body), zlib.decompressobj(wbits=31)
        assert decoder.decompress(content).startswith(b"[{")
        assert not decoder.eof
        with pytest.raises(EOFError):
            gzip.decompress(content)


def _unchunked(body):
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        if not size:
            break
        pieces.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(pieces)


def links(ward, *lines):
    status, _, body = raw(ward, *lines, "Accept-Encoding: identity", path="/dicomweb/studies")
    return status, json.loads(body)


@pytest.mark.parametrize(
    ("lines", "root"),
    [
        (["Forwarded: for=203.0.113.9;proto=https;host=pacs.example"], "https://pacs.example"),
        (["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https",
          "X-Forwarded-Host: pacs.example:8443"], "https://pacs.example:8443"),
        (["X-Forwarded-For: 203.0.113.9, 127.0.0.1", "X-Forwarded-Proto: https, http",
          "X-Forwarded-Host: pacs.example, inner", "X-Forwarded-Prefix: /imaging"],
         "https://pacs.example/imaging"),
    ],
)  # fmt: skip
def test_a_proxy_on_this_machine_is_believed(ward, lines, root):
    """uvicorn must leave address and scheme alone, or nobody would be known to be the proxy."""
    status, [study] = links(ward, *lines)
    assert status == 200
    assert study["00081190"]["Value"] == [f"{root}/dicomweb/studies/{STUDY}"]


def test_what_cannot_stand_in_a_url_is_refused(ward):
    status, problem = links(ward, 'X-Forwarded-Host: a"><script>')
    assert (status, problem["parameter"]) == (400, "X-Forwarded-Host")


def test_nobody_is_believed_where_nobody_is_trusted(ward, healthimaging):
    alone = Gateway(healthimaging, trusted_proxies="203.0.113.0/24")
    try:
        lines = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"]
        _, _, body = raw(alone, *lines, path="/ohif/app-config.json")
        assert b"evil.example" not in body
        assert f"{alone.url}/dicomweb".encode() in body
    finally:
        alone.stop()


def test_another_client_asks_and_reads(ward):
    client = DICOMwebClient(ward.root)
    [study] = client.search_for_studies()
    assert study["0020000D"]["Value"] == [STUDY]
    assert len(client.retrieve_study_metadata(STUDY)) == 12
    [frame] = client.retrieve_instance_frames(STUDY, SERIES, f"{SERIES}.1", [1])
    assert frame == files.ct(1).PixelData


def test_errors_are_for_nobody_to_keep(ward, http):
    for path in ("/studies/1.9/metadata", "/studies?Nonsense=1", "/nothing"):
        assert http.get(f"{ward.root}{path}").headers["cache-control"] == "no-store"
