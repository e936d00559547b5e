"""Query strings of QIDO-RS: read completely, or refused with the name of what is wrong."""

from urllib.parse import urlencode

import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import tags
from gateway.dicom.keys import Modes
from gateway.dicomweb import query
from gateway.dicomweb.query import Level, Query
from gateway.errors import InvalidRequest
from tests.unit.dicomweb.parsing import SERIES, STUDY, keyed, parse, refused

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
NAMES = {
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "AccessionNumber": 0x00080050,
    "StudyDescription": 0x00081030,
    "ReferringPhysicianName": 0x00080090,
    "SeriesDescription": 0x0008103E,
    "InstitutionName": 0x00080080,
}


@st.composite
def queries(draw):
    """A query string in one of its spellings, and what it means."""
    chosen = draw(st.lists(st.sampled_from(sorted(NAMES)), unique=True, max_size=4))
    matches = {}
    pairs = []
    for name in chosen:
        value = draw(TEXTS)
        tag = NAMES[name]
        spelled = draw(st.sampled_from([name, f"{tag:08X}", f"{tag:08x}"]))
        pairs.append((spelled, value))
        parts = [part.strip() for part in value.split("\\")]
        matches[tag,] = tuple(part for part in parts if part) or ("",)
    include = draw(st.lists(st.sampled_from(sorted(NAMES)), max_size=4))
    if draw(st.booleans()):
        pairs += [("includefield", name) for name in include]
    elif include:
        pairs.append(("includefield", ",".join(f"{NAMES[name]:08X}" for name in include)))
    limit = draw(st.none() | st.integers(0, 10**8))
    offset = draw(st.integers(0, 10**8))
    fuzzy = draw(st.booleans())
    everything = draw(st.booleans())
    pairs += [] if limit is None else [("limit", str(limit))]
    pairs += [("offset", str(offset))] if offset or draw(st.booleans()) else []
    pairs += [("fuzzymatching", "true")] if fuzzy else []
    pairs += [("includefield", "all")] if everything else []
    level = draw(st.sampled_from(Level))
    meant = Query(
        level,
        matches,
        include=frozenset((NAMES[name],) for name in include),
        include_all=everything,
        modes=Modes(fuzzy=fuzzy),
        limit=limit,
        offset=offset,
    )
    return urlencode(draw(st.permutations(pairs))), meant


@settings(deadline=None)
@given(queries())
def test_a_query_string_means_what_was_meant(written):
    text, meant = written
    assert parse(text, meant.level) == meant


@settings(deadline=None)  # the dictionary of repeating groups is read once
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_a_query_is_read_or_refused_by_a_name_that_it_holds(pairs):
    names = {name for name, _ in pairs}
    try:
        refused_by = None
        query.parse(Level.STUDY, pairs, {})
    except InvalidRequest as error:
        refused_by = error.parameter
    unknown = [name for name in names if tags.parse_tag(name) is None]
    assert refused_by is None or refused_by in names
    assert refused_by is not None or not unknown


def test_nothing_asked_for_is_everything():
    assert parse("") == Query(Level.STUDY)


@pytest.mark.parametrize("name", ["PatientID", "00100020"])
def test_a_keyword_and_its_tag_are_the_same(name):
    assert keyed(f"{name}=X1") == (["00100020"], ["X1"])


def test_hexadecimal_digits_of_either_case():
    assert keyed("0020000d=1.2") == keyed("0020000D=1.2") == (["0020000D"], ["1.2"])


def test_an_unknown_tag_of_eight_digits_is_an_attribute():
    assert keyed("00091001=x") == (["00091001"], ["x"])


@pytest.mark.parametrize(
    "name",
    ["patientid", "Patient ID", "Nonsense", "0010002", "001000200", "0010,0020", "(0010,0020)",
     "0x00100020", "LIMIT", "IncludeField", "Limit", "00100020.x", "q"],
)  # fmt: skip
def test_an_unknown_parameter_is_refused_by_name(name):
    assert refused(urlencode({"PatientID": "1", name: "x"})) == name


