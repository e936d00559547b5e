"""Entity tags and conditions: what RFC 9110 says of lists, stars, weak tags and precedence."""

import re

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import conditions
from gateway.dicomweb.conditions import Outcome

TAG = '"abc"'
TAGS = st.from_regex(r'"[\x21\x23-\x7e]{0,8}"', fullmatch=True)


def test_a_tag_is_strong_short_and_quoted():
    assert re.fullmatch(r'"[0-9a-f]{32}"', conditions.entity_tag("a", b"b"))


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_tags_are_equal_if_what_determines_them_is(left, right):
    same = conditions.entity_tag(*left) == conditions.entity_tag(*right)
    assert same == (left == right)


def test_the_border_between_determinants_counts():
    assert conditions.entity_tag("ab", "c") != conditions.entity_tag("a", "bc")
    assert conditions.entity_tag("a1:b") != conditions.entity_tag("a", "b")
    assert conditions.entity_tag("a") == conditions.entity_tag(b"a")


@pytest.mark.parametrize(
    ("header", "tags", "strong"),
    [
        ('"a"', ('"a"',), ('"a"',)),
        ('"a","b"', ('"a"', '"b"'), ('"a"', '"b"')),
        (' "a" ,\tW/"b" ', ('"a"', '"b"'), ('"a"',)),
        ('"a,b", "c d"', ('"a,b"',), ('"a,b"',)),
        (',, "a",,"b",', ('"a"', '"b"'), ('"a"', '"b"')),
        ('""', ('""',), ('""',)),
        ("*", None, None),
        (" * ", None, None),
        ("abc", (), ()),
        ('"a" "b"', (), ()),
        ('"a", b, "c"', ('"a"',), ('"a"',)),
        ('w/"a"', (), ()),
        ("", (), ()),
        ('"*"', ('"*"',), ('"*"',)),
    ],
)
def test_lists_of_tags(header, tags, strong):
    assert conditions.listed(header) == tags
    assert conditions.listed(header, strongly=True) == strong


@given(st.lists(TAGS, min_size=1, max_size=5))
def test_a_list_comes_back_as_it_was_written(tags):
    assert conditions.listed(", ".join(tags)) == tuple(tags)


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "outcome"),
    [
        (None, None, Outcome.PERFORM),
        (None, TAG, Outcome.NOT_MODIFIED),
        (None, f'"x", W/{TAG}', Outcome.NOT_MODIFIED),
        (None, '"x"', Outcome.PERFORM),
        (None, "*", Outcome.NOT_MODIFIED),
        (None, "", Outcome.PERFORM),
        (TAG, None, Outcome.PERFORM),
        ("*", None, Outcome.PERFORM),
        (f'"x", {TAG}', None, Outcome.PERFORM),
        (f"W/{TAG}", None, Outcome.FAILED),
        ('"x"', None, Outcome.FAILED),
        ("nonsense", None, Outcome.FAILED),
        ('"x"', TAG, Outcome.FAILED),  # If-Match comes first
        (TAG, TAG, Outcome.NOT_MODIFIED),
        (TAG, '"x"', Outcome.PERFORM),
    ],
)
def test_what_the_conditions_come_to(if_match, if_none_match, outcome):
    assert conditions.evaluate(if_match, if_none_match, TAG) is outcome


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (TAG, True),
        (f'"x", W/{TAG}', True),
        ("*", False),
        (None, False),
        ("", False),
        ("abc", False),
    ],
)
def test_a_tag_that_is_named_needs_no_representation(header, named):
    assert conditions.names(header, TAG) is named


@pytest.mark.parametrize(
    ("header", "counts"),
    [
        (None, True),
        (TAG, True),
        (f" {TAG} ", True),
        ('"x"', False),
        (f"W/{TAG}", False),
        ("", False),
        ("*", False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", False),
    ],
)
def test_a_range_counts_for_exactly_this_representation(header, counts):
    assert conditions.range_counts(header, TAG) is counts


def test_lines_of_a_header_are_one_list():
    assert conditions.joined([]) is None
    assert conditions.joined(['"a"', '"b", "c"']) == '"a", "b", "c"'
