"""includefield (PS3.18 8.3.4.3), and parameters that are not well-formed."""

from typing import Final

from pydicom.datadict import keyword_for_tag

from conformance import results, values
from conformance.context import Context
from conformance.model import Answer, Severity
from conformance.originals import Entity
from conformance.registry import check
from conformance.results import name

_WANTED: Final = {1: (0x00081030, 0x00101010), 2: (0x00081030, 0x0008103E, 0x00180015),
                  3: (0x00280004, 0x00280101, 0x00080008)}  # fmt: skip
_MOST: Final = 6


def _try(context: Context, depth: int, tag: int, fields: list[tuple[str, str]]) -> None:
    """Search for an entity that has the attribute, and look whether it is returned."""
    having = [one for one, _ in results.pick(context.entities(depth), tag)]
    for one in having[:2]:
        path = results.resource(depth, one.uids[:1] if depth > 1 else ())
        pairs = [(keyword_for_tag(results.UNIQUE[depth]), one.uid), *fields]
        found, answer = context.search(path, *pairs)
        result = results.by_uid(found, depth).get(one.uid)
        if result is not None:
            _returned(context, one, result, tag, answer)


def _returned(
    context: Context, one: Entity, result: results.Result, tag: int, answer: Answer
) -> None:
    if context.expect(name(tag) in result, f"{name(tag)} is asked for and missing", answer):
        stored = next(iter(one.distinct(tag)))
        vr, got = values.of_json(result)[tag]
        same = len(got) == len(stored) and all(map(lambda a, b: values.same(vr, a, b), got, stored))
        same = same or bool(got and isinstance(got[0], values.Elsewhere))  # others look there
        context.expect(same or not str(stored).isprintable() or "\ufffd" in str(stored),
                       f"{name(tag)} is not the value that is stored", answer)  # fmt: skip


@check("search.includefield", "includefield adds attributes to results", "PS3.18 8.3.4.3,"
       " 10.6.3.3", Severity.SHALL)  # fmt: skip
def includefield(context: Context) -> None:
    """By keyword and by tag, at each level."""
    for depth, tags in _WANTED.items():
        for tag in tags:
            for field in (keyword_for_tag(tag), name(tag)):
                _try(context, depth, tag, [("includefield", field)])


@check("search.includefield-list", "includefield takes a list, and may be repeated",
       "PS3.18 8.3.4.3",
       rests_on=("search.includefield",))  # fmt: skip
def includefield_list(context: Context) -> None:
    """Comma-separated, and as several parameters."""
    listed = ",".join(keyword_for_tag(tag) for tag in _WANTED[3])
    repeated = [("includefield", name(tag)) for tag in _WANTED[3]]
    for tag in _WANTED[3]:
        _try(context, 3, tag, [("includefield", listed)])
        _try(context, 3, tag, repeated)


@check("search.includefield-all", "includefield=all gives what there is", "PS3.18 8.3.4.3",
       Severity.SHOULD,
       rests_on=("search.includefield",))  # fmt: skip
def includefield_all(context: Context) -> None:
    """At least what can be named at the same level."""
    for depth, tags in _WANTED.items():
        for tag in tags[: 1 if depth == 1 else 2]:
            if depth == 2 and tag == _WANTED[1][0]:
                continue  # an attribute of the study
            _try(context, depth, tag, [("includefield", "all")])


@check("search.includefield-sequence", "includefield can name an attribute in a sequence",
       "PS3.18 8.3.4.1, 8.3.4.3", Severity.SHOULD)  # fmt: skip
def includefield_sequence(context: Context) -> None:
    """RequestAttributesSequence.RequestedProcedureID."""
    for one, _ in results.pick(context.entities(2), 0x00400275)[:_MOST]:
        items = one.files[0].value(0x00400275)
        if any(0x00401001 in item for item in items):
            field = "RequestAttributesSequence.RequestedProcedureID"
            path = results.resource(2, one.uids[:1])
            found, answer = context.search(path, ("includefield", field))
            result = results.by_uid(found, 2).get(one.uid, {})
            context.expect("00400275" in result, "00400275 is missing", answer)


@check("search.malformed", "Malformed values of keys are refused with 400",
       "PS3.18 8.3.4.1, table 10.6.3-1", Severity.SHOULD)  # fmt: skip
def malformed(context: Context) -> None:
    """Dates and UIDs that are none; nothing is found, or the server says what is wrong."""
    for key, value in (("StudyDate", "yesterday"), ("StudyInstanceUID", "not-a-uid")):
        answer = context.whole(context.get("/studies", [(key, value)]))
        refused = answer.status == 400 or context.is_empty_404(answer)
        if not refused and context.succeeded(answer, 200, 204):
            nothing = not context.json(answer)
            context.expect(nothing, f"{key}={value} finds something", answer)
        context.compared += 1
