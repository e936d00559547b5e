"""The sets of value representations, against pydicom's and PS3.5 table 6.2-1."""

import struct

import pytest
from pydicom import valuerep

from gateway.dicom import vrs


def names(members):
    return {str(vr) for vr in members if " or " not in vr}


def test_every_standard_vr_is_known():
    assert names(valuerep.STANDARD_VR) == vrs.KNOWN


def test_strings():
    assert names(valuerep.STR_VR) == vrs.STRINGS
    assert {"DS", "IS"} == vrs.NUMERIC_TEXT


def test_strings_whose_backslash_separates_nothing():
    allowing = names(valuerep.ALLOW_BACKSLASH) & vrs.STRINGS
    assert allowing | {"UR"} == vrs.SINGLE_TEXT


def test_strings_are_of_one_kind():
    kinds = (vrs.TEXT, vrs.SINGLE_TEXT, vrs.NUMERIC_TEXT)
    assert sum(map(len, kinds)) == len(vrs.STRINGS)


def test_bytes():
    assert names(valuerep.BYTES_VR) == vrs.BYTES == vrs.WORD_SIZE.keys()


def test_lengths_of_4_bytes():
    assert names(valuerep.EXPLICIT_VR_LENGTH_32) == vrs.LONG


def test_strings_in_the_specific_character_set():
    assert names(valuerep.CUSTOMIZABLE_CHARSET_VR) == vrs.ENCODED


@pytest.mark.parametrize(
    ("vr", "size", "lowest", "highest"),
    [
        ("SS", 2, -(2**15), 2**15 - 1),
        ("US", 2, 0, 2**16 - 1),
        ("SL", 4, -(2**31), 2**31 - 1),
        ("UL", 4, 0, 2**32 - 1),
        ("SV", 8, -(2**63), 2**63 - 1),
        ("UV", 8, 0, 2**64 - 1),
    ],
)
def test_integers(vr, size, lowest, highest):
    code = "<" + vrs.NUMBERS[vr]
    assert struct.calcsize(code) == size
    for value in (lowest, highest):
        assert struct.unpack(code, struct.pack(code, value)) == (value,)
    for value in (lowest - 1, highest + 1):
        with pytest.raises(struct.error):
            struct.pack(code, value)


@pytest.mark.parametrize(("vr", "raw"), [("FL", "0000c03f"), ("FD", "000000000000f83f")])
def test_floating_point_numbers(vr, raw):
    assert struct.pack("<" + vrs.NUMBERS[vr], 1.5).hex() == raw


def test_there_are_no_other_numbers():
    assert {"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"} == vrs.NUMBERS.keys()


def test_word_sizes():
    sizes = {"OB": 1, "OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8, "UN": 1}
    assert sizes == vrs.WORD_SIZE
