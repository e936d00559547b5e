"""Decoded frames: one is looked at in many ways, when its window is dragged or it is zoomed."""

import threading
from collections.abc import Hashable
from typing import Final

from cachetools import LRUCache

from gateway.codecs.samples import Samples
from gateway.rendering.painter import Decode
from gateway.telemetry.metrics import Metrics

_ENTRY_BYTES: Final = 1_024  # what a frame takes beside its samples
_SHARE: Final = 4  # what takes more than this part of all would drive out too many


class Decoded:
    """Samples of at most ``max_bytes`` together, the least used first out; for any thread.

    A key says everything that they follow from, so that none of them goes stale.
    """

    def __init__(self, max_bytes: int, metrics: Metrics) -> None:
        self._frames: LRUCache[Hashable, Samples] = LRUCache(max_bytes, _size)
        self._lock = threading.Lock()
        self._counts = metrics.tier("decoded", max_bytes, lambda: int(self._frames.currsize))

    def get(self, key: Hashable, decode: Decode) -> Samples:
        """The samples of ``key``, from here or as ``decode`` gives them; not to be written to.

        Who asks for a frame that is just being decoded decodes it, too: to wait for others would
        stop a thread.
        """
        with self._lock:
            found = self._frames.get(key)
            if found is not None:
                self._counts.hits += 1
                self._counts.read_bytes += found.nbytes
                return found
            self._counts.misses += 1
        return self._kept(key, decode())

    def _kept(self, key: Hashable, samples: Samples) -> Samples:
        if _size(samples) * _SHARE > self._frames.maxsize:
            with self._lock:
                self._counts.dropped += 1
            return samples
        if not samples.flags.owndata:
            samples = samples.copy()  # what it is a part of may be larger
        samples.flags.writeable = False
        with self._lock:
            before = len(self._frames) + (key not in self._frames)
            self._frames[key] = samples
            self._counts.evictions += before - len(self._frames)
            self._counts.written_bytes += samples.nbytes
        return samples


def _size(samples: Samples) -> int:
    return samples.nbytes + _ENTRY_BYTES
