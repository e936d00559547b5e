"""What the catalog has of one image set, from its document; nothing here asks or writes anything.

Making an entry takes the processor a while, so it is done in threads.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from gateway.catalog import columns
from gateway.catalog.columns import Columns
from gateway.errors import UpstreamInvalid
from gateway.imagesets import document as documents, excerpts
from gateway.imagesets.attributes import Names
from gateway.imagesets.document import Instance
from gateway.imagesets.excerpts import Excerpt

Row = Mapping[str, Any]
"""The columns of a row that follow from the document."""

_STUDY_UID: Final = 0x0020000D
_SERIES_UID: Final = 0x0020000E
_SOP_CLASS: Final = 0x00080016
_SOP_UID: Final = 0x00080018
_NUMBER: Final = 0x00200013
_KEYS: Final = {_SOP_CLASS: "SOPClassUID", _SOP_UID: "SOPInstanceUID", _NUMBER: "InstanceNumber"}
_OF_SERIES: Final = (
    _SERIES_UID,
    0x00080060,
    0x0008103E,
    0x00180015,
    0x00200011,
    0x00400244,
    0x00400245,
)
_UNREADABLE: Final = (
    UpstreamInvalid,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


class Described(Protocol):
    """One version of an image set as a search finds it; ``remote.api.Summary`` is one."""

    @property
    def image_set_id(self) -> str:
        """Its identifier."""
        ...

    @property
    def version(self) -> int | None:
        """Its version."""
        ...

    @property
    def updated(self) -> float:
        """When it was last updated, in seconds since 1970."""
        ...

    @property
    def primary(self) -> bool | None:
        """Whether it is primary; None where nobody says."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an image set; ``failed`` where its document cannot be read.

    ``faces`` are rows of ``study`` with names as texts, ``series`` and ``instances`` rows of these
    tables, each after the place of what it is below; all in the order of the document.
    """

    image_set_id: str
    version: int
    updated: float
    primary: bool | None
    study_uid: str = ""
    failed: bool = False
    faces: tuple[Row, ...] = ()
    series: tuple[tuple[int, Row], ...] = ()
    instances: tuple[tuple[int, Row], ...] = ()


def entry(summary: Described, document: bytes) -> Entry:
    """The entry of a version of an image set, of which ``document`` has the metadata."""
    known = (summary.image_set_id, summary.version or 0, summary.updated, summary.primary)
    try:
        found = documents.parse(summary.image_set_id, document).instances.values()
        rows = _Rows(found)
    except _UNREADABLE:
        return Entry(*known, failed=True)
    return Entry(
        *known,
        rows.study_uid,
        False,
        tuple(rows.faces),
        tuple(rows.series),
        tuple(rows.instances),
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where instances whose attributes have the same keys have what decides about their rows.

    ``of_study`` are places of attributes that override those of the study, ``of_series`` of those
    of the columns of the series; ``plain`` says that other keys are as everywhere.
    """

    of_study: tuple[int, ...]
    of_series: tuple[int, ...]
    plain: bool


@lru_cache(256)
def _kind(keys: tuple[str, ...]) -> _Kind:
    tags = Names(keys).tags
    return _Kind(
        tuple(place for tag, place in tags.items() if tag in excerpts.STUDY_LEVEL),
        tuple(tags[tag] for tag in _OF_SERIES if tag in tags),
        all(keys[tags[tag]] == key for tag, key in _KEYS.items() if tag in tags),
    )


