"""Several processes at one address: real ones, killed while requests run, and ended together."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from pydicom.data import get_testdata_file

from tests.running import HealthImaging, serve

CT = Path(get_testdata_file("CT_small.dcm", download=False))
WORKERS = 2
PLACE = (
    "/studies/1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
    "/series/1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
    "/instances/1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322/frames/1"
)


_FRAIL = """
import os
from gateway import serving, workers
from gateway.errors import ConfigurationError

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})

def make():
    if not os.path.exists("settings"):
        raise ConfigurationError("The settings are gone.")
    open(f"{os.getpid()}.made", "w").close()
    return app

if __name__ == "__main__":
    workers._STEADY_SECONDS = 0.5
    sockets = serving.share("127.0.0.1", 0, "PORT", 2)
    raise SystemExit(workers.Supervisor(sockets, make, "warning", 1.0).run())
"""
_DYING = """
import time
from gateway import serving, workers

def make():
    with open("starts", "a") as file:
        file.write(f"{time.time()} ")
    raise RuntimeError

if __name__ == "__main__":
    sockets = serving.share("127.0.0.1", 0, "PORT", 1)
    raise SystemExit(workers.Supervisor(sockets, make, "warning", 1.0).run())
"""


@pytest.fixture(scope="module")
def imaging(tmp_path_factory):
    server = HealthImaging(tmp_path_factory.mktemp("workers"))
    server.import_files([CT], "ct")
    yield server
    server.stop()


class Serving:
    """``python -m gateway serve`` with several workers."""

    def __init__(self, imaging, **settings):
        given = {"workers": WORKERS, "log_level": "warning", **settings}
        self.process = serve(imaging, subprocess.PIPE, **given)
        self.root = ""

    def start(self):
        self.root = self.process.stdout.readline().split()[-1]
        self.wait_for(lambda: len(self.workers()) == WORKERS)
        return self

    @staticmethod
    def wait_for(condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def workers(self):
        return [one for one in descendants(self.process.pid) if "spawn_main" in command(one)]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=40)
        return self.process.returncode, complaints


def descendants(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def command(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


@pytest.fixture
def serving(imaging):
    started = []

    def start(**settings):
        started.append(Serving(imaging, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


class Asking(threading.Thread):
    """Asks for a frame until told to stop, each time on a connection of its own."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = url
        self.outcomes = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                self.outcomes.append(httpx.get(self.url, timeout=30).status_code)
            except httpx.HTTPError as error:
                self.outcomes.append(type(error).__name__)


def test_a_worker_that_is_killed_is_replaced_and_fails_nobody_else(serving):
    running = serving().start()
    frame = httpx.get(f"{running.root}{PLACE}", timeout=30)
    assert frame.status_code == 200
    asking = [Asking(f"{running.root}{PLACE}") for _ in range(4)]
    for one in asking:
        one.start()
    time.sleep(0.5)
    [victim, other] = running.workers()
    os.kill(victim, signal.SIGKILL)
    running.wait_for(lambda: victim not in running.workers() and len(running.workers()) == WORKERS)
    served = [len(one.outcomes) for one in asking]
    # All of them, so also those whose connections wait for the new worker.
    running.wait_for(
        lambda: all(len(a.outcomes) > s + 20 for a, s in zip(asking, served, strict=True))
    )
    for one in asking:
        one.over.set()
        one.join()
    failed = [outcome for one in asking for outcome in one.outcomes if outcome != 200]
    assert len(failed) <= len(asking)  # what the killed one had in hand, if anything
    assert other in running.workers()
    before = {victim, *running.workers()}
    status, complaints = running.end()
    assert (status, complaints.count('"worker_ended"')) == (0, 1), complaints
    assert not any("spawn_main" in command(one) for one in before)


