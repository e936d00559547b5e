"""One key against values, as tests of matching write it."""

from gateway.dicom.conditions import by_tag
from gateway.dicom.keys import LITERAL, Key
from gateway.dicom.matching import matcher

TAG = 0x00100020


def meets(vr, key, *values, modes=LITERAL, every=False, zone=""):
    """Whether an element with ``values`` meets ``key``, one value or a tuple of them."""
    keys = key if isinstance(key, tuple) else (key,)
    return Key(keys, modes, every=every).meets((TAG, vr, list(values)), zone)


def matches(dataset, keys, modes=LITERAL, every=()):
    """Whether a data set meets the keys, a mapping of paths to values."""
    return matcher(keys, modes, every).meets(by_tag(dataset))
