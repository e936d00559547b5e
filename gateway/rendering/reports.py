"""Structured reports read as trees of content items (PS3.3 C.17), whatever state they are in.

Nothing here fails on a malformed tree: what is missing or left out is said in its place.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.dicom import elements, uids
from gateway.dicom.elements import DataSet
from gateway.rendering import attributes, content_items, report_headers, wording
from gateway.rendering.concepts import code, code_value, is_code
from gateway.rendering.content_items import Value
from gateway.rendering.report_headers import Fact

Position: TypeAlias = tuple[int, ...]
"""Where a content item stands in its tree, the root at ``(1,)`` (PS3.3 C.17.3.2.5)."""

_SR_CLASSES: Final = "1.2.840.10008.5.1.4.1.1.88."
_SOP_CLASS: Final = 0x00080016
_CONCEPT_NAME: Final = 0x0040A043
_CONTENT: Final = 0x0040A730
_RELATIONSHIP: Final = 0x0040A010
_VALUE_TYPE: Final = 0x0040A040
_CONCEPT_CODE: Final = 0x0040A168
_OBSERVED: Final = 0x0040A032
_CONTINUITY: Final = 0x0040A050
_TEXTUAL: Final = frozenset(
    {"CODE", "COMPOSITE", "CONTAINER", "DATE", "DATETIME", "IMAGE", "NUM", "PNAME", "TEXT", "TIME"}
)
_BY_REFERENCE: Final = 0x0040DB73
_LANGUAGE: Final = ("121049", "DCM")
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_STUDY: Final = 0x0020000D
_SERIES: Final = 0x0020000E
_EVIDENCE: Final = (0x0040A375, 0x0040A385, 0x0040A360, 0x0040A525, 0x00081200)
_SERIES_SEQUENCES: Final = 0x00081115
_INSTANCE_SEQUENCES: Final = (0x00081199, 0x0008114A)
_SOP_INSTANCE: Final = 0x00081155

_MAX_DEPTH: Final = 32
_MAX_ITEMS: Final = 20_000
_MAX_TEXT: Final = 4 << 20  # characters of all values together
_NOTHING: Final = Value()
_PER_PART: Final = 16  # what a cell or a reference takes beside its text


@dataclass(frozen=True, slots=True)
class Item:
    """A content item and those below it.

    ``target`` is the position of the item that stands here by reference, ``language`` the tag of
    RFC 5646 that its content is declared to be in, ``omitted`` says what is left out below it.
    """

    position: Position
    kind: str
    relationship: str
    name: str
    value: Value = _NOTHING
    continuous: bool = False
    observed: str = ""
    language: str = ""
    target: Position | None = None
    items: tuple["Item", ...] = ()
    omitted: str = ""

    @property
    def modifies(self) -> bool:
        """Whether it only qualifies the name of the item above it (PS3.3 C.17.3.2.4)."""
        return (
            self.relationship == "HAS CONCEPT MOD"
            and bool(self.value.text)
            and not (self.items or self.omitted)
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A structured report: what heads it, its content, and where what it refers to is stored.

    ``stored`` has the study and series of instances by their UID.
    """

    title: str
    facts: tuple[Fact, ...]
    root: Item
    stored: Mapping[str, tuple[str, str]]


def is_report(dataset: DataSet) -> bool:
    """Whether ``dataset`` is a structured report or key object selection (PS3.4 B.5)."""
    return elements.text(dataset, _SOP_CLASS).startswith(_SR_CLASSES)


def read(dataset: DataSet) -> Report:
    """The report in ``dataset``: at most 32 levels, 20,000 items and 4 Mi characters of it."""
    root = _Reader().item(dataset, (1,))
    title = root.name or report_headers.title(dataset)
    return Report(title, report_headers.facts(dataset), root, _stored(dataset))


def _is_text(dataset: DataSet, items: Iterable[Item]) -> bool:
    """Whether the content reads as one text (PS3.3 C.17.8.2).

    Measurements are often said to be continuous by mistake: with places and identifiers among them
    nobody could tell what is what.
    """
    continuous = elements.text(dataset, _CONTINUITY).upper() == "CONTINUOUS"
    return continuous and all(item.kind in _TEXTUAL or item.target for item in items)


