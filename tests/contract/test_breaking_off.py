"""Answers that cannot be completed, as raw bytes: the connection breaks and no end is sent."""

import socket
from contextlib import closing
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests import files
from tests.running import Gateway, HealthImaging

UID = "1.2.826.0.1.3680043.10.14"
SERIES = f"/studies/{UID}/series/{UID}.1"
SIDE, SLICES = 256, 8
PART_10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("breaking")
    noise = np.random.default_rng(3)
    paths = []
    for number in range(1, SLICES + 1):
        made = files.ct(
            number,
            size=SIDE,
            StudyInstanceUID=UID,
            SeriesInstanceUID=f"{UID}.1",
            SOPInstanceUID=f"{UID}.1.{number}",
            PixelData=noise.integers(-1024, 3072, (SIDE, SIDE), "<i2").tobytes(),
        )
        paths.append(files.write(folder / f"{number}.dcm", made))
    server = HealthImaging(folder / "data")
    good, bad = server.import_files(paths, "all")
    assert len(good) == len(paths), bad
    assert server.stop() == 0
    return folder / "data"


def received(gateway, path, accept, coding, version, until):
    """All that comes; ``until`` is called when the first bytes of a body are here."""
    url = urlsplit(gateway.root)
    lines = [f"GET {url.path}{path} HTTP/{version}", "Host: a", f"Accept: {accept}"]
    lines.append(f"Accept-Encoding: {coding}")
    found = b""
    with closing(socket.create_connection((url.hostname, url.port), 60)) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        try:
            while piece := client.recv(1 << 16):
                found += piece
                if until is not None and len(found) > 20_000:
                    until()
                    until = None
        except ConnectionResetError:
            found += b"RESET"
    return found


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("path", "accept", "end"),
    [
        (f"/studies/{UID}", PART_10, b"--\r\n"),
        (SERIES, PART_10, b"--\r\n"),
        (SERIES, "application/zip", b"PK\x05\x06"),
        (f"{SERIES}/instances/{UID}.1.1/frames/1", STORED, b"--\r\n"),
        (f"{SERIES}/instances/{UID}.1.1/frames/1", "image/jphc; transfer-syntax=*", None),
    ],
)
def test_what_cannot_be_completed_has_no_end(data, path, accept, end, coding, version):
    server = HealthImaging(data, "--fault", "GetImageFrame:slow=60kB/s")
    gateway = Gateway(server, prefetch="off", max_attempts=1, fetch_ahead=1)
    try:
        found = received(gateway, path, accept, coding, version, server.kill)
    finally:
        gateway.stop()
    head, _, body = found.partition(b"\r\n\r\n")
    head = head.lower()
    assert head.startswith(b"http/1.1 200 "), head
    assert body
    if b"transfer-encoding: chunked" in head:
        assert not body.endswith(b"0\r\n\r\n")
    else:
        [length] = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        assert len(body) < int(length.split(b":")[1])
    assert end is None or not body.removesuffix(b"\r\n").endswith(end.strip())
