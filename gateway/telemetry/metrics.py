"""Numbers for Prometheus: plain counters where work is done, collected when somebody asks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.telemetry.requests import Requests

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


@dataclass(slots=True)
class TierCounts:
    """What one cache tier has done; a count is an integer, because hits are counted a lot."""

    hits: int = 0
    misses: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    evictions: int = 0
    dropped: int = 0
    damaged: int = 0
    errors: int = 0


_HELP: Final = {
    "hits": "Values that the tier had.",
    "misses": "Values that were asked for and that the tier did not have.",
    "read_bytes": "Bytes of values that the tier gave.",
    "written_bytes": "Bytes of values that the tier took.",
    "evictions": "Values that made room for others.",
    "dropped": "Values that were not written: too large, or too many at a time.",
    "damaged": "Values whose bytes were not those that had been written; each counts as a miss.",
    "errors": "Reads and writes that failed.",
}


class Metrics:
    """All that one gateway counts; ``registry`` is its own, so that two never share a number."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._tiers = _Tiers()
        self.requests = Requests()
        registry.register(self._tiers)
        registry.register(self.requests)

    def tier(self, name: str, limit: int, held: Callable[[], int] | None = None) -> TierCounts:
        """The counts of the cache tier ``name``; ``held`` tells its bytes, where it knows them."""
        return self._tiers.add(name, limit, held)

    def text(self) -> bytes:
        """Everything that is counted, in Prometheus' text format."""
        return generate_latest(self.registry)


@dataclass(frozen=True, slots=True)
class _Tier:
    counts: TierCounts
    limit: int
    held: Callable[[], int] | None


class _Tiers(Collector):
    def __init__(self) -> None:
        self._tiers: dict[str, _Tier] = {}

    def add(self, name: str, limit: int, held: Callable[[], int] | None) -> TierCounts:
        made = self._tiers[name] = _Tier(TierCounts(), limit, held)
        return made.counts

    def collect(self) -> Iterator[Metric]:
        for one in fields(TierCounts):
            family = CounterMetricFamily(
                f"gateway_cache_{one.name}", _HELP[one.name], labels=["tier"]
            )
            for tier, kept in self._tiers.items():
                family.add_metric([tier], getattr(kept.counts, one.name))
            yield family
        held = GaugeMetricFamily("gateway_cache_bytes", "Bytes in the tier.", labels=["tier"])
        limit = GaugeMetricFamily(
            "gateway_cache_limit_bytes", "Bytes that the tier may have.", labels=["tier"]
        )
        for tier, kept in self._tiers.items():
            if kept.held is not None:
                held.add_metric([tier], kept.held())
            if kept.limit:
                limit.add_metric([tier], kept.limit)
        yield held
        yield limit
