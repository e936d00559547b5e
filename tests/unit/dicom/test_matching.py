"""Attribute matching, clause by clause of PS3.4 C.2.2.2."""

import re
import time
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, strategies as st

from gateway.dicom import matching
from gateway.dicom.matching import bounds, element_matches, matches

TAG = 0x00100020
WILD = ["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"]
NOT_WILD = ["AS", "AT", "DA", "DS", "DT", "FD", "IS", "SL", "SS", "TM", "UI", "UL", "US"]
NAME = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def meets(vr, key, *values):
    return element_matches((TAG, vr, list(values)), (key,))


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
    assert not element_matches((TAG, vr, []), ("20240101",))


def test_one_value_of_several_is_enough():
    assert meets("CS", "PRIMARY", "ORIGINAL", "PRIMARY", "AXIAL")
    assert meets("DA", "20240105-", "20240101", "20240201")
    assert not meets("CS", "LOCALIZER", "ORIGINAL", "PRIMARY", "AXIAL")
    assert not meets("CS", "ORIGINAL\\PRIMARY", "ORIGINAL", "PRIMARY")


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_bytes_never_match(vr):
    assert not element_matches((TAG, vr, "AAAA"), ("AAAA",))


def test_a_sequence_has_no_value_to_match():
    assert not element_matches((TAG, "SQ", [[(TAG, "LO", ["A"])]]), ("A",))


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
    assert element_matches((TAG, "UI", ["1.2.3"]), keys) is expected


def test_a_key_of_many_uids():
    keys = tuple(f"1.2.{number}" for number in range(1000))
    assert element_matches((TAG, "UI", ["1.2.999"]), keys)
    assert not element_matches((TAG, "UI", ["1.2.1000"]), keys)


# Universal matching, C.2.2.2.3


@pytest.mark.parametrize(
    ("key", "expected"),
    [("", True), ("*", True), ("***", True), ("?", False), ("*a", False), ("A", False)],
)
def test_is_universal(key, expected):
    assert matching.is_universal(key) is expected


@pytest.mark.parametrize("key", ["", "*", "**"])
@pytest.mark.parametrize("dataset", [[], [(TAG, "LO", [])], [(TAG, "LO", ["A"])]])
def test_a_universal_key_meets_all(key, dataset):
    assert matches(dataset, (TAG,), (key,))
    assert matches(dataset, (TAG,), ("B", key))
    assert matches(dataset, (0x00081140, TAG), (key,))


@pytest.mark.parametrize("key", ["?", "A", "A*", "*A"])
@pytest.mark.parametrize("dataset", [[], [(TAG, "LO", [])], [(TAG, "LO", [""])]])
def test_any_other_key_asks_for_a_value(key, dataset):
    assert not matches(dataset, (TAG,), (key,))


# Wild card matching, C.2.2.2.4


def test_where_wild_cards_are():
    assert set(WILD) == matching.WILDCARD_VRS


@pytest.mark.parametrize("vr", WILD)
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("AB*", "ABCD", True),
        ("AB*", "AB", True),
        ("AB*", "A", False),
        ("*CD", "ABCD", True),
        ("*CD", "ABCDE", False),
        ("*BC*", "ABCD", True),
        ("A*D", "ABCD", True),
        ("A*D", "AD", True),
        ("A*B*D", "AXXBXXD", True),
        ("A*B*D", "AXXD", False),
        ("A?C", "ABC", True),
        ("A?C", "AC", False),
        ("A?C", "ABBC", False),
        ("?", "A", True),
        ("??", "A", False),
        ("?*", "A", True),
        ("A*?", "A", False),
        ("A.*", "ABC", False),
        ("A.*", "A.BC", True),
        ("[A-Z]*", "ABC", False),
        ("A+?", "A+B", True),
        ("A(*", "A(B", True),
        ("A$*", "A$B", True),
    ],
)
def test_wild_cards(vr, key, value, expected):
    assert meets(vr, key, value) is expected


@pytest.mark.parametrize("vr", [vr for vr in WILD if vr != "PN"])
def test_wild_cards_are_case_sensitive(vr):
    assert not meets(vr, "ab*", "ABCD")
    assert not meets(vr, "a?", "AB")


@pytest.mark.parametrize("vr", NOT_WILD)
@pytest.mark.parametrize("key", ["2*", "2024010?", "*1", "?0240101", "20?40101"])
def test_no_wild_cards_elsewhere(vr, key):
    value = 20240101 if vr in ("FD", "SL", "SS", "UL", "US") else "20240101"
    assert not meets(vr, key, value)


