"""Search parameters of QIDO-RS (PS3.18 8.3.4): parsed completely, or refused by name."""

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
_IGNORED: Final = frozenset({"accept", "charset"})


class Level(Enum):
    """The level of the entities a query returns."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.

    ``matches`` maps the path of an attribute (tags, through sequences) to the values of which one
    has to match; ``include`` are further attributes wanted, ``include_all`` all there are.
    ``limit`` None asks for as many results as the server gives at a time.
    """

    level: Level
    matches: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    include: frozenset[int] = frozenset()
    include_all: bool = False
    fuzzy: bool = False
    limit: int | None = None
    offset: int = 0
    image_set_id: str | None = None


def parse(level: Level, pairs: Iterable[tuple[str, str]], uids: Mapping[int, str]) -> Query:
    """Read the decoded ``pairs`` of a query string; ``uids`` are those that the path gives.

    Raises:
        InvalidRequest: a parameter is unknown or malformed; the error names it.
    """
    matches: dict[Path, tuple[str, ...]] = {(tag,): (uid,) for tag, uid in uids.items()}
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
    limit = options.get("limit")
    return Query(
        level,
        matches,
        frozenset(include - {_ALL}),
        _ALL in include,
        _boolean(options.get("fuzzymatching", "false")),
        None if limit is None else _count("limit", limit),
        _count("offset", options.get("offset", "0")),
        options.get("imageSetId"),
    )


_ALL: Final = -1
_OPTIONS: Final = frozenset({"fuzzymatching", "limit", "offset", "imageSetId"})


def _add_option(options: dict[str, str], name: str, value: str) -> None:
    if options.setdefault(name, value) != value:
        raise InvalidRequest(f"{name} is given twice with different values", name)


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InvalidRequest(f"{name} must be a whole number, 0 or more", name)
    return int(value)


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise InvalidRequest("fuzzymatching must be true or false", "fuzzymatching")
    return value == "true"


def _include(value: str) -> set[int]:
    found = set()
    for name in filter(None, (part.strip() for part in value.split(","))):
        if name == "all":
            found.add(_ALL)
            continue
        found.add(_path(name, "includefield")[0])
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
    given = matches.get(path)
    if given is None:
        matches[path] = keys
    elif set(given) != set(keys):
        # A UID of the path and one of the query must both hold.
        if path[-1] not in _PATH_UIDS or len(given) != 1:
            raise InvalidRequest(f"{name} is given twice with different values", name)
        matches[path] = given if set(given) & set(keys) else _NOTHING


_PATH_UIDS: Final = frozenset({0x0020000D, 0x0020000E})
_NOTHING: Final = ("0",)  # a UID that no study and no series has


def _split(vr: str, value: str) -> tuple[str, ...]:
    if vr in _NOT_LISTS:
        return (value,)
    if vr in _COMMA_LISTS:
        value = value.replace(",", "\\")
    values = tuple(part.strip() for part in value.split("\\"))
    return tuple(part for part in values if part) or ("",)


def _check_ranges(name: str, vr: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not matching.is_universal(key) and matching.bounds(vr, key) is None:
            what = {"DA": "date", "TM": "time", "DT": "date and time"}[vr]
            raise InvalidRequest(f"{name} is not a {what} or a range of them", name)
