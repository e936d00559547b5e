"""Frames at a lower resolution: a query parameter and header fields of the gateway's own."""

import re
from collections.abc import Iterable
from typing import Final

from gateway.errors import InvalidRequest

PARAMETER: Final = "reduce"
ROWS: Final = "Frame-Rows"
COLUMNS: Final = "Frame-Columns"

_MOST: Final = 16  # a side of 65,535, the longest there is, has become one pixel
_NUMBER: Final = re.compile(r"[0-9]{1,2}")


def parse(pairs: Iterable[tuple[str, str]]) -> int | None:
    """How often each side of the frames is to be halved, and rounded up; None if nothing is said.

    0 is the frame as it is, 1 half its rows and columns, 2 a quarter, and so on.

    Raises:
        InvalidRequest: ``reduce`` is not a whole number from 0 to 16, or given twice.
    """
    given = {value for name, value in pairs if name == PARAMETER}
    if not given:
        return None
    value = given.pop()
    if given or not _NUMBER.fullmatch(value) or int(value) > _MOST:
        raise InvalidRequest(f"{PARAMETER} must be one whole number from 0 to {_MOST}", PARAMETER)
    return int(value)


def headers(rows: int, columns: int) -> dict[str, str]:
    """The size in pixels of each frame that is sent; metadata say that of the whole one."""
    return {ROWS: str(rows), COLUMNS: str(columns)}
