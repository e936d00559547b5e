"""Pictures: of a frame that is cached, and the same one again."""

from functools import partial
from typing import Final

from tests.bench import load
from tests.bench.context import Bench, median, rate
from tests.bench.report import Result
from tests.bench.rows.frames import STORED

_JPEG: Final = {"Accept": "image/jpeg"}
_WINDOWS: Final = 40
_AGAIN: Final = 20


def rendered(bench: Bench) -> list[Result]:
    """JPEGs of 512 x 512 by the second, at 16 connections."""
    paths = bench.data.frames()
    orthanc = bench.orthanc()
    with bench.gateway(workers=2) as gateway:
        load.wrk(gateway.process, gateway.root, paths, STORED, bench.folder)
        ask = partial(load.wrk, headers=_JPEG, folder=bench.folder)
        rounds = iter(range(1000))
        again = _windows(paths, 0)[:_AGAIN]

        def new(server) -> float:
            return ask(server.process, server.root, _windows(paths, next(rounds))).rate

        def old(server) -> float:
            return ask(server.process, server.root, again).rate

        old(gateway)
        found = bench.interleaved(
            {
                "new": lambda: new(gateway),
                "their new": orthanc and (lambda: new(orthanc)),
                "old": lambda: old(gateway),
                "their old": orthanc and (lambda: old(orthanc)),
            }
        )
    middle = {name: median(runs) if runs else None for name, runs in found.items()}
    words = "rendered JPEG, 16 connections, 2 workers"
    return [
        rate(
            "rendered", f"{words}, frame cached", middle["new"], middle["their new"], 2, unit="/s"
        ),
        rate(
            "rendered",
            f"{words}, the same rendering again",
            middle["old"],
            middle["their old"],
            10,
            unit="/s",
        ),
    ]


def _windows(paths: list[str], part: int) -> list[str]:
    """Renderings that no other part has."""
    first = part * _WINDOWS
    return [
        f"{path}/rendered?window={40 + number},{400 + number},linear"
        for number in range(first, first + _WINDOWS)
        for path in paths
    ]
