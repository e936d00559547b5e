"""The machine-readable result: one JSON document, versioned."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from conformance import EDITION, VERSION
from conformance.context import Session
from conformance.model import Answer, Outcome, Severity, Verdict
from conformance.reports import excerpts

FORMAT: Final = 1
_EXCHANGES: Final = 6


@dataclass(frozen=True)
class Run:
    """A run that has ended: where, when, how many seconds, and what it found."""

    root: str
    when: datetime
    seconds: float
    session: Session
    outcomes: tuple[Outcome, ...]

    def count(self, verdict: Verdict, severity: Severity | None = None) -> int:
        """How many checks have a verdict; of one severity, if it is given."""
        return sum(
            one.verdict is verdict and severity in (None, one.check.severity)
            for one in self.outcomes
        )


def make(run: Run) -> dict[str, Any]:
    """The document as a dictionary."""
    verdicts = Counter(str(one.verdict) for one in run.outcomes)
    return {
        "format": FORMAT,
        "suite": VERSION,
        "edition": EDITION,
        "root": run.root,
        "date": run.when.isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 1),
        "data": {
            "compared": len(run.session.originals.files),
            "missing": len(run.session.missing),
            "unreadable": len(run.session.originals.skipped),
            "given": run.session.originals.given,
        },
        "verdicts": {str(one): verdicts.get(str(one), 0) for one in Verdict},
        "checks": [_check(one) for one in run.outcomes],
    }


def _check(one: Outcome) -> dict[str, Any]:
    return {
        "id": one.check.id,
        "title": one.check.title,
        "clause": one.check.clause,
        "severity": str(one.check.severity),
        "verdict": str(one.verdict),
        "explanation": one.explanation,
        "compared": one.compared,
        "problems": [problem.sentence for problem in one.problems],
        "exchanges": [exchange(answer) for answer in one.exchanges[:_EXCHANGES]],
    }


def exchange(answer: Answer) -> dict[str, Any]:
    """A request and its answer; the header fields whole, the body an excerpt."""
    return {
        "request": {
            "method": answer.request.method,
            "url": answer.request.url,
            "headers": [list(pair) for pair in answer.request.headers],
        },
        "response": {
            "status": answer.status,
            "headers": [list(pair) for pair in answer.headers],
            "length": len(answer.body),
            "body": excerpts.excerpt(answer),
            "broken": answer.why or None,
            "seconds": round(answer.seconds, 3),
        },
    }


def write(run: Run) -> str:
    """The document as text."""
    return json.dumps(make(run), indent=1, ensure_ascii=False) + "\n"
