"""Byte ranges: RFC 9110's own examples, the edges of a body, and what nobody has a use for."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import byteranges
from gateway.dicomweb.byteranges import ByteRange

CONTENT = bytes(range(256)) * 40  # 10,240 bytes


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-499", [(0, 499)]),
        ("bytes=500-999", [(500, 999)]),
        ("bytes=-500", [(9500, 9999)]),
        ("bytes=9500-", [(9500, 9999)]),
        ("bytes=0-0,-1", [(0, 0), (9999, 9999)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 999), (4500, 5499), (9000, 9999)]),
        ("bytes=0-", [(0, 9999)]),
        ("bytes=0-99999", [(0, 9999)]),
        ("bytes=-99999", [(0, 9999)]),
        ("bytes=9999-9999", [(9999, 9999)]),
        ("BYTES = 1 - 2 ,, ", [(1, 2)]),
        ("bytes=5-6,1-2", [(5, 6), (1, 2)]),
        ("bytes=10000-, 1-2", [(1, 2)]),
        ("bytes=1-2,1-2", [(1, 2), (1, 2)]),
        # What cannot be satisfied:
        ("bytes=10000-", []),
        ("bytes=10000-20000", []),
        ("bytes=-0", []),
        # What is not obeyed:
        ("bytes=2-1", None),
        ("bytes=1-2,5-4", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("bytes=--1", None),
        ("bytes=+1-2", None),
        ("bytes=1-2;3-4", None),
        ("bytes=\u0661-\u0662", None),
        ("frames=1-2", None),
        ("bytes 1-2", None),
        ("", None),
        ("bytes=0-,0-", None),
        ("bytes=" + ",".join(f"{at}-{at}" for at in range(17)), None),
        ("bytes=" + "9" * 20 + "-", None),
    ],
)
def test_ranges_of_ten_thousand_bytes(header, found):
    parsed = byteranges.parse(header, 10_000)
    assert parsed == (None if found is None else tuple(ByteRange(*one) for one in found))


def test_sixteen_ranges_are_not_too_many():
    header = "bytes=" + ",".join(f"{at}-{at}" for at in range(16))
    assert len(byteranges.parse(header, 100)) == 16


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_nothing_of_an_empty_body_can_be_satisfied(header):
    assert byteranges.parse(header, 0) == ()


@given(st.integers(0, 12_000), st.integers(0, 12_000))
def test_a_range_is_what_a_slice_is(first, size):
    content = CONTENT[:10_000]
    parsed = byteranges.parse(f"bytes={first}-{first + size}", len(content))
    expected = content[first : first + size + 1]
    assert b"".join(one.of(content) for one in parsed) == expected
    assert [one.size for one in parsed] == ([len(expected)] if expected else [])


@given(st.integers(1, 12_000))
def test_a_suffix_is_what_a_slice_is(size):
    [one] = byteranges.parse(f"bytes=-{size}", len(CONTENT))
    assert one.of(CONTENT) == CONTENT[-size:]


@given(st.text(max_size=30))
def test_whatever_is_asked_for_lies_within(text):
    for one in byteranges.parse(f"bytes={text}", 7) or ():
        assert 0 <= one.first <= one.last < 7


def test_how_an_answer_says_what_it_is():
    assert ByteRange(0, 499).content_range(1234) == "bytes 0-499/1234"
    assert byteranges.unsatisfied(1234) == "bytes */1234"
    assert byteranges.content_type("m") == "multipart/byteranges; boundary=m"
    head = byteranges.part_head("m", "video/mp4", ByteRange(1, 2), 9)
    assert head == b"--m\r\nContent-Type: video/mp4\r\nContent-Range: bytes 1-2/9\r\n\r\n"
