"""Attribute matching (PS3.4 C.2.2.2): the keys of a query, compiled once, against data sets.

A key is the path of an attribute, its tags through sequences, with the values of which one has to
match. Keys into the same sequence have to be met by one item of it (C.2.2.2.6), private attributes
by a block of the creator that the query names, and a date and a time that are ranges of the same
form are one range of moments (C.2.2.2.5.4, PS3.18 8.3.4.1.1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dicom import private, ranges, tags, wildcards
from gateway.dicom.conditions import (
    Attribute,
    Condition,
    Found,
    InBlock,
    InItem,
    Moment,
    all_met,
    texts,
)
from gateway.dicom.elements import DataSet
from gateway.dicom.keys import EMPTY, LITERAL, Key, Modes

Path = tuple[int, ...]
Keys = Mapping[Path, Sequence[str]]

TIMEZONE_OFFSET: Final = 0x00080201


def is_universal(values: Iterable[str]) -> bool:
    """Whether one of ``values`` matches everything, an absent attribute included (C.2.2.2.3)."""
    return any(map(wildcards.is_universal, values))


@dataclass(frozen=True, slots=True)
class Matcher:
    """The compiled keys of a query; without a condition everything matches.

    ``tags`` are the attributes that decide; ``whole`` says that others may, too, so that a data set
    has to be given as a whole.
    """

    conditions: tuple[Condition, ...]
    tags: frozenset[int]
    whole: bool

    def meets(self, found: Found) -> bool:
        """Whether a data set meets all keys."""
        return all_met(self.conditions, found, _zone(found))

    def verdict(self, told: Found) -> bool | None:
        """Whether a data set of which only ``told`` is known meets all keys; None: it may."""
        known = told.keys()
        decided = True
        for condition in self.conditions:
            if not condition.tags <= known:
                decided = False
            elif not condition.meets(told, ""):
                return False
        return True if decided else None

    def on(self, attributes: frozenset[int]) -> "Matcher":
        """The keys on one of ``attributes`` alone."""
        return _matcher(one for one in self.conditions if one.tags & attributes)

    def without(self, attributes: frozenset[int]) -> "Matcher":
        """The keys on none of ``attributes``."""
        return _matcher(one for one in self.conditions if not one.tags & attributes)

    def item_meets(self, tag: int, item: DataSet) -> bool:
        """Whether an item of the sequence ``tag`` meets the keys into it."""
        return all(
            condition.meets_item(item, "")
            for condition in self.conditions
            if isinstance(condition, InItem) and condition.tag == tag
        )


def _zone(found: Found) -> str:
    zone = next(iter(texts(found, TIMEZONE_OFFSET)), "").strip(" \0")
    return zone if ranges.is_zone(zone) else ""


def matcher(keys: Keys, modes: Modes = LITERAL, every: Iterable[Path] = ()) -> Matcher:
    """The matcher of ``keys``; ``every`` are those of which all values have to match."""
    return _matcher(_conditions(keys, modes, frozenset(every)))


def _matcher(conditions: Iterable[Condition]) -> Matcher:
    found = tuple(conditions)
    looked_at = frozenset(tag for condition in found for tag in condition.tags)
    if found:
        looked_at |= {TIMEZONE_OFFSET}
    return Matcher(found, looked_at, any(isinstance(one, InBlock) for one in found))


def _conditions(keys: Keys, modes: Modes, every: frozenset[Path]) -> tuple[Condition, ...]:
    """The conditions that one data set or item has to meet; paths begin in it."""
    keys = {path: values for path, values in keys.items() if not is_universal(values)}
    named = creators(keys)
    leaves: dict[int, Sequence[str]] = {}
    items: dict[int, dict[Path, Sequence[str]]] = {}
    blocks: dict[int, dict[Path, Sequence[str]]] = {tag: {} for tag in named}
    for path, values in keys.items():
        tag, below = path[0], path[1:]
        creator = private.creator_of(tag)
        if creator in blocks:
            blocks[creator][private.unplaced(tag), *below] = values
        elif below:
            items.setdefault(tag, {})[below] = values
        elif tag not in blocks:
            leaves[tag] = values
    found = list(_leaf_conditions(leaves, modes, every))
    for tag, inner in items.items():
        found.append(InItem(tag, _conditions(inner, modes, _below(tag, every)), frozenset({tag})))
    unplaced = frozenset((private.unplaced(path[0]), *path[1:]) for path in every)
    for tag, inner in blocks.items():
        within = _conditions(inner, modes, unplaced)
        found.append(InBlock(tag >> 16, named[tag], within, frozenset({tag})))
    return tuple(found)


def _below(tag: int, every: frozenset[Path]) -> frozenset[Path]:
    return frozenset(path[1:] for path in every if len(path) > 1 and path[0] == tag)


def creators(keys: Keys) -> dict[int, str]:
    """The private creators that ``keys`` name, by their tag."""
    return {
        path[0]: values[0]
        for path, values in keys.items()
        if len(path) == 1
        and tags.is_private_creator(path[0])
        and len(values) == 1
        and not wildcards.is_pattern(values[0])
        and values[0] != EMPTY
    }


def _leaf_conditions(
    leaves: Mapping[int, Sequence[str]], modes: Modes, every: frozenset[Path]
) -> Iterable[Condition]:
    done: set[int] = set()
    for tag, values in leaves.items():
        if tag in done:
            continue
        moment = _moment(tag, leaves, modes)
        if moment is not None:
            done |= {moment.date, moment.time}
            yield moment
        else:
            key = Key(values, modes, every=(tag,) in every)
            yield Attribute(tag, key, frozenset({tag}))


def _moment(tag: int, leaves: Mapping[int, Sequence[str]], modes: Modes) -> Moment | None:
    """The condition on a date and a time that belong together; None where each stands alone."""
    pair = _pair(tag)
    if pair is None:
        return None
    dates, times = (leaves.get(one, ()) for one in pair)
    combine = len(dates) == len(times) == 1 and ranges.same_form(dates[0], times[0])
    if not (combine or modes.zone) or EMPTY in (*dates, *times):
        return None
    looked_at = frozenset({*pair, TIMEZONE_OFFSET} if modes.zone else pair)
    if combine:
        both = ranges.combined(dates[0], times[0])
        return Moment(*pair, both, None, None, modes.zone, looked_at)
    of_date, of_time = (Key(values, modes) if values else None for values in (dates, times))
    return Moment(*pair, None, of_date, of_time, modes.zone, looked_at)


def _pair(tag: int) -> tuple[int, int] | None:
    """The date and the time to which ``tag`` belongs, by their keywords: StudyDate, StudyTime."""
    attribute = tags.by_tag(tag)
    if attribute is None or attribute.vr not in ("DA", "TM"):
        return None
    stem = attribute.keyword.removesuffix("Date").removesuffix("Time")
    date, time = tags.by_keyword(f"{stem}Date"), tags.by_keyword(f"{stem}Time")
    if date is None or time is None or (date.vr, time.vr) != ("DA", "TM"):
        return None
    return date.tag, time.tag
