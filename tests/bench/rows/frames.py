"""Frames: cached ones as stored, for the first time, decoded, and one of many."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Final

import imagecodecs

from tests.bench import load
from tests.bench.context import Bench, cost, median, rate, sooner, workers_note
from tests.bench.load import Load
from tests.bench.processes import Process
from tests.bench.report import Result
from tests.bench.servers import Bare, Nginx, tool

STORED: Final = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
_SINGLE: Final = {"Accept": "application/octet-stream; transfer-syntax=*"}
_DECODED: Final = {
    "Accept": 'multipart/related; type="application/octet-stream"; '
    "transfer-syntax=1.2.840.10008.1.2.1"
}
_DECODED_STUDIES: Final = 3


def cached(bench: Bench) -> list[Result]:
    """A frame as stored from the cache: beside Orthanc, bare uvicorn and nginx."""
    return [*_cached(bench, 2), *_cached(bench, 1)]


def _cached(bench: Bench, workers: int) -> list[Result]:
    row = "cached-frame" if workers == 2 else "cached-frame-1"
    paths = bench.data.frames()
    orthanc = bench.orthanc() if workers == 2 else None
    with ExitStack() as stack:
        gateway = stack.enter_context(bench.gateway(workers))
        ask = partial(load.wrk, headers=STORED, folder=bench.folder)
        ask(gateway.process, gateway.root, paths)
        client = load.Client(gateway.root)
        frames = [client.get(path, STORED, keep=True) for path in paths]
        client.close()
        frame = frames[0]
        kind = frame.headers["content-type"]
        # All of them: one frame over and over would come from the processor's cache, not memory.
        bare = Bare(bench.folder, [one.body for one in frames], kind, gateway.workers)
        stack.enter_context(bench.running(bare.process))
        measures = {
            "ours": partial(ask, gateway.process, gateway.root, paths),
            "bare": partial(ask, bare.process, bare.root, paths),
            "orthanc": orthanc and partial(ask, orthanc.process, orthanc.root, paths),
            "nginx": None,
        }
        if workers == 2 and tool("nginx"):
            nginx = Nginx(bench.folder, frame.body, workers)
            stack.enter_context(bench.running(nginx.process))
            measures["nginx"] = partial(ask, nginx.process, nginx.root, ["/frame"])
        found = bench.interleaved(measures)
    return _lines(row, workers, found)


def _lines(row: str, workers: int, found: dict[str, list[Load]]) -> list[Result]:
    words = f"cached frame as stored, 16 connections, {workers} worker{'s' * (workers > 1)}"
    note = workers_note(workers)
    cpu = {name: median([one.cpu for one in runs]) for name, runs in found.items() if runs}
    rates = {name: median([one.rate for one in runs]) for name, runs in found.items() if runs}
    bar = 1.6 if workers == 2 else None
    results = [cost(row, f"{words}: CPU", cpu["ours"], cpu["bare"], "bare uvicorn", bar, note)]
    if workers == 2:
        work = f"{words}: frames a second"
        theirs = rates.get("orthanc")
        results.insert(0, rate(row, work, rates["ours"], theirs, 12, unit="/s", note=note))
        where = "nginx from disk"
        results.append(cost(row, f"{words}: CPU", cpu["ours"], cpu.get("nginx"), where, None, note))
    return results


def first(bench: Bench) -> list[Result]:
    """A frame that the gateway does not have: fetched from the embedded server on this machine."""

    def cold() -> Load:
        with bench.gateway() as gateway:
            return _through(gateway.process, gateway.root, bench.data.frames(), STORED)

    orthanc = bench.orthanc()
    measures = {
        "ours": cold,
        "orthanc": orthanc
        and partial(_through, orthanc.process, orthanc.root, bench.data.frames(), STORED),
    }
    found = bench.interleaved(measures)
    ours, theirs = (median([one.rate for one in runs] or [0]) for runs in found.values())
    work = "frame as stored for the first time, 1 connection: frames a second"
    return [rate("first-frame", work, ours, theirs or None, None, unit="/s")]


def _through(process: Process, root: str, paths: list[str], headers: Mapping[str, str]) -> Load:
    """Every path once, one after the other."""
    client = load.Client(root)
    before, start = process.cpu(), time.perf_counter()
    for path in paths:
        client.get(path, headers)
    seconds = time.perf_counter() - start
    client.close()
    return Load(len(paths), len(paths) / seconds, (process.cpu() - before) / len(paths))


def decoded(bench: Bench) -> list[Result]:
    """A frame as Explicit VR Little Endian, each asked for once; the stored ones are cached."""
    paths = bench.data.frames()
    for study in bench.data.studies[:_DECODED_STUDIES]:
        paths += [path for series in study for path in bench.data.frames(series)]
    stored: list[bytes] = []

    def ours() -> float:
        with bench.gateway() as gateway:
            client = load.Client(gateway.root)
            stored[:] = [client.get(path, _SINGLE, keep=True).body for path in paths]
            client.close()
            return _through(gateway.process, gateway.root, paths, _DECODED).cpu

    def decoder() -> float:
        before = time.process_time()
        for frame in stored:
            imagecodecs.htj2k_decode(frame)
        return (time.process_time() - before) / len(stored)

    found = bench.interleaved({"ours": ours, "decoder": decoder})
    mine, alone = (median(runs) for runs in found.values())
    work = "frame decoded to Explicit VR Little Endian, not cached: CPU"
    return [cost("decoded-frame", work, mine, alone, "imagecodecs alone", 1.25, "")]


def one_of_many(bench: Bench) -> list[Result]:
    """One frame of an instance of a hundred, one request at a time."""
    paths = bench.data.frames(bench.data.cine)
    orthanc = bench.orthanc()
    with bench.gateway() as gateway:
        ask = partial(load.wrk, headers=STORED, folder=bench.folder, connections=1)
        ask(gateway.process, gateway.root, paths)
        measures = {
            "ours": partial(ask, gateway.process, gateway.root, paths),
            "orthanc": orthanc and partial(ask, orthanc.process, orthanc.root, paths, seconds=6),
        }
        found = bench.interleaved(measures)
    results = []
    for what, value in (("CPU", lambda one: one.cpu), ("time", lambda one: 1 / one.rate)):
        ours, theirs = (median([value(one) for one in runs] or [0]) for runs in found.values())
        bar = 200 if what == "CPU" else None
        work = f"one frame of a 100-frame instance, cached: {what}"
        results.append(sooner("one-of-many", work, ours, theirs or None, bar))
    return results
