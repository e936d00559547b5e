"""HealthImaging's events through SQS: prompt, harmless however often and in whatever order."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import pytest

from gateway.remote.events import Queue
from gateway.services.loading import load
from gateway.services.notices import attend
from gateway.telemetry.syncing import Gauges
from tests import queues
from tests.contract.keeping import kept, made, there, until
from tests.running import HealthImaging, Store


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    queue = queues.Queue()
    yield queue
    queue.close()


@pytest.fixture
def server(queue, tmp_path, monkeypatch):
    """An embedded server that tells the queue of what happens."""
    monkeypatch.setenv("HEALTHIMAGING_SQS_ENDPOINT_URL", queue.url)
    monkeypatch.setenv("HEALTHIMAGING_SQS_QUEUE_URL", queue.queue_url)
    server = HealthImaging(tmp_path / "data")
    yield server
    server.stop()


@asynccontextmanager
async def attended(server, index, queue):
    """A catalog that is loaded, and from then on hears of changes by events alone."""
    async with kept(server, index) as (keeper, client):
        await load(keeper.feed, index.state(), Gauges())
        source = Queue(queue.queue_url, queue.url, "us-east-1")
        task = asyncio.create_task(attend(source, {index.datastore_id: keeper}))
        try:
            yield keeper, client
        finally:
            task.cancel()
            await asyncio.wait([task])
            source.close()


def test_changes_and_deletions_come_by_themselves(server, queue, tmp_path, opened):
    store = Store(server)
    sets = store.bring(*made(tmp_path, 1, 2, 3))
    index = opened(store.id)

    async def run():
        async with attended(server, index, queue) as (_, client):
            await until(lambda: not queue.waiting)
            client.documents.clear()
            [new] = await asyncio.to_thread(store.bring, *made(tmp_path, 4))
            await until(lambda: new in index.rows)
            await asyncio.to_thread(
                store.update, new, 1, updatable={"Study": {"DICOM": {"StudyID": "9"}}}
            )
            await until(lambda: index.rows[new].version == 2)
            await asyncio.to_thread(store.call, "delete_image_set", imageSetId=sets[0])
            await until(lambda: sets[0] not in index.rows)
            await until(lambda: not queue.waiting)
            assert there(store, index)
            assert client.documents == [(new, 1), (new, 2), (sets[0], None)]
            assert queue.dead == []

    asyncio.run(run())


def event(store, kind, image_set, version, state, **more):
    detail = {
        "imagingVersion": "1.0",
        "datastoreId": store.id,
        "imagesetId": image_set,
        "imageSetVersion": str(version),
        "imageSetState": state,
        "imageSetWorkflowStatus": kind.upper(),
        **more,
    }
    return {"source": "aws.medical-imaging", "detail-type": f"Image Set {kind}", "detail": detail}


def test_events_that_are_late_double_foreign_or_none_do_no_harm(
    healthimaging, queue, tmp_path, caplog, opened
):
    store, other = Store(healthimaging), Store(healthimaging)
    sets = store.bring(*made(tmp_path, 1, 2))
    foreign = other.bring(*made(tmp_path, 3))
    index = opened(store.id)
    caplog.set_level(logging.WARNING)

    async def run():
        async with attended(healthimaging, index, queue) as (_, client):
            before = dict(index.rows)
            client.documents.clear()
            for _ in range(3):
                queue.put(event(store, "Created", sets[0], 1, "ACTIVE"))
                queue.put(event(store, "Deleted", sets[1], 1, "DELETED"))  # it is there
                queue.put(event(store, "Created", "0" * 32, 3, "ACTIVE"))  # it is not
                queue.put(event(store, "Updating", sets[0], 2, "LOCKED"))
                queue.put(event(other, "Created", foreign[0], 1, "ACTIVE"))
            await until(lambda: not queue.waiting)
            assert index.rows == before
            queue.put("SECRET^NAME no JSON")
            queue.put(json.dumps({"detail-type": "Image Set Deleted", "detail": {"x": "SECRET"}}))
            await until(lambda: len(queue.dead) == 2)
            assert index.rows == before

    asyncio.run(run())
    told = [record for record in caplog.records if record.message == "catalog_event_unreadable"]
    assert len(told) == 6
    assert "SECRET" not in caplog.text + "".join(str(vars(record)) for record in told)


def test_what_is_not_found_by_searches_yet_is_asked_for_by_name(
    healthimaging, queue, tmp_path, opened
):
    store = Store(healthimaging)
    index = opened(store.id)

    async def run():
        async with attended(healthimaging, index, queue) as (_, client):
            [new] = await asyncio.to_thread(store.bring, *made(tmp_path, 1))

            async def nothing(*_):
                for page in ():
                    yield page

            client.search = nothing
            queue.put(event(store, "Created", new, 1, "ACTIVE"))
            await until(lambda: there(store, index))

    asyncio.run(run())


def test_no_message_is_deleted_before_the_catalog_has_it(healthimaging, queue, tmp_path, opened):
    store = Store(healthimaging)
    index = opened(store.id)

    async def run():
        async with attended(healthimaging, index, queue) as (_, client):
            sets = await asyncio.to_thread(store.bring, *made(tmp_path, *range(1, 13)))
            client.ill = set(sets)
            for name in sets[:6]:
                queue.put(event(store, "Created", name, 1, "ACTIVE"))
            await asyncio.sleep(0.5)
            assert len(queue.waiting) == 6
            assert queue.deleted == []
            client.ill = set()
            await until(lambda: set(sets[:6]) <= index.rows.keys())
            await until(lambda: not queue.waiting)

    asyncio.run(run())


def test_a_queue_that_is_away_is_asked_again(healthimaging, queue, tmp_path, opened):
    store = Store(healthimaging)
    index = opened(store.id)
    queue.plan.extend([503] * 3)

    async def run():
        async with attended(healthimaging, index, queue):
            [new] = await asyncio.to_thread(store.bring, *made(tmp_path, 1))
            queue.put(event(store, "Created", new, 1, "ACTIVE"))
            await until(lambda: there(store, index))

    asyncio.run(run())
