"""The command line: archives of growing size, every kind of search, and Orthanc beside them."""

import argparse
import json
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.catalog import building, peer
from tests.bench.catalog.archive import Archive
from tests.bench.catalog.asking import Answers, Client
from tests.bench.catalog.building import Built
from tests.bench.catalog.queries import KINDS, PAGE, Kind
from tests.bench.processes import Failure
from tests.bench.report import Bar, Result, line, say, table
from tests.bench.servers import Gateway, HealthImaging

_ROOT: Final = Path(__file__).parent.parent.parent.parent
_SIZES: Final = (10_000, 100_000, 1_000_000)
_POLICY: Final = "merge"
_INTERRUPTED: Final = 130
_WARM: Final = 20
_ROUNDS: Final = 4
_P50: Final = 0.010
_RATE: Final = 2_000
_OF_ORTHANC: Final = 4.0
_MEMORY: Final = 1.25
_FOREVER: Final = 3_600


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write what was measured; the exit status."""
    parser = argparse.ArgumentParser(prog="make bench-catalog", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which archives are made up")
    parser.add_argument("--sizes", default=",".join(map(str, _SIZES)), help="studies, by commas")
    parser.add_argument("--searches", type=int, default=200, help="of each kind and size")
    chosen = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        _measure(chosen.seed, sorted(map(int, chosen.sizes.split(","))), chosen.searches)
    except KeyboardInterrupt:
        say("Stopped.")
        return _INTERRUPTED
    except Failure as failure:
        say(str(failure))
        return 1
    return 0


def _measure(seed: int, sizes: Sequence[int], searches: int) -> None:
    folder = _ROOT / "build/bench-catalog"
    started = time.monotonic()
    upstream = HealthImaging(folder)
    try:
        built = [_built(folder, upstream, Archive(seed, size)) for size in sizes]
        results = _compare(folder, upstream, built, searches)
    finally:
        upstream.process.stop()
    say(f"\n{table(results)}\n\n{(time.monotonic() - started) / 60:.1f} minutes")
    lines = [one.as_json() for one in results]
    text = json.dumps(lines, indent=1, ensure_ascii=False)
    (_ROOT / "build/bench-catalog.json").write_text(f"{text}\n")


def _built(folder: Path, upstream: HealthImaging, archive: Archive) -> Built:
    say(f"A catalog of {archive.studies:,} studies …")
    return building.build(folder, upstream.datastore_id, archive, _POLICY)


def _compare(
    folder: Path, upstream: HealthImaging, built: Sequence[Built], searches: int
) -> list[Result]:
    """All sizes and Orthanc side by side: each kind is asked of one after the other, in rounds."""
    orthanc = peer.orthanc(folder, built[0].archive)
    gateways = [_gateway(folder, upstream, one) for one in built]
    clients = [Client(gateway.root) for gateway in gateways]
    beside = None if orthanc is None else Client(orthanc.root)
    try:
        results = [_rate(folder, built[-1].archive)]
        for row, kind in KINDS.items():
            say(f"{kind.work} …")
            found = _answers(kind, built, clients, searches)
            exact = row == "patient-id" and beside is not None
            other = _answers(kind, built[:1], [beside], searches)[0] if exact else None
            results += _rows(row, kind, built, found, other)
        results.append(_memory(built, gateways))
    finally:
        for client in (*clients, *filter(None, [beside])):
            client.close()
        for one in (*gateways, *filter(None, [orthanc])):
            one.process.stop()
    return results


def _gateway(folder: Path, upstream: HealthImaging, built: Built) -> Gateway:
    """A gateway that answers from the catalog alone: there is nothing behind it."""
    return Gateway(
        folder / f"gateway-{built.archive.studies}",
        upstream,
        catalog="on",
        catalog_url=built.url,
        catalog_max_lag=_FOREVER,
        catalog_interval=_FOREVER,
        catalog_reconcile=30 * 24 * _FOREVER,
        image_set_policy=_POLICY,
    )


def _answers(
    kind: Kind, built: Sequence[Built], clients: Sequence[Client], searches: int
) -> list[Answers]:
    chances = [random.Random(f"{kind.work} {one.archive.seed}") for one in built]
    paths = [
        [kind.make(one.archive, chance) for _ in range(_WARM + searches)]
        for one, chance in zip(built, chances, strict=True)
    ]
    for client, some in zip(clients, paths, strict=True):
        client.ask(some[:_WARM])
    share = -(-searches // _ROUNDS)
    parts: list[list[Answers]] = [[] for _ in built]
    for first in range(_WARM, _WARM + searches, share):
        for part, client, some in zip(parts, clients, paths, strict=True):
            part.append(client.ask(some[first : first + share]))
    return [_joined(part) for part in parts]


def _joined(parts: Sequence[Answers]) -> Answers:
    seconds = tuple(sorted(one for part in parts for one in part.seconds))
    rows = sum(part.rows * len(part.seconds) for part in parts) / len(seconds)
    return Answers(seconds, rows)


def _rate(folder: Path, archive: Archive) -> Result:
    say("image sets taken in …")
    rates = sorted(building.intake(folder, archive, _POLICY) for _ in range(3))
    work = "image sets read from memory and written, by one process"
    return Result("sync", work, rates[1], "/s", "bar", _RATE, rates[1] / _RATE, Bar(1))


def _rows(
    row: str, kind: Kind, built: Sequence[Built], found: Sequence[Answers], other: Answers | None
) -> list[Result]:
    """How long each size takes, how much longer the largest than the smallest, and than Orthanc."""
    results = []
    for one, answers in zip(built, found, strict=True):
        p50, p99 = answers.quantile(0.5), answers.quantile(0.99)
        note = f"p99 {p99 * 1000:.1f} ms, {answers.rows:.1f} rows of at most {PAGE}"
        work = f"{kind.work}: {one.archive.studies:,} studies"
        ratio = p50 / _P50
        bar = None if kind.growth is None else Bar(1, at_least=False)
        results.append(Result(row, work, p50, "s", "bar", _P50, ratio, bar, note))
    small, large = found[0].quantile(0.5), found[-1].quantile(0.5)
    if len(built) > 1:
        sizes = f"{built[0].archive.studies:,} to {built[-1].archive.studies:,}"
        bar = None if kind.growth is None else Bar(kind.growth, at_least=False)
        work = f"{kind.work}: growth from {sizes} studies"
        results.append(
            Result(f"{row}-growth", work, large, "s", "smallest", small, large / small, bar)
        )
    if other is not None:
        work = f"{kind.work}: beside Orthanc with {built[0].archive.studies:,} studies"
        peer_p50 = other.quantile(0.5)
        results.append(
            Result(
                f"{row}-orthanc",
                work,
                large,
                "s",
                "Orthanc",
                peer_p50,
                peer_p50 / large,
                Bar(_OF_ORTHANC),
            )
        )
    for one in results:
        say(f"  {line(one)}")
    return results


def _memory(built: Sequence[Built], gateways: Sequence[Gateway]) -> Result:
    """What the processes hold for themselves; the file's pages are the system's."""
    small, large = (float(gateways[place].process.own_memory()) for place in (0, -1))
    work = f"memory after it: {built[0].archive.studies:,} to {built[-1].archive.studies:,} studies"
    return Result(
        "memory",
        work,
        large / 2**20,
        " MiB",
        "smallest",
        small / 2**20,
        large / small,
        Bar(_MEMORY, at_least=False),
    )


if __name__ == "__main__":
    sys.exit(main())
