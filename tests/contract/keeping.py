"""A keeper of a data store of the embedded server, for tests of what fills the catalog."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import delete, select, update

from gateway import settings
from gateway.catalog.database import Database
from gateway.catalog.schema import IMAGE_SET, INSTANCE, SERIES
from gateway.errors import UpstreamUnavailable
from gateway.remote.client import HealthImagingClient
from gateway.services.compute import Compute
from gateway.services.feed import Feed
from gateway.services.indexes import CatalogIndex
from gateway.services.keeper import Keeper
from gateway.settings import GatewaySettings
from gateway.telemetry.syncing import Counts, Gauges
from tests import files

ASCENDING = {"sortField": "updatedAt", "sortOrder": "ASC"}


class Counting(HealthImagingClient):
    """The real client, which notes whose documents are asked for; some of them it does not get."""

    def __init__(self, *arguments, **credentials):
        super().__init__(*arguments, **credentials)
        self.documents = []
        self.searches = 0
        self.ill = set()

    async def metadata(self, datastore_id, image_set_id, version, *urgency):
        if image_set_id in self.ill:
            raise UpstreamUnavailable("not now")
        self.documents.append((image_set_id, version))
        return await super().metadata(datastore_id, image_set_id, version, *urgency)

    async def search(self, *arguments):
        async for page in super().search(*arguments):
            self.searches += 1
            yield page


class Index(CatalogIndex):
    """The real one; documents of ``broken`` image sets arrive as something else."""

    def __init__(self, url, datastore_id, policy="merge"):
        self.database = Database(url)
        self.database.prepare()
        super().__init__(self.database, datastore_id, policy)
        self.broken = set()
        self.begin()

    @property
    def now(self):
        return self.state()

    @property
    def rows(self):
        return self.known(self.after("", 1000))

    def change(self, image_set, **values):
        """Make a row wrong, or have it away where nothing is said."""
        own = IMAGE_SET.c.image_set_id == image_set
        with self.database.write() as connection:
            for name in () if values else (INSTANCE, SERIES):
                number = select(IMAGE_SET.c.id).where(own).scalar_subquery()
                connection.execute(delete(name).where(name.c.image_set == number))
            statement = update(IMAGE_SET).values(values) if values else delete(IMAGE_SET)
            connection.execute(statement.where(own))

    def apply(self, arrivals, gone, mark):
        told = [
            replace(one, document=b"{}") if one.summary.image_set_id in self.broken else one
            for one in arrivals
        ]
        return super().apply(told, gone, mark)


def made(folder, *numbers, **changes):
    return [
        files.write(
            folder / f"{number}.dcm",
            files.ct(
                **{
                    "size": 8,
                    "PatientID": f"P{number}",
                    "StudyInstanceUID": f"1.2.3.{number}",
                    "SeriesInstanceUID": f"1.2.3.{number}.1",
                    "SOPInstanceUID": f"1.2.3.{number}.1.1",
                    **changes,
                }
            ),
        )
        for number in numbers
    ]


@asynccontextmanager
async def kept(server, index, **changes):
    """A keeper of the data store, and the client through which it asks."""
    known = server.known
    chosen = settings.load(
        GatewaySettings,
        **{
            "datastore_id": index.datastore_id,
            "endpoint_url": known["endpoint_url"],
            "region": known["region_name"],
            "catalog_interval": 0.2,
            **changes,
        },
    )
    keys = {name: known[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    client, threads = Counting(chosen, **keys), Compute(2)
    feed = Feed(client, index, chosen.image_set_policy, threads, Counts(), 4)
    keeper = Keeper(feed, chosen, Counts(), Gauges(), threads)
    try:
        yield keeper, client
    finally:
        await keeper.close()
        await client.close()
        await threads.close()


def there(store, index):
    """Whether the catalog has what the data store has, in these versions."""
    told = {one["imageSetId"]: one["version"] for one in store.search()}
    return told == {name: row.version for name, row in index.rows.items()}


async def until(check, seconds=20):
    for _ in range(int(seconds / 0.02)):
        if check():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError
