"""Parts of the statements that look things up, in the words of either database."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.catalog.dialects import POSTGRESQL

_SURROGATES = range(0xD800, 0xE000)
_LAST = 0x10FFFF
_LONGEST = 1_000


def among(dialect: str, column: ColumnElement[Any], numbers: Iterable[int]) -> ColumnElement[bool]:
    """The condition that ``column`` is one of ``numbers``, which are one parameter."""
    found = list(numbers)
    if dialect == POSTGRESQL:
        return column == any_(cast(bindparam(None, found), ARRAY(BigInteger)))
    values = func.json_each(bindparam(None, orjson.dumps(found).decode())).table_valued("value")
    return column.in_(select(values.c.value))


def one_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """The condition that ``column`` is one of a few texts."""
    return column == values[0] if len(values) == 1 else column.in_(values)


def between(column: ColumnElement[Any], low: str, high: str) -> ColumnElement[bool]:
    """The condition that ``column`` has a value from ``low`` to ``high``; ``""`` is an open end."""
    found = [column >= low] if low else [column > ""]
    if high:
        found.append(column <= high)
    return and_(*found)


def beginning(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """The condition that ``column`` begins with ``prefix``, as a range, which an index finds."""
    end = _behind(prefix)
    return and_(column >= prefix, column < end) if end else column >= prefix


def _behind(prefix: str) -> str:
    """The first text behind all that begin with ``prefix``; ``""`` if there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        if following in _SURROGATES:
            following = _SURROGATES.stop
        if following <= _LAST:
            return prefix[:at] + chr(following)
    return ""


def like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """The condition that ``column`` matches a key with wild cards, in whatever case."""
    parts = {"*": "%", "?": "_", "%": "/%", "_": "/_", "/": "//"}
    return column.like("".join(parts.get(one, one) for one in pattern), escape="/")


def any_of(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """One of ``conditions``, which are at least one."""
    return conditions[0] if len(conditions) == 1 else or_(*conditions)


def is_storable(text: str) -> bool:
    """Whether a database can be asked for ``text``: neither too long nor with what no text has."""
    return len(text) <= _LONGEST and "\0" not in text and not any(map(_is_surrogate, text))


def _is_surrogate(letter: str) -> bool:
    return ord(letter) in _SURROGATES