@pytest.mark.parametrize(
    "text",
    [
        "includefield=00081030,00080060",
        "includefield=00081030%2C00080060",
        "includefield=StudyDescription&includefield=Modality",
        "includefield=StudyDescription,00080060&includefield=00081030",
        "includefield=,StudyDescription,,Modality,",
        "includefield=%20StudyDescription%20,%20Modality",
    ],
)
def test_the_forms_of_includefield(text):
    found = parse(text)
    assert found.include == {(0x00081030,), (0x00080060,)}
    assert not found.include_all


def test_all_fields_alone_and_beside_others():
    assert parse("includefield=all") == Query(Level.STUDY, include_all=True)
    beside = parse("includefield=StudyDescription,all")
    assert (beside.include, beside.include_all) == ({(0x00081030,)}, True)
    assert parse("includefield=") == Query(Level.STUDY)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("RequestAttributesSequence.ScheduledProcedureStepID", {(0x00400275, 0x00400009)}),
        ("00400275.00400009,00400275", {(0x00400275, 0x00400009), (0x00400275,)}),
        ("00231001", {(0x00231001,), (0x00230010,)}),
        ("00230010", {(0x00230010,)}),
        ("00400275.00231142", {(0x00400275, 0x00231142), (0x00400275, 0x00230011)}),
        ("00231001.00080100", {(0x00231001, 0x00080100), (0x00230010,)}),
    ],
)
def test_fields_within_sequences_and_private_ones_with_their_creator(text, paths):
    assert parse(f"includefield={text}").include == paths


@pytest.mark.parametrize("value", ["Nonsense", "StudyDescription,Nonsense", "ALL", "0008103", "*"])
def test_an_unknown_field_is_refused_as_includefield(value):
    with pytest.raises(InvalidRequest) as caught:
        parse(urlencode({"includefield": value}))
    assert caught.value.parameter == "includefield"
    assert value.split(",")[-1] in str(caught.value)


def test_limit_and_offset():
    assert parse("limit=101&offset=20") == Query(Level.STUDY, limit=101, offset=20)
    assert parse("limit=0").limit == 0
    assert parse("limit=007").limit == 7
    assert parse("limit=5&limit=5").limit == 5


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "1.0", "1e2", "ten", " 1", "0x1", "\u0663", "9" * 10]
)
def test_what_is_no_count_is_refused(name, value):
    assert refused(urlencode({name: value})) == name


@pytest.mark.parametrize("text", ["limit=1&limit=2", "offset=0&offset=1"])
def test_two_different_counts_are_refused(text):
    assert refused(text) == text.partition("=")[0]


@pytest.mark.parametrize(("value", "fuzzy"), [("true", True), ("false", False)])
def test_fuzzymatching(value, fuzzy):
    assert parse(f"fuzzymatching={value}").modes.fuzzy is fuzzy
    assert parse(f"emptyvaluematching={value}").modes.empty is fuzzy


@pytest.mark.parametrize("value", ["", "yes", "1", "maybe", "TRUE"])
@pytest.mark.parametrize("name", ["fuzzymatching", "emptyvaluematching", "multiplevaluematching"])
def test_modes_are_true_or_false(name, value):
    assert refused(f"{name}={value}") == name


def test_lists_end_somewhere():
    many = [f"1.{number}" for number in range(1_001)]
    assert len(keyed(f"SOPInstanceUID={','.join(many[:-1])}")[1]) == 1_000
    assert refused(f"SOPInstanceUID={','.join(many)}") == "SOPInstanceUID"
    fields = [f"{0x00090000 + number:08X}" for number in range(0x1000, 0x1600)]
    with pytest.raises(InvalidRequest) as caught:
        parse(f"includefield={','.join(fields)}")
    assert caught.value.parameter == "includefield"
    assert refused("00400275." * 8 + "00400009=x")
    with pytest.raises(InvalidRequest, match="name of a parameter"):
        parse(f"{'x' * 600}=1")


