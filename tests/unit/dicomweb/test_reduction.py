"""The parameter that asks for frames at a lower resolution."""

import pytest

from gateway.dicomweb import reduction
from gateway.errors import InvalidRequest


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([("accept", "image/jphc"), ("Reduce", "1")], None),
        ([("reduce", "0")], 0),
        ([("reduce", "3"), ("accept", "*/*"), ("reduce", "3")], 3),
        ([("reduce", "16")], 16),
        ([("reduce", "05")], 5),
    ],
)
def test_how_often_sides_are_halved(pairs, expected):
    assert reduction.parse(pairs) == expected


@pytest.mark.parametrize(
    "value", ["", " 1", "-1", "+1", "1.0", "17", "100", "half", "\u0661", "1\n"]
)
def test_nonsense_is_refused_by_name(value):
    with pytest.raises(InvalidRequest, match="from 0 to 16") as caught:
        reduction.parse([("reduce", value)])
    assert caught.value.parameter == "reduce"


def test_two_values_are_refused():
    with pytest.raises(InvalidRequest):
        reduction.parse([("reduce", "1"), ("reduce", "01")])


def test_headers():
    assert reduction.headers(64, 48) == {"Frame-Rows": "64", "Frame-Columns": "48"}
