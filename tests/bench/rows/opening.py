"""Opening what nobody has opened before, with AWS's request rates and a latency."""

import math
import statistics
import time
from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uvloop

from gateway.emulator.throttles import LIMITS
from tests.bench import data
from tests.bench.context import Bench, cost, median
from tests.bench.images import Series
from tests.bench.processes import Failure
from tests.bench.report import Bar, Result
from tests.bench.servers import Gateway, has_workers
from tests.bench.viewer import Viewer

LATENCY: Final = 0.040
CONNECTIONS: Final = 8
VIEWERS: Final = 20
_ALONE: Final = 4
_WAKING: Final = 4  # connections of each go to one of two workers or the other
_OPTIONS: Final = ("--simulate", "aws", "--latency", str(int(LATENCY * 1000)))
_REFILL_SECONDS: Final = 2.5  # until the buckets of every action are full


def on_paper(frames: int = data.SLICES, connections: int = CONNECTIONS) -> float:
    """Seconds that latency and quota take: a search, the metadata, and the frames.

    Each connection has one frame under way; frames beyond the burst come at the quota's rate.
    """
    limit = LIMITS["GetImageFrame"]
    by_latency = math.ceil(frames / connections) * LATENCY
    by_quota = max(0, frames - limit.burst) / limit.rate
    return 2 * LATENCY + max(by_latency, by_quota)


def series(bench: Bench) -> list[Result]:
    """The metadata and 300 frames of a series."""

    def ours() -> float:
        with bench.gateway(options=_OPTIONS) as gateway:
            uvloop.run(_woken(bench, gateway))
            viewer = Viewer(gateway.root, CONNECTIONS)
            uvloop.run(viewer.open_series(bench.data.scan))
            if viewer.errors:
                raise Failure(f"Answers had the statuses {sorted(set(viewer.errors))}.")
            return viewer.complete

    found = bench.interleaved({"ours": ours})["ours"]
    work = "cold open of a series (metadata and 300 frames, 8 connections), 40 ms latency"
    return [cost("cold-open", work, median(found), on_paper(), "on paper", 1.3, "")]


async def _woken(bench: Bench, gateway: Gateway) -> None:
    """Let every worker have done everything once, for another study."""
    for _ in range(_WAKING if gateway.workers > 1 else 1):
        await Viewer(gateway.root).open_study([bench.data.radiograph])


@dataclass(frozen=True, slots=True)
class _Crowd:
    """Seconds until the first frame, of one viewer alone and of many; errors that any saw."""

    alone: float
    many: float
    complete: float
    errors: int


def viewers(bench: Bench) -> list[Result]:
    """Twenty viewers that open twenty studies at once."""
    results = []
    for workers in (1, 2) if has_workers() else (1,):
        found = [_crowd(bench, workers) for _ in range(bench.rounds)]
        errors = sum(one.errors for one in found)
        note = f"{errors} answers 4xx or 5xx; all frames after {found[0].complete:.1f} s"
        words = f"{VIEWERS} viewers open {VIEWERS} studies, {workers} worker{'s' * (workers > 1)}"
        alone, many = median([one.alone for one in found]), median([one.many for one in found])
        work = f"{words}: first frame, p95"
        results.append(cost("viewers", work, many, alone, "one viewer alone", 1.5, note))
        results.append(_no_errors(words, errors))
    return results


def _no_errors(words: str, errors: int) -> Result:
    return Result(
        "viewers", f"{words}: answers 4xx or 5xx", errors, "", "none", 0, errors, Bar(0, False)
    )


def _crowd(bench: Bench, workers: int) -> _Crowd:
    with bench.gateway(workers, _OPTIONS) as gateway:
        uvloop.run(_woken(bench, gateway))
        single = [_open(gateway, [study])[0] for study in bench.data.studies[:_ALONE]]
    with bench.gateway(workers, _OPTIONS) as gateway:
        uvloop.run(_woken(bench, gateway))
        crowd = _open(gateway, bench.data.studies[-VIEWERS:])
    firsts = [viewer.first_frame for viewer in crowd]
    return _Crowd(
        median([viewer.first_frame for viewer in single]),
        statistics.quantiles(firsts, n=20)[-1],
        max(viewer.complete for viewer in crowd),
        sum(len(viewer.errors) for viewer in (*single, *crowd)),
    )


def _open(gateway: Gateway, studies: Sequence[Sequence[Series]]) -> list[Viewer]:
    time.sleep(_REFILL_SECONDS)
    found = [Viewer(gateway.root) for _ in studies]

    async def together() -> None:
        await gather(
            *(viewer.open_study(study) for viewer, study in zip(found, studies, strict=True))
        )

    uvloop.run(together())
    return found
