"""Segmented palettes (PS3.3 C.7.9.2): tables written as runs, straight lines and references."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.errors import CodecError

_DISCRETE: Final = 0
_LINEAR: Final = 1
_INDIRECT: Final = 2


def expand(raw: bytes, *, wide: bool, count: int) -> NDArray[np.uint16]:
    """At most ``count`` entries of segmented data, whose units are words if ``wide``, else bytes.

    Raises:
        CodecError: a segment is empty or cut short, unknown, or refers to what it must not.
    """
    units = np.frombuffer(raw[: len(raw) // 2 * 2], "<u2" if wide else np.uint8).tolist()
    entries: list[int] = []
    at = 0
    while at + 1 < len(units) and len(entries) < count:
        if units[at] == _INDIRECT:
            at = _refer(units, at, entries, count, wide=wide)
        else:
            at = _append(units, at, entries)
    return np.array(entries[:count], "<u2")


def _append(units: list[int], at: int, entries: list[int]) -> int:
    """Append the segment at ``at``, a run or a line, to ``entries``; gives where the next is."""
    opcode, length = units[at : at + 2] if at + 1 < len(units) else (-1, 0)
    end = at + 2 + (length if opcode == _DISCRETE else 1)
    if opcode not in (_DISCRETE, _LINEAR) or not length or end > len(units):
        raise CodecError("a segment of the palette is broken")
    if opcode == _DISCRETE:
        entries.extend(units[at + 2 : end])
        return end
    if not entries:
        raise CodecError("the palette begins with a linear segment")
    # The line starts at the last entry there is, which is not repeated.
    line = np.linspace(entries[-1], units[at + 2], length + 1)
    entries.extend(int(entry) for entry in np.rint(line[1:]))
    return end


def _refer(units: list[int], at: int, entries: list[int], count: int, *, wide: bool) -> int:
    """Append the segments that an indirect one names by the offset of the first, in bytes."""
    end = at + (4 if wide else 6)
    if end > len(units):
        raise CodecError("a segment of the palette is broken")
    bits = 16 if wide else 8
    offset = sum(unit << (bits * place) for place, unit in enumerate(units[at + 2 : end]))
    source = offset // 2 if wide else offset
    for _ in range(units[at + 1]):
        if len(entries) >= count:
            break
        source = _append(units, source, entries)
    return end
