"""The library: which image sets hold what, merged, and each thing fetched once."""

import asyncio
import time
from contextlib import aclosing

import pytest

from gateway.dicomweb.resources import Address
from gateway.errors import NotFound, UpstreamInvalid, UpstreamUnavailable
from gateway.remote.api import Summary
from gateway.services.library import Library, by_preference
from tests.unit.services.memory import (
    DATASTORE,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
    with_library,
)

STUDY = "1.2.3"


def summary(name, primary=None, updated=0.0):
    return Summary(name, 1, updated, primary, {})


def names(summaries):
    return [one.image_set_id for one in summaries]


def batches(remote, *place, image_set_id=None, **changes):
    """The SOP instances of each batch of a study, a series or an instance."""
    padded = (*place, None, None)[:2]

    async def scenario(library):
        address = Address(DATASTORE, STUDY, *padded, image_set_id)
        return [[one.sop for one in batch] async for batch in library.batches(address)]

    return with_library(remote, scenario, **changes)


def comments(remote, *place):
    """Which copy of each instance is served: its Image Comments by its UID."""
    padded = (*place, None, None)[:2]

    async def scenario(library):
        address = Address(DATASTORE, STUDY, *padded)
        return {
            one.sop: one.attributes.get("ImageComments")
            async for batch in library.batches(address)
            for one in batch
        }

    return with_library(remote, scenario)


def test_primary_image_sets_are_preferred_then_the_newest():
    found = by_preference(
        [
            summary("old", False, 1),
            summary("new", None, 5),
            summary("old primary", True, 2),
            summary("middle", None, 3),
            summary("new primary", True, 4),
        ]
    )
    assert names(found) == ["new primary", "old primary", "new", "middle", "old"]


def test_preference_does_not_depend_on_the_order_of_the_search():
    summaries = [summary(name, updated=1) for name in "dbca"]
    assert names(by_preference(summaries)) == names(by_preference(summaries[::-1])) == list("abcd")


def test_an_image_set_found_twice_is_there_once():
    assert names(by_preference([summary("a"), summary("b"), summary("a")])) == ["a", "b"]


def study_of_two_series():
    remote = MemoryHealthImaging()
    remote.add(image_set(STUDY, "1.2.3.2", instance("1.2.3.2.1"), at_series={"SeriesNumber": "2"}))
    remote.add(
        image_set(
            STUDY,
            "1.2.3.10",
            instance("1.2.3.10.3", 10),
            instance("1.2.3.10.1", 2),
            instance("1.2.3.10.2", 2),
            at_series={"SeriesNumber": "1"},
        )
    )
    remote.add(image_set("1.2.4", "1.2.4.1", instance("1.2.4.1.1")))
    return remote


def test_a_study_comes_series_by_series_and_in_order_of_the_numbers():
    assert batches(study_of_two_series()) == [
        ["1.2.3.10.1", "1.2.3.10.2", "1.2.3.10.3"],
        ["1.2.3.2.1"],
    ]


def test_a_series_and_an_instance_alone():
    remote = study_of_two_series()
    assert batches(remote, "1.2.3.2") == [["1.2.3.2.1"]]
    assert batches(remote, "1.2.3.10", "1.2.3.10.2") == [["1.2.3.10.2"]]


def test_only_the_documents_that_may_hold_it_are_fetched():
    remote = study_of_two_series()
    batches(remote, "1.2.3.2")
    assert (remote.count("search"), remote.count("metadata")) == (1, 1)
    [(_, criteria), *_] = remote.calls
    assert criteria == {
        "filters": [{"values": [{"DICOMStudyInstanceUID": STUDY}], "operator": "EQUAL"}]
    }


def test_an_image_set_whose_series_is_not_told_is_looked_into():
    remote = MemoryHealthImaging()
    remote.add(
        image_set(STUDY, "1.2.3.1", instance("1.2.3.1.1")), tags={"DICOMSeriesInstanceUID": None}
    )
    assert batches(remote, "1.2.3.1") == [["1.2.3.1.1"]]


