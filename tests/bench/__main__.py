"""The command line: all rows, or those that are named."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench import data, page
from tests.bench.context import Bench
from tests.bench.processes import Failure
from tests.bench.report import Result, line, say, table
from tests.bench.rows import frames, opening, rendered, series, upkeep
from tests.bench.servers import tool

ROWS: Final[Mapping[str, Callable[[Bench], list[Result]]]] = {
    "cached-frame": frames.cached,
    "first-frame": frames.first,
    "decoded-frame": frames.decoded,
    "one-of-many": frames.one_of_many,
    "metadata": series.metadata,
    "qido": series.instances,
    "files": series.files,
    "rendered": rendered.rendered,
    "client": upkeep.client,
    "memory": upkeep.memory,
    "cold-open": opening.series,
    "viewers": opening.viewers,
}
_INTERRUPTED: Final = 130
_ROOT: Final = Path(__file__).parent.parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run rows and write what they gave; the exit status."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="", help=f"some of {', '.join(ROWS)}, by commas")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.rows.split(",") if name] or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no rows: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if tool("wrk") is None:
        say("wrk is not installed: make bench-peers")
        return 1
    folder = _ROOT / "build/bench"
    try:
        bench = Bench(folder, data.prepare(folder), chosen.rounds)
        try:
            _measure(bench, names)
        finally:
            bench.close()
    except KeyboardInterrupt:
        say("Stopped.")
        return _INTERRUPTED
    return 0


def _measure(bench: Bench, names: Sequence[str]) -> None:
    """Run rows, show them, and write them down."""
    started = time.monotonic()
    results = [one for number, name in enumerate(names, 1) for one in _row(bench, name, number)]
    minutes = (time.monotonic() - started) / 60
    say(f"\n{table(results)}\n\n{minutes:.1f} minutes")
    lines = [one.as_json() for one in results]
    text = json.dumps(lines, indent=1, ensure_ascii=False)
    (_ROOT / "build/benchmarks.json").write_text(f"{text}\n")
    if list(names) == list(ROWS):
        (_ROOT / "docs/benchmarks.md").write_text(page.write(bench, results, minutes))


def _row(bench: Bench, name: str, number: int) -> list[Result]:
    started = time.monotonic()
    say(f"{number}. {name} …")
    try:
        found = ROWS[name](bench)
    except Failure as failure:
        found = [Result(name, name, None, "", "", note=f"failed: {failure}")]
    for one in found:
        say(f"  {line(one)}")
    say(f"  ({time.monotonic() - started:.0f} s)")
    return found


if __name__ == "__main__":
    sys.exit(main())
