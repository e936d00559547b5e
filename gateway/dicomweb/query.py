"""Search parameters of QIDO-RS (PS3.18 8.3.4): parsed completely, or refused by name."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.dicom import keys, matching, private, ranges, tags, vrs
from gateway.dicom.keys import EMPTY, Modes
from gateway.dicom.matching import Path
from gateway.dicomweb import attributes
from gateway.errors import InvalidRequest

_COMMA_LISTS: Final = frozenset({"UI", "CS"})
_MAX_LENGTH: Final = 16_384
_MAX_NAME: Final = 512
_MAX_VALUES: Final = 1_000
_MAX_DEPTH: Final = 8
_UID: Final = re.compile(r"[0-9.]{1,256}")
_SPACE_FOR_PLUS: Final = re.compile(r"(?<=[0-9]) (?=[0-9]{4}(?:$|-))")
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
    has to match, or all for the paths in ``every``; ``within`` are the UIDs that the resource's
    path gives; ``include`` are the paths of further attributes wanted, ``include_all`` all there
    are. ``limit`` None asks for as many results as the server gives at a time. ``image_set_id`` is
    the only image set that is searched, in a ``version``; ``secondary`` if it is not primary.
    """

    level: Level
    matches: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    within: frozenset[int] = frozenset()
    include: frozenset[Path] = frozenset()
    include_all: bool = False
    every: frozenset[Path] = frozenset()
    modes: Modes = keys.LITERAL
    limit: int | None = None
    offset: int = 0
    image_set_id: str | None = None
    version: int | None = None
    secondary: bool = False

    def selection(self) -> Hashable:
        """What decides which results there are, whatever is said of them and at which page."""
        matches = tuple(sorted(self.matches.items()))
        return self.level, matches, tuple(sorted(self.every)), self.modes

    def asked(self) -> frozenset[int]:
        """The attributes that keys and fields name."""
        return frozenset(path[0] for path in (*self.matches, *self.include))


def parse(level: Level, pairs: Iterable[tuple[str, str]], uids: Mapping[int, str]) -> Query:
    """Read the decoded ``pairs`` of a query string; ``uids`` are those that the path gives.

    Raises:
        InvalidRequest: a parameter is unknown or malformed; the error names it.
    """
    pairs = list(pairs)
    options, rest = _options(pairs)
    given = _Given(_modes(options, rest), multiple=_boolean("multiplevaluematching", options))
    for name, value in rest:
        if name == "includefield":
            given.add_fields(value)
        elif name not in _IGNORED and not _is_zone(name, value):
            given.add_match(name, value)
    for tag, uid in uids.items():
        _restrict(given.matches, (tag,), uid)
    limit = options.get("limit")
    return Query(
        level,
        given.matches,
        frozenset(uids),
        frozenset(given.include),
        given.include_all,
        frozenset(given.every),
        given.modes,
        None if limit is None else _count("limit", limit),
        _count("offset", options.get("offset", "0")),
        options.get("imageSetId"),
    )


_OPTIONS: Final = frozenset(
    {
        "emptyvaluematching",
        "fuzzymatching",
        "imageSetId",
        "limit",
        "multiplevaluematching",
        "offset",
    }
)


