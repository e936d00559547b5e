"""What a tier counts, for tests."""

from prometheus_client import CollectorRegistry

from gateway.telemetry.metrics import Metrics


def metrics():
    return Metrics(CollectorRegistry())


def count(metrics, tier, what):
    """The number of the counter, or the gauge ``bytes``."""
    names = (f"gateway_cache_{what}_total", f"gateway_cache_{what}")
    found = (metrics.registry.get_sample_value(name, {"tier": tier}) for name in names)
    return next(value for value in found if value is not None)
