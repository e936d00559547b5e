"""Unique identifiers, against pydicom's rule and by hand."""

import pytest
from hypothesis import given, strategies as st
from pydicom.uid import UID

from gateway.dicom import uids

ANY = st.text("0123456789.", max_size=70) | st.text(max_size=8)


@pytest.mark.parametrize(
    ("uid", "valid", "importable"),
    [
        ("1.2.840.10008.1.2", True, True),
        ("2.25.0", True, True),
        ("0.0", True, True),
        ("1.2.03", False, True),
        ("01.2", False, True),
        ("1.00", False, True),
        ("1." + "2" * 62, True, True),
        ("1." + "2" * 63, False, True),
        ("1." + "2" * 254, False, True),
        ("1." + "2" * 255, False, False),
        ("", False, False),
        (".", False, False),
        ("1.", False, False),
        (".1", False, False),
        ("1..2", False, False),
        ("1.2 ", False, False),
        (" 1.2", False, False),
        ("1.2\n", False, False),
        ("1.2\0", False, False),
        ("1.a", False, False),
        ("1.-2", False, False),
        ("1.*", False, False),
        ("1.\u0662", False, False),
        ("1.\uff12", False, False),
    ],
)
def test_uid(uid, valid, importable):
    assert uids.is_valid(uid) is valid
    assert uids.is_importable(uid) is importable


@given(ANY)
def test_validity_is_pydicoms(uid):
    assert uids.is_valid(uid) == (UID(uid, validation_mode=0).is_valid and "\n" not in uid)


@given(ANY)
def test_what_is_valid_is_importable(uid):
    assert uids.is_importable(uid) or not uids.is_valid(uid)


def test_a_long_string_of_digits_is_refused_at_once():
    assert not uids.is_importable("1" * 10_000_000)
    assert not uids.is_valid("1." * 5_000_000)


def test_derived_uids_are_valid_and_follow_from_what_they_are_made_of():
    found = uids.derived("1.2.3", "a")
    assert found.startswith("2.25.")
    assert uids.is_valid(found)
    assert found == uids.derived("1.2.3", "a")
    others = {uids.derived("1.2.3", "b"), uids.derived("1.2.4", "a"), uids.derived("1.2", "3/a")}
    assert len(others | {found}) == 4
