"""Batches of entries: what they write, again and in any order, and what they leave."""

import pytest
from sqlalchemy import func, select

from gateway.catalog import integrity, progress
from gateway.catalog.entries import entry
from gateway.catalog.progress import Mark, Progress
from gateway.catalog.schema import IMAGE_SET, INSTANCE, PERSON, SERIES, STUDY, STUDY_MODALITY, WORD
from gateway.catalog.writer import Writer
from gateway.errors import CatalogError
from tests.unit.catalog.dumping import dump
from tests.unit.catalog.making import archive, document, summary

STORE = "d" * 32
STUDY_UID, SERIES_UID = "1.2.3", "1.2.3.1"


@pytest.fixture
def writer(database):
    found = Writer(database, STORE, "flag")
    found.begin()
    return found


def one(name="a", version=1, updated=None, primary=True, sops=("1.1", "1.2"), **more):
    """An entry of a series."""
    study = more.pop("study", STUDY_UID)
    series = more.pop("series", SERIES_UID)
    return entry(summary(name, version, updated, primary), document(study, series, sops, **more))


def check(database):
    with database.read() as connection:
        assert list(integrity.faults(connection)) == []


def rows(database, query):
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def studies(database, *names):
    columns = [STUDY.c[name] for name in names]
    order = (STUDY.c.order_date.desc(), STUDY.c.order_time.desc(), STUDY.c.uid, STUDY.c.face)
    return rows(database, select(*columns).order_by(*order))


def test_a_study_of_three_series(database, writer):
    writer.apply(
        [
            one("a", sops=("1.1", "1.2")),
            one("b", series="1.2.3.2", sops=("2.1",), series_level={"Modality": "SR"}),
            one("c", series="1.2.3.3", sops=("3.1",), own={"SOPClassUID": "1.9"}),
        ]
    )
    check(database)
    said = ("uid", "face", "order_date", "modalities", "sop_classes", "series_count")
    assert studies(database, *said, "instance_count") == [
        ("1.2.3", 0, "20240102", "\\CT\\SR\\", "\\1.2.840.10008.5.1.4.1.1.2\\1.9\\", 3, 4)
    ]
    found = select(SERIES.c.uid, SERIES.c.rank, SERIES.c.instance_count).order_by(SERIES.c.uid)
    assert rows(database, found) == [("1.2.3.1", 0, 2), ("1.2.3.2", 0, 1), ("1.2.3.3", 0, 1)]
    found = select(STUDY_MODALITY.c.modality).order_by(STUDY_MODALITY.c.modality)
    assert rows(database, found) == [("CT",), ("SR",)]
    names = select(PERSON.c.name).order_by(PERSON.c.id)
    assert rows(database, names) == [("",), ("DOE^JOHN",), ("HOUSE^GREGORY",)]


def test_applying_again_changes_nothing(database, writer):
    batch = [entry(*pair) for pair in archive(12)]
    writer.apply(batch)
    before = dump(database)
    writer.apply(batch)
    writer.apply(batch[3:5] + batch[:2])
    assert dump(database) == before
    check(database)


def test_a_newer_version_replaces_and_an_older_one_is_ignored(database, writer):
    writer.apply([one(version=2, StudyDescription="second")])
    writer.apply([one(version=1, StudyDescription="first")])
    assert studies(database, "study_description") == [("second",)]
    writer.apply([one(version=3, StudyDescription="third", sops=("1.1",))])
    assert studies(database, "study_description", "instance_count") == [("third", 1)]
    newer, older = one(version=5, StudyDescription="fifth"), one(version=4)
    writer.apply([newer, older])
    assert studies(database, "study_description") == [("fifth",)]
    assert rows(database, select(IMAGE_SET.c.version)) == [(5,)]
    check(database)


def test_an_image_set_can_become_one_of_another_study(database, writer):
    writer.apply([one("a"), one("b", sops=("1.3",))])
    writer.apply([one("a", 2, study="1.9")])
    assert sorted(studies(database, "uid", "instance_count")) == [("1.2.3", 1), ("1.9", 2)]
    check(database)


def test_what_is_gone_leaves_nothing(database, writer):
    writer.apply([one("a"), one("b", series="1.2.3.2", sops=("2.1",))])
    writer.apply([], ["a", "unknown"])
    assert studies(database, "series_count", "instance_count") == [(1, 1)]
    writer.apply([one("b", 2), one("c")], ["b", "c"])
    for table in (STUDY, SERIES, INSTANCE, STUDY_MODALITY, IMAGE_SET):
        assert rows(database, select(func.count()).select_from(table)) == [(0,)]
    check(database)


def test_the_preferred_image_set_has_the_instances_of_both(database, writer):
    shadowed = (
        select(IMAGE_SET.c.image_set_id, INSTANCE.c.sop_uid)
        .join(INSTANCE, INSTANCE.c.image_set == IMAGE_SET.c.id)
        .where(INSTANCE.c.shadowed)
        .order_by(IMAGE_SET.c.image_set_id, INSTANCE.c.sop_uid)
    )
    writer.apply([one("a", updated=1.0, primary=False)])
    writer.apply([one("b", updated=2.0, primary=False, sops=("1.2", "1.3"))])
    assert rows(database, shadowed) == [("a", "1.2")]
    assert studies(database, "instance_count", "series_count") == [(3, 1)]
    check(database)
    writer.apply([one("a", updated=3.0, primary=True)])  # the same version, now primary
    assert rows(database, shadowed) == [("b", "1.2")]
    ranks = select(IMAGE_SET.c.image_set_id, SERIES.c.rank).join(
        SERIES, SERIES.c.image_set == IMAGE_SET.c.id
    )
    assert sorted(rows(database, ranks)) == [("a", 0), ("b", 1)]
    check(database)
    writer.apply([], ["a"])
    assert rows(database, shadowed) == []
    assert studies(database, "instance_count") == [(2,)]
    check(database)


