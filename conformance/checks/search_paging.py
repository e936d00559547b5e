"""limit and offset partition a result (PS3.18 8.3.4.4)."""

from collections import Counter
from typing import Any, Final

from conformance import results
from conformance.context import Context
from conformance.model import Severity
from conformance.registry import check

_STEPS: Final = 40


def _pages(context: Context, path: str, depth: int, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    for step in range(_STEPS):
        found, answer = context.search(path, ("limit", str(limit)), ("offset", str(step * limit)))
        if not answer.ok or not found:
            break
        pages.append([results.uid(one, depth) for one in found])
    return pages


def _resource(context: Context) -> tuple[str, int, list[dict[str, Any]]]:
    """The largest of the listings that are not too large."""
    best: tuple[str, int, list[dict[str, Any]]] = ("/studies", 1, [])
    for path, depth in [("/studies", 1), *_within(context)]:
        found, _ = context.search(path)
        if len(best[2]) < len(found) <= 3 * _STEPS:
            best = (path, depth, found)
    return best


def _within(context: Context) -> list[tuple[str, int]]:
    studies = sorted(context.entities(1), key=lambda one: -len({f.uids[2] for f in one.files}))
    return [(f"/studies/{one.uid}/instances", 3) for one in studies[:1]]


@check("page.limit", "limit is the largest number of results", "PS3.18 8.3.4.4")
def limit(context: Context) -> None:
    """One and two of several."""
    path, _, found = _resource(context)
    for count in (1, 2):
        if len(found) > count:
            got, answer = context.search(path, ("limit", str(count)))
            if answer.ok:
                sentence = f"limit={count} gives {len(got)} results of {len(found)}"
                context.expect(len(got) == count, sentence, answer)


@check("page.partition", "Pages by limit and offset together are the whole result, each part"
       " once", "PS3.18 8.3.4.4.1")  # fmt: skip
def partition(context: Context) -> None:
    """The same entities, none twice, in the same order."""
    path, depth, found = _resource(context)
    everything = [results.uid(one, depth) for one in found]
    if len(everything) < 2:
        return
    for count in (max(1, len(everything) // 3), max(1, len(everything) // 2)):
        _, first = context.search(path, ("limit", str(count)))
        pages = _pages(context, path, depth, count)
        joined = [uid for page in pages for uid in page]
        if len(pages) >= _STEPS:
            context.problem("The pages do not end: offset seems to be ignored", first)
            return
        once = Counter(joined) <= Counter(everything)
        context.expect(once, "A result is on two pages", first)
        context.expect(set(joined) == set(everything), "The pages are not the result", first)
        context.expect(joined == everything, "The pages have another order", first)


@check("page.offset", "offset skips as many results", "PS3.18 8.3.4.4")
def offset(context: Context) -> None:
    """Without a limit, too."""
    path, depth, found = _resource(context)
    everything = [results.uid(one, depth) for one in found]
    for count in (1, len(everything) - 1):
        if 0 < count < len(everything):
            got, answer = context.search(path, ("offset", str(count)))
            if answer.ok:
                uids = [results.uid(one, depth) for one in got]
                right = uids == everything[count:]
                context.expect(right, f"offset={count} does not skip {count} results", answer)


@check("page.beyond", "An offset beyond the result gives nothing", "PS3.18 8.3.4.4.1")
def beyond(context: Context) -> None:
    """204, or an empty array."""
    got, answer = context.search("/studies", ("offset", "1000000"))
    if answer.ok:
        context.expect(not got, f"{len(got)} results at offset 1000000", answer)


@check("page.stable", "The same search gives the same order", "PS3.18 8.3.4.4.1")
def stable(context: Context) -> None:
    """Twice, by two URLs of the same meaning."""
    path, depth, found = _resource(context)
    again, answer = context.search(path, ("offset", "0"))
    if answer.ok and len(found) > 1:
        same = [results.uid(one, depth) for one in found] == [
            results.uid(one, depth) for one in again
        ]
        context.expect(same, "A repeated search has another order", answer)


@check("page.warning", "What remains is announced by Warning 299", "PS3.18 8.3.4.4.1")
def warning(context: Context) -> None:
    """There are so many additional results that can be requested, it says."""
    path, _, found = _resource(context)
    if len(found) < 2:
        return
    answer = context.get(path, [("limit", "1")])
    got = context.json(answer)
    if answer.ok and len(got) == 1:
        told = answer.header("warning") or ""
        context.expect("299" in told, "More results are there and no Warning says so", answer)
        whole = context.get(path)
        quiet = "additional results" not in (whole.header("warning") or "")
        context.expect(quiet, "A whole result has a Warning about more", whole)


@check("page.malformed", "limit and offset that are no numbers are refused with 400",
       "PS3.18 8.3.4.4, table 10.6.3-1", Severity.SHOULD)  # fmt: skip
def malformed(context: Context) -> None:
    """Neither ignored nor a failure of the server."""
    for key, value in (("limit", "many"), ("limit", "-1"), ("offset", "x"), ("offset", "-5")):
        answer = context.whole(context.get("/studies", [(key, value)]))
        sentence = f"{key}={value} is answered {answer.status}"
        context.expect(answer.status == 400, sentence, answer)
