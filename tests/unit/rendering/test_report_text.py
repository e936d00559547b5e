"""Structured reports as plain text."""

from gateway.rendering import report_text
from tests.unit.rendering.documents import (
    by_reference,
    code,
    image,
    item,
    made,
    number,
    plain,
    report,
    text,
)


def test_a_report():
    held = made(NumberOfTableRows=1, NumberOfTableColumns=2)
    held.CellValuesSequence = [made(TableRowNumber=1, SelectorISValue=["1", "2"])]
    held.TableRowDefinitionSequence = [made(ConceptNameCodeSequence=[code("Row")])]
    held.TableColumnDefinitionSequence = [
        made(TableColumnNumber=at, ConceptNameCodeSequence=[code(f"Column {at}")]) for at in (1, 2)
    ]
    dataset = report(
        text("Left", "Side", relationship="HAS CONCEPT MOD"),
        item("PNAME", "Observer", "HAS OBS CONTEXT", PersonName="Doe^Jane"),
        text("First line\nsecond <line>", below=[image("1.2.3", relationship="INFERRED FROM")]),
        item(
            "CONTAINER",
            "Sizes",
            below=[
                text("About"),
                number("12.5", below=[by_reference(1, 3), by_reference(9)]),
                item("CONTAINER", "Empty"),
            ],
            ContinuityOfContent="CONTINUOUS",
        ),
        item("TABLE", "Dose", TabulatedValuesSequence=[held], ObservationDateTime="2024"),
        item("CODE"),
        PatientName="Doe^John",
        PatientID="P1",
        CompletionFlag="PARTIAL",
    )
    assert (
        report_text.text(plain(dataset))
        == """\
Imaging Report (Side: Left)
===========================

Patient: Doe, John; ID P1
Status: partial

observation context Observer: Doe, Jane
Finding:
  First line
  second <line>
  inferred from Image: CT Image, 1.2.3
Sizes:
  About 12.5 mm
  Diameter:
    inferred from Item: see Finding (1.3)
    inferred from Item: (refers to item 9, which is not there)
  Empty:
    (no content)
Dose:
   | Column 1 | Column 2
  Row | 1 | 2
  observed 2024
Code: (the code is missing)
"""
    )


def test_what_is_left_out_is_said():
    tree = [*plain(report()), (0x0040A730, "SQ", [plain(text("x"))] * 20_005)]
    assert report_text.text(tree).endswith("Finding: x\n(6 more items are not shown)\n")
