"""The compiled matcher against the plain one of ``oracle``, over generated data sets and keys."""

from datetime import timedelta

import pytest
from hypothesis import assume, given, settings, strategies as st

from gateway.dicom.keys import Modes
from gateway.dicom.matching import TIMEZONE_OFFSET
from tests.unit.dicom import oracle
from tests.unit.dicom.keyed import matches

NAME, ID, TYPE, NUMBER, CLASS = 0x00100010, 0x00100020, 0x00080008, 0x00200013, 0x00080016
VRS = {NAME: "PN", ID: "LO", TYPE: "CS", NUMBER: "IS", CLASS: "UI"}
REQUESTS, CODES = 0x00400275, 0x00321064
MODES = Modes()
EMPTIES = Modes(empty=True)

WORDS = ["Muller", "Müller", "MÜLLER", "O'Brien", "O\u2019BRIEN", "Łopez", "lopez", "Straße",
         "Smith-Jones", "SMITH\u2010jones", "\uff41m\uff41", "ama", ""]  # fmt: skip
SIGNS = ["山", "山田", "ヤマト", "ﾔﾏﾄ", "ウ", ""]


def _names(words, signs):
    group = st.lists(st.sampled_from(words), min_size=1, max_size=3).map("^".join)
    other = st.lists(st.sampled_from(signs), min_size=1, max_size=2).map("^".join)
    return st.one_of(group, st.tuples(group, other).map("=".join), st.tuples(group, other, other)
                     .map("=".join))  # fmt: skip


NAMES = _names(WORDS, SIGNS)
PATTERNS = _names([*WORDS, "*", "M*", "*r", "?op*", "O*", "a?a"], [*SIGNS, "*", "山*", "?"])
TEXTS = st.text("ab*?", max_size=5)
VALUES = {
    NAME: st.lists(NAMES, max_size=2),
    ID: st.lists(st.text("ab", max_size=4), max_size=2),
    TYPE: st.lists(st.sampled_from(["CT", "MR", "ORIGINAL", ""]), max_size=3),
    NUMBER: st.lists(st.sampled_from(["1", "01", " 2", "-3", "+1"]), max_size=2),
    CLASS: st.lists(st.sampled_from(["1.2", "1.2.3", "1.20"]), max_size=2),
}
KEYS = {
    NAME: st.lists(PATTERNS, min_size=1, max_size=2),
    ID: st.lists(TEXTS, min_size=1, max_size=2),
    TYPE: st.lists(st.sampled_from(["CT", "M?", "MR", "*A*", "US", ""]), min_size=1, max_size=3),
    NUMBER: st.lists(st.sampled_from(["1", "1.0", "2", "-03"]), min_size=1, max_size=2),
    CLASS: st.lists(st.sampled_from(["1.2", "1.2.3", "1.2.3.4"]), min_size=1, max_size=3),
}
FLAT = st.fixed_dictionaries({}, optional=VALUES)
ASKED = st.dictionaries(st.sampled_from(sorted(KEYS)), st.integers(), max_size=3)
EMPTY = st.sampled_from([(), ('""',)])


def dataset(values, *more):
    return sorted([*((tag, VRS[tag], one) for tag, one in values.items()), *more])


@st.composite
def asked(draw, max_size=3):
    """Keys for some attributes, now and then the one for an empty value among them."""
    tags = draw(st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=max_size))
    return {tag: (*draw(KEYS[tag]), *draw(EMPTY)) for tag in tags}


@settings(max_examples=400)
@given(FLAT, asked(), st.booleans(), st.booleans())
def test_data_sets(values, keys, empty, every):
    multiple = frozenset((tag,) for tag in keys if every and VRS[tag] in ("PN", "LO", "CS"))
    expected = all(
        oracle.keys_match(
            VRS[tag], wanted, values.get(tag, []), every=(tag,) in multiple, empty=empty
        )
        for tag, wanted in keys.items()
    )
    paths = {(tag,): wanted for tag, wanted in keys.items()}
    found = matches(dataset(values), paths, EMPTIES if empty else MODES, multiple)
    assert found == expected


