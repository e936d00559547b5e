"""Persons found by a name: all that match, by whatever index."""

import random

import pytest
from sqlalchemy import select

from gateway.catalog import people, plans
from gateway.catalog.schema import PERSON, STUDY
from gateway.dicom.keys import Key, Modes
from gateway.dicomweb import query as queries
from gateway.dicomweb.query import Level
from tests.unit.catalog.archives import NAMES, Archive
from tests.unit.catalog.questions import NAMES as KEYS

NAME = 0x00100010


@pytest.fixture
def named(database):
    """A catalog of persons."""
    archive = Archive(random.Random(3))
    archive.grow(60)
    archive.store(database)
    return database


@pytest.mark.parametrize("fuzzy", [False, True])
@pytest.mark.parametrize("most", [1_500, 2])
def test_nobody_who_matches_is_missed(named, monkeypatch, fuzzy, most):
    monkeypatch.setattr(people, "_MOST", most)
    modes = Modes(fuzzy=fuzzy)
    with named.read() as connection:
        joined = select(PERSON.c.id, PERSON.c.name).join(STUDY, STUDY.c.patient_name == PERSON.c.id)
        every = {row.id: row.name for row in connection.execute(joined.where(PERSON.c.id != 0))}
        assert len(every) > len(NAMES) / 2
        for value in KEYS:
            for asked in plans.plan(asking(value, fuzzy=fuzzy)).names:
                found = people.find(connection, asked, modes)
                test = Key(asked.values, modes)
                met = {one for one, name in every.items() if test.meets((NAME, "PN", [name]))}
                condition = found.where(connection.dialect.name, STUDY.c.patient_name)
                chosen = select(STUDY.c.patient_name)
                if condition is not None:
                    chosen = chosen.where(condition)
                let = set(connection.execute(chosen).scalars()) - {0}
                assert met <= let, value
                if found.decided:
                    assert let == met, value


def asking(value, *, fuzzy):
    pairs = [("PatientName", value), ("fuzzymatching", str(fuzzy).lower())]
    return queries.parse(Level.STUDY, pairs, {})
