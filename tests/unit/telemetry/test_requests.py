"""Requests as Prometheus sees them: by handler, whoever answers, never by what they asked for."""

import asyncio
import os

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.requests import BOUNDS
from tests.unit.services.memory import (
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

ONE = "/dicomweb/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/frames/1"
STORED = {"accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.0011, 0.3, 30.0, 31.0])
def test_a_request_falls_into_the_buckets_that_are_long_enough(seconds):
    metrics = Metrics(CollectorRegistry())
    metrics.requests.count("frames.frames", 200, 10, seconds)
    metrics.requests.count("frames.frames", 404, 5, seconds)
    found = samples(metrics.text().decode())
    for bound in BOUNDS:
        key = "gateway_request_seconds_bucket", "frames.frames", str(float(bound))
        told = found.get(key, found.get((*key[:2], str(bound))))
        assert told == (2 if seconds <= bound else 0), bound
    assert found["gateway_request_seconds_bucket", "frames.frames", "+Inf"] == 2
    assert found["gateway_request_seconds_sum", "frames.frames"] == 2 * seconds
    assert found["gateway_request_seconds_count", "frames.frames"] == 2
    assert found["gateway_requests_total", "frames.frames", "404"] == 1
    assert found["gateway_response_bytes_total", "frames.frames"] == 15


def test_every_way_of_answering_is_counted():
    remote = MemoryHealthImaging()
    frame = instance("1.2.3.1.1", frames=[os.urandom(9_000)], stored=HTJ2K_RPCL, **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", frame), primary=True)
    app = create_app(settings(search_ttl=60.0), remote)

    async def scenario():
        sizes = []
        for _ in range(2):  # led to its handler, and repeated
            response = await asgi.fetch(app, ONE, headers=STORED)
            sizes.append(len(response.content))
        assert app.ready(asgi.scope(ONE, headers=STORED))  # at hand
        await asgi.fetch(app, "/dicomweb/studies/9/metadata")
        await asgi.fetch(app, "/nothing/MARK")
        return sizes, (await asgi.fetch(app, "/metrics")).text

    sizes, text = asyncio.run(scenario())
    found = samples(text)
    assert found["gateway_requests_total", "frames.frames", "200"] == 3
    assert found["gateway_request_seconds_count", "frames.frames"] == 3
    assert found["gateway_response_bytes_total", "frames.frames"] == 3 * sizes[0]
    assert found["gateway_requests_total", "metadata.metadata", "404"] == 1
    assert found["gateway_requests_total", "none", "404"] == 1
    assert "MARK" not in text