def test_open_connections_to_other_workers_go_on(serving):
    running = serving().start()
    clients = [httpx.Client(timeout=30) for _ in range(12)]
    try:
        for client in clients:
            assert client.get(f"{running.root}{PLACE}").status_code == 200
        [victim, _] = running.workers()
        os.kill(victim, signal.SIGKILL)
        lost = 0
        for client in clients:
            try:
                assert client.get(f"{running.root}{PLACE}").status_code == 200
            except httpx.HTTPError:
                lost += 1
        assert lost < len(clients)  # the other worker has some of them
    finally:
        for client in clients:
            client.close()
    assert running.end()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them(serving, number):
    running = serving().start()
    assert httpx.get(f"{running.root}/studies", timeout=30).status_code == 200
    workers = running.workers()
    status, complaints = running.end(number)
    assert (status, complaints) == (0, "")
    assert not any("spawn_main" in command(one) for one in workers)


def test_no_worker_outlives_the_one_that_started_it(serving):
    running = serving().start()
    assert httpx.get(f"{running.root}/studies", timeout=30).status_code == 200
    workers = running.workers()
    running.process.kill()
    running.process.communicate()
    running.wait_for(lambda: not any("spawn_main" in command(one) for one in workers))


def test_settings_with_which_none_can_start_are_said_once(serving, tmp_path):
    font = tmp_path / "font.ttf"
    font.write_bytes(b"no font")
    running = serving(annotation_font=font)
    _, complaints = running.process.communicate(timeout=60)
    assert running.process.returncode == 1
    assert complaints.count("GATEWAY_ANNOTATION_FONT") == 1


@pytest.mark.parametrize(
    ("workers", "lacking", "told"),
    [
        (1, {"region": ""}, "GATEWAY_REGION is not set"),
        (2, {"region": ""}, "GATEWAY_REGION is not set"),
        (2, {"AWS_PROFILE": "nobody"}, "AWS's configuration cannot be used"),
        (2, {"AWS_CA_BUNDLE": "/none", "endpoint_url": ""}, "AWS's configuration"),
    ],
)
def test_what_aws_lacks_ends_all_with_one_sentence(serving, workers, lacking, told):
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    running = serving(workers=workers, **nowhere, **lacking)
    _, complaints = running.process.communicate(timeout=60)
    assert running.process.returncode == 1
    sentences = [line for line in complaints.splitlines() if "worker_ended" not in line]
    assert len(sentences) == 1, complaints
    assert told in sentences[0]


def test_a_worker_that_keeps_dying_is_started_ever_more_seldom(tmp_path):
    """Whatever it dies of: its starts are a second apart, then two, then four."""
    (tmp_path / "dying.py").write_text(_DYING)
    running = subprocess.Popen(
        [sys.executable, "dying.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.DEVNULL,
    )
    starts = tmp_path / "starts"
    try:
        Serving.wait_for(lambda: starts.exists() and len(starts.read_text().split()) >= 4)
    finally:
        running.terminate()
        assert running.wait(20) == 0
    times = [float(one) for one in starts.read_text().split()]
    assert times[2] - times[1] > 1
    assert times[3] - times[2] > 2


def test_a_mistake_made_while_workers_serve_does_not_end_them(tmp_path):
    """One that is to follow a crashed one is tried again until it can start."""
    (tmp_path / "frail.py").write_text(_FRAIL)
    settings = tmp_path / "settings"
    settings.touch()
    running = subprocess.Popen(
        [sys.executable, "frail.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )

    def made():
        return {int(path.stem) for path in tmp_path.glob("*.made")}

    try:
        Serving.wait_for(lambda: len(made()) == WORKERS)
        time.sleep(1)
        victim, other = made()
        settings.unlink()
        os.kill(victim, signal.SIGKILL)
        told = [running.stderr.readline() for _ in range(3)]  # it ends, and its first successor
        assert sum("The settings are gone." in line for line in told) == 1, told
        settings.touch()
        Serving.wait_for(lambda: len(made()) == WORKERS + 1)
        assert "spawn_main" in command(other)
    finally:
        running.terminate()
        running.communicate(timeout=20)
    assert running.returncode == 0


def test_two_do_not_share_a_port_by_mistake(serving):
    running = serving().start()
    port = running.root.split(":")[2].partition("/")[0]
    other = serving(port=port)
    _, complaints = other.process.communicate(timeout=60)
    assert other.process.returncode == 1
    assert "GATEWAY_PORT" in complaints
    assert running.end()[0] == 0
