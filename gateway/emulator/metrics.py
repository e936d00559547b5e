"""Call counts as CloudWatch has them, by operation and data store, in Prometheus' text format."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Summary,
    disable_created_metrics,
    generate_latest,
)

from gateway.emulator.calls import Call

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_OK: Final = "OK"
_OTHER: Final = "other"
_MOST_DATASTORES: Final = 100


class Metrics:
    """Counters of one server.

    Labels stay few: actions and error codes are known sets, and of data stores only those that
    exist have their own, the first hundred of them.
    """

    def __init__(self, datastore_ids: Iterable[str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time per series that nothing here uses
        self._datastore_ids = set(islice(datastore_ids, _MOST_DATASTORES))
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "healthimaging_calls",
            "API calls that were answered.",
            ("operation", "datastore", "code"),
            registry=self._registry,
        )
        self._seconds = Summary(
            "healthimaging_call_seconds",
            "Time from a request's head to the head of its answer.",
            ("operation", "datastore"),
            registry=self._registry,
        )
        self._lost = Counter(
            "healthimaging_call_log_lost",
            "Calls that could not be written to the call log.",
            registry=self._registry,
        )

    def count(self, call: Call) -> None:
        """Count a call that has ended."""
        datastore = self._datastore(call)
        self._calls.labels(call.action, datastore, call.error_code or _OK).inc()
        self._seconds.labels(call.action, datastore).observe(call.seconds)

    def lost(self, number: int) -> None:
        """Count calls that the call log has lost."""
        self._lost.inc(number)

    def _datastore(self, call: Call) -> str:
        name = call.datastore_id
        if not name or name in self._datastore_ids:
            return name
        if call.error_code or len(self._datastore_ids) >= _MOST_DATASTORES:
            return _OTHER
        self._datastore_ids.add(name)  # it exists: the call succeeded
        return name

    def text(self) -> bytes:
        """Everything that is counted."""
        return generate_latest(self._registry)
