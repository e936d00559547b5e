"""By which index the rows of a query are come by: the way in.

Where few rows meet a condition, they are found by its index and sorted. Where many do, the index
in the order of results is walked until a page is full: the more rows match, the sooner. An index on
one value goes on in the order of results, so that it is walked whatever their number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal, literal_column, select

from gateway.catalog import fields, statements
from gateway.catalog.fields import FIELDS, Field
from gateway.catalog.people import Named
from gateway.catalog.plans import Equals, Filter, Plan
from gateway.catalog.schema import INSTANCE, SERIES, STUDY, STUDY_MODALITY
from gateway.dicomweb.query import Level

_FEW: Final = 3_000
"""Rows that are sorted rather than walked past."""

_BY_UID: Final[Mapping[int, str]] = {
    0x0020000D: "study_by_uid",
    0x0020000E: "series_by_uid",
    0x00080018: "instance_by_uid",
}
_INDEXED: Final[Mapping[int, str]] = {
    tag: f"study_by_{FIELDS[tag].column.name}"
    for tag in (
        0x00100020,  # PatientID
        0x00080050,  # AccessionNumber
        0x00200010,  # StudyID
        0x00100030,  # PatientBirthDate
        0x00081030,  # StudyDescription
        0x00080020,  # StudyDate
    )
}
"""The indexes of values of studies, those of the fewest rows first."""

_WALKED: Final = {
    STUDY: "study_by_order",
    SERIES: "series_by_study",
    INSTANCE: "instance_by_series",
}
_TABLES: Final = {Level.STUDY: STUDY, Level.SERIES: SERIES, Level.INSTANCE: INSTANCE}


@dataclass(frozen=True, slots=True)
class Access:
    """The indexes by which tables are read; others are by what refers to their rows.

    ``source`` has the columns that studies are ordered by, ``where`` the condition on it, and
    ``without`` is the filter that it makes needless. ``sorts`` says that all rows are read before
    the first comes out. ``rows`` is the number of those that it leads to, where that is known.
    """

    indexes: Mapping[Table, str]
    source: Table = STUDY
    where: ColumnElement[bool] | None = None
    without: Filter | None = None
    sorts: bool = False
    rows: int | None = None


WALK: Final = Access(_WALKED)
"""All studies in the order of results."""


_BY_REFERENCE: Final = ""
"""Rows are only come by from rows that refer to them."""


def _from_below(table: Table, index: str) -> Mapping[Table, str]:
    """The indexes where ``table`` is read first, by ``index``."""
    return {
        one: index if one is table else _WALKED[one] if _is_below(one, table) else _BY_REFERENCE
        for one in _TABLES.values()
    }


def hint(index: str) -> str:
    """The words for SQLite that a table is read by ``index``."""
    return f"INDEXED BY {index}" if index else "NOT INDEXED"


def odd(level: Level) -> Access:
    """The odd rows of ``level``."""
    table = _TABLES[level]
    indexes = _from_below(table, f"{table.name}_by_oddness")
    return Access(indexes, where=fields.is_odd(level), sorts=True)


SECOND_FACES: Final = Access(
    {**_WALKED, STUDY: "study_by_second_face"}, where=STUDY.c.face > literal_column("0"), sorts=True
)
"""The faces of studies beside their first."""


def _is_below(one: Table, other: Table) -> bool:
    order = list(_TABLES.values())
    return order.index(one) > order.index(other)


@dataclass(frozen=True, slots=True)
class _Way:
    """A possible way in, and the condition by which its rows are counted."""

    access: Access
    table: Table
    counted: ColumnElement[bool]
    walks: bool = False


def choose(connection: Connection, plan: Plan, named: Mapping[int, Named], store: int) -> Access:
    """The best way in to the rows of ``plan``, whose names are ``named``."""
    found = _by_uids(plan)
    if found is not None:
        return found
    ways = list(_ways(connection.dialect.name, plan, named))
    if len(ways) == 1 and ways[0].walks:
        return ways[0].access
    numbers = [_count(connection, way, store) for way in ways]
    fewest = min(numbers, default=_FEW)
    if fewest < _FEW:
        return replace(ways[numbers.index(fewest)].access, rows=fewest)
    return next((way.access for way in ways if way.walks), WALK)


def _by_uids(plan: Plan) -> Access | None:
    """By the identifiers that the query names, the lowest level first."""
    equals = {one.equals.field.tag: one for one in plan.filters if one.equals is not None}
    for level in (Level.INSTANCE, Level.SERIES, Level.STUDY):
        for tag, index in _BY_UID.items():
            if tag in equals and FIELDS[tag].level is level:
                table = _TABLES[level]
                return Access(_from_below(table, index), sorts=True)
    return None


def _ways(dialect: str, plan: Plan, named: Mapping[int, Named]) -> Iterable[_Way]:
    filters = {one.equals.field.tag: one for one in plan.filters if one.equals is not None}
    for tag, index in _INDEXED.items():
        if tag in filters:
            yield _by_value(index, filters[tag], filters[tag].equals)
    for tag, people in named.items():
        if people.ids is not None:
            yield _by_people(dialect, FIELDS[tag], people.ids)
    for one in plan.filters:
        if one.modality:
            yield _by_modality(one)


def _by_value(index: str, found: Filter, equals: Equals | None) -> _Way:
    single = equals is not None and len(equals.values) == 1
    access = Access({**_WALKED, STUDY: index}, sorts=not single)
    return _Way(access, STUDY, found.where, single)


def _by_people(dialect: str, name: Field, ids: tuple[int, ...]) -> _Way:
    access = Access({**_WALKED, STUDY: f"study_by_{name.column.name}"}, sorts=len(ids) != 1)
    return _Way(access, STUDY, people_condition(dialect, name, ids), len(ids) == 1)


def people_condition(dialect: str, name: Field, ids: tuple[int, ...]) -> ColumnElement[bool]:
    """The condition that a name is one of a few persons'."""
    if len(ids) == 1:
        return name.column == ids[0]
    return statements.among(dialect, name.column, ids)


def _by_modality(found: Filter) -> _Way:
    where = STUDY_MODALITY.c.modality == found.modality
    of_study = found.level is Level.STUDY
    below = {SERIES: _WALKED[SERIES], INSTANCE: _WALKED[INSTANCE]}
    access = Access(
        {**below, STUDY_MODALITY: "study_modality_by_order"},
        STUDY_MODALITY,
        where,
        found if of_study else None,
    )
    return _Way(access, STUDY_MODALITY, where, walks=True)


def _count(connection: Connection, way: _Way, store: int) -> int:
    """The rows that a way comes by, of which no more than a few are counted."""
    index = way.access.indexes[way.table]
    where = and_(way.table.c.store == store, way.counted)
    few = select(literal(1)).select_from(way.table).where(where).limit(_FEW)
    few = few.with_hint(way.table, hint(index), "sqlite")
    found: Any = connection.execute(select(func.count()).select_from(few.subquery())).scalar()
    return int(found)
