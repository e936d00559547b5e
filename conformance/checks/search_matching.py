"""Attribute matching (PS3.18 8.3.4.1, PS3.4 C.2.2.2), proved against brute force."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from pydicom.datadict import dictionary_VR, keyword_for_tag

from conformance import results
from conformance.context import Context
from conformance.matching import Path
from conformance.model import Blocked, NotSupported, Severity
from conformance.originals import Entity
from conformance.registry import check
from conformance.results import name
from conformance.values import Value

_KEYS: Final = {
    1: (0x00080020, 0x00080050, 0x00080090, 0x00100010, 0x00100020, 0x0020000D, 0x00200010),
    2: (0x00080060, 0x0020000E, 0x00200011),
    3: (0x00080016, 0x00080018, 0x00200013),
}
"""The attributes that servers have to match (table 10.6.1-5), StudyTime apart."""
_TEXT: Final = (0x00080050, 0x00100020, 0x00200010)
_NAMES: Final = (0x00100010, 0x00080090)
_MOST: Final = 3
_PARENTS: Final = 4
_PLAIN: Final = re.compile(r"[A-Za-z0-9^._-]+")

_FORMS: Final = {
    "DA": re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"),
    "TM": re.compile(r"([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"),
    "UI": re.compile(r"[0-9.]+"),
}

PATIENT_ID: Final = 0x00100020
_MODALITY: Final = 0x00080060


def values_of(entities: Iterable[Entity], tag: int) -> list[str]:
    """A few values of an attribute that a query can hold; the rarest first, which tell most."""
    counted: dict[str, int] = {}
    for _, value in results.pick(entities, tag):
        text = _text(value)
        if text and _form(tag).fullmatch(text) and text == text.strip():
            counted[text] = counted.get(text, 0) + 1
    return sorted(counted, key=lambda one: (counted[one], one))[:_MOST]


def _form(tag: int) -> re.Pattern[str]:
    return _FORMS.get(dictionary_VR(tag), _PLAIN)


def _text(value: Value) -> str:
    first = value[0] if len(value) == 1 else ""
    if isinstance(first, tuple):
        return str(first[0]) if not any(first[1:]) else ""
    if isinstance(first, float):
        return str(int(first)) if first.is_integer() else ""
    return str(first)


def _compare(
    context: Context, depth: int, tag: int, key: str, *, keyword: bool = True, **more: str
) -> None:
    """One key, below a study where servers have to offer it only there."""
    pairs = [(keyword_for_tag(tag) if keyword else name(tag), key), *more.items()]
    for parents in _parents(context, depth, tag, key):
        results.compare(context, depth, {(tag,): key}, pairs, parents)


def _parents(context: Context, depth: int, tag: int, key: str) -> list[tuple[str, ...]]:
    if depth == 1:
        return [()]
    holders = [one for one in context.entities(depth) if any(one.distinct(tag))]
    holders.sort(key=lambda one: not _named(one, tag, key))
    return list(dict.fromkeys(one.uids[:1] for one in holders))[:_PARENTS]


def _named(one: Entity, tag: int, key: str) -> bool:
    """Whether a key names the value of an entity: its study has to be among those searched."""
    return any(text and text in key for text in map(_text, one.distinct(tag)))


@check("match.single", "Single values match exactly what is equal", "PS3.4 C.2.2.2.1")
def single(context: Context) -> None:
    """Every attribute that has to be matched, by its keyword."""
    for depth, tags in _KEYS.items():
        for tag in tags:
            for key in values_of(context.entities(depth), tag):
                _compare(context, depth, tag, key)
                if tag in _TEXT and len(key) > 1:  # a part of a value is not the value
                    _compare(context, depth, tag, key[:-1])
                    _compare(context, depth, tag, key[1:])


@check("match.tag", "Attributes can be named by their tags", "PS3.18 8.3.4.1")
def by_tag(context: Context) -> None:
    """Eight hexadecimal digits in place of the keyword."""
    for depth, tags in _KEYS.items():
        for tag in tags[:3]:
            for key in values_of(context.entities(depth), tag)[:1]:
                _compare(context, depth, tag, key, keyword=False)


@check("match.uids", "A list of UIDs matches each of them", "PS3.18 8.3.4.1, PS3.4 C.2.2.2.2")
def uids(context: Context) -> None:
    """Separated by commas."""
    for depth in (1, 2, 3):
        below: dict[tuple[str, ...], list[Entity]] = {}
        for one in context.entities(depth):
            below.setdefault(one.uids[:-1] if depth > 1 else (), []).append(one)
        some = max(below.values(), key=len, default=[])[:4:2]
        some = some if len(some) > 1 else max(below.values(), key=len, default=[])[:2]
        if len(some) > 1:
            _compare(context, depth, results.UNIQUE[depth], ",".join(one.uid for one in some))


@check("match.uids-backslash", "A list of UIDs may be separated by backslashes as well",
       "PS3.18 8.3.4.1, PS3.5 6.4", Severity.SHOULD,
       rests_on=("match.uids",))  # fmt: skip
def uids_backslash(context: Context) -> None:
    """As OHIF writes them."""
    some = context.entities(1)[:2]
    if len(some) > 1:
        _compare(context, 1, results.UNIQUE[1], "\\".join(one.uid for one in some))


@check("match.universal", "A key without a value matches everything", "PS3.4 C.2.2.2.3")
def universal(context: Context) -> None:
    """Also what lacks the attribute."""
    for tag in (*_KEYS[1][:5], 0x00080061):
        pairs = [(keyword_for_tag(tag), "")]
        results.compare(context, 1, {}, pairs)


@check("match.wildcards", "* matches any characters, ? one", "PS3.4 C.2.2.2.4")
def wildcards(context: Context) -> None:
    """At the beginning, the end and within."""
    for tag in _TEXT:
        for text in values_of(context.entities(1), tag):
            for key in _wild(text):
                _compare(context, 1, tag, key)


def _wild(text: str) -> list[str]:
    if len(text) < 2:
        return ["?"]
    middle = len(text) // 2
    return [f"{text[:-1]}*", f"*{text[1:]}", f"{text[:middle]}?{text[middle + 1 :]}", f"{text}?"]


@check("match.no-wildcards", "* and ? stand for themselves in attributes that have no wild cards",
       "PS3.4 C.2.2.2.1, C.2.2.2.4")  # fmt: skip
def no_wildcards(context: Context) -> None:
    """A UID with an asterisk is no UID: nothing, or 400."""
    for one in context.entities(1)[:2]:
        answer = context.get("/studies", [("StudyInstanceUID", f"{one.uid[:-1]}*")])
        if context.is_empty_404(answer):
            continue
        if context.succeeded(answer, 200, 204, 400) and answer.status == 200:
            context.expect(not context.json(answer), "A UID is matched with a wild card", answer)


@check("match.case", "Single values match by case, but for names", "PS3.4 C.2.2.2.1")
def case(context: Context) -> None:
    """A value in the other case is another value."""
    for tag in _TEXT:
        for text in values_of(context.entities(1), tag):
            if text.swapcase() != text:
                _compare(context, 1, tag, text.swapcase())


@check("match.names", "Names match as they are written", "PS3.4 C.2.2.2.1, C.2.2.2.1.1")
def names(context: Context) -> None:
    """Whole names, and components with wild cards for the others."""
    for tag in _NAMES:
        for text in values_of(context.entities(1), tag):
            _compare(context, 1, tag, text)
            if "^" in text:
                _compare(context, 1, tag, f"{text.partition('^')[0]}^*")
                _compare(context, 1, tag, f"*^{text.partition('^')[2]}")


@check("match.encoded", "A percent-encoded character is that character", "PS3.18 8.3.1, RFC 3986"
       " 2.1")  # fmt: skip
def encoded(context: Context) -> None:
    """A letter, a space, an asterisk: %41 is A."""
    for key in values_of(context.entities(1), PATIENT_ID):
        escaped = f"%{ord(key[0]):02X}{key[1:]}"
        answer = context.whole(context.get(f"/studies?PatientID={escaped}"))
        if context.succeeded(answer, 200, 204):
            got = {results.uid(one, 1) for one in context.json(answer)}
            wanted = {
                o.uid for o, v in results.pick(context.entities(1), PATIENT_ID) if _text(v) == key
            }
            context.expect(wanted <= got, f"PatientID={escaped} finds nothing", answer)
    for one, value in results.pick(context.entities(1), 0x00080090):
        text = _text(value)
        if re.fullmatch(r"[A-Za-z^ ]+", text) and " " in text.strip():
            found, answer = context.search("/studies", ("ReferringPhysicianName", text))
            listed = {results.uid(result, 1) for result in found}
            context.expect(one.uid in listed, "A value with a space is not found", answer)


def _decodes(context: Context) -> bool:
    """Whether a key that is percent-encoded throughout finds what it finds otherwise."""
    for key in values_of(context.entities(1), PATIENT_ID)[:1]:
        escaped = "".join(f"%{ord(letter):02X}" for letter in key)
        answer = context.whole(context.get(f"/studies?PatientID={escaped}"))
        return answer.ok and bool(context.json(answer))
    return True


@check("match.non-ascii", "Keys are UTF-8, percent-encoded", "PS3.18 8.3.1, 8.3.4.1")
def non_ascii(context: Context) -> None:
    """Names in other scripts, as a wild card would find them, and letter by letter."""
    tried = 0
    if not _decodes(context):
        raise Blocked("Percent-encoding is not undone; see match.encoded")
    for one, value in results.pick(context.entities(1), 0x00100010):
        first = value[0][0]
        fit = not first.isascii() and first.isprintable() and not re.search(r"[*?\\,\ufffd]", first)
        if fit and tried < _MOST:
            tried += 1
            found, answer = context.search("/studies", ("PatientName", first))
            listed = {results.uid(result, 1) for result in found}
            context.expect(one.uid in listed, "A name is not found by itself", answer)


@check("match.fuzzy", "fuzzymatching finds at least what is found without, or is declined by a"
       " Warning", "PS3.18 8.3.4.2", Severity.SHOULD)  # fmt: skip
def fuzzy(context: Context) -> None:
    """Semantic matching of names is optional."""
    for text in values_of(context.entities(1), 0x00100010):
        literal, _ = context.search("/studies", ("PatientName", text))
        found, answer = context.search("/studies", ("PatientName", text), ("fuzzymatching", "true"))
        if "299" in (answer.header("warning") or ""):
            raise NotSupported("The server declines fuzzymatching with a Warning")
        missing = {results.uid(o, 1) for o in literal} - {results.uid(o, 1) for o in found}
        context.expect(not missing, "Fewer studies are found with fuzzymatching", answer)


@check("match.several", "All keys have to match", "PS3.4 C.2.2.2, PS3.18 8.3.4.1")
def several(context: Context) -> None:
    """Keys of one study together, and of two studies that exclude each other."""
    tags = (0x00100020, 0x00080020)
    for one in context.entities(1)[: 2 * _MOST]:
        texts = {tag: values_of([one], tag)[:1] for tag in tags}
        keys: dict[Path, str] = {(tag,): found[0] for tag, found in texts.items() if found}
        if len(keys) == len(tags):
            pairs = [(keyword_for_tag(path[0]), key) for path, key in keys.items()]
            results.compare(context, 1, keys, pairs)
    ids, dates = (values_of(context.entities(1), tag) for tag in tags)
    if len(dates) > 1 and len(ids) > 1:
        both: dict[Path, str] = {(tags[0],): ids[0], (tags[1],): dates[1]}
        pairs = [(keyword_for_tag(path[0]), key) for path, key in both.items()]
        results.compare(context, 1, both, pairs)


@check("match.modalities", "ModalitiesInStudy matches a study with such a series",
       "PS3.18 table 10.6.1-5, PS3.4 C.3.4")  # fmt: skip
def modalities(context: Context) -> None:
    """One of several modalities is enough."""
    held = {one.uid: {f.text(_MODALITY) for f in one.files} for one in context.entities(1)}
    for modality in sorted({m for ms in held.values() for m in ms if m})[: 2 * _MOST]:
        found = results.paged(context, "/studies", [("ModalitiesInStudy", modality)])
        answer = context.get("/studies", [("ModalitiesInStudy", modality)])
        got = {results.uid(one, 1) for one in found}
        for uid, modalities_held in held.items():
            if "" in modalities_held and modality not in modalities_held:
                continue
            right = (uid in got) == (modality in modalities_held)
            context.expect(right, f"ModalitiesInStudy={modality} finds other studies", answer)


@check("match.relational", "Keys of the levels above match in /series and /instances",
       "PS3.18 10.6.1.2, table 10.6.1-4")  # fmt: skip
def relational(context: Context) -> None:
    """PatientID and StudyInstanceUID at the levels below."""
    for depth in (2, 3):
        path = results.resource(depth)
        if not context.whole(context.get(path, [("limit", "1")])).ok:
            context.note(f"{path} is not offered")
            continue
        for key in values_of(context.entities(1), PATIENT_ID)[:2]:
            results.compare(context, depth, {(PATIENT_ID,): key}, [("PatientID", key)])
        for one in context.entities(1)[:2]:
            pairs = [("StudyInstanceUID", one.uid)]
            results.compare(context, depth, {(results.UNIQUE[1],): one.uid}, pairs)


_REQUESTS: Final = 0x00400275
_WITHIN: Final = (0x00400009, 0x00401001)


@check("match.sequence", "Keys into a sequence are paths with dots", "PS3.18 8.3.4.1,"
       " PS3.4 C.2.2.2.6")  # fmt: skip
def sequence(context: Context) -> None:
    """RequestAttributesSequence.ScheduledProcedureStepID and .RequestedProcedureID."""
    for one in context.entities(2):
        items = next(iter(one.files)).value(_REQUESTS)
        for tag in _WITHIN:
            inner = [item[tag][1] for item in items if tag in item]
            text = _text(inner[0]) if inner and inner[0] else ""
            if text and _PLAIN.fullmatch(text):
                path = f"{keyword_for_tag(_REQUESTS)}.{keyword_for_tag(tag)}"
                for key in (text, f"{text}-no"):
                    results.compare(
                        context, 2, {(_REQUESTS, tag): key}, [(path, key)], one.uids[:1]
                    )


def _quiet(context: Context, pairs: list[tuple[str, str]]) -> None:
    answer = context.whole(context.get("/studies", pairs))
    if context.is_empty_404(answer):
        return
    if context.succeeded(answer, 200, 204, 400) and answer.ok:
        context.json(answer)


@check("match.unknown", "A key that there is not is refused, or ignored", "PS3.18 10.6.1.2,"
       " 10.6.3.1", Severity.SHOULD)  # fmt: skip
def unknown(context: Context) -> None:
    """400, or results; never a failure of the server."""
    for pairs in ([("NoSuchKeyword", "1")], [("99990001", "1")], [("no.such", "x")]):
        _quiet(context, pairs)


Ranges = Callable[[list[str]], list[str]]


def dates_of(texts: list[str]) -> list[str]:
    """Ranges whose ends are values, or lie just beside them; open ranges and single days."""
    low, high = texts[0], texts[-1]
    middle = texts[len(texts) // 2]
    return [f"{low}-{high}", f"{middle}-{high}", f"{low}-{middle}", f"{middle}-", f"-{middle}",
            f"{middle}-{middle}", f"{_later(high, 1)}-{_later(high, 9)}"]  # fmt: skip


def _later(day: str, days: int) -> str:
    try:
        return f"{datetime.strptime(day, '%Y%m%d') + timedelta(days):%Y%m%d}"
    except (ValueError, OverflowError):
        return "20991231"


@check("match.dates", "Ranges of dates include their ends; open ranges too", "PS3.4 C.2.2.2.5.1")
def dates(context: Context) -> None:
    """StudyDate."""
    found = sorted({_text(v) for _, v in results.pick(context.entities(1), 0x00080020)})
    found = [one for one in found if _FORMS["DA"].fullmatch(one)]
    for key in dates_of(found) if found else ():
        _compare(context, 1, 0x00080020, key)


@check("match.times", "Ranges of times include their ends", "PS3.4 C.2.2.2.5.2")
def times(context: Context) -> None:
    """StudyTime; only values to the second, about which there is no doubt."""
    found = sorted({_text(v) for _, v in results.pick(context.entities(1), 0x00080030)})
    found = [one for one in found if _FORMS["TM"].fullmatch(one)]
    if found:
        low, high, middle = found[0], found[-1], found[len(found) // 2]
        for key in (f"{low}-{high}", f"{middle}-", f"-{middle}", f"{low}-{middle}"):
            _compare(context, 1, 0x00080030, key)


@check("match.date-time", "Ranges of a date and a time together are one range of moments",
       "PS3.18 8.3.4.1.1, PS3.4 C.2.2.2.5.4", Severity.MAY)  # fmt: skip
def date_time(context: Context) -> None:
    """From noon of one day to noon of a later one: a moment before noon of the last is in."""
    whole = []
    for one in context.entities(1):
        day, moment = one.distinct(0x00080020), one.distinct(0x00080030)
        if len(day) == len(moment) == 1 and all((*day, *moment)):
            text = _text(next(iter(day))) + _text(next(iter(moment)))[:6]
            if re.fullmatch(r"[0-9]{14}", text):
                whole.append((text, one.uid))
    whole.sort()
    if len(whole) < 2 or whole[0][0][:8] == whole[-1][0][:8]:
        return
    low, high = whole[0][0], whole[-1][0]
    pairs = [("StudyDate", f"{low[:8]}-{high[:8]}"), ("StudyTime", f"{low[8:]}-{high[8:]}")]
    found = {results.uid(one, 1) for one in results.paged(context, "/studies", pairs)}
    if not {uid for _, uid in whole} <= found:
        raise NotSupported("Date and time are matched one by one (PS3.4 C.2.2.2.5.4 is optional)")
    context.compared += len(whole)
