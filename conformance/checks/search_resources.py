"""The resources of searches, and what their results have to say (PS3.18 10.6)."""

from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from conformance import mediatypes, nativexml, results, values
from conformance.context import NOBODY, Context
from conformance.model import Answer
from conformance.multipart import Part
from conformance.originals import Entity
from conformance.registry import check
from conformance.results import name

_MOST: Final = 12
_STUDY: Final = (0x00080020, 0x00080030, 0x00080050, 0x00080090, 0x00100010, 0x00100020,
                 0x00100030, 0x00100040, 0x0020000D, 0x00200010)  # fmt: skip
_SERIES: Final = (0x00080060, 0x0020000E, 0x00200011)
_SERIES_IF_KNOWN: Final = (0x0008103E, 0x00400244, 0x00400245)
_INSTANCE: Final = (0x00080016, 0x00080018, 0x00200013)
_INSTANCE_IF_KNOWN: Final = (0x00280010, 0x00280011, 0x00280100, 0x00280008)
_RETRIEVE_URL: Final = 0x00081190
_MODALITIES: Final = 0x00080061
_COUNTS: Final = ((0x00201206, 2), (0x00201208, 3))
_SERIES_COUNT: Final = 0x00201209


@check("search.studies", "All Studies are found", "PS3.18 10.6.1.1, table 10.6.1-1")
def studies(context: Context) -> None:
    """/studies without keys."""
    results.compare(context, 1, {}, ())


@check("search.study-series", "Study's Series are found", "PS3.18 10.6.1.1, table 10.6.1-1")
def study_series(context: Context) -> None:
    """/studies/{study}/series."""
    for study in context.entities(1)[:_MOST]:
        results.compare(context, 2, {}, (), study.uids)


@check("search.study-instances", "Study's Instances are found", "PS3.18 10.6.1.1, table 10.6.1-1")
def study_instances(context: Context) -> None:
    """/studies/{study}/instances."""
    for study in context.entities(1)[:_MOST]:
        results.compare(context, 3, {}, (), study.uids)


@check("search.series-instances", "Series' Instances are found", "PS3.18 10.6.1.1, table 10.6.1-1")
def series_instances(context: Context) -> None:
    """/studies/{study}/series/{series}/instances."""
    for series in context.entities(2)[:_MOST]:
        results.compare(context, 3, {}, (), series.uids)


@check("search.series", "All Series are found", "PS3.18 10.6.1.1, table 10.6.1-1")
def all_series(context: Context) -> None:
    """/series, and within it the study's UID, without which the series cannot be retrieved."""
    context.optional(context.get("/series", [("limit", "1")]), "/series")
    results.compare(context, 2, {}, ())


@check("search.instances", "All Instances are found", "PS3.18 10.6.1.1, table 10.6.1-1")
def all_instances(context: Context) -> None:
    """/instances."""
    context.optional(context.get("/instances", [("limit", "1")]), "/instances")
    results.compare(context, 3, {}, ())


@check("search.empty", "A search that finds nothing succeeds", "PS3.18 10.6.3.1, 8.3.4.4.1")
def empty(context: Context) -> None:
    """204, or 200 with an empty array, which viewers need and the standard had before."""
    for path, pairs in (
        ("/studies", [("StudyInstanceUID", "1.2.3.4.5.6.7.8.9.0")]),
        ("/studies", [("PatientID", NOBODY)]),
    ):
        answer = context.get(path, pairs)
        if context.succeeded(answer, 200, 204):
            found = context.json(answer)
            context.expect(not found, f"{len(found)} results of a key that nothing has", answer)
            if answer.status == 204:
                context.expect(not answer.body, "204 with a payload", answer)


def _present(context: Context, depth: int, tags: tuple[int, ...], *, known: bool = False) -> None:
    for one, result, answer in _found(context, depth):
        for tag in tags:
            stored = one.distinct(tag)
            if known and not all(stored):
                continue
            missing = name(tag) not in result
            context.expect(not missing, f"{name(tag)} is missing from a result", answer)
            if not missing and len(stored) == 1:
                _same(context, tag, one, result, answer)


