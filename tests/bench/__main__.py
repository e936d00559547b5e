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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = _run(names, chosen.rounds)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    say(f"\n{table(results)}\n")
    build = _ROOT / "build"
    (build / "benchmarks.json").write_text(
        json.dumps([one.as_json() for one in results], indent=1, ensure_ascii=False) + "\n"
    )
    if names == list(ROWS):
        (_ROOT / "docs/benchmarks.md").write_text(page.write(results, chosen.rounds))
    return 0


def _run(names: Sequence[str], rounds: int) -> list[Result]:
    folder = _ROOT / "build/bench"
    bench = Bench(folder, data.prepare(folder), rounds)
    results = []
    try:
        for number, name in enumerate(names, 1):
            started = time.monotonic()
            say(f"[{number}/{len(names)}] {name} …")
            try:
                found = ROWS[name](bench)
            except Failure as failure:
                found = [Result(name, name, 0.0, "", "", note=f"failed: {failure}")]
            for one in found:
                say(f"  {line(one)}")
            say(f"  ({time.monotonic() - started:.0f} s)")
            results += found
    finally:
        bench.close()
    return results


if __name__ == "__main__":
    sys.exit(main())
