"""What a search found, kept while a client pages through it.

A page is asked for by its offset, and the newest studies come first: a study that is imported
between two pages would move all others, one of them twice into the answers. So the first page of a
query makes a listing, and the pages behind it are cut from that listing: no study that was there
throughout comes twice or not at all. Order by time of import would do without, but puts the study
that everybody waits for on the last page. What is imported meanwhile shows up when the query is
asked from its beginning again, which always looks anew.

Listings are of one client each, because somebody else's first page must not change what one's own
next page is cut from. They hold identifiers and versions of image sets, no attributes, and go when
nobody has asked for some minutes, or for newer ones when there are too many. A page whose listing
has gone, or is in the memory of another process, is cut from a new one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from cachetools import TTLCache

from gateway.dicomweb.query import Query
from gateway.remote.api import Summary
from gateway.services.candidates import Candidate

_MAX_BYTES: Final = 32 << 20
_CANDIDATE_BYTES: Final = 300
_IMAGE_SET_BYTES: Final = 250
_NO_TAGS: Final = MappingProxyType[str, Any]({})


@dataclass(slots=True)
class Listing:
    """Candidates in their order, and how many results each gives, None as long as nobody knows.

    The versions of their image sets are pinned, so that their numbers of results do not change
    except where one is deleted. ``truncated`` says that the search did not see everything.
    """

    candidates: Sequence[Candidate]
    sizes: list[int | None]
    truncated: bool

    @property
    def counted(self) -> int | None:
        """The number of results of all candidates, None if it is not known of each."""
        known = [size for size in self.sizes if size is not None]
        return sum(known) if len(known) == len(self.sizes) else None


def listing(candidates: Sequence[Candidate], *, truncated: bool) -> Listing:
    """A listing of ``candidates``; those that are decided give one result each."""
    return Listing(
        [replace(one, summaries=tuple(map(_slim, one.summaries))) for one in candidates],
        [1 if one.decided else None for one in candidates],
        truncated,
    )


def _slim(summary: Summary) -> Summary:
    return Summary(summary.image_set_id, summary.version, 0.0, summary.primary, _NO_TAGS)


def key(datastore_id: str, client: str, query: Query) -> bytes:
    """What a listing is kept by: a digest, because keys of queries name patients."""
    text = repr((datastore_id, client, query.selection()))
    return hashlib.sha256(text.encode()).digest()


class Listings:
    """Listings by client and query, for ``seconds`` since somebody asked for one last."""

    def __init__(self, seconds: float) -> None:
        self._kept: TTLCache[bytes, Listing] = TTLCache(_MAX_BYTES, seconds, getsizeof=_size)

    def find(self, key: bytes) -> Listing | None:
        """The listing of ``key``, which stays for a while longer; None if it has gone."""
        found = self._kept.get(key)
        if found is not None:
            self._kept[key] = found
        return found

    def keep(self, key: bytes, found: Listing) -> None:
        """Keep ``found`` instead of what was kept by ``key``."""
        if _size(found) <= _MAX_BYTES:
            self._kept[key] = found


def _size(found: Listing) -> int:
    image_sets = sum(len(one.summaries) for one in found.candidates)
    return _CANDIDATE_BYTES * (1 + len(found.candidates)) + _IMAGE_SET_BYTES * image_sets
