"""What was measured: a table to read, and the same as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NOTHING: Final = "-"
_FACTORS: Final = ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)  # noqa: T201


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio has to reach: at least ``value``, or at the most."""

    value: float
    at_least: bool = True

    def holds(self, ratio: float) -> bool:
        """Whether it does."""
        return ratio >= self.value if self.at_least else ratio <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One line: ours and the peer's in ``unit``; None where it is not there, and why in ``note``.

    ``ratio`` is how many times better ours is where ``bar`` is a least one, and how many times the
    peer's cost ours has where it is a greatest one.
    """

    row: str
    work: str
    ours: float | None
    unit: str
    peer_name: str
    peer: float | None = None
    ratio: float | None = None
    bar: Bar | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None where there is none, or no peer to compare with."""
        return None if self.bar is None or self.ratio is None else self.bar.holds(self.ratio)

    def as_json(self) -> dict[str, object]:
        """The line for machines."""
        return {
            "row": self.row,
            "work": self.work,
            "ours": self.ours,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "unit": self.unit,
            "ratio": self.ratio,
            "bar": None if self.bar is None else str(self.bar),
            "holds": self.holds,
            "note": self.note,
        }


def amount(value: float | None, unit: str) -> str:
    """A measured value for people: seconds as what they are best read in."""
    if value is None:
        return _NOTHING
    if unit != "s":
        return f"{value:,.0f}{unit}"
    factor, name = next((f for f in _FACTORS if value < 1000 * f[0]), _FACTORS[-1])
    return f"{value / factor:.3g} {name}"


def _figure(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def line(result: Result) -> str:
    """A line of the table."""
    ratio = _NOTHING if result.ratio is None else _figure(result.ratio)
    verdict = {True: "yes", False: "**no**", None: _NOTHING}[result.holds]
    cells = (
        result.work,
        amount(result.ours, result.unit),
        f"{amount(result.peer, result.unit)} {result.peer_name}",
        ratio,
        str(result.bar or _NOTHING),
        verdict,
        result.note,
    )
    return f"| {' | '.join(cells)} |"


def table(results: Sequence[Result]) -> str:
    """All lines."""
    head = ("work", "ours", "beside", "ratio", "bar", "holds", "")
    return "\n".join(
        [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(line(one) for one in results)]
    )
