"""Matching of whole data sets, clause by clause of PS3.4 C.2.2.2."""

import pytest

from gateway.dicom.keys import Modes
from gateway.dicom.matching import TIMEZONE_OFFSET, matcher
from tests.unit.dicom.keyed import TAG, matches

STEP, TYPE, UID = 0x00400009, 0x00080008, 0x00080016
STUDY_DATE, STUDY_TIME = 0x00080020, 0x00080030


@pytest.mark.parametrize("key", ["", "*", "**"])
@pytest.mark.parametrize("dataset", [[], [(TAG, "LO", [])], [(TAG, "LO", ["A"])]])
def test_a_universal_key_meets_all(key, dataset):
    assert matches(dataset, {(TAG,): (key,)})
    assert matches(dataset, {(TAG,): ("B", key)})
    assert matches(dataset, {(0x00081140, TAG): (key,)})


@pytest.mark.parametrize("key", ["?", "A", "A*", "*A"])
@pytest.mark.parametrize("dataset", [[], [(TAG, "LO", [])], [(TAG, "LO", [""])]])
def test_any_other_key_asks_for_a_value(key, dataset):
    assert not matches(dataset, {(TAG,): (key,)})


# Sequence matching, C.2.2.2.6

REQUEST, CODES, CODE, PROCEDURE = 0x00400275, 0x00400008, 0x00080100, 0x00401001
NESTED = [
    (TAG, "LO", ["ID"]),
    (
        REQUEST,
        "SQ",
        [
            [],
            [(PROCEDURE, "SH", ["P1"]), (CODES, "SQ", [])],
            [(CODES, "SQ", [[(CODE, "SH", ["C1"])], [(CODE, "SH", ["C2"])]])],
        ],
    ),
]


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ((TAG,), "ID", True),
        ((REQUEST, PROCEDURE), "P1", True),
        ((REQUEST, PROCEDURE), "P*", True),
        ((REQUEST, PROCEDURE), "P2", False),
        ((REQUEST, CODES, CODE), "C1", True),
        ((REQUEST, CODES, CODE), "C2", True),
        ((REQUEST, CODES, CODE), "C3", False),
        ((REQUEST, CODE), "C1", False),
        ((PROCEDURE,), "P1", False),
        ((REQUEST,), "P1", False),
        ((TAG, PROCEDURE), "P1", False),
        ((TAG, PROCEDURE), "ID", False),
        ((CODES, CODE), "C1", False),
        ((REQUEST, PROCEDURE, CODE), "P1", False),
        ((REQUEST, CODES, CODE), "", True),
        ((REQUEST,), "", True),
    ],
)
def test_sequences_by_path(path, key, expected):
    assert matches(NESTED, {path: (key,)}) is expected


def test_any_of_the_keys_in_a_sequence():
    assert matches(NESTED, {(REQUEST, PROCEDURE): ("P9", "P1")})
    assert not matches(NESTED, {(REQUEST, PROCEDURE): ("P8", "P9")})


def test_no_key_meets_nothing():
    assert not matches(NESTED, {(TAG,): ()})


def test_keys_into_a_sequence_are_met_by_one_item():
    items = [
        [(PROCEDURE, "SH", ["P1"]), (STEP, "SH", ["S1"])],
        [(PROCEDURE, "SH", ["P2"]), (STEP, "SH", ["S2"])],
    ]
    content = [(REQUEST, "SQ", items)]
    for procedure, step, expected in (("P1", "S1", True), ("P2", "S2", True), ("P1", "S2", False)):
        keys = {(REQUEST, PROCEDURE): (procedure,), (REQUEST, STEP): (step,)}
        assert matches(content, keys) is expected


def test_several_keys_of_nested_sequences_are_met_within_one_item():
    codes = [[(CODE, "SH", ["C1"])], [(CODE, "SH", ["C2"])]]
    items = [[(PROCEDURE, "SH", ["P1"]), (CODES, "SQ", codes)], [(PROCEDURE, "SH", ["P2"])]]
    content = [(REQUEST, "SQ", items)]
    nested = {(REQUEST, CODES, CODE): ("C2",)}
    assert matches(content, nested | {(REQUEST, PROCEDURE): ("P1",)})
    assert not matches(content, nested | {(REQUEST, PROCEDURE): ("P2",)})


# Empty and multiple values, C.2.2.2.7 and C.2.2.2.8

EMPTY = Modes(empty=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], True),
        ([(TAG, "LO", [])], True),
        ([(TAG, "LO", [""])], True),
        ([(TAG, "LO", ["  \0"])], True),
        ([(TAG, "LO", ["", ""])], True),
        ([(TAG, "LO", ["A"])], False),
        ([(TAG, "LO", ["", "A"])], False),
        ([(TAG, "US", [0])], False),
        ([(TAG, "OB", "")], True),
        ([(TAG, "OB", "AAAA")], False),
        ([(TAG, "SQ", [])], True),
        ([(TAG, "SQ", [[]])], False),
    ],
)
def test_an_empty_value(content, expected):
    assert matches(content, {(TAG,): ('""',)}, EMPTY) is expected


def test_two_quotation_marks_are_a_value_like_any_other_where_nobody_asks_for_empty_ones():
    assert not matches([], {(TAG,): ('""',)})
    assert matches([(TAG, "LO", ['""'])], {(TAG,): ('""',)})
    assert not matches([(TAG, "LO", ['""'])], {(TAG,): ('""',)}, EMPTY)


def test_an_empty_value_or_another():
    for content in ([], [(TAG, "LO", ["A"])]):
        assert matches(content, {(TAG,): ('""', "A")}, EMPTY)
    assert not matches([(TAG, "LO", ["B"])], {(TAG,): ('""', "A")}, EMPTY)


def test_an_empty_value_in_an_item_asks_for_the_item():
    keys = {(REQUEST, PROCEDURE): ('""',)}
    assert not matches([], keys, EMPTY)
    assert not matches([(REQUEST, "SQ", [])], keys, EMPTY)
    assert matches([(REQUEST, "SQ", [[]])], keys, EMPTY)
    assert matches(
        [(REQUEST, "SQ", [[(PROCEDURE, "SH", ["P"])], [(STEP, "SH", ["S"])]])], keys, EMPTY
    )


@pytest.mark.parametrize(
    ("keys", "values", "expected"),
    [
        (("ORIGINAL", "AXIAL"), ["ORIGINAL", "PRIMARY", "AXIAL"], True),
        (("AXIAL", "ORIGINAL"), ["ORIGINAL", "PRIMARY", "AXIAL"], True),
        (("ORIGINAL", "LOCALIZER"), ["ORIGINAL", "PRIMARY", "AXIAL"], False),
        (("ORIG*", "AX*"), ["ORIGINAL", "PRIMARY", "AXIAL"], True),
        (("ORIGINAL",), ["ORIGINAL"], True),
        (("ORIGINAL", "AXIAL"), ["ORIGINAL"], False),
        (("ORIGINAL", "AXIAL"), [], False),
    ],
)
def test_all_of_several_values(keys, values, expected):
    content = [(TYPE, "CS", values)]
    assert matches(content, {(TYPE,): keys}, every=[(TYPE,)]) is expected
    below = [(REQUEST, "SQ", [content])]
    assert matches(below, {(REQUEST, TYPE): keys}, every=[(REQUEST, TYPE)]) is expected


def test_uids_are_a_list_of_which_one_is_enough_in_any_case():
    content = [(UID, "UI", ["1.2"])]
    assert matches(content, {(UID,): ("1.2", "1.3")}, every=[(UID,)])


# Private elements, PS3.5 7.8.1 and PS3.18 8.3.4.1

