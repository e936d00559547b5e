"""The words of person names as they are looked up: all that fuzzy matching can accept is found.

``dicom.fuzzy`` decides what is close; here is what words that are close have in common. A word
begins with that of the key, or sounds the same, or differs in a letter or two: then both have a
variant in common, what is left when up to so many letters are taken out. Of long words the first
letters do. Where those of two words are aligned as the words are, the one with fewer letters taken
out can lose as many more at its end.

The whole of a component group is written together as a word as well, behind a sign that no word
has, because a key may be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from gateway.dicom import fuzzy, names

JOINED: Final = "="
"""Stands before the words of a group that are written together."""

_FIRST: Final = 8
"""The letters of which variants are made."""


def of(name: str) -> tuple[str, ...]:
    """All words by which the person ``name``, not longer than one may be, is found."""
    found: dict[str, None] = {}
    for group in fuzzy.words(name):
        found |= dict.fromkeys(group)
        if len(group) > 1:
            found[JOINED + "".join(group)] = None
    return tuple(found)


def folded(name: str) -> str:
    """A name as it is compared: its component groups, without case and accents."""
    return "=".join(names.groups(name))


def variants(word: str) -> frozenset[str]:
    """What is left of ``word`` with as many letters taken out as it may differ by."""
    if word.startswith(JOINED):
        return frozenset()
    most = fuzzy.edits(len(word))
    return frozenset(_shortened(word[:_FIRST], most)) if most else frozenset()


def sound(word: str) -> str:
    """How a word sounds, ``""`` if that is not known."""
    return fuzzy.sound(word)


def _shortened(text: str, most: int) -> Iterator[str]:
    for count in range(most + 1):
        for kept in combinations(text, len(text) - count):
            yield "".join(kept)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a word that is close to that of a key has in common with it, one of these at least.

    It begins with ``prefix``, or has one of ``variants``, or the ``sound`` where that is known.
    """

    prefix: str
    variants: frozenset[str]
    sound: str


def lookup(word: str) -> Lookup:
    """The lookup of a word of a key that is no pattern."""
    return Lookup(word, variants(word), sound(word))


def joined(key: str) -> tuple[str, ...]:
    """The beginnings of which a word has one where a group begins with the whole ``key``."""
    together = "".join(fuzzy.key_words(key))
    return together, JOINED + together
