"""How values stand outside of this process: a head with their length and digest, then the bytes.

The digest covers the name too. What is torn, has flipped bits, or belongs to another name, as when
a connection is one answer behind, is not taken for the value.
"""

import hashlib
import struct
from typing import Final

_HEAD: Final = struct.Struct(">4sQ32s")
_MAGIC: Final = b"DGW1"

HEAD_BYTES: Final = _HEAD.size


class Damaged(Exception):
    """The bytes are not those that were written under this name."""


def head(name: str, content: bytes) -> bytes:
    """What stands before ``content`` of ``name``."""
    return _HEAD.pack(_MAGIC, len(content), _digest(name, content))


def check(name: str, start: bytes, content: bytes) -> None:
    """Return if ``start`` is the head of ``content`` under ``name``.

    Raises:
        Damaged: it is not.
    """
    try:
        magic, length, digest = _HEAD.unpack(start)
    except struct.error as error:
        raise Damaged from error
    if magic != _MAGIC or length != len(content) or digest != _digest(name, content):
        raise Damaged


def _digest(name: str, content: bytes) -> bytes:
    made = hashlib.sha256(name.encode())
    made.update(content)  # without the GIL
    return made.digest()
