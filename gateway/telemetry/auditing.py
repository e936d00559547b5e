"""What has become of audit messages, for Prometheus."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(slots=True)
class AuditCounts:
    """What this process has done with audit messages."""

    events: int = 0
    delivered: int = 0
    lost: int = 0
    damaged: int = 0
    refused: int = 0
    errors: int = 0


_HELP: Final = {
    "events": "Audit messages that were made.",
    "delivered": "Audit messages that whoever collects them has.",
    "lost": "Audit messages that there was no room for.",
    "damaged": "Places of the spool whose records could not be read.",
    "refused": "Requests that were refused because their audit message would have had no room.",
    "errors": "Attempts to write or to deliver audit messages that failed.",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Bytes of messages that wait, the room for them, and since when the first of them does."""

    held: int
    limit: int
    since: float | None


class Auditing(Collector):
    """The counts, and what waits as ``waiting`` tells."""

    def __init__(self, counts: AuditCounts, waiting: Callable[[], Waiting]) -> None:
        self._counts = counts
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        """Everything as of this moment."""
        for one in fields(AuditCounts):
            value = getattr(self._counts, one.name)
            yield CounterMetricFamily(f"gateway_audit_{one.name}", _HELP[one.name], value)
        found = self._waiting()
        lag = 0.0 if found.since is None else max(time.time() - found.since, 0.0)
        for name, text, value in (
            ("spooled_bytes", "Bytes of audit messages that are not delivered.", found.held),
            ("spool_limit_bytes", "Bytes that those may have.", found.limit),
            ("lag_seconds", "Age of the oldest audit message that is not delivered.", lag),
        ):
            yield GaugeMetricFamily(f"gateway_audit_{name}", text, value)
