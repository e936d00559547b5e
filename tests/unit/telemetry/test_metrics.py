"""Metrics: each gateway's own, in a format that Prometheus reads."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metrics import Metrics, TierCounts


def samples(metrics):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_every_count_of_a_tier_is_told():
    metrics = Metrics(CollectorRegistry())
    counts = metrics.tier("memory", 100, lambda: 70)
    for place, name in enumerate(TierCounts.__slots__):
        setattr(counts, name, place + 1)
    metrics.tier("shared", 0)
    found = samples(metrics)
    for place, name in enumerate(TierCounts.__slots__):
        assert found[f"gateway_cache_{name}_total", "memory"] == place + 1
        assert found[f"gateway_cache_{name}_total", "shared"] == 0
    assert found["gateway_cache_bytes", "memory"] == 70
    assert found["gateway_cache_limit_bytes", "memory"] == 100
    assert ("gateway_cache_limit_bytes", "shared") not in found


def test_two_gateways_of_one_process_share_nothing():
    left, right = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    left.tier("memory", 1).hits += 1
    right.tier("memory", 1)
    assert samples(left)["gateway_cache_hits_total", "memory"] == 1
    assert samples(right)["gateway_cache_hits_total", "memory"] == 0
