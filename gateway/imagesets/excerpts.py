"""Excerpts of image sets: what a catalog keeps of studies, series and instances, and reads back.

A study's or series' excerpt has the elements of its level as one of its instances has them, an
instance's the attributes below its study as its document has them. From all three comes an
``Instance`` that says of itself what that of the document says, from those of a study or a series
one that says what is said of these. Frames are counted, not named.

Bytes that would make an excerpt large are left out. Their elements stay, as values that are held
elsewhere, so that results link to them.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from gateway.dicom import levels, vrs
from gateway.dicom.bulkdata import ELSEWHERE
from gateway.dicom.elements import DataSet, Element
from gateway.dicom.tags import is_pixel_data
from gateway.imagesets import packing
from gateway.imagesets.attributes import Attributes, Names
from gateway.imagesets.document import Instance, Levels, in_dataset
from gateway.imagesets.values import elements

STUDY_LEVEL: Final = levels.PATIENT | levels.STUDY | {0x00080005, 0x00080201}
"""The attributes that a study's excerpt has; the last two say how its texts and times are meant."""

_OF_SERIES: Final = levels.SERIES | {0x00400244, 0x00400245}
_MOST: Final = 64 << 10  # bytes of JSON up to which all values of an excerpt are kept
_SMALL: Final = 1024  # characters of base64 that are kept in any case
_MARK: Final = {"": 0}  # stands for what is held elsewhere: no attribute has this key
_SHARED: Final = 64
_LAYOUTS: Final = 256
_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Uids(NamedTuple):
    """What an instance is known by; ``""`` where that is not said."""

    image_set_id: str
    study: str
    series: str = ""
    sop: str = ""


class Excerpt(NamedTuple):
    """An excerpt as it is kept and the elements it says; a study's has a digest, of 16 bytes."""

    blob: bytes
    elements: Mapping[int, Element]
    digest: bytes


def study(one: Instance) -> Excerpt:
    """The excerpt of the study that ``one`` is of, as this instance has it."""
    upper = one.upper.elements(signed=one.signed)
    found = {tag: element for tag, element in upper.items() if tag in STUDY_LEVEL}
    places = _of_study(one.attributes.names.keys)
    found |= {tag: one.own(place) for tag, place in places}
    said = _sorted(found)
    digest = blake2b(orjson.dumps(said), digest_size=16).digest()
    return Excerpt(_packed(one, [said]), found, digest)


def study_blob(one: Instance) -> bytes:
    """The bytes of ``study``."""
    return study(one).blob


def series(one: Instance) -> Excerpt:
    """The excerpt of the series that ``one`` is of, as this instance, the first, has it."""
    base = _above(one, signed=one.signed)
    names = one.attributes.names
    own = {
        tag: one.own(place)
        for tag, place in names.tags.items()
        if (tag in _OF_SERIES or tag in base) and tag not in STUDY_LEVEL
    }
    return Excerpt(_packed(one, [_sorted(base), _sorted(own)]), base | own, b"")


def series_blob(one: Instance) -> bytes:
    """The bytes of ``series``."""
    return series(one).blob


def instance_blob(one: Instance, first: Instance | None = None) -> bytes:
    """The excerpt of an instance; ``first`` is the one that its series' excerpt was made of."""
    below = _below(one.attributes.names.keys)
    row = one.attributes.row
    attributes = {key: row[place] for key, place in below}
    differing: dict[int, Element] = {}
    if first is not None and first.signed != one.signed:
        there, here = (_above(one, signed=signed) for signed in (first.signed, one.signed))
        differing = {tag: element for tag, element in here.items() if there.get(tag) != element}
    known = dict(one.vrs) or 0
    syntaxes = [one.stored_syntax, one.source_syntax]
    said = [attributes, known, len(one.frames), *syntaxes, _sorted(differing), 0]
    text = orjson.dumps(said)
    if len(text) > _MOST:
        said[0] = {
            key: _marked(key, value, one.vrs, signed=one.signed)
            for key, value in attributes.items()
        }
        said[-1] = 1
        text = orjson.dumps(said)
    return packing.packed(text)


def speaker(
    uids: Uids, study: bytes, series: bytes | None = None, instance: bytes | None = None
) -> Instance:
    """The instance that the excerpts were made of, or one that says what they do.

    Attributes below the level of the last excerpt, private ones among them, it does not have.
    """
    if series is None or instance is None:
        upper, where = _levels(study, series, whole=False)
        return Instance(
            uids.image_set_id or where.image_set_id,
            uids.study,
            uids.series or where.series,
            uids.sop or where.sop,
            (),
            "",
            "",
            upper,
            _NOTHING,
            {},
        )
    attributes, known, frames, stored, source, differing, marks = _unpacked(instance)
    upper, _ = _levels(study, series, whole=True)
    if differing:
        found = {**upper.unsigned, **_elements(differing)}
        upper = Levels(found, found)
    row = tuple(attributes.values())
    return Instance(
        *uids,
        ("",) * frames,
        stored,
        source,
        upper,
        Attributes(_names(tuple(attributes)), _restored(row) if marks else row),
        _known(tuple(known.items())) if known else _NO_VRS,
    )


