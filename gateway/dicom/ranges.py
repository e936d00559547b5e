"""Dates, times and moments compared by their meaning (PS3.4 C.2.2.2.1.3 and C.2.2.2.5).

A value that leaves out its smaller parts is the whole of what it names: ``1011`` is a minute. A key
matches if it and the value have a moment in common. Range matching of times does not cross midnight
(C.2.2.2.5.2).

A moment without an offset from UTC is in the zone of the data set (Timezone Offset From UTC), in
UTC where the data set has none; a key without an offset is in the zone of the query, else in that
of the data set.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

VRS: Final = frozenset({"DA", "DT", "TM"})
"""VRs whose keys may be ranges."""

RangeTest = Callable[[str, str], bool]
"""Whether a value matches; the second argument is the zone of its data set, ``""`` if unknown."""

Span = tuple[str, str]
"""The first and the last moment of a value, in digits to the full precision of its VR."""

_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_HOUR, _MINUTE = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_SECOND = r"(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?"
_OFFSET: Final = "[+-](?:0[0-9]|1[0-4])[0-5][0-9]"
_DATE: Final = re.compile(f"[0-9]{{4}}{_MONTH}{_DAY}")
_TIME: Final = re.compile(f"{_HOUR}(?:{_MINUTE}(?:{_SECOND})?)?")
_MOMENT: Final = re.compile(
    f"[0-9]{{4}}(?:{_MONTH}(?:{_DAY}(?:{_HOUR}(?:{_MINUTE}(?:{_SECOND})?)?)?)?)?(?:{_OFFSET})?"
)
_FORM: Final = {"DA": _DATE, "TM": _TIME, "DT": _MOMENT}
_ZONE: Final = re.compile(_OFFSET)
_ZONE_AT_END: Final = re.compile(f"{_OFFSET}$")
_FIRST: Final = {"DA": "00000101", "TM": "000000.000000", "DT": "00000101000000.000000"}
_LAST: Final = {"DA": "99991231", "TM": "235959.999999", "DT": "99991231235959.999999"}


def is_zone(text: str) -> bool:
    """Whether ``text`` is an offset from UTC, ``+0100``."""
    return _ZONE.fullmatch(text) is not None


def bounds(vr: str, key: str) -> tuple[str, str] | None:
    """Both ends of the DA, TM or DT ``key``, ``""`` where it is open; None if it is malformed.

    A single value is a range from itself to itself.
    """
    text = normal(vr, key)
    form = _FORM[vr]
    if form.fullmatch(text):
        return text, text
    for found in re.finditer("-", text):
        low, high = text[: found.start()].rstrip(" "), text[found.end() :].lstrip(" ")
        if (low or high) and all(not end or form.fullmatch(end) for end in (low, high)):
            return low, high
    return None


def normal(vr: str, text: str) -> str:
    """``text`` as PS3.5 has it; ACR-NEMA wrote 1994.01.31 and 10:11:12."""
    text = text.strip(" \0")
    if vr == "DA":
        return text.replace(".", "")
    return text.replace(":", "") if vr == "TM" else text


def is_range(vr: str, key: str) -> bool:
    """Whether the DA or TM ``key``, which is well-formed, is a range and not a single value."""
    return _FORM[vr].fullmatch(normal(vr, key)) is None


def same_form(date: str, time: str) -> bool:
    """Whether the keys are ranges open at the same ends, to be combined (PS3.4 C.2.2.2.5.4)."""
    dates, times = bounds("DA", date), bounds("TM", time)
    if dates is None or times is None or not (is_range("DA", date) and is_range("TM", time)):
        return False
    return [bool(end) for end in dates] == [bool(end) for end in times]


def compiled(vr: str, key: str, zone: str = "") -> RangeTest:
    """The test of ``key``; ``zone`` is that of the query. A malformed key matches nothing."""
    found = bounds(vr, key)
    return _never if found is None else _between(vr, found[0], found[1], zone)


def combined(date: str, time: str) -> RangeTest:
    """The test that a date followed by its time lies between the ends of two ranges as one."""
    dates, times = bounds("DA", date), bounds("TM", time)
    if dates is None or times is None:
        return _never
    return _between("DT", dates[0] + times[0], dates[1] + times[1], "")


def _never(_: str, __: str) -> bool:
    return False


def _between(vr: str, low: str, high: str, zone: str) -> RangeTest:
    from_zone, to_zone = _zone_of(vr, low) or zone, _zone_of(vr, high) or zone
    start = _span(vr, low)[0] if low else ""
    end = _span(vr, high)[1] if high else ""

    def meets(value: str, stored: str) -> bool:
        text = normal(vr, value)
        if not _FORM[vr].fullmatch(text):
            return False
        first, last = _span(vr, text)
        own = _zone_of(vr, text) or stored
        if vr != "DT" or own == (from_zone or stored) == (to_zone or stored):
            return start <= last and (not end or first <= end)
        first, last = _in_utc(first, own), _in_utc(last, own)
        above = not start or _in_utc(start, from_zone or stored) <= last
        return above and (not end or first <= _in_utc(end, to_zone or stored))

    return meets


def _zone_of(vr: str, text: str) -> str:
    found = _ZONE_AT_END.search(text) if vr == "DT" else None
    return found[0] if found else ""


def _span(vr: str, text: str) -> Span:
    digits = _ZONE_AT_END.sub("", text) if vr == "DT" else text
    last = digits + _LAST[vr][len(digits) :]
    if vr == "DT" and len(digits) == len("YYYYMM"):
        last = f"{digits}{_days(digits):02}{_LAST[vr][8:]}"
    return digits + _FIRST[vr][len(digits) :], last


def _days(month: str) -> int:
    year, number = int(month[:4]), int(month[4:])
    return monthrange(year or 4, number)[1]  # the year 0, which is no year to Python, is a leap one


def shifted(moment: str, source: str, target: str) -> str:
    """``moment``, digits of at least a minute, in the zone ``target``; ``source`` is its own.

    A moment that no calendar has, or that would leave it, stays what it is.
    """
    minutes = _minutes(target) - _minutes(source)
    try:
        parts = (int(moment[at:to]) for at, to in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12)))
        year, month, day, hour, minute = parts
        there = datetime(year, month, day, hour, minute) + timedelta(minutes=minutes)
    except (ValueError, OverflowError):
        return moment
    return f"{there.year:04}{there:%m%d%H%M}{moment[12:]}"


def _in_utc(moment: str, zone: str) -> str:
    return shifted(moment, zone, "")


def _minutes(zone: str) -> int:
    if not zone:
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    return -minutes if zone[0] == "-" else minutes
