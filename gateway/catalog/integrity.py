"""Whether the catalog agrees with itself: every row belongs to something, and what is counted is.

Nothing here shares code with what writes the catalog, which would hide the same mistake.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Text, and_, cast, exists, func, literal, or_, select
from sqlalchemy.sql.expression import ColumnElement, Select, Subquery

from gateway.catalog import words
from gateway.catalog.schema import (
    IMAGE_SET,
    INSTANCE,
    PERSON,
    PERSON_WORD,
    SERIES,
    STUDY,
    STUDY_MODALITY,
    WORD,
    WORD_VARIANT,
)

_SHOWN: Final = 20
_AT_ONCE: Final = 1_000


def faults(connection: Connection) -> Iterator[str]:
    """What does not go together, a sentence for each kind, with identifiers of some rows."""
    for said, query in _queries().items():
        found = connection.execute(query.limit(_SHOWN)).scalars().all()
        if found:
            yield f"{said}: {', '.join(map(str, found))}"
    yield from _unheard(connection)


def _queries() -> dict[str, Select[Any]]:
    return {**_orphans(), **_orders(), **_counts()}


def _orphans() -> dict[str, Select[Any]]:
    image_set, series = IMAGE_SET.c.id, SERIES.c.id
    persons = exists().where(PERSON.c.id == STUDY.c.patient_name) & exists().where(
        PERSON.c.id == STUDY.c.referring_physician
    )
    elsewhere = or_(STUDY.c.uid != IMAGE_SET.c.study_uid, STUDY.c.store != IMAGE_SET.c.store)
    return {
        "series without an image set": select(series).where(
            ~exists().where(image_set == SERIES.c.image_set)
        ),
        "series without a study": select(series).where(
            ~exists().where(STUDY.c.id == SERIES.c.study)
        ),
        "series of another study than their image set": select(series)
        .join(IMAGE_SET, image_set == SERIES.c.image_set)
        .join(STUDY, STUDY.c.id == SERIES.c.study)
        .where(elsewhere),
        "series without an instance": select(series).where(
            ~exists().where(INSTANCE.c.series == series)
        ),
        "instances without a series of their image set": select(INSTANCE.c.id).where(
            ~exists().where(
                and_(series == INSTANCE.c.series, SERIES.c.image_set == INSTANCE.c.image_set)
            )
        ),
        "studies without a series": select(STUDY.c.id).where(
            ~exists().where(SERIES.c.study == STUDY.c.id)
        ),
        "modalities without a study": select(STUDY_MODALITY.c.study).where(
            ~exists().where(STUDY.c.id == STUDY_MODALITY.c.study)
        ),
        "image sets that failed and have rows": select(image_set).where(
            IMAGE_SET.c.failed, exists().where(SERIES.c.image_set == image_set)
        ),
        "studies of unknown persons": select(STUDY.c.id).where(~persons),
        "variants without a word": select(WORD_VARIANT.c.word).where(
            ~exists().where(WORD.c.id == WORD_VARIANT.c.word)
        ),
    }


def _orders() -> dict[str, Select[Any]]:
    """The order of faces, series and instances."""
    first = STUDY.alias()
    same = and_(first.c.store == STUDY.c.store, first.c.uid == STUDY.c.uid, first.c.face == 0)
    dated = and_(
        same,
        first.c.study_date == STUDY.c.order_date,
        first.c.study_time == STUDY.c.order_time,
    )
    of_modality = and_(
        STUDY_MODALITY.c.study == STUDY.c.id,
        STUDY_MODALITY.c.store == STUDY.c.store,
        STUDY_MODALITY.c.uid == STUDY.c.uid,
        STUDY_MODALITY.c.face == STUDY.c.face,
        STUDY_MODALITY.c.order_date == STUDY.c.order_date,
        STUDY_MODALITY.c.order_time == STUDY.c.order_time,
    )
    faces = func.count()
    numbers = or_(func.min(STUDY.c.face) != 0, func.max(STUDY.c.face) != faces - 1)
    ranks = or_(func.min(SERIES.c.rank) != 0, func.max(SERIES.c.rank) != faces - 1)
    apart = func.min(SERIES.c.order_number) != func.max(SERIES.c.order_number)
    return {
        "studies that do not stand where their first face does": select(STUDY.c.id).where(
            ~exists().where(dated)
        ),
        "studies whose faces are not numbered": select(STUDY.c.uid)
        .group_by(STUDY.c.store, STUDY.c.uid)
        .having(numbers),
        "series whose rows are not ranked": select(SERIES.c.uid)
        .join(STUDY, STUDY.c.id == SERIES.c.study)
        .group_by(STUDY.c.store, STUDY.c.uid, SERIES.c.uid)
        .having(or_(ranks, apart)),
        "modalities that do not stand where their study does": select(STUDY_MODALITY.c.study).where(
            ~exists().where(of_modality)
        ),
        "instances that count twice or never": select(func.min(INSTANCE.c.id))
        .join(IMAGE_SET, IMAGE_SET.c.id == INSTANCE.c.image_set)
        .group_by(IMAGE_SET.c.store, IMAGE_SET.c.study_uid, INSTANCE.c.sop_uid)
        .having(func.count().filter(~INSTANCE.c.shadowed) != 1),
        "instances that a preferred image set should shadow": _misplaced(),
    }


def _misplaced() -> Select[Any]:
    """Instances that count although a preferred image set has them, too."""
    other, mine, theirs = INSTANCE.alias(), IMAGE_SET.alias(), IMAGE_SET.alias()
    primary, others = mine.c.is_primary.is_(True), theirs.c.is_primary.is_(True)
    alike = primary == others
    newer = or_(
        theirs.c.updated > mine.c.updated,
        and_(theirs.c.updated == mine.c.updated, theirs.c.image_set_id < mine.c.image_set_id),
    )
    return (
        select(INSTANCE.c.id)
        .join(mine, mine.c.id == INSTANCE.c.image_set)
        .join(other, and_(other.c.sop_uid == INSTANCE.c.sop_uid, other.c.id != INSTANCE.c.id))
        .join(theirs, theirs.c.id == other.c.image_set)
        .where(
            ~INSTANCE.c.shadowed,
            theirs.c.store == mine.c.store,
            theirs.c.study_uid == mine.c.study_uid,
            or_(and_(others, ~primary), and_(alike, newer)),
        )
    )


def _counts() -> dict[str, Select[Any]]:
    counted = _counted()
    c = counted.c
    whole = (
        select(
            c.store,
            c.study_uid,
            func.count().label("instances"),
            func.count(c.series_uid.distinct()).label("series"),
        )
        .group_by(c.store, c.study_uid)
        .subquery()
    )
    same = and_(whole.c.store == STUDY.c.store, whole.c.study_uid == STUDY.c.uid)
    series = (
        select(c.store, c.study_uid, c.series_uid, func.count().label("instances"))
        .group_by(c.store, c.study_uid, c.series_uid)
        .subquery()
    )
    within = and_(
        series.c.store == STUDY.c.store,
        series.c.study_uid == STUDY.c.uid,
        series.c.series_uid == SERIES.c.uid,
    )
    return {
        "studies that count otherwise": select(STUDY.c.id)
        .outerjoin(whole, same)
        .where(
            or_(
                func.coalesce(whole.c.instances, 0) != STUDY.c.instance_count,
                func.coalesce(whole.c.series, 0) != STUDY.c.series_count,
            )
        ),
        "series that count otherwise": select(SERIES.c.id)
        .join(STUDY, STUDY.c.id == SERIES.c.study)
        .outerjoin(series, within)
        .where(func.coalesce(series.c.instances, 0) != SERIES.c.instance_count),
        "studies of other modalities": _listed(counted, STUDY.c.modalities, c.modality),
        "studies of other SOP classes": _listed(counted, STUDY.c.sop_classes, c.sop_class),
        "studies that are not found by their modalities": _unlisted(),
    }


def _counted() -> Subquery:
    """The instances that are not shadowed, with their series and study."""
    return (
        select(
            IMAGE_SET.c.store,
            IMAGE_SET.c.study_uid,
            SERIES.c.uid.label("series_uid"),
            SERIES.c.modality,
            INSTANCE.c.sop_class,
        )
        .join_from(IMAGE_SET, SERIES, SERIES.c.image_set == IMAGE_SET.c.id)
        .join(INSTANCE, INSTANCE.c.series == SERIES.c.id)
        .where(~INSTANCE.c.shadowed)
        .subquery()
    )


def _between(value: ColumnElement[str]) -> ColumnElement[str]:
    return literal("\\") + value + literal("\\")


def _listed(counted: Subquery, said: ColumnElement[str], value: ColumnElement[str]) -> Select[Any]:
    """Studies of which ``said`` is not the list of the values that its instances have."""
    distinct = (
        select(counted.c.store, counted.c.study_uid, value.label("value"))
        .where(value != "")
        .distinct()
        .subquery()
    )
    d = distinct.c
    here = and_(d.store == STUDY.c.store, d.study_uid == STUDY.c.uid)
    length = select(func.coalesce(func.sum(func.length(d.value) + 1) + 1, 0)).where(here)
    marked = _between(cast(d.value, Text))
    missing = exists().where(here, func.replace(said, marked, "") == said)
    return select(STUDY.c.id).where(or_(func.length(said) != length.scalar_subquery(), missing))


def _unlisted() -> Select[Any]:
    each = func.length(STUDY_MODALITY.c.modality) + 1
    length = select(func.coalesce(func.sum(each) + 1, 0)).where(
        STUDY_MODALITY.c.study == STUDY.c.id
    )
    marked = _between(cast(STUDY_MODALITY.c.modality, Text))
    extra = exists().where(
        STUDY_MODALITY.c.study == STUDY.c.id,
        func.replace(STUDY.c.modalities, marked, "") == STUDY.c.modalities,
    )
    differs = func.length(STUDY.c.modalities) != length.scalar_subquery()
    return select(STUDY.c.id).where(or_(differs, extra))


def _unheard(connection: Connection) -> Iterator[str]:
    """Persons who are not found by their words, and words by their variants."""
    after = -1
    query = select(PERSON.c.id, PERSON.c.name, PERSON.c.folded).order_by(PERSON.c.id)
    while found := connection.execute(query.where(PERSON.c.id > after).limit(_AT_ONCE)).all():
        after = found[-1].id
        spoken: dict[int, set[str]] = {row.id: set() for row in found}
        links = (
            select(PERSON_WORD.c.person, WORD.c.text)
            .join(WORD, WORD.c.id == PERSON_WORD.c.word)
            .where(PERSON_WORD.c.person.between(found[0].id, after))
        )
        for person, text in connection.execute(links):
            spoken[person].add(text)
        for row in found:
            if spoken[row.id] != {*words.of(row.name)} or row.folded != words.folded(row.name):
                yield f"a person is not found by words: {row.id}"
    yield from _unvaried(connection)


def _unvaried(connection: Connection) -> Iterator[str]:
    after = -1
    query = select(WORD).order_by(WORD.c.id)
    while found := connection.execute(query.where(WORD.c.id > after).limit(_AT_ONCE)).all():
        after = found[-1].id
        known: dict[int, set[str]] = {row.id: set() for row in found}
        column = WORD_VARIANT.c.word
        links = select(column, WORD_VARIANT.c.variant).where(column.between(found[0].id, after))
        for word, variant in connection.execute(links):
            known[word].add(variant)
        for row in found:
            if known[row.id] != words.variants(row.text) or row.sound != words.sound(row.text):
                yield f"a word is not found by its variants: {row.id}"
