"""``make conformance-peers``: this gateway and Orthanc side by side, on the same files.

Orthanc is Debian's (``make bench-peers`` installs it). What it is told to store besides the files
are the suite's own instances: it offers storing, so storing is checked.
"""

import platform
import subprocess
import tempfile
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from conformance import VERSION, originals, registry, runner, survey
from conformance.checks import GROUPS
from conformance.client import Client, Limits
from conformance.context import Session
from conformance.model import Outcome, Verdict
from tests import files
from tests.bench import servers
from tests.bench.processes import Failure
from tests.conformance import confirmed, ward
from tests.running import Gateway, HealthImaging

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SIGNS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.NOT_SUPPORTED: "not offered",
    Verdict.NOT_APPLICABLE: "n/a",
    Verdict.NOT_RUN: "not run",
    Verdict.ERROR: "error",
}
# Well-formed files of every kind; what is damaged would say more of the file than of a server.
COLLECTION = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm",
    "JPEG-lossy.dcm", "693_J2KI.dcm", "examples_palette.dcm",
    "rtplan.dcm", "test-SR.dcm", "waveform_ecg.dcm", "liver_1frame.dcm",
    "SC_rgb_rle_2frame.dcm", "attributes_explicit.dcm", "planar_rgb.dcm", "signed8.dcm",
    "grey16_jls80.dcm", "grey12_jpeg51.dcm", "htj2k_201.dcm", "ybr_full.dcm",
)  # fmt: skip


def write(folder: Path) -> list[Path]:
    """The files that both servers get."""
    paths = ward.write(folder)
    for path in files.collection():
        if path.name in COLLECTION:
            copy = folder / path.name
            copy.write_bytes(path.read_bytes())
            paths.append(copy)
    return paths


def check(root: str, folder: Path, *, stores: bool) -> dict[str, Outcome]:
    """What the suite finds at a server."""
    client = Client(root, {}, Limits(60))
    try:
        session = Session(client, originals.load(folder))
        survey.look(session)
        if session.missing:
            raise Failure(f"{root} lacks {len(session.missing)} of the files")
        found = runner.run(session, registry.all_checks(), stores=stores)
        return {one.check.id: one for one in found}
    finally:
        client.close()


def gateway(folder: Path, work: Path) -> dict[str, Outcome]:
    """This gateway, in front of an embedded HealthImaging."""
    server = HealthImaging(work / "healthimaging")
    running = Gateway(server, search_ttl=60)
    try:
        _, bad = server.import_files(sorted(folder.iterdir()), "peers")
        if bad:
            raise Failure(f"Not imported: {bad}")
        return check(running.root, folder, stores=True)
    finally:
        running.stop()
        server.stop()


def orthanc(folder: Path, work: Path) -> dict[str, Outcome]:
    """Orthanc with its DICOMweb plugin."""
    running = servers.Orthanc(work)
    try:
        for path in sorted(folder.iterdir()):
            request = urllib.request.Request(
                f"{running.base}/instances", path.read_bytes(), method="POST"
            )
            urllib.request.urlopen(request, timeout=60).close()
        return check(running.root, folder, stores=True)
    finally:
        running.process.stop()


def version(package: str) -> str:
    """The version of a Debian package."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout or "?"


def page(ours: dict[str, Outcome], theirs: dict[str, Outcome], count: int) -> str:
    """The published comparison."""
    lines = [
        "<!-- Written by `make conformance-peers`; edit tests/conformance/peers.py. -->",
        "",
        "# Conformance, side by side",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, suite {VERSION}, {count} files, Python"
        f" {platform.python_version()}. This gateway in front of the embedded HealthImaging;"
        f" Orthanc {version('orthanc')} with orthanc-dicomweb {version('orthanc-dicomweb')} of"
        " Debian, its transcoding as it comes. The suite: `conformance/README.md`.",
        "",
        "| | passed | failed: shall | should | may | not offered |",
        "|---|---|---|---|---|---|",
        _numbers("this gateway", ours),
        _numbers("Orthanc", theirs),
    ]
    for group, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| check | clause | | gateway | Orthanc |"]
        lines += ["|---|---|---|---|---|"]
        for name, one in ours.items():
            if one.check.group == group:
                cells = SIGNS[one.verdict], SIGNS[theirs[name].verdict]
                title_ = one.check.title.replace("|", "\\|")
                lines.append(
                    f"| {title_} (`{name}`) | {one.check.clause} | {one.check.severity} |"
                    f" {cells[0]} | {cells[1]} |"
                )
    return "\n".join([*lines, "", *_findings(theirs)]) + "\n"


def _numbers(name: str, found: dict[str, Outcome]) -> str:
    def count(verdict: Verdict, severity: str | None = None) -> int:
        return sum(
            one.verdict is verdict and severity in (None, one.check.severity)
            for one in found.values()
        )

    failed = " | ".join(str(count(Verdict.FAIL, one)) for one in ("shall", "should", "may"))
    passed, absent = count(Verdict.PASS), count(Verdict.NOT_SUPPORTED)
    return f"| {name} | {passed} | {failed} | {absent} |"


def _findings(theirs: dict[str, Outcome]) -> list[str]:
    lines = [
        "## Orthanc's findings, confirmed",
        "",
        "Each was sent again by hand with curl, and the answer read with another program than this"
        " suite; a newer Orthanc may well be better. Requests are below its root `/dicom-web`.",
        "",
        "| check | what the suite says | by hand |",
        "|---|---|---|",
    ]
    for name, one in theirs.items():
        if one.verdict is Verdict.FAIL:
            told = one.explanation.replace("|", "\\|").replace("\n", " ")
            hand = confirmed.BY_HAND.get(name, "**not confirmed yet**").replace("|", "\\|")
            lines.append(f"| `{name}` | {told[:300]} | {hand} |")
    return [*lines, "", confirmed.BESIDE]


def main() -> None:
    """Check both, and write the page."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "files"
        folder.mkdir()
        count = len(write(folder))
        ours = gateway(folder, Path(work))
        theirs = orthanc(folder, Path(work))
    PAGE.write_text(page(ours, theirs, count), encoding="utf-8")
    print(f"{PAGE.name}: {_numbers('gateway', ours)} {_numbers('Orthanc', theirs)}")  # noqa: T201


if __name__ == "__main__":
    main()