def test_names_match_now_and_then():
    """The generated names and keys are not so far apart that nothing is tested."""
    assert oracle.name_matches("MULLER^*", "Müller^ama")
    assert oracle.name_matches("?op*", "Łopez^ama=山田")
    assert oracle.name_matches("=山*", "Łopez=山田^ヤマト")
    assert not oracle.name_matches("ama=山*", "Łopez=山田^ヤマト")
    assert oracle.name_matches("ヤマト", "Łopez=山田=ﾔﾏﾄ")


ITEMS = st.lists(st.tuples(FLAT, st.lists(FLAT, max_size=2)), max_size=3)


@settings(max_examples=300)
@given(ITEMS, asked(2), asked(2))
def test_all_keys_into_a_sequence_are_met_by_one_item(items, outer, inner):
    """Also by one item of a sequence within that item."""
    outer, inner = ({t: k for t, k in one.items() if any(map(bool, k))} for one in (outer, inner))
    universal = [k for one in (outer, inner) for k in one.values() if _universal(k)]
    assume(not universal)

    def item_matches(item):
        values, nested = item
        return _met(outer, values) and (not inner or any(_met(inner, one) for one in nested))

    content = [
        dataset(values, (CODES, "SQ", [dataset(one) for one in nested])) for values, nested in items
    ]
    paths = {(REQUESTS, tag): wanted for tag, wanted in outer.items()}
    paths |= {(REQUESTS, CODES, tag): wanted for tag, wanted in inner.items()}
    expected = any(map(item_matches, items)) if paths else True
    assert matches([(REQUESTS, "SQ", content)], paths) == expected


def _universal(wanted):
    return any(not one.strip("*") for one in wanted)


def _met(keys, values):
    return all(
        oracle.keys_match(VRS[tag], wanted, values.get(tag, [])) for tag, wanted in keys.items()
    )


YEARS = st.sampled_from(["2023", "2024"])
TWO = st.integers(1, 12).map("{:02}".format)
DATES = st.tuples(YEARS, TWO, st.sampled_from(["01", "02", "15", "28"])).map("".join)
HOURS = st.integers(0, 23).map("{:02}".format)
MINUTES = st.sampled_from(["00", "30", "59"])
FRACTIONS = st.sampled_from([".5", ".25", ".999999", ".000001"])
TIMES = st.one_of(
    HOURS,
    st.tuples(HOURS, MINUTES).map("".join),
    st.tuples(HOURS, MINUTES, MINUTES).map("".join),
    st.tuples(HOURS, MINUTES, MINUTES, FRACTIONS).map("".join),
)
ZONES = st.sampled_from(["", "+0000", "+0100", "-0500", "+0930", "+1400", "-1200"])
MOMENTS = st.one_of(
    YEARS, st.tuples(YEARS, TWO).map("".join), DATES, st.tuples(DATES, TIMES).map("".join)
)
ZONED = st.tuples(st.tuples(DATES, TIMES).map("".join), ZONES).map("".join)
STUDY_DATE, STUDY_TIME, ACQUIRED = 0x00080020, 0x00080030, 0x0008002A
KINDS = st.sampled_from(["single", "between", "from", "until"])


def ranged(texts):
    """A key: its text, and both of its ends."""

    def key(kind, one, other):
        low, high = {
            "single": (one, one),
            "between": (one, other),
            "from": (one, ""),
            "until": ("", one),
        }[kind]
        return kind, one if kind == "single" else f"{low}-{high}", (low, high)

    return st.builds(key, KINDS, texts, texts)


def minutes(zone):
    return int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[3:])) if zone else 0


