"""Entries: any change of head, bytes or name is seen."""

import pytest
from hypothesis import given, strategies as st

from gateway.cache import entries
from gateway.cache.entries import HEAD_BYTES, Damaged

NAME = "ab" * 32


def stored(content=b"a frame", name=NAME):
    return entries.head(name, content) + content


def check(data, name=NAME):
    entries.check(name, data[:HEAD_BYTES], data[HEAD_BYTES:])


@given(st.binary(max_size=300))
def test_what_was_written_is_believed(content):
    check(stored(content))


def test_every_flipped_bit_is_seen():
    whole = stored()
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            check(bytes(flipped))


def test_every_length_but_the_whole_is_seen():
    whole = stored()
    for wrong in [whole[:length] for length in range(len(whole))] + [whole + b"\0"]:
        with pytest.raises(Damaged):
            check(wrong)


def test_the_value_of_another_name_is_no_value():
    with pytest.raises(Damaged):
        check(stored(name="cd" * 32))
