"""Search results from documents: does a study, series or instance match, and what is said of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import orjson

from gateway.dicom import jsonmodel, xmlmodel
from gateway.dicom.bulkdata import BulkLink
from gateway.dicom.conditions import by_tag
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.matching import Matcher
from gateway.dicomweb import attributes
from gateway.dicomweb.query import Level
from gateway.imagesets.document import Instance
from gateway.imagesets.pieces import Pieces
from gateway.services.criteria import Criteria
from gateway.services.scope import Scope

_DECIDED_BY_SERIES: Final = attributes.SERIES_LEVEL | (
    attributes.COMPUTED - attributes.COMPUTED_OF_INSTANCE
)


@dataclass(frozen=True, slots=True)
class Result:
    """What is said of a study, series or instance: ``speaker`` has the attributes.

    These are those of the level, of the keys and of the fields.
    """

    criteria: Criteria
    speaker: Instance
    scope: Scope

    @property
    def link(self) -> BulkLink:
        """The URLs of its large binary values."""
        return self.scope.link(self.speaker)

    @property
    def dataset(self) -> DataSet:
        """All that is said."""
        picked = self.criteria.selection.pick(self.speaker.dataset(), self.criteria.whole)
        return sorted([*picked, *self.computed()], key=lambda element: element[0])

    def computed(self) -> Sequence[Element]:
        """What of it is not stored."""
        wanted, level = self.criteria.selection.computed, self.criteria.query.level
        return tuple(self.scope.computed(wanted, level, self.speaker).values())


def dicom_json(results: Sequence[Result], limit: int) -> bytes:
    """``results`` of one query as DICOM JSON; values of more than ``limit`` bytes become links."""
    if not results:
        return b"[]"
    criteria = results[0].criteria
    # Studies and series have nothing in common that need be written only once; and which private
    # attributes are wanted differs between instances.
    if criteria.query.level is not Level.INSTANCE or criteria.selection.blocks:
        return orjson.dumps([jsonmodel.encode(one.dataset, one.link, limit) for one in results])
    return b"[" + b",".join(_objects(criteria, results, limit)) + b"]"


def _objects(criteria: Criteria, results: Sequence[Result], limit: int) -> Iterator[bytes]:
    wanted = partial(criteria.selection.wanted, matcher=criteria.whole)

    def shared(element: Element) -> bytes | None:
        return jsonmodel.shared_member(wanted(element), limit)

    pieces = Pieces(shared, criteria.selection.wants, criteria.selection.required, jsonmodel.writer)
    for one in results:
        link = one.link

        def own(element: Element, link: BulkLink = link) -> bytes:
            return jsonmodel.member(wanted(element), link, limit)

        yield b"{" + pieces.write(one.speaker, own, one.computed())[1:] + b"}"


def dicom_xml(results: Sequence[Result], limit: int) -> list[bytes]:
    """An XML document of each of ``results``, by the same rule."""
    return [xmlmodel.encode(one.dataset, one.link, limit) for one in results]


@dataclass(frozen=True, slots=True)
class Unit:
    """What one result stands for: all instances of a study or series, or one instance.

    ``speaker`` gives the attributes that all have in common: the first instance, or the first that
    meets the keys, so that no result contradicts its query where instances differ.
    """

    level: Level
    instances: Sequence[Instance]
    speaker: Instance


def group(level: Level, instances: Iterable[Instance]) -> list[Unit]:
    """The units that ``instances`` form at ``level``; of equal SOP instances the first counts."""
    units: dict[tuple[str, ...], dict[str, Instance]] = {}
    for one in instances:
        key = {
            Level.STUDY: (one.study,),
            Level.SERIES: (one.study, one.series),
            Level.INSTANCE: (one.study, one.series, one.sop),
        }[level]
        units.setdefault(key, {}).setdefault(one.sop, one)
    return [_unit(level, list(members.values())) for members in units.values()]


def _unit(level: Level, instances: Sequence[Instance]) -> Unit:
    return Unit(level, instances, instances[0])


def order(unit: Unit) -> tuple[int, str, int, str]:
    """Where a unit stands among those of its study: by the numbers, then by the identifiers."""
    first = unit.instances[0]
    return first.series_number, first.series, first.number, first.sop


@dataclass(frozen=True, slots=True)
class Cut:
    """The number of results that documents give, and those of them that were asked for.

    ``image_sets`` are what the latter come from.
    """

    count: int
    results: list[Result]
    image_sets: frozenset[str]


def cut(
    criteria: Criteria,
    instances: Iterable[Instance],
    scope: Scope,
    where: slice,
    *,
    decided: bool,
) -> Cut:
    """The results ``where`` of those that ``instances`` give; if ``decided``, all units match."""
    units: Iterable[Unit] = sorted(group(criteria.query.level, instances), key=order)
    if not decided:
        matcher = criteria.whole if scope.whole else criteria.within
        found = (matched(criteria, matcher, unit, scope) for unit in units)
        units = (unit for unit in found if unit is not None)
    matching = list(units)
    chosen = matching[where]
    image_sets = frozenset(one.image_set_id for unit in chosen for one in unit.instances)
    return Cut(
        len(matching), [Result(criteria, unit.speaker, scope) for unit in chosen], image_sets
    )


def matched(criteria: Criteria, matcher: Matcher, unit: Unit, scope: Scope) -> Unit | None:
    """``unit`` with the first of its instances that meets all keys of ``matcher``, None if none."""
    if not matcher.conditions:
        return unit
    for one in _witnesses(matcher, unit):
        stored = _looked_at(criteria, one)
        computed = scope.computed(matcher.tags & attributes.COMPUTED, unit.level, one)
        if matcher.meets({**stored, **computed}):
            return replace(unit, speaker=one)
    return None


def _witnesses(matcher: Matcher, unit: Unit) -> Iterable[Instance]:
    """The instances whose attributes decide: one a series where no key is of the instance level."""
    if not matcher.tags <= _DECIDED_BY_SERIES:
        return unit.instances
    firsts: dict[tuple[str, str], Instance] = {}
    for one in unit.instances:
        firsts.setdefault((one.image_set_id, one.series), one)
    return firsts.values()


def _looked_at(criteria: Criteria, one: Instance) -> Mapping[int, Element]:
    """The stored elements that the keys look at; making all of them would cost most of a search."""
    if criteria.whole.whole:
        every = by_tag(one.dataset())
        return {tag: every[tag] for tag in every.keys() - attributes.COMPUTED}
    found = ((tag, one.element(tag)) for tag in criteria.stored)
    return {tag: element for tag, element in found if element is not None}