def _found(context: Context, depth: int) -> list[tuple[Entity, results.Result, Answer]]:
    """Entities beside their results: searched below the study, as every server can."""
    found = []
    parents: tuple[str, ...]
    if depth == 1:
        listed = results.listing(context, 1)
        answer = context.get("/studies")
        return [(o, listed[o.uid], answer) for o in context.entities(1) if o.uid in listed]
    for one in context.entities(depth)[: 4 * _MOST]:
        parents = one.uids[:1]
        path = results.resource(depth, parents)
        listed = results.by_uid(results.paged(context, path, ()), depth)
        if one.uid in listed:
            found.append((one, listed[one.uid], context.get(path)))
    return found


def _elsewhere(got: values.Value) -> bool:
    """Whether a value is not in the result, or in a form that other checks report."""
    return bool(got) and isinstance(got[0], values.Elsewhere)


def _same(context: Context, tag: int, one: Entity, result: results.Result, answer: Answer) -> None:
    stored = next(iter(one.distinct(tag)))
    got = results.value(result, tag)
    vr = one.files[0].tree.get(tag, ("", ()))[0]
    equal = len(got) == len(stored) and all(map(lambda a, b: values.same(vr, a, b), got, stored))
    if not equal and (_undecided(stored) or _elsewhere(got)):
        return
    context.expect(equal, f"{name(tag)} of a result is not the value that is stored", answer)


def _undecided(stored: values.Value) -> bool:
    """Text that no repertoire explains for certain."""
    return any("\ufffd" in str(one) or not str(one).isprintable() for one in stored)


@check("search.study-required", "Results for studies have the attributes of type R, with the"
       " values that are stored", "PS3.18 10.6.3.3.1, table 10.6.3-3")  # fmt: skip
def study_required(context: Context) -> None:
    """Each attribute that has a value."""
    _present(context, 1, _STUDY, known=True)


@check("search.study-required-empty", "Attributes of type R without a value stand in results for"
       " studies, empty", "PS3.18 10.6.3.3.1, PS3.4 C.2.2.1.2")  # fmt: skip
def study_required_empty(context: Context) -> None:
    """Viewers tell unknown from not asked by it."""
    for one, result, answer in _found(context, 1):
        for tag in _STUDY:
            if not any(one.distinct(tag)):
                context.expect(name(tag) in result, f"{name(tag)} is missing", answer)


@check("search.series-required", "Results for series have the attributes of table 10.6.3-4, with"
       " the values that are stored", "PS3.18 10.6.3.3.2, table 10.6.3-4")  # fmt: skip
def series_required(context: Context) -> None:
    """Those that have a value."""
    _present(context, 2, (*_SERIES, *_SERIES_IF_KNOWN), known=True)


@check("search.instance-required", "Results for instances have the attributes of table 10.6.3-5,"
       " with the values that are stored", "PS3.18 10.6.3.3.3, table 10.6.3-5")  # fmt: skip
def instance_required(context: Context) -> None:
    """Those that are present in the instance."""
    _present(context, 3, (*_INSTANCE, *_INSTANCE_IF_KNOWN), known=True)


@check("search.relational", "Searches over all studies give the levels above as well",
       "PS3.18 10.6.3.3.2, 10.6.3.3.3")  # fmt: skip
def relational(context: Context) -> None:
    """/series has the study's attributes, /instances those of the study and the series."""
    for depth in (2, 3):
        answer = context.get(results.resource(depth), [("limit", "20")])
        if not answer.ok:
            context.whole(answer)
            context.note(f"/{results.LEVELS[depth]} is not offered")
            continue
        known = {one.uid: one for one in context.entities(depth)}
        for result in context.json(answer):
            one = known.get(results.uid(result, depth))
            for tag in (0x0020000D, 0x0020000E)[: depth - 1] if one else ():
                context.expect(name(tag) in result, f"{name(tag)} is missing", answer)


@check("search.counts", "Numbers of related series and instances are right",
       "PS3.18 10.6.3.3, PS3.4 C.3.4")  # fmt: skip