class _Rows:
    """The rows of the instances of one image set.

    Raises:
        UpstreamInvalid: a row would have no identifier.
    """

    def __init__(self, instances: Iterable[Instance]) -> None:
        self.study_uid = ""
        self.faces: list[Row] = []
        self.series: list[tuple[int, Row]] = []
        self.instances: list[tuple[int, Row]] = []
        self._digests: dict[bytes, int] = {}
        self._faces: dict[tuple[object, ...], int] = {}
        self._series: dict[tuple[object, ...], tuple[int, Instance]] = {}
        for one in instances:
            self._add(one)

    def _add(self, one: Instance) -> None:
        if not all(map(columns.is_uid, (one.study, one.series, one.sop))):
            raise UpstreamInvalid("An instance has no UID by which it could be found")
        self.study_uid = one.study
        kind = _kind(one.attributes.names.keys)
        face = self._face(one, kind)
        key = (one.series, face, one.modality)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = len(self.series), one
            self.series.append((face, _series_row(one)))
        place, first = found
        self.instances.append((place, _instance_row(one, kind, first)))

    def _face(self, one: Instance, kind: _Kind) -> int:
        """The face that has the study's attributes as ``one`` has; equal values are one object."""
        row = one.attributes.row
        own = [id(row[place]) for place in kind.of_study]
        key = (id(one.upper), id(one.vrs), one.signed, id(one.attributes.names), *own)
        face = self._faces.get(key)
        if face is None:
            found = excerpts.study(one)
            face = self._digests.setdefault(found.digest, len(self.faces))
            self._faces[key] = face
            if face == len(self.faces):
                self.faces.append(_study_row(one, found))
        return face


def _study_row(one: Instance, found: Excerpt) -> Row:
    take = Columns(found.elements)
    date, time = take.text(0x00080020, "DA"), take.text(0x00080030, "TM")
    row = {
        "uid": one.study,
        "digest": found.digest,
        "order_date": date,
        "order_time": time,
        "study_date": date,
        "study_time": time,
        "accession_number": take.text(0x00080050, "SH"),
        "patient_id": take.text(0x00100020, "LO"),
        "patient_name": take.name(0x00100010),
        "referring_physician": take.name(0x00080090),
        "patient_birth_date": take.text(0x00100030, "DA"),
        "patient_sex": take.text(0x00100040, "CS"),
        "study_id": take.text(0x00200010, "SH"),
        "study_description": take.text(0x00081030, "LO"),
        "attributes": found.blob,
    }
    return {**row, "odd": take.odd or take.text(_STUDY_UID, "UI") != one.study}


def _series_row(one: Instance) -> Row:
    found = excerpts.series(one)
    take = Columns(found.elements)
    modality = columns.bounded(one.modality)
    row = {
        "uid": one.series,
        "modality": modality,
        "series_number": take.integer(0x00200011),
        "series_description": take.text(0x0008103E, "LO"),
        "body_part": take.text(0x00180015, "CS"),
        "step_date": take.text(0x00400244, "DA"),
        "step_time": take.text(0x00400245, "TM"),
        "attributes": found.blob,
    }
    differs = take.text(_SERIES_UID, "UI") != one.series or take.text(0x00080060, "CS") != modality
    return {**row, "odd": take.odd or differs}


def _instance_row(one: Instance, kind: _Kind, first: Instance) -> Row:
    return {
        "sop_uid": one.sop,
        "sop_class": columns.bounded(one.sop_class, columns.MAX_UID),
        "number": columns.place(one.number),
        "odd": _is_odd(one, kind, first),
        "attributes": excerpts.instance_blob(one, first),
    }


def _is_odd(one: Instance, kind: _Kind, first: Instance) -> bool:
    """Whether the columns of the instance and its series do not say what its attributes are."""
    if not kind.plain or (one.vrs and not one.vrs.keys().isdisjoint(_KEYS.values())):
        return True
    values = one.attributes
    number, uid = values.get("InstanceNumber"), values.get("SOPInstanceUID")
    sop_class = values.get("SOPClassUID")
    if number and str(number).strip(" \0").lstrip("+0") not in (str(one.number), ""):
        return True
    if columns.place(one.number) != one.number:
        return True
    if uid != one.sop and str(uid or "").strip(" \0") != one.sop:
        return True
    if sop_class and (not isinstance(sop_class, str) or not columns.is_one(sop_class)):
        return True
    return not _as_first(one, kind, first)


def _as_first(one: Instance, kind: _Kind, first: Instance) -> bool:
    """Whether the columns of its series, taken from the ``first`` instance, hold for ``one``."""
    if one is first:
        return True
    if one.attributes.names is first.attributes.names and one.vrs is first.vrs:
        here, there = one.attributes.row, first.attributes.row
        return all(here[place] is there[place] for place in kind.of_series)
    return all(one.element(tag) == first.element(tag) for tag in _OF_SERIES)
