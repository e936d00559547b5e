"""Tables of content items."""

from gateway.rendering import content_tables
from tests.unit.rendering.documents import code, item, made, plain

DATE_TIME, CURRENT = code("Started"), code("Tube current")


def table(rows, columns, cells, **more):
    held = made(NumberOfTableRows=rows, NumberOfTableColumns=columns, CellValuesSequence=cells)
    for keyword, value in more.items():
        setattr(held, keyword, value)
    return content_tables.read(plain(item("TABLE", TabulatedValuesSequence=[held])))


def test_columns():
    definitions = [
        made(TableColumnNumber=1, ConceptNameCodeSequence=[DATE_TIME]),
        made(
            TableColumnNumber=2,
            ConceptNameCodeSequence=[CURRENT],
            MeasurementUnitsCodeSequence=[code("milliampere", "mA", "UCUM")],
        ),
    ]
    cells = [
        made(TableColumnNumber=1, SelectorAttributeVR="DT", SelectorDTValue=["2024", "202401"]),
        made(TableColumnNumber=2, SelectorAttributeVR="FL", SelectorFLValue=[100.5, 90.25]),
    ]
    found = table(2, 2, cells, TableColumnDefinitionSequence=definitions)
    assert found.columns == ("Started", "Tube current [mA]")
    assert found.names == ()
    assert found.rows == (("2024", "100.5"), ("2024-01", "90.25"))
    assert not found.omitted


def test_rows_and_single_cells():
    cells = [
        made(TableRowNumber=1, SelectorAttributeVR="IS", SelectorISValue=["1", "2"]),
        made(TableRowNumber=2, TableColumnNumber=2, SelectorCodeSequenceValue=[code("Mass")]),
        made(TableRowNumber=9, TableColumnNumber=9, SelectorLOValue="beyond"),
        made(SelectorLOValue="nowhere"),
        made(TableRowNumber=2, TableColumnNumber=1),
    ]
    names = [made(ConceptNameCodeSequence=[code("Row")])]
    found = table(2, 2, cells, TableRowDefinitionSequence=names)
    assert found.names == ("Row", "Row")
    assert found.rows == (("1", "2"), ("", "Mass"))


def test_a_table_is_bounded():
    found = table(2**32 - 1, 2**32 - 1, [])
    assert (len(found.rows), len(found.rows[0])) == (100, 100)
    assert found.omitted == "100 of 4294967295 rows and 100 of 4294967295 columns are shown"


def test_no_table():
    assert content_tables.read(plain(item("TABLE"))) is None
    assert table(0, 5, []) is None