@pytest.mark.parametrize(
    ("vr", "tag", "texts"),
    [("DA", STUDY_DATE, DATES), ("TM", STUDY_TIME, TIMES), ("DT", ACQUIRED, MOMENTS | ZONED)],
)
@settings(max_examples=300)
@given(data=st.data())
def test_ranges(vr, tag, texts, data):
    kind, text, ends = data.draw(ranged(texts))
    value = data.draw(texts)
    zone = data.draw(ZONES) if vr == "DT" else ""
    assume(kind == "single" or not ends[0] or ends[0][-5:-4] != "-" or len(ends[0]) > 13)
    assume(vr == "DT" or kind != "between" or ends[0] <= ends[1])
    expected = oracle.range_matches(vr, ends, value, minutes(zone))
    stored = [(tag, vr, [value])] + ([(TIMEZONE_OFFSET, "SH", [zone])] if zone else [])
    assert matches(stored, {(tag,): (text,)}) == expected


@settings(max_examples=400)
@given(ranged(DATES), ranged(TIMES), DATES, TIMES)
def test_dates_and_times_combined(dates, times, date, time):
    """Ranges of one form are one range of moments, all else is matched apart."""
    combined = dates[0] == times[0] != "single"
    if combined:
        ends = tuple(day + hour for day, hour in zip(dates[2], times[2], strict=True))
        expected = oracle.range_matches("DT", ends, date + time)
    else:
        assume(times[0] != "between" or times[2][0] <= times[2][1])
        assume(dates[0] != "between" or dates[2][0] <= dates[2][1])
        expected = oracle.range_matches("DA", dates[2], date)
        expected = expected and oracle.range_matches("TM", times[2], time)
    stored = [(STUDY_DATE, "DA", [date]), (STUDY_TIME, "TM", [time])]
    keys = {(STUDY_DATE,): (dates[1],), (STUDY_TIME,): (times[1],)}
    assert matches(stored, keys) == expected


OPEN = st.sampled_from([(True, True), (True, False), (False, True)])


@settings(max_examples=300)
@given(OPEN, st.tuples(DATES, DATES), st.tuples(TIMES, TIMES), DATES, HOURS, MINUTES, ZONES, ZONES)
def test_combined_ranges_in_the_zone_of_the_query(
    given_ends, dates, times, date, hour, minute, stored, asked
):
    dates, times = (
        [end if is_given else "" for end, is_given in zip(ends, given_ends, strict=True)]
        for ends in (dates, times)
    )
    ends = [day + moment for day, moment in zip(dates, times, strict=True)]
    zones = (minutes(stored), minutes(asked)) if stored and asked else ()
    expected = oracle.range_matches("DT", ends, date + hour + minute, *zones)
    content = [(STUDY_DATE, "DA", [date]), (STUDY_TIME, "TM", [hour + minute])]
    content += [(TIMEZONE_OFFSET, "SH", [stored])] if stored else []
    keys = {(STUDY_DATE,): ("-".join(dates),), (STUDY_TIME,): ("-".join(times),)}
    assert matches(content, keys, Modes(zone=asked)) == expected


@settings(max_examples=300)
@given(ranged(DATES), ranged(TIMES), DATES, HOURS, MINUTES, ZONES, ZONES)
def test_a_date_or_a_time_in_the_zone_of_the_query(dates, times, date, hour, minute, stored, asked):
    """A date moves with its time, a time without a date goes round the clock."""
    assume(stored and asked and times[0] != "between")
    there = oracle.interval("DT", date + hour + minute, minutes(stored))[0]
    there += timedelta(minutes=minutes(asked))
    day, moment = f"{there:%Y%m%d}", f"{there:%H%M}"
    zone = (TIMEZONE_OFFSET, "SH", [stored])
    at, on = (STUDY_TIME, "TM", [hour + minute]), (STUDY_DATE, "DA", [date])
    modes = Modes(zone=asked)
    by_date, by_time = {(STUDY_DATE,): (dates[1],)}, {(STUDY_TIME,): (times[1],)}
    assert matches([on, at, zone], by_date, modes) == oracle.range_matches("DA", dates[2], day)
    assert matches([on, zone], by_date, modes) == oracle.range_matches("DA", dates[2], date)
    expected = oracle.range_matches("TM", times[2], moment)
    assert matches([on, at, zone], by_time, modes) == expected
    assert matches([at, zone], by_time, modes) == expected
