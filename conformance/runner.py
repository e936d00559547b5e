"""Running the checks: a few at a time, each ended by a verdict whatever happens in it."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from threading import Lock
from typing import Final

from conformance.context import Context, Session
from conformance.model import Answer, Check, Outcome, Problem, Severity, Stopped, Verdict

_SHOWN: Final = 3
_KEPT_PROBLEMS: Final = 50

Progress = Callable[[int, int, str], None]


@dataclass
class _Watch:
    """An observing check with what it has seen so far."""

    check: Check
    seen: int = 0
    problems: list[Problem] = field(default_factory=list)
    failed: int = 0
    error: str = ""
    last: Answer | None = None


class Watches:
    """The checks that look at every answer."""

    def __init__(self, session: Session, checks: Iterable[Check]) -> None:
        self._session = session
        self._watches = [_Watch(one) for one in checks if one.observe is not None]
        self._lock = Lock()
        session.client.listeners.append(self.hear)

    def hear(self, answer: Answer) -> None:
        """Look at an answer."""
        for watch in self._watches:
            try:
                found = watch.check.observe(answer, self._session.originals)  # type: ignore[misc]
            except Exception as error:
                watch.error = watch.error or f"{type(error).__name__}: {error}"
                continue
            if found is not None:
                self._note(watch, answer, found)

    def _note(self, watch: _Watch, answer: Answer, found: list[Problem]) -> None:
        with self._lock:
            watch.seen += 1
            watch.last = watch.last or answer
            watch.failed += bool(found)
            if len(watch.problems) < _KEPT_PROBLEMS:
                watch.problems += found

    def outcomes(self) -> list[Outcome]:
        """What they have found by now."""
        return [_watched(watch) for watch in self._watches]


def _watched(watch: _Watch) -> Outcome:
    shown = [problem.answer for problem in watch.problems if problem.answer is not None]
    shown = shown or ([watch.last] if watch.last else [])
    unique = list({id(one): one for one in shown}.values())
    if watch.error:
        verdict, text = Verdict.ERROR, f"The check itself failed: {watch.error}"
    elif watch.problems:
        verdict = Verdict.FAIL
        text = f"{watch.failed} of {watch.seen} answers: {_told(watch.problems)}"
    elif watch.seen:
        verdict, text = Verdict.PASS, f"{watch.seen} answers looked at"
    else:
        verdict, text = Verdict.NOT_APPLICABLE, "No answer was of this kind"
    return Outcome(watch.check, verdict, text, watch.problems, unique, watch.seen)


def select(checks: Sequence[Check], only: Sequence[str]) -> list[Check]:
    """Those whose identifier or group one of the patterns names; all without patterns."""
    if not only:
        return list(checks)
    return [
        one
        for one in checks
        if any(fnmatchcase(one.id, p) or p == one.group or one.id.startswith(p) for p in only)
    ]


def run(
    session: Session,
    checks: Sequence[Check],
    *,
    stores: bool = False,
    workers: int = 4,
    progress: Progress = lambda done, total, name: None,
) -> list[Outcome]:
    """Run the checks, and say what each found, in their order."""
    watches = Watches(session, checks)
    active = [one for one in checks if one.run is not None]
    found: dict[str, Outcome] = {}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting = {pool.submit(_run, session, one, stores): one for one in active}
        for done, future in enumerate(as_completed(waiting), 1):
            found[waiting[future].id] = future.result()
            progress(done, len(active), waiting[future].id)
    found |= {one.check.id: one for one in watches.outcomes()}
    failed = {name for name, one in found.items() if one.verdict is Verdict.FAIL}
    return [_alone(found[one.id], failed) for one in checks]


def _alone(outcome: Outcome, failed: set[str]) -> Outcome:
    """``outcome``, but not a failure that follows from another one."""
    causes = [one for one in outcome.check.rests_on if one in failed]
    if outcome.verdict is not Verdict.FAIL or not causes:
        return outcome
    told = f"It rests on {' and '.join(causes)}, and says: {outcome.explanation}"
    return replace(outcome, verdict=Verdict.NOT_RUN, explanation=told, problems=[])


def _run(session: Session, check: Check, stores: bool) -> Outcome:
    context = Context(session, check)
    if check.stores and not stores:
        return context.outcome(Verdict.NOT_RUN, "It writes, which was not allowed", 0.0)
    if check.originals and not session.originals.given:
        return context.outcome(Verdict.NOT_RUN, "It needs the originals (--data)", 0.0)
    started = time.monotonic()
    verdict, text = _attempt(context)
    return context.outcome(verdict, text, time.monotonic() - started)


def _attempt(context: Context) -> tuple[Verdict, str]:
    try:
        context.check.run(context)  # type: ignore[misc]
    except Stopped as stopped:
        if not context.problems:
            return stopped.verdict, str(stopped)
    except Exception as error:
        return Verdict.ERROR, f"The check itself failed ({type(error).__name__}: {error})"
    if context.problems:
        return Verdict.FAIL, _told(context.problems)
    said = " ".join(f"{note}." for note in context.notes)
    if not context.compared:
        return Verdict.NOT_APPLICABLE, said or "Nothing that the server holds lends itself to it"
    return Verdict.PASS, f"{context.compared} comparisons. {said}".strip()


def _told(problems: Sequence[Problem]) -> str:
    unique = list(dict.fromkeys(problem.sentence for problem in problems))
    told = "; ".join(unique[:_SHOWN])
    more = len(unique) - _SHOWN
    return f"{told}; and {more} more" if more > 0 else told


def exit_status(outcomes: Iterable[Outcome]) -> int:
    """1 if a "shall" is not kept, 0 otherwise."""
    return int(
        any(o.verdict is Verdict.FAIL and o.check.severity is Severity.SHALL for o in outcomes)
    )
