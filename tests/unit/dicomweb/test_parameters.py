"""What query parameters have in common: numbers and keywords, and how they are collected."""

import pytest

from gateway.dicomweb import parameters
from gateway.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0), ("-40", -40.0), ("+1.5", 1.5), (".5", 0.5), ("7.", 7.0), ("1e3", 1000.0),
        ("-2.5E-2", -0.025), ("1.e2", 100.0), ("9" * 12, 999999999999.0), ("1e99", 1e99),
    ],
)  # fmt: skip
def test_decimals(text, value):
    assert parameters.decimal("window", text) == value


@pytest.mark.parametrize(
    "text",
    ["", ".", "-", "1,5", "e3", "1e", "1e100", "1..2", "nan", "inf", "0x1", "1_0", " 1", "1\n",
     "٣", "9" * 13, "." + "1" * 13],
)  # fmt: skip
def test_what_is_no_decimal_is_refused_by_name(text):
    with pytest.raises(InvalidRequest) as caught:
        parameters.decimal("window", text)
    assert caught.value.parameter == "window"


@pytest.mark.parametrize(("text", "most"), [("1", 1), ("999999999", None), ("100", 100)])
def test_whole_numbers(text, most):
    assert parameters.positive("rows", text, most) == int(text)


@pytest.mark.parametrize(
    ("text", "most"),
    [("0", None), ("01", None), ("-1", None), ("1.0", None), ("1" * 10, None), ("²", None),
     ("", 5), ("6", 5)],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused_by_name(text, most):
    with pytest.raises(InvalidRequest) as caught:
        parameters.positive("rows", text, most)
    assert caught.value.parameter == "rows"


@pytest.mark.parametrize("text", ["1", "9", "10", "99", "100"])
def test_qualities(text):
    assert parameters.quality(text) == int(text)


@pytest.mark.parametrize("text", ["", "0", "101", "1000", "050", "high", "7.5", "٣"])
def test_what_is_no_quality(text):
    with pytest.raises(InvalidRequest, match="from 1 to 100") as caught:
        parameters.quality(text)
    assert caught.value.parameter == "quality"


def test_keywords_count_once_and_in_their_order():
    found = parameters.keywords("annotation", "technique, patient,technique")
    assert found == ("technique", "patient")


@pytest.mark.parametrize("text", ["", "a,,b", "a b", "1a", "a;b", "a" * 33])
def test_what_is_no_list_of_keywords(text):
    with pytest.raises(InvalidRequest) as caught:
        parameters.keywords("annotation", text)
    assert caught.value.parameter == "annotation"


def test_pairs_are_collected_and_the_odd_one_is_named():
    pairs = [("a", "1"), ("x", "2"), ("a", "1")]
    assert parameters.collected(pairs, {"a"}, {"x"}, "this") == {"a": "1"}
    for more, name in ((("a", "2"), "a"), (("y", ""), "y")):
        with pytest.raises(InvalidRequest) as caught:
            parameters.collected([*pairs, more], {"a"}, {"x"}, "this")
        assert caught.value.parameter == name
