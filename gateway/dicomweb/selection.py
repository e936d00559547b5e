"""Which attributes stand in a search result (PS3.18 8.3.4.3 and 10.6.3.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from gateway.dicom import matching, private, tags, vrs
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.matching import Matcher, Path
from gateway.dicomweb import attributes
from gateway.dicomweb.query import Level, Query

Part: TypeAlias = "dict[int, Part] | None"
"""What is wanted of a sequence's items: attributes by tag, None for all of them."""

_STUDY_UID: Final = 0x0020000D
_SERIES_UID: Final = 0x0020000E
_NEVER_LINKED: Final = (vrs.STRINGS | vrs.NUMBERS.keys() | {"AT"}) - {"LT", "ST", "UC", "UT"}
"""VRs whose values stand in every representation; XML links to texts that it cannot hold."""


@dataclass(frozen=True, slots=True)
class _Tables:
    """What a level's tables of the standard give: ``allowed`` None lets everything stand."""

    stored: frozenset[int]
    computed: frozenset[int]
    required: frozenset[int]
    allowed: frozenset[int] | None
    computable: frozenset[int]


@dataclass(frozen=True, slots=True)
class Selection:
    """The attributes of a query's results.

    ``named`` are those that are not computed, with the parts of their items; ``blocks`` those of
    private creators that the query names, by group, creator and tag without block; ``everything``
    adds all that are ``allowed``. ``computed`` are wanted where they are known, ``required`` stand
    in a result also without a value.
    """

    named: Mapping[int, Part]
    blocks: Mapping[tuple[int, str], Mapping[int, Part]]
    everything: bool
    allowed: frozenset[int] | None
    computed: frozenset[int]
    required: tuple[Element, ...]

    def pick(self, dataset: DataSet, matcher: Matcher) -> DataSet:
        """The wanted elements of ``dataset``, in no order; computed ones are left to the caller.

        Of a sequence that ``matcher`` has keys into and of which only parts are wanted, the items
        that match are picked (PS3.4 C.2.2.2.6).
        """
        wanted = {**self.named, **self._placed(dataset)} if self.blocks else self.named
        found = []
        for element in dataset:
            tag = element[0]
            if tag in attributes.COMPUTED:
                continue
            if self._stands(tag):
                found.append(element)
            elif tag in wanted:
                part = wanted[tag]
                found.append(element if part is None else _reduced(element, part, matcher))
        there = {element[0] for element in found}
        return [*found, *(element for element in self.required if element[0] not in there)]

    def wants(self, tag: int) -> bool:
        """Whether ``pick`` takes ``tag``; private ones of ``blocks`` apart, which no tag tells."""
        if tag in attributes.COMPUTED:
            return False
        return tag in self.named or self._stands(tag)

    def wanted(self, element: Element, matcher: Matcher) -> Element:
        """What ``pick`` takes of an element that it ``wants``."""
        part = None if self._stands(element[0]) else self.named.get(element[0])
        return element if part is None else _reduced(element, part, matcher)

    def _stands(self, tag: int) -> bool:
        return self.everything and (self.allowed is None or tag in self.allowed)

    def _placed(self, dataset: DataSet) -> dict[int, Part]:
        """The wanted private elements at the tags that they have in ``dataset``."""
        found: dict[int, Part] = {}
        for (group, creator), wanted in self.blocks.items():
            for block in private.blocks(dataset, group, creator):
                found[group << 16 | block] = None
                found |= {private.placed(tag, block): part for tag, part in wanted.items()}
        return found


