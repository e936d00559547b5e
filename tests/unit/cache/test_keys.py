"""Keys: different things never share one."""

import pytest
from hypothesis import given, strategies as st

from gateway.cache import keys

PARTS = st.lists(st.text(max_size=6) | st.integers(0, 99) | st.none(), max_size=4)


def test_every_part_counts():
    made = [
        keys.frame("a", "b", "c"),
        keys.frame("a", "b", "d"),
        keys.frame("a", "c", "c"),
        keys.frame("b", "b", "c"),
        keys.document("a", "b", 1),
        keys.document("a", "b", 2),
        keys.body("maker", "a", "b", 1),
        keys.body("maker", "a", "b", 2),
        keys.body("other", "a", "b", 1),
        keys.rendering("maker", "a", "b", 1),
    ]
    assert len(set(made)) == len({keys.digest(key) for key in made}) == len(made)


@given(PARTS, PARTS)
def test_parts_are_not_run_together(left, right):
    assert (keys.body("m", *left) == keys.body("m", *right)) == (left == right)


@pytest.mark.parametrize("kind", [keys.body, keys.rendering])
def test_derived_keys_have_one_length_and_tell_no_uid(kind):
    made = kind("maker", "1.2.840.99999", *range(1000))
    assert "1.2.840" not in made
    assert len(made) < 80
    assert "1.2.840" not in keys.digest("1.2.840.99999")
