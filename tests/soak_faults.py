"""Load while HealthImaging fails in every way: no wrong byte, nothing leaked, memory flat.

``python -m tests.soak_faults --minutes 60``, or ``make soak-faults``. A gateway with two workers
stands before an embedded HealthImaging that answers some calls with 5xx, resets others, truncates,
stalls for ten seconds, and is killed now and then. Viewers read metadata, frames, pictures, whole
instances and series, and compare every body with what a gateway without faults gave. An answer may
be refused, or break off; one that arrives whole has to be right.
"""

import argparse
import hashlib
import http.client
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

from tests import files
from tests.running import HealthImaging, serve

UID = "1.2.826.0.1.3680043.10.77"
STUDIES, SLICES, SIDE, VIEWERS = 6, 24, 128, 10
FAULTS = (
    "GetImageFrame:error=503:rate=0.04",
    "GetImageFrame:error=InternalServerException:rate=0.03",
    "GetImageFrame:reset:rate=0.03",
    "GetImageFrame:truncate:rate=0.04",
    "GetImageFrame:stall=10s:rate=0.01",
    "GetImageFrame:slow=200kB/s:rate=0.1",
    "GetImageSetMetadata:error=500:rate=0.05",
    "GetImageSetMetadata:truncate:rate=0.05",
    "GetImageSetMetadata:stall=10s:rate=0.01",
    "SearchImageSets:error=502:rate=0.05",
    "SearchImageSets:reset:rate=0.03",
    "SearchImageSets:error=ThrottlingException:rate=0.03",
    "SearchImageSets:stall=10s:rate=0.01",
)
STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
PART_10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MARK = re.compile(rb"--[0-9a-f]{32}")
_URL = re.compile(rb"http://127\.0\.0\.1:\d+")


def say(text):
    print(text, flush=True)  # noqa: T201


def place(study, number=None):
    series = f"/studies/{UID}.{study}/series/{UID}.{study}.1"
    return series if number is None else f"{series}/instances/{UID}.{study}.1.{number}"


def store(server, folder):
    noise = np.random.default_rng(5)
    paths = []
    for study in range(STUDIES):
        for number in range(1, SLICES + 1):
            made = files.ct(
                number,
                size=SIDE,
                StudyInstanceUID=f"{UID}.{study}",
                SeriesInstanceUID=f"{UID}.{study}.1",
                SOPInstanceUID=f"{UID}.{study}.1.{number}",
                PixelData=noise.integers(-1024, 3072, (SIDE, SIDE), "<i2").tobytes(),
            )
            paths.append(files.write(folder / f"{study}-{number}.dcm", made))
    good, bad = server.import_files(paths, "all")
    assert len(good) == len(paths), bad


def requests():
    """What viewers ask for: path, Accept, and how often compared with the others."""
    for study in range(STUDIES):
        yield f"{place(study)}/metadata", "application/dicom+json", 10
        yield f"{place(study)}/instances", "application/dicom+json", 5
        yield f"/studies?StudyInstanceUID={UID}.{study}", "application/dicom+json", 5
        yield place(study), PART_10, 2
        for number in range(1, SLICES + 1):
            yield f"{place(study, number)}/frames/1", STORED, 6
            yield f"{place(study, number)}/frames/1", "*/*", 1
            yield f"{place(study, number)}/rendered", "image/jpeg", 1
            yield place(study, number), PART_10, 1


def digest(body):
    """What a body is known by, wherever it comes from."""
    return hashlib.sha256(_URL.sub(b"", _MARK.sub(b"", body))).hexdigest()


