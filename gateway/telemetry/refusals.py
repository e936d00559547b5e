"""Requests under way, and those that were refused because there were too many, for Prometheus."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(slots=True, eq=False)
class Load(Collector):
    """What a process has to do; ``refused`` is by reason."""

    under_way: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, reason: str) -> None:
        """Count a request that is not served."""
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """A number, and one for each reason."""
        yield GaugeMetricFamily(
            "gateway_requests_under_way", "Requests that are being answered.", self.under_way
        )
        refused = CounterMetricFamily(
            "gateway_requests_refused",
            "Requests that were refused because there were too many.",
            labels=["reason"],
        )
        for reason, count in self.refused.items():
            refused.add_metric([reason], count)
        yield refused
