"""What the suite speaks of: checks, what they sent and got, and what they found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.context import Context
    from conformance.originals import Originals


class Severity(StrEnum):
    """What the standard says of a requirement."""

    SHALL = "shall"
    SHOULD = "should"
    MAY = "may"


class Verdict(StrEnum):
    """What became of a check."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_SUPPORTED = "not supported"
    NOT_APPLICABLE = "not applicable"
    NOT_RUN = "not run"
    ERROR = "error"


class Broken(StrEnum):
    """How an answer failed to arrive."""

    CONNECTION = "connection"
    INCOMPLETE = "incomplete"
    STALLED = "stalled"
    ENCODING = "encoding"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent; a body only where something is stored."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``status`` 0 if nothing did, ``broken`` and ``why`` if it is not whole."""

    request: Request
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float
    broken: Broken | None = None
    why: str = ""

    def header(self, name: str) -> str | None:
        """The value of a header field; several are joined by commas (RFC 9110 5.3)."""
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None

    @property
    def ok(self) -> bool:
        """Whether the request succeeded and the answer is whole."""
        return 200 <= self.status < 300 and self.broken is None


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence that says what is wrong, and the answer that shows it."""

    sentence: str
    answer: Answer | None = None


Active = Callable[["Context"], None]
Observer = Callable[[Answer, "Originals"], "list[Problem] | None"]
"""Looks at each answer of a run; None where the answer is not of its concern."""


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement that is tried: actively, or by looking at whatever the others get.

    Where one that it ``rests_on`` is not met, its own failure says no more than that.
    """

    id: str
    title: str
    clause: str
    severity: Severity
    run: Active | None = None
    observe: Observer | None = None
    originals: bool = False
    stores: bool = False
    rests_on: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The part of the service that it belongs to."""
        return self.id.split(".", 1)[0]


@dataclass(slots=True)
class Outcome:
    """What a check found, and the exchanges that show it."""

    check: Check
    verdict: Verdict
    explanation: str
    problems: list[Problem] = field(default_factory=list)
    exchanges: list[Answer] = field(default_factory=list)
    compared: int = 0
    seconds: float = 0.0


class Stopped(Exception):
    """A check ends without having found a mistake."""

    verdict = Verdict.NOT_RUN


class NotSupported(Stopped):
    """The server says that it does not offer an optional feature."""

    verdict = Verdict.NOT_SUPPORTED


class NotApplicable(Stopped):
    """Nothing that the server holds lends itself to the check."""

    verdict = Verdict.NOT_APPLICABLE


class Blocked(Stopped):
    """The check rests on something that another check has found to be wrong."""
