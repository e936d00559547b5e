"""Values of elements as rendering takes them: numbers that may be missing, octets, items.

Nothing here raises: what cannot be read is absent, because a picture without a window is better
than none.
"""

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.dicom import elements, vrs
from gateway.dicom.elements import DataSet


def decimals(dataset: DataSet, tag: int) -> list[float]:
    """The values of ``tag`` as numbers, from DS, IS and binary VRs alike; NaN where it is none."""
    element = elements.find(dataset, tag)
    if element is None or element[1] in vrs.BYTES or element[1] == "SQ":
        return []
    return [_decimal(value) for value in element[2]]


def _decimal(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def decimal(dataset: DataSet, tag: int) -> float | None:
    """The first value of ``tag`` as a finite number, None if it is none."""
    found = decimals(dataset, tag)
    return found[0] if found and not math.isnan(found[0]) else None


def integers(dataset: DataSet, tag: int) -> list[int]:
    """The values of ``tag`` as integers, none of them if any is no integer."""
    found = decimals(dataset, tag)
    return [int(value) for value in found] if all(map(float.is_integer, found)) else []


def octets(dataset: DataSet, tag: int) -> bytes:
    """The little-endian bytes of ``tag``, of OB, OW and UN, or of US and SS as 16-bit words."""
    element = elements.find(dataset, tag)
    if element is None or not element[2]:
        return b""
    if element[1] not in vrs.BYTES:
        return words(dataset, tag).tobytes()
    try:
        return base64.b64decode(element[2])
    except ValueError:
        return b""


def words(dataset: DataSet, tag: int) -> NDArray[np.uint16]:
    """The value of ``tag`` as unsigned 16-bit words, from US and SS, or from bytes."""
    element = elements.find(dataset, tag)
    if element is not None and element[1] in vrs.BYTES:
        raw = octets(dataset, tag)
        return np.frombuffer(raw[: len(raw) // 2 * 2], "<u2")
    return np.array([value & 0xFFFF for value in integers(dataset, tag)], "<u2")


def items(dataset: DataSet, tag: int) -> list[DataSet]:
    """The items of the sequence ``tag``; none where it is absent or no sequence."""
    element = elements.find(dataset, tag)
    return element[2] if element is not None and element[1] == "SQ" else []


def item(dataset: DataSet, tag: int) -> DataSet:
    """The first item of the sequence ``tag``; an empty one where there is none."""
    return next(iter(items(dataset, tag)), [])


def values(dataset: DataSet, tag: int) -> list[Any]:
    """The values of ``tag`` as they are; none where it is absent, a sequence or bytes."""
    element = elements.find(dataset, tag)
    return [] if element is None or element[1] in vrs.BYTES | {"SQ"} else element[2]
