"""Holdings: the image set that counts, and the instances in it."""

import pytest

from gateway.dicomweb.resources import Address
from gateway.emulator.faults import Fault
from gateway.emulator.holdings import Holdings
from tests.unit.emulator.stored import SERIES, STUDY, Stored
from tests.unit.services.memory import instance

A, B, C = "1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"


@pytest.fixture
def stored(tmp_path):
    return Stored(tmp_path)


def found(stored, sop=None, image_set=None, study=STUDY, series=SERIES, datastore=None):
    address = Address(datastore or stored.datastore_id, study, series, sop, image_set)
    instances = Holdings(stored.database, stored.layout).instances(address)
    return [(one.image_set_id, one.sop) for one in instances]


def missing(stored, *arguments, **changes):
    with pytest.raises(Fault) as fault:
        found(stored, *arguments, **changes)
    assert fault.value.code == "ResourceNotFoundException"
    return str(fault.value)


def test_only_the_primary_image_set_counts(stored):
    stored.add(instance(A), instance(B), primary=0)
    primary = stored.add(instance(A), primary=1)
    stored.add(instance(C), primary=0)
    assert found(stored, A) == [(primary, A)]
    assert found(stored) == [(primary, A)]
    assert missing(stored, B) == "The instance does not exist"


def test_any_image_set_counts_if_it_is_named(stored):
    other = stored.add(instance(A), instance(B), primary=0)
    stored.add(instance(A), primary=1)
    assert found(stored, A, other) == [(other, A)]
    assert found(stored, None, other) == [(other, A), (other, B)]
    assert missing(stored, C, other) == "The instance does not exist"
    assert missing(stored, A, "f" * 32) == f"Image set {'f' * 32} does not exist"


def test_without_primaries_the_newest_counts(tmp_path):
    stored = Stored(tmp_path, "new-image-sets")
    older = stored.add(instance(A), instance(B, number=2))
    newer = stored.add(instance(A))
    assert found(stored, A) == [(newer, A)]
    assert found(stored) == [(newer, A), (older, B)]


def test_an_image_set_that_cannot_be_read_yet_does_not_count(stored):
    name = stored.add(instance(A), primary=1)
    with stored.database.write() as db:
        stored.change(db, name, version=0)
    assert missing(stored, A) == "The instance does not exist"
    assert "Image set" in missing(stored, A, name)


def test_the_newest_readable_version_is_read(stored):
    name = stored.add(instance(A), primary=1)
    newer = stored.layout.metadata(name, 2)
    content = stored.layout.metadata(stored.add(instance(B), series="1.9"), 1)
    newer.write_bytes(content.read_bytes())
    with stored.database.write() as db:
        stored.change(db, name, version=2)
    assert found(stored, B, name, series="1.9") == [(name, B)]
    assert missing(stored, A, name)


def test_every_part_of_the_address_has_to_fit(stored):
    name = stored.add(instance(A), primary=1)
    for image_set in (name, None):
        assert missing(stored, A, image_set, study="1.9")
        assert missing(stored, A, image_set, series="1.9")
        assert missing(stored, "1.9", image_set)
    assert missing(stored, None, series="1.9") == "The series does not exist"
    assert "Datastore" in missing(stored, A, datastore="0" * 32)


def test_instances_are_in_the_order_of_their_numbers(stored):
    stored.add(instance(A, number=10), instance(B, number=9), instance(C, number=9), primary=1)
    assert [sop for _, sop in found(stored)] == [B, C, A]


def test_a_document_is_read_once(stored):
    name = stored.add(instance(A, frames=[b"12345678"]), primary=1)
    holdings = Holdings(stored.database, stored.layout)
    address = Address(stored.datastore_id, STUDY, SERIES, A)
    [first] = holdings.instances(address)
    stored.layout.metadata(name, 1).unlink()
    [second] = holdings.instances(address)
    assert second is first
    assert holdings.frame(first, 1) == b"12345678"