def test_image_sets_that_share_a_series_are_one_series():
    remote = MemoryHealthImaging()
    for number in (3, 1, 2):
        remote.add(image_set(STUDY, "1.2.3.1", instance(f"1.2.3.1.{number}", number)))
    assert (
        batches(remote) == batches(remote, "1.2.3.1") == [["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]]
    )


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ({"updated": 1}, {"updated": 2}, "second"),
        ({"updated": 2}, {"updated": 1}, "first"),
        ({"updated": 1, "primary": True}, {"updated": 2, "primary": False}, "first"),
        ({"updated": 2, "primary": False}, {"updated": 1, "primary": True}, "second"),
        ({"updated": 1, "primary": True}, {"updated": 2, "primary": True}, "second"),
        ({"updated": 1, "primary": False}, {"updated": 2}, "second"),
    ],
)
def test_of_two_copies_of_an_instance_the_primary_counts_then_the_newest(first, second, wins):
    remote = MemoryHealthImaging()
    for comment, changes in (("first", first), ("second", second)):
        own = "1.2.3.1.7" if comment == "first" else "1.2.3.1.8"
        both = instance("1.2.3.1.1", ImageComments=comment), instance(own, 2, ImageComments=comment)
        remote.add(image_set(STUDY, "1.2.3.1", *both), **changes)
    expected = {"1.2.3.1.1": wins, "1.2.3.1.7": "first", "1.2.3.1.8": "second"}
    assert comments(remote) == expected
    assert comments(remote, "1.2.3.1") == expected
    assert comments(remote, "1.2.3.1", "1.2.3.1.1") == {"1.2.3.1.1": wins}
    assert batches(remote) == [["1.2.3.1.1", "1.2.3.1.7", "1.2.3.1.8"]]


def test_the_first_image_set_that_has_an_instance_is_enough():
    remote = MemoryHealthImaging()
    for number in range(9):
        copies = instance("1.2.3.1.1"), instance(f"1.2.3.1.{number + 2}", number)
        remote.add(image_set(STUDY, "1.2.3.1", *copies))
    assert batches(remote, "1.2.3.1", "1.2.3.1.1", fetch_ahead=1) == [["1.2.3.1.1"]]
    assert remote.count("metadata") == 1


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((), "The study does not exist"),
        (("1.2.3.1",), "The series does not exist"),
        (("1.2.3.1", "1.2.3.1.1"), "The instance does not exist"),
    ],
)
def test_what_does_not_exist_is_named_by_its_kind(place, message):
    remote = MemoryHealthImaging()
    remote.add(image_set("1.2.4", "1.2.3.1", instance("1.2.3.1.1")))
    with pytest.raises(NotFound, match=message):
        batches(remote, *place)


def test_an_instance_of_another_series_does_not_exist():
    remote = study_of_two_series()
    with pytest.raises(NotFound):
        batches(remote, "1.2.3.2", "1.2.3.10.1")


def test_the_one_instance():
    remote = study_of_two_series()

    async def scenario(library):
        found = await library.instance(Address(DATASTORE, STUDY, "1.2.3.10", "1.2.3.10.3"))
        assert (found.sop, found.number) == ("1.2.3.10.3", 10)
        with pytest.raises(NotFound, match="instance"):
            await library.instance(Address(DATASTORE, STUDY, "1.2.3.10", "1.2.3.10.4"))

    with_library(remote, scenario)


def test_one_image_set_by_its_name():
    remote = study_of_two_series()
    copy = remote.add(image_set(STUDY, "1.2.3.10", instance("1.2.3.10.9")))
    assert batches(remote, image_set_id=copy) == [["1.2.3.10.9"]]
    assert remote.calls == [("properties", (copy, None)), ("metadata", (copy, 1))]
    with pytest.raises(NotFound):
        batches(remote, "1.2.3.2", image_set_id=copy)
    other = remote.add(image_set("1.2.5", "1.2.5.1", instance("1.2.5.1.1")))
    with pytest.raises(NotFound):
        batches(remote, image_set_id=other)
    with pytest.raises(NotFound):
        batches(remote, image_set_id="f" * 32)


def test_a_document_is_fetched_once_by_version():
    remote = MemoryHealthImaging()
    name = remote.add(image_set(STUDY, "1.2.3.1", instance("1.2.3.1.1")), version=4)

    async def scenario(library):
        await asyncio.gather(*(library.image_set(DATASTORE, name, 4) for _ in range(9)))
        found = await library.image_set(DATASTORE, name, 4)
        assert list(found.instances) == ["1.2.3.1.1"]
        assert remote.calls == [("metadata", (name, 4))]
        with pytest.raises(NotFound):
            await library.image_set(DATASTORE, name, 3)

    with_library(remote, scenario)


def test_documents_come_in_the_order_asked_for_and_a_few_ahead():
    remote = MemoryHealthImaging()
    for number in range(20):
        remote.add(image_set(STUDY, f"1.2.3.{number}", instance(f"1.2.3.{number}.1")))

    async def scenario(library):
        summaries = [one async for page in library.search(DATASTORE, {}) for one in page]
        async with aclosing(library.image_sets(DATASTORE, summaries)) as found:
            assert (await anext(found)).id == summaries[0].image_set_id
            assert remote.count("metadata") <= 3
            rest = [one.id async for one in found]
        assert rest == names(summaries)[1:]

    with_library(remote, scenario, fetch_ahead=3)


