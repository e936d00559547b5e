"""The tables of the catalog, the same for SQLite and PostgreSQL.

A study, a series or an instance has one row, except that a study whose image sets contradict each
other has one for each set of values its instances give: its *faces*, of which the first that meets
a query speaks for it. A series likewise has a row for each image set and face it occurs in. What a
query can ask for most often stands in columns, in the form in which it is compared; all attributes
of the level stand in ``attributes``, so that any other key can be checked and everything can be
returned without asking HealthImaging.

Person names, the texts of which many studies share, have a table of their own, and their words one
as well, so that wild cards and fuzzy matching look at each of them once.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql

TABLES: Final = MetaData()

_Id: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's row identifiers, which are 64 bits wide, have to be called INTEGER."""

_Bytewise: Final = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text ordered by its bytes, as SQLite does, so that both give the same order and use prefixes."""


def _text(name: str) -> Column[str]:
    """A column of text, which is empty where there is no value."""
    return Column(name, _Bytewise, nullable=False, default="")


def _some(name: str, where: ColumnElement[bool], *columns: ColumnElement[Any]) -> None:
    """An index of the few rows that meet ``where``."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


STORE: Final = Table(
    "store",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("datastore_id", _Bytewise, nullable=False, unique=True),
    Column("policy", _Bytewise, nullable=False),
    Column("watermark", Double, nullable=False, default=0.0),
    Column("loaded_at", Double),
    Column("synced_at", Double),
    Column("reconciled_at", Double),
    Column("first_load", LargeBinary),
)
"""The data stores. ``policy`` is the setting by which image sets count; times are in seconds since
1970. All that was updated before ``watermark`` is in the catalog; ``loaded_at`` is None during the
first load, of which ``first_load`` is the state (JSON) from which it is resumed.
"""

