"""CopyImageSet on documents: instances of one image set in a new one, or merged into another."""

import copy
from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson

from gateway.emulator import documents
from gateway.emulator.documents import Tree
from gateway.emulator.failures import ChangeFailed

_INVALID: Final = "INVALID_REQUEST: "


def subset(attributes: str) -> frozenset[str] | None:
    """The SOP Instance UIDs that ``copiableAttributes`` names; None where it names none.

    They stand below series, whose keys are not looked at: AWS's own example has another word there.

    Raises:
        ValueError: it is no JSON of the document's shape.
    """
    tree = orjson.loads(attributes)
    try:
        series = tree.get("Study", {}).get("Series", {})
        found = {uid for part in series.values() for uid in part.get("Instances", {}).keys()}  # noqa: SIM118  lists fail
    except AttributeError as error:
        raise ValueError("not of the document's shape") from error
    return frozenset(found) or None


def chosen(source: Tree, wanted: Collection[str] | None) -> Tree:
    """A copy of ``source`` with only the ``wanted`` instances; all where None.

    Raises:
        ChangeFailed: one of them is not there.
    """
    tree = copy.deepcopy(source)
    if wanted is None:
        return tree
    if set(wanted) - {sop_uid for _, sop_uid, _ in documents.instances(tree)}:
        raise ChangeFailed(f"{_INVALID}An instance of copiableAttributes is not in SourceImageSet.")
    kept = {}
    for series_uid, series in tree["Study"]["Series"].items():
        members = {uid: one for uid, one in series["Instances"].items() if uid in wanted}
        if members:
            kept[series_uid] = series | {"Instances": members}
    tree["Study"]["Series"] = kept
    return tree


def merged(source: Tree, destination: Tree, *, force: bool) -> Tree:
    """``destination`` with the instances of ``source``; its upper levels stay as they are.

    Raises:
        ChangeFailed: without force, where Patient, Study or Series differ; in any case where both
            have an instance with the same SOP Instance UID.
    """
    if not force:
        _check_consistency(source, destination)
    tree = copy.deepcopy(destination)
    held = {sop_uid for _, sop_uid, _ in documents.instances(tree)}
    target = next(iter(tree["Study"]["Series"]))
    for series_uid, sop_uid, instance in documents.instances(source):
        if sop_uid in held:
            message = "SOP Instance UIDs of SourceImageSet and DestinationImageSet are not unique."
            raise ChangeFailed(_INVALID + message)
        series = tree["Study"]["Series"].get(series_uid) or tree["Study"]["Series"][target]
        series["Instances"][sop_uid] = copy.deepcopy(instance)
    return tree


def _check_consistency(source: Tree, destination: Tree) -> None:
    differing = (
        ("Patient", source["Patient"]["DICOM"], destination["Patient"]["DICOM"]),
        ("Study", source["Study"]["DICOM"], destination["Study"]["DICOM"]),
        ("Series", _series(source), _series(destination)),
    )
    for level, one, other in differing:
        if _plain(one) != _plain(other):
            raise ChangeFailed(
                f"{_INVALID}{level} of SourceImageSet and DestinationImageSet don't match."
            )


def _plain(value: Any) -> Any:
    """``value`` without the padding of its strings, which says nothing (PS3.5 6.2)."""
    if isinstance(value, str):
        return value.strip(" \0")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _series(tree: Tree) -> Mapping[str, Any]:
    return {uid: series["DICOM"] for uid, series in tree["Study"]["Series"].items()}
