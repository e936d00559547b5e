"""Searches answered by the catalog: whose they are, pages while it changes, what is said."""

import asyncio
import random

import orjson
import pytest

from gateway.catalog.database import Database
from gateway.catalog.reader import Reader
from gateway.dicomweb import query as queries
from gateway.dicomweb.query import Level
from gateway.services import results
from gateway.services.cataloged import Cataloged
from gateway.services.criteria import criteria
from gateway.services.paging import Asked
from gateway.services.trails import Trails
from gateway.settings import GatewaySettings
from tests.unit.catalog.archives import DATASTORE, ROOT, Archive, brute_force

STUDY_UID = "0020000D"


class Follower:
    """A catalog that is as complete and as late as a test wants it."""

    def __init__(self):
        self.complete = True
        self.late = None

    async def ready(self, datastore_id):
        return self.complete

    async def catch_up(self, datastore_id):
        return self.late

    async def loading(self, datastore_id):
        return None if self.complete else "loading"


@pytest.fixture
def database(tmp_path):
    found = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    found.prepare()
    yield found
    found.close()


@pytest.fixture
def archive(database):
    found = Archive(random.Random(5))
    found.grow(40)
    found.store(database)
    return found


@pytest.fixture
def follower():
    return Follower()


def asked(*pairs, level=Level.STUDY, uids=None, limit=100):
    query = queries.parse(level, pairs, uids or {})
    most = limit if query.limit is None else query.limit
    return Asked(DATASTORE, criteria(query), ROOT, most)


def run(database, follower, *questions, between=None, **settings):
    """What is answered to ``questions`` of one client, with ``between`` done after each."""

    async def answers():
        service = Cataloged(
            Reader(database), follower, GatewaySettings(datastore_id=DATASTORE, **settings)
        )
        found = []
        for one in questions:
            found.append(await service.run(one, "somebody"))
            if between is not None:
                await asyncio.to_thread(between)
        await service.close()
        return found

    return asyncio.run(answers())


def studies(answer):
    found = orjson.loads(results.dicom_json(answer.results, 1024))
    return [one[STUDY_UID]["Value"][0] for one in found]


@pytest.mark.parametrize(
    "question",
    [
        asked(("StudyInstanceUID", "1.2.3")),
        asked(level=Level.SERIES, uids={0x0020000D: "1.2.3"}),
        asked(("imageSetId", "0" * 32)),
    ],
)
def test_what_is_within_one_study_or_image_set_is_left_to_healthimaging(
    database, archive, follower, question
):
    assert run(database, follower, question) == [None]


def test_several_studies_are_the_catalogs(database, archive, follower):
    wanted = sorted({one[0].study for one in archive.studies()})[:2]
    [answer] = run(database, follower, asked(("StudyInstanceUID", ",".join(wanted))))
    assert sorted(studies(answer)) == wanted


def test_a_catalog_that_is_not_complete_is_not_asked(database, archive, follower):
    follower.complete = False
    assert run(database, follower, asked()) == [None]


def test_a_catalog_that_is_late_says_so(database, archive, follower):
    follower.late = "late"
    [answer] = run(database, follower, asked())
    assert answer.warnings == ["late"]
    assert answer.total == len(archive.studies())


def test_what_is_left_over_is_counted(database, archive, follower):
    [answer] = run(database, follower, asked(("limit", "7"), ("offset", "3")))
    total = len(archive.studies())
    assert answer.total == total
    assert f"There are {total - 10} additional results" in answer.warnings[0]


def test_a_page_behind_the_end_is_empty_and_says_how_many_there_are(database, archive, follower):
    [answer] = run(database, follower, asked(("offset", "1000")))
    assert (answer.results, answer.total) == ([], len(archive.studies()))


@pytest.mark.parametrize("key", [(), (("PatientName", "*o*"),), (("StudyDate", "20240101-"),)])
def test_pages_are_parts_of_the_whole_while_studies_come(database, archive, follower, key):
    before = studies(run(database, follower, asked(*key))[0])
    size = 4
    pages = [
        asked(*key, ("limit", str(size)), ("offset", str(at)))
        for at in range(0, len(before) + 40, size)
    ]

    def come():
        archive.grow(3)
        archive.store(database)

    answers = run(database, follower, *pages, between=come)
    found = [one for answer in answers for one in studies(answer)]
    assert len(found) == len(set(found))
    assert set(before) <= set(found)
    after = [one.speaker.study for one in brute_force(archive.studies(), pages[0].query)]
    assert found == [one for one in after if one in set(found)]


def test_the_same_page_begins_where_it_began(database, archive, follower):
    first, second = asked(("limit", "5")), asked(("limit", "5"), ("offset", "5"))

    def come():
        archive.grow(10)
        archive.store(database)

    one, two, again = run(database, follower, first, second, second, between=come)
    assert not set(studies(one)) & {*studies(two), *studies(again)}
    in_order = [members[0].study for members in archive.studies()]
    assert in_order.index(studies(again)[0]) > in_order.index(studies(one)[-1])


def test_image_sets_that_are_not_primary_are_told(database, archive, follower):
    [answer] = run(database, follower, asked(), image_set_policy="flag")
    assert any("not primary" in one for one in answer.warnings)
    [answer] = run(database, follower, asked(), image_set_policy="merge")
    assert answer.warnings == []


def test_a_database_that_is_gone_is_gone_without(tmp_path, follower):
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"no database" * 1000)
    assert run(Database(f"sqlite:///{path}"), follower, asked()) == [None]


def test_trails_keep_no_more_places_than_they_may():
    trail = Trails(60.0).begin(b"key")
    for number in range(1, 1000):
        trail.passed(number, (str(number),))
    assert len(trail) == 200
    assert trail.nearest(999) == (999, ("999",))
    assert trail.nearest(10) == (0, ())
