"""The data set as it travels between HealthImaging's document, DICOM JSON and Part 10.

An element is a plain tuple ``(tag, vr, value)`` and a data set a list of them in ascending tag
order, so that a series of a thousand instances costs no object per attribute. The value is, by VR:

* strings, also DS, IS and PN (as raw ``A^B=ideographic=phonetic`` text): a list of ``str``, ``""``
  for an empty value among several; AT: a list of eight hexadecimal digits each;
* binary numbers: a list of ``int`` or ``float``;
* OB, OD, OF, OL, OV, OW and UN: base64 text of the little-endian bytes;
* SQ: a list of items, each a data set of its own.

An element without a value carries ``[]`` (or ``""`` for base64).
"""

from typing import Any, TypeAlias

Element: TypeAlias = tuple[int, str, Any]
DataSet: TypeAlias = list[Element]


def find(dataset: DataSet, tag: int) -> Element | None:
    """The element with ``tag`` in ``dataset``, None if there is none."""
    return next((element for element in dataset if element[0] == tag), None)


def text(dataset: DataSet, tag: int) -> str:
    """The first value of the string element ``tag`` without padding, ``""`` if there is none."""
    element = find(dataset, tag)
    return str(element[2][0]).strip(" \0") if element and element[2] else ""


def number(dataset: DataSet, tag: int) -> int | None:
    """The first value of ``tag`` as an integer, from US or IS alike; None if it is none."""
    try:
        return int(text(dataset, tag))
    except ValueError:
        return None
