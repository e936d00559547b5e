"""Image sets and their versions: what GetImageSet, its metadata, frames and versions come from."""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.dicom import transfer_syntaxes as ts
from gateway.emulator import blobs, events, resources
from gateway.emulator.faults import Fault, conflict, not_found
from gateway.emulator.paging import DEFAULT_SIZE, Pager
from gateway.emulator.search import study_datetime

CONTENT_TYPES: Final = {
    ts.HTJ2K_LOSSLESS_RPCL: "image/jph",
    ts.HTJ2K: "image/jphc",
    ts.JPEG_2000: "image/j2c",
    ts.JPEG_2000_LOSSLESS: "image/j2c",
    ts.JPEG_BASELINE: "image/jpeg",
    ts.EXPLICIT_LE: "application/octet-stream",
}
"""Content type of a frame by stored transfer syntax (API reference, GetImageFrame).

That of JPEG 2000 lossless is not documented; it is a codestream like that of JPEG 2000.
"""

_SERIES_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_TAGS: Final = {
    "DICOMPatientId": "PatientID",
    "DICOMPatientName": "PatientName",
    "DICOMPatientBirthDate": "PatientBirthDate",
    "DICOMPatientSex": "PatientSex",
    "DICOMStudyInstanceUID": "StudyInstanceUID",
    "DICOMStudyId": "StudyID",
    "DICOMStudyDescription": "StudyDescription",
    "DICOMAccessionNumber": "AccessionNumber",
    "DICOMSeriesInstanceUID": "SeriesInstanceUID",
    "DICOMSeriesModality": "Modality",
    "DICOMSeriesBodyPart": "BodyPartExamined",
    "DICOMStudyDate": "StudyDate",
    "DICOMStudyTime": "StudyTime",
}


@dataclass(frozen=True, slots=True)
class NewImageSet:
    """An image set about to be published; ``attributes`` are the upper levels', flat.

    ``primary`` is None where the data store knows no primary image sets.
    """

    id: str
    datastore_id: str
    attributes: Mapping[str, Any]
    instances: int
    primary: bool | None = None


def dicom_tags(attributes: Mapping[str, Any], instances: int) -> dict[str, Any]:
    """The searchable attributes that SearchImageSets returns."""
    tags: dict[str, Any] = {
        name: str(attributes[keyword]).strip()
        for name, keyword in _TAGS.items()
        if attributes.get(keyword) is not None
    }
    number = str(attributes.get("SeriesNumber")).strip()
    if _SERIES_NUMBER.fullmatch(number):  # absent or no integer: the service leaves it out as well
        tags["DICOMSeriesNumber"] = int(number)
    tags["DICOMNumberOfStudyRelatedSeries"] = 1
    tags["DICOMNumberOfStudyRelatedInstances"] = instances
    return tags


def insert(db: sqlite3.Connection, new: NewImageSet, now: float) -> None:
    """Make an image set visible, at version 1."""
    columns = searched(new.attributes, new.instances) | {
        "id": new.id,
        "datastore_id": new.datastore_id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "accessed_at": now,
        "is_primary": new.primary,
    }
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    db.execute(f"INSERT INTO image_set ({names}) VALUES ({values})", columns)  # noqa: S608  names are ours
    db.execute(
        "INSERT INTO image_set_version (image_set_id, version, state, workflow_status, created_at, "
        "updated_at, is_primary) VALUES (?, 1, 'ACTIVE', 'CREATED', ?, ?, ?)",
        (new.id, now, now, new.primary),
    )
    query = "SELECT * FROM image_set_version WHERE image_set_id = ? AND version = 1"
    events.image_set(db, new.datastore_id, db.execute(query, (new.id,)).fetchone())


def searched(attributes: Mapping[str, Any], instances: int) -> dict[str, Any]:
    """The columns that SearchImageSets reads, from the upper levels' attributes."""
    tags = dicom_tags(attributes, instances)
    return {
        "tags": orjson.dumps(tags).decode(),
        "patient_id": tags.get("DICOMPatientId"),
        "accession_number": tags.get("DICOMAccessionNumber"),
        "study_id": tags.get("DICOMStudyId"),
        "study_uid": tags.get("DICOMStudyInstanceUID"),
        "series_uid": tags.get("DICOMSeriesInstanceUID"),
        "study_datetime": study_datetime(
            tags.get("DICOMStudyDate", ""), tags.get("DICOMStudyTime", "")
        ),
    }


