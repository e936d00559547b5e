"""Prefetch as HealthImaging sees it: which frames, in which order, and when no more come."""

import gzip
import json
import time

import httpx
import numpy as np
import pytest

from tests import files
from tests.running import Gateway, HealthImaging

STUDY = "1.2.826.0.1.3680043.10.12"
CT, OTHER, CINE = f"{STUDY}.1", f"{STUDY}.2", f"{STUDY}.3"
COUNT = 40
FRAME = 64 * 64 * 2
AS_STORED = {"accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}


def _datasets():
    noise = np.random.default_rng(5)  # hardly smaller when it is compressed
    for series in (CT, OTHER):
        for number in range(1, COUNT + 1):
            sop = f"{series}.{number}"
            yield files.ct(
                number,
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=series,
                SeriesNumber=int(series[-1]),
                SOPInstanceUID=sop,
                PixelData=noise.integers(-1024, 3072, (64, 64), "<i2").tobytes(),
            )
    pixels = b"".join(files.ct(number).PixelData for number in range(1, 21))
    yield files.ct(
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=CINE,
        SeriesNumber=3,
        SOPInstanceUID=f"{CINE}.1",
        NumberOfFrames=20,
        PixelData=pixels,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefetch")
    paths = [files.write(folder / f"{one.SOPInstanceUID}.dcm", one) for one in _datasets()]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HEALTHIMAGING_LOG_DATA_EVENTS", "true")
        running = HealthImaging(
            folder / "data", "--simulate", "aws", "--latency", "GetImageFrame=20"
        )
    good, bad = running.import_files(paths, "all")
    assert len(good) == len(paths), bad
    yield running
    assert running.stop() == 0


class Viewer:
    """A client with a connection of its own, and what HealthImaging was asked for since."""

    def __init__(self, gateway, server, name="viewer"):
        self.gateway = gateway
        self.client = httpx.Client(
            base_url=gateway.root, headers=AS_STORED | {"user-agent": name}, timeout=30
        )
        self._log = server.data / "calls.jsonl"
        self._start = len(self._log.read_bytes().splitlines())
        self._names = {}

    def open(self, series):
        answer = self.client.get(
            f"/studies/{STUDY}/series/{series}/metadata", headers={"accept": "application/json"}
        )
        assert answer.status_code == 200

    def frame(self, series, number, frame=1):
        path = f"/studies/{STUDY}/series/{series}/instances/{series}.{number}/frames/{frame}"
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.content

    def fetched(self):
        """The frames that HealthImaging was asked for, by identifier, in the order of its log."""
        lines = self._log.read_bytes().splitlines()[self._start :]
        events = [json.loads(line) for line in lines]
        return [
            one["requestParameters"]["imageFrameInformation"]["imageFrameId"]
            for one in events
            if one["eventName"] == "GetImageFrame"
        ]

    def settled(self, most=30.0):
        """What was fetched, once nothing has come for a while."""
        deadline, before = time.monotonic() + most, -1
        while time.monotonic() < deadline:
            found = self.fetched()
            if len(found) == before:
                return found
            before = len(found)
            time.sleep(0.6)
        raise TimeoutError


def numbers(server, series):
    """The position of each frame of a series, by identifier."""
    found = {}
    where = {"datastoreId": server.datastore_id}
    for summary in server.imaging.search_image_sets(**where)["imageSetsMetadataSummaries"]:
        answer = server.imaging.get_image_set_metadata(**where, imageSetId=summary["imageSetId"])
        tree = json.loads(gzip.decompress(answer["imageSetMetadataBlob"].read()))
        for one in tree["Study"]["Series"].get(series, {}).get("Instances", {}).values():
            for at, frame in enumerate(one["ImageFrames"]):
                found[frame["ID"]] = at + int(one["DICOM"]["InstanceNumber"])
    return found


@pytest.fixture
def view(server):
    """Makes viewers, all of one gateway with the settings of the first."""
    gateways, viewers = [], []

    def start(name="viewer", **settings):
        if not gateways:
            gateways.append(Gateway(server, **{"prefetch_concurrency": 1, **settings}))
        viewers.append(Viewer(gateways[0], server, name))
        return viewers[-1]

    yield start
    for viewer in viewers:
        viewer.client.close()
    for gateway in gateways:
        gateway.stop()


def test_the_middle_the_first_and_the_last_then_outwards_from_the_viewer(server, view):
    viewer, places = view(), numbers(server, CT)
    viewer.open(CT)
    viewer.frame(CT, 10)
    order = [places[one] for one in viewer.settled()]
    assert order[:8] == [10, 21, 1, 40, 11, 9, 12, 8]
    assert sorted(order) == list(range(1, COUNT + 1))


def test_it_goes_where_the_viewer_goes(server, view):
    viewer, places = view(), numbers(server, CT)
    viewer.open(CT)
    viewer.frame(CT, 3)
    viewer.frame(CT, 33)
    order = [places[one] for one in viewer.settled()]
    behind = order[order.index(33) + 2 :]  # one call may have been under way
    assert {34, 32, 35, 31} <= set(behind[:7])
    assert sorted(order) == list(range(1, COUNT + 1))


def test_the_frames_of_one_instance_are_followed_like_a_series(server, view):
    viewer, places = view(), numbers(server, CINE)
    viewer.open(CINE)
    viewer.frame(CINE, 1, frame=5)
    order = [places[one] for one in viewer.settled()]
    assert order[:6] == [5, 11, 1, 20, 6, 4]
    assert sorted(order) == list(range(1, 21))


def test_two_viewers_of_a_series_have_one_prefetch(view):
    first, second = view("first"), view("second")
    for viewer in (first, second):
        viewer.open(CT)
    for number in (5, 6, 30):
        first.frame(CT, number)
        second.frame(CT, number + 2)
    fetched = first.settled()
    assert len(fetched) == len(set(fetched)) == COUNT


def test_another_series_ends_that_of_the_last_one(server, view):
    viewer, places, others = view(), numbers(server, CT), numbers(server, OTHER)
    for series in (CT, OTHER):
        viewer.open(series)
    viewer.frame(CT, 1)
    viewer.frame(OTHER, 1)
    fetched = viewer.settled()
    assert sorted(others[one] for one in fetched if one in others) == list(range(1, COUNT + 1))
    assert sum(one in places for one in fetched) < 10


def test_two_series_side_by_side_are_both_followed(view):
    viewer = view()
    for series in (CT, OTHER):
        viewer.open(series)
    for number in range(1, 4):
        viewer.frame(CT, number)
        viewer.frame(OTHER, number)
    assert len(set(viewer.settled())) == 2 * COUNT


def test_nobody_looking_any_longer_ends_it(view):
    viewer = view(prefetch_seconds=0.25)
    viewer.open(CT)
    viewer.frame(CT, 1)
    assert 1 < len(viewer.settled()) < COUNT
    viewer.frame(CT, 40)
    viewer.frame(CT, 39)
    time.sleep(0.1)
    viewer.frame(CT, 38)
    assert len(viewer.settled()) < COUNT


@pytest.mark.parametrize(("settings", "opened"), [({"prefetch": "off"}, CT), ({}, OTHER)])
def test_none_without_the_setting_or_the_metadata(view, settings, opened):
    viewer = view(**settings)
    viewer.open(opened)
    viewer.frame(CT, 1)
    assert len(viewer.settled()) == 1


def test_it_stays_within_its_share_of_the_cache(server, view):
    share = (1 << 20) * 4 // 100
    viewer, places = view(frame_cache_mb=1, prefetch_percent=4), numbers(server, CT)
    viewer.open(CT)
    size = len(viewer.frame(CT, 10)) - 500
    assert size > FRAME // 2
    fetched = viewer.settled()
    assert 4 <= len(fetched) <= share // size + 4 < COUNT  # the overview makes room
    viewer.frame(CT, 36)
    behind = [places[one] for one in viewer.settled()[len(fetched) :]]
    assert {35, 37} <= set(behind)  # what is far away has made room


def test_a_frame_that_somebody_waits_for_is_asked_for_at_once(server, view):
    viewer, places = view(prefetch_concurrency=2), numbers(server, CT)
    viewer.open(CT)
    viewer.frame(CT, 1)
    before = len(viewer.fetched())
    viewer.frame(CT, 30)
    order = [places[one] for one in viewer.settled()]
    assert order.index(30) <= before + 4  # two that were under way, and two in their places


def _numbers(viewer):
    """What the gateway counts of its calls for frames."""
    text = viewer.client.get(viewer.gateway.root.removesuffix("/dicomweb") + "/metrics").text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if "GetImageFrame" in line)
    return {name.removeprefix("gateway_upstream_"): float(value) for name, value in lines}


def test_it_leaves_the_tokens_that_people_need(server, view):
    viewer, places = view(quotas="GetImageFrame=5", prefetch_concurrency=4), numbers(server, CT)
    viewer.open(CT)
    viewer.frame(CT, 1)
    before = len(viewer.fetched())
    while len(viewer.fetched()) < 5:  # half of a burst of ten is left, and no more comes at once
        time.sleep(0.01)
    for number in range(30, 35):
        before = len(viewer.fetched())
        viewer.frame(CT, number)
        while number not in (asked := [places[one] for one in viewer.fetched()]):
            time.sleep(0.01)  # a call is logged behind its answer
        assert asked.index(number) < before + 5
    told = _numbers(viewer)
    waiting = '{action="GetImageFrame",class="waiting"}'
    assert told[f"turned_away_total{waiting}"] == 0
    assert told[f"queued{waiting}"] == 0
    assert 1 <= told[f"started_total{waiting}"] <= 6  # what was fetched ahead is not fetched again
    assert told['throttled_total{action="GetImageFrame"}'] == 0
    assert told['started_total{action="GetImageFrame",class="ahead"}'] >= 4


def test_people_are_served_before_prefetch_although_it_came_before(server, view):
    viewer, places = view(quotas="GetImageFrame=1", prefetch_concurrency=8), numbers(server, CT)
    viewer.open(CT)
    viewer.frame(CT, 1)
    first = len(viewer.settled())
    assert first <= 2  # the bucket has two tokens: prefetch waits for every other
    viewer.frame(CT, 30)
    viewer.frame(CT, 31)
    behind = [places[one] for one in viewer.fetched()[first:]]
    assert behind.index(31) <= 2  # one was let through for prefetch at the most
    assert [one for one in behind if one in (30, 31)] == [30, 31]
