"""One key against one element: the types of matching of PS3.4 C.2.2.2, each compiled once."""

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from gateway.dicom import fuzzy, names, ranges, vrs, wildcards
from gateway.dicom.elements import Element

EMPTY: Final = '""'
"""The key of Empty Value Matching, two quotation marks (PS3.4 C.2.2.2.7)."""

MULTIPLE_VRS: Final = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})
"""VRs of which a key may ask for several values at once (PS3.4 C.2.2.2.8)."""

_ValueTest = Callable[[Any, str], bool]
_NUMERIC: Final = frozenset(vrs.NUMBERS) | vrs.NUMERIC_TEXT
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Modes:
    """How keys match beside what every search does.

    ``fuzzy`` is for person names, ``empty`` is Empty Value Matching, ``zone`` is the offset from
    UTC that dates and times of the keys are in.
    """

    fuzzy: bool = False
    empty: bool = False
    zone: str = ""


LITERAL: Final = Modes()


def has_value(element: Element | None) -> bool:
    """Whether ``element`` is there and not empty; blanks are no value."""
    if element is None:
        return False
    value = element[2]
    if element[1] in vrs.BYTES or element[1] == "SQ":
        return bool(value)
    return any(not isinstance(one, str) or one.strip(" \0") for one in value)


class Key:
    """The values of a key, of which one has to match or, with ``every``, all.

    How they match depends on the VR of the element that is met.
    """

    __slots__ = ("_every", "_if_empty", "_if_not", "_modes", "_tests", "_values")

    def __init__(self, values: Iterable[str], modes: Modes, *, every: bool = False) -> None:
        texts = [one.strip() for one in values]
        empty = [modes.empty and one == EMPTY for one in texts]
        self._if_empty = bool(empty) and (all(empty) if every else any(empty))
        self._if_not = not (every and any(empty))
        self._values = [one for one, asks_empty in zip(texts, empty, strict=True) if not asks_empty]
        self._modes = modes
        self._every = every
        self._tests: dict[str, Callable[[Sequence[Any], str], bool]] = {}

    def meets(self, element: Element | None, zone: str = "") -> bool:
        """Whether ``element`` matches; ``zone`` is the offset from UTC of its data set."""
        if element is None or not has_value(element):
            return self._if_empty
        _, vr, values = element
        test = self._tests.get(vr)
        if test is None:
            test = self._tests[vr] = self._compiled(vr)
        return self._if_not and test(values, zone)

    def _compiled(self, vr: str) -> Callable[[Sequence[Any], str], bool]:
        if vr in vrs.BYTES or vr == "SQ":
            return lambda _, __: False
        if vr == "UI":
            wanted = frozenset(self._values)
            return lambda values, _: any(one.strip(" \0") in wanted for one in values)
        tests = [self._value_test(vr, value) for value in self._values]
        if self._every and vr in MULTIPLE_VRS:
            return lambda values, zone: all(
                any(test(one, zone) for one in values) for test in tests
            )
        return lambda values, zone: any(test(one, zone) for one in values for test in tests)

    def _value_test(self, vr: str, key: str) -> _ValueTest:
        if vr == "PN":
            named = fuzzy.fuzzy(key) if self._modes.fuzzy else names.literal(key)
            return lambda value, _: named(value)
        if vr in ranges.VRS:
            return ranges.compiled(vr, key, self._modes.zone)
        if vr in _NUMERIC:
            return _number_test(vr, key)
        if vr in wildcards.VRS and wildcards.is_pattern(key):
            pattern = wildcards.compiled(key)
            return lambda value, _: pattern.fullmatch(value.strip(" \0")) is not None
        wanted = key.upper() if vr == "AT" else key
        return lambda value, _: bool(value.strip(" \0") == wanted)


def _number_test(vr: str, key: str) -> _ValueTest:
    """Numbers match by value: 7, +7 and 007 are one number (PS3.4 C.2.2.2.1.4)."""
    if not _NUMBER.fullmatch(key):
        return lambda value, _: str(value).strip(" \0") == key
    if vr in ("FD", "FL"):
        wanted = _as_stored(vr, float(key))
        return lambda value, _: _as_stored(vr, value) == wanted
    exact = Decimal(key)

    def meets(value: Any, _: str) -> bool:
        text = str(value).strip(" \0")
        return _NUMBER.fullmatch(text) is not None and Decimal(text) == exact

    return meets


def _as_stored(vr: str, number: float) -> float:
    """``number`` as precise as ``vr`` keeps it."""
    if vr == "FD":
        return float(number)
    try:
        stored: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return stored
