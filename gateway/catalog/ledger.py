"""Which image sets of a data store are in the catalog, and in which version."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, func, select, update

from gateway.catalog.database import Database
from gateway.catalog.schema import IMAGE_SET, STORE

_AT_ONCE: Final = 500


class Entered(NamedTuple):
    """An image set as it is in the catalog; ``failed`` if its document could not be read."""

    image_set_id: str
    version: int
    updated: float
    primary: bool | None
    failed: bool
    study: str


_COLUMNS: Final = (
    IMAGE_SET.c.image_set_id,
    IMAGE_SET.c.version,
    IMAGE_SET.c.updated,
    IMAGE_SET.c.is_primary,
    IMAGE_SET.c.failed,
    IMAGE_SET.c.study_uid,
)


class Ledger:
    """Those of one data store. Its methods block and raise CatalogError."""

    def __init__(self, database: Database, datastore_id: str) -> None:
        self._database = database
        self._datastore_id = datastore_id

    def known(self, image_set_ids: Collection[str]) -> Sequence[Entered]:
        """Those of ``image_set_ids`` that are in the catalog."""
        names = list(image_set_ids)
        found: list[Entered] = []
        with self._database.read() as connection:
            for start in range(0, len(names), _AT_ONCE):
                part = IMAGE_SET.c.image_set_id.in_(names[start : start + _AT_ONCE])
                rows = connection.execute(select(*_COLUMNS).where(self._own(), part))
                found += [Entered(*row) for row in rows]
        return found

    def after(self, image_set_id: str, limit: int, *, failed: bool = False) -> Sequence[Entered]:
        """The next image sets in the order of their identifiers, or those that ``failed`` only."""
        where = [self._own(), IMAGE_SET.c.image_set_id > image_set_id]
        if failed:
            where.append(IMAGE_SET.c.failed)
        query = select(*_COLUMNS).where(*where).order_by(IMAGE_SET.c.image_set_id).limit(limit)
        with self._database.read() as connection:
            return [Entered(*row) for row in connection.execute(query)]

    def seen(self, image_set_ids: Collection[str], when: float) -> None:
        """Note that a comparison has found image sets."""
        statement = (
            update(IMAGE_SET)
            .where(self._own(), IMAGE_SET.c.image_set_id.in_(list(image_set_ids)))
            .values(seen=when)
        )
        with self._database.write() as connection:
            connection.execute(statement)

    def unseen(self, when: float, updated: float, limit: int) -> Sequence[str]:
        """Image sets not found since ``when``, and last changed at ``updated`` or before."""
        query = (
            select(IMAGE_SET.c.image_set_id)
            .where(self._own(), IMAGE_SET.c.seen < when, IMAGE_SET.c.updated <= updated)
            .limit(limit)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalars().all()

    def count(self, *, failed: bool = False) -> int:
        """The image sets, or those that ``failed``."""
        query = select(func.count()).select_from(IMAGE_SET).where(self._own())
        query = query.where(IMAGE_SET.c.failed) if failed else query
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _own(self) -> ColumnElement[bool]:
        store = select(STORE.c.id).where(STORE.c.datastore_id == self._datastore_id)
        return IMAGE_SET.c.store == store.scalar_subquery()
