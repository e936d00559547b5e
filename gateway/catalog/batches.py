"""Statements about many rows at once, of which each is about a bounded number."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    func,
    select,
    update,
)

from gateway.catalog import dialects

_AT_ONCE: Final = 500

Values = dict[str, Any]


def _parts(values: Collection[Any]) -> Iterator[list[Any]]:
    every = list(values)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def rows(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Collection[Any]
) -> Iterator[Any]:
    """The rows of ``query`` where ``column`` is one of ``values``."""
    for part in _parts(values):
        yield from connection.execute(query.where(column.in_(part)))


def remove(connection: Connection, column: Column[Any], values: Collection[Any]) -> None:
    """Delete the rows of a table whose ``column`` is one of ``values``."""
    for part in _parts(values):
        connection.execute(delete(column.table).where(column.in_(part)))


def add(connection: Connection, table: Table, values: Sequence[Values]) -> None:
    """Insert rows, which all have a value for each column."""
    if values:
        dialects.insert_rows(connection, table, values)


def change(connection: Connection, table: Table, values: Sequence[Values]) -> None:
    """Update rows by their ``id``; all change the same columns."""
    if values:
        names = values[0].keys() - {"id"}
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        statement = update(table).where(table.c.id == bindparam("new_id")).values(changed)
        given = [{f"new_{name}": value for name, value in row.items()} for row in values]
        connection.execute(statement, given)


def next_id(connection: Connection, table: Table) -> int:
    """The first identifier that no row of ``table`` has, nor any higher one."""
    return int(connection.scalar(select(func.max(table.c.id))) or 0) + 1
