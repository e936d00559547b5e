"""Names of what the tiers keep: each says everything that the bytes depend on, so none goes stale.

Frames never change; documents never change within a version. What the gateway makes of them depends
on the program and its settings too: their fingerprint, ``maker``, is a part of the key, so that
nothing outlives an upgrade.
"""

import hashlib
from typing import Final

import orjson

_GENERATION: Final = b"1/"  # changed when keys get another meaning


def frame(datastore_id: str, image_set_id: str, frame_id: str) -> str:
    """A frame as HealthImaging has it."""
    return f"frame/{datastore_id}/{image_set_id}/{frame_id}"


def document(datastore_id: str, image_set_id: str, version: int) -> str:
    """The document of one version of an image set."""
    return f"document/{datastore_id}/{image_set_id}/{version}"


def body(maker: str, *parts: str | int | None) -> str:
    """Serialised metadata; ``parts`` name image sets, versions, resource, form and coding."""
    return _derived("body", maker, parts)


def rendering(maker: str, *parts: str | int | None) -> str:
    """A picture; ``parts`` name the frame or image sets and versions, and every parameter."""
    return _derived("rendering", maker, parts)


def _derived(kind: str, maker: str, parts: tuple[str | int | None, ...]) -> str:
    # JSON, because a part may hold whatever character would join them; hashed, as they may be many.
    return f"{kind}/{hashlib.sha256(orjson.dumps((maker, *parts))).hexdigest()}"


def digest(key: str) -> str:
    """The name of ``key`` outside of this process, 64 hexadecimal digits: keys may hold UIDs."""
    return hashlib.sha256(_GENERATION + key.encode()).hexdigest()
