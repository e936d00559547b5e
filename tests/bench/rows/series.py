"""A series of 300 slices: its metadata, its instances by QIDO-RS, and its files."""

import gzip
import json
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.bench import data, load
from tests.bench.context import Bench, median, sooner
from tests.bench.load import Client
from tests.bench.processes import Failure
from tests.bench.report import Result
from tests.bench.rows.frames import STORED
from tests.bench.servers import Gateway

_JSON: Final = {"Accept": "application/dicom+json", **load.BROWSER}
_ZIPPED: Final = {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"}
_FILES: Final = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
_WARM_SECONDS: Final = 1


def metadata(bench: Bench) -> list[Result]:
    """Metadata of the series: warm, and for the first time."""
    path = data.path(bench.data.scan) + "/metadata"
    warm = _against_orthanc(
        bench, "metadata", "metadata of a series of 300, warm", path, 200, gateway_sees=path
    )
    return [warm, _first_metadata(bench, path)]


def instances(bench: Bench) -> list[Result]:
    """QIDO-RS of the instances of the series."""
    path = data.path(bench.data.scan) + "/instances"
    work = "QIDO-RS of the 300 instances of a series, metadata warm"
    seen = data.path(bench.data.scan) + "/metadata"
    return [_against_orthanc(bench, "qido", work, path, 100, gateway_sees=seen)]


def _against_orthanc(
    bench: Bench, row: str, work: str, path: str, bar: float, gateway_sees: str
) -> Result:
    """The time of one request at a time for ``path``, after one for ``gateway_sees``."""
    with bench.gateway() as gateway:
        client = Client(gateway.root)
        client.get(gateway_sees, _JSON)
        _check(client, path)
        ask = partial(
            load.wrk, gateway.process, gateway.root, [path], _JSON, bench.folder, connections=1
        )
        found = bench.interleaved(
            {
                "ours": lambda: 1 / ask(seconds=_WARM_SECONDS).rate,
                "orthanc": _orthanc(bench, path),
            }
        )
        client.close()
    ours, theirs = (median(runs) if runs else None for runs in found.values())
    return sooner(row, work, ours or 0, theirs, bar)


def _check(client: Client, path: str) -> None:
    """See that all instances are in the answer."""
    answer = client.get(path, _ZIPPED, keep=True)
    zipped = answer.headers.get("content-encoding") == "gzip"
    count = len(json.loads(gzip.decompress(answer.body) if zipped else answer.body))
    if count != data.SLICES:
        raise Failure(f"{count} instances were in the answer.")


def _orthanc(bench: Bench, path: str) -> Callable[[], float] | None:
    server = bench.orthanc()
    if server is None:
        return None
    client = Client(server.root)
    _check(client, path)
    return lambda: client.get(path, _JSON).seconds


def _first_metadata(bench: Bench, path: str) -> Result:
    def ours() -> float:
        with bench.gateway() as gateway:
            _wake(bench, gateway)
            return Client(gateway.root).get(path, _JSON).seconds

    found = bench.interleaved({"ours": ours, "orthanc": _orthanc(bench, path)})
    mine, theirs = (median(runs) if runs else None for runs in found.values())
    work = "metadata of a series of 300, for the first time"
    note = "the process has answered for another study"
    return sooner("metadata", work, mine or 0, theirs, 5, note=note)


def _wake(bench: Bench, gateway: Gateway) -> None:
    """Let the process have done everything once, for another series."""
    client = Client(gateway.root)
    client.get(data.path(bench.data.radiograph) + "/metadata", _JSON)
    client.get(bench.data.frames(bench.data.radiograph)[0], STORED)
    client.close()


def files(bench: Bench) -> list[Result]:
    """The whole series as Part 10 files, as each server stores them."""
    path = data.path(bench.data.scan)
    orthanc = bench.orthanc()
    with bench.gateway() as gateway:
        ours = Client(gateway.root)
        length = ours.get(path, _FILES).length
        theirs = orthanc and Client(orthanc.root)
        beside = theirs.get(path, _FILES).length if theirs else 0
        found = bench.interleaved(
            {
                "ours": lambda: ours.get(path, _FILES).seconds,
                "orthanc": theirs and (lambda: theirs.get(path, _FILES).seconds),
            }
        )
    mine, peer = (median(runs) if runs else None for runs in found.values())
    note = f"{length / 1e6:.0f} MB, {beside / 1e6:.0f} MB Orthanc's"
    work = "series of 300 as Part 10, stored syntax, warm: complete"
    return [sooner("files", work, mine or 0, peer, 2, note=note)]