class Serving:
    """``python -m gateway serve`` with two workers and small caches, so that much is asked for."""

    def __init__(self, server, **settings):
        given = {
            "workers": 2,
            "catalog": "off",
            "log_level": "error",
            "frame_cache_mb": 2,
            "metadata_cache_mb": 1,
            "rendered_cache_mb": 1,
            "decoded_cache_mb": 1,
            **settings,
        }
        self.process = serve(server, subprocess.DEVNULL, **given)
        self.root = self.process.stdout.readline().split()[-1]
        self.url = self.root.removesuffix("/dicomweb")
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "the gateway does not start"
            time.sleep(0.1)

    def _answers(self):
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def workers(self):
        """Descriptors, threads and resident MiB of each worker."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) != self.process.pid:
                    continue
                if "spawn_main" not in (stat.parent / "cmdline").read_text():
                    continue
                status = (stat.parent / "status").read_text()
                resident = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
                threads = int(re.search(r"Threads:\s+(\d+)", status)[1])
                descriptors = len(list((stat.parent / "fd").iterdir()))
            except OSError:
                continue
            found[int(stat.parent.name)] = (descriptors, threads, resident)
        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return self.process.returncode


class Viewer(threading.Thread):
    """Asks for one thing after another, and compares."""

    def __init__(self, root, truth, seed):
        super().__init__(daemon=True)
        self._url = urlsplit(root)
        self._truth = truth
        self._random = random.Random(seed)
        self.counts = Counter()
        self.wrong = []
        self.ending = threading.Event()

    def run(self):
        choices = list(self._truth)
        weights = [self._truth[key][1] for key in choices]
        while not self.ending.is_set():
            connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=90)
            with closing(connection):
                for key in self._random.choices(choices, weights, k=50):
                    if self.ending.is_set() or not self._ask(connection, key):
                        break

    def _ask(self, connection, key):
        path, accept = key
        leaves = self._random.random() < 0.02
        try:
            connection.request("GET", self._url.path + path, headers={"Accept": accept})
            answer = connection.getresponse()
            body = answer.read(500) if leaves else answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.counts[f"broken off: {type(error).__name__}"] += 1
            return False
        self.counts["left" if leaves else answer.status] += 1
        if not leaves and answer.status == 200 and digest(body) != self._truth[key][0]:
            self.wrong.append((path, accept, len(body)))
        if answer.status not in (200, 500, 502, 503, 504):
            self.wrong.append((path, accept, answer.status))
        return not (leaves or answer.will_close)


def truth(server):
    """The right answer to every request."""
    gateway = Serving(server)
    found = {}
    with httpx.Client(timeout=60) as client:
        for path, accept, weight in requests():
            answer = client.get(gateway.root + path, headers={"Accept": accept})
            assert answer.status_code == 200, (path, accept, answer.text)
            found[path, accept] = digest(answer.content), weight
    gateway.stop()
    return found


def metric(url, name):
    """The sum of a metric's samples in whichever worker answers."""
    text = httpx.get(f"{url}/metrics", timeout=30).text
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def settle(gateway, calm):
    """Wait until descriptors are those of before, and nothing is under way; what is left over."""
    deadline = time.monotonic() + 100
    while True:
        time.sleep(1)
        left = [
            f"worker {name} has {now[0]} descriptors, had {calm[0]}"
            for name, now in gateway.workers().items()
            if now[0] > calm[0]
        ]
        under_way = {metric(gateway.url, "gateway_requests_under_way") for _ in range(6)}
        if under_way != {0.0}:
            left.append(f"requests under way: {under_way}")
        if not left or time.monotonic() > deadline:
            return left


def run(minutes, seed):
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        server = HealthImaging(Path(folder) / "data")
        store(server, Path(folder))
        known = truth(server)
        server.stop()
        faults = [text for fault in FAULTS for text in ("--fault", fault)]
        server._arguments = [*faults, "--simulate", "aws"]
        server.start()
        gateway = Serving(server, read_timeout=6, max_attempts=3)
        first = gateway.workers()
        # A pool of connections to HealthImaging stays open; no more than calls may run at a time.
        calm = (max(one[0] for one in first.values()) + 40, 0)
        viewers = [Viewer(gateway.root, known, seed + at) for at in range(VIEWERS)]
        for one in viewers:
            one.start()
        began, samples, chance = time.monotonic(), [], random.Random(seed)
        kill_at = began + 40
        while (now := time.monotonic()) < began + 60 * minutes:
            time.sleep(5)
            samples.append((now - began, gateway.workers()))
            if now > kill_at:
                server.kill()
                time.sleep(chance.uniform(0, 4))
                server.start()
                kill_at = now + chance.uniform(40, 90)
            if len(samples) % 6 == 0:
                told(now - began, viewers, samples[-1][1])
        for one in viewers:
            one.ending.set()
        for one in viewers:
            one.join(120)
            problems += [f"a wrong answer: {each}" for each in one.wrong]
        problems += settle(gateway, calm)
        problems += grown(samples)
        if set(gateway.workers()) != set(first):
            problems.append("a worker has crashed")
        told(60 * minutes, viewers, gateway.workers())
        gateway.stop()
        server.stop()
    return problems


def grown(samples):
    """Where memory is not flat: the last fifth beside the one after everything was warm."""
    found = []
    size = max(1, len(samples) // 5)
    for worker in samples[-1][1]:
        sizes = [workers[worker][2] for _, workers in samples if worker in workers]
        early, late = max(sizes[size : 2 * size]), min(sizes[-size:])
        if late > early * 1.1 + 10:
            found.append(f"worker {worker} grew from {early:.0f} to {late:.0f} MiB")
    return found


def told(seconds, viewers, workers):
    counts = sum((one.counts for one in viewers), Counter())
    about = ", ".join(f"{key}: {count}" for key, count in sorted(counts.items(), key=str))
    state = "; ".join(f"{n} fd {t} threads {m:.0f} MiB" for n, t, m in workers.values())
    say(f"{seconds:6.0f} s | {about} | {state}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    problems = run(chosen.minutes, chosen.seed)
    for one in problems:
        say(one)
    say("Nothing was wrong." if not problems else f"{len(problems)} problems.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
