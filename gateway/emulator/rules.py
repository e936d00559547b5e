"""What HealthImaging asks of a file before it imports it, and how it groups files.

Sources: the developer guide's pages "DICOM element constraints" and "What is an image set?".
"""

from dataclasses import dataclass
from typing import Any, Final

from gateway.dicom import levels, tags, uids
from gateway.emulator.failures import FileRejected, missing
from gateway.emulator.metadata import Converted

MAX_LENGTHS: Final = {
    0x00100010: 256,  # PatientName
    0x00100020: 256,  # PatientID
    0x00100030: 18,  # PatientBirthDate
    0x00100040: 16,  # PatientSex
    0x0020000D: 256,  # StudyInstanceUID
    0x00200010: 16,  # StudyID
    0x00081030: 64,  # StudyDescription
    0x00080050: 256,  # AccessionNumber
    0x00080020: 18,  # StudyDate
    0x00080030: 28,  # StudyTime
}
"""Characters allowed at import."""

MAX_NUMBERS: Final = {
    0x00201206: 1_000_000,  # NumberOfStudyRelatedSeries
    0x00201208: 10_000,  # NumberOfStudyRelatedInstances
}
"""Largest values allowed at import."""

_LENIENT_UIDS: Final = (
    0x0020000D,  # StudyInstanceUID
    0x0020000E,  # SeriesInstanceUID
    0x300A0700,  # TreatmentSessionUID
    0x0018100B,  # ManufacturerDeviceClassUID
    0x00181002,  # DeviceUID
    0x00080017,  # AcquisitionUID
)
_GROUPING: Final = (
    0x00080020,  # StudyDate
    0x00080050,  # AccessionNumber
    0x00100020,  # PatientID
    0x0020000D,  # StudyInstanceUID
    0x00200010,  # StudyID
    0x0020000E,  # SeriesInstanceUID
    0x00200011,  # SeriesNumber
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an instance is: its UIDs, and the values of the seven elements that group image sets."""

    study: str
    series: str
    sop: str
    group: tuple[str, ...]


def check(converted: Converted) -> Identity:
    """Apply every constraint and tell who the instance is.

    Raises:
        FileRejected: an attribute is missing, too long, too large or no UID; the reason names it.
    """
    for tag, keyword in ((0x0020000D, "StudyInstanceUID"), (0x0020000E, "SeriesInstanceUID"),
                         (0x00080018, "SOPInstanceUID"), (0x00080016, "SOPClassUID")):  # fmt: skip
        if not _text(converted, tag):
            raise missing(keyword)
    for tag, limit in MAX_LENGTHS.items():
        if len(_text(converted, tag)) > limit:
            raise FileRejected(f"{tags.named(tag)} is longer than {limit} characters")
    for tag, limit in MAX_NUMBERS.items():
        _check_number(converted, tag, limit)
    _check_uids(converted)
    return Identity(
        _text(converted, 0x0020000D),
        _text(converted, 0x0020000E),
        _text(converted, 0x00080018),
        tuple(_text(converted, tag) for tag in _GROUPING),
    )


def _text(converted: Converted, tag: int) -> str:
    value = converted.value(tag)
    return "" if value is None else str(value).strip()


def _check_number(converted: Converted, tag: int, limit: int) -> None:
    text = _text(converted, tag)
    if not text:
        return
    try:
        number = int(text)
    except ValueError as error:
        raise FileRejected(f"{tags.named(tag)} is not a whole number") from error
    if not 0 <= number <= limit:
        raise FileRejected(f"{tags.named(tag)} is not between 0 and {limit}")


def _check_uids(converted: Converted) -> None:
    for tag in _LENIENT_UIDS:
        value = _text(converted, tag)
        if value and not uids.is_importable(value):
            raise FileRejected(f"{tags.named(tag)} is not a valid UID")
    if not uids.is_valid(_text(converted, 0x00080018)):
        raise FileRejected(f"{tags.named(0x00080018)} is not a valid UID")


def split(converted: Converted) -> dict[str, dict[str, Any]]:
    """The attributes by level: ``patient``, ``study``, ``series`` and ``instance``."""
    upper = levels.PATIENT | levels.STUDY | levels.SERIES
    return {
        "patient": converted.pick(levels.PATIENT),
        "study": converted.pick(levels.STUDY),
        "series": converted.pick(levels.SERIES),
        "instance": converted.pick(frozenset(converted.attributes) - upper),
    }
