"""The order of results, and places in it: the newest studies first, the rest by number and UID.

A place is the values of the columns that the order goes by, as far as it says them. Those of a
result are the first of those of its rows, so that a page can go on behind a result.
"""

from collections.abc import Sequence
from functools import total_ordering
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, and_, false, or_

from gateway.catalog.schema import INSTANCE, SERIES, STUDY
from gateway.dicomweb.query import Level

Place = tuple[Any, ...]
"""The values of the columns of the order, from the first on."""

_STUDIES: Final = (STUDY.c.order_date, STUDY.c.order_time, STUDY.c.uid)
_SERIES: Final = (SERIES.c.order_number, SERIES.c.uid)
_INSTANCES: Final = (INSTANCE.c.number, INSTANCE.c.sop_uid)
_OF_RESULT: Final = {
    Level.STUDY: _STUDIES,
    Level.SERIES: (*_STUDIES, *_SERIES),
    Level.INSTANCE: (*_STUDIES, *_SERIES, *_INSTANCES),
}
_OF_ROWS: Final[dict[tuple[Level, Level], tuple[Column[Any], ...]]] = {
    (Level.STUDY, Level.STUDY): (STUDY.c.face,),
    (Level.STUDY, Level.SERIES): (STUDY.c.face, *_SERIES, SERIES.c.rank, SERIES.c.id),
    (Level.STUDY, Level.INSTANCE): (
        *(STUDY.c.face, *_SERIES, SERIES.c.rank, *_INSTANCES, INSTANCE.c.id),
    ),
    (Level.SERIES, Level.SERIES): (SERIES.c.rank, STUDY.c.face, SERIES.c.id),
    (Level.SERIES, Level.INSTANCE): (SERIES.c.rank, STUDY.c.face, *_INSTANCES, INSTANCE.c.id),
    (Level.INSTANCE, Level.INSTANCE): (SERIES.c.rank, STUDY.c.face, INSTANCE.c.id),
}
_DESCENDING: Final = frozenset({"order_date", "order_time"})


def columns(level: Level, depth: Level) -> tuple[Column[Any], ...]:
    """What the rows of a ``depth`` are ordered by where results are of ``level``."""
    return (*_OF_RESULT[level], *_OF_ROWS[level, depth])


def size(level: Level) -> int:
    """How many of the columns say the place of a result."""
    return len(_OF_RESULT[level])


def terms(ordered: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """The terms of ORDER BY."""
    return [one.desc() if _descends(one) else one.asc() for one in ordered]


def behind(ordered: Sequence[ColumnElement[Any]], place: Place) -> ColumnElement[bool]:
    """The condition that a row stands behind ``place``."""
    found: ColumnElement[bool] = false()
    for column, value in reversed(list(zip(ordered, place, strict=False))):
        further = column < value if _descends(column) else column > value
        found = or_(further, and_(column == value, found))
    first = ordered[0]
    return and_(first <= place[0] if _descends(first) else first >= place[0], found)


def _descends(column: ColumnElement[Any]) -> bool:
    return getattr(column, "name", "") in _DESCENDING


@total_ordering
class _Descending:
    """A value that stands where greater ones come first."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other.value < self.value)

    def __hash__(self) -> int:
        return hash(self.value)


def rank(place: Place) -> tuple[Any, ...]:
    """What places sort by."""
    return (_Descending(place[0]), _Descending(place[1]), *place[2:])
