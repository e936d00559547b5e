"""The client against an embedded HealthImaging that is slow, breaks off, throttles or lies down."""

import asyncio
import gzip
import json
import time
from contextlib import aclosing, contextmanager, suppress
from functools import partial

import numpy as np
import pytest

from gateway.errors import NotFound, UpstreamDenied, UpstreamInvalid, UpstreamUnavailable
from gateway.remote.api import Urgency
from gateway.remote.client import HealthImagingClient
from gateway.services.arrivals import Arrivals, Source
from gateway.settings import GatewaySettings
from tests import files
from tests.running import HealthImaging

PATIENT = {"max_attempts": 1, "read_timeout": 5}


def noise(number):
    """A slice that no encoder makes much smaller."""
    pixels = np.random.default_rng(number).integers(0, 4096, (200, 200), dtype="<i2")
    return files.ct(number, size=200, PixelData=pixels.tobytes())


@contextmanager
def serving(tmp_path, *arguments, **environment):
    """A server with one image set of three slices, started again with these arguments."""
    server = HealthImaging(tmp_path / "data")
    paths = [files.write(tmp_path / f"{n}.dcm", noise(n)) for n in (1, 2, 3)]
    good, bad = server.import_files(paths, "slices")
    assert not bad
    server.stop()
    server._arguments = arguments
    server._environment = {"HEALTHIMAGING_SIMULATION_SEED": "7", **environment}
    server.start()
    try:
        yield server, good[paths[0]]
    finally:
        if server.process.poll() is None:
            server.stop()


