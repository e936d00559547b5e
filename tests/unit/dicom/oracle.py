"""Matching once more, slow and plain: what the compiled matcher is compared with.

Nothing here is shared with the package. Names are folded by a table of the letters that the tests
use, patterns are tried character by character, dates and times are intervals of ``datetime``.
"""

from datetime import datetime, timedelta

FOLDED = {"ü": "u", "Ü": "u", "Ł": "l", "ß": "ss", "\u2019": "'", "\u2010": "-", "\uff41": "a"}
FOLDED |= {"ﾔ": "ヤ", "ﾏ": "マ", "ﾄ": "ト"}


def fold(text):
    return "".join(FOLDED.get(letter, letter.lower()) for letter in text)


def glob(pattern, text, one=lambda letter: True):
    """Whether ``pattern`` is ``text``; ``?`` stands for a letter for which ``one`` holds."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob(pattern[1:], text[at:], one) for at in range(len(text) + 1))
    if not text:
        return False
    fits = one(text[0]) if pattern[0] == "?" else pattern[0] == text[0]
    return fits and glob(pattern[1:], text[1:], one)


def name_matches(key, name):
    groups = [fold(group).rstrip("^ ") for group in name.split("=")]
    wanted = [fold(group).rstrip("^ ") for group in key.split("=")]

    def met(pattern, group):
        if not group:
            return False
        return any(
            glob(pattern + "^" * more, group + "^" * left_out, lambda letter: letter not in "^=")
            for more in range(4)
            for left_out in range(4)
        )

    if len(wanted) == 1:
        return any(met(wanted[0], group) for group in [*groups, "=".join(groups).rstrip("=")])
    pairs = [(pattern, at) for at, pattern in enumerate(wanted) if pattern.strip("*")]
    return all(at < len(groups) and met(pattern, groups[at]) for pattern, at in pairs)


def interval(vr, text, zone=0):
    """Beginning and end of a date, time or moment, in UTC; ``zone`` is in minutes."""
    if vr == "TM":
        text = "20000101" + text
    if vr == "DT" and text[-5:-4] in ("+", "-"):
        sign = -1 if text[-5] == "-" else 1
        zone = sign * (int(text[-4:-2]) * 60 + int(text[-2:]))
        text = text[:-5]
    digits, _, fraction = text.partition(".")
    fields = [int(digits[:4])] + [int(digits[at : at + 2]) for at in range(4, len(digits), 2)]
    start = datetime(*[*fields, 1, 1][: max(len(fields), 3)])
    if fraction:
        start += timedelta(microseconds=int(fraction.ljust(6, "0")))
        end = start + timedelta(microseconds=10 ** (6 - len(fraction)))
    elif len(fields) == 1:
        end = datetime(start.year + 1, 1, 1)
    elif len(fields) == 2:
        end = datetime(start.year + start.month // 12, start.month % 12 + 1, 1)
    else:
        units = {3: "days", 4: "hours", 5: "minutes", 6: "seconds"}
        end = start + timedelta(**{units[len(fields)]: 1})
    return start - timedelta(minutes=zone), end - timedelta(minutes=zone)


def range_matches(vr, key, value, zone=0, key_zone=None):
    """Whether ``value`` lies in ``key``, a pair of ends, ``""`` where open.

    ``zone`` is the data set's, ``key_zone`` the query's, in minutes from UTC.
    """
    low, high = key
    start, end = interval(vr, value, zone)
    key_zone = zone if key_zone is None else key_zone
    return (not low or interval(vr, low, key_zone)[0] < end) and (
        not high or start < interval(vr, high, key_zone)[1]
    )


def number_matches(key, value):
    try:
        return float(key) == float(value)
    except ValueError:
        return key == value


TESTS = {
    "PN": name_matches,
    "IS": number_matches,
    "UI": lambda key, value: key == value,
    "LO": glob,
    "CS": glob,
}


def keys_match(vr, keys, values, *, every=False, empty=False):
    """Whether ``values`` match one of ``keys``, or all of them."""
    if any(not key.strip("*") for key in keys):
        return True
    there = [value.strip() for value in values if value.strip()]
    found = [
        not there if empty and key == '""' else any(TESTS[vr](key, value) for value in there)
        for key in keys
    ]
    return all(found) if every else any(found)
