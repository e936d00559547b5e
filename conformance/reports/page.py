"""The report as a page: self-contained, so that it can be sent to whoever makes the server."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from conformance import EDITION, VERSION
from conformance.checks import GROUPS
from conformance.model import Answer, Outcome, Severity, Verdict
from conformance.reports import excerpts
from conformance.reports.document import Run
from conformance.reports.text import held

_EXCHANGES: Final = 3
_PROBLEMS: Final = 20
_SHADES: Final = {"pass": "--pass", "shall": "--fail", "should": "--should", "other": "--none"}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write(run: Run) -> str:
    """The page."""
    return "".join(_page(run))


def _page(run: Run) -> Iterator[str]:
    resources = files("conformance.reports")
    css = resources.joinpath("page.css").read_text("utf-8")
    js = resources.joinpath("page.js").read_text("utf-8")
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>DICOMweb conformance of {escape(run.root)}</title>"
    yield f"<style>\n{css}</style></head><body>"
    yield "<header><div><h1>DICOMweb conformance</h1>"
    yield f"<p><code>{escape(run.root)}</code></p>"
    yield f"<p>{run.when:%d %B %Y, %H:%M} UTC · {escape(held(run))} · suite {VERSION},"
    yield f" clauses of {EDITION}</p></div></header><main>"
    yield from _numbers(run)
    yield from _controls()
    for group, title in GROUPS.items():
        rows = [one for one in run.outcomes if one.check.group == group]
        if rows:
            yield f"<section><h2>{escape(title)}</h2>"
            for one in rows:
                yield from _check(one)
            yield "</section>"
    yield "<footer>“Not supported” is an optional feature that the server does not offer, and no"
    yield " mistake. Values of personal attributes are masked in excerpts.</footer>"
    yield f"</main><script>\n{js}</script></body></html>\n"


def _numbers(run: Run) -> Iterator[str]:
    failed = {one: run.count(Verdict.FAIL, one) for one in Severity}
    other = len(run.outcomes) - run.count(Verdict.PASS) - run.count(Verdict.FAIL)
    cells = [
        (run.count(Verdict.PASS), "passed", "pass"),
        (failed[Severity.SHALL], "failed of “shall”", "shall"),
        (failed[Severity.SHOULD] + failed[Severity.MAY], "failed of “should” and “may”", "should"),
        (other, "not supported, not applicable or not run", "other"),
    ]
    yield '<div class="numbers">'
    for count, told, kind in cells:
        yield f'<div><b style="color:var({_SHADES[kind]})">{count}</b><span>{told}</span></div>'
    yield '</div><div class="bar" role="presentation">'
    for count, _, kind in cells:
        yield f'<i style="flex:{count};background:var({_SHADES[kind]})"></i>'
    yield "</div>"


def _controls() -> Iterator[str]:
    yield '<div class="controls">'
    for kind, told in (("all", "All"), ("fail", "Failed"), ("pass", "Passed"), ("none", "Others")):
        pressed = "true" if kind == "all" else "false"
        yield f'<button data-kind="{kind}" aria-pressed="{pressed}">{told}</button>'
    yield '<input type="search" placeholder="Find a check or a clause" aria-label="Find"></div>'


def _kind(one: Outcome) -> str:
    if one.verdict in (Verdict.FAIL, Verdict.ERROR):
        return "fail"
    return "pass" if one.verdict is Verdict.PASS else "none"


def _check(one: Outcome) -> Iterator[str]:
    kind, check = _kind(one), one.check
    yield f'<details class="check {kind} {check.severity}" data-kind="{kind}" id="{check.id}">'
    yield f'<summary><span class="verdict">{one.verdict}</span><span>{escape(check.title)}'
    yield f'<span class="severity">{check.severity}</span></span>'
    yield f'<span class="clause">{escape(check.clause)}</span>'
    yield f'<span class="why">{escape(one.explanation)}</span></summary>'
    yield f'<div class="inside"><code>{check.id}</code>'
    sentences = list(dict.fromkeys(problem.sentence for problem in one.problems))
    if sentences:
        yield "<ul>"
        for sentence in sentences[:_PROBLEMS]:
            yield f"<li>{escape(sentence)}</li>"
        yield "</ul>"
    for answer in one.exchanges[:_EXCHANGES]:
        yield _exchange(answer)
    yield "</div></details>"


def _exchange(answer: Answer) -> str:
    sent = "\n".join(f"{name}: {value}" for name, value in answer.request.headers)
    got = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    line = f"{answer.request.method} {answer.request.url}"
    told = answer.why or f"{answer.status}"
    body = excerpts.excerpt(answer)
    text = f'<pre><span class="to">{escape(line)}</span>\n{escape(sent)}\n\n'
    text += f'<span class="to">{escape(told)}</span>\n{escape(got)}'
    return text + (f"\n\n{escape(body)}</pre>" if body else "</pre>")
