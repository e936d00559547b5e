"""Credentials in requests: bearer tokens (RFC 6750) and keys, and how they are asked for."""

from collections.abc import Iterable
from typing import Final

AUTHORIZATION: Final = b"authorization"
API_KEY: Final = b"x-api-key"
CHALLENGE: Final = "WWW-Authenticate"
VARY: Final = b"Authorization, X-API-Key"

_SCHEME: Final = b"bearer"
INVALID_TOKEN: Final = "invalid_token"  # noqa: S105  a code of RFC 6750 3.1
INSUFFICIENT_SCOPE: Final = "insufficient_scope"


def credential(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """What a request presents; None if it presents nothing, ``b""`` if more than one thing.

    Of other schemes than Bearer nothing is known, so they are nothing.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == AUTHORIZATION:
            scheme, _, given = value.partition(b" ")
            if scheme.lower() != _SCHEME:
                continue
        elif name == API_KEY:
            given = value
        else:
            continue
        if found is not None:
            return b""  # two parts of the way here could each believe another one
        found = given.strip()
    return found


def challenge(error: str = "", description: str = "") -> str:
    """The value of WWW-Authenticate (RFC 6750 3)."""
    parts = ['Bearer realm="DICOMweb"']
    if error:
        parts += [f'error="{error}"', f'error_description="{description}"']
    return ", ".join(parts)
