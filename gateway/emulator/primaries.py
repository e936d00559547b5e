"""Primary image sets: one for each series of a data store, consistent within its study.

What is imported again goes into the series' primary image set, as a new version; what contradicts
the study's primary image sets becomes an image set that is not primary (API of 2025). Contradicting
are the elements that group image sets, and who the patient is.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from gateway.emulator import documents, image_sets
from gateway.emulator.documents import Tree
from gateway.emulator.failures import ChangeFailed

_OF_STUDY: Final = ("DICOMPatientId", "DICOMStudyDate", "DICOMAccessionNumber", "DICOMStudyId")
_OF_SERIES: Final = ("DICOMSeriesNumber",)
_OF_PATIENT: Final = ("DICOMPatientName", "DICOMPatientBirthDate", "DICOMPatientSex")


def is_primary(db: sqlite3.Connection, image_set_id: str) -> bool:
    """Whether an image set is primary."""
    query = "SELECT is_primary FROM image_set WHERE id = ?"
    return bool(db.execute(query, (image_set_id,)).fetchone()[0])


def of_series(
    db: sqlite3.Connection, datastore_id: str, attributes: Mapping[str, Any]
) -> sqlite3.Row | None:
    """The primary image set of the series that ``attributes`` are of."""
    query = (
        "SELECT * FROM image_set WHERE datastore_id = ? AND study_uid = ? AND series_uid = ? "
        "AND version > 0 AND is_primary = 1"
    )
    uids = (_text(attributes, "StudyInstanceUID"), _text(attributes, "SeriesInstanceUID"))
    found: sqlite3.Row | None = db.execute(query, (datastore_id, *uids)).fetchone()
    return found


def contradicts(db: sqlite3.Connection, datastore_id: str, attributes: Mapping[str, Any]) -> bool:
    """Whether ``attributes`` cannot stand beside the study's primary image sets.

    Those agree with each other, so two are looked at: the series' own, and the newest of the study.
    """
    own = image_sets.dicom_tags(attributes, 1)
    mine = of_series(db, datastore_id, attributes)
    query = (
        "SELECT * FROM image_set WHERE datastore_id = ? AND study_uid = ? "
        "AND version > 0 AND is_primary = 1 ORDER BY updated_at DESC, id DESC LIMIT 1"
    )
    study = _text(attributes, "StudyInstanceUID")
    newest = db.execute(query, (datastore_id, study)).fetchone()
    return any(
        _differ(own, orjson.loads(row["tags"]), same_series=row is mine)
        for row in (mine, newest)
        if row is not None
    )


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], *, same_series: bool) -> bool:
    exact = _OF_STUDY + (_OF_SERIES if same_series else ())
    if any(one.get(name, "") != other.get(name, "") for name in exact):
        return True
    pairs = ((one.get(name, ""), other.get(name, "")) for name in _OF_PATIENT)
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)


def _text(attributes: Mapping[str, Any], keyword: str) -> str:
    return str(attributes.get(keyword) or "").strip()


def check_promotion(
    db: sqlite3.Connection, datastore_id: str, attributes: Mapping[str, Any]
) -> None:
    """Whether an image set can become the primary one of its series.

    Raises:
        ChangeFailed: there is one, or it contradicts those of its study.
    """
    if of_series(db, datastore_id, attributes) is not None:
        raise ChangeFailed("INVALID_REQUEST: The series has a primary image set already.")
    if contradicts(db, datastore_id, attributes):
        message = "The metadata contradict the primary image sets of the study."
        raise ChangeFailed(f"INVALID_REQUEST: {message}")


def merged(base: Tree, staged: Iterable[Mapping[str, Any]]) -> Tree:
    """``base`` with newly imported instances; one with the same SOP Instance UID is replaced.

    What stands at an upper level goes for every instance, as in any document: what a new instance
    lacks moves down to the others, what it has otherwise it keeps as its own.
    """
    [series] = base["Study"]["Series"].values()
    nodes = (base["Patient"], base["Study"], series)
    common = {level: node["DICOM"] for level, node in zip(documents.LEVELS, nodes, strict=True)}
    for instance in staged:
        for level in reversed(documents.LEVELS):  # the value of a lower level goes before
            for key in common[level].keys() - instance[level].keys():
                value = common[level].pop(key)
                for other in series["Instances"].values():
                    other["DICOM"].setdefault(key, value)
        sop_uid = str(instance["instance"]["DICOM"]["SOPInstanceUID"]).strip(" \0")
        series["Instances"][sop_uid] = documents.below(instance, common)
    return base