_NOTHING: Final = Attributes(Names(()), ())
_NO_VRS: Final[Mapping[str, str]] = {}


@lru_cache(_SHARED)
def _levels(study: bytes, series: bytes | None, *, whole: bool) -> tuple[Levels, Uids]:
    """The elements of the upper levels, and the instance whose they are where that matters."""
    said, where, marks = _unpacked(study)
    found = _elements(_restored(said) if marks else said)
    if series is not None:
        base, own, nearer, marks = _unpacked(series)
        parts = (base,) if whole else (base, own)
        for part in parts:
            found |= _elements(_restored(part) if marks else part)
        where = nearer or where
    return Levels(found, found), Uids(*where) if where else Uids("", "")


@lru_cache(_LAYOUTS)
def _names(keys: tuple[str, ...]) -> Names:
    return Names(keys)


@lru_cache(_SHARED)
def _known(items: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return dict(items)


@lru_cache(_LAYOUTS)
def _of_study(keys: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """The places of attributes that the study's excerpt has of an instance's own."""
    tags = _names(keys).tags.items()
    return tuple((tag, place) for tag, place in tags if tag in STUDY_LEVEL)


@lru_cache(_LAYOUTS)
def _below(keys: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """The keys, and their places, of what is not of the study and can be asked for."""
    names = _names(keys)
    tags = {keys[place]: tag for tag, place in names.tags.items()}
    return tuple(
        (key, place)
        for key, place in names.places.items()
        if key in tags and tags[key] not in STUDY_LEVEL and not is_pixel_data(tags[key])
    )


def _above(one: Instance, *, signed: bool) -> dict[int, Element]:
    """What stands above an instance and is not of the study."""
    upper = one.upper.elements(signed=signed)
    return {tag: found for tag, found in upper.items() if tag not in STUDY_LEVEL}


def _sorted(found: Mapping[int, Element]) -> list[Any]:
    return [_plain(found[tag]) for tag in sorted(found) if in_dataset(tag)]


def _plain(element: Element) -> Any:
    """An element as JSON can have it."""
    tag, vr, value = element
    if vr == "SQ":
        return tag, vr, [[_plain(one) for one in item] for item in value]
    if vr in ("FD", "FL"):
        return tag, vr, [one if math.isfinite(one) else _float_text(one) for one in value]
    return element


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _elements(said: Iterable[Any]) -> dict[int, Element]:
    return {one[0]: _element(*one) for one in said}


def _element(tag: int, vr: str, value: Any) -> Element:
    if vr == "SQ":
        return tag, vr, [_item(item) for item in value]
    if vr in ("FD", "FL"):
        return tag, vr, [_FLOATS[one] if isinstance(one, str) else one for one in value]
    return tag, vr, value


def _item(said: Iterable[Any]) -> DataSet:
    return [_element(*one) for one in said]


def _packed(one: Instance, parts: list[list[Any]]) -> bytes:
    """``parts``; also where ``one`` is, if results may link to what they hold."""
    binary = any(map(_has_bytes, parts))
    where = [one.image_set_id, one.study, one.series, one.sop] if binary else 0
    text = orjson.dumps([*parts, where, 0])
    if binary and len(text) > _MOST:
        marked = [[_marked_element(*element) for element in part] for part in parts]
        text = orjson.dumps([*marked, where, 1])
    return packing.packed(text)


def _unpacked(blob: bytes) -> Any:
    return orjson.loads(packing.unpacked(blob))


def _has_bytes(said: Iterable[Any]) -> bool:
    return any(
        any(map(_has_bytes, value)) if vr == "SQ" else vr in vrs.BYTES for _, vr, value in said
    )


def _marked_element(tag: int, vr: str, value: Any) -> Any:
    if vr == "SQ":
        return tag, vr, [[_marked_element(*one) for one in item] for item in value]
    return tag, vr, _MARK if vr in vrs.BYTES and len(value) > _SMALL else value


def _marked(key: str, value: Any, known: Mapping[str, str], *, signed: bool) -> Any:
    """``value`` of the attribute ``key`` without long strings of bytes in it."""
    if isinstance(value, str):
        if len(value) <= _SMALL:
            return value
        found = next(elements({key: value}, known, signed=signed), None)
        return _MARK if found and found[1] in vrs.BYTES else value
    if isinstance(value, dict):
        return {key: _marked(key, one, known, signed=signed) for key, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_marked("", item, known, signed=signed) for item in value]
    return value


def _restored(said: Any) -> Any:
    """``said`` with what was held elsewhere marked as such."""
    if said == _MARK:
        return ELSEWHERE
    if isinstance(said, dict):
        return {key: _restored(one) for key, one in said.items()}
    if isinstance(said, list | tuple):
        return type(said)(map(_restored, said))
    return said
