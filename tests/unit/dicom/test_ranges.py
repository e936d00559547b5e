"""Dates, times and ranges of them, PS3.4 C.2.2.2.5."""

import re
import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from gateway.dicom import ranges
from gateway.dicom.ranges import bounds
from tests.unit.dicom.keyed import meets


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


# Offsets from UTC, C.2.2.2.1.3 and PS3.18 8.3.4.1.1


@pytest.mark.parametrize(
    ("key", "value", "stored", "asked", "expected"),
    [
        ("19980128103000", "19980128073000-0300", "", "", True),  # the standard's own example
        ("19980128073000-0300", "19980128103000", "", "", True),
        ("19980128103000", "19980128103000", "-0300", "", True),
        ("19980128103000", "19980128103000-0300", "-0300", "", True),
        ("19980128103000", "19980128133000+0000", "-0300", "", True),
        ("19980128103000+0000", "19980128103000", "-0300", "", False),
        ("19980128133000+0000", "19980128103000", "-0300", "", True),
        ("19980128103000", "19980128103000", "-0300", "+0100", False),
        ("19980128143000", "19980128103000", "-0300", "+0100", True),
        ("19980128143000", "19980128103000", "", "+0400", True),
        ("20240101", "20231231230000-0200", "", "", True),
        ("20240101", "20240101003000+0100", "", "", False),
        ("2024", "2024010104+0000", "", "-0500", False),  # still 2023 over there
        ("2024", "2024010105+0000", "", "-0500", True),
        ("202402-", "20240229235959.5-0100", "", "", True),
        ("20240301-", "20240229235959.5-0100", "", "", True),
        ("-20240229", "20240301003000+0100", "", "", True),
        ("20240101+0900-20240102+0900", "20231231150000+0000", "", "", True),
        ("20240101+0900-20240102+0900", "20240102150000+0000", "", "", False),
        ("00010101", "00010101-1200", "", "", True),
        ("99991231-", "99991231235959+0000", "", "-1200", True),
    ],
)
def test_offsets_from_utc(key, value, stored, asked, expected):
    test = ranges.compiled("DT", key, asked)
    assert test(value, stored) is expected


@pytest.mark.parametrize("zone", ["+0000", "-1200", "+1400", "+0545"])
def test_a_zone(zone):
    assert ranges.is_zone(zone)


@pytest.mark.parametrize("zone", ["", "0100", "+100", "+01:00", "+0160", "+1500", "Z", "+0100 "])
def test_no_zone(zone):
    assert not ranges.is_zone(zone)


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20240101-20240102", "10-11", True),
        ("20240101-", "10-", True),
        ("-20240101", "-10", True),
        ("20240101-20240102", "10-", False),
        ("20240101", "10", False),
        ("20240101", "10-11", False),
        ("20240101-20240102", "10", False),
        ("x", "10-11", False),
        ("20240101-", "x", False),
    ],
)
def test_ranges_of_the_same_form(date, time, expected):
    assert ranges.same_form(date, time) is expected
