"""Pages of results out of the catalog: rows in order, checked, until a page is full."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, select

from gateway.catalog import fields, order, people, rows, speakers
from gateway.catalog.accesses import WALK
from gateway.catalog.database import Database
from gateway.catalog.limits import Clock, Ended
from gateway.catalog.order import Place
from gateway.catalog.plans import Plan
from gateway.catalog.rows import Row, Rows, Store
from gateway.catalog.schema import IMAGE_SET, INSTANCE, SERIES, STUDY
from gateway.catalog.speakers import Spoken
from gateway.catalog.statements import among
from gateway.dicom.elements import Element
from gateway.dicomweb import attributes
from gateway.dicomweb.query import Level
from gateway.errors import CatalogError
from gateway.imagesets.document import Instance

Computed = Callable[[Spoken, frozenset[int]], Mapping[int, Element]]
"""What is computed of the study, series or instance that somebody speaks for."""

_COUNTED: Final = dict.fromkeys(Level, 1_000)
_COUNTING_SECONDS: Final = 0.03
_PASSING_SECONDS: Final = 0.001
_LOOKED_AHEAD: Final = 500
_MARGIN: Final = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A page: ``limit`` results of ``plan`` behind ``place``, from that of number ``skip`` on.

    ``computed`` gives what rows do not say. No more than ``rows`` are looked at.
    """

    plan: Plan
    datastore_id: str
    limit: int
    computed: Computed
    place: Place = ()
    skip: int = 0
    rows: int = 10_000
    secondary: bool = False


@dataclass(slots=True)
class Page:
    """Those who speak for the results, and the place of the last of them or of what is skipped.

    ``behind`` is the number of results behind the page, at least if not ``counted``; ``short`` how
    many of those to skip there were not. ``ended`` says that rows or time did not suffice,
    ``secondary`` that results are of image sets that are not primary.
    """

    results: list[Spoken] = field(default_factory=list)
    place: Place = ()
    behind: int = 0
    counted: bool = False
    short: int = 0
    ended: bool = False
    secondary: bool = False


