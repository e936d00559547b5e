"""Pages of a listing: opaque tokens that hold a position, bound to the query they came from."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import orjson

from gateway.emulator.faults import invalid

DEFAULT_SIZE: Final = 50
"""Results per page where maxResults is not given; also its maximum (service quota)."""


class Pager:
    """Makes and reads tokens; one made for another query or another server is refused."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def token(self, query: Mapping[str, Any], position: list[Any]) -> str:
        """A token for continuing ``query`` behind ``position``, the last row's sort values."""
        body = orjson.dumps(position)
        return base64.urlsafe_b64encode(self._seal(query, body) + body).decode()

    def position(self, query: Mapping[str, Any], token: str | None) -> list[Any] | None:
        """Where to continue ``query``; None at its beginning.

        Raises:
            Fault: ValidationException.
        """
        if token is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(token)
        except (ValueError, binascii.Error) as error:
            raise invalid("The nextToken is not valid") from error
        seal, body = sealed[:32], sealed[32:]
        if not hmac.compare_digest(seal, self._seal(query, body)):
            raise invalid("The nextToken is not valid for this request")
        position: list[Any] = orjson.loads(body)
        return position

    def _seal(self, query: Mapping[str, Any], body: bytes) -> bytes:
        bound = {
            key: value for key, value in query.items() if key not in ("nextToken", "maxResults")
        }
        text = orjson.dumps(bound, option=orjson.OPT_SORT_KEYS) + body
        return hmac.new(self._secret, text, hashlib.sha256).digest()
