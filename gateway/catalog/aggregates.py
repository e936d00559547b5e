"""What rows say of others: computed anew for the studies that a batch has touched.

Which instances are shadowed, how series and faces are ordered, and what is said of a study as a
whole follows from all of its image sets. What is as it was is not written.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, case, func, or_, select

from gateway.catalog import batches, columns
from gateway.catalog.batches import Values
from gateway.catalog.schema import IMAGE_SET, INSTANCE, SERIES, STUDY, STUDY_MODALITY

_OF_STUDY: Final = (
    "face",
    "order_date",
    "order_time",
    "modalities",
    "sop_classes",
    "series_count",
    "instance_count",
)
_ORDER: Final = ("order_date", "order_time", "uid", "face")


@dataclass(slots=True)
class _Study:
    """The rows of a study; ``spoken`` are its SOP classes by row of ``series``.

    These are counted over the instances that are not shadowed.
    """

    image_sets: list[Any] = field(default_factory=list)
    series: list[Any] = field(default_factory=list)
    faces: list[Any] = field(default_factory=list)
    classes: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def places(self) -> Mapping[int, int]:
        """The places of the image sets, the preferred first."""
        order = sorted(
            self.image_sets, key=lambda row: (row.is_primary is not True, -row.updated, row.name)
        )
        return {row.id: place for place, row in enumerate(order)}


def settle(connection: Connection, store: int, uids: Collection[str]) -> None:
    """Bring the studies ``uids`` into agreement with their image sets."""
    studies = _image_sets(connection, store, uids)
    batches.change(
        connection, INSTANCE, _shadows(connection, store, _contested(connection, studies))
    )
    _read(connection, store, studies)
    series: list[Values] = []
    faces: list[Values] = []
    modalities: list[Values] = []
    for one in studies.values():
        places = one.places()
        one.series.sort(key=lambda row: (places[row.image_set], row.id))
        series += _series(one)
        rows = _faces(one)
        faces += rows
        modalities += _modalities(store, rows)
    batches.change(connection, SERIES, series)
    _write(connection, studies, faces, modalities)


def _image_sets(connection: Connection, store: int, uids: Collection[str]) -> dict[str, _Study]:
    studies: dict[str, _Study] = {uid: _Study() for uid in sorted(uids)}
    query = select(
        IMAGE_SET.c.id,
        IMAGE_SET.c.study_uid,
        IMAGE_SET.c.is_primary,
        IMAGE_SET.c.updated,
        IMAGE_SET.c.image_set_id.label("name"),
    ).where(IMAGE_SET.c.store == store)
    for row in batches.rows(connection, query, IMAGE_SET.c.study_uid, studies):
        studies[row.study_uid].image_sets.append(row)
    return studies


def _contested(connection: Connection, studies: Mapping[str, _Study]) -> Mapping[str, _Study]:
    """The studies of which instances are shadowed, or may have to be."""
    alone = {one.image_sets[0].id for one in studies.values() if len(one.image_sets) == 1}
    column = INSTANCE.c.image_set
    query = select(column).where(INSTANCE.c.shadowed).distinct()
    shadowed = {number for (number,) in batches.rows(connection, query, column, alone)}
    return {
        uid: one
        for uid, one in studies.items()
        if len(one.image_sets) > 1 or any(row.id in shadowed for row in one.image_sets)
    }


def _shadows(connection: Connection, store: int, studies: Mapping[str, _Study]) -> list[Values]:
    """The instances that become shadowed, or no longer are."""
    wanted = _doubtful(connection, store, studies)
    places = {
        number: (uid, place) for uid in studies for number, place in studies[uid].places().items()
    }
    query = select(INSTANCE.c.id, INSTANCE.c.sop_uid, INSTANCE.c.image_set, INSTANCE.c.shadowed)
    rivals: dict[tuple[str, str], list[Any]] = defaultdict(list)
    sops = {sop for _, sop in wanted}
    for row in batches.rows(connection, query, INSTANCE.c.sop_uid, sops):
        if row.image_set in places:  # others have it in other studies
            rivals[places[row.image_set][0], row.sop_uid].append(row)
    changes: list[Values] = []
    for key in wanted:
        first = min(rivals[key], key=lambda row: (places[row.image_set][1], row.id))
        changes += [
            {"id": row.id, "shadowed": row is not first}
            for row in rivals[key]
            if row.shadowed == (row is first)
        ]
    return changes


def _doubtful(
    connection: Connection, store: int, studies: Collection[str]
) -> Sequence[tuple[str, str]]:
    """Studies and SOP instances that several image sets have, or of which one is shadowed."""
    study, sop = IMAGE_SET.c.study_uid, INSTANCE.c.sop_uid
    shadowed = func.sum(case((INSTANCE.c.shadowed, 1), else_=0))
    query = (
        select(study, sop)
        .join_from(IMAGE_SET, INSTANCE, INSTANCE.c.image_set == IMAGE_SET.c.id)
        .where(IMAGE_SET.c.store == store)
        .group_by(study, sop)
        .having(or_(func.count() > 1, shadowed > 0))
    )
    return [(uid, name) for uid, name in batches.rows(connection, query, study, studies)]


def _read(connection: Connection, store: int, studies: Mapping[str, _Study]) -> None:
    """Read the rows of ``studies``."""
    study = IMAGE_SET.c.study_uid
    below = (
        select(SERIES.c.id, INSTANCE.c.sop_class, study, func.count())
        .join_from(IMAGE_SET, SERIES, SERIES.c.image_set == IMAGE_SET.c.id)
        .join(INSTANCE, INSTANCE.c.series == SERIES.c.id)
        .where(IMAGE_SET.c.store == store, ~INSTANCE.c.shadowed)
        .group_by(SERIES.c.id, INSTANCE.c.sop_class, study)
    )
    for number, sop_class, uid, count in batches.rows(connection, below, study, studies):
        studies[uid].classes[number][sop_class] = count
    names = "id study image_set uid rank order_number series_number modality instance_count"
    series = (
        select(study, *(SERIES.c[name] for name in names.split()))
        .join_from(IMAGE_SET, SERIES, SERIES.c.image_set == IMAGE_SET.c.id)
        .where(IMAGE_SET.c.store == store)
    )
    for row in batches.rows(connection, series, study, studies):
        studies[row.study_uid].series.append(row)
    names = "id uid study_date study_time"
    faces = select(*(STUDY.c[name] for name in (*names.split(), *_OF_STUDY)))
    there = faces.where(STUDY.c.store == store)
    for row in batches.rows(connection, there, STUDY.c.uid, studies):
        studies[row.uid].faces.append(row)


def _series(study: _Study) -> Iterable[Values]:
    """The changes of the rows of series, which are in the order of preference."""
    members: dict[str, list[Any]] = defaultdict(list)
    for row in study.series:
        members[row.uid].append(row)
    for rows in members.values():
        number = columns.series_place(rows[0].series_number)
        count = sum(study.classes[row.id].total() for row in rows)
        for rank, row in enumerate(rows):
            if (row.rank, row.order_number, row.instance_count) != (rank, number, count):
                changed = {"rank": rank, "order_number": number, "instance_count": count}
                yield {"id": row.id, **changed}


def _faces(study: _Study) -> list[Values]:
    """The rows of the study as they have to be, in their order, without those nobody speaks for."""
    spoken = list(dict.fromkeys(row.study for row in study.series))
    if not spoken:
        return []
    rows = {row.id: row for row in study.faces}
    first = rows[spoken[0]]
    counted = [row for row in study.series if study.classes[row.id]]
    classes = Counter[str]()
    for row in counted:
        classes.update(study.classes[row.id])
    said = {
        "order_date": first.study_date,
        "order_time": first.study_time,
        "modalities": listed(row.modality for row in counted),
        "sop_classes": listed(classes),
        "series_count": len({row.uid for row in counted}),
        "instance_count": classes.total(),
    }
    return [
        {"id": number, "uid": first.uid, "face": face, **said} for face, number in enumerate(spoken)
    ]


def listed(values: Iterable[str]) -> str:
    r"""The values of an aggregate, sorted and each between backslashes: ``\CT\SR\``."""
    every = sorted({*values} - {""})
    return "".join(["\\", *(f"{one}\\" for one in every)]) if every else ""


def _modalities(store: int, faces: Iterable[Values]) -> Iterable[Values]:
    for row in faces:
        for modality in filter(None, row["modalities"].split("\\")):
            order = {name: row[name] for name in _ORDER}
            yield {"store": store, "modality": modality, "study": row["id"], **order}


def _write(
    connection: Connection,
    studies: Mapping[str, _Study],
    faces: Sequence[Values],
    modalities: Sequence[Values],
) -> None:
    """Change the rows of studies that are not ``faces`` yet, and of their ``modalities``."""
    before = {row.id: row for one in studies.values() for row in one.faces}
    column = STUDY_MODALITY.c.study
    there: dict[int, set[tuple[Any, ...]]] = defaultdict(set)
    names = ("modality", *_ORDER)
    query = select(column, *(STUDY_MODALITY.c[name] for name in names))
    for number, *values in batches.rows(connection, query, column, before):
        there[number].add(tuple(values))
    wanted: dict[int, set[tuple[Any, ...]]] = defaultdict(set)
    for row in modalities:
        wanted[row["study"]].add(tuple(row[name] for name in names))
    stale = {number for number in before if there[number] != wanted[number]}
    batches.remove(connection, column, [number for number in stale if there[number]])
    gone = before.keys() - {row["id"] for row in faces}
    batches.remove(connection, STUDY.c.id, gone)
    _renumber(connection, before, faces)
    changed = [{name: row[name] for name in ("id", *_OF_STUDY)} for row in faces]
    differing = [
        row
        for row in changed
        if any(getattr(before[row["id"]], name) != row[name] for name in _OF_STUDY)
    ]
    batches.change(connection, STUDY, differing)
    batches.add(connection, STUDY_MODALITY, [row for row in modalities if row["study"] in stale])


def _renumber(connection: Connection, before: Mapping[int, Any], faces: Sequence[Values]) -> None:
    """Put faces that get other numbers aside, because no two have the same at any moment."""
    moved = [row for row in faces if before[row["id"]].face != row["face"]]
    aside = [{"id": row["id"], "face": -1 - row["face"]} for row in moved]
    batches.change(connection, STUDY, aside)
