"""Search results from documents: does a study, series or instance match, and what is said of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from gateway.codecs import registry
from gateway.dicom import jsonmodel, matching, transfer_syntaxes as ts
from gateway.dicom.elements import DataSet, Element
from gateway.dicomweb import attributes, resources
from gateway.dicomweb.query import Level, Path, Query
from gateway.imagesets.document import Instance

_STUDY_UID: Final = 0x0020000D
_SERIES_UID: Final = 0x0020000E


@dataclass(frozen=True, slots=True)
class Unit:
    """What one result stands for: all instances of a study or series, or one instance.

    The first instance speaks for the attributes that all have in common.
    """

    level: Level
    instances: Sequence[Instance]


def group(level: Level, instances: Iterable[Instance]) -> list[Unit]:
    """The units that ``instances`` form at ``level``; of equal SOP instances the first counts."""
    units: dict[tuple[str, ...], dict[str, Instance]] = {}
    for one in instances:
        key = {
            Level.STUDY: (one.study,),
            Level.SERIES: (one.study, one.series),
            Level.INSTANCE: (one.study, one.series, one.sop),
        }[level]
        units.setdefault(key, {}).setdefault(one.sop, one)
    return [Unit(level, list(members.values())) for members in units.values()]


def matches(query: Query, unit: Unit) -> bool:
    """Whether an instance of ``unit`` meets all keys of ``query``, computed ones included."""
    plain: dict[Path, tuple[str, ...]] = {}
    for path, keys in query.matches.items():
        if path[0] not in attributes.COMPUTED:
            plain[path] = keys
        elif not _matches_computed(path[0], keys, unit):
            return False
    if not plain:
        return True
    return any(
        all(matching.matches(dataset, path, keys) for path, keys in plain.items())
        for dataset in (one.dataset() for one in _witnesses(plain, unit))
    )


def has_modalities(query: Query, instances: Iterable[Instance]) -> bool:
    """Whether one of ``instances``, all of a study, has a value of the key Modalities in Study."""
    keys = query.matches.get((attributes.MODALITIES_IN_STUDY,), ("",))
    found = sorted({one.modality for one in instances} - {""})
    universal = any(map(matching.is_universal, keys))
    return universal or matching.element_matches(
        (attributes.MODALITIES_IN_STUDY, "CS", found), keys
    )


def _witnesses(keys: Iterable[Path], unit: Unit) -> Iterable[Instance]:
    """The instances whose attributes decide: one a series where no key is of the instance level."""
    if not all(path[0] in attributes.SERIES_LEVEL for path in keys):
        return unit.instances
    return {(one.image_set_id, one.series): one for one in reversed(unit.instances)}.values()


def _matches_computed(tag: int, keys: Sequence[str], unit: Unit) -> bool:
    if tag == attributes.MODALITIES_IN_STUDY and unit.level is not Level.STUDY:
        return True  # decided for the whole study: by candidates, or by has_modalities
    element = _computed(unit, "").get(tag)
    if element is None or tag == attributes.RETRIEVE_URL:
        return any(map(matching.is_universal, keys))
    universal = any(map(matching.is_universal, keys))
    return universal or matching.element_matches(element, keys)


def _computed(unit: Unit, root: str) -> Mapping[int, Element]:
    first = unit.instances[0]
    found: list[Element] = [(attributes.INSTANCE_AVAILABILITY, "CS", ["ONLINE"])]
    match unit.level:
        case Level.STUDY:
            modalities = sorted({one.modality for one in unit.instances} - {""})
            if modalities:  # present without a value, it breaks viewers
                found.append((attributes.MODALITIES_IN_STUDY, "CS", modalities))
            series = len({one.series for one in unit.instances})
            found.append((attributes.STUDY_RELATED_SERIES, "IS", [str(series)]))
            count = [str(len(unit.instances))]
            found.append((attributes.STUDY_RELATED_INSTANCES, "IS", count))
            url = resources.study_url(root, first.study)
        case Level.SERIES:
            count = [str(len(unit.instances))]
            found.append((attributes.SERIES_RELATED_INSTANCES, "IS", count))
            url = resources.series_url(root, first.study, first.series)
        case Level.INSTANCE:
            found.append((attributes.AVAILABLE_TRANSFER_SYNTAX, "UI", _syntaxes(first)))
            url = resources.instance_url(root, first.study, first.series, first.sop)
        case _:
            assert_never(unit.level)
    found.append((attributes.RETRIEVE_URL, "UR", [url]))
    return {element[0]: element for element in found}


def _syntaxes(instance: Instance) -> list[str]:
    native = [ts.EXPLICIT_LE] if registry.decodes(instance.stored_syntax) else []
    return list(dict.fromkeys([instance.stored_syntax, *native]))


def encode(query: Query, unit: Unit, root: str, inline_limit: int) -> dict[str, Any]:
    """A result as DICOM JSON: the attributes of its level and those that ``query`` includes."""
    first = unit.instances[0]
    wanted, allowed = _wanted(query)
    stored = [
        element
        for element in first.dataset()
        if element[0] not in attributes.COMPUTED and _is_wanted(element[0], query, wanted, allowed)
    ]
    always = _computed(unit, root)
    if unit.level is Level.INSTANCE and not query.include_all:
        optional = {attributes.AVAILABLE_TRANSFER_SYNTAX} - query.include
        always = {tag: element for tag, element in always.items() if tag not in optional}
    dataset: DataSet = sorted([*stored, *always.values()], key=lambda element: element[0])
    uids = (first.study, first.series, first.sop)
    found: dict[str, Any] = jsonmodel.encode(
        dataset, lambda path: resources.bulk_data_url(root, *uids, path), inline_limit
    )
    return found


def _wanted(query: Query) -> tuple[frozenset[int], frozenset[int] | None]:
    """The attributes of the level's table, and those that may stand in a result at all."""
    match query.level:
        case Level.STUDY:
            return attributes.STUDY, attributes.STUDY_LEVEL
        case Level.SERIES:
            return attributes.SERIES | _of_study(query), attributes.SERIES_LEVEL
        case Level.INSTANCE:
            of_series = frozenset() if _SERIES_UID in query.within else attributes.SERIES
            return attributes.INSTANCE | of_series | _of_study(query), None
        case _:
            assert_never(query.level)


def _of_study(query: Query) -> frozenset[int]:
    """The study's attributes where the path does not name a study (PS3.18 10.6.3.3)."""
    return frozenset() if _STUDY_UID in query.within else attributes.STUDY


def _is_wanted(
    tag: int, query: Query, wanted: frozenset[int], allowed: frozenset[int] | None
) -> bool:
    if allowed is not None and tag not in allowed | wanted:
        return False
    asked = tag in query.include or query.include_all
    return tag in wanted or asked or any(path[0] == tag for path in query.matches)
