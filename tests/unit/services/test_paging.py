"""Pages: cut from one listing, so that what changes between them moves nothing."""

import asyncio
from functools import partial
from itertools import count

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from gateway.remote.api import Summary
from gateway.services import listings
from gateway.services.candidates import Candidate
from tests.unit.services.memory import DATASTORE, MemoryHealthImaging, image_set, instance
from tests.unit.services.searching import INSTANCE, SERIES, STUDY, answered, parse, serve, uids

DATES = ("20240101", "20240201", "20240301", None)


class Archive:
    """Studies that come and go, each of one series and instance."""

    def __init__(self, studies):
        self.remote = MemoryHealthImaging()
        self.names = {}
        for date in studies:
            self.bring(date)

    def bring(self, date):
        study = f"1.{len(self.names)}"
        at_study = {"StudyDate": date, "StudyDescription": "x"}
        one = instance(f"{study}.1.1", ImageComments="x")
        document = image_set(study, f"{study}.1", one, at_study=at_study)
        self.names[study] = self.remote.add(document)
        return study

    def take(self, study):
        self.remote.remove(self.names.pop(study))


async def walk(service, client, size, text="", level=STUDY, between=lambda: None):
    """All results, a page at a time, as dicomweb-client asks for them."""
    found = []
    while True:
        query = parse(f"{text}&limit={size}&offset={len(found)}", level)
        page = uids(await answered(service, query, client), level)
        if not page:
            return found
        found += page
        between()


QUERIES = ("", "StudyDescription=x", "ImageComments=x", "PatientName=Fantom&fuzzymatching=true")


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_imports_between_pages_move_nothing(text, size):
    archive = Archive(["20240101", "20240201", "20240301", "20240301", None])
    present = sorted(archive.names)
    new = iter(["20240401", "20230101", "20240215", None] * 5)
    between = lambda: archive.bring(next(new))  # noqa: E731
    found = serve(archive.remote, lambda service: walk(service, "me", size, text, between=between))
    assert sorted(found) == present


@pytest.mark.parametrize("level", [SERIES, INSTANCE])
def test_imports_between_pages_of_the_other_levels(level):
    archive = Archive(["20240101", "20240201", "20240301"])
    between = lambda: archive.bring("20240401")  # noqa: E731
    scenario = lambda service: walk(service, "me", 1, level=level, between=between)  # noqa: E731
    assert len(set(serve(archive.remote, scenario))) == 3


@pytest.mark.parametrize("text", QUERIES)
def test_a_new_study_is_seen_by_who_asks_from_the_beginning(text):
    archive = Archive(["20240101", "20240201"])

    async def scenario(service):
        first = await answered(service, parse(f"{text}&limit=1"), "me")
        new = archive.bring("20240301")
        behind = await answered(service, parse(f"{text}&limit=1&offset=1"), "me")
        again = await answered(service, parse(f"{text}&limit=1"), "me")
        return uids(first), uids(behind), uids(again), new

    first, behind, again, new = serve(archive.remote, scenario)
    assert (first, behind, again) == (["1.1"], ["1.0"], [new])


def test_clients_do_not_disturb_each_other():
    archive = Archive(["20240101", "20240201", "20240301"])

    async def scenario(service):
        mine = uids(await answered(service, parse("limit=2"), "me"))
        archive.bring("20240401")
        theirs = uids(await answered(service, parse("limit=2"), "they"))
        mine += uids(await answered(service, parse("limit=2&offset=2"), "me"))
        theirs += uids(await answered(service, parse("limit=2&offset=2"), "they"))
        return mine, theirs

    mine, theirs = serve(archive.remote, scenario)
    assert mine == ["1.2", "1.1", "1.0"]
    assert theirs == ["1.3", "1.2", "1.1", "1.0"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("page"), st.integers(0, 2)),
        st.tuples(st.just("bring"), st.sampled_from(DATES)),
        st.tuples(st.just("take"), st.integers(0, 9)),
    ),
    max_size=25,
)


class Clients:
    """Three clients that page through one query, and what was there since each began."""

    def __init__(self, archive, text, size):
        self.archive = archive
        self.text, self.size = text, size
        self.found = {}
        self.there = {}

    async def page(self, service, client):
        self.there.setdefault(client, set(self.archive.names))
        found = self.found.setdefault(client, [])
        query = parse(f"{self.text}&limit={self.size}&offset={len(found)}")
        page = uids(await answered(service, query, str(client)))
        found += page
        return page

    def change(self, step, what):
        names = self.archive.names
        if step == "bring":
            self.archive.bring(what)
        elif len(names) > 1:
            self.archive.take(sorted(names)[what % len(names)])
        for present in self.there.values():
            present &= set(names)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(DATES), min_size=1, max_size=6),
    STEPS,
    st.integers(1, 3),
    st.sampled_from(QUERIES),
)
def test_what_was_there_throughout_comes_once(studies, steps, size, text):
    clients = Clients(Archive(studies), text, size)

    async def scenario(service):
        for step, what in steps:
            if step == "page":
                await clients.page(service, what)
            else:
                clients.change(step, what)
        for client in list(clients.found):
            while await clients.page(service, client):
                pass

    serve(clients.archive.remote, scenario)
    for client, found in clients.found.items():
        assert len(found) == len(set(found))
        assert clients.there[client] <= set(found)


