"""Elements looked up in a data set."""

import pytest

from gateway.dicom import elements

ROWS, NUMBER, WEIGHT, TEXT = 0x00280010, 0x00200013, 0x00101030, 0x00081030
DATASET = [
    (TEXT, "LO", [" a b ", "second"]),
    (WEIGHT, "DS", ["72.5"]),
    (NUMBER, "IS", ["12 "]),
    (ROWS, "US", [512]),
]


def with_value(vr, value):
    return [(TEXT, vr, value)]


def test_find():
    assert elements.find(DATASET, ROWS) == (ROWS, "US", [512])
    assert elements.find(DATASET, 0x00280011) is None
    assert elements.find([], ROWS) is None


@pytest.mark.parametrize(
    ("vr", "value", "text"),
    [
        ("LO", [" a b ", "second"], "a b"),
        ("UI", ["1.2.3\0"], "1.2.3"),
        ("CS", ["", "SECOND"], ""),
        ("CS", [], ""),
        ("US", [7], "7"),
        ("OB", "", ""),
    ],
)
def test_text(vr, value, text):
    assert elements.text(with_value(vr, value), TEXT) == text


def test_text_of_what_is_absent():
    assert elements.text(DATASET, 0x00100020) == ""


@pytest.mark.parametrize(
    ("vr", "value", "number"),
    [
        ("US", [512, 1], 512),
        ("SS", [-3], -3),
        ("US", [0], 0),
        ("IS", ["12 "], 12),
        ("IS", [" -7"], -7),
        ("IS", ["+7"], 7),
        ("IS", ["1 2"], None),
        ("IS", ["1.5"], None),
        ("IS", ["x"], None),
        ("IS", [""], None),
        ("IS", [], None),
        ("LO", ["9" * 5000], None),
    ],
)
def test_number(vr, value, number):
    assert elements.number(with_value(vr, value), TEXT) == number


def test_number_of_what_is_absent():
    assert elements.number(DATASET, 0x00280011) is None
