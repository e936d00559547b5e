"""The rows that may be results, in the order of results: one statement after another, in batches.

Rows come by several branches where there are odd ones, or days by which the order is cut short:
each branch lets through what the others do not, and all are merged.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    bindparam,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.sql.visitors import iterate

from gateway.catalog import accesses, fields, order, statements
from gateway.catalog.accesses import Access
from gateway.catalog.fields import FACTS, FIELDS, LEVELS
from gateway.catalog.limits import Clock
from gateway.catalog.order import Place
from gateway.catalog.people import Named
from gateway.catalog.plans import Filter, Plan, loose
from gateway.catalog.schema import INSTANCE, PERSON, SERIES, STORE, STUDY, STUDY_MODALITY
from gateway.dicomweb.query import Level

_BATCH: Final = 2_000
_BLOBS_BATCH: Final = 200
_IDS: Final = {Level.STUDY: STUDY.c.id, Level.SERIES: SERIES.c.id, Level.INSTANCE: INSTANCE.c.id}
_UIDS: Final = (STUDY.c.uid, SERIES.c.uid, INSTANCE.c.sop_uid)
_BLOBS: Final = (STUDY.c.attributes, SERIES.c.attributes, INSTANCE.c.attributes)


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its place, its identifiers from the study's down, and the values it is checked by.

    ``values`` are by attribute. ``blobs`` are there where these do not do, with the UIDs.
    """

    place: Place
    ids: tuple[int, ...]
    values: Mapping[int, Any]
    uids: tuple[str, ...] = ()
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows that are come by in one way: all those that meet ``where``; ``whole`` with blobs."""

    access: Access
    where: tuple[ColumnElement[bool], ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that ``plan`` looks at in a ``store``, with the persons that its names may be.

    ``exact`` says that all of them match. ``units`` says that each is a result of its own.
    """

    plan: Plan
    branches: tuple[Branch, ...]
    exact: bool
    units: bool


@dataclass(frozen=True, slots=True)
class Store:
    """A data store in the catalog, and what there is in the catalog that columns do not say.

    ``odd`` are the levels of which there are odd rows, ``faces`` whether studies have several.
    """

    id: int
    odd: frozenset[Level]
    faces: bool


def store(connection: Connection, datastore_id: str) -> Store | None:
    """The data store; None if the catalog does not have all of it."""
    row = connection.execute(_STORE, {"datastore_id": datastore_id}).first()
    if row is None:
        return None
    number, *odd, faces = row
    levels = (level for level, found in zip(LEVELS, odd, strict=True) if found)
    return Store(int(number), frozenset(levels), bool(faces))


def _some(table: Table, index: str, where: ColumnElement[bool]) -> ColumnElement[bool]:
    found: Select[Any] = select(literal_column("1")).select_from(table).where(where)
    found = found.with_hint(table, f"INDEXED BY {index}", "sqlite")
    return found.correlate(None).exists()


_STORE: Final = select(
    STORE.c.id,
    *(
        _some(table, f"{table.name}_by_oddness", fields.is_odd(level))
        for level, table in fields.ROWS.items()
    ),
    _some(STUDY, "study_by_second_face", STUDY.c.face > literal_column("0")),
).where(STORE.c.datastore_id == bindparam("datastore_id"), STORE.c.loaded_at.is_not(None))


def rows(connection: Connection, plan: Plan, named: Mapping[int, Named], store: Store) -> Rows:
    """The rows of ``plan``."""
    return _Branches(connection, plan, named, store).rows()