class _Reader:
    """Reads content items until there are too many of them."""

    def __init__(self) -> None:
        self._items = _MAX_ITEMS
        self._text = _MAX_TEXT

    def item(self, dataset: DataSet, position: Position) -> Item:
        """The content item in ``dataset``, with what is below it."""
        self._items -= 1
        relationship = wording.line(elements.text(dataset, _RELATIONSHIP)).upper()
        target = attributes.values(dataset, _BY_REFERENCE)
        if target:
            where = tuple(number for number in target[:_MAX_DEPTH] if isinstance(number, int))
            return Item(position, "", relationship, "", target=where or (0,))
        kind = elements.text(dataset, _VALUE_TYPE).upper()
        items, omitted = self._below(dataset, position)
        return Item(
            position,
            kind,
            relationship,
            code(dataset, _CONCEPT_NAME),
            self._bounded(content_items.read(kind, dataset)),
            _is_text(dataset, items),
            wording.datetime(elements.text(dataset, _OBSERVED)),
            _language(dataset),
            items=items,
            omitted=omitted,
        )

    def _below(self, dataset: DataSet, position: Position) -> tuple[tuple[Item, ...], str]:
        """The items below one, and what is said of those that are left out."""
        content = attributes.items(dataset, _CONTENT)
        if len(position) >= _MAX_DEPTH:
            return (), f"{len(content)} items nested too deep are not shown" if content else ""
        items: list[Item] = []
        for number, one in enumerate(content, 1):
            if self._items <= 0 or self._text <= 0:
                return tuple(items), f"{len(content) - len(items)} more items are not shown"
            if not _tag(one):
                items.append(self.item(one, (*position, number)))
        return tuple(items), ""

    def _bounded(self, value: Value) -> Value:
        """``value``, cut where all of the report has become too long."""
        left = max(self._text, 0)
        self._text -= _length(value)
        if self._text >= 0:
            return value
        missing = value.missing or "the rest of the value is not shown"
        return Value(value.text[:left], missing=missing)


def _length(value: Value) -> int:
    """About how many characters a value makes in a document."""
    rows = value.table.rows if value.table else ()
    cells = sum(len(cell) + _PER_PART for row in rows for cell in row)
    return len(value.text) + cells + _PER_PART * len(value.references)


def _language(dataset: DataSet) -> str:
    return next(filter(None, map(_tag, attributes.items(dataset, _CONTENT))), "")


def _tag(item: DataSet) -> str:
    """The tag that Language of Content Item holds (PS3.16 TID 1204), ``""`` for other items."""
    if not any(is_code(name, *_LANGUAGE) for name in attributes.items(item, _CONCEPT_NAME)):
        return ""
    values = [code_value(value) for value in attributes.items(item, _CONCEPT_CODE)]
    return values[0] if values and _LANGUAGE_TAG.fullmatch(values[0]) else ""


def _stored(dataset: DataSet) -> dict[str, tuple[str, str]]:
    """Study and series of every instance that the evidence lists (PS3.3 C.17.2.3)."""
    own = elements.text(dataset, _STUDY)
    found: dict[str, tuple[str, str]] = {}
    for series in attributes.items(dataset, _SERIES_SEQUENCES):
        _add(found, own, series)
    for sequence in _EVIDENCE:
        for study in attributes.items(dataset, sequence):
            for series in attributes.items(study, _SERIES_SEQUENCES):
                _add(found, elements.text(study, _STUDY), series)
    return found


def _add(found: dict[str, tuple[str, str]], study: str, series: DataSet) -> None:
    place = (study, elements.text(series, _SERIES))
    for sequence in _INSTANCE_SEQUENCES:
        for instance in attributes.items(series, sequence):
            sop = elements.text(instance, _SOP_INSTANCE)
            if all(map(uids.is_importable, (*place, sop))):
                found.setdefault(sop, place)
