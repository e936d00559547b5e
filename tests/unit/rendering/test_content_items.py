"""The values of content items."""

import pytest

from gateway.rendering import content_items
from tests.unit.rendering.documents import code, item, made, number, plain, reference

STATE = "1.2.840.10008.5.1.4.1.1.11.1"
WAVE = "1.2.840.10008.5.1.4.1.1.9.1.1"


def value(dataset):
    return content_items.read(dataset.get("ValueType", ""), plain(dataset))


def with_unit(meaning, symbol, scheme="UCUM"):
    dataset = number("72")
    unit = [code(meaning, symbol, scheme)]
    dataset.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = unit
    return dataset


FLOATING = item("NUM", MeasuredValueSequence=[made(FloatingPointValue=[0.1])])
RATIONAL = item(
    "NUM",
    MeasuredValueSequence=[made(RationalNumeratorValue=[1], RationalDenominatorValue=[3])],
)


@pytest.mark.parametrize(
    ("dataset", "shown"),
    [
        (item("TEXT", TextValue="one\r\ntwo"), "one\ntwo"),
        (item("CODE", ConceptCodeSequence=[code("Mass")]), "Mass"),
        (item("CODE", ConceptCodeSequence=[made(CodeValue="4147007")]), "4147007"),
        (item("CODE", ConceptCodeSequence=[made(LongCodeValue="x" * 20)]), "x" * 20),
        (item("DATE", Date="20240131"), "2024-01-31"),
        (item("TIME", Time="1011"), "10:11"),
        (item("DATETIME", DateTime="20240131101112"), "2024-01-31 10:11:12"),
        (item("PNAME", PersonName="Doe^Jane"), "Doe, Jane"),
        (item("UIDREF", UID="1.2.3"), "1.2.3"),
        (number("12.5"), "12.5 mm"),
        (number("-1.50e-3", "mm2"), "-1.50e-3 mm2"),
        (with_unit("beats per minute", "{H.B.}/min"), "72 beats per minute"),
        (with_unit("no units", "1"), "72"),
        (with_unit("percent", "%"), "72 %"),
        (with_unit("Blocks", "1", "99TEST"), "72 Blocks"),
        (FLOATING, "0.1"),
        (RATIONAL, "1/3"),
        (item("CONTAINER"), ""),
    ],
)
def test_values(dataset, shown):
    found = value(dataset)
    assert found.text == shown
    assert not found.missing


def test_a_measurement_with_a_qualifier():
    measured = number("3")
    measured.NumericValueQualifierCodeSequence = [code("Measurement uncertain")]
    assert value(measured).text == "3 mm (Measurement uncertain)"
    failed = item("NUM", NumericValueQualifierCodeSequence=[code("Not a number")])
    assert value(failed).text == "no value (Not a number)"


@pytest.mark.parametrize(
    ("dataset", "missing"),
    [
        (item("TEXT"), "the text is missing"),
        (item("CODE"), "the code is missing"),
        (item("NUM"), "the measured value is missing"),
        (item("NUM", MeasuredValueSequence=[made(NumericValue=None)]), "the measured value is"),
        (item("DATE"), "the date is missing"),
        (item("PNAME", PersonName=""), "the name is missing"),
        (item("IMAGE"), "the reference is missing"),
        (item("COMPOSITE", ReferencedSOPSequence=[made()]), "the reference is missing"),
        (item("SCOORD", GraphicType="POINT"), "the coordinates are missing"),
        (item("TCOORD", TemporalRangeType="POINT"), "the points in time are missing"),
        (item("TABLE"), "the table is missing"),
        (item("SOUND"), "the value type SOUND is unknown"),
        (item("X" * 16), f"the value type {'X' * 16} is unknown"),
        (made(), "no value type"),
    ],
)
def test_what_is_missing_is_said(dataset, missing):
    assert value(dataset).missing.startswith(missing)


@pytest.mark.parametrize(
    ("kind", "attributes", "shown"),
    [
        (
            "SCOORD",
            {"GraphicType": "POINT", "GraphicData": [1.5, 2]},
            "point (1.5, 2) in the image",
        ),
        (
            "SCOORD3D",
            {
                "GraphicType": "POLYGON",
                "GraphicData": [1, 2, 3, 4, 5, 6, 7],
                "ReferencedFrameOfReferenceUID": "1.2.3",
            },
            "polygon (1, 2, 3), (4, 5, 6) in mm in frame of reference 1.2.3",
        ),
        (
            "TCOORD",
            {"TemporalRangeType": "SEGMENT", "ReferencedSamplePositions": [1, 9]},
            "segment at samples 1, 9",
        ),
        (
            "TCOORD",
            {"TemporalRangeType": "POINT", "ReferencedTimeOffsets": ["2.5"]},
            "point at 2.5 s",
        ),
        (
            "TCOORD",
            {"TemporalRangeType": "POINT", "ReferencedDateTime": ["20240131"]},
            "point at 2024-01-31",
        ),
    ],
)
def test_coordinates(kind, attributes, shown):
    assert value(item(kind, **attributes)).text == shown


def test_of_many_points_the_first_are_written():
    data = [float(number) for number in range(200)]
    shown = value(item("SCOORD", GraphicType="POLYLINE", GraphicData=data)).text
    assert shown.startswith("polyline (0, 1), (2, 3), ")
    assert shown.endswith("(22, 23) and 88 more in the image")


def test_references():
    one = reference("1.2.3", ReferencedFrameNumber=[2, 5])
    one.ReferencedSOPSequence = [reference("1.2.4", STATE)]
    wave = reference("1.2.5", WAVE, ReferencedWaveformChannels=[1, 2, 1, 3])
    segment = reference("1.2.6", "1.2", ReferencedSegmentNumber=[7])
    found = value(item("IMAGE", ReferencedSOPSequence=[one, wave, segment])).references
    assert [(each.kind, each.detail, each.sop) for each in found] == [
        ("CT Image", "frames 2, 5", "1.2.3"),
        ("Grayscale Softcopy Presentation State", "for its presentation", "1.2.4"),
        ("12-lead ECG Waveform", "channels 1.2, 1.3", "1.2.5"),
        ("Object", "segment 7", "1.2.6"),
    ]
