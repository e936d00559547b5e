"""What search results alone tell: which studies or series can match, and which surely do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.dicom import matching
from gateway.dicomweb import attributes
from gateway.dicomweb.query import Level, Query
from gateway.remote import search as planner
from gateway.remote.api import Summary

_MODALITY: Final = 0x00080060
_STUDY_UID: Final = "DICOMStudyInstanceUID"
_SERIES_UID: Final = "DICOMSeriesInstanceUID"
_SERIES_NUMBER: Final = "DICOMSeriesNumber"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The image sets of one study or one series, the preferred first.

    ``decided`` says that it is exactly one result, which matches, whatever its documents hold.
    """

    summaries: tuple[Summary, ...]
    decided: bool


def candidates(query: Query, summaries: Iterable[Summary]) -> list[Candidate]:
    """The studies (or series) that can match, the newest studies first, series by number."""
    units: dict[tuple[str, ...], list[Summary]] = {}
    for summary in summaries:
        units.setdefault(_unit(query.level, summary), []).append(summary)
    found = []
    for key in sorted(units, key=lambda key: (key[0], _series_number(units[key]), key)):
        members = tuple(units[key])
        verdict = _verdict(query, members)
        if verdict is not False:
            decided = verdict is True and query.level is not Level.INSTANCE and "" not in key
            found.append(Candidate(members, decided))
    found.sort(key=_study_time, reverse=True)
    return found


def _unit(level: Level, summary: Summary) -> tuple[str, ...]:
    study = str(summary.tags.get(_STUDY_UID) or "")
    if not study:
        return ("", summary.image_set_id)
    if level is Level.STUDY:
        return (study,)
    return (study, str(summary.tags.get(_SERIES_UID) or ""))


def _series_number(members: list[Summary]) -> int:
    return int(members[0].tags.get(_SERIES_NUMBER, 0))


def _study_time(candidate: Candidate) -> tuple[str, str]:
    tags = candidate.summaries[0].tags
    return str(tags.get("DICOMStudyDate", "")), str(tags.get("DICOMStudyTime", ""))


def _verdict(query: Query, members: tuple[Summary, ...]) -> bool | None:
    """True if the unit surely matches, False if it surely does not, None if documents decide."""
    if not any(planner.may_match(query, item.tags) for item in members):
        return False
    certain = True
    for path, keys in query.matches.items():
        if any(map(matching.is_universal, keys)):
            continue
        tag = path[0] if len(path) == 1 else 0
        computed = tag == attributes.MODALITIES_IN_STUDY and query.level is Level.STUDY
        known = planner.SUMMARY_TAGS.get(_MODALITY if computed else tag)
        values = [item.tags.get(known[0]) for item in members] if known else [None]
        if known is None or None in values:
            certain = False
        elif computed and not matching.element_matches((tag, "CS", values), keys):
            return False
    return True if certain else None
