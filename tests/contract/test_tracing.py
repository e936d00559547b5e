"""Traces of requests and of the calls that they lead to, as a collector gets them."""

import time
from pathlib import Path

import httpx
import pytest
from pydicom.data import get_testdata_file

from tests.collectors import Collector
from tests.running import Gateway

CT = Path(get_testdata_file("CT_small.dcm", download=False))
STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
PLACE = (
    f"/studies/{STUDY}/series/1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
    "/instances/1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
)
STORED = {"accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SERVER, CLIENT = 2, 3


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.stop()


@pytest.fixture
def traced(collector, healthimaging, library):
    running = []

    def start(**settings):
        given = {"traces_endpoint": collector.url, "search_ttl": 60, "prefetch": "off"}
        running.append(Gateway(healthimaging, **{**given, **settings}))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def spans(collector, gateway, kind):
    gateway.stop()
    return [one for one in collector.spans if one.kind == kind]


def test_a_request_is_a_span_and_each_call_one_below_it(collector, traced):
    gateway = traced()
    response = httpx.get(f"{gateway.root}{PLACE}/frames/1", headers=STORED)
    assert response.status_code == 200
    (server,) = spans(collector, gateway, SERVER)
    assert server.name == (
        "GET /dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}"
    )
    assert server.service == "dicomweb-gateway"
    assert server.attributes == {
        "http.request.method": "GET",
        "http.route": server.name.removeprefix("GET "),
        "code.function.name": "frames.frames",
        "http.response.status_code": 200,
        "http.response.body.size": len(response.content),
    }
    calls = spans(collector, gateway, CLIENT)
    assert {one.name for one in calls} == {
        "SearchImageSets",
        "GetImageSetMetadata",
        "GetImageFrame",
    }
    for one in calls:
        assert (one.trace, one.parent) == (server.trace, server.own)
        assert one.attributes["rpc.method"] == one.name
        assert one.attributes["aws.request_id"]
    assert len({one.attributes["aws.request_id"] for one in calls}) == len(calls)


def test_answers_given_again_are_spans_without_calls(collector, traced):
    gateway = traced()
    with httpx.Client() as client:
        for _ in range(4):
            client.get(f"{gateway.root}{PLACE}/frames/1", headers=STORED)
    servers = spans(collector, gateway, SERVER)
    assert len(servers) == 4
    assert {one.attributes["code.function.name"] for one in servers} == {"frames.frames"}
    assert len({one.attributes["http.response.status_code"] for one in servers}) == 1
    calls = spans(collector, gateway, CLIENT)
    assert {one.parent for one in calls} == {servers[0].own}


@pytest.mark.parametrize(("flags", "count"), [("01", 1), ("00", 0)])
def test_the_callers_trace_is_continued_as_it_decided(collector, traced, flags, count):
    gateway = traced(traces_sample=1.0 - count)
    header = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
    httpx.get(f"{gateway.root}/studies", headers=header)
    servers = spans(collector, gateway, SERVER)
    assert [(one.trace, one.parent) for one in servers] == [(TRACE, PARENT)] * count


def test_none_are_sampled_if_none_are_to_be(collector, traced):
    gateway = traced(traces_sample=0.0)
    httpx.get(f"{gateway.root}/studies")
    gateway.stop()
    assert collector.spans == []


def test_failures_are_marked(collector, traced):
    gateway = traced(endpoint_url="http://127.0.0.1:1", max_attempts=2)
    assert httpx.get(f"{gateway.root}/studies").status_code == 503
    (server,) = spans(collector, gateway, SERVER)
    assert (server.failed, server.attributes["error.type"]) == (True, "503")
    calls = spans(collector, gateway, CLIENT)
    assert [one.attributes.get("http.request.resend_count", 0) for one in calls] == [0, 1]
    assert all(one.failed for one in calls)


def test_no_path_query_or_uid_is_in_a_span(collector, traced):
    gateway = traced()
    httpx.get(f"{gateway.root}{PLACE}/metadata")
    httpx.get(f"{gateway.root}/studies", params={"PatientName": "MARKED^NAME"})
    httpx.get(f"{gateway.root}/studies/1.2.3/nothing/MARKED")
    httpx.request("MARKED", f"{gateway.root}/studies")
    gateway.stop()
    told = b"".join(collector.bodies)
    assert len(collector.spans) >= 4
    for mark in (b"MARKED", STUDY.encode(), b"1.2.3", b"CompressedSamples"):
        assert mark not in told


def test_a_collector_that_is_away_keeps_nobody_waiting(collector, traced):
    gateway = traced(traces_endpoint="http://127.0.0.1:1")
    began = time.monotonic()
    for _ in range(20):
        assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    assert time.monotonic() - began < 5


def test_opentelemetrys_own_variables_turn_them_on(collector, traced, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "hospital-gateway")
    gateway = traced(traces_endpoint=None)
    httpx.get(f"{gateway.url}/healthz")
    (server,) = spans(collector, gateway, SERVER)
    assert server.service == "hospital-gateway"
