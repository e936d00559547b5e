"""However image sets came to be as they are, the catalog is as if it were built of them anew."""

import random

import pytest
from sqlalchemy import select, text

from gateway.catalog import integrity
from gateway.catalog.entries import entry
from gateway.catalog.schema import INSTANCE, SERIES, STUDY
from gateway.catalog.writer import Writer
from gateway.imagesets import document as documents
from tests.unit.catalog.dumping import dump
from tests.unit.catalog.making import document, summary

GROWN, ANEW = "a" * 32, "b" * 32
STUDIES = ("1.2.1", "1.2.2", "1.2.3")
NAMES = ("DOE^JOHN", "DOE^JON", "Müller^Jörg", "", "山田^太郎=やまだ^たろう")
POLICIES = ("flag", "primary", "all")


def draw_document(draw, study):
    """A document with instances that others may have, too, and attributes that contradict them."""
    series = f"{study}.{draw.randrange(3)}"
    sops = [f"{study}.9.{draw.randrange(12)}" for _ in range(draw.randrange(5))]
    patient = {"PatientName": draw.choice(NAMES), "PatientSex": draw.choice(["M", None])}
    own = draw.choice([{}, {}, {"PatientID": "other"}, {"Modality": "SR"}, {"SOPClassUID": "1.7"}])
    level = {
        "SeriesNumber": draw.choice(["1", "007", "2 ", "x", None]),
        "Modality": draw.choice(["CT", "MR", None]),
    }
    date = draw.choice(["20240102", "20230505", "", "1994.01.31"])
    content = document(study, series, dict.fromkeys(sops), patient, own, level, StudyDate=date)
    if sops and draw.random() < 0.3:  # attributes of one instance differ from those of the others
        other = document(study, series, sops[:1], {"PatientName": "OTHER"}, {"PatientWeight": "70"})
        tree, found = (documents.orjson.loads(one) for one in (content, other))
        [here] = tree["Study"]["Series"].values()
        [there] = found["Study"]["Series"].values()
        here["Instances"] |= there["Instances"]
        content = documents.orjson.dumps(tree)
    return content


def draw_history(draw):
    """Batches of entries and deletions, and what is there in the end."""
    there, versions, batches = {}, {}, []
    for moment in range(draw.randrange(1, 10)):
        batch, gone = [], set()
        for _ in range(draw.randrange(1, 8)):
            name = draw.choice("abcdefghij") + str(draw.randrange(2))
            if name in versions and versions[name] is None:
                continue  # deleted for ever
            if name in there and draw.random() < 0.25:
                gone.add(name)
                versions[name] = None
                there.pop(name)
                continue
            versions[name] = versions.get(name, 0) + 1
            primary = draw.choice([True, False, None])
            said = summary(name, versions[name], 1e9 + moment + draw.random(), primary)
            content = b"{" if draw.random() < 0.05 else draw_document(draw, draw.choice(STUDIES))
            there[name] = said, content
            batch.append((said, content))
            if draw.random() < 0.3:  # the same version, updated later
                primary = draw.choice([True, False, None])
                said = summary(name, versions[name], said.updated + 0.5, primary)
                there[name] = said, content
                batch.append((said, content))
        batches.append((batch, gone))
    return batches, there


@pytest.mark.parametrize("seed", range(3))
def test_a_history_leaves_what_its_end_gives(database, seed):
    draw = random.Random(seed)
    for policy in POLICIES:
        batches, there = draw_history(draw)
        grown, anew = (Writer(database, name, policy) for name in (GROWN, ANEW))
        grown.begin(), anew.begin()
        earlier = []
        for batch, gone in batches:
            entries = [entry(*pair) for pair in batch]
            draw.shuffle(entries)
            repeated = [one for one in earlier if one.image_set_id not in gone]
            if policy == "primary":  # of what does not count it is not known that it was there
                repeated = []
            grown.apply(draw.sample(repeated, len(repeated) // 2) + entries, gone)
            alive = {one.image_set_id for one in (*earlier, *entries)} - gone
            earlier = [one for one in (*earlier, *entries) if one.image_set_id in alive]
            with database.read() as connection:
                assert list(integrity.faults(connection)) == []
        anew.apply([entry(*pair) for pair in there.values()])
        first, second = dump(database, GROWN), dump(database, ANEW)
        for name, rows in first.items():
            assert rows == second[name], name
        grown.drop(), anew.drop()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM instance WHERE id = 1", "count otherwise"),
        ("UPDATE instance SET shadowed = NOT shadowed WHERE id = 1", "twice or never"),
        ("UPDATE study SET modalities = '' WHERE id = 1", "other modalities"),
        ("UPDATE study SET sop_classes = '' WHERE id = 1", "other SOP classes"),
        ("UPDATE study SET order_date = '1' WHERE id = 1", "where their first face does"),
        ("UPDATE study SET face = 3 WHERE id = 1", "not numbered"),
        ("UPDATE study SET instance_count = 9 WHERE id = 1", "studies that count otherwise"),
        ("UPDATE study SET series_count = 9 WHERE id = 1", "studies that count otherwise"),
        ("UPDATE series SET instance_count = 9 WHERE id = 1", "series that count otherwise"),
        ("UPDATE series SET rank = 9 WHERE id = 1", "not ranked"),
        ("DELETE FROM study_modality", "by their modalities"),
        ("UPDATE study_modality SET order_time = '1'", "where their study does"),
        ("DELETE FROM person_word", "not found by words"),
        ("DELETE FROM word_variant", "not found by its variants"),
        ("UPDATE image_set SET failed = NOT failed WHERE id = 1", "failed and have rows"),
    ],
)
def test_what_is_wrong_is_found(database, statement, fault):
    writer = Writer(database, GROWN, "flag")
    writer.begin()
    contents = [document("1.2", "1.2.1", ["1.2.1.1", "1.2.1.2"]), document("1.3", "1.3.1", ["1.3"])]
    writer.apply([entry(summary(f"i{at}"), one) for at, one in enumerate(contents)])
    with database.write() as connection:
        assert list(integrity.faults(connection)) == []
        connection.execute(text(statement))
        assert any(fault in said for said in integrity.faults(connection))


def test_rows_are_what_the_documents_say(database):
    """Counted here once more, without a database."""
    draw = random.Random(11)
    writer = Writer(database, GROWN, "all")
    writer.begin()
    contents = {f"i{at}": draw_document(draw, draw.choice(STUDIES)) for at in range(20)}
    writer.apply([entry(summary(name), one) for name, one in contents.items()])
    expected = {}
    for name, one in sorted(contents.items()):
        for found in documents.parse(name, one).instances.values():
            expected.setdefault((found.study, found.sop), found)  # alike but for the identifier
    with database.read() as connection:
        query = select(STUDY.c.uid, SERIES.c.uid, INSTANCE.c.sop_uid, SERIES.c.modality)
        query = query.join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series)
        query = query.join(STUDY, STUDY.c.id == SERIES.c.study).where(~INSTANCE.c.shadowed)
        found = {tuple(row) for row in connection.execute(query)}
        counts = select(STUDY.c.uid, STUDY.c.instance_count, STUDY.c.series_count)
        said = {tuple(row) for row in connection.execute(counts)}
    instances = {(one.study, one.series, one.sop, one.modality) for one in expected.values()}
    assert found == instances
    assert said == {
        (
            study,
            sum(one.study == study for one in expected.values()),
            len({one.series for one in expected.values() if one.study == study}),
        )
        for study in {one.study for one in expected.values()}
    }
