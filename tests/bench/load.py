"""Requests: many at a time by wrk, and single ones that are timed."""

import http.client
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.bench.processes import Failure, Process
from tests.bench.servers import tool

BROWSER: Final = {"Accept-Encoding": "gzip, deflate, br, zstd"}
_CHUNK: Final = 1 << 20
_IDLE_SECONDS: Final = 0.5  # Orthanc closes connections after one second without a request
_SCRIPT: Final = """
local lines = {}
local requests, at = {}, 0
local threads = 0
function setup(thread) thread:set("first", threads * %(stride)d) threads = threads + 1 end
function init(args)
  for line in io.lines("%(paths)s") do
    requests[#requests + 1] = wrk.format("GET", line, %(headers)s)
  end
  at = first
end
function request() at = at %% #requests + 1 return requests[at] end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%%d,"seconds":%%f,"bytes":%%d,"errors":%%d,"p99":%%f}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(99) / 1e6))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did under load: requests a second, and its processor seconds for each."""

    requests: int
    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; the seconds are from before the request to the last byte."""

    headers: Mapping[str, str]
    length: int
    seconds: float
    body: bytes = b""


def wrk(
    process: Process,
    root: str,
    paths: Sequence[str],
    headers: Mapping[str, str],
    folder: Path,
    seconds: int = 3,
    connections: int = 16,
) -> Load:
    """Ask for ``paths`` below ``root`` in turn, over and over.

    Raises:
        Failure: an answer was no success.
    """
    parts = urlsplit(root)
    (folder / "wrk.paths").write_text("".join(f"{parts.path}{path}\n" for path in paths))
    table = "{" + ",".join(f"[{json.dumps(k)}]={json.dumps(v)}" for k, v in headers.items()) + "}"
    threads = min(2, connections)
    names = {"paths": folder / "wrk.paths", "headers": table, "stride": len(paths) // threads}
    (folder / "wrk.lua").write_text(_SCRIPT % names)
    command = [str(tool("wrk")), f"-t{threads}", f"-c{connections}", f"-d{seconds}s"]
    command += ["--timeout", "30s", "-s", str(folder / "wrk.lua"), f"http://{parts.netloc}"]
    before = process.cpu()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    used = process.cpu() - before
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise Failure(f"wrk failed: {done.stderr or done.stdout}")
    result = json.loads(found[0].removeprefix("RESULT "))
    if result["errors"] or not result["requests"]:
        raise Failure(f"{result['errors']} answers of {result['requests']} were no success.")
    count = result["requests"]
    return Load(count, count / result["seconds"], used / count)


def _drain(response: http.client.HTTPResponse, kept: bytearray | None) -> int:
    """Read all of a body, and how long it is."""
    buffer = bytearray(_CHUNK)
    length = 0
    while read := response.readinto(buffer):
        length += read
        if kept is not None:
            kept += buffer[:read]
    return length


class Client:
    """One connection that is kept."""

    def __init__(self, root: str) -> None:
        parts = urlsplit(root)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=300)
        self._used = 0.0

    def get(self, path: str, headers: Mapping[str, str], keep: bool = False) -> Answer:
        """The answer to one request, its body only if it is to be kept.

        Raises:
            Failure: it was no success.
        """
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._connection.close()
        kept = bytearray() if keep else None
        start = time.perf_counter()
        try:
            self._connection.request("GET", self._path + path, headers=dict(headers))
            response = self._connection.getresponse()
            length = _drain(response, kept)
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"No whole answer for {path}: {type(error).__name__}.") from error
        seconds = time.perf_counter() - start
        self._used = time.monotonic()
        if response.status != http.client.OK:
            raise Failure(f"Status {response.status} for {path}.")
        found = {key.lower(): value for key, value in response.getheaders()}
        return Answer(found, length, seconds, bytes(kept or b""))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def post(url: str, path: Path) -> None:
    """Send a file.

    Raises:
        Failure: it was not taken.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=300)
    connection.request("POST", parts.path, path.read_bytes())
    status = connection.getresponse().status
    connection.close()
    if status != http.client.OK:
        raise Failure(f"Status {status} for a file that was sent.")
