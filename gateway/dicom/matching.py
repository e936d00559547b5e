"""Attribute matching of a query (PS3.4 C.2.2.2): a key's value against the values of a data set."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from gateway.dicom import vrs
from gateway.dicom.elements import DataSet, Element, find

WILDCARD_VRS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""VRs in whose keys ``*`` and ``?`` are wildcards (PS3.4 C.2.2.2.4)."""

RANGE_VRS: Final = frozenset({"DA", "DT", "TM"})
"""VRs whose keys may be ranges (PS3.4 C.2.2.2.5)."""

_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_HOUR, _MINUTE = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_SECOND = r"(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?"
_DATE: Final = re.compile(f"[0-9]{{4}}{_MONTH}{_DAY}")
_TIME: Final = re.compile(f"{_HOUR}(?:{_MINUTE}(?:{_SECOND})?)?")
_DATETIME: Final = re.compile(
    f"[0-9]{{4}}(?:{_MONTH}(?:{_DAY}(?:{_HOUR}(?:{_MINUTE}(?:{_SECOND})?)?)?)?)?"
    "(?:[+-](?:0[0-9]|1[0-4])[0-9]{2})?"
)
_FORM: Final = {"DA": _DATE, "TM": _TIME, "DT": _DATETIME}
_ZONE: Final = re.compile(r"[+-][0-9]{4}$")
_FULL: Final = {"DA": "00000000", "TM": "000000.000000", "DT": "00000101000000.000000"}
_LAST: Final = {"DA": "99999999", "TM": "235959.999999", "DT": "99991231235959.999999"}


def is_universal(key: str) -> bool:
    """Whether ``key`` matches everything, an absent attribute included (PS3.4 C.2.2.2.3)."""
    return not key.strip("*")


def bounds(vr: str, key: str) -> tuple[str, str] | None:
    """Both ends of the DA, TM or DT ``key``, ``""`` where it is open; None if it is malformed.

    A single value is a range from itself to itself.
    """
    form = _FORM[vr]
    text = key.strip().replace(":", "") if vr == "TM" else key.strip()
    if form.fullmatch(text):
        return text, text
    for found in re.finditer("-", text):
        low, high = text[: found.start()], text[found.end() :]
        if (low or high) and all(not end or form.fullmatch(end) for end in (low, high)):
            return low, high
    return None


def matches(dataset: DataSet, path: tuple[int, ...], keys: Iterable[str]) -> bool:
    """Whether ``dataset`` meets one of ``keys`` at ``path``, the last tag that of the attribute."""
    if any(map(is_universal, keys)):
        return True
    element = find(dataset, path[0])
    if element is None:
        return False
    if len(path) > 1:
        return element[1] == "SQ" and any(matches(item, path[1:], keys) for item in element[2])
    return element_matches(element, keys)


def element_matches(element: Element, keys: Iterable[str]) -> bool:
    """Whether any value of ``element`` meets any of ``keys``."""
    _, vr, values = element
    if vr in vrs.BYTES or vr == "SQ":
        return False
    test = _TESTS.get(vr, _text_test)
    return any(test(vr, key, value) for key in keys for value in values)


def _text_test(vr: str, key: str, value: Any) -> bool:
    text = str(value).strip(" \0")
    if vr in WILDCARD_VRS and ("*" in key or "?" in key):
        return _pattern(key.strip()).fullmatch(text) is not None
    return text == key.strip()


@lru_cache(maxsize=1024)
def _pattern(key: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in _collapsed(key))
    return re.compile("".join(parts), re.DOTALL)


def _collapsed(key: str) -> str:
    return re.sub(r"\*+", "*", key)  # several stars in a row would make matching explode


def _name_test(_: str, key: str, value: Any) -> bool:
    wanted = key.strip().casefold()
    text = str(value).strip(" \0").casefold()
    candidates = [text, *text.split("=")] if "=" in text else [text]
    if "*" in wanted or "?" in wanted:
        pattern = _pattern(wanted)
        return any(pattern.fullmatch(candidate) for candidate in candidates)
    return wanted.rstrip("^") in (candidate.rstrip("^") for candidate in candidates)


def _number_test(_: str, key: str, value: Any) -> bool:
    try:
        return float(key) == float(value)
    except ValueError:
        return key.strip() == str(value).strip(" \0")


def _range_test(vr: str, key: str, value: Any) -> bool:
    found = bounds(vr, key)
    text = str(value).strip(" \0")
    if vr == "DA":
        text = text.replace(".", "")  # ACR-NEMA wrote 1994.01.31
    if vr == "TM":
        text = text.replace(":", "")
    if found is None or not _FORM[vr].fullmatch(text):
        return False
    low, high = found
    first, last = _filled(vr, text, _FULL), _filled(vr, text, _LAST)
    return (not low or _filled(vr, low, _FULL) <= last) and (
        not high or first <= _filled(vr, high, _LAST)
    )


def _filled(vr: str, text: str, rest: dict[str, str]) -> str:
    """``text`` to full precision: its beginning, or with _LAST its end."""
    if vr == "DT":
        text = _ZONE.sub("", text)
    return text + rest[vr][len(text) :]


_TESTS: Final[dict[str, Callable[[str, str, Any], bool]]] = {
    "PN": _name_test,
    **dict.fromkeys(RANGE_VRS, _range_test),
    **dict.fromkeys((*vrs.NUMBERS, "DS", "IS"), _number_test),
}
