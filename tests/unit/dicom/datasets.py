"""Data sets in the internal element form: made by Hypothesis, and read from what pydicom holds."""

import base64
import string
from datetime import date

from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.valuerep import STANDARD_VR

from gateway.dicom import tags, vrs

VRS = sorted(str(vr) for vr in STANDARD_VR)
CHARACTER_SET = 0x00080005
ASCII_LETTERS = string.ascii_letters + string.digits + ".,;:-_+/()<>!#%&'\"$~|{}[]@`"
WORDS = st.text(
    st.sampled_from(ASCII_LETTERS) | st.characters(categories=("L", "N"), codec="utf-8"),
    min_size=1,
    max_size=8,
)


def _public(vr):
    """Tags that the dictionary gives this VR, outside groups that are no part of a data set."""
    return [
        tag
        for tag, entry in DicomDictionary.items()
        if entry[0] == vr and 0x0008 <= tag >> 16 < 0x7FE0 and tag != CHARACTER_SET
    ]


def _tags(vr):
    private = st.builds(
        lambda block, number: 0x00110000 | block << 8 | number,
        st.integers(0x10, 0xFF),
        st.integers(0, 0xFF),
    )
    public = [] if vr == "UN" else _public(vr)
    return st.sampled_from(public) | private if public else private


def _text(line_breaks=False):
    between = " " if not line_breaks else " \\\r\n\t"
    return st.builds(
        lambda words, gap: gap.join(words),
        st.lists(WORDS, min_size=1, max_size=3),
        st.sampled_from(between),
    )


def _ascii(alphabet, longest):
    return st.text(st.sampled_from(alphabet), min_size=1, max_size=longest)


