"""The rows of the catalog compared with documents, and with one another."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, exists, select, text

from gateway.catalog import integrity
from gateway.catalog.dialects import SQLITE
from gateway.catalog.entries import Entry
from gateway.catalog.schema import IMAGE_SET, INSTANCE, PERSON, SERIES, STUDY

_NAMES: Final = ("patient_name", "referring_physician")
_STUDY: Final = (
    "uid",
    "digest",
    "study_date",
    "study_time",
    "accession_number",
    "patient_id",
    "patient_birth_date",
    "patient_sex",
    "study_id",
    "study_description",
    "odd",
)
"""Columns of a face that follow from the document alone; the digest is that of all attributes."""

_SERIES: Final = (
    "uid",
    "modality",
    "series_number",
    "series_description",
    "body_part",
    "step_date",
    "step_time",
    "odd",
    "attributes",
)
_INSTANCE: Final = ("sop_uid", "sop_class", "number", "odd", "attributes")

_Rows = Counter[tuple[Any, ...]]


def differences(connection: Connection, entry: Entry) -> list[str]:
    """What the rows of an image set have otherwise than ``entry``, a line for each level."""
    query = select(IMAGE_SET.c.id).where(IMAGE_SET.c.image_set_id == entry.image_set_id)
    own = SERIES.c.image_set == connection.execute(query).scalar()
    faces = [_told(row, (*_STUDY, *_NAMES)) for row in entry.faces]
    series = [
        (bytes(entry.faces[face]["digest"]), *_told(row, _SERIES)) for face, row in entry.series
    ]
    instances = [(*series[place][:2], *_told(row, _INSTANCE)) for place, row in entry.instances]
    levels = {
        "study": (faces, _studies(connection, own)),
        "series": (series, _series(connection, own)),
        "instances": (instances, _instances(connection, own)),
    }
    return [
        f"the rows of its {name} differ"
        for name, (made, found) in levels.items()
        if Counter(made) != found
    ]


def _told(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_plain(row[name]) for name in names)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _columns(table: Table, names: Sequence[str]) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names]


def _rows(connection: Connection, query: Any) -> _Rows:
    return Counter(tuple(map(_plain, row)) for row in connection.execute(query))


def _studies(connection: Connection, own: ColumnElement[bool]) -> _Rows:
    people = [PERSON.alias(), PERSON.alias()]
    query = select(*_columns(STUDY, _STUDY), *(one.c.name for one in people))
    for name, one in zip(_NAMES, people, strict=True):
        query = query.join(one, STUDY.c[name] == one.c.id)
    return _rows(connection, query.where(exists().where(own, SERIES.c.study == STUDY.c.id)))


def _series(connection: Connection, own: ColumnElement[bool]) -> _Rows:
    query = select(STUDY.c.digest, *_columns(SERIES, _SERIES)).join_from(SERIES, STUDY)
    return _rows(connection, query.where(own))


def _instances(connection: Connection, own: ColumnElement[bool]) -> _Rows:
    query = select(STUDY.c.digest, SERIES.c.uid, *_columns(INSTANCE, _INSTANCE))
    joined = query.select_from(INSTANCE).join(SERIES, INSTANCE.c.series == SERIES.c.id).join(STUDY)
    return _rows(connection, joined.where(own))


def damage(connection: Connection) -> Iterator[str]:
    """What does not go together within the catalog, a line each."""
    if connection.dialect.name == SQLITE:
        for (line,) in connection.execute(text("PRAGMA integrity_check")):
            if line != "ok":
                yield f"integrity check: {line}"
    yield from integrity.faults(connection)
