"""UpdateImageSetMetadata on a document: attributes set and removed, instances and series removed.

The payload has the document's own shape, with only what is to change.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from gateway.dicom import levels, tags
from gateway.emulator import constraints, documents
from gateway.emulator.documents import Tree
from gateway.emulator.failures import ChangeFailed

_Node: TypeAlias = dict[str, Any]
_Edit: TypeAlias = Callable[[_Node, Mapping[str, Any], str], None]

_ROOT: Final = frozenset({"SchemaVersion", "Patient", "Study"})
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
    def edit(node: _Node, part: Mapping[str, Any], level: str) -> None:
        for key, value in _object(part.get("DICOM", {}), "DICOM").items():
            constraints.check_removal(key, level, force=force)
            _take(node["DICOM"], key, value)
            node.get("DICOMVRs", {}).pop(key, None)

    _take_out(tree, payload)
    _walk(tree, payload, edit)
    if not any(True for _ in documents.instances(tree)):
        raise ChangeFailed("An image set keeps at least one instance; DeleteImageSet deletes it")


def _take(attributes: _Node, key: str, value: Any) -> None:
    """Remove ``key``; its value has to be the one that is there, null stands for any."""
    if key not in attributes:
        raise ChangeFailed(f"{key[:64]} cannot be removed: it is not there")
    if value is not None and _plain(value) != _plain(attributes[key]):
        raise ChangeFailed(f"{key} cannot be removed: its value is another")
    del attributes[key]


def _plain(value: Any) -> Any:
    return value.strip(" \0") if isinstance(value, str) else value


def _take_out(tree: Tree, payload: Tree) -> None:
    """Remove the instances and series that the payload maps to ``{}``."""
    all_series = tree["Study"]["Series"]
    for series_uid, part in _series_parts(payload):
        if series_uid not in all_series:
            raise ChangeFailed("A series of the request is not in the image set")
        if not part:
            del all_series[series_uid]
            continue
        held = all_series[series_uid]["Instances"]
        for sop_uid, content in _object(part.get("Instances", {}), "Instances").items():
            if sop_uid not in held:
                raise ChangeFailed("An instance of the request is not in the image set")
            if not content:
                del held[sop_uid]
        if not held:
            del all_series[series_uid]


def _series_parts(payload: Tree) -> list[tuple[str, Any]]:
    study = _object(payload.get("Study", {}), "Study")
    return list(_object(study.get("Series", {}), "Series").items())


def _update(tree: Tree, payload: Tree, *, force: bool, primary: bool) -> None:
    def edit(node: _Node, part: Mapping[str, Any], level: str) -> None:
        given = _object(part.get("DICOMVRs", {}), "DICOMVRs")
        known = {**node.get("DICOMVRs", {}), **given}
        for key, value in _object(part.get("DICOM", {}), "DICOM").items():
            vr = known.get(key)
            constraints.check_update(key, value, level, vr, force=force, primary=primary)
            node["DICOM"][key] = value
        if given:
            node["DICOMVRs"] = known

    _walk(tree, payload, edit)
    _drop_overrides(tree, payload)
    _rename(tree)


def _walk(tree: Tree, payload: Tree, edit: _Edit) -> None:
    """Call ``edit`` for each node that the payload has a part for."""
    _check_keys(payload, _ROOT)
    if "Patient" in payload:
        part = _object(payload["Patient"], "Patient")
        _check_keys(part, frozenset({"DICOM"}))
        edit(tree["Patient"], part, "Patient")
    study = _object(payload.get("Study", {}), "Study")
    _check_keys(study, _STUDY)
    edit(tree["Study"], study, "Study")
    for series_uid, part in _series_parts(payload):
        series = tree["Study"]["Series"].get(series_uid)
        if not part:
            continue
        if series is None:
            raise ChangeFailed("A series of the request is not in the image set")
        _check_keys(_object(part, "Series"), _SERIES)
        edit(series, part, "Series")
        _walk_instances(series, part, edit)


def _walk_instances(series: _Node, part: Mapping[str, Any], edit: _Edit) -> None:
    for sop_uid, content in _object(part.get("Instances", {}), "Instances").items():
        if not content:
            continue
        if sop_uid not in series["Instances"]:
            raise ChangeFailed("An instance of the request is not in the image set")
        _check_keys(_object(content, "Instances"), _INSTANCE)
        edit(series["Instances"][sop_uid], content, "Instance")


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ChangeFailed(f"{name} of the request is not a JSON object")
    return value


def _check_keys(part: Mapping[str, Any], known: frozenset[str]) -> None:
    for key in part:
        if key not in known:
            constraints.check_generated(key)
            raise ChangeFailed(f"The request has an unknown member {key[:64]}")


def _drop_overrides(tree: Tree, payload: Tree) -> None:
    """A value given for the whole image set ends the differing ones of single instances."""
    patient = set(_object(payload.get("Patient", {}), "Patient").get("DICOM", {}))
    study = set(_object(payload.get("Study", {}), "Study").get("DICOM", {}))
    for series_uid, series in tree["Study"]["Series"].items():
        part = dict(_series_parts(payload)).get(series_uid) or {}
        keys = {*patient, *study, *part.get("DICOM", {})}
        for instance in series["Instances"].values() if keys else ():
            for key in keys & instance["DICOM"].keys():
                if _is_upper(key):
                    del instance["DICOM"][key]


def _is_upper(key: str) -> bool:
    return tags.parse_tag(key) in levels.PATIENT | levels.STUDY | levels.SERIES


def _rename(tree: Tree) -> None:
    """Give series and instances whose UIDs were changed their new keys.

    Raises:
        ChangeFailed: two would have the same.
    """
    study = tree["Study"]
    for series in study["Series"].values():
        series["Instances"] = _renamed(series["Instances"], "SOPInstanceUID")
        for sop_uid, instance in series["Instances"].items():
            if _MEDIA_STORAGE_UID in instance["DICOM"]:
                instance["DICOM"][_MEDIA_STORAGE_UID] = sop_uid
    study["Series"] = _renamed(study["Series"], "SeriesInstanceUID")


def _renamed(nodes: dict[str, _Node], keyword: str) -> dict[str, _Node]:
    renamed: dict[str, _Node] = {}
    for key, node in nodes.items():
        name = str(node["DICOM"].get(keyword) or key).strip(" \0")
        if name in renamed:
            raise ChangeFailed(f"{keyword} must be unique within an image set")
        renamed[name] = node
    return renamed
