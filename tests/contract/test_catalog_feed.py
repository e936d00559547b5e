"""What changes in a data store comes into the catalog: each version once, in whatever order."""

import asyncio
import time

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.remote.api import Urgency
from gateway.services.index import Mark
from gateway.services.indexes import CatalogIndex
from gateway.services.loading import load
from gateway.services.reconciliation import reconcile, retry
from gateway.telemetry.syncing import Gauges
from tests.contract.keeping import ASCENDING, kept, made, there, until
from tests.running import Store


@pytest.fixture
def store(healthimaging):
    return Store(healthimaging)


def test_a_first_load_then_changes_each_fetched_once(healthimaging, store, tmp_path, opened):
    sets = store.bring(*made(tmp_path, *range(1, 8)))
    index = opened(store.id)

    async def run():
        async with kept(healthimaging, index) as (keeper, client):
            leading = asyncio.create_task(keeper.lead())
            await until(lambda: index.now.loaded)
            assert there(store, index)
            assert sorted(client.documents) == sorted((one, 1) for one in sets)
            client.documents.clear()
            await asyncio.to_thread(
                store.update, sets[2], 1, updatable={"Study": {"DICOM": {"StudyID": "9"}}}
            )
            more = await asyncio.to_thread(store.bring, *made(tmp_path, 20, 21))
            await until(lambda: there(store, index))
            assert sorted(client.documents) == sorted([(sets[2], 2), (more[0], 1), (more[1], 1)])
            leading.cancel()
            await asyncio.wait([leading])

    asyncio.run(run())


def test_who_asks_gets_what_there_is_by_then(healthimaging, store, tmp_path, opened):
    store.bring(*made(tmp_path, 1))
    index = opened(store.id)

    async def run():
        async with kept(healthimaging, index, catalog_interval=3600.0) as (keeper, client):
            leading = asyncio.create_task(keeper.lead())
            await until(lambda: index.now.loaded)
            for number in range(2, 6):
                await asyncio.to_thread(store.bring, *made(tmp_path, number))
                before = client.searches
                told = await asyncio.gather(*(keeper.catch_up() for _ in range(20)))
                assert told == [None] * 20
                assert client.searches - before <= 2
                assert there(store, index)
            leading.cancel()
            await asyncio.wait([leading])

    asyncio.run(run())


def test_what_is_deleted_is_found_by_a_comparison(healthimaging, store, tmp_path, opened):
    sets = store.bring(*made(tmp_path, *range(1, 6)))
    index = opened(store.id)

    async def run():
        async with kept(healthimaging, index, catalog_reconcile=1.0) as (keeper, client):
            leading = asyncio.create_task(keeper.lead())
            await until(lambda: index.now.loaded)
            for one in (sets[0], sets[4]):  # also the newest, behind which nothing changes
                await asyncio.to_thread(store.call, "delete_image_set", imageSetId=one)
            await until(lambda: there(store, index))
            assert {one for one, _ in client.documents[5:]} == {sets[0], sets[4]}
            leading.cancel()
            await asyncio.wait([leading])

    asyncio.run(run())


def test_a_comparison_finds_what_was_missed_and_what_is_wrong(
    healthimaging, store, tmp_path, opened
):
    sets = store.bring(*made(tmp_path, *range(1, 6)))
    index = opened(store.id)

    async def run():
        async with kept(healthimaging, index, catalog_reconcile=3600.0) as (keeper, _):
            leading = asyncio.create_task(keeper.lead())
            await until(lambda: index.now.loaded)
            leading.cancel()
            await asyncio.wait([leading])
            index.change(sets[1])
            index.change(sets[3], version=0)
            await reconcile(keeper.feed, lambda: Urgency.AHEAD)
            assert there(store, index)

    asyncio.run(run())


def test_a_listing_that_leaves_something_out_deletes_nothing(
    healthimaging, store, tmp_path, opened
):
    sets = store.bring(*made(tmp_path, *range(1, 6)))
    index = opened(store.id)

    async def run():
        async with kept(healthimaging, index) as (keeper, client):
            await load(keeper.feed, index.state(), Gauges())
            whole = client.search

            async def some(*arguments):
                async for page in whole(*arguments):
                    yield [one for one in page if one.image_set_id != sets[2]]

            client.search = some
            await reconcile(keeper.feed, lambda: Urgency.AHEAD)
            assert there(store, index)

    asyncio.run(run())


