"""Metadata (PS3.18 10.4.1.1.2): every attribute of the originals, in JSON and in XML."""

from typing import Final

from conformance import differences, mediatypes, nativexml, results, values
from conformance.context import Context
from conformance.model import Answer
from conformance.originals import Entity
from conformance.registry import check
from conformance.values import Elsewhere, Tree

_STUDIES: Final = 20
_SHOWN: Final = 4


def _ignore(_: Elsewhere) -> None:
    """Bulk data are compared by the checks of their own."""


def _compare(context: Context, got: Tree, uid: str, answer: Answer) -> None:
    originals = context.originals.by_uid.get(uid)
    if originals:
        found = differences.closest(got, [one.tree for one in originals], _ignore)
        for sentence in found[:_SHOWN]:
            context.problem(f"An instance of {originals[0].text(0x00080060)}: {sentence}", answer)
        context.compared += 1


def _uid(tree: Tree) -> str:
    value = tree.get(0x00080018, ("", ()))[1]
    return str(value[0]) if value else ""


def _retrieve(context: Context, one: Entity, path: str) -> None:
    answer = context.get(f"{path}/metadata")
    if not context.succeeded(answer):
        return
    found = [values.of_json(instance) for instance in context.json(answer)]
    uids = [_uid(tree) for tree in found]
    known = {file.uids[2] for file in one.files}
    context.expect(known <= set(uids), "An instance is missing from the metadata", answer)
    context.expect(len(set(uids)) == len(uids), "An instance is in the metadata twice", answer)
    for tree in found:
        _compare(context, tree, _uid(tree), answer)


def address(one: Entity) -> str:
    """The path of a study, series or instance."""
    return "".join(f"/{results.LEVELS[at]}/{uid}" for at, uid in enumerate(one.uids, 1))


@check("metadata.study", "The metadata of a study are the attributes of all its instances",
       "PS3.18 10.4.1.1.2, F.2", originals=True)  # fmt: skip
def study(context: Context) -> None:
    """Compared one by one, bulk data apart."""
    for one in context.entities(1)[:_STUDIES]:
        _retrieve(context, one, address(one))


@check("metadata.series", "The metadata of a series are the attributes of all its instances",
       "PS3.18 10.4.1.1.2, F.2", originals=True,
       rests_on=("metadata.study",))  # fmt: skip
def series(context: Context) -> None:
    """Compared one by one, bulk data apart."""
    for one in context.entities(2)[:_STUDIES]:
        _retrieve(context, one, address(one))


@check("metadata.instance", "The metadata of an instance are its attributes",
       "PS3.18 10.4.1.1.2, F.2", originals=True,
       rests_on=("metadata.study",))  # fmt: skip
def instance(context: Context) -> None:
    """Every instance, up to a limit; each answer has one object."""
    for one in context.entities(3)[: 5 * context.session.samples]:
        _retrieve(context, one, address(one))


@check("metadata.xml", "Metadata can be had as the Native DICOM Model, and say the same",
       "PS3.18 10.4.4, table 10.4.4-1, PS3.19 A.1", originals=True)  # fmt: skip
def xml(context: Context) -> None:
    """A part for each instance, of type application/dicom+xml."""
    for one in context.entities(2)[:_STUDIES]:
        answer = context.get(f"{address(one)}/metadata", accept=mediatypes.XML)
        if not context.succeeded(answer):
            return
        parts = context.parts(answer)
        known = {file.uids[2] for file in one.files}
        context.expect(len(parts) >= len(known), f"{len(parts)} parts", answer)
        for part in parts:
            right = part.media_type.name == "application/dicom+xml"
            context.expect(right, f"A part is {part.media_type.name}", answer)
            tree, problem = nativexml.parse(part.content)
            if context.expect(not problem, problem, answer):
                _compare(context, tree, _uid(tree), answer)
