"""Page tokens: a position comes back, and only for the query and the server it was made for."""

import base64

import pytest
from hypothesis import given, settings, strategies as st

from gateway.emulator.faults import Fault
from gateway.emulator.paging import Pager

PAGER = Pager("secret")
positions = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=20)
    | st.integers(-(1 << 53), 1 << 53)
    | st.floats(allow_nan=False, allow_infinity=False),
    min_size=1,
    max_size=3,
)
plain = st.text(max_size=5) | st.integers(0, 50) | st.booleans() | st.floats(0, 2e9)
queries = st.dictionaries(
    st.sampled_from(["datastoreId", "searchCriteria", "jobStatus", "imageSetId"]),
    plain | st.dictionaries(st.text(max_size=5), plain, max_size=2),
    max_size=4,
)


def refused(pager, query, token):
    with pytest.raises(Fault) as fault:
        pager.position(query, token)
    assert fault.value.code == "ValidationException"
    return str(fault.value)


@settings(deadline=None)
@given(queries, positions, st.integers(1, 50))
def test_the_position_comes_back_whatever_the_page_size(query, position, size):
    token = PAGER.token(query, position)
    assert PAGER.position(query, token) == position
    # The next request carries the token, and may ask for another number of results.
    assert PAGER.position(query | {"nextToken": token, "maxResults": size}, token) == position


@settings(deadline=None)
@given(queries, positions)
def test_a_token_fits_the_model(query, position):
    token = PAGER.token(query | {"nextToken": "t" * 8192}, position)
    assert token.isascii()
    assert 1 <= len(token) <= 8192


def test_without_a_token_a_query_begins():
    assert PAGER.position({"datastoreId": "a"}, None) is None


@settings(deadline=None)
@given(queries, queries, positions)
def test_a_token_of_another_query_is_refused(query, other, position):
    token = PAGER.token(query, position)
    if query != other:
        assert "not valid for this request" in refused(PAGER, other, token)


def test_a_query_with_more_or_fewer_filters_is_another():
    token = PAGER.token({"a": 1, "b": None}, ["x"])
    for other in ({"a": 1}, {"a": 1, "b": None, "c": 2}, {"a": 2, "b": None}, {}):
        refused(PAGER, other, token)
    assert PAGER.position({"b": None, "a": 1}, token) == ["x"]


def test_a_token_of_another_server_is_refused():
    token = Pager("another").token({}, [1])
    assert "not valid for this request" in refused(PAGER, {}, token)


def test_every_changed_bit_is_noticed():
    token = PAGER.token({"datastoreId": "a"}, [1700000000.25, "b" * 32])
    content = base64.urlsafe_b64decode(token)
    for bit in range(len(content) * 8):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        refused(PAGER, {"datastoreId": "a"}, base64.urlsafe_b64encode(changed).decode())


def test_every_shortened_token_is_refused():
    token = PAGER.token({}, ["a", 1])
    for length in range(len(token)):
        refused(PAGER, {}, token[:length])


def test_a_position_behind_a_good_seal_cannot_be_exchanged():
    first, second = (base64.urlsafe_b64decode(PAGER.token({}, [n])) for n in (1, 2))
    forged = base64.urlsafe_b64encode(first[:32] + second[32:]).decode()
    refused(PAGER, {}, forged)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_refused(text):
    refused(PAGER, {}, text)
