"""Requests whose bytes have come before: read once, and answered at once where there is an answer.

A viewer asks for each frame in the same words, and so do all viewers of one kind. To take such a
request apart costs as much as to find its answer.
"""

from collections.abc import Sequence
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

_MOST: Final = 4_096  # each takes some 4 KB, sent by a browser
_LONGEST: Final = 2_048  # bytes

Fields = Sequence[tuple[bytes, bytes]]


class Heads:
    """What requests are that were alone in the bytes of one reading; those read first go first."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._scopes: dict[bytes, dict[str, Any]] = {}
        self._fields: Fields = ()
        self._opening = b""

    def __len__(self) -> int:
        return len(self._scopes)

    def get(self, data: bytes) -> dict[str, Any] | None:
        """The scope of the request that ``data`` is, all that follows from ``data`` alone."""
        return self._scopes.get(data)

    def put(self, data: bytes, scope: dict[str, Any]) -> None:
        """Remember that ``data`` is one whole request, and its ``scope``."""
        if len(data) > _LONGEST or data in self._scopes:
            return
        if len(self._scopes) >= self._most:
            del self._scopes[next(iter(self._scopes))]
        own = ("client", "server", "scheme", "state", "extensions", "handled")
        self._scopes[data] = {key: value for key, value in scope.items() if key not in own}

    def opening(self, fields: Fields) -> bytes:
        """The first lines of an answer of status 200, with the ``fields`` that a server adds."""
        if fields is not self._fields:  # they are new every second
            self._opening = STATUS_LINE[200] + b"".join([b"%b: %b\r\n" % one for one in fields])
            self._fields = fields
        return self._opening
