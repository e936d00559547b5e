"""Structured reports as HTML."""

import pydicom
import pytest
from pydicom.data import get_testdata_file

from gateway.rendering import report_html
from tests.unit.rendering.documents import (
    UID,
    Page,
    by_reference,
    code,
    evidence,
    image,
    item,
    made,
    number,
    plain,
    report,
    text,
)

HOSTILE = "<script>alert('&amp;')</script> \"x\" </p>"


def link(study, series, sop):
    return f"https://example.org/a?b={study}&c={series}/{sop}"


def page(*below, **attributes):
    return Page(report_html.html(plain(report(*below, **attributes)), link))


def count(dataset):
    return 1 + sum(map(count, dataset.get("ContentSequence", ())))


@pytest.mark.parametrize("name", ["reportsi.dcm", "test-SR.dcm"])
def test_real_reports(name):
    dataset = pydicom.dcmread(get_testdata_file(name, download=False))
    found = Page(report_html.html(plain(dataset), link))
    assert [tag for tag, _ in found.headings].count("h1") == 1
    assert len(set(found.ids)) == len(found.ids)
    assert len(found.ids) == count(dataset)
    assert all(target[1:] in found.ids for target in found.links if target.startswith("#"))


def test_the_page_says_what_it_is():
    source = report_html.html(plain(report()), link)
    assert source.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
    started = Page(source).started
    policy = dict(started)["meta"]
    assert ("meta", {"charset": "utf-8"}) in started
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert ("article", {"lang": ""}) in started


def test_everything_is_escaped():
    hostile = text(HOSTILE, HOSTILE, relationship=HOSTILE[:16], below=[text(HOSTILE)])
    modifier = text(HOSTILE, HOSTILE, relationship="HAS CONCEPT MOD")
    flowing = item("CONTAINER", HOSTILE, below=[text(HOSTILE)], ContinuityOfContent="CONTINUOUS")
    held = made(NumberOfTableRows=1, NumberOfTableColumns=1)
    held.CellValuesSequence = [made(TableRowNumber=1, TableColumnNumber=1, SelectorUTValue=HOSTILE)]
    held.TableRowDefinitionSequence = [made(ConceptNameCodeSequence=[code(HOSTILE)])]
    held.TableColumnDefinitionSequence = [made(ConceptNameCodeSequence=[code(HOSTILE)])]
    table = item("TABLE", TabulatedValuesSequence=[held])
    picture = item("IMAGE", ReferencedSOPSequence=[made(ReferencedSOPInstanceUID=HOSTILE)])
    found = page(
        hostile, modifier, flowing, table, picture,
        title=HOSTILE, PatientName=HOSTILE, PatientID=HOSTILE, VerificationFlag="<B>",
    )  # fmt: skip
    assert found.text.count("<script>alert('&amp;')</script>") == 15


def test_headings_follow_the_depth():
    inner = text("core")
    for depth in range(7, 0, -1):
        inner = item("CONTAINER", f"Level {depth}", below=[inner])
    found = page(inner)
    tags = ["h1", "h2", "h3", "h4", "h5", "h6", "h6", "h6"]
    assert [tag for tag, _ in found.headings] == tags
    levels = [given.get("aria-level") for tag, given in found.started if tag == "h6"]
    assert levels == [None, "7", "8"]
    assert found.headings[3][1] == "Level 3"


def test_the_header():
    observer = made(
        VerifyingObserverName="House^Gregory",
        VerifyingOrganization="PPTH",
        VerificationDateTime="20240131101112",
    )
    found = page(
        PatientName="Doe^Jane", PatientID="P1", PatientBirthDate="19700101", PatientSex="F",
        StudyDescription="Chest", StudyDate="20240130", AccessionNumber="A7",
        CompletionFlag="COMPLETE", CompletionFlagDescription="signed", VerificationFlag="VERIFIED",
        ContentDate="20240131", ContentTime="101112", VerifyingObserverSequence=[observer],
    )  # fmt: skip
    for words in (
        "Patient Doe, Jane; ID P1", "Born 1970-01-01", "Sex female", "Study Chest, 2024-01-30",
        "Accession number A7", "Document 2024-01-31 10:11:12",
        "Status complete (signed), verified",
        "Verified by House, Gregory, PPTH, 2024-01-31 10:11:12",
    ):  # fmt: skip
        assert words in found.text


def test_references_are_links_where_they_can_be_followed():
    found = page(
        image("1.2.1.1", frames=[3]),
        image("1.2.1.9"),
        CurrentRequestedProcedureEvidenceSequence=[evidence("1.2", "1.2.1", "1.2.1.1")],
    )
    assert found.links == ["https://example.org/a?b=1.2&c=1.2.1/1.2.1.1"]
    assert "CT Image, frame 3" in found.text
    assert "CT Image 1.2.1.9" in found.text


def test_a_key_object_selection():
    found = page(
        text("Motion", "Document Title Modifier", relationship="HAS CONCEPT MOD"),
        text("Look at the liver", "Key Object Description"),
        image(f"{UID}.1.1", name=""),
        title="Of Interest",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.59",
        CurrentRequestedProcedureEvidenceSequence=[evidence(UID, f"{UID}.1", f"{UID}.1.1")],
    )
    assert found.headings == [["h1", "Of Interest (Document Title Modifier: Motion)"]]
    assert "Key Object Description Look at the liver" in found.text
    assert found.links == [f"https://example.org/a?b={UID}&c={UID}.1/{UID}.1.1"]


def test_items_by_reference_lead_to_what_they_mean():
    found = page(
        text("Mass", "Finding", below=[by_reference(1, 2), by_reference(1, 7)]),
        number("12.5"),
    )
    assert "inferred from Item see Diameter (1.2)" in found.text
    assert found.links == ["#item-1.2"]
    assert "item-1.2" in found.ids
    assert "refers to item 1.7, which is not there" in found.text


def test_continuous_content_is_one_text():
    measured = number("3", below=[image("1.2", relationship="SELECTED FROM")])
    found = page(
        text("A mass of"),
        measured,
        text("was seen."),
        item("CONTAINER", "More", below=[text("x")]),
        ContinuityOfContent="CONTINUOUS",
    )
    assert "A mass of 3 mm was seen." in found.text
    assert "Diameter selected from Image CT Image 1.2" in found.text
    assert found.headings[1] == ["h2", "More"]


def test_languages_and_lines():
    said = item("CODE", relationship="HAS CONCEPT MOD")
    said.ConceptNameCodeSequence = [code("Language", "121049", "DCM")]
    said.ConceptCodeSequence = [code("German", "de", "RFC5646")]
    source = report_html.html(plain(report(said, text("Kein\r\nBefund"))), link)
    assert '<article lang="de">' in source
    assert "<p>Kein<br>Befund</p>" in source


def test_what_is_missing_is_said():
    found = page(item("NUM", "Diameter"), item("CONTAINER", "Empty"), text("x", relationship=""))
    assert "Diameter (the measured value is missing)" in found.text
    assert "Empty no content" in found.text
    assert "relationship not given Finding x" in found.text
