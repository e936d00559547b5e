"""Requests by the handler that they were led to, for Prometheus; never by what they asked for."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of a histogram's buckets, in seconds; what took longer is in one more."""

_NONE: Final = "none"


@dataclass(slots=True)
class Seconds:
    """How long things took: how many fell into each bucket, and all of them together."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def tell(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        """Put it into ``family``."""
        count, told = 0, []
        for bound, number in zip((*BOUNDS, "+Inf"), self.buckets, strict=True):
            count += number
            told.append((str(bound), float(count)))
        family.add_metric(labels, told, self.total)


class Requests(Collector):
    """What was answered; whoever answers counts, a look-up and an addition for each."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], int] = {}
        self._bytes: dict[str, int] = {}
        self._seconds: dict[str, Seconds] = {}

    def count(self, handler: str | None, status: int, size: int, seconds: float) -> None:
        """One answer: ``size`` bytes of body in so many ``seconds``."""
        name = handler or _NONE
        key = name, status
        self._answers[key] = self._answers.get(key, 0) + 1
        if name not in self._seconds:
            self._seconds[name], self._bytes[name] = Seconds(), 0
        self._bytes[name] += size
        self._seconds[name].add(seconds)

    def collect(self) -> Iterator[Metric]:
        """Families by handler."""
        answers = CounterMetricFamily(
            "gateway_requests",
            "Requests, by who answered and with which status; 0 where the client was gone before.",
            labels=["handler", "status"],
        )
        for (name, status), count in list(self._answers.items()):
            answers.add_metric([name, str(status)], count)
        sizes = CounterMetricFamily(
            "gateway_response_bytes", "Bytes of the bodies of answers.", labels=["handler"]
        )
        seconds = HistogramMetricFamily(
            "gateway_request_seconds",
            "Seconds from the first line of a request to the last byte of its answer.",
            labels=["handler"],
        )
        for name, taken in list(self._seconds.items()):
            sizes.add_metric([name], self._bytes[name])
            taken.tell(seconds, [name])
        yield from (answers, sizes, seconds)
