"""What a data set has to meet: the compiled keys of a query, as conditions on its elements.

A condition says which attributes it looks at, so that a part of a data set can be enough to decide.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

from gateway.dicom import private, ranges
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.keys import Key
from gateway.dicom.ranges import RangeTest

Found = Mapping[int, Element]
"""The elements of a data set or item by tag."""


def by_tag(dataset: DataSet) -> dict[int, Element]:
    """The elements of ``dataset`` as conditions look them up."""
    return {element[0]: element for element in dataset}


class Condition(Protocol):
    """What a data set or an item has to meet; ``tags`` are all that it looks at."""

    @property
    def tags(self) -> frozenset[int]:
        """The attributes of the data set that decide."""
        ...

    def meets(self, found: Found, zone: str) -> bool:
        """Whether the elements meet it; ``zone`` is the offset from UTC of the data set."""
        ...


@dataclass(frozen=True, slots=True)
class Attribute:
    """The element ``tag`` has to match ``key``."""

    tag: int
    key: Key
    tags: frozenset[int]

    def meets(self, found: Found, zone: str) -> bool:
        """Whether it does."""
        return self.key.meets(found.get(self.tag), zone)


@dataclass(frozen=True, slots=True)
class InItem:
    """One item of the sequence ``tag`` has to meet all conditions (PS3.4 C.2.2.2.6)."""

    tag: int
    conditions: tuple[Condition, ...]
    tags: frozenset[int]

    def meets(self, found: Found, zone: str) -> bool:
        """Whether one does."""
        element = found.get(self.tag)
        if element is None or element[1] != "SQ":
            return False
        return any(self.meets_item(item, zone) for item in element[2])

    def meets_item(self, item: DataSet, zone: str) -> bool:
        """Whether ``item`` meets the conditions."""
        return all_met(self.conditions, by_tag(item), zone)


@dataclass(frozen=True, slots=True)
class InBlock:
    """A private block of ``creator`` has to be there and to meet all conditions.

    Its elements stand in the conditions without the number of the block, as (gggg,00ee).
    """

    group: int
    creator: str
    conditions: tuple[Condition, ...]
    tags: frozenset[int]

    def meets(self, found: Found, zone: str) -> bool:
        """Whether one is there that does."""
        every = found.values()
        return any(
            all_met(self.conditions, private.elements(every, self.group, block), zone)
            for block in private.blocks(every, self.group, self.creator)
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and its time, in the zone of the query where it names one.

    ``both`` is the test of the one after the other, ``of_date`` and ``of_time`` are those of each
    alone; None where the query has none.
    """

    date: int
    time: int
    both: RangeTest | None
    of_date: Key | None
    of_time: Key | None
    zone: str
    tags: frozenset[int]

    def meets(self, found: Found, zone: str) -> bool:
        """Whether a date and its time do."""
        dates = [ranges.normal("DA", one) for one in texts(found, self.date)]
        times = [ranges.normal("TM", one) for one in texts(found, self.time)]
        pairs = zip_longest(dates, times, fillvalue="")
        return any(self._met(*self._local(date, time, zone)) for date, time in pairs)

    def _local(self, date: str, time: str, stored: str) -> tuple[str, str]:
        if not (self.zone and stored and time):
            return date, time
        there = ranges.shifted(f"{date or '20000101'}{time:0<4}", stored, self.zone)
        hour_alone = len(time) == 2 and there[10:12] == "00"
        return (there[:8] if date else ""), there[8:10] if hour_alone else there[8:]

    def _met(self, date: str, time: str) -> bool:
        if self.of_date and not self.of_date.meets((self.date, "DA", [date])):
            return False
        if self.of_time and not self.of_time.meets((self.time, "TM", [time])):
            return False
        return self.both is None or (bool(date) and self.both(date + time, ""))


def texts(found: Found, tag: int) -> list[str]:
    """The values of a string element, none where it is absent."""
    element = found.get(tag)
    return [one for one in element[2] if isinstance(one, str)] if element else []


def all_met(conditions: Iterable[Condition], found: Found, zone: str) -> bool:
    """Whether the elements of a data set or item meet all ``conditions``."""
    return all(condition.meets(found, zone) for condition in conditions)