class Reader:
    """Answers from a database; everything here waits, so it is called in threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, asked: Asked, clock: Clock) -> Page:
        """The page that is asked for, as of one moment."""
        with self._database.read() as connection:
            store = rows.store(connection, asked.datastore_id)
            if store is None:
                raise CatalogError("The catalog does not have all of the data store")
            return _Turning(connection, asked, clock).page(store)


class _Turning:
    """One page as it is read."""

    def __init__(self, connection: Connection, asked: Asked, clock: Clock) -> None:
        self._connection = connection
        self._asked = asked
        self._plan = asked.plan
        self._clock = clock
        self._page = Page(place=asked.place)
        self._met: list[Row] = []
        self._unit = order.size(asked.plan.level)
        self._looked = 0
        self._ahead = 0

    def page(self, store: Store) -> Page:
        found: Rows | None = None
        try:
            with self._clock.held(self._connection):
                named = {
                    one.field.tag: people.find(self._connection, one, self._plan.query.modes)
                    for one in self._plan.names
                }
                found = rows.rows(self._connection, self._plan, named, store)
            self._read(found)
        except Ended:
            self._page.ended = True
        page = self._page
        if self._met:
            page.place = self._met[-1].place[: self._unit]
            level, depth = self._plan.level, self._plan.speaking
            page.results = speakers.of_rows(
                self._connection, level, depth, [self._ids(one) for one in self._met]
            )
            if self._asked.secondary:
                page.secondary = self._has_secondary()
        if found is not None and found.exact and not page.ended:
            self._count(found)
        return page

    def _ids(self, row: Row) -> tuple[int, ...]:
        """What is known of a result, as far as it says something: of its level, or all."""
        private = self._plan.speaking is not self._plan.level
        reach = len(row.ids) if private else len(fields.down_to(self._plan.level))
        return row.ids[:reach]

    def _read(self, found: Rows) -> None:
        asked, page = self._asked, self._page
        in_sql = found.exact and found.units and len(found.branches) == 1 and asked.limit > 0
        skipped = asked.skip if in_sql else 0
        size = _first_batch(found, asked)
        self._ahead = size
        more = False
        for row in self._results(found, skipped, size):
            if skipped < asked.skip:
                skipped += 1
                page.place = row.place[: self._unit]
            elif len(self._met) < asked.limit:
                self._met.append(row)
            else:
                page.behind += 1
                more = found.exact
            if more or self._is_enough(found):
                more = True
                break
        page.counted = not more and not page.ended
        page.short = asked.skip - skipped
        if in_sql and asked.skip and not self._met:
            page.short, page.counted = asked.skip, False

    def _is_enough(self, found: Rows) -> bool:
        """Whether the page is full, and counting on would take another statement that walks."""
        if not self._page.behind:
            return False
        sorts = all(one.access.sorts and not one.whole for one in found.branches)
        return self._looked >= (_LOOKED_AHEAD if sorts else self._ahead)

    def _results(self, found: Rows, skip: int, first: int) -> Iterator[Row]:
        """The first matching row of each result."""
        before: Place = ()
        stream = rows.stream(self._connection, found, self._asked.place, skip, first, self._clock)
        for row in self._bounded(stream):
            unit = row.place[: self._unit]
            if unit != before and (found.exact or self._meets(row)):
                before = unit
                yield row

    def _bounded(self, stream: Iterable[Row]) -> Iterator[Row]:
        most = self._asked.rows + self._asked.skip + self._asked.limit
        for row in stream:
            self._looked += 1
            if self._looked > most:
                raise Ended
            yield row

    def _meets(self, row: Row) -> bool:
        matcher = self._plan.matcher
        if not row.blobs:
            return matcher.meets(dict(speakers.elements(row.values)))
        spoken = speakers.of_row(row)
        stored = _stored(spoken.speaker, matcher.tags, whole=matcher.whole)
        asked = matcher.tags & attributes.COMPUTED
        return matcher.meets({**stored, **self._asked.computed(spoken, asked)})

    def _count(self, found: Rows) -> None:
        """Count by SQL alone, if that is soon done, what is behind the page or before its end."""
        page = self._page
        if page.counted or len(found.branches) != 1:
            return
        known = _known(found, self._asked)
        if known is not None:
            page.behind, page.counted = known - self._asked.skip - len(self._met), True
            page.short, page.behind = max(-page.behind, 0), max(page.behind, 0)
            return
        past, most = page.short, _COUNTED[self._plan.depth]
        seconds = _PASSING_SECONDS if _passes_by(found) else _COUNTING_SECONDS
        try:
            with self._clock.held(self._connection, seconds):
                number = rows.count(self._connection, found, page.place, most + past + 1)
        except Ended:
            return
        page.counted = number <= most + past
        if past:
            page.short = past - number
        else:
            page.behind = min(number, most)

    def _has_secondary(self) -> bool:
        """Whether one of the results has an instance of an image set that is not primary."""
        level = self._plan.level
        at = len(fields.down_to(level)) - 1
        ids = [one.ids[at] for one in self._met]
        column = fields.ROWS[level].c.id
        chosen = (
            select(INSTANCE.c.id)
            .join(SERIES, SERIES.c.id == INSTANCE.c.series)
            .join(STUDY, STUDY.c.id == SERIES.c.study)
            .join(IMAGE_SET, IMAGE_SET.c.id == INSTANCE.c.image_set)
            .where(among(self._connection.dialect.name, column, ids))
            .where(IMAGE_SET.c.is_primary.is_(False), ~INSTANCE.c.shadowed)
            .limit(1)
        )
        return self._connection.execute(chosen).first() is not None


def _passes_by(found: Rows) -> bool:
    """Whether studies are walked past that other conditions than their date leave out."""
    plan, [branch] = found.plan, found.branches
    told = [one for one in plan.filters if one.dates is None]
    return branch.access is WALK and bool(told or plan.names)


def _known(found: Rows, asked: Asked) -> int | None:
    """The number of results, where they are all that one index leads to."""
    plan, [branch] = found.plan, found.branches
    alone = len(plan.filters) + len(plan.names) == 1 and plan.depth is Level.STUDY
    return branch.access.rows if alone and found.units and not asked.place else None


def _first_batch(found: Rows, asked: Asked) -> int:
    """How many rows to read at first: the page and a little more, which tells that there is more.

    Where all rows have to be found before the first comes out, many come at the same price.
    """
    if found.exact:
        return asked.limit + 1
    sorts = all(one.access.sorts and not one.whole for one in found.branches)
    wanted = asked.limit + asked.skip + _MARGIN
    return max(wanted, _LOOKED_AHEAD) if sorts else wanted


def _stored(one: Instance, tags: frozenset[int], *, whole: bool) -> Mapping[int, Element]:
    """The stored elements that keys look at."""
    if whole:
        every = one.dataset()
        return {found[0]: found for found in every if found[0] not in attributes.COMPUTED}
    looked_at = ((tag, one.element(tag)) for tag in tags - attributes.COMPUTED)
    return {tag: found for tag, found in looked_at if found is not None}
