"""Entity tags and the requests that depend on them (RFC 9110 8.8.3 and 13)."""

import re
from collections.abc import Iterable
from enum import Enum
from hashlib import blake2b
from typing import Final

_TAG: Final = re.compile(r'[\s,]*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?=,|$)')
_ANY: Final = "*"
_BYTES: Final = 16


class Outcome(Enum):
    """What the conditions of a GET or HEAD lead to: its answer, 304, or 412."""

    PERFORM = "perform"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def entity_tag(*determinants: str | bytes) -> str:
    """A strong tag that differs whenever one of ``determinants`` does (RFC 9110 8.8.1)."""
    digest = blake2b(digest_size=_BYTES)
    for one in determinants:
        content = one.encode("utf-8", "surrogateescape") if isinstance(one, str) else one
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return f'"{digest.hexdigest()}"'


def listed(header: str, *, strongly: bool = False) -> tuple[str, ...] | None:
    """The tags of a list, None for ``*``; compared ``strongly``, weak ones are not in it.

    What follows a malformed tag is left out: a condition that cannot be read has no effect.
    """
    if header.strip() == _ANY:
        return None
    found = []
    at = 0
    while match := _TAG.match(header, at):
        if not (strongly and match[1]):
            found.append(match[2])
        at = match.end()
    return tuple(found)


def names(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match has this very tag, so that 304 is the answer before any is made.

    ``*`` does not count here: whether there is a representation is not known before it is made.
    """
    return if_none_match is not None and tag in (listed(if_none_match) or ())


def evaluate(if_match: str | None, if_none_match: str | None, tag: str) -> Outcome:
    """What the conditions come to for a representation that there is (RFC 9110 13.2.2).

    If-Match compares strongly, so that a weak tag never meets it; If-None-Match weakly.
    """
    if if_match is not None:
        wanted = listed(if_match, strongly=True)
        if wanted is not None and tag not in wanted:
            return Outcome.FAILED
    if if_none_match is not None:
        known = listed(if_none_match)
        if known is None or tag in known:
            return Outcome.NOT_MODIFIED
    return Outcome.PERFORM


def range_counts(if_range: str | None, tag: str) -> bool:
    """Whether a Range is to be obeyed (RFC 9110 13.1.5): no If-Range, or exactly this tag.

    A date never counts: no answer has a Last-Modified.
    """
    return if_range is None or if_range.strip() == tag


def joined(lines: Iterable[str]) -> str | None:
    """The value of a list header that came in ``lines``; None where it did not come."""
    given = list(lines)
    return ", ".join(given) if given else None