def test_wild_cards_reach_over_line_breaks():
    assert meets("LT", "first*third", "first\r\nsecond\nthird")
    assert meets("LT", "a?b", "a\nb")


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=9))
def test_wild_cards_are_those_of_the_shell(key, value):
    if matching.is_universal(key):
        return
    assert meets("LO", key, value) == fnmatchcase(value, key)
    assert meets("PN", key, value.upper()) == fnmatchcase(value, key)


@pytest.mark.parametrize("vr", ["LO", "PN"])
@pytest.mark.parametrize(
    "key",
    [
        "*" * 16_000 + "b",
        "?" * 16_000,
        "b" * 16_000 + "*",
        "*" + "a" * 16_000,
        "*a*a*b",
        "*?*?*b",
    ],
    ids=["stars", "marks", "prefix", "suffix", "gaps", "pairs"],
)
def test_an_odd_key_takes_no_time(vr, key):
    start = time.process_time()
    assert not meets(vr, key, "a" * 64)
    assert time.process_time() - start < 1


# Person names: matching of PN is insensitive to case, of one component group or of all


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("Yamada^Tarou", True),
        ("YAMADA^TAROU", True),
        ("yamada^tarou", True),
        ("山田^太郎", True),
        ("やまだ^たろう", True),
        (NAME, True),
        (NAME.upper(), True),
        ("yamada*", True),
        ("*TAROU", True),
        ("*mada*", True),
        ("山?^*", True),
        ("やまだ*", True),
        ("Yamada*=山田*", True),
        ("Yamada", False),
        ("Tarou", False),
        ("Yamada^", False),
        ("山田", False),
        ("Yamada^Tarou^X", False),
        ("山田*=Yamada*", False),
        ("?amada", False),
    ],
)
def test_person_name_in_three_groups(key, expected):
    assert meets("PN", key, NAME) is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("DOE^JOHN", "Doe^John", True),
        ("doe^john", "DOE^JOHN ", True),
        ("DOE^JOHN", "Doe^John^^^", True),
        ("DOE^JOHN^^^", "Doe^John", True),
        ("DOE^JOHN^^DR", "Doe^John^^Dr", True),
        ("DOE^JOHN^DR", "Doe^John^^Dr", False),
        ("DOE", "Doe^John", False),
        ("DOE*", "Doe^John", True),
        ("D?E^*", "Doe^John", True),
        ("*JOHN*", "Doe^John^Q", True),
        ("MÜLLER*", "Müller^Åke", True),
        ("*ÅKE", "müller^åke", True),
        ("STRASSE", "Straße", True),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος", True),
        ("Muller", "Müller", False),
        ("DOE^JOHN", "", False),
        ("DOE.JOHN", "DOE^JOHN", False),
        ("^JOHN", "^John", True),
        ("山田", "=山田", True),
    ],
)
def test_person_name(key, value, expected):
    assert meets("PN", key, value) is expected


# Range matching, C.2.2.2.5


@pytest.mark.parametrize(
    ("vr", "key", "expected"),
    [
        ("DA", "20240101", ("20240101", "20240101")),
        ("DA", " 20240101 ", ("20240101", "20240101")),
        ("DA", "20240101-20240131", ("20240101", "20240131")),
        ("DA", "20240101-", ("20240101", "")),
        ("DA", "-20240131", ("", "20240131")),
        ("TM", "10", ("10", "10")),
        ("TM", "1011-1213", ("1011", "1213")),
        ("TM", "10:11:12.5-", ("101112.5", "")),
        ("TM", "-101112.123456", ("", "101112.123456")),
        ("TM", "235960", ("235960", "235960")),
        ("DT", "2024", ("2024", "2024")),
        ("DT", "20240101-2025", ("20240101", "2025")),
        ("DT", "20240101101112.5-", ("20240101101112.5", "")),
        ("DT", "-20240101", ("", "20240101")),
        ("DT", "20240101+0100", ("20240101+0100", "20240101+0100")),
        ("DT", "20240101-0500", ("20240101-0500", "20240101-0500")),
        ("DT", "20240101-0500-", ("20240101-0500", "")),
        ("DT", "-20240101-0500", ("", "20240101-0500")),
        ("DT", "20240101-0500-20240201-0500", ("20240101-0500", "20240201-0500")),
        ("DT", "20240101+0100-20240201+0200", ("20240101+0100", "20240201+0200")),
        ("DT", "2024-2025", ("2024", "2025")),
    ],
)
def test_bounds(vr, key, expected):
    assert bounds(vr, key) == expected


