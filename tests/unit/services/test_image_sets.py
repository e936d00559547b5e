"""Which image sets count, by policy and by name, and how often that is looked up."""

import pytest

from gateway.dicomweb.resources import Address
from gateway.errors import NotFound
from tests.unit.services.memory import (
    DATASTORE,
    MemoryHealthImaging,
    image_set,
    instance,
    with_library,
)

STUDY = "1.2.3"


def instances(remote, address, **changes):
    """The SOP instances at ``address``."""

    async def scenario(library):
        return [one.sop async for batch in library.batches(address) for one in batch]

    return with_library(remote, scenario, **changes)


def copies_of_one_study():
    """A primary image set, one that is not, and one of which nobody says what it is."""
    remote = MemoryHealthImaging()
    for number, primary in enumerate((True, False, None), 1):
        one = instance(f"1.2.3.{number}.1")
        remote.add(image_set(STUDY, f"1.2.3.{number}", one), primary=primary)
    return remote


@pytest.mark.parametrize(
    ("policy", "series"), [("merge", "123"), ("flag", "123"), ("primary", "13")]
)
def test_the_policy_says_which_image_sets_count(policy, series):
    remote = copies_of_one_study()
    assert sorted(instances(remote, Address(DATASTORE, STUDY), image_set_policy=policy)) == [
        f"1.2.3.{at}.1" for at in series
    ]

    async def scenario(library):
        pages = [page async for page in library.search(DATASTORE, {})]
        return sorted(one.image_set_id[-1] for page in pages for one in page)

    searched = with_library(remote, scenario, image_set_policy=policy)
    assert searched == [str(int(at) - 1) for at in series]


@pytest.mark.parametrize("policy", ["merge", "flag", "primary"])
def test_an_image_set_that_is_named_counts_whatever_the_policy(policy):
    remote = copies_of_one_study()
    named = Address(DATASTORE, STUDY, image_set_id=f"{1:032x}")
    assert instances(remote, named, image_set_policy=policy) == ["1.2.3.2.1"]


def held(remote, *addresses, **changes):
    async def scenario(library):
        found = [await library.held(address) for address in addresses]
        return [[(one.image_set_id[-1], one.version) for one in summaries] for summaries in found]

    return with_library(remote, scenario, **changes)


def test_what_is_held_where():
    remote = copies_of_one_study()
    study, series = Address(DATASTORE, STUDY), Address(DATASTORE, STUDY, "1.2.3.2")
    nothing, named = Address(DATASTORE, "9.9"), Address(DATASTORE, STUDY, image_set_id=f"{1:032x}")
    assert held(remote, study, series, nothing, named) == [
        [("0", 1), ("2", 1), ("1", 1)],
        [("1", 1)],
        [],
        [("1", 1)],
    ]
    assert held(remote, series, image_set_policy="primary") == [[]]
    with pytest.raises(NotFound):
        held(remote, Address(DATASTORE, STUDY, image_set_id="f" * 32))


def test_a_version_that_is_named_is_not_looked_up_unless_it_may_need_a_flag():
    named = Address(DATASTORE, STUDY, image_set_id=f"{1:032x}", version=7)
    remote = copies_of_one_study()
    assert held(remote, named) == [[("1", 7)]]
    assert remote.calls == []
    with pytest.raises(NotFound):
        held(remote, named, image_set_policy="flag")
    assert remote.calls == [("properties", (named.image_set_id, 7))]


def test_what_is_looked_up_as_of_one_moment_is_looked_up_once():
    remote = copies_of_one_study()
    now = Address(DATASTORE, STUDY, as_of=1)
    later = Address(DATASTORE, STUDY, as_of=2)
    held(remote, now, now, now, Address(DATASTORE, STUDY, "1.2.3.1", as_of=1))
    assert remote.count("search") == 1
    held(remote, now, later, Address(DATASTORE, STUDY))
    assert remote.count("search") == 4
    named = Address(DATASTORE, STUDY, image_set_id=f"{1:032x}", as_of=1)
    held(remote, named, named)
    assert remote.count("properties") == 1