def run(server, use, **changes):
    """The result of ``use`` with a client of the server."""
    known = server.known
    keys = {name: known[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    settings = GatewaySettings(
        datastore_id=known["datastoreId"],
        endpoint_url=known["endpoint_url"],
        region=known["region_name"],
        **{**PATIENT, **changes},
    )

    async def main():
        client = HealthImagingClient(settings, **keys)
        try:
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(main())


async def streamed(client, *names):
    opened = await client.open_frame(*names)
    try:
        content = b"".join([piece async for piece in opened])
    finally:
        await opened.aclose()
    assert len(content) == opened.length
    return content


async def fetched(client, *names):
    """As the services have frames: one that breaks off is fetched again."""

    async def ignored(*_):
        return None

    source = Source("frame", ignored, partial(client.open_frame, *names), None)
    async with aclosing(Arrivals(ignored).follow(source)) as follower:
        return await follower.whole()


ways = pytest.mark.parametrize("way", [fetched, streamed])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A server without faults, its image set, and its frames as boto3 has them."""
    with serving(tmp_path_factory.mktemp("whole")) as (server, image_set):
        found = {}
        for name in run(server, lambda client: _names(client, server, image_set)):
            answer = server.imaging.get_image_frame(
                datastoreId=server.datastore_id,
                imageSetId=image_set,
                imageFrameInformation={"imageFrameId": name},
            )
            found[name] = answer["imageFrameBlob"].read()
        yield server, image_set, found


@ways
def test_frames_are_those_of_boto3(whole, way):
    server, image_set, frames = whole

    async def use(client):
        calls = (way(client, server.datastore_id, image_set, name) for name in frames)
        return await asyncio.gather(*calls)

    assert run(server, use) == list(frames.values())


@pytest.mark.parametrize("version", [None, 1])
def test_documents_are_those_of_boto3(whole, version):
    server, image_set, _ = whole
    pinned = {} if version is None else {"versionId": str(version)}
    answer = server.imaging.get_image_set_metadata(
        datastoreId=server.datastore_id, imageSetId=image_set, **pinned
    )
    found = run(server, lambda client: client.metadata(server.datastore_id, image_set, version))
    assert found == answer["imageSetMetadataBlob"].read()


@ways
@pytest.mark.parametrize("image_set", [None, "0" * 32, "../x?y=%2F z", ".."])
def test_what_is_not_there(whole, way, image_set):
    server, known, _ = whole
    with pytest.raises((NotFound, UpstreamInvalid, UpstreamDenied)):
        run(server, lambda c: way(c, server.datastore_id, image_set or known, "0" * 32))


@ways
def test_wrong_keys_are_told(whole, way):
    server, image_set, frames = whole
    known = {**server.known}
    server.known["aws_secret_access_key"] = "wrong"
    try:
        with pytest.raises(UpstreamDenied):
            run(server, lambda c: way(c, server.datastore_id, image_set, next(iter(frames))))
    finally:
        server.known.update(known)


def test_a_frame_that_breaks_off_is_never_short(tmp_path, whole):
    _, _, frames = whole
    with serving(tmp_path, "--fault", "GetImageFrame:truncate:rate=0.5") as (server, image_set):

        async def use(client):
            names = [name for name in known for _ in range(10)]
            calls = [
                way(client, server.datastore_id, image_set, name)
                for name in names
                for way in (fetched, streamed)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

        known = run(server, lambda client: _names(client, server, image_set))
        found = run(server, use)
    broken = [one for one in found if isinstance(one, UpstreamUnavailable)]
    right = [one for one in found if one in frames.values()]
    assert len(broken) + len(right) == len(found)
    assert broken
    assert right


async def _names(client, server, image_set):
    content = await client.metadata(server.datastore_id, image_set, None)
    [series] = json.loads(gzip.decompress(content))["Study"]["Series"].values()
    return [one["ImageFrames"][0]["ID"] for one in series["Instances"].values()]


def test_what_fails_now_and_then_comes_in_the_end(tmp_path, whole):
    _, _, frames = whole
    faults = ("GetImageFrame:truncate:rate=0.03", "GetImageFrame:error=503:rate=0.2",
              "GetImageFrame:error=InternalServerException:rate=0.1")  # fmt: skip
    arguments = [part for fault in faults for part in ("--fault", fault)]
    with serving(tmp_path, *arguments) as (server, image_set):

        async def use(client):
            names = await _names(client, server, image_set) * 10
            calls = (fetched(client, server.datastore_id, image_set, name) for name in names)
            return await asyncio.gather(*calls)

        found = run(server, use, max_attempts=10)
    assert sorted(found) == sorted([*frames.values()] * 10)


def test_the_plug_is_pulled_in_the_middle_of_a_frame(tmp_path):
    with serving(tmp_path, "--fault", "GetImageFrame:slow=100kB/s") as (server, image_set):

        async def use(client):
            [name, *_] = await _names(client, server, image_set)
            opened = await client.open_frame(server.datastore_id, image_set, name)
            received = 0
            try:
                async for piece in opened:
                    received += len(piece)
                    if server.process.poll() is None:
                        server.kill()
            finally:
                assert 0 < received < opened.length
                await opened.aclose()

        with pytest.raises(UpstreamUnavailable):
            run(server, use)


def test_a_slow_frame_comes_in_pieces(tmp_path, whole):
    _, _, frames = whole
    with serving(tmp_path, "--fault", "GetImageFrame:slow=100kB/s") as (server, image_set):

        async def use(client):
            [name, *_] = await _names(client, server, image_set)
            opened = await client.open_frame(server.datastore_id, image_set, name)
            return [piece async for piece in opened]

        pieces = run(server, use)
    assert len(pieces) > 2
    assert b"".join(pieces) in frames.values()


def test_readers_may_leave_at_any_time(whole):
    server, image_set, frames = whole
    name = next(iter(frames))

    async def use(client):
        async def leave(number):
            opened = await client.open_frame(server.datastore_id, image_set, name)
            if number % 3 == 0:
                async for _ in opened:
                    break
            await opened.aclose()
            if number % 3 == 1:
                call = asyncio.create_task(streamed(client, server.datastore_id, image_set, name))
                await asyncio.sleep(0.001)
                call.cancel()

        await asyncio.gather(*(leave(number) for number in range(300)))
        assert len(client._wire._transport._open) <= 4
        lanes = client._calls._scheduler._schedule
        assert lanes._waiting.running == lanes._waiting.queued == 0
        return await streamed(client, server.datastore_id, image_set, name)

    assert run(server, use, upstream_concurrency=4, queue_seconds=60) == frames[name]


def test_what_aws_would_refuse_is_never_sent(tmp_path):
    with serving(tmp_path, "--simulate", "aws") as (server, image_set):

        async def use(client):
            calls = (client.metadata(server.datastore_id, image_set, 1) for _ in range(160))
            return await asyncio.gather(*calls)

        # 100 at once, then 50 a second; and no try but the first. Calls that a busy machine holds
        # up may arrive closer together than they were sent, but not each time.
        for _ in range(5):
            with suppress(UpstreamUnavailable):
                assert len(set(run(server, use))) == 1
                break
            time.sleep(3)  # until the server counts from the beginning
        else:
            pytest.fail("calls were refused each time")


def test_quotas_that_are_too_high_are_found_out(tmp_path):
    with serving(tmp_path, "--simulate", "aws") as (server, image_set):

        async def use(client):
            calls = (client.metadata(server.datastore_id, image_set, 1) for _ in range(160))
            found = await asyncio.gather(*calls)
            schedule = client._calls._scheduler._schedule
            return found, schedule._buckets["GetImageSetMetadata"].rate

        found, rate = run(server, use, quotas="GetImageSetMetadata=5000", max_attempts=10)
    assert len(set(found)) == 1
    assert rate < 5000


def test_too_much_is_refused_with_a_time_to_come_again(whole):
    server, image_set, _ = whole

    async def use(client):
        calls = (client.metadata(server.datastore_id, image_set, 1) for _ in range(40))
        return await asyncio.gather(*calls, return_exceptions=True)

    found = run(server, use, quotas="GetImageSetMetadata=5", queue_seconds=2)
    refused = [one for one in found if isinstance(one, UpstreamUnavailable)]
    assert len(refused) > 15
    assert all(one.retry_after >= 1 for one in refused)
    assert len(found) - len(refused) >= 18


def test_people_do_not_wait_for_work_ahead(whole):
    server, image_set, frames = whole
    order = []

    async def use(client):
        async def one(urgency):
            name = next(iter(frames))
            await streamed(client, server.datastore_id, image_set, name, urgency)
            order.append(urgency)

        ahead = [one(Urgency.AHEAD) for _ in range(30)]
        people = [one(Urgency.WAITING) for _ in range(10)]
        await asyncio.gather(*ahead, *people)

    run(server, use, upstream_concurrency=2)
    last = max(at for at, urgency in enumerate(order) if urgency is Urgency.WAITING)
    assert last < 15
    assert len(order) == 40