def test_a_document_that_cannot_be_read_is_healthimagings_fault():
    remote = MemoryHealthImaging()
    name = remote.add(image_set(STUDY, "1.2.3.1", instance("1.2.3.1.1")))
    remote.damage(name)
    with pytest.raises(UpstreamInvalid, match=name):
        batches(remote)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set forward."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def forward(seconds):
        now[0] += seconds

    return forward


def test_the_list_of_a_study_is_reused_for_a_moment(clock):
    remote = study_of_two_series()

    async def scenario(library):
        await asyncio.gather(*(library.study(DATASTORE, STUDY) for _ in range(9)))
        clock(1.9)
        assert len(await library.study(DATASTORE, STUDY)) == 2
        assert remote.count("search") == 1
        remote.add(image_set(STUDY, "1.2.3.7", instance("1.2.3.7.1")))
        clock(2.1)
        assert len(await library.study(DATASTORE, STUDY)) == 3
        assert remote.count("search") == 2
        await library.study(DATASTORE, "1.2.4")
        assert remote.count("search") == 3

    with_library(remote, scenario, search_ttl=2.0)


def test_the_list_of_a_study_is_looked_up_anew_where_nothing_may_be_reused():
    remote = study_of_two_series()

    async def scenario(library):
        for _ in range(3):
            await library.study(DATASTORE, STUDY)
        assert remote.count("search") == 3

    with_library(remote, scenario, search_ttl=0.0)


def test_all_pages_of_a_study_are_read():
    remote = MemoryHealthImaging(page=2)
    for number in range(5):
        remote.add(image_set(STUDY, f"1.2.3.{number}", instance(f"1.2.3.{number}.1")))
    assert len(batches(remote)) == 5
    assert remote.count("search") == 3


def test_frames_are_fetched_once():
    remote = MemoryHealthImaging()
    remote.add(image_set(STUDY, "1.2.3.1", instance("1.2.3.1.1", frames=[b"one", b"two"])))

    async def scenario(library):
        found = await library.instance(Address(DATASTORE, STUDY, "1.2.3.1", "1.2.3.1.1"))
        frames = [library.frame(DATASTORE, found, number) for number in (2, 1, 2, 1)]
        assert await asyncio.gather(*frames) == [b"two", b"one", b"two", b"one"]
        assert await library.frame(DATASTORE, found, 1) == b"one"
        assert remote.count("frame") == 2

    with_library(remote, scenario)


def test_a_frame_that_could_not_be_had_is_asked_for_again():
    remote = MemoryHealthImaging()
    remote.add(image_set(STUDY, "1.2.3.1", instance("1.2.3.1.1", frames=[b"one"])))

    async def scenario(library):
        found = await library.instance(Address(DATASTORE, STUDY, "1.2.3.1", "1.2.3.1.1"))
        remote.failures["frame"] = UpstreamUnavailable("away")
        with pytest.raises(UpstreamUnavailable):
            await library.frame(DATASTORE, found, 1)
        remote.failures.clear()
        assert await library.frame(DATASTORE, found, 1) == b"one"

    with_library(remote, scenario)


def test_a_failure_of_healthimaging_comes_in_its_turn():
    remote = MemoryHealthImaging()
    sets = [
        remote.add(
            image_set(
                STUDY,
                f"1.2.3.{number}",
                instance(f"1.2.3.{number}.1"),
                at_series={"SeriesNumber": str(number)},
            )
        )
        for number in (1, 2, 3)
    ]
    remote.failures[sets[1]] = UpstreamUnavailable("away")

    async def scenario(library):
        async with aclosing(library.batches(Address(DATASTORE, STUDY))) as found:
            assert [one.sop for one in await anext(found)] == ["1.2.3.1.1"]
            with pytest.raises(UpstreamUnavailable):
                await anext(found)

    with_library(remote, scenario)


def test_another_data_store_has_other_studies():
    remote = study_of_two_series()

    async def scenario(library):
        with pytest.raises(NotFound, match="no such data store"):
            await library.study("e" * 32, STUDY)
        with pytest.raises(NotFound):
            await library.check("e" * 32)
        await library.check(DATASTORE)

    with_library(remote, scenario)


def test_close_ends_what_is_being_fetched_and_the_connection():
    remote = MemoryHealthImaging()
    name = remote.add(image_set(STUDY, "1.2.3.1", instance("1.2.3.1.1")))

    async def scenario():
        library = Library(remote, settings())
        asker = asyncio.create_task(library.image_set(DATASTORE, name, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await library.close()
        with pytest.raises(asyncio.CancelledError):
            await asker

    asyncio.run(scenario())
    assert remote.closed
