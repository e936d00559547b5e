"""Values as people read them."""

import pytest

from gateway.rendering import wording


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("20240131", "2024-01-31"),
        ("2024.01.31", "2024-01-31"),
        ("202401", "2024-01"),
        ("2024", "2024"),
        ("20240131-20240201", "20240131-20240201"),
        ("", ""),
        ("soon\n", "soon"),
    ],
)
def test_dates(raw, shown):
    assert wording.date(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("101112", "10:11:12"),
        ("10:11:12", "10:11:12"),
        ("1011", "10:11"),
        ("10", "10"),
        ("101112.000000", "10:11:12"),
        ("101112.250000", "10:11:12.25"),
        ("101112.100", "10:11:12.1"),
        ("noon", "noon"),
        ("", ""),
    ],
)
def test_times(raw, shown):
    assert wording.time(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("20240131101112.5+0100", "2024-01-31 10:11:12.5 +01:00"),
        ("202401311011-0530", "2024-01-31 10:11 -05:30"),
        ("20240131", "2024-01-31"),
        ("2024", "2024"),
        ("2024013", "2024013"),
        ("", ""),
    ],
)
def test_datetimes(raw, shown):
    assert wording.datetime(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        (
            "Adams^John Robert^Quincy^Rev.^B.A. M.Div.",
            "Adams, John Robert Quincy, Rev., B.A. M.Div.",
        ),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田, 太郎, やまだ, たろう)"),
        ("=山田^太郎", "山田, 太郎"),
        ("A^B^C^D^E^F^G", "A, B C, D, E"),
        ("", ""),
        ("==", ""),
    ],
)
def test_names(raw, shown):
    assert wording.name(raw) == shown


def test_text_keeps_its_lines_and_nothing_that_no_document_may_contain():
    raw = " one\r\ntwo\rthree\ffour\tfive\x00\x07\x1b[1m\ud800\ufffe\x85 "
    assert wording.clean(raw) == "one\ntwo\nthree\nfour\tfive[1m"
    assert wording.line(raw) == "one two three four five[1m"
