"""How far the catalog of a data store has come: its row of ``store``."""

from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select, update

from gateway.catalog.schema import STORE


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a data store; times are in seconds since 1970, None where never.

    All that was updated before ``watermark`` is in the catalog. ``first_load`` is the state, a JSON
    value, from which the first load is resumed; ``loaded_at`` is when it was at its end.
    """

    policy: str
    watermark: float = 0.0
    loaded_at: float | None = None
    synced_at: float | None = None
    reconciled_at: float | None = None
    first_load: Any = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What of the progress changes together with a batch; None leaves it as it is.

    ``loaded_at`` ends the first load, so that its state is no longer kept.

    """

    watermark: float | None = None
    synced_at: float | None = None
    reconciled_at: float | None = None
    first_load: Any = None
    loaded_at: float | None = None

    def applied(self, before: Progress) -> Progress:
        """The progress after it; a watermark never goes back."""
        changed = {
            name: value
            for name in ("synced_at", "reconciled_at", "first_load", "loaded_at")
            if (value := getattr(self, name)) is not None
        }
        if self.loaded_at is not None:
            changed["first_load"] = None
        watermark = max(before.watermark, self.watermark or 0.0)
        return replace(before, watermark=watermark, **changed)


def read(connection: Connection, datastore_id: str) -> Progress | None:
    """The progress of a data store; None if nothing of it is in the catalog."""
    query = select(STORE).where(STORE.c.datastore_id == datastore_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    state = row["first_load"]
    return Progress(
        row["policy"],
        row["watermark"],
        row["loaded_at"],
        row["synced_at"],
        row["reconciled_at"],
        None if state is None else orjson.loads(state),
    )


def write(connection: Connection, datastore_id: str, progress: Progress) -> int:
    """Keep the progress of a data store; the identifier of its row."""
    state = progress.first_load
    values = {
        "policy": progress.policy,
        "watermark": progress.watermark,
        "loaded_at": progress.loaded_at,
        "synced_at": progress.synced_at,
        "reconciled_at": progress.reconciled_at,
        "first_load": None if state is None else orjson.dumps(state),
    }
    same = STORE.c.datastore_id == datastore_id
    found = connection.scalar(select(STORE.c.id).where(same))
    if found is not None:
        connection.execute(update(STORE).where(same).values(values))
        return int(found)
    highest = connection.scalar(select(func.max(STORE.c.id)))
    number = int(highest or 0) + 1
    connection.execute(insert(STORE).values(id=number, datastore_id=datastore_id, **values))
    return number
