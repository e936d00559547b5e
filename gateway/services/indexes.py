"""The catalog's database as the services that fill it speak of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.catalog import comparison, entries, places, progress
from gateway.catalog.database import Database
from gateway.catalog.election import Election, election
from gateway.catalog.entries import Entry
from gateway.catalog.ledger import Entered, Ledger
from gateway.catalog.progress import Progress
from gateway.catalog.writer import Writer
from gateway.errors import CatalogError, ConfigurationError, UpstreamInvalid
from gateway.remote.api import Summary
from gateway.services.index import Arrival, Known, Loading, Mark, State
from gateway.settings import GatewaySettings


def place(settings: GatewaySettings) -> "CatalogPlace | None":
    """Where the catalog is; None if the settings want none.

    Raises:
        ConfigurationError: the URL is none of a database that can be used.
    """
    return CatalogPlace(settings) if settings.catalog == "on" else None


class CatalogPlace:
    """The catalog that the settings name."""

    def __init__(self, settings: GatewaySettings) -> None:
        url = places.url(settings)
        self.database = Database(url)
        self.election: Election = election(url)
        self._datastores = places.datastores(settings)
        self._policy = settings.image_set_policy

    def open(self) -> "Sequence[CatalogIndex]":
        """Make it ready for use: one index for each data store.

        Raises:
            ConfigurationError: it cannot be made.
            CatalogError: it is away, or damaged.
        """
        if self.database.path is not None:
            _keep_private(self.database.path)
        self.database.prepare()
        return [CatalogIndex(self.database, name, self._policy) for name in self._datastores]

    def close(self) -> None:
        """Let go of it."""
        self.election.leave()
        self.database.close()


class CatalogIndex:
    """One data store's; as ``services.index.Index`` has it."""

    def __init__(self, database: Database, datastore_id: str, policy: str) -> None:
        self.datastore_id = datastore_id
        self._database = database
        self._ledger = Ledger(database, datastore_id)
        self._writer = Writer(database, datastore_id, policy)

    def begin(self) -> None:
        """Have a state; another policy than that of the catalog empties it."""
        self._writer.begin()

    def state(self) -> State:
        """How far the catalog is."""
        with self._database.read() as connection:
            found = progress.read(connection, self.datastore_id)
        return State() if found is None else _state(found)

    def known(self, image_set_ids: Collection[str]) -> Mapping[str, Known]:
        """Those image sets that are in the catalog."""
        return {one.image_set_id: _known(one) for one in self._ledger.known(image_set_ids)}

    def apply(self, arrivals: Sequence[Arrival], gone: Sequence[str], mark: Mark) -> int:
        """All of it in one transaction; how many of the arrivals could not be read."""
        made = [_entry(one) for one in arrivals]
        self._writer.apply(made, gone, _mark(mark))
        return sum(one.failed for one in made)

    def seen(self, image_set_ids: Collection[str], when: float) -> None:
        """Note that a comparison has found image sets."""
        self._ledger.seen(image_set_ids, when)

    def unseen(self, when: float, updated: float, limit: int) -> Sequence[str]:
        """Image sets not found since ``when``, and last changed at ``updated`` or before."""
        return self._ledger.unseen(when, updated, limit)

    def failed(self, after: str, limit: int) -> Sequence[Summary]:
        """Image sets recorded as failed, those whose identifiers are behind ``after``."""
        return [
            Summary(one.image_set_id, one.version, one.updated, one.primary, {})
            for one in self._ledger.after(after, limit, failed=True)
        ]

    def after(self, image_set_id: str, limit: int) -> Sequence[str]:
        """The next image sets in the order of their identifiers."""
        return [one.image_set_id for one in self._ledger.after(image_set_id, limit)]

    def compare(self, summary: Summary, document: bytes) -> list[str]:
        """What the rows of an image set have otherwise than its document."""
        made = entries.entry(summary, document)
        if made.failed:
            raise UpstreamInvalid("The document cannot be read")
        with self._database.read() as connection:
            return comparison.differences(connection, made)

    def damage(self) -> list[str]:
        """What does not go together within the catalog."""
        with self._database.read() as connection:
            return list(comparison.damage(connection))

    def sweep(self, after: int) -> int | None:
        """Forget some of the names that nobody has any more; where to go on, None at the end."""
        return self._writer.sweep(after)

    def reset(self) -> None:
        """Forget everything, so that all is loaded anew."""
        self._writer.drop()

    def count_failed(self) -> int:
        """The image sets recorded as failed."""
        return self._ledger.count(failed=True)

    def count(self) -> int:
        """The image sets in the catalog."""
        return self._ledger.count()


def _keep_private(path: Path) -> None:
    """The file, which names patients, is for nobody else to read."""
    try:
        places.keep_private(path)
    except OSError as error:
        message = f"The catalog {path} cannot be made or written: {error.strerror}"
        raise ConfigurationError(message) from error


def _state(found: Progress) -> State:
    loading = None if found.first_load is None else Loading(**found.first_load)
    return State(found.watermark, found.loaded_at, found.synced_at, found.reconciled_at, loading)


def _known(one: Entered) -> Known:
    return Known(one.version, one.updated, one.primary, one.failed, one.study)


def _entry(one: Arrival) -> Entry:
    told = one.summary
    if one.document is not None:
        return entries.entry(told, one.document)
    return Entry(told.image_set_id, told.version or 0, told.updated, told.primary, failed=True)


def _mark(mark: Mark) -> progress.Mark:
    loading: Any = mark.loading and {
        "began": mark.loading.began,
        "done": mark.loading.done,
        "total": mark.loading.total,
    }
    return _Following(
        mark.watermark, mark.synced, mark.reconciled, loading, mark.loaded, mark.epoch
    )


@dataclass(frozen=True, slots=True)
class _Following(progress.Mark):
    """A mark that follows from a state, so that it must not be set after another one."""

    epoch: float | None = None

    def applied(self, before: Progress) -> Progress:
        """The progress after it.

        Raises:
            CatalogError: it does not follow from ``before``.
        """
        if self.epoch is not None and self.epoch != _state(before).epoch:
            raise CatalogError("The catalog has been emptied meanwhile")
        return progress.Mark.applied(self, before)