ACME = [
    (0x00230010, "LO", ["OTHER"]),
    (0x00230011, "LO", ["ACME "]),
    (0x00231002, "LO", ["theirs"]),
    (0x00231101, "LO", ["X"]),
    (0x00231102, "LO", ["ours"]),
]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({0x00230010: "ACME"}, True),
        ({0x00230010: "ACME", 0x00231002: "ours"}, True),
        ({0x00230010: "ACME", 0x00231002: "theirs"}, False),
        ({0x00230010: "OTHER", 0x00231002: "theirs"}, True),
        ({0x00230010: "ACME", 0x00231001: "X", 0x00231002: "ours"}, True),
        ({0x00230010: "OTHER", 0x00231001: "X"}, False),
        ({0x00230010: "NOBODY"}, False),
        ({0x00230010: "NOBODY", 0x00231002: "ours"}, False),
        ({0x00230042: "ACME", 0x00234202: "ours"}, True),
        ({0x00231102: "ours"}, True),
        ({0x00231002: "ours"}, False),
        ({0x00230010: "", 0x00231002: "theirs"}, True),
        ({0x00230010: "ACME", 0x00231002: ""}, True),
        ({0x00230010: "A*"}, False),
        ({0x00230011: "A*"}, True),
        ({0x00250010: "ACME"}, False),
    ],
)
def test_private_elements_are_those_of_the_creator_that_the_query_names(keys, expected):
    paths = {(tag,): (value,) for tag, value in keys.items()}
    assert matches(ACME, paths) is expected
    within = {(REQUEST, tag): (value,) for tag, value in keys.items()}
    assert matches([(REQUEST, "SQ", [[], ACME])], within) is expected


# What a part of a data set tells


@pytest.mark.parametrize(
    ("keys", "told", "expected"),
    [
        ({TAG: "A"}, {TAG: "A"}, True),
        ({TAG: "A"}, {TAG: "B"}, False),
        ({TAG: "A"}, {}, None),
        ({TAG: "A", CODE: "C"}, {TAG: "A"}, None),
        ({TAG: "A", CODE: "C"}, {TAG: "B"}, False),
        ({TAG: ""}, {}, True),
        ({}, {}, True),
    ],
)
def test_the_verdict_of_what_is_told(keys, told, expected):
    compiled = matcher({(tag,): (value,) for tag, value in keys.items()})
    assert compiled.verdict({tag: (tag, "LO", [value]) for tag, value in told.items()}) is expected


def test_a_date_and_a_time_are_told_together():
    date, time = (STUDY_DATE, "DA", ["20240101"]), (STUDY_TIME, "TM", ["0900"])
    keys = {(STUDY_DATE,): ("20240101-20240102",), (STUDY_TIME,): ("10-11",)}
    assert matcher(keys).verdict({STUDY_DATE: date}) is None
    assert matcher(keys).verdict({STUDY_DATE: date, STUDY_TIME: time}) is False
    zoned = matcher(keys, Modes(zone="+0100"))
    assert zoned.verdict({STUDY_DATE: date, STUDY_TIME: time}) is None


def test_what_a_matcher_looks_at():
    keys = {(TAG,): ("A",), (REQUEST, PROCEDURE): ("P",), (CODE,): ("",)}
    assert matcher(keys).tags == {TAG, REQUEST, TIMEZONE_OFFSET}
    assert matcher({}).tags == frozenset()
    assert not matcher(keys).whole
    assert matcher({(0x00230010,): ("ACME",)}).whole


def test_a_matcher_of_some_attributes():
    both = matcher({(TAG,): ("A",), (CODE,): ("C",)})
    found = {TAG: (TAG, "LO", ["A"])}
    assert not both.meets(found)
    assert both.on(frozenset({TAG})).meets(found)
    assert both.without(frozenset({CODE})).meets(found)
    assert not both.on(frozenset({CODE})).meets(found)


def test_which_items_meet_the_keys():
    compiled = matcher({(REQUEST, PROCEDURE): ("P*",), (TAG,): ("A",)})
    assert compiled.item_meets(REQUEST, [(PROCEDURE, "SH", ["P1"])])
    assert not compiled.item_meets(REQUEST, [(PROCEDURE, "SH", ["Q1"])])
    assert compiled.item_meets(CODES, [])
