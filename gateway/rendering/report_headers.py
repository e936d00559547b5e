"""What heads a structured report: patient, study, and how far the document is (PS3.3 C.17.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydicom._uid_dict import UID_dictionary

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, wording
from gateway.rendering.concepts import code
from gateway.rendering.content_items import Reference, references

_SOP_CLASS: Final = 0x00080016
_MAX_LISTED: Final = 50  # observers, authors or requests


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the header: its label and what it says."""

    label: str
    values: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


def title(dataset: DataSet) -> str:
    """What a document without a title is called: by its SOP class."""
    known = UID_dictionary.get(elements.text(dataset, _SOP_CLASS))
    return known[0].removesuffix(" Storage") if known else "Structured report"


def facts(dataset: DataSet) -> tuple[Fact, ...]:
    """The lines of the header; those without content are left out, but for who the patient is."""
    lines = [
        Fact("Patient", (_patient(dataset),)),
        Fact("Born", (_written(dataset, 0x00100030, wording.date),)),
        Fact("Sex", (_sex(dataset),)),
        Fact("Study", (_study(dataset),)),
        Fact("Accession number", (_written(dataset, 0x00080050),)),
        Fact("Referring physician", (_written(dataset, 0x00080090, wording.name),)),
        Fact("Series", (_written(dataset, 0x0008103E),)),
        Fact("Institution", (_written(dataset, 0x00080080),)),
        Fact("Request", _each(dataset, 0x0040A370, _request)),
        Fact("Document", (_moment(dataset, 0x00080023, 0x00080033),)),
        Fact("Status", (_status(dataset),)),
        Fact("Verified by", _each(dataset, 0x0040A073, _verifier)),
        Fact("Author", _each(dataset, 0x0040A078, _person)),
        Fact("Participant", _each(dataset, 0x0040A07A, _participant)),
        Fact("Replaces", references=_documents(dataset, 0x0040A360)),
        Fact("Identical to", references=_documents(dataset, 0x0040A525)),
    ]
    kept = (Fact(one.label, tuple(filter(None, one.values)), one.references) for one in lines)
    return tuple(one for one in kept if one.values or one.references)


def _written(dataset: DataSet, tag: int, write: Callable[[str], str] = wording.line) -> str:
    return write(str((attributes.values(dataset, tag) or [""])[0]))


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _patient(dataset: DataSet) -> str:
    name = _written(dataset, 0x00100010, wording.name) or "name not given"
    return f"{name}; ID {_written(dataset, 0x00100020) or 'not given'}"


def _sex(dataset: DataSet) -> str:
    sex = _written(dataset, 0x00100040)
    return {"F": "female", "M": "male", "O": "other"}.get(sex, sex)


def _study(dataset: DataSet) -> str:
    return _joined(_written(dataset, 0x00081030), _moment(dataset, 0x00080020, 0x00080030))


def _moment(dataset: DataSet, day: int, clock: int) -> str:
    parts = _written(dataset, day, wording.date), _written(dataset, clock, wording.time)
    return " ".join(filter(None, parts))


def _status(dataset: DataSet) -> str:
    """Completion, Verification and Preliminary Flag, as they are said."""
    complete, verified, preliminary = (
        _written(dataset, tag).lower() for tag in (0x0040A491, 0x0040A493, 0x0040A496)
    )
    described = _written(dataset, 0x0040A492)
    return _joined(f"{complete} ({described})" if described else complete, verified, preliminary)


def _each(dataset: DataSet, sequence: int, write: Callable[[DataSet], str]) -> tuple[str, ...]:
    return tuple(write(item) for item in attributes.items(dataset, sequence)[:_MAX_LISTED])


def _request(item: DataSet) -> str:
    procedure = _written(item, 0x00321060) or code(item, 0x00321064)
    accession = _written(item, 0x00080050)
    return _joined(procedure, f"accession number {accession}" if accession else "")


def _verifier(item: DataSet) -> str:
    return _joined(
        _written(item, 0x0040A075, wording.name),
        _written(item, 0x0040A027),
        _written(item, 0x0040A030, wording.datetime),
    )


def _person(item: DataSet) -> str:
    """A person or device of the Identified Person or Device macro (PS3.3 C.17.2-3)."""
    return _joined(
        _written(item, 0x0040A123, wording.name),
        _written(item, 0x00081010),
        _written(item, 0x00080070),
        _written(item, 0x00080080),
    )


def _participant(item: DataSet) -> str:
    kind = _written(item, 0x0040A080).lower()
    when = _written(item, 0x0040A082, wording.datetime)
    return _joined(_person(item), kind, when)


def _documents(dataset: DataSet, sequence: int) -> tuple[Reference, ...]:
    return tuple(
        reference
        for study in attributes.items(dataset, sequence)
        for series in attributes.items(study, 0x00081115)
        for reference in references(series)
    )[:_MAX_LISTED]
