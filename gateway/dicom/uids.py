"""Unique identifiers: what PS3.5 chapter 9 asks of them and what HealthImaging lets pass."""

import re
from typing import Final
from uuid import NAMESPACE_OID, uuid5

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


def derived(uid: str, name: str) -> str:
    """A UID for what is made of the instance ``uid``: always the same one for the same ``name``.

    A UUID under 2.25 (PS3.5 B.2), by hashing, so that nothing has to be remembered.
    """
    return f"2.25.{uuid5(NAMESPACE_OID, f'{uid}/{name}').int}"
