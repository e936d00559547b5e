"""Where the pages that clients have got ended, so that the next ones go on from there.

The newest studies come first, so that a study which is imported between two pages would move all
others. A page therefore goes on behind the last result of the one before it, not at a number: a
study that is there throughout comes once, whatever is imported, changed elsewhere or deleted
meanwhile. What is imported meanwhile comes if its place is on a page that has not been asked for
yet. The same page asked for again begins at the same place. A study whose own date or identifier is
changed between two pages is at another place then, and may be met twice or not at all.

Kept are places in the order of results, of one client each, for some minutes since somebody asked
last; the newest where there are too many. A page whose beginning is not known is counted off from
the nearest that is, or from the beginning.
"""

from collections import OrderedDict
from typing import Final

from cachetools import TTLCache

from gateway.catalog.order import Place

_MAX_BYTES: Final = 16 << 20
_TRAIL_BYTES: Final = 400
_PLACE_BYTES: Final = 800
_PLACES: Final = 200


class Trail:
    """The places of one client and query, by the number of results up to there."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: OrderedDict[int, Place] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def nearest(self, offset: int) -> tuple[int, Place]:
        """The greatest number up to ``offset`` whose place is known, and that."""
        number = max((one for one in self._places if one <= offset), default=0)
        return number, self._places.get(number, ())

    def passed(self, offset: int, place: Place) -> None:
        """Note that ``offset`` results end at ``place``, unless that is known already."""
        if place and offset not in self._places:
            self._places[offset] = place
            if len(self._places) > _PLACES:
                self._places.popitem(last=False)


class Trails:
    """Trails by client and query, for ``seconds`` since somebody asked for one last."""

    def __init__(self, seconds: float) -> None:
        self._kept: TTLCache[bytes, Trail] = TTLCache(_MAX_BYTES, seconds, getsizeof=_size)

    def begin(self, key: bytes) -> Trail:
        """A new trail instead of what was kept by ``key``."""
        trail = Trail()
        self.keep(key, trail)
        return trail

    def find(self, key: bytes) -> Trail:
        """The trail of ``key``, a new one if it has gone."""
        found = self._kept.get(key)
        return self.begin(key) if found is None else found

    def keep(self, key: bytes, trail: Trail) -> None:
        """Keep ``trail`` for a while longer."""
        self._kept[key] = trail


def _size(trail: Trail) -> int:
    return _TRAIL_BYTES + _PLACE_BYTES * len(trail)