def _base64(word):
    words = st.binary(max_size=4 * word).map(lambda raw: raw[: len(raw) // word * word])
    return words.map(lambda raw: base64.b64encode(raw).decode())


_NAME = st.lists(WORDS, min_size=1, max_size=4).map("^".join)
_PERSON = st.builds(
    lambda alphabetic, others: "=".join([alphabetic, *others]), _NAME, st.lists(_NAME, max_size=2)
)
_DATES = st.dates(date(1000, 1, 1)).map(lambda day: f"{day:%Y%m%d}")
_TIMES = st.builds(lambda at, end: f"{at:%H%M%S.%f}"[:end], st.times(), st.sampled_from([2, 4, 13]))
_UIDS = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(
    lambda parts: ".".join(map(str, parts))
)

_STRINGS = {
    "AE": _ascii(ASCII_LETTERS, 15),
    "AS": st.builds("{:03d}{}".format, st.integers(0, 999), st.sampled_from("DWMY")),
    "CS": _ascii(string.ascii_uppercase + string.digits + "_", 15),
    "DA": _DATES,
    "DS": st.integers(-(10**9), 10**9).map(str)
    | st.floats(-1e9, 1e9, allow_nan=False).map("{:.6e}".format)
    | st.decimals(-1000, 1000, places=3).map(str),
    "DT": st.builds(
        lambda day, at, zone: day + at + zone,
        _DATES,
        _TIMES,
        st.sampled_from(["", "+0000", "-0530"]),
    ),
    "IS": st.integers(-(2**31), 2**31 - 1).map(str),
    "LO": _text(),
    "PN": _PERSON,
    "SH": _ascii(ASCII_LETTERS, 15) | WORDS,
    "TM": _TIMES,
    "UC": _text(),
    "UI": _UIDS,
}
_SINGLE = {
    "LT": _text(line_breaks=True),
    "ST": _text(line_breaks=True),
    "UT": _text(line_breaks=True),
    "UR": _ascii(string.ascii_letters + string.digits + ":/?#%&=.", 20),
}
_NUMBERS = {
    "FD": st.floats(allow_nan=False, allow_infinity=False),
    "FL": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "SL": st.integers(-(2**31), 2**31 - 1),
    "SS": st.integers(-(2**15), 2**15 - 1),
    "SV": st.integers(-(2**63), 2**63 - 1),
    "UL": st.integers(0, 2**32 - 1),
    "US": st.integers(0, 2**16 - 1),
    "UV": st.integers(0, 2**64 - 1),
}
_AT = st.integers(0, 2**32 - 1).map("{:08X}".format)


def _several(values, empty=False):
    """No value, or up to three; with ``empty`` some of several may be empty."""
    several = st.lists(values | st.just("") if empty else values, min_size=2, max_size=3)
    return st.lists(values, max_size=1) | (several.filter(any) if empty else several)


def _values(vr, items, gaps):
    if vr == "SQ":
        return st.lists(items, max_size=2)
    if vr in vrs.BYTES:
        return _base64(vrs.WORD_SIZE[vr])
    if vr in _SINGLE:
        return st.lists(_SINGLE[vr], max_size=1)
    if vr in _STRINGS:
        return _several(_STRINGS[vr], empty=gaps)
    return _several(_AT if vr == "AT" else _NUMBERS[vr])


def _element(vr, items, gaps):
    return st.tuples(_tags(vr), st.just(vr), _values(vr, items, gaps))


def _datasets(kinds, items=None, *, gaps):
    elements = st.sampled_from(kinds).flatmap(lambda vr: _element(vr, items, gaps))
    return st.lists(elements, max_size=6).map(
        lambda made: sorted({element[0]: element for element in made}.values())
    )


def elements(vr):
    """One element of this VR, with values or without."""
    return _element(vr, _datasets(_FLAT, gaps=True), True)


def nested(*, gaps=True):
    """Data sets of all VRs, sequences in sequences; with ``gaps`` a value among others is empty."""
    inner = _datasets(VRS, _datasets(_FLAT, gaps=gaps), gaps=gaps)
    return _datasets([*VRS, "SQ", "SQ"], inner, gaps=gaps)


_FLAT = [vr for vr in VRS if vr != "SQ"]


def to_pydicom(dataset):
    """The data set as pydicom holds it, made without any of our code."""
    made = Dataset()
    for tag, vr, value in dataset:
        made.add_new(Tag(tag), vr, _to_pydicom(vr, value))
    return made


def _to_pydicom(vr, value):
    if vr == "SQ":
        return [to_pydicom(item) for item in value]
    if vr in vrs.BYTES:
        raw = base64.b64decode(value)
        return raw + bytes(len(raw) % 2)
    if vr == "AT":
        value = [int(item, 16) for item in value]
    return value[0] if len(value) == 1 else value or None


def from_pydicom(dataset):
    """What pydicom holds, in the internal form."""
    return [(int(item.tag), str(item.VR), _from_pydicom(item)) for item in dataset]


def _from_pydicom(element):
    value, vr = element.value, element.VR
    if vr == "SQ":
        return [from_pydicom(item) for item in value]
    if vr in vrs.BYTES:
        return base64.b64encode(value or b"").decode()
    if value is None or str(value) == "":
        return []
    values = value if isinstance(value, (list, MultiValue)) else [value]
    return [_plain(vr, item) for item in values]


def _plain(vr, item):
    if vr == "AT":
        return f"{int(item):08X}"
    return item if vr in vrs.NUMBERS else str(item)


def padded(dataset):
    """The data set as a file keeps it: bytes of even length."""
    return [(tag, vr, _padded(vr, value)) for tag, vr, value in dataset]


def _padded(vr, value):
    if vr == "SQ":
        return [padded(item) for item in value]
    if vr not in vrs.BYTES:
        return value
    raw = base64.b64decode(value)
    return base64.b64encode(raw + bytes(len(raw) % 2)).decode()


def significant(dataset):
    """Without padding, group lengths, and the empty components at the end of a name."""
    return [
        (tag, vr, _significant(vr, value))
        for tag, vr, value in padded(dataset)
        if not tags.is_group_length(tag) and not tags.is_padding(tag)
    ]


def _significant(vr, value):
    if vr == "SQ":
        return list(map(significant, value))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    texts = [item.rstrip(" ^" if vr == "PN" else " ") for item in value]
    return [] if texts == [""] else texts
