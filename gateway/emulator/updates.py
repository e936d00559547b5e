"""UpdateImageSetMetadata on a document: attributes set and removed, instances and series removed.

The payload has the document's own shape, with only what is to change.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from gateway.emulator import constraints, documents
from gateway.emulator.documents import Tree
from gateway.emulator.failures import ChangeFailed

_Node: TypeAlias = dict[str, Any]
_Below: TypeAlias = Sequence[_Node]  # the instances that an upper level stands for
_Edit: TypeAlias = Callable[[_Node, Mapping[str, Any], str, _Below], None]

_ROOT: Final = frozenset({"SchemaVersion", "Patient", "Study"})
_PATIENT: Final = frozenset({"DICOM"})
_STUDY: Final = frozenset({"DICOM", "Series"})
_SERIES: Final = frozenset({"DICOM", "Instances"})
_INSTANCE: Final = frozenset({"DICOM", "DICOMVRs"})
_MEDIA_STORAGE_UID: Final = "MediaStorageSOPInstanceUID"


def parse(payload: bytes) -> Tree:
    """The JSON object of a payload.

    Raises:
        ValueError: it is none.
    """
    tree = orjson.loads(payload)
    if not isinstance(tree, dict):
        raise ValueError("not an object")
    try:
        orjson.dumps([[tree]])  # it goes into a request and into a document
    except TypeError as error:
        raise ValueError("nested too deeply") from error
    return tree


def of_study(payload: Tree) -> Tree:
    """What of a payload concerns the other image sets of the study too: Patient and Study."""
    found: Tree = {}
    if "Patient" in payload:
        found["Patient"] = payload["Patient"]
    if "DICOM" in _object(payload.get("Study", {}), "Study"):
        found["Study"] = {"DICOM": payload["Study"]["DICOM"]}
    return found


def apply(
    tree: Tree, updatable: Tree | None, removable: Tree | None, *, force: bool, primary: bool
) -> Tree:
    """A new document: ``removable`` is taken out, then ``updatable`` put in.

    Raises:
        ChangeFailed: a constraint forbids it; ``tree`` is as before.
    """
    changed = copy.deepcopy(tree)
    if removable is not None:
        _remove(changed, removable, force=force)
    if updatable is not None:
        _update(changed, updatable, force=force, primary=primary)
    return changed


def _remove(tree: Tree, payload: Tree, *, force: bool) -> None:
    def edit(node: _Node, part: Mapping[str, Any], level: str, below: _Below) -> None:
        for key, value in _attributes(part, "DICOM").items():
            constraints.check_removal(key, level, force=force)
            _take([node, *below], key, value)

    _walk(tree, payload, edit)
    _take_out(tree, payload)
    if not any(True for _ in documents.instances(tree)):
        raise ChangeFailed("An image set keeps at least one instance; DeleteImageSet deletes it")


def _take(nodes: Iterable[_Node], key: str, value: Any) -> None:
    """Remove ``key``; its value has to be one that is there, null stands for any.

    What is removed for the whole image set goes from the instances with a value of their own too.
    """
    holding = [node for node in nodes if key in node["DICOM"]]
    if not holding:
        raise ChangeFailed(f"{key[:64]} cannot be removed: it is not there")
    if value is not None and _plain(value) not in [_plain(node["DICOM"][key]) for node in holding]:
        raise ChangeFailed(f"{key[:64]} cannot be removed: its value is another")
    for node in holding:
        _drop(node, key)


def _drop(node: _Node, key: str) -> None:
    node["DICOM"].pop(key, None)
    if not _names(node["DICOM"], key):  # DICOMVRs is also that of the items of sequences
        node.get("DICOMVRs", {}).pop(key, None)


def _names(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_names(one, key) for one in value.values())
    return isinstance(value, list) and any(_names(one, key) for one in value)


def _plain(value: Any) -> Any:
    return value.strip(" \0") if isinstance(value, str) else value


def _take_out(tree: Tree, payload: Tree) -> None:
    """Remove the instances and series that the payload, walked already, maps to ``{}``."""
    all_series = tree["Study"]["Series"]
    for series_uid, part in _series_parts(payload):
        held = all_series[series_uid]["Instances"]
        for sop_uid, content in part.get("Instances", {}).items():
            if not content:
                del held[sop_uid]
        if not part or not held:
            del all_series[series_uid]


def _series_parts(payload: Tree) -> list[tuple[str, Any]]:
    study = _object(payload.get("Study", {}), "Study")
    return list(_object(study.get("Series", {}), "Series").items())


def _update(tree: Tree, payload: Tree, *, force: bool, primary: bool) -> None:
    def edit(node: _Node, part: Mapping[str, Any], level: str, below: _Below) -> None:
        given = _attributes(part, "DICOMVRs")
        for key, vr in given.items():
            constraints.check_vr(key, vr, level, force=force)
        known = {**node.get("DICOMVRs", {}), **given}
        for key, value in _attributes(part, "DICOM").items():
            vr = known.get(key)
            constraints.check_update(key, value, level, vr, force=force, primary=primary)
            node["DICOM"][key] = value
            for instance in below:  # a value for all of them ends the differing ones of single ones
                _drop(instance, key)
        for key in given:
            if key not in node["DICOM"]:
                raise ChangeFailed(f"DICOMVRs has {key[:64]}, which is not an attribute there")
        if given:
            node["DICOMVRs"] = known

    _walk(tree, payload, edit)
    _rename(tree)


def _walk(tree: Tree, payload: Tree, edit: _Edit) -> None:
    """Call ``edit`` for each node that the payload has a part for."""
    _check_keys(payload, _ROOT)
    everything = [instance for *_, instance in documents.instances(tree)]
    patient = _object(payload.get("Patient", {}), "Patient")
    _check_keys(patient, _PATIENT)
    edit(tree["Patient"], patient, "Patient", everything)
    study = _object(payload.get("Study", {}), "Study")
    _check_keys(study, _STUDY)
    edit(tree["Study"], study, "Study", everything)
    for series_uid, part in _series_parts(payload):
        series = tree["Study"]["Series"].get(series_uid)
        if series is None:
            raise ChangeFailed("A series of the request is not in the image set")
        _check_keys(_object(part, "A series"), _SERIES)
        edit(series, part, "Series", list(series["Instances"].values()))
        _walk_instances(series, part, edit)


def _walk_instances(series: _Node, part: Mapping[str, Any], edit: _Edit) -> None:
    for sop_uid, content in _object(part.get("Instances", {}), "Instances").items():
        if sop_uid not in series["Instances"]:
            raise ChangeFailed("An instance of the request is not in the image set")
        _check_keys(_object(content, "An instance"), _INSTANCE)
        edit(series["Instances"][sop_uid], content, "Instance", [])


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ChangeFailed(f"{name} of the request is not a JSON object")
    return value


def _attributes(part: Mapping[str, Any], member: str) -> dict[str, Any]:
    """The attributes of a part of the payload by the keys that documents have for them."""
    found: dict[str, Any] = {}
    for name, value in _object(part.get(member, {}), member).items():
        key = documents.key(name)
        if key in found:
            raise ChangeFailed(f"{key} is in the request twice")
        found[key] = value
    return found


def _check_keys(part: Mapping[str, Any], known: frozenset[str]) -> None:
    for key in part:
        if key not in known:
            constraints.check_generated(key)
            raise ChangeFailed(f"The request has an unknown member {key[:64]}")


def _rename(tree: Tree) -> None:
    """Give series and instances whose UIDs were changed their new keys.

    Raises:
        ChangeFailed: two would have the same.
    """
    study = tree["Study"]
    for series in study["Series"].values():
        series["Instances"] = _renamed(series["Instances"], "SOPInstanceUID")
    study["Series"] = _renamed(study["Series"], "SeriesInstanceUID")


def _renamed(nodes: dict[str, _Node], keyword: str) -> dict[str, _Node]:
    renamed: dict[str, _Node] = {}
    for key, node in nodes.items():
        name = str(node["DICOM"].get(keyword) or key).strip(" \0")
        if name in renamed:
            raise ChangeFailed(f"{keyword} must be unique within an image set")
        if name != key and _MEDIA_STORAGE_UID in node["DICOM"]:
            node["DICOM"][_MEDIA_STORAGE_UID] = name
        renamed[name] = node
    return renamed