def test_what_cannot_be_read_holds_nothing_up_and_is_tried_again(
    healthimaging, store, tmp_path, opened
):
    sets = store.bring(*made(tmp_path, *range(1, 6)))
    index = opened(store.id)
    index.broken.add(sets[1])

    async def run():
        async with kept(healthimaging, index) as (keeper, client):
            client.ill = {sets[3]}
            for _ in range(2):  # it may be that HealthImaging is away
                with pytest.raises(UpstreamUnavailable):
                    await load(keeper.feed, index.state(), Gauges())
            await load(keeper.feed, index.state(), Gauges())
            assert {name for name, row in index.rows.items() if row.failed} == {sets[1], sets[3]}
            assert index.now.loaded
            index.broken.clear()
            client.documents.clear()
            assert "2 image sets cannot be read" in await keeper.catch_up()
            assert client.documents == []  # not with each look
            client.ill = set()
            assert await retry(keeper.feed, lambda: Urgency.AHEAD) == 2
            assert index.count_failed() == 0
            assert sorted(client.documents) == sorted([(sets[1], 1), (sets[3], 1)])

    asyncio.run(run())


def test_a_load_that_breaks_off_goes_on_where_it_was(healthimaging, store, tmp_path, opened):
    store.bring(*made(tmp_path, *range(1, 10)))
    order = [one["imageSetId"] for one in store.search(sort=ASCENDING)]
    index = opened(store.id)

    async def run():
        async with kept(healthimaging, index) as (keeper, client):
            client.ill = set(order[3:])
            with pytest.raises(UpstreamUnavailable):
                await load(keeper.feed, index.state(), Gauges())
            assert index.now.loaded is None
            assert index.rows.keys() == set(order[:3])
            client.ill = set()
            client.documents.clear()
            await load(keeper.feed, index.state(), Gauges())
            assert sorted(one for one, _ in client.documents) == sorted(order[3:])
            assert there(store, index)

    asyncio.run(run())


def test_image_sets_that_do_not_count_stay_out_and_go_when_they_no_longer_do(
    healthimaging, tmp_path, opened
):
    store = Store(healthimaging)
    [first] = store.bring(*made(tmp_path, 1))
    [second] = store.bring(*made(tmp_path, 1, PatientID="OTHER"))
    assert not store.properties(second)["isPrimary"]
    merged, primary = opened(store.id), opened(store.id, "primary")

    async def run():
        for index, policy in ((merged, "merge"), (primary, "primary")):
            async with kept(healthimaging, index, image_set_policy=policy) as (keeper, _):
                await load(keeper.feed, index.state(), Gauges())
        assert merged.rows.keys() == {first, second}
        assert primary.rows.keys() == {first}
        again = CatalogIndex(merged.database, store.id, "primary")
        again.begin()  # another policy than before
        async with kept(healthimaging, again, image_set_policy="primary") as (keeper, _):
            await load(keeper.feed, again.state(), Gauges())
        assert merged.rows.keys() == {first}

    asyncio.run(run())


def test_a_healthimaging_that_is_away_is_told_of_and_waited_for(fresh, tmp_path, opened):
    store = Store(fresh)
    store.bring(*made(tmp_path, 1))
    index = opened(store.id)

    async def run():
        async with kept(fresh, index, catalog_wait=0.5, max_attempts=1) as (keeper, _):
            leading = asyncio.create_task(keeper.lead())
            await until(lambda: index.now.loaded)
            await asyncio.to_thread(fresh.kill)
            index.apply([], [], Mark(synced=time.time() - 100))
            told = await keeper.catch_up()
            assert "The search index is 100 seconds behind HealthImaging" in told
            await asyncio.to_thread(fresh.start)
            await until(lambda: time.time() - index.now.synced < 5)
            assert await keeper.catch_up() is None
            leading.cancel()
            await asyncio.wait([leading])

    asyncio.run(run())
