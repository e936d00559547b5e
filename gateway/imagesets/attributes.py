"""Attributes of instances as a document's instances share them: names once, equal values once.

A parsed document of a series would be a dictionary for each instance, most of them with the same
keys and mostly the same values. Kept as rows over shared names it takes a tenth of that, and what
is the same object is the same value, down to the type of a number.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from gateway.imagesets import values

_NESTED: Final = 4  # what a sequence or a list takes, by the bytes of its JSON
_ENTRY: Final = 400  # what an instance takes beside its attributes and its frames
_NAME: Final = 200
_PLACE: Final = 8


class Names:
    """The keys of an instance's attributes in their order; ``places`` are where each stands.

    ``tags`` are the places by tag, without keys that are none; of two keys for a tag the last.
    """

    __slots__ = ("keys", "places", "tags")

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.places = {key: place for place, key in enumerate(keys)}
        found = ((values.tag_of(key), place) for place, key in enumerate(keys))
        self.tags = {tag: place for tag, place in found if tag is not None}


class Attributes(Mapping[str, Any]):
    """The attributes of one instance: ``row`` has a value for each of ``names``."""

    __slots__ = ("names", "row")

    def __init__(self, names: Names, row: tuple[Any, ...]) -> None:
        self.names = names
        self.row = row

    def __getitem__(self, key: str) -> Any:
        return self.row[self.names.places[key]]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, ``default`` if there is none."""
        place = self.names.places.get(key)
        return default if place is None else self.row[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.keys)

    def __len__(self) -> int:
        return len(self.row)


class Sharing:
    """Keeps one of equal values while a document is read; ``held`` counts bytes of what is kept."""

    def __init__(self) -> None:
        self.held = 0
        self._names: dict[tuple[str, ...], Names] = {}
        self._strings: dict[str, str] = {}
        self._others: dict[bytes, Any] = {}

    def attributes(self, found: Mapping[str, Any]) -> Attributes:
        """``found``, which must not be changed any more."""
        keys = tuple(found)
        names = self._names.get(keys)
        if names is None:
            names = self._names[keys] = Names(keys)
            self.held += _NAME * len(keys)
        self.held += _ENTRY + _PLACE * len(keys)
        try:
            return Attributes(names, self._row(found.values()))
        except orjson.JSONEncodeError:  # nested deeper than it writes
            return Attributes(names, tuple(map(self.value, found.values())))

    def _row(self, found: Iterable[Any]) -> tuple[Any, ...]:
        """``found`` as ``value`` has them, without a call for what was there before."""
        strings, others, dumps = self._strings.get, self._others.get, orjson.dumps
        string, other = self._string, self._other
        row = [
            (strings(one) or string(one))
            if type(one) is str
            else one and (others(dumps(one)) or other(one))
            for one in found
        ]
        return tuple(row)

    def value(self, found: Any) -> Any:
        """``found``, or an equal value that was there before; it must not be changed any more."""
        return self._string(found) if isinstance(found, str) else self._other(found)

    def _string(self, found: str) -> str:
        kept = self._strings.setdefault(found, found)
        if kept is found:
            self.held += sys.getsizeof(found)
        return kept

    def _other(self, found: Any) -> Any:
        if found is None:
            return None
        try:
            text = orjson.dumps(found)
        except orjson.JSONEncodeError:  # nested deeper than it writes
            return found
        kept = self._others.setdefault(text, found)
        if kept is found:
            self.held += _NESTED * len(text)
        return kept
