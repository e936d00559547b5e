"""Sitters that are painted again: what a data set says is read once, not for every picture."""

import threading
from typing import Final

from cachetools import LRUCache

from gateway.imagesets.document import Instance
from gateway.rendering import sitters
from gateway.rendering.sitters import Sitter

_MOST_BYTES: Final = 32 << 20
_SHARE: Final = 2  # what takes more than this part of all would drive out too many


class Sitters:
    """Sitters of a bounded size, the least used first out; for any thread."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._sitters: LRUCache[tuple[str, str], Sitter] = LRUCache(
            most_bytes, lambda sitter: sitter.size
        )
        self._lock = threading.Lock()

    def of(self, instance: Instance) -> Sitter:
        """The sitter for ``instance``, that very object: another version of it is another."""
        key = instance.image_set_id, instance.sop
        with self._lock:
            found = self._sitters.get(key)
        if found is not None and found.instance is instance:
            return found
        made = sitters.of(instance)
        if made.size * _SHARE <= self._sitters.maxsize:
            with self._lock:
                self._sitters[key] = made
        return made
