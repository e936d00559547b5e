"""Coded concepts, units and lists of values as people read them (PS3.3 8)."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.dicom import elements
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, wording

UNITS: Final = 0x004008EA

_MEANING: Final = 0x00080104
_VALUES: Final = (0x00080100, 0x00080119, 0x00080120)
_SCHEME: Final = 0x00080102
_SHOWN: Final = 12  # numbers of a long list that are written out


def code(item: DataSet, sequence: int) -> str:
    """The meaning of the first code in ``sequence``, else its value and scheme (PS3.3 8.8)."""
    for found in attributes.items(item, sequence)[:1]:
        meaning = wording.line(elements.text(found, _MEANING))
        scheme = wording.line(elements.text(found, _SCHEME))
        return meaning or ", ".join(filter(None, (code_value(found), scheme)))
    return ""


def code_value(concept: DataSet) -> str:
    """Code Value, Long Code Value or URN Code Value of a code."""
    values = (wording.line(elements.text(concept, tag)) for tag in _VALUES)
    return next(filter(None, values), "")


def is_code(concept: DataSet, value: str, scheme: str) -> bool:
    """Whether ``concept`` is the code ``value`` of ``scheme``."""
    return code_value(concept) == value and elements.text(concept, _SCHEME) == scheme


def unit(item: DataSet) -> str:
    """The unit of a measurement: the UCUM code, its meaning where that code is no symbol."""
    for found in attributes.items(item, UNITS)[:1]:
        value = code_value(found)
        if is_code(found, "1", "UCUM"):
            return ""
        symbol = elements.text(found, _SCHEME) == "UCUM" and not set(value) & set("{}[]")
        return value if symbol and value else code(item, UNITS)
    return ""


def listed(values: Sequence[Any]) -> str:
    """Values separated by commas, the first of very many."""
    text = ", ".join(wording.line(str(value)) for value in values[:_SHOWN])
    return f"{text} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else text
