"""SIGTERM under load: who was let in gets an answer, and nothing that is short seems whole."""

import http.client
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydicom.data import get_testdata_file

from tests.contract.test_workers import PLACE, Serving
from tests.running import HealthImaging

CT = Path(get_testdata_file("CT_small.dcm", download=False))
SERIES = PLACE.partition("/instances")[0]
CLIENTS = 12


@pytest.fixture(scope="module")
def imaging(tmp_path_factory):
    server = HealthImaging(
        tmp_path_factory.mktemp("draining"), "--fault", "GetImageFrame:slow=8kB/s"
    )
    server.import_files([CT], "ct")
    yield server
    server.stop()


@pytest.fixture
def start(imaging):
    started = []

    def started_with(workers, **environment):
        serving = Serving(imaging, GATEWAY_WORKERS=str(workers), **environment)
        started.append(serving)
        serving.root = serving.process.stdout.readline().split()[-1]
        serving.wait_for(lambda: ready(serving.root))
        return serving

    yield started_with
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def ready(root):
    try:
        return httpx.get(root.replace("/dicomweb", "/readyz")).status_code == 200
    except httpx.TransportError:
        return False


class Client(threading.Thread):
    """Asks again and again on a connection that stays open, until it is let into no new one."""

    def __init__(self, root, pause):
        super().__init__()
        self._url = urlsplit(root)
        self._pause = pause
        self.answers, self.lost, self.told = 0, [], 0

    def run(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=20)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            with closing(connection):
                self._ask(connection)

    def _ask(self, connection):
        paths = (f"{SERIES}/metadata", "/studies", f"{SERIES}/instances")
        while True:
            try:
                connection.request("GET", self._url.path + paths[self.answers % len(paths)])
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            if answer.status != 200 or not body:
                self.lost.append(answer.status)
            self.answers += 1
            if answer.will_close:
                self.told += 1
                return
            time.sleep(self._pause)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_under_load_loses_no_request(start, workers):
    serving = start(workers)
    clients = [Client(serving.root, 0.02 * (at % 3)) for at in range(CLIENTS)]
    for one in clients:
        one.start()
    time.sleep(2)
    status, _ = serving.end()
    for one in clients:
        one.join(30)
    assert status in (0, -signal.SIGTERM)
    assert [one.lost for one in clients] == [[]] * CLIENTS
    assert all(one.answers > 5 for one in clients)
    assert sum(one.told for one in clients) >= CLIENTS  # that each connection's end was its end


def ask(root):
    """A connection on which a frame has begun to arrive, slowly."""
    url = urlsplit(root)
    client = socket.create_connection((url.hostname, url.port), 30)
    stored = "image/jphc; transfer-syntax=*"
    client.sendall(
        f"GET {url.path}{PLACE} HTTP/1.1\r\nHost: a\r\nAccept: {stored}\r\n\r\n".encode()
    )
    return client, client.recv(1 << 16)


def rest(client, begun):
    with closing(client):
        try:
            while piece := client.recv(1 << 16):
                begun += piece
        except ConnectionResetError:
            begun += b"RESET"
    head, _, body = begun.partition(b"\r\n\r\n")
    [length] = [
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if b"content-length" in line
    ]
    return length, body


@pytest.mark.parametrize(("seconds", "whole"), [("20", True), ("0", False)])
def test_what_is_on_its_way_arrives_or_is_seen_not_to(start, seconds, whole):
    serving = start(2, GATEWAY_DRAIN_SECONDS=seconds)
    client, begun = ask(serving.root)
    assert b" 200 " in begun
    serving.process.send_signal(signal.SIGTERM)
    length, body = rest(client, begun)
    serving.process.communicate(timeout=30)
    assert (len(body) == length) is whole


def test_load_balancers_are_told_before_anything_else_changes(start):
    serving = start(1, GATEWAY_DRAIN_DELAY="2")
    url = serving.root.replace("/dicomweb", "/readyz")
    began = time.monotonic()
    serving.process.send_signal(signal.SIGTERM)
    serving.wait_for(lambda: httpx.get(url).status_code == 503, 1)
    told = httpx.get(url)
    assert told.json()["reason"] == "The gateway is about to end"
    assert "close" not in told.headers.get("connection", "")
    assert httpx.get(f"{serving.root}/studies").status_code == 200
    serving.process.communicate(timeout=30)
    assert 2 <= time.monotonic() - began < 10
