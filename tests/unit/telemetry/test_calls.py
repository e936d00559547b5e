"""The calls to HealthImaging as Prometheus sees them."""

from prometheus_client import CollectorRegistry

from gateway.telemetry.calls import Action, Calls, Class
from gateway.telemetry.metrics import Metrics


def test_what_is_counted_is_told():
    metrics = Metrics(CollectorRegistry())
    classes = {"waiting": Class(3, 40, 2, 1.5), "ahead": Class(0, 7, 1, 0.25)}
    metrics.registry.register(Calls(lambda: [Action("GetImageFrame", 500.0, 4, classes)]))
    told = dict(line.rsplit(" ", 1) for line in metrics.text().decode().splitlines())
    both = '{action="GetImageFrame",class="%s"}'
    for name, waiting, ahead in [
        ("queued", 3, 0),
        ("started_total", 40, 7),
        ("turned_away_total", 2, 1),
        ("waited_seconds_total", 1.5, 0.25),
    ]:
        assert float(told[f"gateway_upstream_{name}{both % 'waiting'}"]) == waiting
        assert float(told[f"gateway_upstream_{name}{both % 'ahead'}"]) == ahead
    assert told['gateway_upstream_throttled_total{action="GetImageFrame"}'] == "4.0"
    assert told['gateway_upstream_rate{action="GetImageFrame"}'] == "500.0"