def test_image_sets_that_contradict_each_other_are_faces_of_a_study(database, writer):
    writer.apply([one("a", updated=1.0, patient={"PatientName": "DOE^JON"}, StudyDate="20250101")])
    writer.apply([one("b", updated=2.0, series="1.2.3.2", sops=("2.1",))])
    writer.apply([one("c", updated=0.5, series="1.2.3.3", sops=("3.1",))])
    said = ("face", "study_date", "order_date", "series_count")
    assert studies(database, *said) == [
        (0, "20240102", "20240102", 3),
        (1, "20250101", "20240102", 3),
    ]
    check(database)
    writer.apply([one("a", updated=3.0, patient={"PatientName": "DOE^JON"}, StudyDate="20250101")])
    assert studies(database, *said) == [
        (0, "20250101", "20250101", 3),
        (1, "20240102", "20250101", 3),
    ]
    check(database)
    writer.apply([], ["a"])
    assert studies(database, *said) == [(0, "20240102", "20240102", 2)]
    check(database)


def test_a_document_that_cannot_be_read_is_known_as_failed(database, writer):
    writer.apply([one("a")])
    writer.apply([entry(summary("a", 2), b"{"), entry(summary("b"), b'{"Patient":')])
    found = select(IMAGE_SET.c.image_set_id, IMAGE_SET.c.version, IMAGE_SET.c.failed)
    assert sorted(rows(database, found)) == [("a", 2, True), ("b", 1, True)]
    assert studies(database, "uid") == []
    writer.apply([one("a", 2), one("b", 2)])
    assert [failed for _, _, failed in rows(database, found)] == [False, False]
    check(database)


def test_under_the_policy_of_primary_ones_others_do_not_count(database):
    writer = Writer(database, STORE, "primary")
    writer.begin()
    writer.apply([one("a"), one("b", primary=False), one("c", primary=None)])
    found = select(IMAGE_SET.c.image_set_id)
    assert sorted(rows(database, found)) == [("a",), ("c",)]
    writer.apply([one("a", 2, primary=False)])
    assert rows(database, found) == [("c",)]
    check(database)


def test_another_policy_begins_anew(database, writer):
    writer.apply([one("a")], mark=Mark(watermark=5.0))
    assert writer.begin() == Progress("flag", 5.0)
    other = Writer(database, STORE, "primary")
    with pytest.raises(CatalogError, match="not begun"):
        other.apply([one("b")])
    assert other.begin() == Progress("primary")
    assert studies(database, "uid") == []
    with pytest.raises(CatalogError, match="not begun"):
        writer.apply([one("a")])


def test_data_stores_are_apart(database, writer):
    other = Writer(database, "e" * 32, "all")
    other.begin()
    writer.apply([one("a")])
    other.apply([one("a", StudyDescription="other"), one("b", updated=9e9)])
    assert sorted(studies(database, "study_description", "instance_count")) == [
        ("CT CHEST", 2),
        ("CT CHEST", 2),
        ("other", 2),
    ]
    check(database)
    writer.drop()
    assert sorted(studies(database, "study_description")) == [("CT CHEST",), ("other",)]
    check(database)
    other.drop()
    assert rows(database, select(func.count()).select_from(INSTANCE)) == [(0,)]


def test_the_progress_changes_with_its_batch(database, writer):
    writer.apply([one("a")], mark=Mark(10.0, first_load={"token": "x"}))
    writer.apply([], mark=Mark(9.0, synced_at=20.0))
    with database.read() as connection:
        found = progress.read(connection, STORE)
        assert progress.read(connection, "e" * 32) is None
    assert found == Progress("flag", 10.0, None, 20.0, None, {"token": "x"})
    writer.apply([], mark=Mark(loaded_at=30.0))
    with database.read() as connection:
        assert progress.read(connection, STORE) == Progress("flag", 10.0, 30.0, 20.0)


def test_what_fails_leaves_nothing_of_its_batch(database, writer, monkeypatch):
    writer.apply([one("a")], mark=Mark(1.0))
    before = dump(database)
    monkeypatch.setattr("gateway.catalog.aggregates.settle", None)
    with pytest.raises(TypeError):
        writer.apply([one("b", 2, study="1.9")], ["a"], mark=Mark(2.0))
    assert dump(database) == before
    with database.read() as connection:
        assert progress.read(connection, STORE) == Progress("flag", 1.0)


def test_names_that_nobody_has_any_more_are_swept(database, writer):
    writer.apply([one("a", patient={"PatientName": "DOE^JANE"}), one("b", study="1.9")])
    writer.apply([], ["a"])
    after = 0
    while after is not None:
        after = writer.sweep(after, limit=1)
    names = select(PERSON.c.name).order_by(PERSON.c.name)
    assert rows(database, names) == [("",), ("DOE^JOHN",), ("HOUSE^GREGORY",)]
    texts = [text for (text,) in rows(database, select(WORD.c.text).order_by(WORD.c.text))]
    assert texts == ["=doejohn", "=housegregory", "doe", "gregory", "house", "john"]
    check(database)
