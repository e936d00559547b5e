"""The tables of content items (PS3.3 C.18.10): rows and columns of text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, wording
from gateway.rendering.concepts import code, unit

_CONCEPT_NAME: Final = 0x0040A043
_CONCEPT_CODE: Final = 0x0040A168
_ROW: Final = 0x0040A804
_COLUMN: Final = 0x0040A805
_SELECTOR_CODE: Final = 0x00720080
_SELECTORS: Final = range(0x0072005E, 0x00720084)
_WRITERS: Final[dict[str, Callable[[str], str]]] = {
    "DA": wording.date,
    "DT": wording.datetime,
    "PN": wording.name,
    "TM": wording.time,
}
_MAX_COLUMNS: Final = 100
_MAX_CELLS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``columns`` and ``names`` of rows are empty where none has a name."""

    columns: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    omitted: str = ""


def read(item: DataSet) -> Table | None:
    """The table in Tabulated Values Sequence, None if there is none."""
    for table in attributes.items(item, 0x0040A801)[:1]:
        height = elements.number(table, 0x0040A802) or 0
        width = elements.number(table, 0x0040A803) or 0
        if height > 0 and width > 0:
            return _table(table, height, width)
    return None


def _table(table: DataSet, height: int, width: int) -> Table:
    columns = min(width, _MAX_COLUMNS)
    rows = min(height, _MAX_CELLS // columns)
    cells: dict[tuple[int, int], str] = {}
    for cell in attributes.items(table, 0x0040A808):
        row, column = elements.number(cell, _ROW), elements.number(cell, _COLUMN)
        if row is None and column is None:
            continue
        for number, text in enumerate(_texts(cell, rows + columns), 1):
            cells[row or number, column or number] = text
    whole = rows == height and columns == width
    return Table(
        _headings(table, 0x0040A807, _COLUMN, columns),
        _headings(table, 0x0040A806, _ROW, rows),
        tuple(
            tuple(cells.get((row, column), "") for column in range(1, columns + 1))
            for row in range(1, rows + 1)
        ),
        "" if whole else f"{rows} of {height} rows and {columns} of {width} columns are shown",
    )


def _headings(table: DataSet, sequence: int, number: int, count: int) -> tuple[str, ...]:
    """The names of rows or columns; a single definition without number is that of all."""
    names = [""] * count
    for definition in attributes.items(table, sequence):
        name, measured = code(definition, _CONCEPT_NAME), unit(definition)
        text = f"{name} [{measured}]" if measured else name
        at = elements.number(definition, number)
        if at is None:
            names = [text] * count
        elif 1 <= at <= count:
            names[at - 1] = text
    return tuple(names) if any(names) else ()


def _texts(cell: DataSet, most: int) -> Iterator[str]:
    """The values of one item of Cell Values Sequence, at most ``most``."""
    for sequence in (_SELECTOR_CODE, _CONCEPT_CODE):
        if attributes.items(cell, sequence):
            yield code(cell, sequence)
            return
    for tag in _SELECTORS:
        found = elements.find(cell, tag)
        if found:
            write = _WRITERS.get(found[1], wording.line)
            yield from (write(str(value)) for value in attributes.values(cell, tag)[:most])
            return
