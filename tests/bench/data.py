"""The data of the benchmark: made once, imported once into each server, used by every later run."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gateway.remote.imports import Imports
from tests.bench import images, load
from tests.bench.images import Series
from tests.bench.report import say
from tests.bench.servers import HealthImaging, Orthanc

EDITION: Final = "1"  # to be changed with anything that changes the data
SLICES: Final = 300
FRAMES: Final = 100
SIDE: Final = 2048
STUDIES: Final = 21  # one alone, and twenty at once
SERIES_OF_STUDY: Final = 2
SLICES_OF_SERIES: Final = 50
_BUCKET: Final = "bench"


@dataclass(frozen=True, slots=True)
class Data:
    """The UIDs of everything there is."""

    scan: Series
    cine: Series
    radiograph: Series
    studies: tuple[tuple[Series, ...], ...]

    def frames(self, series: Series | None = None) -> list[str]:
        """The paths of all frames of a series, the scan where none is given."""
        return frame_paths(series or self.scan)


def path(series: Series) -> str:
    """The path of a series."""
    return f"/studies/{series.study}/series/{series.series}"


def frame_paths(series: Series) -> list[str]:
    """The paths of all frames of a series, in order."""
    return [
        f"{path(series)}/instances/{sop}/frames/{number}"
        for sop in series.instances
        for number in range(1, series.frames + 1)
    ]


def prepare(folder: Path) -> Data:
    """The data, made and imported into the embedded server where that has not been done."""
    catalogue = folder / "catalogue.json"
    if catalogue.is_file():
        known = json.loads(catalogue.read_text())
        if known.pop("edition") == EDITION:
            return _load(known)
    shutil.rmtree(folder, ignore_errors=True)
    say("Making the data (once) …")
    data = _make(folder / "sources")
    _import(folder)
    shutil.rmtree(folder / "sources/studies")
    catalogue.write_text(json.dumps({"edition": EDITION, **asdict(data)}))
    return data


def _make(folder: Path) -> Data:
    studies = []
    for number in range(STUDIES):
        study = images.uid(f"viewed study {number}")
        members = []
        for part in range(SERIES_OF_STUDY):
            name = f"viewed {number} {part}"
            place = folder / f"studies/{number:02d}/{part}"
            seed = 1000 + number * SERIES_OF_STUDY + part
            made = images.computed_tomography(place, name, SLICES_OF_SERIES, seed, study)
            members.append(made)
        studies.append(tuple(members))
        say(f"  study {number + 1} of {STUDIES}")
    return Data(
        images.computed_tomography(folder / "scan", "scan", SLICES, 1),
        images.multi_frame(folder / "cine", "cine", FRAMES, 2),
        images.radiograph(folder / "radiograph", "radiograph", SIDE, 3),
        tuple(studies),
    )


def _import(folder: Path) -> None:
    say("Importing into the embedded HealthImaging (once) …")
    server = HealthImaging(folder, mounts=(f"{_BUCKET}={folder / 'sources'}",))
    try:
        imports = Imports(server.datastore_id, server.connection)
        job = imports.start(f"s3://{_BUCKET}/")
        imports.follow(job, _Progress())
        failures = imports.failures(job)
        if failures:
            raise RuntimeError(f"{len(failures)} files were not imported: {failures[0]}")
    finally:
        server.process.stop()


class _Progress:
    """Tells every hundredth file."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, message: str) -> None:
        done = int(message.split()[0]) if message[:1].isdigit() else 0
        if done >= self._told + 100:
            say(f"  {message}")
            self._told = done


def fill_orthanc(folder: Path, server: Orthanc) -> None:
    """Import what Orthanc is compared by, where that has not been done."""
    done = folder / "orthanc.filled"
    if done.is_file():
        return
    say("Importing into Orthanc (once) …")
    for name in ("scan", "cine", "radiograph"):
        for source in sorted((folder / "sources" / name).iterdir()):
            load.post(f"{server.base}/instances", source)
    done.write_text(EDITION)


def _load(known: dict[str, Any]) -> Data:
    def series(one: dict[str, Any]) -> Series:
        return Series(**{**one, "instances": tuple(one["instances"])})

    return Data(
        *(series(known[name]) for name in ("scan", "cine", "radiograph")),
        tuple(tuple(series(one) for one in study) for study in known["studies"]),
    )
