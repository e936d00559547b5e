"""Whatever is asked of whatever archive: the catalog answers as matching every document does."""

import os
import random

import pytest

from gateway.catalog import plans
from gateway.catalog.limits import Clock
from gateway.catalog.reader import Asked, Reader
from gateway.errors import InvalidRequest
from gateway.services import results
from gateway.services.criteria import criteria
from gateway.services.results import Result
from gateway.services.scope import Scope
from tests.unit.catalog.archives import DATASTORE, ROOT, Archive, brute_force, parsed
from tests.unit.catalog.questions import question

SEED = int(os.environ.get("CATALOG_SEED", "1"))
QUERIES = int(os.environ.get("CATALOG_QUERIES", "300"))
_EACH = 100


def _scope(spoken):
    return Scope((), ROOT, whole=False, facts=spoken.facts)


def _asked(query, offset, limit):
    def computed(spoken, wanted):
        return _scope(spoken).computed(wanted, query.level, spoken.speaker)

    return Asked(plans.plan(query), DATASTORE, limit, computed, skip=offset)


def _written(found):
    return [results.dicom_json([one], 1024).decode() for one in found]


@pytest.mark.parametrize("number", range(max(QUERIES // _EACH, 1)))
def test_the_catalog_answers_as_brute_force(database, number):
    chance = random.Random(f"{SEED} {number}")
    archive = Archive(chance)
    archive.grow(chance.choice((5, 40)))
    archive.store(database)
    studies, reader = archive.studies(), Reader(database)
    for _ in range(_EACH):
        level, pairs, offset, limit = question(chance)
        try:
            query = parsed(level, pairs)
        except InvalidRequest:
            continue
        expected = brute_force(studies, query)
        page = reader.page(_asked(query, offset, limit), Clock(60.0))
        found = [Result(criteria(query), one.speaker, _scope(one)) for one in page.results]
        wanted = expected[offset : offset + limit]
        about = (SEED, number, level, pairs, offset, limit)
        assert _written(found) == _written(wanted), about
        behind = max(len(expected) - offset - len(wanted), 0)
        assert page.behind == behind if page.counted else 1 <= page.behind <= behind, about
        if page.counted:
            assert offset + len(found) - page.short + page.behind == len(expected), about
