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
    ``modalities`` says that these are all of a study, whose documents decide whether Modalities in
    Study matches.
    """

    summaries: tuple[Summary, ...]
    decided: bool
    modalities: bool = False


def candidates(query: Query, summaries: Iterable[Summary]) -> list[Candidate]:
    """The studies (or series) that can match, the newest studies first, series by number."""
    studies: dict[str, list[Summary]] = {}
    for summary in summaries:
        study = str(summary.tags.get(_STUDY_UID) or summary.image_set_id)
        studies.setdefault(study, []).append(summary)
    units: dict[tuple[str, str], list[Summary]] = {}
    open_studies = set()
    for study, members in studies.items():
        verdict = _has_modalities(query, members)
        if verdict is None:
            open_studies.add(study)
            units[study, ""] = members
        elif verdict:
            units |= {(study, series): part for series, part in _units(query, members).items()}
    found = []
    for key in sorted(units, key=lambda key: (key[0], _series_number(units[key]), key)):
        verdict = _verdict(query, units[key])
        if verdict is not False:
            whole = query.level is Level.STUDY or key[1] != ""
            named = bool(units[key][0].tags.get(_STUDY_UID))
            decided = verdict is True and whole and named and query.level is not Level.INSTANCE
            found.append(Candidate(tuple(units[key]), decided, key[0] in open_studies))
    found.sort(key=_study_time, reverse=True)
    return found


def _units(query: Query, members: list[Summary]) -> dict[str, list[Summary]]:
    """The image sets of a study by series; together if one does not say its series."""
    series = [str(item.tags.get(_SERIES_UID) or "") for item in members]
    if query.level is Level.STUDY or "" in series:
        return {"": members}
    units: dict[str, list[Summary]] = {}
    for uid, item in zip(series, members, strict=True):
        units.setdefault(uid, []).append(item)
    return units


def _has_modalities(query: Query, members: list[Summary]) -> bool | None:
    """Whether a series of the study has a value of Modalities in Study; None: documents decide."""
    keys = query.matches.get((attributes.MODALITIES_IN_STUDY,), ("",))
    if any(map(matching.is_universal, keys)):
        return True
    values = [item.tags.get("DICOMSeriesModality") for item in members]
    known = [value for value in values if value is not None]
    if matching.element_matches((attributes.MODALITIES_IN_STUDY, "CS", known), keys):
        return True
    return False if len(known) == len(values) else None


def _series_number(members: list[Summary]) -> int:
    return int(members[0].tags.get(_SERIES_NUMBER, 0))


def _study_time(candidate: Candidate) -> tuple[str, str]:
    tags = candidate.summaries[0].tags
    return str(tags.get("DICOMStudyDate", "")), str(tags.get("DICOMStudyTime", ""))


def _verdict(query: Query, members: list[Summary]) -> bool | None:
    """True if the unit surely matches, False if it surely does not, None if documents decide."""
    if not any(planner.may_match(query, item.tags) for item in members):
        return False
    for path, keys in query.matches.items():
        if any(map(matching.is_universal, keys)):
            continue
        tag = path[0] if len(path) == 1 else 0
        known = planner.SUMMARY_TAGS.get(
            _MODALITY if tag == attributes.MODALITIES_IN_STUDY else tag
        )
        if known is None or any(item.tags.get(known[0]) is None for item in members):
            return None
    return True