def test_a_page_is_filled_where_studies_have_gone():
    archive = Archive(["20240101", "20240102", "20240103", "20240104", "20240105"])

    async def scenario(service):
        first = await answered(service, parse("limit=1"), "me")
        archive.take("1.3")
        second = await answered(service, parse("limit=2&offset=1"), "me")
        third = await answered(service, parse("limit=2&offset=3"), "me")
        return [uids(first), uids(second), uids(third)], second

    pages, second = serve(archive.remote, scenario)
    assert pages == [["1.4"], ["1.2", "1.1"], ["1.0"]]
    assert second.total == 4
    assert "There are 1 additional results" in second.warnings[0]


def test_what_goes_between_search_and_document_is_no_error():
    archive = Archive(["20240101", "20240102"])

    async def scenario(service):
        search = archive.remote.search

        async def then_gone(*arguments):
            async for page in search(*arguments):
                archive.take("1.1")
                yield page

        archive.remote.search = then_gone
        return await answered(service, parse(""), "me")

    answer = serve(archive.remote, scenario)
    assert (uids(answer), answer.total) == (["1.0"], 1)


def test_pages_behind_the_first_search_no_more_and_read_only_their_own():
    archive = Archive(["20240101"] * 120)

    async def scenario(service):
        calls = []
        for text in ("limit=5", "limit=5&offset=5", "limit=5&offset=90"):
            archive.remote.calls.clear()
            assert (await answered(service, parse(text), "me")).total == 120
            calls.append((archive.remote.count("search"), archive.remote.count("metadata")))
        return calls

    assert serve(archive.remote, scenario) == [(3, 5), (0, 5), (0, 5)]


def test_what_was_counted_once_is_not_read_again():
    archive = Archive(["20240101"] * 20)

    async def scenario(service):
        first = await answered(service, parse("ImageComments=x&limit=3"), "me")
        archive.remote.calls.clear()
        second = await answered(service, parse("ImageComments=x&limit=3&offset=3"), "me")
        return first, second, archive.remote.count("metadata")

    first, second, documents = serve(archive.remote, scenario, metadata_cache_mb=1)
    assert first.total == second.total == 20
    assert uids(second) == [f"1.{number}" for number in (11, 12, 13)]
    assert documents <= 3


def test_a_listing_goes_after_a_while():
    archive = Archive(["20240101", "20240102"])

    async def scenario(service):
        await answered(service, parse("limit=1"), "me")
        await asyncio.sleep(0.05)
        archive.remote.calls.clear()
        await answered(service, parse("limit=1&offset=1"), "me")
        return archive.remote.count("search")

    assert serve(archive.remote, scenario, search_paging_seconds=0.01) == 1
    assert serve(archive.remote, scenario, search_paging_seconds=0) == 1
    assert serve(archive.remote, scenario) == 0


NUMBERS = count()


def listing(candidates, image_sets=1):
    summaries = tuple(
        Summary(f"{next(NUMBERS):032x}", 1, 5.0, True, {"DICOMPatientName": "Doe^John"})
        for _ in range(image_sets)
    )
    one = Candidate(summaries, decided=False)
    return listings.listing([one] * candidates, truncated=False)


def test_a_listing_holds_no_attributes():
    [one] = listing(1, 2).candidates
    assert [summary.version for summary in one.summaries] == [1, 1]
    assert not any(summary.tags for summary in one.summaries)
    key = listings.key(DATASTORE, "me", parse("PatientName=Doe^John"))
    assert len(key) == 32
    assert b"Doe" not in key


def test_a_listing_counts_when_it_knows_all():
    found = listing(3)
    assert found.counted is None
    found.sizes[:] = [1, 0, 2]
    assert found.counted == 3


def test_listings_are_bounded():
    kept = listings.Listings(60)
    for number in range(12):
        kept.keep(bytes([number]), listing(10_000))
    alive = [number for number in range(12) if kept.find(bytes([number]))]
    assert alive == list(range(12 - len(alive), 12))
    assert 1 < len(alive) < 12
    kept.keep(b"x", listing(200_000))
    assert kept.find(b"x") is None
    assert kept.find(bytes([11])) is not None


def test_what_is_asked_for_again_stays(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(listings, "TTLCache", partial(listings.TTLCache, timer=lambda: now[0]))
    kept = listings.Listings(0.3)
    kept.keep(b"x", listing(1))
    for _ in range(4):
        now[0] += 0.2
        assert kept.find(b"x")
    now[0] += 0.4
    assert kept.find(b"x") is None


def test_what_listings_are_kept_by():
    first = listings.key(DATASTORE, "me", parse("PatientID=1&limit=1"))
    assert first == listings.key(DATASTORE, "me", parse("PatientID=1&limit=2&offset=9"))
    others = [
        listings.key("x" * 32, "me", parse("PatientID=1")),
        listings.key(DATASTORE, "you", parse("PatientID=1")),
        listings.key(DATASTORE, "me", parse("PatientID=2")),
        listings.key(DATASTORE, "me", parse("PatientID=1", SERIES)),
    ]
    assert len({first, *others}) == 5
