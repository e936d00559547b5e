"""Show a folder's studies in OHIF and compare what is seen with the files.

``python -m tests.e2e.browse --data DIR`` starts a gateway that holds them; with ``--url`` they are
those of a gateway that runs already.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from tests import files
from tests.e2e import originals, viewing
from tests.e2e.browser import Browser
from tests.e2e.viewing import Ohif, Shown

_SECONDS: Final = 20.0


class Result(NamedTuple):
    """What became of a series: how many pictures were compared, and what is wrong with them."""

    modality: str
    study: str
    series: str
    pictures: int
    problem: str = ""


Series = dict[str, Dataset | None]
"""The instances of a series by their UIDs; None where several files have the same one."""


def read(folder: Path) -> dict[tuple[str, str], Series]:
    """The series with pictures in a folder, by study and series; not segmentations and slides."""
    found: dict[tuple[str, str], Series] = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(InvalidDicomError, IsADirectoryError, AttributeError):
            dataset = files.read(path)
            if originals.has_pictures(dataset):
                key = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
                series, uid = found.setdefault(key, {}), dataset.SOPInstanceUID
                series[uid] = None if uid in series else dataset
    return found


def browse(ohif: Ohif, held: dict[tuple[str, str], Series]) -> Iterator[Result]:
    """Open each series and look at its first, second and last picture."""
    for (study, series), instances in held.items():
        modality = next((str(one.get("Modality", "?")) for one in instances.values() if one), "?")
        count, problem = 0, ""
        try:
            ohif.open(study, series)
            for shown in _looks(ohif, instances):
                found = _compared(shown, instances)
                count += found is not None
                problem = problem or found or ""
        except (TimeoutError, AssertionError) as error:
            problem = problem or f"nothing is shown: {str(error)[:300]}"
        problem = problem or "; ".join(ohif.problems())
        ohif.problems()
        ohif.keep(f"{modality}-{series[-40:]}")
        yield Result(modality, study, series, count, problem)


def _looks(ohif: Ohif, instances: Series) -> Iterator[Shown]:
    yield ohif.shown(_SECONDS, frozenset(instances))
    last = ohif.count() - 1
    if last > 0:
        ohif.scroll(1)
        yield ohif.shown(_SECONDS)
    if last > 1:
        ohif.jump(last)
        yield ohif.shown(_SECONDS)


def _compared(shown: Shown, instances: Series) -> str | None:
    """What is wrong with a picture, ``""`` if nothing; None if there is nothing to compare with."""
    if shown.instance not in instances:
        return f"another series is shown: {shown.instance}"
    dataset = instances[shown.instance]
    if dataset is None:
        return None
    try:
        original = originals.picture(dataset, shown.frame)
    except originals.UNDECODABLE:
        return None
    wrong = originals.difference(shown.picture(*originals.size(dataset, shown.frame)), original)
    return f"frame {shown.frame} of {shown.instance}: {wrong}" if wrong else ""


@contextlib.contextmanager
def gateway(samples: Path) -> Iterator[str]:
    """The URL of ``make run`` with a folder's studies."""
    with tempfile.TemporaryDirectory(prefix="browse-") as data:
        command = [sys.executable, "-m", "gateway", "demo", "--port", "0", "--data", data]
        process = subprocess.Popen(
            [*command, "--samples", str(samples)], stdout=subprocess.PIPE, text=True
        )
        try:
            root = next(line for line in process.stdout if line.startswith("http://"))
            yield root.strip().removesuffix("/dicomweb")
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _said(result: Result) -> str:
    if result.problem:
        return result.problem
    if not result.pictures:
        return "shown, not compared: it cannot be decoded here, or several files have its UID"
    return f"{result.pictures} pictures compared, as in the files"


def main() -> int:
    """Browse a folder; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.browse", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of DICOM files")
    parser.add_argument("--url", help="a gateway that holds them, instead of one started here")
    arguments = parser.parse_args()
    absent = viewing.missing()
    if absent:
        _say(absent)
        return 2
    held = read(arguments.data)
    running = contextlib.nullcontext(arguments.url) if arguments.url else gateway(arguments.data)
    bad = unproved = 0
    with running as url, contextlib.closing(Browser()) as chromium:
        for result in browse(Ohif(chromium, url.rstrip("/")), held):
            bad += bool(result.problem)
            unproved += not result.problem and not result.pictures
            _say(f"{result.modality:8}{result.series}  {_said(result)}")
    right = len(held) - bad - unproved
    _say(f"{right} of {len(held)} series are shown right; see {viewing.SCREENS}.")
    if unproved:
        _say(f"{unproved} are shown, and nothing here can say whether rightly.")
    return 1 if bad or not held else 0


if __name__ == "__main__":
    sys.exit(main())