def counts(context: Context) -> None:
    """NumberOfStudyRelatedSeries, …Instances, NumberOfSeriesRelatedInstances."""
    for one, result, answer in _found(context, 1):
        listed = {
            depth: len(
                results.by_uid(results.paged(context, results.resource(depth, one.uids), ()), depth)
            )
            for depth in (2, 3)
        }
        for tag, depth in _COUNTS:
            if context.expect(name(tag) in result, f"{name(tag)} is missing", answer):
                got = results.value(result, tag)
                right = bool(got) and float(got[0]) == listed[depth]
                context.expect(right, f"{name(tag)} is not the number of {results.LEVELS[depth]}"
                               " that a search in the study finds", answer)  # fmt: skip


@check("search.series-count", "Results for series have the number of their instances",
       "PS3.18 10.6.3.3.2, table 10.6.3-4")  # fmt: skip
def series_count(context: Context) -> None:
    """NumberOfSeriesRelatedInstances."""
    for one, result, answer in _found(context, 2):
        listed = results.paged(context, results.resource(3, one.uids), ())
        if context.expect(name(_SERIES_COUNT) in result, "00201209 is missing", answer):
            got = results.value(result, _SERIES_COUNT)
            right = bool(got) and float(got[0]) == len(listed)
            context.expect(right, "00201209 is not the number of its instances", answer)


@check("search.modalities", "ModalitiesInStudy are those of the series",
       "PS3.18 10.6.3.3.1, PS3.4 C.3.4")  # fmt: skip
def modalities(context: Context) -> None:
    """Each modality once."""
    for one, result, answer in _found(context, 1):
        stored = {str(v) for f in one.files for v in f.value(0x00080060)}
        if not stored:
            continue
        if context.expect(name(_MODALITIES) in result, "00080061 is missing", answer):
            got = results.value(result, _MODALITIES)
            context.expect(len(set(got)) == len(got), "A modality is listed twice", answer)
            context.expect(stored <= set(got), "A modality is missing in 00080061", answer)


@check("search.retrieve-url", "RetrieveURL is there, and leads to what was found",
       "PS3.18 10.6.3.3, tables 10.6.3-3 to 10.6.3-5")  # fmt: skip
def retrieve_url(context: Context) -> None:
    """Its metadata are those of the study, series or instance."""
    for depth in (1, 2, 3):
        for one, result, answer in _found(context, depth)[:_MOST]:
            got = results.value(result, _RETRIEVE_URL)
            if not context.expect(bool(got), "00081190 is missing from a result", answer):
                continue
            url = urljoin(answer.request.url, str(got[0]))
            tail = "".join(f"/{results.LEVELS[at]}/{u}" for at, u in enumerate(one.uids, 1))
            right = urlsplit(url).path.rstrip("/").endswith(tail)
            if not context.expect(right, "RetrieveURL is not that of the resource", answer):
                continue
            followed = context.get(f"{url.rstrip('/')}/metadata")
            if context.succeeded(followed):
                uids = {results.uid(found, depth) for found in context.json(followed)}
                context.expect(uids == {one.uid}, "RetrieveURL leads to something else", followed)


@check(
    "search.xml", "Results can be had as the Native DICOM Model", "PS3.18 10.6.4, table 10.6.4-1"
)
def xml(context: Context) -> None:
    """multipart/related; type="application/dicom+xml" is required."""
    answer = context.get("/studies", [("limit", "5")], accept=mediatypes.XML)
    if context.succeeded(answer):
        in_json = context.json(context.get("/studies", [("limit", "5")]))
        parts = context.parts(answer)
        context.expect(len(parts) == len(in_json), "XML and JSON have not as many results", answer)
        _compare_xml(context, parts, in_json, answer)


def _compare_xml(
    context: Context, parts: tuple[Part, ...], in_json: list[dict[str, Any]], answer: Answer
) -> None:
    for part, found in zip(parts, in_json, strict=False):
        tree, problem = nativexml.parse(part.content)
        if context.expect(not problem, problem, answer):
            left, right = tree.get(0x0020000D), values.of_json(found).get(0x0020000D)
            context.expect(left == right, "XML and JSON differ in the study they speak of", answer)
