"""From a QIDO-RS query to SearchImageSets: what HealthImaging can filter, and what it cannot.

HealthImaging matches one attribute exactly, or a range of study dates; the planner gives it the
most selective one that the query has, and everything else is matched on what comes back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from gateway.dicom import keys, ranges
from gateway.dicom.elements import Element
from gateway.dicomweb.query import Query

_STUDY_DATE: Final = (0x00080020,)
_STUDY_UID: Final = (0x0020000D,)
_SERIES_UID: Final = (0x0020000E,)

_EXACT: Final = (
    # The most selective first.
    (_STUDY_UID, "DICOMStudyInstanceUID"),
    (_SERIES_UID, "DICOMSeriesInstanceUID"),
    ((0x00080050,), "DICOMAccessionNumber"),
    ((0x00100020,), "DICOMPatientId"),
    ((0x00200010,), "DICOMStudyId"),
)
_MAX_SEARCHES: Final = 200
_MAX_LENGTH: Final = 256  # nothing longer can have been imported
_FIRST_DAY, _LAST_DAY = "00010101", "99991231"
_ZONES_APART: Final = 2
"""Days that cover the difference of any two zones, which is up to 28 hours."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The searches whose results together hold every match.

    ``complete`` says that each study found is found as a whole, with all of its series; ``study``
    is the only one that is looked for, ``""`` if it is not known which that is.
    """

    searches: tuple[Mapping[str, Any], ...]
    complete: bool
    study: str = ""


def plan(query: Query) -> Plan:
    """The fewest searches for ``query``."""
    for path, name in _EXACT:
        values = query.matches.get(path, ())
        exact = all(_is_exact(value, query) for value in values)
        if values and len(values) <= _MAX_SEARCHES and exact:
            short = [value.strip() for value in values if len(value) <= _MAX_LENGTH]
            filters = [({"values": [{name: value}], "operator": "EQUAL"}) for value in short]
            study = short[0] if path == _STUDY_UID and len(short) == 1 else ""
            return Plan(tuple({"filters": [item]} for item in filters), path != _SERIES_UID, study)
    dates = query.matches.get(_STUDY_DATE, ())
    bounds = ranges.bounds("DA", dates[0]) if len(dates) == 1 else None
    if bounds is None:
        return Plan(({},), True)
    low, high = bounds[0] or _FIRST_DAY, bounds[1] or _LAST_DAY
    if query.modes.zone:
        low, high = _moved(low, -_ZONES_APART), _moved(high, _ZONES_APART)
    return Plan(({"filters": [_between(low, high)]},) if low <= high else (), True)


def _is_exact(value: str, query: Query) -> bool:
    text = value.strip()
    empty = query.modes.empty and text == keys.EMPTY
    return bool(text) and "*" not in text and "?" not in text and not empty


def _moved(day: str, days: int) -> str:
    """``day`` some days on: dates of another zone, as the query's may be, are others by then."""
    try:
        there = date(int(day[:4]), int(day[4:6]), int(day[6:])) + timedelta(days)
    except (ValueError, OverflowError):
        return _FIRST_DAY if days < 0 else _LAST_DAY
    return f"{there.year:04}{there:%m%d}"


def _between(low: str, high: str) -> Mapping[str, Any]:
    first = {"DICOMStudyDate": low, "DICOMStudyTime": "000000"}
    last = {"DICOMStudyDate": high, "DICOMStudyTime": "235959.999999"}
    values = [{"DICOMStudyDateAndTime": first}, {"DICOMStudyDateAndTime": last}]
    return {"values": values, "operator": "BETWEEN"}


SUMMARY_TAGS: Final[Mapping[int, tuple[str, str]]] = {
    0x00080020: ("DICOMStudyDate", "DA"),
    0x00080030: ("DICOMStudyTime", "TM"),
    0x00080050: ("DICOMAccessionNumber", "SH"),
    0x00080060: ("DICOMSeriesModality", "CS"),
    0x00081030: ("DICOMStudyDescription", "LO"),
    0x00100010: ("DICOMPatientName", "PN"),
    0x00100020: ("DICOMPatientId", "LO"),
    0x00100030: ("DICOMPatientBirthDate", "DA"),
    0x00100040: ("DICOMPatientSex", "CS"),
    0x0020000D: ("DICOMStudyInstanceUID", "UI"),
    0x0020000E: ("DICOMSeriesInstanceUID", "UI"),
    0x00200010: ("DICOMStudyId", "SH"),
    0x00200011: ("DICOMSeriesNumber", "IS"),
}
"""The attributes that a search result carries: tag, its name there, and its VR."""


def told(tags: Mapping[str, Any], wanted: Iterable[int]) -> dict[int, Element]:
    """The elements of ``wanted`` that a search result with ``tags`` tells; it can lack any."""
    found = {}
    for tag in wanted:
        known = SUMMARY_TAGS.get(tag)
        value = tags.get(known[0]) if known else None
        if known and value is not None:
            found[tag] = (tag, known[1], [str(value)])
    return found