class _Branches:
    """The branches by which the rows of a plan are come by."""

    def __init__(
        self, connection: Connection, plan: Plan, named: Mapping[int, Named], store: Store
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._named = named
        self._store = store
        self._levels = fields.down_to(plan.depth)

    def rows(self) -> Rows:
        plan = self._plan
        exact = plan.decided and all(self._is_decided(one) for one in plan.names)
        if not plan.matcher.conditions:
            return self._everything()
        odd = [level for level in self._levels if level in plan.told & self._store.odd]
        faces = self._store.faces
        access = accesses.choose(self._connection, plan, self._named, self._store.id)
        usual = [not_(fields.ROWS[level].c.odd) for level in odd]
        found = list(self._usual(access, usual, cut=faces))
        for number, level in enumerate(odd):
            before = [not_(fields.ROWS[one].c.odd) for one in odd[:number]]
            access = accesses.odd(level)
            where = (*self._where(access, loosened=frozenset(odd)), *before)
            found.append(Branch(access, where, whole=True))
        units = plan.depth is plan.level and (
            plan.level is Level.INSTANCE or (plan.level is Level.STUDY and not faces)
        )
        return Rows(plan, tuple(found), exact and not odd, units)

    def _is_decided(self, key: Any) -> bool:
        return self._named[key.field.tag].decided

    def _everything(self) -> Rows:
        """All results there are, each by its first row."""
        first = {
            Level.STUDY: (STUDY.c.face == 0,),
            Level.SERIES: (SERIES.c.rank == 0,),
            Level.INSTANCE: (),
        }[self._plan.level]
        counting = self._counting() if self._plan.level is Level.INSTANCE else ()
        where = (STUDY.c.store == self._store.id, *first, *counting)
        branch = Branch(accesses.WALK, where, whole=False)
        return Rows(self._plan, (branch,), exact=True, units=True)

    def _counting(self) -> Iterable[ColumnElement[bool]]:
        """The conditions that there is an instance behind a row that is not shadowed."""
        if self._plan.depth is Level.INSTANCE:
            return [not_(INSTANCE.c.shadowed)]
        below = select(INSTANCE.c.id).where(not_(INSTANCE.c.shadowed))
        if self._plan.depth is Level.SERIES:
            found = below.where(INSTANCE.c.series == SERIES.c.id).correlate(SERIES)
            return [or_(SERIES.c.rank == 0, found.exists())]
        if not self._store.faces:
            return []
        of_face = below.join(SERIES, SERIES.c.id == INSTANCE.c.series)
        found = of_face.where(SERIES.c.study == STUDY.c.id).correlate(STUDY)
        return [or_(STUDY.c.face == 0, found.exists())]

    def _usual(
        self, access: Access, usual: Sequence[ColumnElement[bool]], *, cut: bool
    ) -> Iterable[Branch]:
        """The rows that are not odd; those of certain days are come by apart from second faces."""
        whole = self._plan.columns is None
        dated = next((one for one in self._plan.filters if one.dates is not None), None)
        if dated is None or access.sorts:
            yield Branch(access, (*self._where(access), *usual), whole)
            return
        days = statements.between(access.source.c.order_date, *(dated.dates or ("", "")))
        first = [access.source.c.face == 0] if cut or usual else []
        where = self._where(replace(access, without=None), needless=(dated, access.without))
        yield Branch(access, (*where, days, *first, *usual), whole)
        if cut:
            where = self._where(accesses.SECOND_FACES)
            yield Branch(accesses.SECOND_FACES, (*where, *usual), whole)

    def _where(
        self,
        access: Access | None = None,
        loosened: frozenset[Level] = frozenset(),
        needless: tuple[Filter | None, ...] = (),
    ) -> tuple[ColumnElement[bool], ...]:
        """The conditions of the query, with those of levels that are loosened let odd rows by."""
        source = access.source if access is not None else STUDY
        found = [source.c.store == self._store.id, *self._counting()]
        if access is not None and access.where is not None:
            found.append(access.where)
        for one in self._plan.filters:
            if one in needless or (access is not None and one is access.without):
                continue
            found.append(loose(one) if one.level in loosened else one.where)
        for key in self._plan.names:
            named = self._named[key.field.tag]
            where = named.where(self._connection.dialect.name, key.field.column)
            if where is not None:
                of_level = Filter(key.field.level, where, exact=False)
                found.append(loose(of_level) if key.field.level in loosened else where)
        return tuple(found)


def stream(
    connection: Connection, found: Rows, place: Place, skip: int, first: int, clock: Clock
) -> Iterator[Row]:
    """The rows behind ``place`` in their order, ``first`` and then more at a time.

    ``skip`` is how many to leave out, where each is a result.

    Raises:
        Ended: there is no time left.
    """
    branches = [_Reading(connection, found.plan, one, clock) for one in found.branches]
    if len(branches) == 1:
        return branches[0].rows(place, skip, first)
    each = [one.rows(place, 0, first) for one in branches]
    return heapq.merge(*each, key=lambda row: order.rank(row.place))


def count(connection: Connection, found: Rows, place: Place, most: int) -> int:
    """How many results stand behind ``place``, counted up to ``most``; of one branch."""
    [branch] = found.branches
    reading = _Reading(connection, found.plan, branch, Clock(0))
    return reading.count(place, most, units=found.units)


class _Reading:
    """The rows of a branch as they are read."""

    def __init__(self, connection: Connection, plan: Plan, branch: Branch, clock: Clock) -> None:
        self._connection = connection
        self._plan = plan
        self._branch = branch
        self._clock = clock
        self._ordered = _sourced(order.columns(plan.level, plan.depth), branch.access.source)
        self._values = dict(_values(plan)) if not branch.whole else {}
        self._depth = len(fields.down_to(plan.depth))

    def rows(self, place: Place, skip: int, size: int) -> Iterator[Row]:
        """The rows behind ``place``."""
        most = _BLOBS_BATCH if self._branch.whole else _BATCH
        size = min(size, most)
        while True:
            statement = self._statement(place).limit(size)
            if skip:
                statement = statement.offset(skip)
            with self._clock.held(self._connection):
                batch = self._connection.execute(statement).all()
            yield from map(self._row, batch)
            if len(batch) < size:
                return
            place, skip, size = self._row(batch[-1]).place, 0, min(4 * size, most)

    def count(self, place: Place, most: int, *, units: bool) -> int:
        """How many results there are behind ``place``."""
        if units:
            few = self._from(select(literal(1)), place)
        else:
            ordered = self._ordered[: order.size(self._plan.level)]
            few = self._from(select(*ordered[2:]).distinct(), place)
        number = select(func.count()).select_from(few.limit(most).subquery())
        return int(self._connection.execute(number).scalar() or 0)

    def _row(self, found: Sequence[Any]) -> Row:
        at, depth = len(self._ordered), self._depth
        place, ids = tuple(found[:at]), tuple(found[at : at + depth])
        if self._branch.whole:
            uids = tuple(found[at + depth : at + 2 * depth])
            blobs = tuple(found[at + 2 * depth : at + 3 * depth])
            values = dict(zip(_facts(self._plan), found[at + 3 * depth :], strict=True))
            return Row(place, ids, values, uids, blobs)
        return Row(place, ids, dict(zip(self._values, found[at + depth :], strict=True)))

    def _statement(self, place: Place) -> Select[Any]:
        ids = list(_IDS.values())[: self._depth]
        if self._branch.access.source is STUDY_MODALITY:
            ids[0] = STUDY_MODALITY.c.study
        chosen: list[Any] = [*self._ordered, *ids]
        if self._branch.whole:
            chosen += [*_UIDS[: self._depth], *_BLOBS[: self._depth]]
            chosen += [FACTS[tag] for tag in _facts(self._plan)]
        else:
            chosen += self._values.values()
        return self._from(select(*chosen), place).order_by(*order.terms(self._ordered))

    def _from(self, chosen: Select[Any], place: Place) -> Select[Any]:
        """``chosen`` from the tables that it takes, on the conditions of the branch."""
        access = self._branch.access
        where = list(self._branch.where)
        if place:
            where.append(order.behind(self._ordered, place))
        found = chosen.where(*where)
        tables = {access.source, *_LADDER[1 : self._depth]}
        if _names_study(found, where):
            tables.add(STUDY)
        found = found.select_from(_joined(access.source, tables))
        for table, index in access.indexes.items():
            if table in tables:
                found = found.with_hint(table, accesses.hint(index), "sqlite")
        return found


_LADDER: Final = (STUDY, SERIES, INSTANCE)


def _sourced(ordered: Iterable[Column[Any]], source: Table) -> tuple[ColumnElement[Any], ...]:
    """``ordered`` with the columns of studies taken from ``source``."""
    if source is STUDY:
        return tuple(ordered)
    return tuple(source.c[one.name] if one.table is STUDY else one for one in ordered)


def _values(plan: Plan) -> Iterator[tuple[int, ColumnElement[Any]]]:
    """What rows are checked by: names as text, the others as their columns have them."""
    for tag in sorted(plan.columns or ()):
        field = FIELDS.get(tag)
        if field is None:
            yield tag, FACTS[tag]
        elif fields.is_name(field):
            name = select(PERSON.c.name).where(PERSON.c.id == field.column)
            yield tag, name.correlate_except(PERSON).scalar_subquery()
        else:
            yield tag, field.column


def _facts(plan: Plan) -> list[int]:
    """What is computed and looked at."""
    return sorted(plan.matcher.tags & FACTS.keys())


def _names_study(chosen: Select[Any], where: Iterable[ColumnElement[bool]]) -> bool:
    """Whether a statement or one of its subqueries, which have none of their own, has a study."""
    parts = chain.from_iterable(map(iterate, (*chosen.selected_columns, *where)))
    return any(isinstance(one, Column) and one.table is STUDY for one in parts)


def _joined(source: Table, tables: set[Table]) -> FromClause:
    """The tables joined, ``source`` first."""
    found: FromClause = source
    study = STUDY.c.id
    if source is STUDY_MODALITY:
        study = STUDY_MODALITY.c.study
        if STUDY in tables:
            found = found.join(STUDY, STUDY.c.id == study)
    if {SERIES, INSTANCE} & tables:
        found = found.join(SERIES, SERIES.c.study == study)
    if INSTANCE in tables:
        found = found.join(INSTANCE, INSTANCE.c.series == SERIES.c.id)
    return found
