"""Keys against elements: single values, lists, empty and multiple values of PS3.4 C.2.2.2."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicom.keys import LITERAL, Key
from tests.unit.dicom.keyed import TAG, meets

# Single value matching, C.2.2.2.1


@pytest.mark.parametrize(
    ("vr", "key", "value", "expected"),
    [
        ("LO", "A12", "A12", True),
        ("LO", "A12", "a12", False),
        ("LO", "A12", "A123", False),
        ("LO", "A12", "XA12", False),
        ("LO", "A12", "A12 ", True),
        ("LO", "A12 ", "A12", True),
        ("LO", "é", "e", False),
        ("LO", "日本", "日本", True),
        ("SH", "1", "01", False),
        ("CS", "CT", "CT", True),
        ("CS", "CT", "ct", False),
        ("AE", "STORE", " STORE ", True),
        ("AS", "030Y", "030Y", True),
        ("AS", "030Y", "030M", False),
        ("LT", "a.b", "axb", False),
        ("LT", "a.b", "a.b", True),
        ("UT", "a\r\nb", "a\r\nb", True),
        ("LO", "(a|b)+[c]\\", "(a|b)+[c]\\", True),
        ("UI", "1.2.3", "1.2.3\0", True),
        ("UI", "1.2.3", "1.2.30", False),
        ("UI", "1.2.3", "1x2x3", False),
        ("AT", "00181063", "00181063", True),
        ("AT", "00181063", "00181065", False),
        ("LO", "A", "", False),
    ],
)
def test_single_value(vr, key, value, expected):
    assert meets(vr, key, value) is expected


@pytest.mark.parametrize("vr", ["CS", "LO", "PN", "UI", "IS", "US", "DA"])
def test_no_value_meets_no_key(vr):
    assert not meets(vr, "20240101")


def test_one_value_of_several_is_enough():
    assert meets("CS", "PRIMARY", "ORIGINAL", "PRIMARY", "AXIAL")
    assert meets("DA", "20240105-", "20240101", "20240201")
    assert not meets("CS", "LOCALIZER", "ORIGINAL", "PRIMARY", "AXIAL")
    assert not meets("CS", "ORIGINAL\\PRIMARY", "ORIGINAL", "PRIMARY")


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_bytes_never_match(vr):
    assert not Key(("AAAA",), LITERAL).meets((TAG, vr, "AAAA"))


def test_a_sequence_has_no_value_to_match():
    assert not meets("SQ", "A", [(TAG, "LO", ["A"])])


# List of UID matching, C.2.2.2.2


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("1.2.3",), True),
        (("1.2", "1.2.3"), True),
        (("1.2.3", "1.2"), True),
        (("1.2", "1.2.4"), False),
        (("1.2.*",), False),
        (("1.2.?",), False),
    ],
)
def test_list_of_uids(keys, expected):
    assert meets("UI", keys, "1.2.3") is expected


def test_a_key_of_many_uids():
    keys = tuple(f"1.2.{number}" for number in range(1000))
    assert meets("UI", keys, "1.2.999")
    assert not meets("UI", keys, "1.2.1000")


# Numbers


@pytest.mark.parametrize(
    ("vr", "key", "value", "expected"),
    [
        ("IS", "1", "1", True),
        ("IS", "1", "01", True),
        ("IS", "01", "1", True),
        ("IS", "1", " 1 ", True),
        ("IS", "+1", "1", True),
        ("IS", "-1", "1", False),
        ("IS", "1", "11", False),
        ("IS", "1", "", False),
        ("IS", "x", "x", True),
        ("IS", "1", "x", False),
        ("IS", "x", "1", False),
        ("DS", "1", "1.0", True),
        ("DS", "1.50", "1.5", True),
        ("DS", "1e3", "1000", True),
        ("DS", ".5", "0.5", True),
        ("DS", "1.5", "1.25", False),
        ("DS", "1,5", "1.5", False),
        ("US", "512", 512, True),
        ("US", "512", 513, False),
        ("US", "0512", 512, True),
        ("SS", "-3", -3, True),
        ("UL", "4294967295", 4294967295, True),
        ("SL", "-2147483648", -2147483648, True),
        ("FL", "1.5", 1.5, True),
        ("FD", "1", 1.0, True),
        ("FD", "1.1", 1.1, True),
        ("FD", "1.1", 1.2, False),
        ("US", "", 0, False),
        ("US", "abc", 0, False),
        ("FD", "abc", float("nan"), False),
        ("FD", "0", float("inf"), False),
    ],
)
def test_numbers(vr, key, value, expected):
    assert meets(vr, key, value) is expected


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_integers_match_by_value(key, value):
    for vr, held in (("IS", str(value)), ("IS", f"{value:+012d}"), ("SL", value)):
        assert meets(vr, str(key), held) == (key == value)
        assert meets(vr, str(value), held)
