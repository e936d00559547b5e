"""What image sets hold, said once more in Python: the model that test_model compares with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

UID = "1.2.826.0.1.3680043.10.9"
STUDIES = (f"{UID}.1", f"{UID}.2")
SERIES = (f"{UID}.1.1", f"{UID}.1.2", f"{UID}.2.1")
SOPS = tuple(f"{UID}.0.{number}" for number in range(1, 5))
LEVELS = {
    "Patient": ("PatientID", "PatientName", "PatientSex"),
    "Study": ("StudyInstanceUID", "StudyDate", "AccessionNumber", "StudyID", "StudyDescription"),
    "Series": ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality"),
    "Instance": ("SOPInstanceUID", "ImageComments"),
}
UPPER = tuple(name for level in ("Patient", "Study", "Series") for name in LEVELS[level])
TRACKED = (*UPPER, *LEVELS["Instance"], "MediaStorageSOPInstanceUID")
GROUPING = (
    "StudyDate",
    "AccessionNumber",
    "PatientID",
    "StudyInstanceUID",
    "StudyID",
    "SeriesInstanceUID",
    "SeriesNumber",
)
CHANGEABLE = {
    "Patient": {"PatientID": ("PAT1", "PAT2"), "PatientName": ("A^A1", "B^B1")},
    "Study": {
        "AccessionNumber": ("ACC1", "ACC2"),
        "StudyDate": ("20240102", "20200101"),
        "StudyDescription": ("CHEST1", "HEAD"),
    },
    "Series": {"SeriesNumber": ("10", "20"), "SeriesDescription": ("THIN", "WIDE")},
    "Instance": {"ImageComments": ("good", "poor")},
}
TAGS = {
    "DICOMPatientId": "PatientID",
    "DICOMPatientName": "PatientName",
    "DICOMPatientSex": "PatientSex",
    "DICOMStudyInstanceUID": "StudyInstanceUID",
    "DICOMStudyDate": "StudyDate",
    "DICOMStudyId": "StudyID",
    "DICOMStudyDescription": "StudyDescription",
    "DICOMAccessionNumber": "AccessionNumber",
    "DICOMSeriesInstanceUID": "SeriesInstanceUID",
    "DICOMSeriesModality": "Modality",
}
Attributes = Mapping[str, str | None]


@dataclass(frozen=True)
class Content:
    """What a version holds: the attributes of the upper levels, and of each instance its own.

    An instance has those of the upper levels and its own; its own go before.
    """

    shared: Attributes
    own: Mapping[str, Mapping[str, Any]]  # by SOP Instance UID; "pixels" tells the frame

    def flat(self) -> dict[str, dict[str, Any]]:
        return {sop: {**self.shared, **own} for sop, own in self.own.items()}

    def level(self, name: str) -> Attributes:
        return {key: value for key, value in self.shared.items() if key in LEVELS[name]}

    def tags(self) -> dict[str, Any]:
        tags = {tag: self.shared.get(keyword) for tag, keyword in TAGS.items()}
        found: dict[str, Any] = {tag: value for tag, value in tags.items() if value is not None}
        if self.shared.get("SeriesNumber"):
            found["DICOMSeriesNumber"] = int(self.shared["SeriesNumber"])
        found["DICOMNumberOfStudyRelatedSeries"] = 1
        return found | {"DICOMNumberOfStudyRelatedInstances": len(self.own)}

    def having(self, key: str, value: str) -> "Content":
        """With an attribute of an upper level set: for all instances."""
        own = {sop: {k: v for k, v in one.items() if k != key} for sop, one in self.own.items()}
        return Content({**self.shared, key: value}, own)

    def lacking(self, key: str) -> "Content":
        own = {sop: {k: v for k, v in one.items() if k != key} for sop, one in self.own.items()}
        return Content({k: v for k, v in self.shared.items() if k != key}, own)

    def values(self, key: str) -> list[str | None]:
        holding = [self.shared, *self.own.values()]
        return [attributes[key] for attributes in holding if key in attributes]


@dataclass
class Version:
    status: str
    content: Content | None
    forced: bool = False


@dataclass(eq=False)
class ImageSet:
    number: int
    id: str = field(repr=False)
    primary: bool | None
    versions: list[Version] = field(repr=False)
    deleted: bool = False
    updated: Any = field(default=None, repr=False)

    @property
    def latest(self) -> int:
        return len(self.versions)

    @property
    def content(self) -> Content | None:
        return None if self.deleted else self.versions[-1].content

    def place(self) -> tuple[str | None, str | None]:
        return self.content.shared["StudyInstanceUID"], self.content.shared["SeriesInstanceUID"]


SLICE: Attributes = {
    "PatientID": "PAT1",
    "PatientName": "A^A1",
    "PatientSex": "O",
    "StudyDate": "20240102",
    "AccessionNumber": "ACC1",
    "StudyID": "S1",
    "StudyDescription": "CHEST1",
    "SeriesInstanceUID": SERIES[0],
    "SeriesNumber": "10",
    "SeriesDescription": "THIN",
}
DEVIATIONS = (
    *({"SeriesInstanceUID": series} for series in SERIES[1:]),
    *({name: None} for name in ("PatientName", "StudyDescription", "SeriesDescription")),
    *({name: ""} for name in ("PatientName", "PatientSex", "AccessionNumber")),
    {"PatientID": "PAT2"},
    {"PatientName": "B^B1"},
    {"StudyDate": "20200101"},
    {"AccessionNumber": "ACC2"},
    {"StudyID": "S2"},
    {"StudyDescription": "HEAD"},
    {"SeriesNumber": "20"},
    {"SeriesDescription": "WIDE"},
)


def contradict(one: Attributes, other: Attributes) -> bool:
    """Whether the upper attributes of two image sets of a study cannot both be primary."""
    exact = ["PatientID", "StudyDate", "AccessionNumber", "StudyID"]
    if one["SeriesInstanceUID"] == other["SeriesInstanceUID"]:
        exact.append("SeriesNumber")
    if any((one.get(name) or "") != (other.get(name) or "") for name in exact):
        return True
    pairs = [(one.get(name), other.get(name)) for name in ("PatientName", "PatientSex")]
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)


def apart(attributes: Mapping[str, Any], shared: Attributes) -> dict[str, Any]:
    """What an instance has that the upper levels do not say already."""
    missing = object()
    return {key: value for key, value in attributes.items() if shared.get(key, missing) != value}


def extended(content: Content, brought: list[dict[str, Any]]) -> Content:
    """With instances that were imported: what one of them lacks moves down to the others."""
    shared = {
        key: value
        for key, value in content.shared.items()
        if all(key in attributes for attributes in brought)
    }
    moved = {key: value for key, value in content.shared.items() if key not in shared}
    own = {sop: {**moved, **one} for sop, one in content.own.items()}
    return Content(shared, own | {one["SOPInstanceUID"]: apart(one, shared) for one in brought})


def selected(content: Content, subset: list[str] | None) -> Content | None:
    if subset is None:
        return content
    if set(subset) - content.own.keys():
        return None
    return replace(content, own={sop: content.own[sop] for sop in subset})
