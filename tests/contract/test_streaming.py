"""Frames on their way through the gateway, over real sockets: slow, cut off, shared, left."""

import asyncio
import os
import socket
import threading
import time
import zlib
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pydicom.data
import pytest

from gateway.dicomweb.resources import Address
from tests import files
from tests.running import Gateway, HealthImaging

STUDY = "1.2.826.0.1.3680043.10.13"
SERIES = f"{STUDY}.1"
SIDE, SLICES = 512, 6
BARE = {"accept": "image/jphc; transfer-syntax=*"}
ENCLOSED = {"accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A data folder with a series of noise: frames of some 400 KB."""
    folder = tmp_path_factory.mktemp("streaming")
    noise = np.random.default_rng(7)
    paths = []
    for number in range(1, SLICES + 1):
        sop = f"{SERIES}.{number}"
        made = files.ct(
            number,
            size=SIDE,
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=SERIES,
            SOPInstanceUID=sop,
            PixelData=noise.integers(-1024, 3072, (SIDE, SIDE), "<i2").tobytes(),
        )
        paths.append(files.write(folder / f"{sop}.dcm", made))
    server = HealthImaging(folder / "data")
    good, bad = server.import_files(paths, "all")
    assert len(good) == len(paths), bad
    gateway = Gateway(server, prefetch="off")
    frames = [httpx.get(place(gateway, number), headers=BARE) for number in range(1, SLICES + 1)]
    gateway.stop()
    assert server.stop() == 0
    return folder / "data", [one.content for one in frames]


def place(gateway, number):
    return f"{gateway.root}/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{number}/frames/1"


@pytest.fixture
def start(stored):
    """Starts HealthImaging with faults, and a gateway before it."""
    running = []

    def started(*faults, **settings):
        arguments = [text for fault in faults for text in ("--fault", fault)]
        server = HealthImaging(stored[0], *arguments)
        gateway = Gateway(
            server, **{"prefetch": "off", "frame_cache_mb": 16, "max_attempts": 1, **settings}
        )
        running.extend([gateway, server])
        return server, gateway

    yield started
    for one in running:
        one.stop()


def calls(server):
    """How often HealthImaging was asked for a frame; calls that were broken off included."""
    text = httpx.get(f"{server.known['endpoint_url']}/metrics").text
    lines = [line for line in text.splitlines() if 'operation="GetImageFrame"' in line]
    return sum(float(line.split()[-1]) for line in lines if line.startswith("healthimaging_calls"))


def library(gateway):
    return gateway._server.config.app.state.services.library


def left_over(gateway):
    """Frames under way, tasks of the gateway's loop, and open files of this process."""
    loop = gateway._server.servers[0].get_loop()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return len(library(gateway)._arrivals), len(asyncio.all_tasks(loop)), descriptors


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(gateway, number, headers=BARE):
    """A raw socket that has asked for a frame."""
    url = urlsplit(place(gateway, number))
    client = socket.create_connection((url.hostname, url.port), 10)
    lines = [f"GET {url.path} HTTP/1.1", f"host: {url.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def read_some(client, size=1):
    found = b""
    while len(found) < size and (piece := client.recv(65536)):
        found += piece
    return found


@pytest.mark.parametrize("headers", [BARE, ENCLOSED])
def test_the_first_bytes_go_out_before_the_last_are_there(start, stored, headers):
    _, gateway = start("GetImageFrame:slow=400kB/s")
    frame = stored[1][0]
    with httpx.stream("GET", place(gateway, 1), headers=headers, timeout=30) as answer:
        arrived = []
        body = b""
        for piece in answer.iter_raw():
            body += piece
            arrived.append(time.monotonic())
    assert len(body) == int(answer.headers["content-length"])
    assert frame in body
    assert len(arrived) > 3
    assert arrived[-1] - arrived[0] > 0.4  # the emulator needs a second for all of it
    again = httpx.get(place(gateway, 1), headers=headers)
    assert (again.content, again.headers["content-length"]) == (body, str(len(body)))
    assert again.headers["etag"] == answer.headers["etag"]


def test_many_clients_share_one_call_and_each_gets_all(start, stored):
    server, gateway = start("GetImageFrame:slow=400kB/s")
    found = {}

    def get(name, delay):
        time.sleep(delay)
        found[name] = httpx.get(place(gateway, 2), headers=BARE, timeout=30).content

    askers = [threading.Thread(target=get, args=(at, at * 0.03)) for at in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert list(found.values()) == [stored[1][1]] * 20
    assert calls(server) == 1


@pytest.mark.parametrize("headers", [BARE, ENCLOSED])
def test_a_body_that_breaks_off_is_whole_for_nobody(start, stored, headers):
    server, gateway = start("GetImageFrame:truncate")
    for _ in range(3):
        with suppress(httpx.RemoteProtocolError):
            answer = httpx.get(place(gateway, 1), headers=headers, timeout=30)
            assert answer.status_code == 503  # nothing had been sent
    assert left_over(gateway)[0] == 0
    server.stop()
    server._arguments = []
    server.start()
    answer = httpx.get(place(gateway, 1), headers=BARE, timeout=30)
    assert answer.content == stored[1][0]


def test_a_server_that_dies_in_the_middle_of_a_frame(start, stored):
    server, gateway = start("GetImageFrame:slow=100kB/s")
    with closing(ask(gateway, 3)) as client, closing(ask(gateway, 3, ENCLOSED)) as other:
        got = [read_some(one, 30_000) for one in (client, other)]
        server.kill()
        for one, begun in zip((client, other), got, strict=True):
            one.settimeout(20)
            body = (begun + read_some(one, 10**9)).partition(b"\r\n\r\n")[2]
            assert 0 < len(body) < len(stored[1][2])
    wait_until(lambda: left_over(gateway)[0] == 0)
    assert httpx.get(place(gateway, 3), headers=BARE, timeout=30).status_code >= 500
    server._arguments = []
    server.start()
    answer = httpx.get(place(gateway, 3), headers=BARE, timeout=30)
    assert answer.content == stored[1][2]


def test_a_client_that_leaves_fails_nobody(start, stored):
    server, gateway = start("GetImageFrame:slow=300kB/s")
    with closing(ask(gateway, 1)) as leaver:
        read_some(leaver)
        with closing(ask(gateway, 1)) as stayer:
            begun = read_some(stayer)
            leaver.close()
            head, _, body = begun.partition(b"\r\n\r\n")
            body += read_some(stayer, len(stored[1][0]) - len(body))
    assert b" 200 " in head
    assert body == stored[1][0]
    assert calls(server) == 1


@pytest.mark.parametrize(("share", "kept"), [(0.05, False), (0.6, True)])
def test_what_is_more_than_half_there_is_kept_when_all_have_left(start, stored, share, kept):
    server, gateway = start("GetImageFrame:slow=200kB/s")
    frame = stored[1][4]
    with closing(ask(gateway, 5)) as client:
        read_some(client, int(len(frame) * share))
    wait_until(lambda: left_over(gateway)[0] == 0)
    assert httpx.get(place(gateway, 5), headers=BARE, timeout=30).content == frame
    assert calls(server) == (1 if kept else 2)


@pytest.mark.parametrize("clients", [int(os.environ.get("LEAVING_CLIENTS", "200"))])
def test_clients_that_leave_in_the_middle_leave_nothing_behind(start, stored, clients):
    _, gateway = start("GetImageFrame:slow=40kB/s")
    httpx.get(f"{gateway.root}/studies/{STUDY}/series/{SERIES}/metadata")
    time.sleep(0.5)
    _, tasks, descriptors = left_over(gateway)
    for first in range(0, clients, 100):
        leavers = [ask(gateway, 1 + at % SLICES) for at in range(first, first + 100)]
        for at, client in enumerate(leavers):
            if at % 3:
                read_some(client)
            client.close()
    wait_until(lambda: left_over(gateway)[0] == 0)
    pooled = 2 * SLICES  # connections to HealthImaging that may be kept
    wait_until(lambda: left_over(gateway)[1] <= tasks + 1)
    wait_until(lambda: left_over(gateway)[2] <= descriptors + pooled)


@pytest.mark.parametrize(
    "name",
    ["SC_rgb_jpeg_dcmtk.dcm", "JPEG2000.dcm", "rtdose.dcm", "liver_1frame.dcm"],
)
def test_what_is_stored_as_it_came_is_what_its_metadata_say(healthimaging, gateway, name, caplog):
    path = Path(pydicom.data.get_testdata_file(name, download=False))
    made = healthimaging.imaging.create_datastore(datastoreName="seals")
    _, bad = healthimaging.import_files([path], f"seals-{name}", made["datastoreId"])
    assert not bad
    root = f"{gateway.url}/datastore/{made['datastoreId']}"
    [one] = httpx.get(f"{root}/instances").json()
    study, series, sop = (one[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    url = f"{root}/studies/{study}/series/{series}/instances/{sop}/frames/1"
    assert httpx.get(url, headers=ENCLOSED).status_code == 200
    assert "frame_unlike_its_metadata" not in caplog.text
    library_ = library(gateway)
    where = Address(made["datastoreId"], study, series, sop)
    loop = gateway._server.servers[0].get_loop()
    found = asyncio.run_coroutine_threadsafe(library_.instance(where), loop).result(30)
    kept = library_.kept_frame(made["datastoreId"], found.image_set_id, found.frames[0])
    seal = found.seal(1)
    if seal is not None:
        assert (seal.length, seal.checksum) == (len(kept), zlib.crc32(kept))
    assert (seal is None) == found.stored_syntax.endswith(".4.202")