def test_what_selects_results():
    """Pages, fields and the order of parameters make no other query of it."""
    first = parse("PatientID=1&Modality=CT&limit=5&includefield=StudyDescription")
    assert first.selection() == parse("Modality=CT&00100020=1&limit=7&offset=9").selection()
    for other in (
        "PatientID=2&Modality=CT",
        "PatientID=1",
        "PatientID=1&Modality=CT&fuzzymatching=true",
        "PatientID=1&Modality=CT&TimezoneOffsetFromUTC=-0100",
    ):
        assert parse(other).selection() != first.selection()
    assert parse("").selection() != parse("", Level.SERIES).selection()
    several = "ImageType=A%5CB"
    every = parse(f"{several}&multiplevaluematching=true")
    assert every.selection() != parse(several).selection()


def test_parameters_of_other_rules_are_left_to_them():
    found = parse("accept=application%2Fdicom%2Bjson&charset=utf-8&PatientID=1")
    assert found == Query(Level.STUDY, {(0x00100020,): ("1",)})


def test_one_image_set():
    assert parse(f"imageSetId={'a' * 32}").image_set_id == "a" * 32
    assert refused(f"imageSetId={'a' * 32}&imageSetId={'b' * 32}") == "imageSetId"


def test_the_uids_of_the_path_are_keys():
    found = parse("Modality=CT", Level.INSTANCE, {STUDY: "1.2", SERIES: "1.2.3"})
    assert found.matches == {
        (STUDY,): ("1.2",),
        (SERIES,): ("1.2.3",),
        (0x00080060,): ("CT",),
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1.2", "1.2"), ("1.3,1.2", "1.2"), ("1.3", "0"), ("1.3,1.4", "0")],
)
def test_a_uid_of_the_query_and_one_of_the_path_must_both_hold(given, expected):
    found = parse(f"StudyInstanceUID={given}", Level.SERIES, {STUDY: "1.2"})
    assert found.matches == {(STUDY,): (expected,)}


def test_a_key_given_twice():
    same = parse("PatientID=1&00100020=1")
    assert same.matches == {(0x00100020,): ("1",)}
    assert refused("PatientID=1&PatientID=2") == "PatientID"
    assert refused("PatientID=1&00100020=2") == "00100020"


def test_a_value_without_end_is_refused():
    assert refused(f"PatientName={'x' * 16_385}") == "PatientName"
    assert len(keyed(f"PatientName={'x' * 16_384}")[1][0]) == 16_384


OHIF = (
    "limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060%2C00080090%2C00100030"
)
INCLUDED = frozenset({(0x00081030,), (0x00080060,), (0x00080090,), (0x00100030,)})


@pytest.mark.parametrize(
    ("key", "matches"),
    [
        ("", {}),
        ("PatientName=*CTSe*&", {(0x00100010,): ("*CTSe*",)}),
        ("00100020=*ID*&", {(0x00100020,): ("*ID*",)}),
        ("AccessionNumber=*ACC-HEXT-1*&", {(0x00080050,): ("*ACC-HEXT-1*",)}),
        ("StudyDescription=*head%20neck*&", {(0x00081030,): ("*head neck*",)}),
        ("ModalitiesInStudy=CT%2CXA&", {(0x00080061,): ("CT", "XA")}),
        ("StudyDate=20240102-20261121&", {(0x00080020,): ("20240102-20261121",)}),
        ("StudyInstanceUID=1.2%5C1.3&", {(STUDY,): ("1.2", "1.3")}),
    ],
)
def test_the_study_list_of_a_viewer(key, matches):
    assert parse(key + OHIF) == Query(
        Level.STUDY, matches, include=INCLUDED, modes=Modes(fuzzy=True), limit=101
    )


def test_the_query_of_a_slide_viewer():
    text = (
        "00080016=1.2.840.10008.5.1.4.1.1.77.1.6&00080060=SM&0020000E=1.2.3"
        "&includefield=AvailableTransferSyntaxUID"
    )
    found = parse(text, Level.INSTANCE, {STUDY: "1.2"})
    assert found.matches == {
        (STUDY,): ("1.2",),
        (0x00080016,): ("1.2.840.10008.5.1.4.1.1.77.1.6",),
        (0x00080060,): ("SM",),
        (SERIES,): ("1.2.3",),
    }
    assert found.include == {(0x00083002,)}
