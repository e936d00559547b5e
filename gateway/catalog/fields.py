"""Which attributes stand in columns of the catalog, and by which rows others are looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, literal_column

from gateway.catalog.schema import INSTANCE, PERSON, SERIES, STUDY
from gateway.dicom import tags
from gateway.dicom.elements import Element
from gateway.dicomweb import attributes
from gateway.dicomweb.query import Level

LEVELS: Final = (Level.STUDY, Level.SERIES, Level.INSTANCE)
"""From the top down."""

ROWS: Final[Mapping[Level, Table]] = {
    Level.STUDY: STUDY,
    Level.SERIES: SERIES,
    Level.INSTANCE: INSTANCE,
}
"""The table of each level."""


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute that has a column, at its level; for a name that is its number in ``person``."""

    tag: int
    vr: str
    level: Level
    column: Column[Any]


def _fields(level: Level, columns: Mapping[int, Column[Any]]) -> dict[int, Field]:
    found = ((tags.by_tag(tag), column) for tag, column in columns.items())
    return {one.tag: Field(one.tag, one.vr, level, column) for one, column in found if one}


FIELDS: Final[Mapping[int, Field]] = {
    **_fields(
        Level.STUDY,
        {
            0x00080020: STUDY.c.study_date,
            0x00080030: STUDY.c.study_time,
            0x00080050: STUDY.c.accession_number,
            0x00080090: STUDY.c.referring_physician,
            0x00081030: STUDY.c.study_description,
            0x00100010: STUDY.c.patient_name,
            0x00100020: STUDY.c.patient_id,
            0x00100030: STUDY.c.patient_birth_date,
            0x00100040: STUDY.c.patient_sex,
            0x0020000D: STUDY.c.uid,
            0x00200010: STUDY.c.study_id,
        },
    ),
    **_fields(
        Level.SERIES,
        {
            0x00080060: SERIES.c.modality,
            0x0008103E: SERIES.c.series_description,
            0x00180015: SERIES.c.body_part,
            0x0020000E: SERIES.c.uid,
            0x00400244: SERIES.c.step_date,
            0x00400245: SERIES.c.step_time,
        },
    ),
    **_fields(
        Level.INSTANCE,
        {
            0x00080016: INSTANCE.c.sop_class,
            0x00080018: INSTANCE.c.sop_uid,
        },
    ),
}
"""The attributes with columns by which they can be searched, and whose values these say."""

FACTS: Final[Mapping[int, Column[Any]]] = {
    attributes.MODALITIES_IN_STUDY: STUDY.c.modalities,
    attributes.SOP_CLASSES_IN_STUDY: STUDY.c.sop_classes,
    attributes.STUDY_RELATED_SERIES: STUDY.c.series_count,
    attributes.STUDY_RELATED_INSTANCES: STUDY.c.instance_count,
    attributes.SERIES_RELATED_INSTANCES: SERIES.c.instance_count,
}
"""The columns of what is computed from studies and series."""

_LISTED: Final = {
    attributes.MODALITIES_IN_STUDY: "CS",
    attributes.SOP_CLASSES_IN_STUDY: "UI",
}
_OF_STUDY: Final = (
    attributes.STUDY_LEVEL | attributes.COMPUTED_OF_STUDY | attributes.COMPUTED_OF_ALL
)
_OF_SERIES: Final = attributes.SERIES_LEVEL | attributes.COMPUTED_OF_SERIES


def level_of(tag: int) -> Level:
    """The level whose rows say what ``tag`` is."""
    if tag in _OF_STUDY:
        return Level.STUDY
    return Level.SERIES if tag in _OF_SERIES else Level.INSTANCE


def deeper(one: Level, other: Level) -> Level:
    """The lower of two levels."""
    return max(one, other, key=LEVELS.index)


def down_to(level: Level) -> tuple[Level, ...]:
    """The levels from that of studies to ``level``."""
    return LEVELS[: LEVELS.index(level) + 1]


def fact(tag: int, value: Any) -> Element:
    """The computed attribute that the ``value`` of its column stands for."""
    if tag in _LISTED:
        return tag, _LISTED[tag], [one for one in str(value).split("\\") if one]
    return tag, "IS", [str(value)]


def label(tag: int) -> str:
    """What the column of an attribute is called in the rows of a statement."""
    return f"a{tag:08x}"


def element(field: Field, value: Any) -> Element | None:
    """The attribute that a row has, whose name is there as text; None if it has none."""
    return (field.tag, field.vr, [value]) if value else None


def is_odd(level: Level) -> ColumnElement[bool]:
    """The condition of the indexes of odd rows, in the words in which they have it."""
    return literal_column(f"{ROWS[level].name}.odd")


def is_name(field: Field) -> bool:
    """Whether the column of ``field`` refers to a person."""
    return field.column.references(PERSON.c.id)
