"""Faults that a setting asks for: errors, stalls, slow and truncated bodies, by action and rate.

A specification is ``ACTION:KIND[=VALUE][:rate=SHARE]``, as in ``GetImageFrame:error=503:rate=0.1``,
``*:slow=64kB/s``, ``*:stall=10s``, ``GetImageFrame:reset`` or ``GetImageSetMetadata:truncate``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.emulator import actions
from gateway.emulator.faults import STATUS
from gateway.errors import ConfigurationError

SETTING: Final = "HEALTHIMAGING_FAULTS"

_SPEED: Final = re.compile(r"([1-9]\d{0,11})(B|kB|MB)/s")
_SECONDS: Final = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)s")
_UNITS: Final = {"B": 1, "kB": 1000, "MB": 1_000_000}
_HTTP_ERROR: Final = re.compile(r"[45]\d\d")


@dataclass(frozen=True, slots=True)
class Error:
    """An error of the service instead of a result; ``code`` is a key of STATUS."""

    code: str


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP status without an error of the service, as something in between would give."""

    status: int


@dataclass(frozen=True, slots=True)
class Slow:
    """A body that comes at so many bytes a second."""

    bytes_per_second: int


@dataclass(frozen=True, slots=True)
class Truncated:
    """A body that ends in the middle, with the connection."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """An answer that begins after so many seconds of silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """No answer: the connection is reset."""


Kind = Error | Status | Slow | Truncated | Stalled | Reset


@dataclass(frozen=True, slots=True)
class Rule:
    """One specification: ``rate`` is the share of the action's calls, above 0 and up to 1."""

    action: str
    kind: Kind
    rate: float = 1.0


def parse(text: str) -> tuple[Rule, ...]:
    """Read specifications separated by commas.

    Raises:
        ConfigurationError: one of them is wrong; the sentence says what about it.
    """
    return tuple(_rule(part.strip()) for part in text.split(",") if part.strip())


def _wrong(specification: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The fault {specification} ({SETTING}) is wrong: {reason}.")


def _rule(specification: str) -> Rule:
    action, _, rest = specification.partition(":")
    kind, *options = rest.split(":")
    if action != actions.ANY and action not in actions.known():
        raise _wrong(specification, f"HealthImaging has no action {action}")
    rate = 1.0
    for option in options:
        rate = _rate(specification, option)
    if len(options) > 1:
        raise _wrong(specification, "it has more than one option behind its kind")
    return Rule(action, _kind(specification, kind), rate)


def _rate(specification: str, option: str) -> float:
    name, _, value = option.partition("=")
    if name != "rate":
        raise _wrong(specification, f"{option} is not rate=SHARE")
    if not re.fullmatch(r"\d*\.?\d+", value) or not 0 < float(value) <= 1:
        raise _wrong(specification, "the rate has to be above 0 and at most 1")
    return float(value)


def _kind(specification: str, text: str) -> Kind:
    name, _, value = text.partition("=")
    match name:
        case "error" if value in STATUS:
            return Error(value)
        case "error" if _HTTP_ERROR.fullmatch(value):
            return Status(int(value))
        case "error":
            reason = "an error is one of the service's exceptions, or a status from 400 to 599"
            raise _wrong(specification, reason)
        case "slow":
            speed = _SPEED.fullmatch(value)
            if speed is None:
                raise _wrong(specification, "slow takes a speed such as 500B/s, 64kB/s or 2MB/s")
            return Slow(int(speed[1]) * _UNITS[speed[2]])
        case "stall":
            seconds = _SECONDS.fullmatch(value)
            if seconds is None:
                raise _wrong(specification, "stall takes seconds such as 10s or 0.5s")
            return Stalled(float(seconds[1]))
        case "truncate" if not value:
            return Truncated()
        case "reset" if not value:
            return Reset()
        case _:
            kinds = "error=…, slow=…, stall=…, truncate or reset"
            raise _wrong(specification, f"its kind is not {kinds}")


class Injections:
    """Decides for each call whether a rule strikes.

    Every rule draws from a sequence of its own, so that with a seed the n-th call that a rule is
    for has the same fate in every run, whatever happens in between.
    """

    def __init__(self, rules: Sequence[Rule], seed: int | None = None) -> None:
        self._drawn = [
            (rule, Random(None if seed is None else f"{seed}/{number}"))  # noqa: S311  no secret
            for number, rule in enumerate(rules)
        ]

    def draw(self, action: str) -> Kind | None:
        """The fault of this call: that of the first rule that strikes, if one does."""
        struck = None
        for rule, random in self._drawn:
            if rule.action in (action, actions.ANY) and random.random() < rule.rate:
                struck = struck or rule.kind
        return struck
