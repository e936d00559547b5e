"""Entries put into the catalog, and image sets taken out, a batch in one transaction.

A batch is applied wholly or not at all, and applying it again changes nothing. What is said of
studies is computed anew for those that it touches.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from gateway.catalog import aggregates, batches, columns, dialects, persons, progress
from gateway.catalog.batches import Values
from gateway.catalog.database import Database
from gateway.catalog.entries import Entry
from gateway.catalog.progress import Mark, Progress
from gateway.catalog.schema import IMAGE_SET, INSTANCE, SERIES, STUDY, STUDY_MODALITY
from gateway.errors import CatalogError

PRIMARY: Final = "primary"
"""The policy under which image sets that are not primary are not in the catalog."""

_UNSETTLED: Final = {"modalities": "", "sop_classes": "", "series_count": 0, "instance_count": 0}


@dataclass(slots=True)
class _Plan:
    """What a batch changes: entries that come in, replace what is there, or say it anew.

    ``gone`` and ``replaced`` are rows of ``image_set``, ``studies`` those that are touched.
    """

    added: list[Entry] = field(default_factory=list)
    replaced: dict[int, Entry] = field(default_factory=dict)
    restated: dict[int, Entry] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    studies: set[str] = field(default_factory=set)


class Writer:
    """Writes the catalog of one data store, of which image sets count by ``policy``.

    Only one writes at a time. All methods block, and raise CatalogError where the database fails.
    """

    def __init__(self, database: Database, datastore_id: str, policy: str) -> None:
        self._database = database
        self._datastore_id = datastore_id
        self._policy = policy

    def begin(self) -> Progress:
        """The progress; where nothing is there yet, or by another policy, all begins anew."""
        with self._database.write() as connection:
            found = progress.read(connection, self._datastore_id)
            if found is not None and found.policy == self._policy:
                return found
            return self._reset(connection)

    def drop(self) -> None:
        """Forget everything about the data store, so that all begins anew."""
        with self._database.write() as connection:
            self._reset(connection)

    def _reset(self, connection: Connection) -> Progress:
        fresh = Progress(self._policy)
        _empty(connection, progress.write(connection, self._datastore_id, fresh))
        return fresh

    def apply(
        self, entries: Iterable[Entry], gone: Iterable[str] = (), mark: Mark | None = None
    ) -> None:
        """Put ``entries`` in and take out the image sets ``gone``; the progress is ``mark`` then.

        Of what is there in the same or a newer version nothing changes but its preference. What is
        gone has been deleted for ever, and does not come back by an entry of the same batch.
        """
        with self._database.write() as connection:
            before = progress.read(connection, self._datastore_id)
            if before is None or before.policy != self._policy:
                raise CatalogError("The catalog is not begun")
            after = before if mark is None else mark.applied(before)
            store = progress.write(connection, self._datastore_id, after)
            plan = self._plan(connection, store, entries, gone)
            _apply(connection, store, plan)
            aggregates.settle(connection, store, plan.studies)
            if mark is not None and mark.loaded_at is not None:
                dialects.analyze(connection)

    def sweep(self, after: int = 0, limit: int = 1_000) -> int | None:
        """Take out names that no study has any more; where to go on, None at the end."""
        with self._database.write() as connection:
            return persons.sweep(connection, after, limit)

    def _plan(
        self, connection: Connection, store: int, entries: Iterable[Entry], gone: Iterable[str]
    ) -> _Plan:
        newest: dict[str, Entry] = {}
        for entry in sorted(entries, key=_moment):
            newest[entry.image_set_id] = entry
        out = {*gone, *(name for name, entry in newest.items() if not self._counts(entry))}
        names = ("id", "version", "updated", "is_primary", "study_uid", "failed")
        query = select(IMAGE_SET.c.image_set_id, *(IMAGE_SET.c[name] for name in names))
        query = query.where(IMAGE_SET.c.store == store)
        wanted = newest.keys() | out
        found = batches.rows(connection, query, IMAGE_SET.c.image_set_id, sorted(wanted))
        known = {row.image_set_id: row for row in found}
        plan = _Plan()
        for name in out & known.keys():
            plan.gone.append(known[name].id)
            plan.studies.add(known[name].study_uid)
        for name in newest.keys() - out:
            _place(plan, newest[name], known.get(name))
        plan.studies.discard("")
        plan.added.sort(key=lambda entry: entry.image_set_id)
        return plan

    def _counts(self, entry: Entry) -> bool:
        return self._policy != PRIMARY or entry.primary is not False


def _moment(entry: Entry) -> tuple[int, float, bool]:
    return entry.version, entry.updated, not entry.failed


def _place(plan: _Plan, entry: Entry, known: Any) -> None:
    """Say in ``plan`` what ``entry`` changes, given the row of its image set if there is one."""
    if known is None:
        plan.added.append(entry)
    elif _moment(entry) < (known.version, known.updated, not known.failed):
        return
    elif entry.version > known.version or (known.failed and not entry.failed):
        plan.replaced[known.id] = entry
    elif (entry.updated, entry.primary) != (known.updated, known.is_primary):
        plan.restated[known.id] = entry
    else:
        return
    plan.studies |= {entry.study_uid, known.study_uid if known else ""}


def _apply(connection: Connection, store: int, plan: _Plan) -> None:
    emptied = [*plan.gone, *plan.replaced]
    batches.remove(connection, INSTANCE.c.image_set, emptied)
    batches.remove(connection, SERIES.c.image_set, emptied)
    batches.remove(connection, IMAGE_SET.c.id, plan.gone)
    first = batches.next_id(connection, IMAGE_SET)
    added = dict(enumerate(plan.added, first))
    new = {"store": store, "seen": 0.0}
    rows = [_image_set(number, entry) | new for number, entry in added.items()]
    batches.add(connection, IMAGE_SET, rows)
    changed = [_image_set(number, entry) for number, entry in plan.replaced.items()]
    batches.change(connection, IMAGE_SET, changed)
    restated = [
        {"id": number, "updated": entry.updated, "is_primary": entry.primary}
        for number, entry in plan.restated.items()
    ]
    batches.change(connection, IMAGE_SET, restated)
    _fill(connection, store, added | plan.replaced)


def _image_set(number: int, entry: Entry) -> Values:
    return {
        "id": number,
        "image_set_id": entry.image_set_id,
        "version": entry.version,
        "updated": entry.updated,
        "is_primary": entry.primary,
        "study_uid": entry.study_uid,
        "failed": entry.failed,
    }


def _fill(connection: Connection, store: int, entries: Mapping[int, Entry]) -> None:
    """Insert the rows below ``entries``, by the identifiers of their image sets."""
    faces = _faces(connection, store, entries.values())
    series: list[Values] = []
    instances: list[Values] = []
    series_id = batches.next_id(connection, SERIES)
    instance_id = batches.next_id(connection, INSTANCE)
    for image_set, entry in entries.items():
        first = series_id + len(series)
        held = Counter(entry.series[place][1]["uid"] for place, _ in entry.instances)
        for face, row in entry.series:
            study = faces[entry.study_uid, entry.faces[face]["digest"]]
            number = columns.series_place(row["series_number"])
            own: Values = {"id": series_id + len(series), "study": study, "image_set": image_set}
            own |= {"rank": 0, "order_number": number, "instance_count": held[row["uid"]]}
            series.append({**row, **own})
        for place, row in entry.instances:
            above = {"series": first + place, "image_set": image_set, "shadowed": False}
            instances.append({**row, "id": instance_id + len(instances), **above})
    batches.add(connection, SERIES, series)
    batches.add(connection, INSTANCE, instances)


def _faces(
    connection: Connection, store: int, entries: Collection[Entry]
) -> Mapping[tuple[str, bytes], int]:
    """The rows of ``study`` for the faces of ``entries``; new ones stand behind those there are."""
    query = select(STUDY.c.id, STUDY.c.uid, STUDY.c.face, STUDY.c.digest)
    query = query.where(STUDY.c.store == store)
    uids = sorted({entry.study_uid for entry in entries if entry.faces})
    found: dict[tuple[str, bytes], int] = {}
    last: dict[str, int] = {}
    for row in batches.rows(connection, query, STUDY.c.uid, uids):
        found[row.uid, row.digest] = row.id
        last[row.uid] = max(last.get(row.uid, -1), row.face)
    new = {
        (entry.study_uid, face["digest"]): face
        for entry in entries
        for face in entry.faces
        if (entry.study_uid, face["digest"]) not in found
    }
    known = persons.numbers(connection, _names(new.values()))
    rows: list[Values] = []
    for number, (key, face) in enumerate(new.items(), batches.next_id(connection, STUDY)):
        uid = key[0]
        found[key] = number
        last[uid] = last.get(uid, -1) + 1
        rows.append(_study(face, known) | {"id": number, "store": store, "face": last[uid]})
    batches.add(connection, STUDY, rows)
    return found


def _names(faces: Iterable[Mapping[str, Any]]) -> set[str]:
    return {face[column] for face in faces for column in ("patient_name", "referring_physician")}


def _study(face: Mapping[str, Any], known: Mapping[str, int]) -> Values:
    name, physician = known[face["patient_name"]], known[face["referring_physician"]]
    return {**face, **_UNSETTLED, "patient_name": name, "referring_physician": physician}


def _empty(connection: Connection, store: int) -> None:
    """Delete all rows of a data store, whatever there are, but that of its progress."""
    image_sets = select(IMAGE_SET.c.id).where(IMAGE_SET.c.store == store)
    others = select(IMAGE_SET.c.id).where(IMAGE_SET.c.store != store).limit(1)
    only = connection.scalar(others) is None
    statements: Sequence[Any] = (
        delete(INSTANCE).where(INSTANCE.c.image_set.in_(image_sets)),
        delete(SERIES).where(SERIES.c.image_set.in_(image_sets)),
        delete(STUDY_MODALITY).where(STUDY_MODALITY.c.store == store),
        delete(STUDY).where(STUDY.c.store == store),
        delete(IMAGE_SET).where(IMAGE_SET.c.store == store),
    )
    if only:  # without a condition SQLite need not look at the rows
        statements = [delete(one.table) for one in statements]
    for statement in statements:
        connection.execute(statement)