def selection(query: Query) -> Selection:
    """The attributes that the results of ``query`` have: its level's, its keys and its fields."""
    tables = _tables(query)
    asked = _tree((*query.matches, *query.include))
    named: dict[int, Part] = dict.fromkeys(tables.stored)
    creators = matching.creators(query.matches)
    blocks: dict[tuple[int, str], dict[int, Part]] = {
        (tag >> 16, name): {} for tag, name in creators.items()
    }
    for tag, part in asked.items():
        creator = private.creator_of(tag)
        if creator in creators:
            blocks[tag >> 16, creators[creator]][private.unplaced(tag)] = part
        elif tag not in creators and tag not in named and _may_stand(tag, tables):
            named[tag] = part
    wanted = tables.computed | (tables.computable if query.include_all else frozenset(asked))
    required = sorted(tables.required)
    return Selection(
        named,
        blocks,
        query.include_all,
        tables.allowed,
        wanted & tables.computable,
        tuple((tag, attribute.vr, []) for tag in required if (attribute := tags.by_tag(tag))),
    )


def _may_stand(tag: int, tables: _Tables) -> bool:
    return tables.allowed is None or tag in tables.allowed or tags.is_private(tag)


def _tree(paths: Iterable[Path]) -> dict[int, Part]:
    """``paths`` by their first tags; what is wanted as a whole and in part is wanted as a whole."""
    found: dict[int, Part] = {}
    for path in sorted(paths, key=len):
        inner: Part = found
        for tag in path[:-1]:
            if inner is not None:
                inner = inner.setdefault(tag, {})
        if inner is not None:
            inner[path[-1]] = None
    return found


def _tables(query: Query) -> _Tables:
    of_study = _STUDY_UID not in query.within
    of_series = _SERIES_UID not in query.within
    stored = attributes.STUDY if of_study else frozenset()
    computed = attributes.COMPUTED_OF_STUDY if of_study else frozenset()
    required = attributes.REQUIRED_OF_STUDY if of_study else frozenset()
    computable = attributes.COMPUTED_OF_ALL | attributes.COMPUTED_OF_STUDY
    allowed: frozenset[int] | None
    match query.level:
        case Level.STUDY:
            stored, computed = attributes.STUDY, attributes.COMPUTED_OF_STUDY
            required, allowed = attributes.REQUIRED_OF_STUDY, attributes.STUDY_LEVEL
        case Level.SERIES:
            stored |= attributes.SERIES
            computed |= attributes.COMPUTED_OF_SERIES
            required |= attributes.REQUIRED_OF_SERIES
            allowed = attributes.SERIES_LEVEL | attributes.SERIES
            computable |= attributes.COMPUTED_OF_SERIES
        case Level.INSTANCE:
            stored |= attributes.INSTANCE | (attributes.SERIES if of_series else frozenset())
            computed |= attributes.COMPUTED_OF_SERIES if of_series else frozenset()
            required |= attributes.REQUIRED_OF_SERIES if of_series else frozenset()
            allowed, computable = None, attributes.COMPUTED
        case _:
            assert_never(query.level)
    computed = attributes.COMPUTED_OF_ALL | (computed - attributes.ON_REQUEST)
    return _Tables(stored, computed, required, allowed, computable)


def _reduced(element: Element, part: Mapping[int, Part], matcher: Matcher) -> Element:
    """A sequence with the wanted parts of its items; nothing of an element that is none."""
    tag, vr, items = element
    if vr != "SQ":
        return tag, vr, "" if vr in vrs.BYTES else []
    if not _may_hold_links(part):
        # Links to bulk data name items by their number, which must not change.
        items = [item for item in items if matcher.item_meets(tag, item)]
    return tag, vr, [_part_of(item, part) for item in items]


def _part_of(item: DataSet, part: Mapping[int, Part]) -> DataSet:
    found: DataSet = []
    for tag, vr, value in item:
        if tag not in part:
            continue
        below = part[tag]
        if below is not None:
            value = [_part_of(one, below) for one in value] if vr == "SQ" else []
        found.append((tag, vr, value))
    return found


def _may_hold_links(part: Mapping[int, Part]) -> bool:
    return any(
        _may_be_linked(tag) if below is None else _may_hold_links(below)
        for tag, below in part.items()
    )


def _may_be_linked(tag: int) -> bool:
    attribute = tags.by_tag(tag)
    return attribute is None or attribute.vr not in _NEVER_LINKED
