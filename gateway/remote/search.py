"""From a QIDO-RS query to SearchImageSets: what HealthImaging can filter, and what it cannot.

HealthImaging matches one attribute exactly, or a range of study dates; the planner gives it the
most selective one that the query has, and everything else is matched on what comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.dicom import matching
from gateway.dicomweb.query import Query

_STUDY_DATE: Final = (0x00080020,)
_SERIES_UID: Final = (0x0020000E,)

_EXACT: Final = (
    # The most selective first.
    ((0x0020000D,), "DICOMStudyInstanceUID"),
    (_SERIES_UID, "DICOMSeriesInstanceUID"),
    ((0x00080050,), "DICOMAccessionNumber"),
    ((0x00100020,), "DICOMPatientId"),
    ((0x00200010,), "DICOMStudyId"),
)
_MAX_SEARCHES: Final = 200
_MAX_LENGTH: Final = 256  # nothing longer can have been imported


@dataclass(frozen=True, slots=True)
class Plan:
    """The searches whose results together hold every match.

    ``complete`` says that each study found is found as a whole, with all of its series.
    """

    searches: tuple[Mapping[str, Any], ...]
    complete: bool


def plan(query: Query) -> Plan:
    """The fewest searches for ``query``."""
    for path, name in _EXACT:
        keys = query.matches.get(path, ())
        if keys and len(keys) <= _MAX_SEARCHES and all(map(_is_exact, keys)):
            keys = tuple(key for key in keys if len(key) <= _MAX_LENGTH)
            filters = [({"values": [{name: key.strip()}], "operator": "EQUAL"}) for key in keys]
            return Plan(tuple({"filters": [item]} for item in filters), path != _SERIES_UID)
    dates = query.matches.get(_STUDY_DATE, ())
    bounds = matching.bounds("DA", dates[0]) if len(dates) == 1 else None
    if bounds is None:
        return Plan(({},), True)
    low, high = bounds[0] or "00010101", bounds[1] or "99991231"
    return Plan(({"filters": [_between(low, high)]},) if low <= high else (), True)


def _is_exact(key: str) -> bool:
    return bool(key.strip()) and "*" not in key and "?" not in key


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


def may_match(query: Query, tags: Mapping[str, Any]) -> bool:
    """False where a search result alone shows that its image set holds no match.

    A result can lack any attribute, so only one that is there and differs rules a match out.
    """
    for path, keys in query.matches.items():
        known = SUMMARY_TAGS.get(path[0]) if len(path) == 1 else None
        value = tags.get(known[0]) if known else None
        if known and value is not None:
            element = (path[0], known[1], [str(value)])
            universal = any(map(matching.is_universal, keys))
            if not universal and not matching.element_matches(element, keys):
                return False
    return True
