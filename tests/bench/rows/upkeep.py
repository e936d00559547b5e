"""What the gateway needs: memory, and processor time of its client for HealthImaging."""

import subprocess
import sys
from functools import partial
from itertools import cycle, islice
from typing import Final

from gateway.settings import GatewaySettings
from tests.bench import data, load
from tests.bench.context import Bench, median
from tests.bench.processes import Failure
from tests.bench.report import Bar, Result
from tests.bench.rows.frames import STORED

_CACHE_MB: Final = 64
_BESIDE_MB: Final = 250
_REQUESTS: Final = 100_000
_SLICE_SECONDS: Final = 5
_LONGEST_SECONDS: Final = 90
_FLAT: Final = 1.05
_SETTLED: Final = 0.2  # of the requests, after which nothing is to grow any more


def memory(bench: Bench) -> list[Result]:
    """Resident memory beside what the caches may hold, over many requests of every kind."""
    caches = [
        name
        for name in GatewaySettings.model_fields
        if name.endswith("_cache_mb") and "disk" not in name
    ]
    with bench.gateway(**dict.fromkeys(caches, _CACHE_MB)) as gateway:
        seen: list[tuple[int, int]] = []
        done = 0
        paths = _mixture(bench)
        ask = partial(load.wrk, gateway.process, gateway.root, paths, STORED, bench.folder)
        for _ in range(_LONGEST_SECONDS // _SLICE_SECONDS):
            done += ask(seconds=_SLICE_SECONDS).requests
            seen.append((done, gateway.process.memory()))
            if done >= _REQUESTS:
                break
    return _judged(seen, len(caches) * _CACHE_MB)


def _judged(seen: list[tuple[int, int]], caches: int) -> list[Result]:
    done, last = seen[-1]
    settled = next(size for count, size in seen if count >= done * _SETTLED)
    allowed = (caches + _BESIDE_MB) * 2**20
    note = f"{done:,} requests; caches of {caches} MiB and {_BESIDE_MB} MB are allowed"
    greatest = max(size for _, size in seen)
    bar = Bar(1, at_least=False)
    flat = Bar(_FLAT, at_least=False)
    return [
        Result(
            "memory", "memory, 1 worker", greatest / 1e6, " MB", "allowed", allowed / 1e6,
            greatest / allowed, bar, note,
        ),
        Result(
            "memory", "memory at the end", last / 1e6, " MB", "after a fifth", settled / 1e6,
            last / settled, flat, note,
        ),
    ]  # fmt: skip


def _mixture(bench: Bench) -> list[str]:
    """Mostly frames that are soon cached, some that are not, and a little of everything else."""
    scan = data.path(bench.data.scan)
    cold = cycle(
        path for study in bench.data.studies for one in study for path in data.frame_paths(one)
    )
    frames = cycle(bench.data.frames())
    paths = []
    for number in range(40):
        paths += [*islice(frames, 97), *islice(cold, 2)]
        if number % 10 == 0:
            paths.append(f"{scan}/metadata?accept=application/dicom%2Bjson")
        elif number % 10 == 5:
            paths.append(f"{next(frames)}/rendered?accept=image/jpeg&window={number},400,linear")
    return paths


def client(bench: Bench) -> list[Result]:
    """Processor time of the client for one GetImageFrame of 139 KB."""
    known = bench.folder / "healthimaging/healthimaging.json"
    bench.healthimaging()

    def measure(which: str) -> float:
        command = [sys.executable, "-m", "tests.bench.upstream", which, str(known)]
        done = subprocess.run(
            [*command, bench.data.scan.series], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failure(f"the {which} client failed: {done.stderr.splitlines()[-1]}")
        return float(done.stdout)

    found = bench.interleaved(
        {"ours": partial(measure, "gateway"), "boto3": partial(measure, "boto3")}
    )
    ours, theirs = (median(runs) for runs in found.values())
    work = "GetImageFrame of 139 KB by the gateway's client: CPU"
    return [Result("client", work, ours, "s", "boto3", theirs, theirs / ours, Bar(5))]
