"""Frames: cached ones as stored, for the first time, decoded, and one of many."""

from contextlib import ExitStack
from functools import partial

from tests.bench import load
from tests.bench.context import Bench, cost, median, rate, workers_note
from tests.bench.load import Load
from tests.bench.report import Result
from tests.bench.servers import Bare, Nginx, tool

STORED = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}


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
        frame = client.get(paths[0], STORED, keep=True)
        client.close()
        kind = frame.headers["content-type"]
        bare = Bare(bench.folder, frame.body, kind, gateway.workers)
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