@pytest.mark.parametrize(
    ("vr", "key"),
    [
        *[(vr, key) for vr in ("DA", "DT", "TM") for key in ("", "-", "--", "x", "*", "1", " - ")],
        ("DA", "2024"),
        ("DA", "202401"),
        ("DA", "2024010"),
        ("DA", "202401011"),
        ("DA", "2024-01-01"),
        ("DA", "2024/01/01"),
        ("DA", "20240101--"),
        ("DA", "--20240101"),
        ("DA", "20240101-20240102-"),
        ("DA", "20240101-20240102-20240103"),
        ("DA", "20240101-x"),
        ("DA", "20240101-2024"),
        ("DA", "20240101\n-"),
        ("DA", "20240101,20240102"),
        ("DA", "20240101T10"),
        ("DA", "20241301"),
        ("DA", "20240001"),
        ("DA", "20240132"),
        ("DA", "20240100"),
        ("DA", "20240101-20241399"),
        ("DA", "\uff12\uff10\uff12\uff14\uff10\uff11\uff10\uff11"),
        ("TM", "24"),
        ("TM", "1060"),
        ("TM", "101161"),
        ("TM", "\u0661\u0660"),
        ("DT", "202413"),
        ("DT", "2024010124"),
        ("DT", "\uff12\uff10\uff12\uff14"),
        ("TM", "1"),
        ("TM", "101"),
        ("TM", "101112."),
        ("TM", "101112.1234567"),
        ("TM", "1011.5"),
        ("TM", "10-11-12"),
        ("TM", "101112+0100"),
        ("DT", "202"),
        ("DT", "20241"),
        ("DT", "2024010110111"),
        ("DT", "20240101101112,5"),
        ("DT", "20240101+01"),
        ("DT", "20240101+1500"),
        ("DT", "2024-01-01T10:11:12"),
    ],
)
def test_malformed(vr, key):
    assert bounds(vr, key) is None
    assert not meets(vr, key, "20240101" if vr == "DA" else "1011" if vr == "TM" else "2024")


def test_a_long_malformed_range_takes_no_time():
    start = time.process_time()
    for vr in ("DA", "DT", "TM"):
        for key in ("-" * 16_000, "1" * 16_000, "20240101-" * 1_800):
            assert bounds(vr, key) is None
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("vr", "key", "value", "expected"),
    [
        ("DA", "20240105", "20240105", True),
        ("DA", "20240105", "20240106", False),
        ("DA", "20240101-20240131", "20240101", True),
        ("DA", "20240101-20240131", "20240131", True),
        ("DA", "20240101-20240131", "20240115", True),
        ("DA", "20240101-20240131", "20231231", False),
        ("DA", "20240101-20240131", "20240201", False),
        ("DA", "20240101-", "20240101", True),
        ("DA", "20240101-", "20231231", False),
        ("DA", "20240101-", "99991231", True),
        ("DA", "-20240101", "20240101", True),
        ("DA", "-20240101", "20240102", False),
        ("DA", "-20240101", "10000101", True),
        ("DA", "20240131-20240101", "20240115", False),
        ("DA", "20240105", "2024.01.05", True),
        ("DA", "20240101-", "", False),
        ("DA", "20240101-", "unknown", False),
        ("DA", "20240101-", "2024", False),
        ("TM", "101112", "101112", True),
        ("TM", "101112", "101113", False),
        ("TM", "101112", "101112.000000", True),
        ("TM", "10:11:12", "101112", True),
        ("TM", "101112", "10:11:12", True),
        ("TM", "1000-1200", "0959", False),
        ("TM", "1000-1200", "095959.999999", False),
        ("TM", "1000-1200", "1000", True),
        ("TM", "1000-1200", "110000", True),
        ("TM", "1000-1200", "120000", True),
        ("TM", "1000-1200", "120100", False),
        ("TM", "1000-1200", "120059.5", True),
        ("TM", "10", "101112", True),
        ("TM", "10", "111112", False),
        ("TM", "100000.25-100000.75", "100000.5", True),
        ("TM", "100000.25-100000.75", "100000.24", False),
        ("TM", "100000.25-100000.75", "100000.76", False),
        ("TM", "1000-", "235959", True),
        ("TM", "1000-", "0959", False),
        ("TM", "-1000", "000000", True),
        ("TM", "-1000", "1001", False),
        ("TM", "2200-0200", "2300", False),
        ("TM", "1000-", "noon", False),
        ("DT", "20240105", "20240105101112", True),
        ("DT", "20240105", "20240106", False),
        ("DT", "20240105101112.5", "20240105101112.500", True),
        ("DT", "20240105101112.5", "20240105101112.6", False),
        ("DT", "20240101-20240131", "20240131235959.999999", True),
        ("DT", "20240101-20240131", "20240201000000", False),
        ("DT", "20240101-20240131", "20231231235959", False),
        ("DT", "2024-2025", "20251231", True),
        ("DT", "2024-2025", "2026", False),
        ("DT", "2024010112-", "20240101115959", False),
        ("DT", "2024010112-", "20240101120000", True),
        ("DT", "-2024010112", "20240101115959", True),
        ("DT", "-2024010112", "2024010113", False),
        ("DT", "20240105101112+0100", "20240105101112+0100", True),
        ("DT", "20240105101112+0100", "20240105101113+0100", False),
        ("DT", "20240101-0500-20240131-0500", "20240115-0500", True),
        ("DT", "20240101-", "yesterday", False),
    ],
)
def test_ranges(vr, key, value, expected):
    assert meets(vr, key, value) is expected


