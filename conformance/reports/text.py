"""Text: a Markdown report, and what a terminal shows."""

from collections.abc import Iterable
from typing import Final

from conformance import EDITION, VERSION
from conformance.checks import GROUPS
from conformance.model import Outcome, Severity, Verdict
from conformance.reports.document import Run

SIGNS: Final = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.NOT_SUPPORTED: "-",
    Verdict.NOT_APPLICABLE: "·",
    Verdict.NOT_RUN: "·",
    Verdict.ERROR: "!",
}


def summary(run: Run) -> str:
    """One sentence of numbers."""
    failed = ", ".join(
        f"{run.count(Verdict.FAIL, one)} {one}" for one in Severity if run.count(Verdict.FAIL, one)
    )
    counted = ", ".join(
        f"{run.count(one)} {one}"
        for one in Verdict
        if one not in (Verdict.PASS, Verdict.FAIL) and run.count(one)
    )
    told = f"{run.count(Verdict.PASS)} of {len(run.outcomes)} checks passed"
    return (
        f"{told}, {failed or 'none'} failed; {counted}"
        if counted
        else f"{told}, {failed or 'none'} failed"
    )


def held(run: Run) -> str:
    """What the server was compared with."""
    originals = run.session.originals
    if not originals.given:
        return f"no originals; {len(originals.files)} instances by the server's own words"
    missing = len(run.session.missing)
    more = f"; {missing} more are not on the server" if missing else ""
    return f"{len(originals.files)} original instances{more}"


def console(run: Run, *, everything: bool = False) -> str:
    """What failed, or every check, and the numbers."""
    lines = []
    for one in run.outcomes:
        if everything or one.verdict in (Verdict.FAIL, Verdict.ERROR):
            sign = SIGNS[one.verdict]
            lines.append(f"{sign} {one.check.id} [{one.check.severity}] {one.check.title}")
            lines.append(f"    {one.verdict}: {one.explanation}  ({one.check.clause})")
    return "\n".join([*lines, f"{summary(run)}; {held(run)}; {run.seconds:.0f} s"])


def write(run: Run) -> str:
    """The Markdown report."""
    head = [
        f"# DICOMweb conformance of {run.root}",
        "",
        f"{run.when:%Y-%m-%d %H:%M} UTC, suite {VERSION}, clauses of {EDITION}, {held(run)}.",
        "",
        f"{summary(run)}.",
    ]
    return "\n".join([*head, *_groups(run.outcomes)]) + "\n"


def _groups(outcomes: Iterable[Outcome]) -> list[str]:
    lines: list[str] = []
    outcomes = list(outcomes)
    for group, title in GROUPS.items():
        rows = [one for one in outcomes if one.check.group == group]
        if rows:
            lines += ["", f"## {title}", "", "| | check | clause | | finding |", "|-|-|-|-|-|"]
            lines += [_row(one) for one in rows]
    return lines


def _row(one: Outcome) -> str:
    cells = (SIGNS[one.verdict], f"`{one.check.id}` {one.check.title}", one.check.clause,
             str(one.check.severity), f"{one.verdict}: {one.explanation}")  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