def _options(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The options by name, and the parameters that are attributes."""
    options: dict[str, str] = {}
    rest = []
    for name, value in pairs:
        if len(name) > _MAX_NAME:
            raise InvalidRequest("The name of a parameter is too long", name[:_MAX_NAME])
        if len(value) > _MAX_LENGTH:
            raise InvalidRequest(f"The value of {name} is too long", name)
        if name not in _OPTIONS:
            rest.append((name, value))
        elif options.setdefault(name, value) != value:
            raise InvalidRequest(f"{name} is given twice with different values", name)
    return options, rest


def _modes(options: Mapping[str, str], rest: Iterable[tuple[str, str]]) -> Modes:
    zones = {name: _zone(name, value) for name, value in rest if _is_zone(name, value)}
    if len(set(zones.values())) > 1:
        name = list(zones)[-1]
        raise InvalidRequest(f"{name} is given twice with different values", name)
    return Modes(
        _boolean("fuzzymatching", options),
        _boolean("emptyvaluematching", options),
        next(iter(zones.values()), ""),
    )


def _is_zone(name: str, value: str) -> bool:
    """Whether the parameter is the zone that the query's dates and times are in (8.3.4.1.1)."""
    universal = matching.is_universal([value.strip()])
    return tags.parse_tag(name) == attributes.TIMEZONE_OFFSET and not universal


def _zone(name: str, value: str) -> str:
    zone = f"+{value[1:]}" if value.startswith(" ") else value  # "+" not percent-encoded
    if not ranges.is_zone(zone):
        raise InvalidRequest(f"{name} must be an offset from UTC like +0100", name)
    return zone


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InvalidRequest(f"{name} must be a whole number, 0 or more", name)
    return int(value)


def _boolean(name: str, options: Mapping[str, str]) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise InvalidRequest(f"{name} must be true or false", name)
    return value == "true"


class _Given:
    """The attributes of a query as they are read, one parameter after another."""

    def __init__(self, modes: Modes, *, multiple: bool) -> None:
        self.modes = modes
        self.matches: dict[Path, tuple[str, ...]] = {}
        self.every: set[Path] = set()
        self.include: set[Path] = set()
        self.include_all = False
        self._multiple = multiple

    def add_fields(self, value: str) -> None:
        for name in filter(None, (part.strip() for part in value.split(","))):
            if name == "all":
                self.include_all = True
                continue
            path = _path(name, "includefield")
            self.include.add(path)
            for at, tag in enumerate(path):
                creator = private.creator_of(tag)
                if creator is not None:  # PS3.18 10.6.3.3: it is returned, too
                    self.include.add((*path[:at], creator))
        if len(self.include) > _MAX_VALUES:
            raise InvalidRequest(
                f"includefield names more than {_MAX_VALUES} attributes", "includefield"
            )

    def add_match(self, name: str, value: str) -> None:
        path = _path(name, name)
        if path[-1] == attributes.SPECIFIC_CHARACTER_SET:
            value = ""  # it is returned and never matched (PS3.4 C.2.2.2)
        attribute = tags.by_tag(path[-1])
        vr = attribute.vr if attribute else "UN"
        several = self._multiple and not (attribute and attribute.single)
        every = several and "\\" in value and (vr in keys.MULTIPLE_VRS or attribute is None)
        values = _split(vr, value, commas=not every)
        self._check(name, path[-1], vr, values)
        if self.matches.setdefault(path, values) != values:
            raise InvalidRequest(f"{name} is given twice with different values", name)
        if every:
            self.every.add(path)

    def _check(self, name: str, tag: int, vr: str, values: tuple[str, ...]) -> None:
        if len(values) > _MAX_VALUES:
            raise InvalidRequest(f"{name} has more than {_MAX_VALUES} values", name)
        if matching.is_universal(values):
            return
        if tag in attributes.NOT_COMPUTED:
            raise InvalidRequest(f"{name} is not computed and cannot be searched for", name)
        for value in values:
            if self.modes.empty and value == EMPTY:
                continue
            if vr == "UI" and not _UID.fullmatch(value):
                raise InvalidRequest(f"{name} is not a UID or a list of them", name)
            if vr in ranges.VRS and ranges.bounds(vr, value) is None:
                what = {"DA": "date", "TM": "time", "DT": "date and time"}[vr]
                raise InvalidRequest(f"{name} is not a {what} or a range of them", name)


def _path(name: str, parameter: str) -> Path:
    """The tags of a keyword, a tag, or several of them joined by dots."""
    parts = name.split(".")
    path = tuple(tags.parse_tag(part) for part in parts[:_MAX_DEPTH])
    known = tuple(tag for tag in path if tag is not None)
    if len(known) != len(parts):
        raise InvalidRequest(f"{name} is neither an attribute nor a query parameter", parameter)
    return known


def _restrict(matches: dict[Path, tuple[str, ...]], path: Path, uid: str) -> None:
    """Let only the ``uid`` of the path match; a key for the same attribute must hold as well."""
    values = matches.get(path, ("",))
    matches[path] = (uid,) if matching.is_universal(values) or uid in values else _NOTHING


_NOTHING: Final = ("0",)  # a UID that no study and no series has


def _split(vr: str, value: str, *, commas: bool) -> tuple[str, ...]:
    if vr in vrs.SINGLE_TEXT:
        return (value,)
    if vr == "DT":
        value = _SPACE_FOR_PLUS.sub("+", value)
    if vr in _COMMA_LISTS and commas:
        value = value.replace(",", "\\")
    values = tuple(part.strip() for part in value.split("\\"))
    return tuple(part for part in values if part) or ("",)
