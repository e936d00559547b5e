"""What the filling of the catalog has done, and how far it is, for Prometheus."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(slots=True)
class Counts:
    """What this process has done to the catalog of one data store."""

    applied: int = 0
    removed: int = 0
    failed: int = 0
    batches: int = 0
    batch_seconds: float = 0.0
    poll_errors: int = 0


@dataclass(slots=True)
class Gauges:
    """How far the catalog of one data store was when this process looked last.

    ``synced`` is in seconds since 1970, 0 where it has never been; ``done`` and ``total`` are of
    the first load, ``total`` None where that is not known.
    """

    synced: float = 0.0
    loaded: bool = False
    image_sets: int = 0
    unreadable: int = 0
    done: int = 0
    total: int | None = None
    leading: bool = False

    @property
    def remaining(self) -> int | None:
        """What the first load has before it, as far as that is known."""
        if self.loaded:
            return 0
        return None if self.total is None else max(0, self.total - self.done)


_HELP: Final = {
    "applied": "Image sets put into the catalog.",
    "removed": "Image sets taken out of the catalog.",
    "failed": "Image sets whose documents could not be read.",
    "batches": "Transactions of the catalog.",
    "batch_seconds": "Seconds that those took.",
    "poll_errors": "Looks for changes that failed.",
}


class Syncing(Collector):
    """The counts and gauges of the data stores, by their identifiers."""

    def __init__(self, known: Mapping[str, tuple[Counts, Gauges]]) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        """Everything as of this moment."""
        for one in fields(Counts):
            family = CounterMetricFamily(
                f"gateway_catalog_{one.name}", _HELP[one.name], labels=["datastore"]
            )
            for name, (counts, _) in self._known.items():
                family.add_metric([name], getattr(counts, one.name))
            yield family
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        now = time.time()
        values = {
            name: {
                "lag_seconds": now - gauges.synced if gauges.synced else None,
                "loaded": int(gauges.loaded),
                "image_sets": gauges.image_sets,
                "unreadable": gauges.unreadable,
                "first_load_done": gauges.done,
                "first_load_remaining": gauges.remaining,
                "leader": int(gauges.leading),
            }
            for name, (_, gauges) in self._known.items()
        }
        for key, text in _GAUGES.items():
            family = GaugeMetricFamily(f"gateway_catalog_{key}", text, labels=["datastore"])
            for name, one in values.items():
                value = one[key]
                if value is not None:
                    family.add_metric([name], value)
            yield family


_GAUGES: Final = {
    "lag_seconds": "Seconds since the catalog had all that HealthImaging has.",
    "loaded": "Whether the first load has come to its end.",
    "image_sets": "Image sets in the catalog.",
    "unreadable": "Image sets whose documents cannot be read.",
    "first_load_done": "Image sets that the first load has seen.",
    "first_load_remaining": "Image sets that the first load has before it.",
    "leader": "Whether this process fills the catalog.",
}