IMAGE_SET: Final = Table(
    "image_set",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("store", ForeignKey(STORE.c.id), nullable=False),
    Column("image_set_id", _Bytewise, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", Double, nullable=False),
    Column("is_primary", Boolean),
    _text("study_uid"),
    Column("failed", Boolean, nullable=False, default=False),
    Column("seen", Double, nullable=False, default=0.0),
    Index("image_set_by_id", "store", "image_set_id", unique=True),
    Index("image_set_by_study", "store", "study_uid"),
    Index("image_set_by_seen", "store", "seen"),
)
"""The image sets that are in the catalog, in their indexed version.

``failed`` says that its document cannot be read, so that it has no rows below. ``seen`` is when it
was last found by a reconciliation.
"""

_some("image_set_by_failure", IMAGE_SET.c.failed, IMAGE_SET.c.store, IMAGE_SET.c.image_set_id)

PERSON: Final = Table(
    "person",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("name", _Bytewise, nullable=False, unique=True),
    _text("folded"),
    Index("person_by_folded", "folded"),
)
"""Person names as stored, and without case and accents (``names.groups`` joined by ``=``).

``folded`` has a trigram index: the FTS5 table ``person_trigram`` (its row identifiers are those of
``person``), or pg_trgm's. The name 0 is the empty one.
"""

WORD: Final = Table(
    "word",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("text", _Bytewise, nullable=False, unique=True),
    _text("sound"),
    Index("word_by_sound", "sound"),
)
"""The folded words of person names, the whole groups written together, and how they sound."""

WORD_VARIANT: Final = Table(
    "word_variant",
    TABLES,
    Column("variant", _Bytewise, primary_key=True),
    Column("word", ForeignKey(WORD.c.id), primary_key=True),
    sqlite_with_rowid=False,
)
"""What is left of a word with up to as many letters taken out as fuzzy matching lets differ.

Two words that are no further apart have such a rest in common.
"""

PERSON_WORD: Final = Table(
    "person_word",
    TABLES,
    Column("word", ForeignKey(WORD.c.id), primary_key=True),
    Column("person", ForeignKey(PERSON.c.id), primary_key=True),
    sqlite_with_rowid=False,
)

STUDY: Final = Table(
    "study",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("store", ForeignKey(STORE.c.id), nullable=False),
    _text("uid"),
    Column("face", Integer, nullable=False, default=0),
    Column("digest", LargeBinary, nullable=False),
    _text("order_date"),
    _text("order_time"),
    _text("study_date"),
    _text("study_time"),
    _text("accession_number"),
    _text("patient_id"),
    Column("patient_name", ForeignKey(PERSON.c.id), nullable=False, default=0),
    Column("referring_physician", ForeignKey(PERSON.c.id), nullable=False, default=0),
    _text("patient_birth_date"),
    _text("patient_sex"),
    _text("study_id"),
    _text("study_description"),
    _text("modalities"),
    _text("sop_classes"),
    Column("series_count", Integer, nullable=False, default=0),
    Column("instance_count", Integer, nullable=False, default=0),
    Column("odd", Boolean, nullable=False, default=False),
    Column("attributes", LargeBinary, nullable=False),
    Index("study_by_uid", "store", "uid", "face", unique=True),
)
"""The faces of studies. ``order_date`` and ``order_time`` are those of face 0, so that all faces of
a study stand together; ``digest`` is of ``attributes``, the same for the same face.

The newest studies come first: (``order_date`` DESC, ``order_time`` DESC, ``uid``, ``face``), and
indexes on the columns that are searched go on in that order.
``modalities`` and ``sop_classes`` are those of the whole study, sorted and each between
backslashes: ``\\CT\\SR\\``. ``odd`` says that a column cannot say what the attribute is
(several values, another form), so that the row has to be checked by its attributes whatever it is
asked for.
"""

_IN_ORDER: Final = (
    STUDY.c.order_date.desc(),
    STUDY.c.order_time.desc(),
    STUDY.c.uid,
    STUDY.c.face,
)
_SEARCHED: Final = (
    STUDY.c.study_date,
    STUDY.c.accession_number,
    STUDY.c.patient_id,
    STUDY.c.patient_name,
    STUDY.c.referring_physician,
    STUDY.c.patient_birth_date,
    STUDY.c.study_id,
    STUDY.c.study_description,
)

# With the names: who walks past studies for a name of many persons need not look at each.
Index("study_by_order", STUDY.c.store, *_IN_ORDER, STUDY.c.patient_name)
for _searched in _SEARCHED:
    Index(f"study_by_{_searched.name}", STUDY.c.store, _searched, *_IN_ORDER)
_some("study_by_oddness", STUDY.c.odd, STUDY.c.store, *_IN_ORDER)
_some("study_by_second_face", STUDY.c.face > 0, STUDY.c.store, STUDY.c.uid)

STUDY_MODALITY: Final = Table(
    "study_modality",
    TABLES,
    Column("store", ForeignKey(STORE.c.id), primary_key=True),
    Column("modality", _Bytewise, primary_key=True),
    Column("study", ForeignKey(STUDY.c.id), primary_key=True),
    _text("order_date"),
    _text("order_time"),
    _text("uid"),
    Column("face", Integer, nullable=False, default=0),
    Index("study_modality_by_study", "study"),
)
"""The modalities of a study, each to be walked in the order of results."""

Index(
    "study_modality_by_order",
    STUDY_MODALITY.c.store,
    STUDY_MODALITY.c.modality,
    STUDY_MODALITY.c.order_date.desc(),
    STUDY_MODALITY.c.order_time.desc(),
    STUDY_MODALITY.c.uid,
    STUDY_MODALITY.c.face,
    STUDY_MODALITY.c.study,
)

SERIES: Final = Table(
    "series",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("study", ForeignKey(STUDY.c.id), nullable=False),
    Column("image_set", ForeignKey(IMAGE_SET.c.id), nullable=False),
    _text("uid"),
    Column("rank", Integer, nullable=False, default=0),
    Column("order_number", BigInteger, nullable=False, default=0),
    _text("modality"),
    _text("series_number"),
    _text("series_description"),
    _text("body_part"),
    _text("step_date"),
    _text("step_time"),
    Column("instance_count", Integer, nullable=False, default=0),
    Column("odd", Boolean, nullable=False, default=False),
    Column("attributes", LargeBinary, nullable=False),
    Index("series_by_study", "study", "order_number", "uid", "rank"),
    Index("series_by_uid", "uid"),
    Index("series_by_image_set", "image_set"),
)
"""A series as one image set has it, under one face of its study.

Rows of one series stand together by ``order_number`` and ``uid``, the preferred (``rank`` 0) first;
``instance_count`` is that of the whole series. An instance whose modality is another than that of
its series stands below a row of its own, too.
"""

_some("series_by_oddness", SERIES.c.odd, SERIES.c.study)

INSTANCE: Final = Table(
    "instance",
    TABLES,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("series", ForeignKey(SERIES.c.id), nullable=False),
    Column("image_set", ForeignKey(IMAGE_SET.c.id), nullable=False),
    _text("sop_uid"),
    _text("sop_class"),
    Column("number", BigInteger, nullable=False, default=0),
    Column("shadowed", Boolean, nullable=False, default=False),
    Column("odd", Boolean, nullable=False, default=False),
    Column("attributes", LargeBinary, nullable=False),
    Index("instance_by_series", "series", "number", "sop_uid"),
    Index("instance_by_uid", "sop_uid"),
    Index("instance_by_image_set", "image_set"),
)
"""The instances. One that a preferred image set of the study holds as well is ``shadowed`` and
never in an answer."""

_some("instance_by_oddness", INSTANCE.c.odd, INSTANCE.c.series)
_some("instance_by_shadow", INSTANCE.c.shadowed, INSTANCE.c.image_set)
