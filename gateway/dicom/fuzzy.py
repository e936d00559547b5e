"""Fuzzy matching of person names (PS3.4 C.2.2.2.1.1): words in any order that look or sound alike.

Everything that matches literally matches here as well. Beside that, each word of the key has to be
close to a word of the name, in whichever group and component: equal, its beginning, one letter off
(two in a long word), or of the same sound. Names of scripts that write no spaces are compared as a
whole, too.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from jellyfish import metaphone
from rapidfuzz.distance import OSA, JaroWinkler

from gateway.dicom import names, wildcards
from gateway.dicom.names import NameTest

_BREAK: Final = re.compile(r"[\^=\s,.;/_-]+")
_EDITABLE: Final = 4
_LONG: Final = 8
_ALIKE: Final = 0.75
"""Jaro-Winkler similarity of words that sound alike: Meier and Mayer have 0.76, Jane and John 0.67,
and to Metaphone both pairs sound the same."""


def fuzzy(key: str) -> NameTest:
    """The test of ``key``."""
    literal = names.literal(key)
    wanted = key_words(key)
    tests = [close_to(word) for word in wanted]
    joined = "" if any(map(wildcards.is_pattern, wanted)) else "".join(wanted)

    def meets(name: str) -> bool:
        if literal(name):
            return True
        found = _stored_words(name)
        every = [word for group in found for word in group]
        if tests and all(any(map(test, every)) for test in tests):
            return True
        return bool(joined) and any("".join(group).startswith(joined) for group in found)

    return meets


def key_words(key: str) -> list[str]:
    """The words of a key, which may be patterns: each has to be close to a word of the name."""
    stripped = (word.strip("*") for group in words(key) for word in group)
    return list(dict.fromkeys(filter(None, stripped)))


def words(name: str) -> tuple[tuple[str, ...], ...]:
    """The folded words of each component group of a name."""
    texts = (group.replace("'", "") for group in names.groups(name))
    return tuple(tuple(filter(None, _BREAK.split(text))) for text in texts)


_stored_words = lru_cache(names.REMEMBERED)(words)


def close_to(word: str) -> Callable[[str], bool]:
    """The test of a word of a name: whether it is close to the ``word`` of a key."""
    if wildcards.is_pattern(word):
        pattern = wildcards.compiled(word)
        return lambda other: pattern.fullmatch(other) is not None
    own = sound(word)

    def close(other: str) -> bool:
        if other.startswith(word):
            return True
        most = edits(min(len(word), len(other)))
        if most and OSA.distance(word, other, score_cutoff=most) <= most:
            return True
        if not own or JaroWinkler.similarity(word, other) < _ALIKE:
            return False
        return own == sound(other)

    return close


def edits(length: int) -> int:
    """How many letters two words may differ by, of which the shorter has ``length``."""
    return 0 if length < _EDITABLE else 1 if length < _LONG else 2


def sound(word: str) -> str:
    """How ``word`` sounds, ``""`` if it is not in Latin letters."""
    if not (word.isascii() and word.isalpha()):
        return ""
    return metaphone(word).replace("Y", "")  # which stands for a vowel within a name
