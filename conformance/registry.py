"""The list of all checks: modules of ``conformance.checks`` enter theirs by decorators."""

import importlib
import pkgutil
from collections.abc import Callable

from conformance import checks
from conformance.model import Active, Check, Observer, Severity

_known: dict[str, Check] = {}


def check(
    identifier: str,
    title: str,
    clause: str,
    severity: Severity = Severity.SHALL,
    *,
    originals: bool = False,
    stores: bool = False,
    rests_on: tuple[str, ...] = (),
) -> Callable[[Active], Active]:
    """Enter a check that sends requests; ``originals``: it needs them, ``stores``: it writes.

    Where one that it ``rests_on`` fails, its own failure is not told.
    """

    def enter(run: Active) -> Active:
        new = Check(identifier, title, clause, severity, run, None, originals, stores, rests_on)
        _enter(new)
        return run

    return enter


def observer(
    identifier: str, title: str, clause: str, severity: Severity = Severity.SHALL
) -> Callable[[Observer], Observer]:
    """Enter a check that looks at every answer of a run."""

    def enter(observe: Observer) -> Observer:
        _enter(Check(identifier, title, clause, severity, None, observe))
        return observe

    return enter


def _enter(new: Check) -> None:
    if new.id in _known:
        raise ValueError(f"Two checks are called {new.id}")
    _known[new.id] = new


def all_checks() -> tuple[Check, ...]:
    """Every check, those that send requests in the order of their groups."""
    for module in pkgutil.iter_modules(checks.__path__):
        importlib.import_module(f"{checks.__name__}.{module.name}")
    order = {group: at for at, group in enumerate(checks.GROUPS)}
    return tuple(sorted(_known.values(), key=lambda one: order[one.group]))
