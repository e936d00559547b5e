"""The page of docs/ that holds the table, and what it was measured with."""

import datetime
import json
import os
import platform
import re
import subprocess
import urllib.request
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.bench import data
from tests.bench.context import Bench
from tests.bench.report import Result, table
from tests.bench.rows import opening
from tests.bench.servers import tool

_LIBRARIES: Final = ("uvicorn", "uvloop", "httptools", "starlette", "boto3", "imagecodecs")


def _said(*command: str) -> str:
    """What a program prints of itself."""
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout + found.stderr


def _number(text: str) -> str:
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found[0] if found else "of unknown version"


def versions(bench: Bench) -> list[str]:
    """Names and versions of everything that was compared."""
    found = [f"gateway {_said('git', 'describe', '--always', '--dirty').strip()}"]
    found.append(f"Python {platform.python_version()}")
    found += [f"{name} {version(name)}" for name in _LIBRARIES]
    if (orthanc := bench.orthanc()) is not None:
        found.append(f"Orthanc {_orthanc(orthanc.base, 'system')}")
        found.append(f"its DICOMweb plugin {_orthanc(orthanc.base, 'plugins/dicom-web')}")
    if nginx := tool("nginx"):
        found.append(f"nginx {_number(_said(nginx, '-v'))}")
    found.append(f"wrk {_number(_said(str(tool('wrk')), '-v'))}")
    return found


def _orthanc(base: str, path: str) -> str:
    with urllib.request.urlopen(f"{base}/{path}", timeout=10) as answer:
        return str(json.load(answer)["Version"])


def machine() -> str:
    """Processor, cores, memory and system."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    name = found[1] if found else platform.machine()
    return f"{cores} cores of {name}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def write(bench: Bench, results: Sequence[Result], minutes: float) -> str:
    """The whole page."""
    held = [one.holds for one in results]
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return f"""<!-- Written by `make bench`; edit tests/bench. -->

# Benchmarks

Written by `make bench` on {today}, in {minutes:.0f} minutes; medians of {bench.rounds} rounds in
which ours and its peers took turns. {held.count(True)} bars hold, {held.count(False)} do not.
Machines are noisy and unlike: only the ratios of one run say something, never its times. The same
as JSON: `build/benchmarks.json`.

- Machine: {machine()}.
- Versions: {", ".join(versions(bench))}.

{table(results)}

## What is measured

- Data, generated with fixed seeds: a CT series of {data.SLICES} slices of 512 x 512 (12 bits in 16,
  smooth anatomy and noise, about 139 KB a frame as HTJ2K), one instance of {data.FRAMES} such
  frames, a CR of {data.SIDE} x {data.SIDE}, {data.STUDIES} studies of {data.SERIES_OF_STUDY}
  series of {data.SLICES_OF_SERIES} slices. Each server has them in a store of its own.
- A ratio beside `≥` is how many times better ours is; beside `≤` it is how many times the peer's
  cost ours has. CPU is user and system time of all processes of the server for each answer, so that
  the cost of the client does not count. Frames go round all {data.SLICES} slices.
- Orthanc has files uncompressed and sends them so; both are asked with the same headers, those of a
  browser. Its version is Debian's.
- Bare uvicorn is an application of ten lines that sends the bodies of our answers in turn from
  memory, with uvloop, httptools and as many workers. nginx sends one from disk, for orientation.
- For the first time: a gateway that was just started, has answered for another study, and knows
  nothing of this one; the embedded HealthImaging is on the same machine and costs its share of it.
- Decoded frames are asked for once each; the decoder alone is `imagecodecs.htj2k_decode` in a loop.
- Cold open: the embedded HealthImaging with `--simulate aws --latency 40`. On paper that is
  2 x 40 ms for a search and the metadata, one after the other, and then the frames, one under way
  on each of {opening.CONNECTIONS} connections:
  2 L + max(⌈{data.SLICES} / {opening.CONNECTIONS}⌉ L, ({data.SLICES} - burst) / rate) =
  {opening.on_paper():.2f} s, with a rate of 1,000 frames a second and a burst of 2,000. What is
  fetched before it is asked for can go below that, to 3 L where everything comes at once.
- {opening.VIEWERS} viewers: each searches its study and series, reads the metadata of both, then a
  frame, then all others over 6 connections; the same server. First frame: from the first request
  until it is there.
- Memory: resident, all processes, while wrk asks for cached frames, frames that are not cached,
  metadata and pictures. What the caches may hold and 250 MB are allowed.
- GetImageFrame: processor time of a process that does nothing else, 16 at a time by our client, one
  after the other by boto3, which is the least it takes.

`make bench ROWS=metadata,qido` measures some rows only, and leaves this page alone.
`make bench-peers`, as root, installs Orthanc, nginx and wrk from Debian; without the first two,
rows say what is missing.
"""
