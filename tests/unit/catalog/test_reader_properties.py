"""Whatever is asked of whatever archive: the catalog answers as matching every document does."""

import os
import random

import pytest

from gateway.catalog import accesses, people, plans, reader, rows
from gateway.catalog.limits import Clock
from gateway.catalog.reader import Asked, Reader
from gateway.dicomweb.query import Level
from gateway.errors import InvalidRequest
from gateway.services import results
from gateway.services.criteria import criteria
from gateway.services.results import Result
from gateway.services.scope import Scope
from tests.unit.catalog.archives import DATASTORE, ROOT, Archive, brute_force, parsed
from tests.unit.catalog.questions import question

SEED = int(os.environ.get("CATALOG_SEED", "1"))
QUERIES = int(os.environ.get("CATALOG_QUERIES", "200"))
_EACH = 100


def _scope(spoken):
    return Scope((), ROOT, whole=False, facts=spoken.facts)


def _asked(query, offset, limit):
    def computed(spoken, wanted):
        return _scope(spoken).computed(wanted, query.level, spoken.speaker)

    return Asked(plans.plan(query), DATASTORE, limit, computed, skip=offset)


def _written(found):
    return [results.dicom_json([one], 1024).decode() for one in found]


def _as_if_large(monkeypatch):
    """Let indexes be walked and batches be many, as in an archive of millions of studies."""
    monkeypatch.setattr(accesses, "_FEW", 3)
    monkeypatch.setattr(people, "_MOST", 2)
    monkeypatch.setattr(people, "_COMPARED", 1)
    monkeypatch.setattr(rows, "_BATCH", 7)
    monkeypatch.setattr(rows, "_BLOBS_BATCH", 3)
    monkeypatch.setattr(reader, "_LOOKED_AHEAD", 5)
    monkeypatch.setattr(reader, "_COUNTED", dict.fromkeys(Level, 4))


@pytest.mark.parametrize("number", range(max(QUERIES // _EACH, 1)))
def test_the_catalog_answers_as_brute_force(database, number, monkeypatch):
    if number % 2:
        _as_if_large(monkeypatch)
    chance = random.Random(f"{SEED} {number}")
    archive = Archive(chance)
    archive.grow(chance.choice((5, 40)))
    archive.store(database)
    studies, asked = archive.studies(), Reader(database)
    for _ in range(_EACH):
        level, pairs, offset, limit = question(chance)
        try:
            query = parsed(level, pairs)
        except InvalidRequest:
            continue
        expected = brute_force(studies, query)
        page = asked.page(_asked(query, offset, limit), Clock(60.0))
        found = [Result(criteria(query), one.speaker, _scope(one)) for one in page.results]
        wanted = expected[offset : offset + limit]
        about = (SEED, number, level, pairs, offset, limit)
        assert _written(found) == _written(wanted), about
        behind = max(len(expected) - offset - len(wanted), 0)
        assert page.behind == behind if page.counted else 1 <= page.behind <= behind, about
        if page.counted:
            assert offset + len(found) - page.short + page.behind == len(expected), about
