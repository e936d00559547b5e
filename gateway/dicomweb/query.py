"""Search parameters of QIDO-RS (PS3.18 8.3.4): parsed completely, or refused by name."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.dicom import matching, tags, vrs
from gateway.errors import InvalidRequest

Path = tuple[int, ...]

_COMMA_LISTS: Final = frozenset({"UI", "CS"})
_NOT_LISTS: Final = vrs.SINGLE_TEXT
_MAX_LENGTH: Final = 16_384
_UID: Final = re.compile(r"[0-9.]{1,256}")
_IGNORED: Final = frozenset({"accept", "charset", "versionId"})


class Level(Enum):
    """The level of the entities a query returns."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.

    ``matches`` maps the path of an attribute (tags, through sequences) to the values of which one
    has to match; ``within`` are the UIDs that the resource's path gives; ``include`` are further
    attributes wanted, ``include_all`` all there are; ``modes`` are the kinds of matching asked for
    that are not done. ``limit`` None asks for as many results as the server gives at a time.
    """

    level: Level
    matches: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    within: frozenset[int] = frozenset()
    include: frozenset[int] = frozenset()
    include_all: bool = False
    modes: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0
    image_set_id: str | None = None
    version: int | None = None


def parse(level: Level, pairs: Iterable[tuple[str, str]], uids: Mapping[int, str]) -> Query:
    """Read the decoded ``pairs`` of a query string; ``uids`` are those that the path gives.

    Raises:
        InvalidRequest: a parameter is unknown or malformed; the error names it.
    """
    matches: dict[Path, tuple[str, ...]] = {}
    include: set[int] = set()
    options: dict[str, str] = {}
    for name, value in pairs:
        if len(value) > _MAX_LENGTH:
            raise InvalidRequest(f"The value of {name} is too long", name)
        if name in _OPTIONS:
            _add_option(options, name, value)
        elif name == "includefield":
            include |= _include(value)
        elif name not in _IGNORED:
            _add_match(matches, name, value)
    for tag, uid in uids.items():
        _restrict(matches, (tag,), uid)
    limit = options.get("limit")
    return Query(
        level,
        matches,
        frozenset(uids),
        frozenset(include - {_ALL}),
        _ALL in include,
        tuple(name for name in _BOOLEANS if _boolean(name, options)),
        None if limit is None else _count("limit", limit),
        _count("offset", options.get("offset", "0")),
        options.get("imageSetId"),
    )


_ALL: Final = -1
_BOOLEANS: Final = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_OPTIONS: Final = frozenset({*_BOOLEANS, "limit", "offset", "imageSetId"})


def _add_option(options: dict[str, str], name: str, value: str) -> None:
    if options.setdefault(name, value) != value:
        raise InvalidRequest(f"{name} is given twice with different values", name)


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InvalidRequest(f"{name} must be a whole number, 0 or more", name)
    return int(value)


def _boolean(name: str, options: Mapping[str, str]) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise InvalidRequest(f"{name} must be true or false", name)
    return value == "true"


def _include(value: str) -> set[int]:
    found = set()
    for name in filter(None, (part.strip() for part in value.split(","))):
        if name == "all":
            found.add(_ALL)
            continue
        tag = _path(name, "includefield")[0]
        found.add(tag)
        if tags.is_private(tag) and not tags.is_private_creator(tag):
            found.add(tag & 0xFFFF0000 | (tag & 0xFF00) >> 8)  # PS3.18 10.6.3.3.3: its creator
    return found


def _path(name: str, parameter: str) -> Path:
    """The tags of a keyword, a tag, or several of them joined by dots."""
    path = tuple(tags.parse_tag(part) for part in name.split("."))
    known = tuple(tag for tag in path if tag is not None)
    if len(known) != len(path):
        raise InvalidRequest(f"{name} is neither an attribute nor a query parameter", parameter)
    return known


def _add_match(matches: dict[Path, tuple[str, ...]], name: str, value: str) -> None:
    path = _path(name, name)
    attribute = tags.by_tag(path[-1])
    vr = attribute.vr if attribute else "UN"
    keys = _split(vr, value)
    if vr in matching.RANGE_VRS:
        _check_ranges(name, vr, keys)
    if vr == "UI":
        _check_uids(name, keys)
    if matches.setdefault(path, keys) != keys:
        raise InvalidRequest(f"{name} is given twice with different values", name)


def _restrict(matches: dict[Path, tuple[str, ...]], path: Path, uid: str) -> None:
    """Let only the ``uid`` of the path match; a key for the same attribute must hold as well."""
    keys = matches.get(path, ("",))
    universal = any(map(matching.is_universal, keys))
    matches[path] = (uid,) if universal or uid in keys else _NOTHING


_NOTHING: Final = ("0",)  # a UID that no study and no series has


def _split(vr: str, value: str) -> tuple[str, ...]:
    if vr in _NOT_LISTS:
        return (value,)
    if vr in _COMMA_LISTS:
        value = value.replace(",", "\\")
    values = tuple(part.strip() for part in value.split("\\"))
    return tuple(part for part in values if part) or ("",)


def _check_uids(name: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not matching.is_universal(key) and not _UID.fullmatch(key):
            raise InvalidRequest(f"{name} is not a UID or a list of them", name)


def _check_ranges(name: str, vr: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not matching.is_universal(key) and matching.bounds(vr, key) is None:
            what = {"DA": "date", "TM": "time", "DT": "date and time"}[vr]
            raise InvalidRequest(f"{name} is not a {what} or a range of them", name)
