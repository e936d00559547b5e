"""The calls to HealthImaging, for Prometheus: who waits for its turn, and what is admitted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.telemetry.requests import Seconds

_LABELS: Final = ["action", "class"]


@dataclass(frozen=True, slots=True)
class Class:
    """Calls of one urgency: those that wait, and what became of the others; seconds in all."""

    queued: int
    started: int
    turned_away: int
    waited_seconds: float


@dataclass(slots=True)
class Tries:
    """Tries of an action's calls: how long until each was answered, and what ``failed`` and why."""

    seconds: Seconds = field(default_factory=Seconds)
    failed: dict[str, int] = field(default_factory=dict)

    def fail(self, trouble: str) -> None:
        """One more has failed."""
        self.failed[trouble] = self.failed.get(trouble, 0) + 1


@dataclass(frozen=True, slots=True)
class Action:
    """The calls of one action: those that HealthImaging has throttled, and by class.

    ``rate`` is how many a second are made at the most, as things stand. ``breaker`` is 0 where they
    are made, 1 where one is tried and 2 where none is; ``opened`` counts how often it came to that.
    """

    name: str
    rate: float
    throttled: int
    classes: Mapping[str, Class]
    breaker: int = 0
    opened: int = 0
    tries: Tries = field(default_factory=Tries)


_HELP: Final = {
    "queued": "Calls to HealthImaging that wait for their turn.",
    "started": "Calls that were made, each try counted.",
    "turned_away": "Calls whose turn would have come, or came, too late.",
    "waited_seconds": "Seconds that the calls made had waited for their turn.",
}


class Calls(Collector):
    """Asks ``report`` for numbers whenever somebody collects them."""

    def __init__(self, report: Callable[[], Iterable[Action]]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        """Families of one number for each action, some for each class of it."""
        actions = list(self._report())
        for one in fields(Class):
            family_of = GaugeMetricFamily if one.name == "queued" else CounterMetricFamily
            family = family_of(f"gateway_upstream_{one.name}", _HELP[one.name], labels=_LABELS)
            for action in actions:
                for name, counts in action.classes.items():
                    family.add_metric([action.name, name], getattr(counts, one.name))
            yield family
        throttled = CounterMetricFamily(
            "gateway_upstream_throttled",
            "Calls that HealthImaging refused because there were too many.",
            labels=["action"],
        )
        rate = GaugeMetricFamily(
            "gateway_upstream_rate",
            "Calls a second that the gateway makes at the most: less for a while once throttled.",
            labels=["action"],
        )
        breaker = GaugeMetricFamily(
            "gateway_upstream_breaker",
            "0 where calls are made, 2 where they are not because they fail, 1 where one is tried.",
            labels=["action"],
        )
        opened = CounterMetricFamily(
            "gateway_upstream_breaker_opened",
            "How often calls began to be left alone because they fail.",
            labels=["action"],
        )
        for action in actions:
            throttled.add_metric([action.name], action.throttled)
            rate.add_metric([action.name], action.rate)
            breaker.add_metric([action.name], action.breaker)
            opened.add_metric([action.name], action.opened)
        yield from (throttled, rate, breaker, opened)
        yield from _tries(actions)


def _tries(actions: Iterable[Action]) -> Iterator[Metric]:
    seconds = HistogramMetricFamily(
        "gateway_upstream_seconds",
        "Seconds until HealthImaging had answered, or begun to, of each try, failed ones too.",
        labels=["action"],
    )
    failed = CounterMetricFamily(
        "gateway_upstream_failed",
        "Tries that failed: throttled, or passing or lasting trouble.",
        labels=["action", "trouble"],
    )
    for action in actions:
        action.tries.seconds.tell(seconds, [action.name])
        for trouble, count in list(action.tries.failed.items()):
            failed.add_metric([action.name, trouble], count)
    yield seconds
    yield failed
