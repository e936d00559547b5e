"""limit and offset partition a result (PS3.18 8.3.4.4)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from conformance import results
from conformance.context import Context
from conformance.model import Answer, Severity
from conformance.registry import check

_STEPS: Final = 12
_LARGEST: Final = 2000
_MODALITY: Final = 0x00080060


@dataclass(frozen=True)
class Listing:
    """A search that can be paged: where, with which keys, and what it finds in all."""

    path: str
    depth: int
    keys: tuple[tuple[str, str], ...]
    uids: list[str]

    @property
    def named(self) -> str:
        """The resource, without UIDs."""
        shape = "/".join("…" if part[:1].isdigit() else part for part in self.path.split("/"))
        return f"{shape}{'?' + self.keys[0][0] if self.keys else ''}"


def _listings(context: Context) -> list[Listing]:
    """Searches at each level, and one with a key, that have several results, the largest first."""
    return context.session.once(  # type: ignore[no-any-return]
        "listings", lambda: sorted(_listed(context), key=lambda one: -len(one.uids))
    )


def _listed(context: Context) -> Iterator[Listing]:
    for path, depth, keys in _resources(context):
        answer = context.get(path, keys)
        if answer.ok:
            found = results.paged(context, path, keys)
            uids = [results.uid(one, depth) for one in found]
            if 1 < len(uids) <= _LARGEST:
                yield Listing(path, depth, keys, uids)


def _resources(context: Context) -> Iterator[tuple[str, int, tuple[tuple[str, str], ...]]]:
    yield "/studies", 1, ()
    yield "/series", 2, ()
    yield "/instances", 3, ()
    held = Counter(file.text(_MODALITY) for one in context.entities(1) for file in one.files[:1])
    if held:
        yield "/studies", 1, (("ModalitiesInStudy", held.most_common(1)[0][0]),)
    for depth in (1, 2):
        for one in sorted(context.entities(depth), key=lambda one: -len(one.files))[:1]:
            yield results.resource(3, one.uids), 3, ()
    several = Counter(one.uids[0] for one in context.entities(2)).most_common(1)
    for study, _ in several:
        yield results.resource(2, (study,)), 2, ()


def _search(context: Context, listing: Listing, **page: int) -> tuple[list[str], Answer]:
    pairs = [(name, str(count)) for name, count in page.items()]
    found, answer = context.search(listing.path, *listing.keys, *pairs)
    return [results.uid(one, listing.depth) for one in found], answer


def _pages(context: Context, listing: Listing, limit: int) -> tuple[list[list[str]], Answer]:
    pages: list[list[str]] = []
    found, answer = _search(context, listing, limit=limit)
    first = answer
    while answer.ok and found and len(pages) < _STEPS:
        pages.append(found)
        found, answer = _search(context, listing, limit=limit, offset=len(pages) * limit)
    return pages, first


@check("page.limit", "limit is the largest number of results", "PS3.18 8.3.4.4")
def limit(context: Context) -> None:
    """One and two of several, at each level."""
    for listing in _listings(context):
        for count in (1, 2):
            if len(listing.uids) > count:
                got, answer = _search(context, listing, limit=count)
                if answer.ok:
                    sentence = f"{listing.named} with limit={count} gives {len(got)} results"
                    context.expect(len(got) == count, sentence, answer)


@check("page.partition", "Pages by limit and offset together are the whole result, each part"
       " once", "PS3.18 8.3.4.4.1",
       rests_on=("page.limit", "page.offset"))  # fmt: skip
def partition(context: Context) -> None:
    """The same entities, none twice, in the same order, at each level."""
    for listing in _listings(context):
        whole = listing.uids
        for count in dict.fromkeys((max(1, len(whole) // 3), max(1, len(whole) // 2))):
            pages, first = _pages(context, listing, count)
            if results.has_more(first) and pages and len(pages[0]) < count:
                continue  # the server has a limit of its own
            joined = [uid for page in pages for uid in page]
            if len(pages) >= _STEPS:
                context.problem(f"{listing.named}: the pages do not end", first)
                break
            once = Counter(joined) <= Counter(whole)
            context.expect(once, f"{listing.named}: a result is on two pages", first)
            same = set(joined) == set(whole)
            context.expect(same, f"{listing.named}: the pages are not the result", first)
            same = joined == whole
            context.expect(same, f"{listing.named}: the pages have another order", first)


@check("page.offset", "offset skips as many results", "PS3.18 8.3.4.4")
def offset(context: Context) -> None:
    """Without a limit, too; a server may give a part of what follows, and say so."""
    for listing in _listings(context):
        for count in dict.fromkeys((1, len(listing.uids) - 1)):
            got, answer = _search(context, listing, offset=count)
            if answer.ok:
                wanted = listing.uids[count:]
                if got and results.has_more(answer):
                    wanted = wanted[: len(got)]
                sentence = f"{listing.named} with offset={count} does not skip {count} results"
                context.expect(got == wanted, sentence, answer)


@check("page.beyond", "An offset beyond the result gives nothing", "PS3.18 8.3.4.4.1",
       rests_on=("page.offset",))  # fmt: skip
def beyond(context: Context) -> None:
    """204, or an empty array."""
    got, answer = context.search("/studies", ("offset", "1000000"))
    if answer.ok:
        context.expect(not got, f"{len(got)} results at offset 1000000", answer)


@check("page.stable", "The same search gives the same order", "PS3.18 8.3.4.4.1")
def stable(context: Context) -> None:
    """Twice, by two URLs of the same meaning."""
    for listing in _listings(context):
        again, answer = _search(context, listing, offset=0)
        if answer.ok:
            same = again == listing.uids[: len(again)]
            context.expect(same, f"{listing.named}: a repeated search has another order", answer)


@check("page.warning", "What remains is announced by Warning 299", "PS3.18 8.3.4.4.1")
def warning(context: Context) -> None:
    """There are so many additional results that can be requested, it says."""
    for listing in _listings(context):
        got, answer = _search(context, listing, limit=1)
        if answer.ok and len(got) == 1:
            told = answer.header("warning") or ""
            sentence = f"{listing.named}: more results are there and no Warning says so"
            context.expect("299" in told, sentence, answer)
            rest, last = _search(context, listing, limit=len(listing.uids))
            quiet = "additional results" not in (last.header("warning") or "")
            if len(rest) == len(listing.uids):
                sentence = f"{listing.named}: a whole result has a Warning about more"
                context.expect(quiet, sentence, last)


@check("page.malformed", "limit and offset that are no numbers are refused with 400",
       "PS3.18 8.3.4.4, table 10.6.3-1", Severity.SHOULD)  # fmt: skip
def malformed(context: Context) -> None:
    """Neither ignored nor a failure of the server."""
    for key, value in (("limit", "many"), ("limit", "-1"), ("offset", "x"), ("offset", "-5")):
        answer = context.whole(context.get("/studies", [(key, value)]))
        sentence = f"{key}={value} is answered {answer.status}"
        context.expect(answer.status == 400, sentence, answer)
