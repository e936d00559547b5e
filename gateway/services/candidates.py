"""What search results alone tell: which studies or series can match, and which surely do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.dicom.elements import Element
from gateway.dicomweb import attributes
from gateway.dicomweb.query import Level
from gateway.remote import search as planner
from gateway.remote.api import Summary
from gateway.services.criteria import Criteria

_STUDY_UID: Final = "DICOMStudyInstanceUID"
_SERIES_UID: Final = "DICOMSeriesInstanceUID"
_SERIES_NUMBER: Final = "DICOMSeriesNumber"
_MODALITY: Final = "DICOMSeriesModality"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The image sets of one study or one series, the preferred first.

    ``decided`` says that it is exactly one result, which matches, whatever its documents hold.
    ``whole`` says that these are all of a study, and keys on what is computed from it still have to
    be met. ``facts`` are such attributes of the study, as far as search results tell them.
    """

    summaries: tuple[Summary, ...]
    decided: bool
    whole: bool = False
    facts: tuple[Element, ...] = ()


def candidates(
    criteria: Criteria, summaries: Iterable[Summary], *, complete: bool = True
) -> list[Candidate]:
    """The studies (or series) that can match, the newest studies first, series by number.

    The order is total and depends on nothing else than the search results. ``complete`` says that
    each study was found with all of its series.
    """
    found: list[Candidate] = []
    for _, members in sorted(_studies(summaries).items()):
        verdict = _study_verdict(criteria, members)
        if verdict is None:
            found += _candidate(criteria, members, decidable=False)
        elif verdict:
            facts = _facts(members) if complete and criteria.wants_facts else ()
            for series, part in _series(criteria, members):
                decidable = bool(members[0].tags.get(_STUDY_UID)) and (
                    criteria.query.level is Level.STUDY or series != ""
                )
                found += _candidate(criteria, part, facts, decidable=decidable)
    found.sort(key=_study_time, reverse=True)
    return found


def _studies(summaries: Iterable[Summary]) -> dict[str, list[Summary]]:
    studies: dict[str, list[Summary]] = {}
    for summary in summaries:
        study = str(summary.tags.get(_STUDY_UID) or summary.image_set_id)
        studies.setdefault(study, []).append(summary)
    return studies


def _series(criteria: Criteria, members: list[Summary]) -> Iterable[tuple[str, list[Summary]]]:
    """The image sets of a study by series; together if one does not say its series."""
    uids = [str(item.tags.get(_SERIES_UID) or "") for item in members]
    if criteria.query.level is Level.STUDY or "" in uids:
        return [("", members)]
    units: dict[str, list[Summary]] = {}
    for uid, item in zip(uids, members, strict=True):
        units.setdefault(uid, []).append(item)
    return sorted(units.items(), key=lambda unit: (_series_number(unit[1]), unit[0]))


def _candidate(
    criteria: Criteria,
    members: list[Summary],
    facts: tuple[Element, ...] = (),
    *,
    decidable: bool,
) -> Iterable[Candidate]:
    """The candidate that ``members`` are; none if they surely do not match."""
    within = criteria.within
    verdicts = {within.verdict(planner.told(item.tags, within.tags)) for item in members}
    if verdicts == {False}:
        return ()
    level = criteria.query.level
    whole = level is Level.STUDY or (not decidable and bool(criteria.of_study.conditions))
    decided = True in verdicts and decidable and level is not Level.INSTANCE
    return (Candidate(tuple(members), decided, whole, facts),)


def _study_verdict(criteria: Criteria, members: list[Summary]) -> bool | None:
    """Whether a study meets the keys on what is computed from it; None: documents decide."""
    if not criteria.of_study.conditions:
        return True
    modalities = _has_modalities(criteria, members)
    alone = len(criteria.modalities.conditions) == len(criteria.of_study.conditions)
    return modalities if alone or modalities is False else None


def _has_modalities(criteria: Criteria, members: list[Summary]) -> bool | None:
    values = [item.tags.get(_MODALITY) for item in members]
    known = [str(value) for value in values if value is not None]
    element: Element = (attributes.MODALITIES_IN_STUDY, "CS", known)
    met = criteria.modalities.meets({element[0]: element})
    if len(known) == len(values):
        return met
    return True if met and known else None


def _facts(members: list[Summary]) -> tuple[Element, ...]:
    """Modalities and number of series of a study, where all of its image sets tell them."""
    found: list[Element] = []
    modalities = {item.tags.get(_MODALITY) for item in members}
    if modalities and not modalities & {None, ""}:
        values = sorted(map(str, modalities))
        found.append((attributes.MODALITIES_IN_STUDY, "CS", values))
    series = {item.tags.get(_SERIES_UID) for item in members}
    if series and not series & {None, ""}:
        found.append((attributes.STUDY_RELATED_SERIES, "IS", [str(len(series))]))
    return tuple(found)


def _series_number(members: list[Summary]) -> int:
    return int(members[0].tags.get(_SERIES_NUMBER, 0))


def _study_time(candidate: Candidate) -> tuple[str, str]:
    tags = candidate.summaries[0].tags
    return str(tags.get("DICOMStudyDate", "")), str(tags.get("DICOMStudyTime", ""))
