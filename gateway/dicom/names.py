"""Person names compared (PS3.4 C.2.2.2.1.1): by component group, without case and accents.

Of a key of one component group, any group of the name may match it; of several, each must match the
group at its place, where it has anything to say. Components are compared in their order, and those
left out at the end are empty. A star reaches over components, a question mark does not.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from unicodedata import combining, normalize

from gateway.dicom import wildcards

NameTest = Callable[[str], bool]
"""Whether a name, as the data set has it, matches."""

_SIGNS: Final = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bb\u02bc\u00b4`\u2032\uff07", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-")
    | {"\u3000": " ", "\u00a0": " "}
)
_STROKES: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i"}
    | {"æ": "ae", "œ": "oe"}
)
"""Letters that Unicode does not take apart into a letter and its accent."""

REMEMBERED: Final = 16_384  # names of one search, which are folded again for each of its keys
_FIRST_IDEOGRAPH: Final = 0x3000


class _Plain(dict[int, Any]):
    """What ``str.translate`` makes of a decomposed letter, worked out when it is first met."""

    def __missing__(self, letter: int) -> Any:
        found = None if _is_accent(chr(letter)) else _STROKES.get(letter, letter)
        if letter < _FIRST_IDEOGRAPH:
            self[letter] = found
        return found


_PLAIN: Final = _Plain()
_AROUND_COMPONENT: Final = re.compile(r" *\^ *")
_SPACES: Final = re.compile(r"\s+")
_MAX_GROUPS: Final = 3


def fold(text: str) -> str:
    """``text`` without case, accents and differences of width, so that equal names are equal.

    Marks that make another letter in their script, as the voiced sounds of Japanese or the vowels
    of Hindi, are no accents and stay.
    """
    if text.isascii():
        return text.casefold().replace("`", "'")
    apart = normalize("NFKD", normalize("NFKD", text.translate(_SIGNS)).casefold())
    return normalize("NFC", apart.translate(_PLAIN))


def _is_accent(letter: str) -> bool:
    # Combining classes: over- and underlays, the points of Hebrew and Arabic, accents.
    place = combining(letter)
    return place == 1 or 10 <= place <= 36 or place >= 200


def groups(name: str) -> tuple[str, ...]:
    """The component groups of ``name``, folded: alphabetic, ideographic and phonetic."""
    parts = name.strip(" \0").split("=", _MAX_GROUPS - 1)
    return tuple(map(_normal, parts))


stored_groups = lru_cache(REMEMBERED)(groups)
"""``groups`` of a name that is stored; those of keys, which can be of any length, are not kept."""


def _normal(group: str) -> str:
    text = _SPACES.sub(" ", fold(group)).strip()
    return _AROUND_COMPONENT.sub("^", text).rstrip("^")


def literal(key: str) -> NameTest:
    """The test of ``key`` by its components."""
    tests = [None if wildcards.is_universal(part) else _test(part) for part in groups(key)]
    if len(tests) == 1:
        only = tests[0] or _anything
        return lambda name: any(map(only, _candidates(stored_groups(name))))
    wanted = [(number, test) for number, test in enumerate(tests) if test is not None]

    def meets(name: str) -> bool:
        found = stored_groups(name)
        return all(number < len(found) and test(found[number]) for number, test in wanted)

    return meets


def _anything(_: str) -> bool:
    return True


def _candidates(found: tuple[str, ...]) -> tuple[str, ...]:
    """What a key of one group may match: each group, and the name as a whole."""
    return found if len(found) == 1 else ("=".join(found).rstrip("="), *found)


def _test(key: str) -> NameTest:
    if not wildcards.is_pattern(key):
        return key.__eq__
    carets = key.count("^")
    pattern = wildcards.compiled(key, one="[^^=]", tail=r"\^*")

    def meets(group: str) -> bool:
        padded = group + "^" * (carets - group.count("^"))  # components left out are empty
        return bool(group) and pattern.fullmatch(padded) is not None

    return meets