DAYS = st.dates(date(1000, 1, 1))
TIMES = st.times().map(lambda at: at.replace(fold=0))
MOMENTS = st.datetimes(datetime(1000, 1, 1))


def check_ranges(vr, form, low, value, high):
    low_text, text, high_text = (f"{item:{form}}" for item in (low, value, high))
    assert meets(vr, f"{low_text}-{high_text}", text) == (low <= value <= high)
    assert meets(vr, f"{low_text}-", text) == (low <= value)
    assert meets(vr, f"-{high_text}", text) == (value <= high)
    assert meets(vr, low_text, text) == (low == value)


@given(DAYS, DAYS, DAYS)
def test_ranges_of_dates(low, value, high):
    check_ranges("DA", "%Y%m%d", low, value, high)


@given(DAYS, st.integers(-2, 2))
def test_ranges_of_dates_at_their_ends(day, shift):
    try:
        value = day + timedelta(shift)
    except OverflowError:
        return
    if value.year >= 1000:
        check_ranges("DA", "%Y%m%d", day, value, day)


@given(TIMES, TIMES, TIMES)
def test_ranges_of_times(low, value, high):
    check_ranges("TM", "%H%M%S.%f", low, value, high)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_ranges_of_moments(low, value, high):
    check_ranges("DT", "%Y%m%d%H%M%S.%f", low, value, high)


@given(st.text("0123456789-+.: ", max_size=30), st.sampled_from(["DA", "DT", "TM"]))
def test_bounds_of_anything(key, vr):
    found = bounds(vr, key)
    if found is None:
        return
    assert any(found)
    assert set("".join(found)) <= set("0123456789+-.")
    joined = {found[0], "-".join(found)}
    assert re.sub("[: ]", "", key) in {item.replace(" ", "") for item in joined}


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


# Sequence matching, C.2.2.2.6

REQUEST, CODES, CODE, PROCEDURE = 0x00400275, 0x00400008, 0x00080100, 0x00401001
NESTED = [
    (TAG, "LO", ["ID"]),
    (
        REQUEST,
        "SQ",
        [
            [],
            [(PROCEDURE, "SH", ["P1"]), (CODES, "SQ", [])],
            [(CODES, "SQ", [[(CODE, "SH", ["C1"])], [(CODE, "SH", ["C2"])]])],
        ],
    ),
]


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ((TAG,), "ID", True),
        ((REQUEST, PROCEDURE), "P1", True),
        ((REQUEST, PROCEDURE), "P*", True),
        ((REQUEST, PROCEDURE), "P2", False),
        ((REQUEST, CODES, CODE), "C1", True),
        ((REQUEST, CODES, CODE), "C2", True),
        ((REQUEST, CODES, CODE), "C3", False),
        ((REQUEST, CODE), "C1", False),
        ((PROCEDURE,), "P1", False),
        ((REQUEST,), "P1", False),
        ((TAG, PROCEDURE), "P1", False),
        ((TAG, PROCEDURE), "ID", False),
        ((CODES, CODE), "C1", False),
        ((REQUEST, PROCEDURE, CODE), "P1", False),
        ((REQUEST, CODES, CODE), "", True),
        ((REQUEST,), "", True),
    ],
)
def test_sequences_by_path(path, key, expected):
    assert matches(NESTED, path, (key,)) is expected


def test_any_of_the_keys_in_a_sequence():
    assert matches(NESTED, (REQUEST, PROCEDURE), ("P9", "P1"))
    assert not matches(NESTED, (REQUEST, PROCEDURE), ("P8", "P9"))


def test_no_key_meets_nothing():
    assert not matches(NESTED, (TAG,), ())
