"""Structured reports as HTML: one self-contained, accessible page without scripts."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Final, TypeAlias

from gateway.dicom.elements import DataSet
from gateway.rendering import report_words as words, reports
from gateway.rendering.content_items import Reference, Value
from gateway.rendering.content_tables import Table
from gateway.rendering.report_headers import Fact
from gateway.rendering.reports import Item, Position, Report

Link: TypeAlias = Callable[[str, str, str], str]
"""Gives the URL of an instance from its study, series and SOP Instance UID."""

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;"
    "color:#111;background:#fff}"
    "header{border-bottom:1px solid #767676;margin-bottom:1.5rem}"
    "dt{font-weight:600}dd{margin:0 0 .4rem 1.5rem}"
    ".facts div{display:flex;gap:.6rem}.facts dt{min-width:11rem}.facts dd{margin:0}"
    ".how,.note{font-weight:400;color:#545454}.note{font-style:italic}"
    "table{border-collapse:collapse}th,td{border:1px solid #767676;padding:.1rem .5rem;"
    "text-align:start}"
)
_HEAD: Final = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width">\n'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    f"<style>{_STYLE}</style>\n"
)
_LOWEST: Final = 6  # headings end at h6


def html(dataset: DataSet, link: Link) -> str:
    """The report in ``dataset`` as an HTML5 page; ``link`` gives the URLs of what it refers to."""
    report = reports.read(dataset)
    return "\n".join(_Page(report, link).lines()) + "\n"


class _Page:
    """Writes one report, a line at a time."""

    def __init__(self, report: Report, link: Link) -> None:
        self._report = report
        self._link = link
        self._names: Mapping[Position, str] = words.names(report.root)

    def lines(self) -> Iterator[str]:
        """The whole page."""
        root = self._report.root
        yield f"{_HEAD}<title>{escape(self._report.title)}</title>\n</head>\n<body>\n<main>"
        yield f'<header id="{_anchor(root.position)}">'
        yield f"<h1>{escape(self._report.title)}{_modifiers(root)}</h1>"
        yield '<dl class="facts">'
        yield from map(self._fact, self._report.facts)
        yield "</dl>\n</header>"
        yield f'<article lang="{escape(root.language)}">'
        yield from self._content(root, 2)
        yield "</article>\n</main>\n</body>\n</html>"

    def _fact(self, fact: Fact) -> str:
        values = [escape(value) for value in fact.values]
        values += map(self._reference, fact.references)
        cells = "".join(f'<dd dir="auto">{value}</dd>' for value in values)
        return f"<div><dt>{escape(fact.label)}</dt>{cells}</div>"

    def _content(self, item: Item, level: int) -> Iterator[str]:
        """What an item says itself, and what is below it."""
        yield from self._value(item.value)
        yield from self._below(item, level)

    def _below(self, item: Item, level: int) -> Iterator[str]:
        if item.observed:
            yield f'<p class="note">observed {escape(item.observed)}</p>'
        items = words.below(item)
        for container, group in groupby(items, lambda one: one.kind == "CONTAINER"):
            if container:
                for one in group:
                    yield from self._section(one, level)
            elif item.continuous:
                yield from self._flow(list(group), level)
            else:
                yield from self._list(list(group), level)
        if item.omitted:
            yield f'<p class="note">{escape(item.omitted)}</p>'
        elif item.kind == "CONTAINER" and not item.items:
            yield '<p class="note">no content</p>'

    def _section(self, item: Item, level: int) -> Iterator[str]:
        yield f'<section id="{_anchor(item.position)}"{_language(item)}>'
        yield _heading(level, _label(item) + _modifiers(item))
        yield from self._content(item, level + 1)
        yield "</section>"

    def _list(self, items: list[Item], level: int) -> Iterator[str]:
        """Items one by one, each named."""
        yield "<dl>"
        for item in items:
            yield f'<dt id="{_anchor(item.position)}">{_label(item)}{_modifiers(item)}</dt>'
            yield f'<dd dir="auto"{_language(item)}>'
            yield from [self._target(item.target)] if item.target else self._content(item, level)
            yield "</dd>"
        yield "</dl>"

    def _flow(self, items: list[Item], level: int) -> Iterator[str]:
        """Items as one text (PS3.3 C.17.8.2), then what is below them, by item."""
        spans = (
            f'<span id="{_anchor(item.position)}" title="{escape(words.name(item))}"'
            f"{_language(item)}>{self._inline(item)}</span>"
            for item in items
        )
        yield f'<p dir="auto">{" ".join(spans)}</p>'
        detailed = [item for item in items if words.below(item) or item.observed or item.omitted]
        if detailed:
            yield "<dl>"
            for item in detailed:
                yield f"<dt>{_label(item)}</dt>\n<dd>"
                yield from self._below(item, level)
                yield "</dd>"
            yield "</dl>"

    def _inline(self, item: Item) -> str:
        if item.target:
            return self._target(item.target)
        return " ".join(self._value(item.value, block=False)) + _modifiers(item)

    def _value(self, value: Value, *, block: bool = True) -> Iterator[str]:
        if value.text:
            text = escape(value.text).replace("\n", "<br>")
            yield f"<p>{text}</p>" if block else text
        for reference in value.references:
            yield f"<p>{self._reference(reference)}</p>" if block else self._reference(reference)
        if value.table and block:
            yield from _table(value.table)
        if value.missing:
            tag = "p" if block else "em"
            yield f'<{tag} class="note">({escape(value.missing)})</{tag}>'

    def _reference(self, reference: Reference) -> str:
        place = self._report.stored.get(reference.sop)
        text = escape(", ".join(filter(None, (reference.kind, reference.detail))))
        uid = escape(reference.sop)
        if place is None:
            return f'{text} <span class="how">{uid}</span>'
        url = escape(self._link(*place, reference.sop))
        return f'<a href="{url}" title="{uid}">{text}</a>'

    def _target(self, target: Position) -> str:
        name = self._names.get(target)
        where = words.anchor(target)
        if name is None:
            return f'<em class="note">(refers to item {where}, which is not there)</em>'
        return f'<a href="#{_anchor(target)}">see {escape(name)} ({where})</a>'


def _anchor(position: Position) -> str:
    return f"item-{words.anchor(position)}"


def _language(item: Item) -> str:
    return f' lang="{escape(item.language)}"' if item.language else ""


def _label(item: Item) -> str:
    """Relationship and name of an item."""
    how = words.relationship(item)
    before = f'<span class="how">{escape(how)}</span> ' if how else ""
    return f"{before}{escape(words.name(item))}"


def _modifiers(item: Item) -> str:
    spans = (
        f'<span id="{_anchor(position)}">{escape(text)}</span>'
        for position, text in words.modifiers(item).items()
    )
    text = ", ".join(spans)
    return f' <span class="how">({text})</span>' if text else ""


def _heading(level: int, text: str) -> str:
    """A heading; those below h6 tell assistive technology how deep they are."""
    deeper = f' aria-level="{level}"' if level > _LOWEST else ""
    tag = f"h{min(level, _LOWEST)}"
    return f"<{tag}{deeper}>{text}</{tag}>"


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    if table.columns:
        corner = "<td></td>" if table.names else ""
        cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
        yield f"<thead><tr>{corner}{cells}</tr></thead>"
    yield "<tbody>"
    for number, row in enumerate(table.rows):
        name = f'<th scope="row">{escape(table.names[number])}</th>' if table.names else ""
        yield f"<tr>{name}{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody>\n</table>"
    if table.omitted:
        yield f'<p class="note">{escape(table.omitted)}</p>'
