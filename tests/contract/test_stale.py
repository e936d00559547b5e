"""HealthImaging away while viewers are at work: what is known goes on, and says what it is."""

import time

import httpx
import pytest

from tests.contract.test_failures import SERIES, STUDY, four_slices

AWAY = '110 dicomweb-gateway "Response is Stale"'


@pytest.fixture
def pair(fresh, tmp_path):
    gateway = four_slices(fresh, tmp_path)
    yield fresh, gateway
    gateway.stop()


def get(url, **headers):
    return httpx.get(url, timeout=60, headers=headers)


def test_what_was_known_of_a_study_is_served_and_marked(pair):
    server, gateway = pair
    series = f"{gateway.root}/studies/{STUDY}/series/{SERIES}"
    places = [
        f"{series}/metadata",
        f"{gateway.root}/studies/{STUDY}/metadata",
        f"{gateway.root}/studies/{STUDY}/series",
        f"{series}/instances",
        f"{gateway.root}/studies?StudyInstanceUID={STUDY}",
    ]
    before = [get(place) for place in places]
    assert [one.headers.get("warning") for one in before] == [None] * len(places)
    sop = before[0].json()[0]["00080018"]["Value"][0]
    frame = get(f"{series}/instances/{sop}/frames/1")
    server.kill()
    for place, known in zip(places, before, strict=True):
        for _ in range(2):
            answer = get(place)
            assert answer.status_code == 200, (place, answer.text)
            assert answer.json() == known.json()
            assert AWAY in answer.headers["warning"], place
    again = get(f"{series}/instances/{sop}/frames/1")
    assert (again.content, again.headers.get("warning")) == (frame.content, None)
    assert get(f"{gateway.root}/studies").status_code == 503  # what nobody asked for before
    assert get(f"{gateway.root}/studies/1.2.3/metadata").status_code == 503
    server.start()
    deadline = time.monotonic() + 40
    while any("warning" in get(place).headers for place in places):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_newest_known_version_of_an_image_set_is_served_and_marked(pair):
    server, gateway = pair
    [summary] = server.imaging.search_image_sets(datastoreId=server.datastore_id)[
        "imageSetsMetadataSummaries"
    ]
    only = f"imageSetId={summary['imageSetId']}"
    place = f"{gateway.root}/studies/{STUDY}/metadata?{only}"
    known = get(place)
    assert (known.status_code, known.headers.get("warning")) == (200, None)
    server.kill()
    for _ in range(2):
        answer = get(place)
        assert (answer.status_code, answer.headers.get("warning")) == (200, AWAY)
        assert answer.json() == known.json()
    server.start()
    deadline = time.monotonic() + 40
    while "warning" in get(place).headers:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_calls_that_fail_are_left_alone_and_come_back(pair):
    server, gateway = pair
    server.kill()
    for _ in range(8):
        assert get(f"{gateway.root}/studies").status_code == 503
    assert 'gateway_upstream_breaker{action="SearchImageSets"} 0' not in metrics(gateway)
    began = time.monotonic()
    answers = [get(f"{gateway.root}/studies") for _ in range(20)]
    assert {one.status_code for one in answers} == {503}
    assert all(int(one.headers["retry-after"]) > 0 for one in answers)
    assert time.monotonic() - began < 5
    server.start()
    deadline = time.monotonic() + 40
    while get(f"{gateway.root}/studies").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert 'gateway_upstream_breaker{action="SearchImageSets"} 0' in metrics(gateway)


def metrics(gateway):
    return get(f"{gateway.url}/metrics").text


def test_retrieving_too_much_is_refused_before_anything_is_sent(fresh, tmp_path):
    gateway = four_slices(fresh, tmp_path, max_instances=3)
    try:
        answer = get(f"{gateway.root}/studies/{STUDY}")
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert "3 instances" in answer.json()["detail"]
        assert get(f"{gateway.root}/studies/{STUDY}/metadata").status_code == 200
    finally:
        gateway.stop()


@pytest.mark.parametrize(("fault", "status"), [("stall=1.5s", 200), ("reset", 503)])
def test_silence_and_resets_are_failures(fresh, tmp_path, fault, status):
    gateway = four_slices(fresh, tmp_path, breaker_slow_seconds=1.0, breaker_failures=3)
    try:
        fresh.stop()
        fresh._arguments = ["--fault", f"SearchImageSets:{fault}"]
        fresh.start()
        answers = [get(f"{gateway.root}/studies").status_code for _ in range(4)]
        assert answers[0] == status  # late is not too late for who waited
        assert answers[-1] == 503
        assert 'gateway_upstream_breaker_opened_total{action="SearchImageSets"} 1' in metrics(
            gateway
        )
    finally:
        gateway.stop()


def test_throttling_opens_nothing(fresh, tmp_path):
    gateway = four_slices(fresh, tmp_path, breaker_failures=2)
    try:
        fresh.stop()
        fresh._arguments = ["--fault", "SearchImageSets:error=ThrottlingException"]
        fresh.start()
        answers = [get(f"{gateway.root}/studies").status_code for _ in range(3)]
        assert answers == [503] * 3
        assert 'gateway_upstream_breaker_opened_total{action="SearchImageSets"} 0' in metrics(
            gateway
        )
    finally:
        gateway.stop()
