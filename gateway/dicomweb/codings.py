"""Content codings (RFC 9110 8.4 and 12.5.3): which one an answer gets, and what its tag is then."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

from gateway.dicomweb import conditions

IDENTITY: Final = "identity"
CODINGS: Final = ("zstd", "br", "gzip")
"""The codings that can be had, the preferred first: they come to about the same size, in that
order of time."""

_ALIASES: Final = {"x-gzip": "gzip"}
_QUALITY: Final = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)
_LEAST: Final = 0.0005  # identity where nothing is said of it: below every quality of the wire
_TEXTS: Final = frozenset({"json", "xml", "javascript"})
_PARTS: Final = re.compile(r'multipart/related\s*;.*\btype="?([^";]+)', re.IGNORECASE)


def qualities(header: str | None) -> Mapping[str, float]:
    """How much a client wants each coding that can be had, identity included.

    What it refuses is absent. Without a header it gets identity only: those who decode say so.
    """
    if header is None or not header.strip():
        return {IDENTITY: 1.0}
    given: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        found = _QUALITY.fullmatch(parameter)
        given[name.strip()] = min(float(found[1]), 1.0) if found else 1.0
    for alias, name in _ALIASES.items():
        given.setdefault(name, given.get(alias, given.get("*", 0.0)))
    wanted = {name: given.get(name, given.get("*", 0.0)) for name in CODINGS}
    wanted[IDENTITY] = given.get(IDENTITY, given.get("*", _LEAST))
    return {name: quality for name, quality in wanted.items() if quality}


def choose(wanted: Mapping[str, float]) -> str | None:
    """The coding of an answer that may be compressed; None if the client takes none of them."""
    best = max(wanted.values(), default=0.0)
    return next((name for name in (*CODINGS, IDENTITY) if wanted.get(name, 0.0) == best > 0), None)


@lru_cache(256)
def is_text(content_type: str) -> bool:
    """Whether a body is worth a coding: JSON, XML and other text, also in parts; never pixels."""
    parts = _PARTS.match(content_type)
    kind = (parts[1] if parts else content_type.partition(";")[0]).strip().lower()
    top, _, sub = kind.partition("/")
    return top == "text" or sub.rpartition("+")[2] in _TEXTS


def coded_tag(tag: str, coding: str) -> str:
    """The tag of a representation in ``coding``: other bytes, so another tag (RFC 9110 8.8.3.3)."""
    return tag if coding == IDENTITY else f'{tag[:-1]}-{coding}"'


def _plain_tag(tag: str) -> tuple[str, str]:
    """The tag of the representation without its coding, and the coding."""
    name, _, coding = tag[1:-1].rpartition("-")
    return (f'"{name}"', coding) if name and coding in CODINGS else (tag, IDENTITY)


def plain_tags(header: str, accepted: Collection[str]) -> str:
    """A list of tags as the application knows them: without codings.

    A tag whose coding the client does not accept now is left out: what it stands for would be of no
    use, however fresh (RFC 9111 4.3.3).
    """
    tags = conditions.listed(header)
    if tags is None:
        return header
    plain = (_plain_tag(tag) for tag in tags)
    return ", ".join(tag for tag, coding in plain if coding in accepted)


def known_tag(tag: str, header: str, coding: str) -> str:
    """The tag of a 304 for ``tag``: that of ``coding`` if ``header`` has it, else one it has."""
    tags = conditions.listed(header) or ()
    same = [one for one in tags if _plain_tag(one)[0] == tag]
    return next((one for one in same if one == coded_tag(tag, coding)), same[0] if same else tag)
