"""A query as conditions on the tables of the catalog, which never miss a match.

A condition lets through all rows of which the column says what the attribute is and that match,
and perhaps others: whether SQL alone decides is part of the plan. Of rows that are *odd* nothing is
said; they have to be looked at whatever the query asks for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_

from gateway.catalog import fields, statements
from gateway.catalog.fields import FACTS, FIELDS, Field
from gateway.dicom import matching, ranges, tags, wildcards
from gateway.dicom.keys import EMPTY, MULTIPLE_VRS, Modes
from gateway.dicom.matching import Matcher
from gateway.dicomweb import attributes, selection
from gateway.dicomweb.query import Level, Query
from gateway.dicomweb.selection import Selection

STUDY_DATE: Final = 0x00080020
_FARTHEST: Final = timedelta(days=2)  # what lies between two zones, rounded up
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Equals:
    """The key asks for certain values of a column, or for what begins with a ``prefix``."""

    field: Field
    values: tuple[str, ...]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the rows of a level, and whether it decides its key.

    ``equals`` says that an index can find the rows; ``modality`` that those of the studies with it
    can be walked; ``dates`` are the days of the studies.
    """

    level: Level
    where: ColumnElement[bool]
    exact: bool
    equals: Equals | None = None
    modality: str = ""
    dates: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NameKey:
    """A key on a person name, which is looked up among the persons first."""

    field: Field
    values: tuple[str, ...]
    every: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How the catalog answers ``query``.

    Rows of ``depth`` decide: those of its level, or of a lower one where keys ask for that.
    ``filters`` and ``names`` are what SQL can tell; ``decided`` says that names are all that these
    leave open. ``columns`` are the attributes by which rows are checked, None where it takes all of
    them. ``speaking`` is the level down to which a result has to be known in order to say what is
    wanted. ``told`` are the levels of which columns are relied on, unless a row is odd.
    """

    query: Query
    matcher: Matcher
    selection: Selection
    depth: Level
    filters: tuple[Filter, ...]
    names: tuple[NameKey, ...]
    decided: bool
    columns: frozenset[int] | None
    speaking: Level
    told: frozenset[Level]

    @property
    def level(self) -> Level:
        """The level of the results."""
        return self.query.level


def plan(query: Query) -> Plan:
    """The plan of ``query``."""
    matcher = matching.matcher(query.matches, query.modes, query.every)
    asked = {
        path: values for path, values in query.matches.items() if not matching.is_universal(values)
    }
    picked = selection.selection(query)
    compiled = _Compiler(query.modes, asked, query.every)
    looked_at = matcher.tags - {attributes.TIMEZONE_OFFSET}
    depth = query.level
    for tag in looked_at:
        depth = fields.deeper(depth, fields.level_of(tag))
    if matcher.whole:
        depth = Level.INSTANCE
    in_columns = looked_at <= FIELDS.keys() | FACTS.keys() and not query.modes.zone
    return Plan(
        query,
        matcher,
        picked,
        depth,
        tuple(compiled.filters),
        tuple(compiled.names),
        compiled.decided,
        looked_at if in_columns else None,
        _speaking(query, picked),
        frozenset(FIELDS[tag].level for tag in looked_at & FIELDS.keys()),
    )


def _speaking(query: Query, picked: Selection) -> Level:
    """Where it stands what results say; private attributes are those of instances."""
    private = picked.blocks or any(map(tags.is_private, picked.named))
    return Level.INSTANCE if private else query.level


class _Compiler:
    """The conditions of the keys, one after another."""

    def __init__(
        self,
        modes: Modes,
        keys: Mapping[tuple[int, ...], tuple[str, ...]],
        every: Iterable[tuple[int, ...]],
    ) -> None:
        self.filters: list[Filter] = []
        self.names: list[NameKey] = []
        self.decided = True
        self._modes = modes
        self._every = frozenset(every)
        self._leaves = {path[0]: values for path, values in keys.items() if len(path) == 1}
        for path, values in keys.items():
            self._add(path, tuple(one.strip() for one in values))

    def _add(self, path: tuple[int, ...], values: tuple[str, ...]) -> None:
        field = FIELDS.get(path[0]) if len(path) == 1 else None
        storable = all(map(statements.is_storable, values))
        if field is not None and storable and fields.is_name(field):
            self.names.append(NameKey(field, values, path in self._every))
            return
        found = self._filter(path, values) if len(path) == 1 and storable else None
        if found is not None:
            self.filters.append(found)
        self.decided &= found is not None and found.exact

    def _filter(self, path: tuple[int, ...], values: tuple[str, ...]) -> Filter | None:
        tag = path[0]
        every = path in self._every
        if tag in FACTS:
            return None if every else self._computed(tag, values)
        field = FIELDS.get(tag)
        if field is None:
            return None
        if field.vr in ("DA", "TM"):
            return self._dated(field, values)
        if every and field.vr in MULTIPLE_VRS:
            return self._all(field, values)
        return self._any(field, values)

    def _computed(self, tag: int, values: tuple[str, ...]) -> Filter | None:
        column, level = FACTS[tag], fields.level_of(tag)
        if tag not in (attributes.MODALITIES_IN_STUDY, attributes.SOP_CLASSES_IN_STUDY):
            if not all(one.isascii() and one.isdigit() and len(one) <= _DIGITS for one in values):
                return None
            return Filter(level, column.in_([int(one) for one in values]), exact=True)
        tests, exact = [], True
        for value in values:
            if self._asks_empty(value):
                tests.append(column == "")
            else:
                tests.append(statements.like(column, f"*\\{value}\\*"))
                exact = False
        where = statements.any_of(tests)
        alone = tag == attributes.MODALITIES_IN_STUDY and len(values) == 1 and not exact
        walked = values[0] if alone and not wildcards.is_pattern(values[0]) else ""
        return Filter(level, where, exact or bool(walked), modality=walked)

    def _asks_empty(self, value: str) -> bool:
        return self._modes.empty and value == EMPTY

    def _any(self, field: Field, values: tuple[str, ...]) -> Filter:
        """One of ``values`` has to be what the column says, which is one value."""
        texts = tuple("" if self._asks_empty(one) else one for one in values)
        patterns = [one for one in texts if _is_pattern(field, one)]
        plain = tuple(one for one in texts if one not in patterns)
        tests = [_like(field, one) for one in patterns]
        if plain:
            tests.append(statements.one_of(field.column, plain))
        where = statements.any_of(tests)
        equals = None
        if not patterns:
            equals = Equals(field, plain)
        elif len(texts) == 1 and (prefix := _prefix(texts[0])):
            equals = Equals(field, (), prefix)
        modality = plain[0] if field.tag == _MODALITY and len(texts) == len(plain) == 1 else ""
        exact = all(map(_is_beginning, patterns))
        return Filter(field.level, where, exact, equals, modality)

    def _all(self, field: Field, values: tuple[str, ...]) -> Filter | None:
        if any(map(self._asks_empty, values)):
            return None
        found = [self._any(field, (one,)).where for one in values]
        return Filter(field.level, and_(*found), exact=False)

    def _dated(self, field: Field, values: tuple[str, ...]) -> Filter | None:
        moment = self._is_moment(field.tag)
        empty = [one for one in values if self._asks_empty(one)]
        if moment and (field.vr == "TM" or empty):
            return None
        found = [ranges.bounds(field.vr, one) for one in values if one not in empty]
        spans = [_span(field.vr, *one, zone=self._modes.zone) for one in found if one is not None]
        tests = [statements.between(field.column, *one) for one in spans]
        tests += [field.column == "" for _ in empty]
        if not tests:
            return None
        exact = field.vr == "DA" and not moment
        where = statements.any_of(tests)
        if field.tag == STUDY_DATE and len(spans) == len(values) == 1:
            return Filter(field.level, where, exact, dates=spans[0])
        return Filter(field.level, where, exact, self._days(field, spans, values))

    def _days(
        self, field: Field, spans: Sequence[tuple[str, str]], values: tuple[str, ...]
    ) -> Equals | None:
        """The single days that are asked for, which an index finds."""
        days = tuple(low for low, high in spans if low == high)
        return Equals(field, days) if field.vr == "DA" and len(days) == len(values) else None

    def _is_moment(self, tag: int) -> bool:
        """Whether a date or a time may be compared together with the other one, or elsewhere."""
        return bool(self._modes.zone) or _PAIRS.get(tag, 0) in self._leaves


_MODALITY: Final = 0x00080060
_PAIRS: Final = {
    0x00080020: 0x00080030,
    0x00080030: 0x00080020,
    0x00100030: 0x00100032,
    0x00400244: 0x00400245,
    0x00400245: 0x00400244,
}
"""Study Date and Time, Patient's Birth Date and Time, and those of the procedure step's start."""


def _is_pattern(field: Field, value: str) -> bool:
    return field.vr in wildcards.VRS and wildcards.is_pattern(value)


def _like(field: Field, pattern: str) -> ColumnElement[bool]:
    prefix = _prefix(pattern)
    if _is_beginning(pattern):
        return statements.beginning(field.column, prefix)
    # A wild card of its own matches no absent value.
    found = [statements.like(field.column, pattern), field.column != ""]
    if prefix:
        found.append(statements.beginning(field.column, prefix))
    return and_(*found)


def _prefix(pattern: str) -> str:
    """What stands before the first wild card; nothing where SQL's order may tell another."""
    ends = [at for at in map(pattern.find, "*?") if at >= 0]
    return pattern[: min(ends, default=len(pattern))]


def _is_beginning(pattern: str) -> bool:
    """Whether ``pattern`` asks for what begins with a text, and for nothing else."""
    return pattern.endswith("*") and _prefix(pattern) == pattern[:-1]


def _span(vr: str, low: str, high: str, *, zone: str) -> tuple[str, str]:
    """The texts between which a column may match; a value may leave out its smaller parts."""
    if vr == "TM":
        return low[:2], high + "235959.999999"[len(high) :] if high else ""
    if not zone:
        return low, high
    return _shifted(low, -_FARTHEST), _shifted(high, _FARTHEST)


def _shifted(day: str, by: timedelta) -> str:
    """``day`` some days later, ``""`` (an open end) where no calendar has it."""
    try:
        there = date(int(day[:4]), int(day[4:6]), int(day[6:])) + by
    except (ValueError, OverflowError):
        return ""
    return f"{there.year:04}{there:%m%d}"


def loose(row_filter: Filter) -> ColumnElement[bool]:
    """The condition of a filter that lets odd rows through."""
    odd: ColumnElement[Any] = fields.ROWS[row_filter.level].c.odd
    return statements.any_of([row_filter.where, odd])
