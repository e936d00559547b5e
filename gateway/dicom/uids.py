"""Unique identifiers: what PS3.5 chapter 9 asks of them and what HealthImaging lets pass."""

import re
from typing import Final

_STRICT: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_LENIENT: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")

MAX_LENGTH: Final = 64
MAX_LENIENT_LENGTH: Final = 256


def is_valid(uid: str) -> bool:
    """Whether ``uid`` is one by the letter of PS3.5 9.1: no leading zeros, up to 64 characters."""
    return len(uid) <= MAX_LENGTH and _STRICT.fullmatch(uid) is not None


def is_importable(uid: str) -> bool:
    """Whether HealthImaging takes ``uid`` as that of a study, series or device.

    Its guide (release notes of June 2024) permits leading zeros and up to 256 characters.
    """
    return len(uid) <= MAX_LENIENT_LENGTH and _LENIENT.fullmatch(uid) is not None
