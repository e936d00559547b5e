"""Results out of rows: the instance that speaks for each, and what is computed from its study."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from gateway.catalog import fields, statements
from gateway.catalog.fields import FACTS, LEVELS
from gateway.catalog.rows import Row
from gateway.catalog.schema import IMAGE_SET, INSTANCE, SERIES, STUDY
from gateway.dicom.elements import Element
from gateway.dicomweb.query import Level
from gateway.imagesets import excerpts
from gateway.imagesets.document import Instance
from gateway.imagesets.excerpts import Uids

_UIDS: Final = (STUDY.c.uid, SERIES.c.uid, INSTANCE.c.sop_uid)
_BLOBS: Final = (STUDY.c.attributes, SERIES.c.attributes, INSTANCE.c.attributes)
_IDS: Final = (STUDY.c.id, SERIES.c.id, INSTANCE.c.id)


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who speaks for a result, and the ``facts`` that are computed from its study and series."""

    speaker: Instance
    facts: tuple[Element, ...]


def of_row(row: Row) -> Spoken:
    """Who speaks by a row that was read as a whole."""
    facts = (fields.fact(tag, value) for tag, value in row.values.items())
    return Spoken(excerpts.speaker(Uids("", *row.uids), *row.blobs), tuple(facts))


def of_rows(
    connection: Connection, level: Level, depth: Level, ids: Sequence[Sequence[int]]
) -> list[Spoken]:
    """Who speaks for the results of ``level`` whose rows have ``ids``, and is known to ``depth``.

    Where ``ids`` end above that, the first rows below speak.
    """
    if not ids:
        return []
    at = len(ids[0]) - 1
    names = _names(fields.down_to(fields.deeper(level, depth)), level)
    chosen = _statement(connection.dialect.name, names, at, [one[at] for one in ids])
    found = {row[0]: _spoken(row[1:], names) for row in connection.execute(chosen)}
    return [found[one[at]] for one in ids]


@dataclass(frozen=True, slots=True)
class _Names:
    depth: int
    facts: tuple[int, ...]


def _names(levels: Sequence[Level], level: Level) -> _Names:
    reach = LEVELS.index(level)
    facts = (tag for tag in FACTS if LEVELS.index(fields.level_of(tag)) <= reach)
    return _Names(len(levels), tuple(facts))


def _statement(dialect: str, names: _Names, at: int, ids: Iterable[int]) -> Select[Any]:
    depth = names.depth
    columns: list[Any] = [_IDS[at], *_UIDS[:depth], *_BLOBS[:depth]]
    columns += [FACTS[tag] for tag in names.facts]
    if depth > 1:
        columns.append(IMAGE_SET.c.image_set_id)
    chosen = select(*columns).where(statements.among(dialect, _IDS[at], ids))
    return chosen.select_from(_joined(depth, at))


def _joined(depth: int, at: int) -> Any:
    """The tables down to ``depth``; below the rows that are known, the first of each."""
    found: Any = STUDY
    if depth > 1:
        found = found.join(SERIES, SERIES.c.study == STUDY.c.id if at else SERIES.c.id == _first())
    if depth > 2:
        below = INSTANCE.c.series == SERIES.c.id
        found = found.join(INSTANCE, below if at > 1 else INSTANCE.c.id == _first_instance())
    if depth > 1:
        holder = INSTANCE if depth > 2 else SERIES
        found = found.join(IMAGE_SET, IMAGE_SET.c.id == holder.c.image_set)
    return found


def _first() -> Any:
    one = SERIES.alias()
    ordered = (one.c.order_number, one.c.uid, one.c.rank)
    found = select(one.c.id).where(one.c.study == STUDY.c.id).order_by(*ordered).limit(1)
    return found.correlate(STUDY).scalar_subquery()


def _first_instance() -> Any:
    one = INSTANCE.alias()
    found = select(one.c.id).where(one.c.series == SERIES.c.id)
    found = found.order_by(one.c.number, one.c.sop_uid).limit(1)
    return found.correlate(SERIES).scalar_subquery()


def _spoken(row: Sequence[Any], names: _Names) -> Spoken:
    depth = names.depth
    uids, blobs = row[:depth], row[depth : 2 * depth]
    facts = zip(names.facts, row[2 * depth :], strict=False)
    image_set_id = row[-1] if depth > 1 else ""
    speaker = excerpts.speaker(Uids(image_set_id, *uids), *blobs)
    return Spoken(speaker, tuple(fields.fact(tag, value) for tag, value in facts))


def elements(values: Mapping[int, Any]) -> Iterator[tuple[int, Element]]:
    """What the columns of a row say of it, by tag."""
    for tag, value in values.items():
        field = fields.FIELDS.get(tag)
        if field is None:
            yield tag, fields.fact(tag, value)
        elif value:
            yield tag, (tag, field.vr, [value])
