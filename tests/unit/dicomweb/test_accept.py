"""Accept headers: every spelling that is allowed means the same, and what means nothing is left."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import accept
from gateway.dicomweb.accept import ANYTHING, MediaRange

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-", min_size=1, max_size=12)
TYPES = st.one_of(
    st.sampled_from(["*/*", "image/*", "multipart/related", "application/dicom+json"]),
    st.tuples(TOKENS, TOKENS).map("/".join),
)
NAMES = TOKENS.filter(lambda name: name != "q")
VALUES = st.one_of(TOKENS, st.text(st.characters(min_codepoint=32, max_codepoint=126)))
QUALITIES = st.integers(1, 1000).map(lambda thousandths: thousandths / 1000)
RANGES = st.builds(
    MediaRange, TYPES, st.lists(st.tuples(NAMES, VALUES), max_size=3).map(tuple), QUALITIES
)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def headers(draw):
    """A header, in one of its many spellings, and the ranges that it means."""
    ranges = draw(st.lists(RANGES, min_size=1, max_size=5))
    spaces = st.sampled_from(["", " ", "\t", "  "])
    written = []
    for one in ranges:
        text = draw(st.sampled_from([one.type, one.type.upper()]))
        pieces = []
        for name, value in one.parameters:
            bare = value.isascii() and value.replace(".", "").replace("-", "").isalnum()
            pieces.append(f"{name}={value if bare and draw(st.booleans()) else quoted(value)}")
        if one.quality != 1 or draw(st.booleans()):
            pieces.insert(draw(st.integers(0, len(pieces))), f"q={one.quality:.3f}")
        for piece in pieces:
            text += f"{draw(spaces)};{draw(spaces)}{piece}"
        written.append(text)
    separator = f"{draw(spaces)},{draw(spaces)}"
    return separator.join(written), ranges


@given(headers())
def test_what_is_written_is_read(written):
    header, ranges = written
    expected = sorted(ranges, key=lambda one: one.quality, reverse=True)
    assert list(accept.parse(header)) == expected


@given(st.text())
def test_no_text_is_too_strange(header):
    found = accept.parse(header)
    assert all(0 < one.quality <= 1 for one in found)
    assert all(one.type.count("/") == 1 for one in found)
    assert list(found) == sorted(found, key=lambda one: -one.quality)


@pytest.mark.parametrize("header", ["", " ", "\t"])
def test_no_header_accepts_everything(header):
    assert accept.parse(header) == (ANYTHING,)


@pytest.mark.parametrize(
    "header",
    [
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        "multipart/related;type=application/octet-stream;transfer-syntax=*",
        'Multipart/Related ; TYPE="application/octet-stream" ; Transfer-Syntax="\\*"',
        "multipart/related; type = application/octet-stream; transfer-syntax = *;",
        ",multipart/related; type=application/octet-stream; transfer-syntax=*,",
    ],
)
def test_quotes_case_and_spaces_change_nothing(header):
    parameters = (("type", "application/octet-stream"), ("transfer-syntax", "*"))
    assert accept.parse(header) == (MediaRange("multipart/related", parameters),)


def test_a_parameter_given_twice_keeps_both_values_in_order():
    [found] = accept.parse(
        'multipart/related; type="application/octet-stream"; '
        "transfer-syntax=1.2.840.10008.1.2.4.90; transfer-syntax=*"
    )
    assert found.values("transfer-syntax") == ("1.2.840.10008.1.2.4.90", "*")
    assert found.value("transfer-syntax") == "1.2.840.10008.1.2.4.90"
    assert found.values("charset") == ()
    assert found.value("charset") is None


def test_commas_and_semicolons_inside_quotes_separate_nothing():
    [found] = accept.parse('multipart/related; type="a/b, c/d; x=y"; z="\\"quoted\\""')
    assert found.parameters == (("type", "a/b, c/d; x=y"), ("z", '"quoted"'))


def test_the_most_wanted_comes_first_and_equals_keep_their_order():
    header = "a/a;q=0.5, b/b, c/c;q=0.9, d/d;q=0.5, e/e"
    assert [one.type for one in accept.parse(header)] == ["b/b", "e/e", "c/c", "a/a", "d/d"]


@pytest.mark.parametrize("zero", ["0", "0.0", "0.000"])
def test_quality_zero_is_not_accepted(zero):
    assert accept.parse(f"image/jpeg;q={zero}") == ()
    assert [one.type for one in accept.parse(f"image/jpeg;q={zero}, image/jls")] == ["image/jls"]


@pytest.mark.parametrize(("text", "quality"), [(".2", 0.2), ("1.000", 1.0), ("0.001", 0.001)])
def test_qualities_as_clients_write_them(text, quality):
    assert accept.parse(f"a/b; q={text}") == (MediaRange("a/b", (), quality),)


@pytest.mark.parametrize("text", ["high", "", "-1", "2", "nan", "inf"])
def test_a_quality_that_is_none_counts_as_one(text):
    assert accept.parse(f"a/b;q={text}") == (MediaRange("a/b"),)


@pytest.mark.parametrize("part", ["nonsense", "*", "a/b/c", "/b", "a/", ";q=1", "q=1"])
def test_what_is_no_media_type_is_skipped(part):
    assert [one.type for one in accept.parse(f"{part}, image/jls")] == ["image/jls"]


def test_a_header_without_one_good_range_accepts_nothing():
    assert accept.parse("nonsense, *") == ()


def test_a_browsers_own_header():
    header = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
    assert [one.type for one in accept.parse(header)] == [
        "text/html",
        "application/xhtml+xml",
        "image/webp",
        "application/xml",
        "*/*",
    ]
