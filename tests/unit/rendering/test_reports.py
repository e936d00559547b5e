"""Structured reports read as trees."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicom.elements import DataSet
from gateway.rendering import report_html, report_text, reports
from tests.unit.rendering.documents import (
    UID,
    Page,
    by_reference,
    code,
    evidence,
    item,
    made,
    plain,
    report,
    text,
)


def read(*below, **attributes):
    return reports.read(plain(report(*below, **attributes)))


def language(tag):
    concept = code("Language of Content Item and Descendants", "121049", "DCM")
    said = item("CODE", relationship="HAS CONCEPT MOD")
    said.ConceptNameCodeSequence = [concept]
    said.ConceptCodeSequence = [code("German", tag, "RFC5646")]
    return said


@pytest.mark.parametrize(
    ("sop_class", "is_one"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.11", True),
        ("1.2.840.10008.5.1.4.1.1.88.59", True),
        ("1.2.840.10008.5.1.4.1.1.2", False),
        ("1.2.840.10008.5.1.4.1.1.8", False),
    ],
)
def test_which_objects_are_reports(sop_class, is_one):
    assert reports.is_report(plain(made(SOPClassUID=sop_class))) is is_one


def test_the_tree():
    found = read(
        text("one"),
        item("CONTAINER", "Part", below=[text("two", below=[by_reference(1, 1)])]),
        ContinuityOfContent="SEPARATE",
    )
    assert found.title == "Imaging Report"
    first, part = found.root.items
    assert (first.position, first.kind, first.name) == ((1, 1), "TEXT", "Finding")
    assert (part.position, part.relationship) == ((1, 2), "CONTAINS")
    assert part.items[0].position == (1, 2, 1)
    assert part.items[0].items[0].target == (1, 1)
    assert not found.root.continuous


@pytest.mark.parametrize(
    ("kinds", "is_text"),
    [
        (("TEXT", "NUM", "CODE"), True),
        (("TEXT", "NUM", "CONTAINER"), True),
        (("TEXT", "UIDREF", "NUM"), False),
        (("NUM", "SCOORD"), False),
    ],
)
def test_what_reads_as_one_text(kinds, is_text):
    below = [item(kind, "Part") for kind in kinds]
    assert read(*below, ContinuityOfContent="CONTINUOUS").root.continuous is is_text
    assert not read(*below, ContinuityOfContent="SEPARATE").root.continuous


def test_modifiers_are_those_with_nothing_below_them():
    plain_one = text("Left", "Laterality", relationship="HAS CONCEPT MOD")
    deep = text("Left", "Laterality", relationship="HAS CONCEPT MOD", below=[text("x")])
    found = read(plain_one, deep)
    assert [one.modifies for one in found.root.items] == [True, False]


def test_the_language_is_no_content():
    found = read(language("de-AT"), text("Befund"))
    assert found.root.language == "de-AT"
    assert [one.position for one in found.root.items] == [(1, 2)]
    odd = read(language('de" onload="x'), text("Befund"))
    assert odd.root.language == ""
    assert len(odd.root.items) == 2


def test_where_what_it_refers_to_is_stored():
    found = read(
        CurrentRequestedProcedureEvidenceSequence=[evidence("1.2", "1.2.1", "1.2.1.1", "1.2.1.2")],
        PertinentOtherEvidenceSequence=[evidence("1.3", "1.3.1", "1.3.1.1", "not a UID")],
        ReferencedSeriesSequence=evidence("", "1.4.1", "1.4.1.1")[0x00081115].value,
        StudyInstanceUID=UID,
    )
    assert found.stored == {
        "1.2.1.1": ("1.2", "1.2.1"),
        "1.2.1.2": ("1.2", "1.2.1"),
        "1.3.1.1": ("1.3", "1.3.1"),
        "1.4.1.1": (UID, "1.4.1"),
    }


def nested(depth):
    innermost = text("core")
    for _ in range(depth):
        innermost = item("CONTAINER", "Level", below=[innermost])
    return innermost


def deepest(one):
    return deepest(one.items[-1]) if one.items else one


def test_depth_is_bounded():
    last = deepest(read(nested(30)).root)
    assert (last.value.text, last.omitted) == ("core", "")
    last = deepest(read(nested(31)).root)
    assert (last.kind, last.omitted) == ("CONTAINER", "1 items nested too deep are not shown")


def test_the_number_of_items_is_bounded():
    one = plain(text("x"))
    tree = [*plain(report()), (0x0040A730, "SQ", [one] * 30_000)]
    root = reports.read(tree).root
    assert len(root.items) == 19_999
    assert root.omitted == "10001 more items are not shown"


def test_the_length_of_the_text_is_bounded():
    one = plain(text("x" * 1_000_000))
    root = reports.read([*plain(report()), (0x0040A730, "SQ", [one] * 9)]).root
    assert [len(each.value.text) for each in root.items] == [1_000_000] * 4 + [194_304]
    assert root.items[-1].value.missing == "the rest of the value is not shown"
    assert root.omitted == "4 more items are not shown"


def test_a_report_without_anything():
    for dataset in ([], [(0x0040A730, "LO", ["no sequence"])], [(0x0040A040, "SQ", [[], []])]):
        found = reports.read(dataset)
        assert found.title == "Structured report"
        assert found.facts[0].values == ("name not given; ID not given",)


TAGS = (
    0x00080100, 0x00080102, 0x00080104, 0x00081115, 0x00081150, 0x00081155, 0x00081160,
    0x00081199, 0x004008EA, 0x0040A010, 0x0040A032, 0x0040A040, 0x0040A043, 0x0040A050,
    0x0040A073, 0x0040A0B0, 0x0040A120, 0x0040A123, 0x0040A130, 0x0040A132, 0x0040A160,
    0x0040A168, 0x0040A300, 0x0040A30A, 0x0040A375, 0x0040A491, 0x0040A730, 0x0040A801,
    0x0040A802, 0x0040A803, 0x0040A805, 0x0040A808, 0x0040DB73, 0x00700022, 0x00720070,
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "CONTAINER", "TEXT", "NUM", "IMAGE", "SCOORD", "TABLE", "CONTINUOUS", "HAS CONCEPT MOD",
     "1.2.3", "20240101", "<b>&\"'", "--><script>", "\x00\ud800\n\u202e", "7", "A^B=C"]
)  # fmt: skip
VALUES = st.one_of(
    st.tuples(st.sampled_from(["CS", "LO", "UT", "PN", "UI", "DS"]), st.lists(WORDS, max_size=2)),
    st.tuples(st.just("UL"), st.lists(st.integers(0, 2**32 - 1), max_size=5)),
    st.tuples(st.just("FL"), st.lists(st.floats(width=32), max_size=5)),
    st.tuples(st.just("OB"), st.sampled_from(["", "AAA="])),
)


def _level(values):
    element = st.tuples(st.sampled_from(TAGS), values).map(lambda made: (made[0], *made[1]))
    return st.lists(element, max_size=8).map(
        lambda found: sorted({one[0]: one for one in found}.values(), key=lambda one: one[0])
    )


MALFORMED: st.SearchStrategy[DataSet] = st.recursive(
    _level(VALUES),
    lambda inner: _level(VALUES | st.tuples(st.just("SQ"), st.lists(inner, max_size=3))),
    max_leaves=30,
)


@given(MALFORMED)
def test_no_tree_is_too_malformed(dataset):
    page = report_html.html(dataset, lambda *uids: "/".join(uids))
    assert Page(page).headings[0][0] == "h1"
    page.encode()
    report_text.text(dataset).encode()
