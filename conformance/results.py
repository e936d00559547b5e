"""Results of searches beside the entities that ought to be in them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from conformance import matching, values
from conformance.context import Context
from conformance.matching import Path
from conformance.model import Answer, Blocked
from conformance.originals import INSTANCE, SERIES, STUDY, Entity

LEVELS: Final = {1: "studies", 2: "series", 3: "instances"}
UNIQUE: Final = {1: STUDY, 2: SERIES, 3: INSTANCE}
Result = Mapping[str, Any]


def name(tag: int) -> str:
    """A tag as JSON has it."""
    return f"{tag:08X}"


def value(result: Result, tag: int) -> values.Value:
    """The value of an attribute of a result."""
    attribute = result.get(name(tag))
    return values.of_json({name(tag): attribute}).get(tag, ("", ()))[1]


def uid(result: Result, depth: int) -> str:
    """The unique key of a result at a level."""
    found = value(result, UNIQUE[depth])
    return str(found[0]) if found else ""


def paged(context: Context, path: str, pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """All results of a search, though the server may give a part of them at a time."""
    pairs = list(pairs)
    found, answer = context.search(path, *pairs)
    seen = {tuple(_key(one)) for one in found}
    step = len(found)
    while answer.ok and step and has_more(answer):
        more, answer = context.search(path, *pairs, ("offset", str(len(found))))
        new = [one for one in more if tuple(_key(one)) not in seen]
        seen |= {tuple(_key(one)) for one in new}
        found, step = found + new, len(new)
    return found


def _key(result: Result) -> Iterator[str]:
    return (uid(result, depth) for depth in (1, 2, 3))


def has_more(answer: Answer) -> bool:
    """Whether an answer says that there are more results."""
    warning = answer.header("warning") or ""
    return answer.status == 206 or "299" in warning


def resource(depth: int, parents: tuple[str, ...] = ()) -> str:
    """The path of a search resource below those whose UIDs are given."""
    above = "".join(f"/{LEVELS[at]}/{one}" for at, one in enumerate(parents, 1))
    return f"{above}/{LEVELS[depth]}"


def compare(
    context: Context,
    depth: int,
    keys: Mapping[Path, str],
    pairs: Iterable[tuple[str, str]],
    parents: tuple[str, ...] = (),
) -> None:
    """Search, and compare what is found with what brute force finds among the originals."""
    pairs = list(pairs)
    path = resource(depth, parents)
    found = paged(context, path, pairs)
    shown = context.get(path, pairs)
    if not shown.ok:
        return
    got = {uid(one, depth) for one in found}
    listed = Counter(uid(one, depth) for one in found)
    if "" in listed:
        context.problem("A result has no unique key", shown)
    for one in context.entities(depth):
        if listed[one.uid] > 1:
            context.problem(f"{_noun(depth)} is listed {listed[one.uid]} times", shown)
        if one.uids[: len(parents)] != parents:
            continue
        expected = matching.entity(one, keys)
        if expected is None:
            continue
        if expected != (one.uid in got):
            verb = "is missing from" if expected else "does not match and is in"
            context.problem(f"{_noun(depth)} {verb} the result of {_asked(pairs)}", shown)
        context.compared += 1


def _noun(depth: int) -> str:
    return {1: "A study", 2: "A series", 3: "An instance"}[depth]


def _asked(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{key}={text}" for key, text in pairs) or "a search without keys"


def by_uid(found: Iterable[Result], depth: int) -> dict[str, Result]:
    """Results by their unique key."""
    return {uid(one, depth): one for one in found}


def listing(context: Context, depth: int, parents: tuple[str, ...] = ()) -> dict[str, Result]:
    """All results at a level by unique key; without any the rest makes no sense."""
    found = by_uid(paged(context, resource(depth, parents), ()), depth)
    if not found and not context.problems:
        raise Blocked(f"A search for {LEVELS[depth]} finds nothing; see search.*")
    return found


def pick(entities: Iterable[Entity], tag: int) -> list[tuple[Entity, values.Value]]:
    """Entities whose files agree on a value of an attribute, with that value."""
    agreed = []
    for one in entities:
        found = one.distinct(tag)
        if len(found) == 1 and (single := next(iter(found))):
            agreed.append((one, single))
    return agreed
