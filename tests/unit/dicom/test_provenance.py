"""The private block that says which image set attributes come from; pydicom reads it."""

import pydicom
import pytest

from gateway.dicom import jsonmodel, part10, provenance
from gateway.dicom.provenance import CREATOR

SET = "a" * 32
OWN = [(0x00080060, "CS", ["CT"]), (0x00100020, "LO", ["P1"])]


def read(dataset):
    found = jsonmodel.encode(dataset, lambda path: path, 10_000)
    return pydicom.Dataset.from_json(found)


@pytest.mark.parametrize(
    ("others", "block"),
    [
        ([], 0x10),
        ([(0x00090010, "LO", ["SOMEBODY"]), (0x00091001, "LO", ["theirs"])], 0x11),
        ([(0x00091001, "LO", ["without a creator"])], 0x11),
        ([(0x00090010, "LO", ["A"]), (0x00090011, "LO", ["B"]), (0x00091203, "LO", ["C"])], 0x13),
    ],
)
def test_the_block_is_one_that_nobody_has(others, block):
    dataset = sorted([*OWN, *others], key=lambda element: element[0])
    found = provenance.marked(dataset, SET, 3)
    assert [element[0] for element in found] == sorted(element[0] for element in found)
    assert [element for element in found if element in dataset] == dataset
    private = read(found).private_block(0x0009, CREATOR)
    assert private.block_start == block << 8
    values = [private[number].value for number in (1, 2, 3)]
    assert values == ["NO", SET, 3]


def test_a_version_that_is_not_known_is_left_out():
    private = read(provenance.marked(OWN, SET, None)).private_block(0x0009, CREATOR)
    assert 3 not in private
    assert private[2].value == SET


def test_where_every_block_is_taken_nothing_is_added():
    full = [(0x00090000 | block, "LO", ["X"]) for block in range(0x10, 0x100)]
    assert provenance.marked(full, SET, 1) == full


def test_the_names_fit_into_their_vr():
    assert len(CREATOR) <= 64
    assert part10.encode(provenance.marked(OWN, SET, 1))
