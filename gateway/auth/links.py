"""Links that carry their own permission, for what asks without headers: ``<img>``, ``<video>``.

A link is good for GET and HEAD of one path with one query, until its time is over, for what its
giver could have had in that data store. All of that, and the name of who was given it, is under an
HMAC-SHA-256; whoever changes any of it has no link.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.auth.grants import GRANTABLE, Action, Caller
from gateway.auth.principals import Principal
from gateway.dicomweb.bearer import INVALID_TOKEN
from gateway.errors import Unauthenticated

PARAMETER: Final = b"link="
_GIVEN: Final = (Action.READ, Action.RENDERED)
_METHODS: Final = frozenset({"GET", "HEAD"})
_PURPOSE: Final = b"dicomweb-gateway link 1"
_DIGEST_BYTES: Final = 32
_MAX_BYTES: Final = 2_048


class Links:
    """Makes and reads links under a key; ``clock`` gives the seconds since the epoch."""

    def __init__(self, key: str | None, clock: Callable[[], float] = time.time) -> None:
        self._key = (key or secrets.token_urlsafe(32)).encode()
        self._clock = clock

    def make(
        self, caller: Caller, datastore_id: str, path: str, query: bytes, seconds: int
    ) -> tuple[bytes, int]:
        """The query with a link's signature, and when that ends in seconds since the epoch.

        ``path`` is decoded, ``query`` as it stands in the URL. Searches are never granted.
        """
        granted = [one.value for one in _GIVEN if caller.holds(one, datastore_id)]
        until = int(min(self._clock() + seconds, caller.until))
        said = orjson.dumps([until, caller.principal.name, datastore_id, granted])
        signature = self._sign(path, query, said)
        whole = base64.urlsafe_b64encode(signature + said).rstrip(b"=")
        return (query + b"&" if query else b"") + PARAMETER + whole, until

    def read(self, method: str, path: str, query: bytes) -> tuple[Caller, bytes]:
        """Who comes by a link, and the query without it.

        Raises:
            Unauthenticated: it is no link, for something else, or over.
        """
        rest, _, given = query.rpartition(PARAMETER)
        rest = rest.removesuffix(b"&")
        if method not in _METHODS or len(given) > _MAX_BYTES:
            raise _refused()
        try:
            whole = base64.b64decode(given + b"=" * (-len(given) % 4), b"-_", validate=True)
        except ValueError:
            raise _refused() from None
        signature, said = whole[:_DIGEST_BYTES], whole[_DIGEST_BYTES:]
        if not hmac.compare_digest(signature, self._sign(path, rest, said)):
            raise _refused()
        until, name, datastore_id, granted = orjson.loads(said)
        if self._clock() >= until:
            raise Unauthenticated("The link has expired", INVALID_TOKEN)
        actions = frozenset(GRANTABLE[one] for one in granted)
        grants = {datastore_id: actions}
        return Caller(Principal(name, "link"), grants, until, signature, vouched=True), rest

    def _sign(self, *parts: Any) -> bytes:
        signed = hmac.new(self._key, _PURPOSE, hashlib.sha256)
        for part in parts:
            content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            signed.update(b"%d:" % len(content) + content)  # where each part ends is signed too
        return signed.digest()


def is_link(query: bytes) -> bool:
    """Whether a query ends in what claims to be a link."""
    before, found, _ = query.rpartition(PARAMETER)
    return bool(found) and (not before or before.endswith(b"&"))


def _refused() -> Unauthenticated:
    return Unauthenticated("The link is not valid", INVALID_TOKEN)
