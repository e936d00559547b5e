"""Structured reports as plain text: two spaces of indentation for each level."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from gateway.dicom.elements import DataSet
from gateway.rendering import report_words as words, reports
from gateway.rendering.content_items import Reference
from gateway.rendering.content_tables import Table
from gateway.rendering.report_headers import Fact
from gateway.rendering.reports import Item, Position

_STEP: Final = "  "


def text(dataset: DataSet) -> str:
    """The report in ``dataset`` as plain text, its lines ended by line feeds."""
    report = reports.read(dataset)
    title = report.title + _modifiers(report.root)
    lines = [title, "=" * len(title), "", *map(_fact, report.facts), ""]
    lines += _content(report.root, "", words.names(report.root))
    return "\n".join(lines).rstrip() + "\n"


def _fact(fact: Fact) -> str:
    return f"{fact.label}: {'; '.join((*fact.values, *map(_reference, fact.references)))}"


def _content(item: Item, indent: str, names: Mapping[Position, str]) -> Iterator[str]:
    """The lines below the one that names ``item``."""
    if item.observed:
        yield f"{indent}observed {item.observed}"
    for container, group in groupby(words.below(item), lambda one: one.kind == "CONTAINER"):
        items = list(group)
        if item.continuous and not container:
            yield from _flow(items, indent, names)
        else:
            for one in items:
                yield from _named(one, indent, names)
    if item.omitted:
        yield f"{indent}({item.omitted})"
    elif item.kind == "CONTAINER" and not item.items:
        yield f"{indent}(no content)"


def _named(item: Item, indent: str, names: Mapping[Position, str]) -> Iterator[str]:
    """An item with its name before it; a value of several lines stands below the name."""
    said = list(_value(item, names))
    label = f"{indent}{_label(item)}:"
    if len(said) == 1:
        yield f"{label} {said[0]}"
    else:
        yield label
        yield from (f"{indent}{_STEP}{line}" for line in said)
    yield from _content(item, indent + _STEP, names)


def _flow(items: list[Item], indent: str, names: Mapping[Position, str]) -> Iterator[str]:
    """Items as one text (PS3.3 C.17.8.2), then what is below them, by item."""
    texts = (" ".join(_value(item, names)) + _modifiers(item) for item in items)
    yield from (f"{indent}{line}" for line in " ".join(texts).split("\n"))
    for item in items:
        if words.below(item) or item.observed or item.omitted:
            yield f"{indent}{_label(item)}:"
            yield from _content(item, indent + _STEP, names)


def _value(item: Item, names: Mapping[Position, str]) -> Iterator[str]:
    if item.target:
        name, where = names.get(item.target), words.anchor(item.target)
        yield f"see {name} ({where})" if name else f"(refers to item {where}, which is not there)"
        return
    value = item.value
    yield from value.text.split("\n") if value.text else ()
    yield from map(_reference, value.references)
    if value.table:
        yield from _table(value.table)
    if value.missing:
        yield f"({value.missing})"


def _reference(reference: Reference) -> str:
    return ", ".join(filter(None, (reference.kind, reference.detail, reference.sop)))


def _label(item: Item) -> str:
    how = words.relationship(item)
    return f"{f'{how} ' if how else ''}{words.name(item)}{_modifiers(item)}"


def _modifiers(item: Item) -> str:
    said = ", ".join(words.modifiers(item).values())
    return f" ({said})" if said else ""


def _table(table: Table) -> Iterator[str]:
    """The rows, their cells separated by vertical lines."""
    corner = ("",) if table.names and table.columns else ()
    if table.columns:
        yield " | ".join((*corner, *table.columns))
    for number, row in enumerate(table.rows):
        yield " | ".join((*table.names[number : number + 1], *row))
    if table.omitted:
        yield f"({table.omitted})"
