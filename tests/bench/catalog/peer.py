"""Orthanc with a made-up archive: what its exact query costs is what ours is measured by."""

import http.client
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.dicom import part10, transfer_syntaxes
from gateway.imagesets import document as documents
from tests.bench.catalog.archive import SERIES, Archive
from tests.bench.report import say
from tests.bench.servers import ORTHANC_PLUGIN, Orthanc, tool

_HEADERS: Final = {"Content-Type": "application/dicom"}


def orthanc(folder: Path, archive: Archive) -> Orthanc | None:
    """Orthanc, filled where it was not; None where it is not installed."""
    if tool("Orthanc") is None or not ORTHANC_PLUGIN.exists():
        return None
    place = folder / f"orthanc-{archive.seed}-{archive.studies}"
    server = Orthanc(place)
    done = place / "filled"
    if not done.is_file():
        try:
            _fill(server, archive)
        except BaseException:
            server.process.stop()
            raise
        done.write_text("")
    return server


def _fill(server: Orthanc, archive: Archive) -> None:
    """One instance of each series: Orthanc's searches read one."""
    connection = http.client.HTTPConnection(urlsplit(server.base).netloc)
    for number in range(archive.studies):
        for summary, document in archive.image_sets(number, number + 1):
            connection.request("POST", "/instances", _file(document), _HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(f"Orthanc refuses {summary.image_set_id}: {answer.status}")
        if (number + 1) % 1_000 == 0:
            say(
                f"  {number + 1:,} of {archive.studies:,} studies ({SERIES} series each) in Orthanc"
            )
    connection.close()


def _file(document: bytes) -> bytes:
    """The first instance of a document, without its pixels, which no search looks at."""
    first = next(iter(documents.parse("", document).instances.values()))
    header = part10.file_header(first.sop_class, first.sop, transfer_syntaxes.EXPLICIT_LE)
    return header + part10.encode(first.dataset())