def insert_frames(
    db: sqlite3.Connection, image_set_id: str, pack: str, syntax: str, frames: Iterable[list[Any]]
) -> None:
    """Record where the frames of one instance lie: identifier, offset and length in ``pack``."""
    db.executemany(
        "INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?)",
        ((image_set_id, frame, pack, offset, length, syntax) for frame, offset, length in frames),
    )


def find(db: sqlite3.Connection, datastore_id: str, image_set_id: str) -> sqlite3.Row:
    """The row of an image set.

    Raises:
        Fault: ResourceNotFoundException, no such data store or image set.
    """
    resources.active_datastore(db, datastore_id)
    query = "SELECT * FROM image_set WHERE id = ? AND datastore_id = ?"
    row = db.execute(query, (image_set_id, datastore_id)).fetchone()
    if row is None:
        raise not_found(f"Image set {image_set_id}")
    found: sqlite3.Row = row
    return found


def version(db: sqlite3.Connection, image_set: sqlite3.Row, wanted: str | None) -> sqlite3.Row:
    """The row of one version, the newest by default.

    Raises:
        Fault: ResourceNotFoundException.
    """
    found = number(wanted) if wanted is not None else image_set["latest"]
    query = "SELECT * FROM image_set_version WHERE image_set_id = ? AND version = ?"
    row: sqlite3.Row | None = db.execute(query, (image_set["id"], found)).fetchone()
    if row is None:
        raise not_found(f"Version {wanted} of image set {image_set['id']}")
    return row


def number(version_id: str) -> int:
    """The number of a version; 0, which none has, where there are too many digits for one."""
    digits = version_id.lstrip("0")
    return int(digits) if 0 < len(digits) < 19 else 0


def readable(db: sqlite3.Connection, image_set: sqlite3.Row, wanted: str | None) -> int:
    """The number of a version that has content, the newest such by default.

    Raises:
        Fault: ResourceNotFoundException, there is none, or the image set is deleted;
            ConflictException, it is being made.
    """
    row = version(db, image_set, wanted)
    number: int = row["version"] if wanted is not None else image_set["version"]
    if 0 < number <= image_set["version"]:
        return number
    if row["state"] == "LOCKED" and row["workflow_status"] != "DELETING":
        raise conflict(f"Version {row['version']} of image set {image_set['id']} is not ready")
    raise not_found(f"The content of image set {image_set['id']}")


def properties(row: sqlite3.Row, workflow_key: str) -> dict[str, Any]:
    """A version as the API shows it; the model spells the workflow's key in two ways."""
    optional = {
        "message": row["message"],
        "deletedAt": row["deleted_at"],
        "overrides": {"forced": True} if row["forced"] else None,
        "isPrimary": None if row["is_primary"] is None else bool(row["is_primary"]),
    }
    return {
        "imageSetId": row["image_set_id"],
        "versionId": str(row["version"]),
        "imageSetState": row["state"],
        workflow_key: row["workflow_status"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    } | {key: value for key, value in optional.items() if value is not None}


def versions(
    db: sqlite3.Connection, image_set: sqlite3.Row, parameters: Mapping[str, Any], pager: Pager
) -> dict[str, Any]:
    """One page of an image set's versions, the newest first."""
    size = parameters.get("maxResults", DEFAULT_SIZE)
    position = pager.position(parameters, parameters.get("nextToken")) or [1 << 62]
    query = (
        "SELECT * FROM image_set_version WHERE image_set_id = ? AND version < ? "
        "ORDER BY version DESC LIMIT ?"
    )
    rows = db.execute(query, (image_set["id"], position[0], size + 1)).fetchall()
    result: dict[str, Any] = {
        "imageSetPropertiesList": [properties(row, "ImageSetWorkflowStatus") for row in rows[:size]]
    }
    if len(rows) > size:
        result["nextToken"] = pager.token(parameters, [rows[size - 1]["version"]])
    return result


def frame(
    db: sqlite3.Connection, image_set_id: str, frame_id: str, root: Path
) -> tuple[bytes, str]:
    """The bytes of a frame as stored, and their content type.

    Raises:
        Fault: ResourceNotFoundException, or InternalServerException where the file is damaged.
    """
    query = "SELECT * FROM frame WHERE image_set_id = ? AND id = ?"
    row = db.execute(query, (image_set_id, frame_id)).fetchone()
    if row is None:
        raise not_found(f"Image frame {frame_id}")
    path = blobs.Layout(root).pack(row["pack"])
    content = blobs.read_range(path, row["offset"], row["length"])
    if len(content) != row["length"]:
        raise Fault("InternalServerException", f"Image frame {frame_id} is damaged on disk")
    return content, CONTENT_TYPES[row["syntax"]]
