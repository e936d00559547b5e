"""Attribute matching by brute force (PS3.4 C.2.2.2), with the freedom that the standard leaves.

Whether a value matches is True, False, or None where the standard lets servers decide: case and
accents of person names, values that are unknown (C.2.2.1.2) or malformed, and what lies between a
time and the precision of a key.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from conformance.originals import Entity, Original
from conformance.values import Tree, Value

Verdict = bool | None
Path = tuple[int, ...]
RANGES: Final = frozenset({"DA", "TM", "DT"})
WILD: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})

_DATE: Final = re.compile(r"[0-9]{8}")
_TIME: Final = re.compile(r"([0-9]{2})([0-9]{2})?([0-9]{2})?(\.[0-9]{1,6})?")


def every(verdicts: Iterable[Verdict]) -> Verdict:
    """All of them: False if one is, else None if one is."""
    found = list(verdicts)
    return False if False in found else None if None in found else True


def some(verdicts: Iterable[Verdict]) -> Verdict:
    """One of them: True if one is, else None if one is."""
    found = list(verdicts)
    return True if True in found else None if None in found else False


def entity(one: Entity, keys: Mapping[Path, str]) -> Verdict:
    """Whether a study, series or instance matches; None if its files disagree."""
    found = {file_matches(file, keys) for file in one.files}
    return found.pop() if len(found) == 1 else None


def file_matches(file: Original, keys: Mapping[Path, str]) -> Verdict:
    """Whether the attributes of one file match all keys; keys into a sequence the same item."""
    return _tree(file.tree, keys)


def _tree(tree: Tree, keys: Mapping[Path, str]) -> Verdict:
    verdicts = []
    inner: dict[int, dict[Path, str]] = {}
    for path, key in keys.items():
        if len(path) > 1:
            inner.setdefault(path[0], {})[path[1:]] = key
        else:
            vr, value = tree.get(path[0], ("", ()))
            verdicts.append(matches(vr, value, key))
    for tag, below in inner.items():
        items = tree.get(tag, ("SQ", ()))[1]
        verdicts.append(some(_tree(item, below) for item in items if isinstance(item, dict)))
    return every(verdicts)


def matches(vr: str, value: Value, key: str) -> Verdict:
    """Whether a value matches a key; of several values one has to."""
    if key in ("", "*"):
        return True
    if not value:
        return None
    if vr == "UI":
        return some(one in re.split(r"[\\,]", key) for one in value)
    return some(_one(vr, one, key) for one in value)


def _one(vr: str, value: object, key: str) -> Verdict:
    if vr == "PN" and isinstance(value, tuple):
        return person(value, key)
    if isinstance(value, float):
        try:
            return value == float(key)
        except ValueError:
            return None
    text = str(value)
    if vr == "DA":
        return _date(text, key)
    if vr == "TM":
        return _time(text, key)
    if vr == "DT":
        return None
    if vr in WILD and re.search(r"[*?]", key):
        return pattern(key).fullmatch(text) is not None
    return text.strip() == key.strip()


def pattern(key: str, flags: int = 0) -> re.Pattern[str]:
    """A key with wild cards as a regular expression."""
    kinds = {"*": ".*", "?": "."}
    return re.compile("".join(kinds.get(c) or re.escape(c) for c in key), flags | re.DOTALL)


def person(value: Sequence[str], key: str) -> Verdict:
    """Person names: by the letter they match; but for case and accents they may (C.2.2.2.1, .4)."""
    groups = [group for group in value if group]
    whole = "=".join(value).rstrip("=")
    if any(pattern(_name(key)).fullmatch(one) for one in (whole, value[0])):
        return True
    candidates = [_plain(one) for one in (whole, *groups)]
    wanted = _plain(_name(key))
    if any(pattern(wanted).fullmatch(one) for one in candidates):
        return None
    if any(_words(wanted) & _words(one) for one in candidates):
        return None  # components in another order, or matched one by one: semantic matching
    return None if not whole.isascii() else False


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[\^=*?,\s]+", name) if word}


def _name(text: str) -> str:
    return text.strip().rstrip("^")


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def bounds(key: str) -> tuple[str, str]:
    """The ends of a range; a single value is both."""
    if "-" not in key:
        return key, key
    lower, _, upper = key.partition("-")
    return lower, upper


def _date(text: str, key: str) -> Verdict:
    if not _DATE.fullmatch(text):
        return None
    lower, upper = bounds(key)
    return (not lower or text >= lower) and (not upper or text <= upper)


def _time(text: str, key: str) -> Verdict:
    """Times are spans: ``10`` is the whole hour; None where a key ends within a value's span."""
    span = _span(text)
    if span is None:
        return None
    lower, upper = bounds(key)
    low, high = _span(lower or "00"), _span(upper or "235959.999999")
    if low is None or high is None:
        return None
    if low[0] <= span[0] and span[1] <= high[1]:
        return True if "-" in key or span == low else None
    return None if span[1] >= low[0] and span[0] <= high[1] else False


def _span(text: str) -> tuple[float, float] | None:
    found = _TIME.fullmatch(text.replace(":", ""))
    if not found:
        return None
    hours, minutes, seconds, fraction = found.groups()
    start = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(fraction or 0)
    if minutes is None:
        return start, start + 3599.999999
    if seconds is None:
        return start, start + 59.999999
    width = 10.0 ** -(len(fraction) - 1) if fraction else 1.0
    return round(start, 6), round(start + width - 0.000001, 6)
