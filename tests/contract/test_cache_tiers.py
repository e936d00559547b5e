"""Gateways with a disk and a shared server: frames are fetched once, and right whatever happens."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import multipart
from tests.contract.conftest import UID
from tests.running import Gateway
from tests.valkeys import BINARY, MISSING, ValkeyServer

INSTANCES = f"/studies/{UID}.0.0/series/{UID}.0.0.0/instances"
STORED = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
NUMBERS = (1, 2, 3)


@pytest.fixture
def running(healthimaging):
    """Starts gateways, and ends those that are left."""
    made = []

    def start(**settings):
        made.append(Gateway(healthimaging, **settings))
        return made[-1]

    yield start
    for gateway in made:
        gateway.stop()


def fetched(healthimaging):
    """How many frames HealthImaging was asked for."""
    text = httpx.get(f"{healthimaging.known['endpoint_url']}/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "healthimaging_calls_total"
        and sample.labels["operation"] == "GetImageFrame"
    )


def frames(gateway, hospital):
    """The frames of a series as stored."""
    root = f"{gateway.url}/datastore/{hospital.datastore_id}"
    found = []
    for number in NUMBERS:
        answer = httpx.get(
            f"{root}{INSTANCES}/{UID}.0.0.0.{number}/frames/1", headers=STORED, timeout=60
        )
        answer.raise_for_status()
        found += [part.content for part in multipart.parse(answer)]
    return found


def metric(gateway, name, tier):
    text = httpx.get(f"{gateway.url}/metrics").text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"gateway_cache_{name}_total" and sample.labels["tier"] == tier
    )


def test_a_gateway_that_starts_again_has_its_frames(healthimaging, hospital, running, tmp_path):
    first = running(disk_cache_dir=str(tmp_path))
    expected = frames(first, hospital)
    first.stop()
    before = fetched(healthimaging)
    second = running(disk_cache_dir=str(tmp_path))
    assert frames(second, hospital) == expected
    assert fetched(healthimaging) == before
    assert metric(second, "hits", "disk") == len(NUMBERS)
    assert frames(second, hospital) == expected
    assert metric(second, "hits", "disk") == len(NUMBERS)


def test_a_damaged_disk_costs_fetches_and_no_pixel(healthimaging, hospital, running, tmp_path):
    first = running(disk_cache_dir=str(tmp_path))
    expected = frames(first, hospital)
    first.stop()
    for path in tmp_path.glob("??/*"):
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 16
        path.write_bytes(whole)
    before = fetched(healthimaging)
    second = running(disk_cache_dir=str(tmp_path))
    assert frames(second, hospital) == expected
    assert fetched(healthimaging) == before + len(NUMBERS)
    assert metric(second, "damaged", "disk") == len(NUMBERS)


@pytest.mark.skipif(BINARY is None, reason=MISSING)
def test_gateways_share_what_one_has_fetched(healthimaging, hospital, running):
    server = ValkeyServer()
    try:
        url = f"valkey://127.0.0.1:{server.port}/0"
        first = running(shared_cache_url=url)
        expected = frames(first, hospital)
        first.stop()
        before = fetched(healthimaging)
        second = running(shared_cache_url=url)
        assert frames(second, hospital) == expected
        assert fetched(healthimaging) == before
        assert metric(second, "hits", "shared") == len(NUMBERS)
    finally:
        server.kill()
    third = running(shared_cache_url=url)
    assert frames(third, hospital) == expected
    assert fetched(healthimaging) == before + len(NUMBERS)
    assert metric(third, "errors", "shared") == 1
