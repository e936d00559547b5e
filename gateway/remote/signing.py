"""Signature Version 4 as botocore makes it, with the derived key kept for the day."""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from botocore.auth import SIGNED_HEADERS_BLACKLIST
from botocore.utils import normalize_url_path

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNSIGNED: Final = frozenset(SIGNED_HEADERS_BLACKLIST)


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials as they are at one moment; ``token`` is that of a session."""

    access: str
    secret: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed: ``path`` and ``query`` percent-encoded as they are sent."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Signer:
    """Signs requests for one service in one region."""

    def __init__(self, service: str, region: str) -> None:
        self._scope = f"{region}/{service}/aws4_request"
        self._parts = (region, service, "aws4_request")
        self._derived: tuple[str, str, bytes] = ("", "", b"")
        self._stamp = (-1, "")

    def headers(self, request: Request, keys: Keys, now: float) -> dict[str, str]:
        """The headers of ``request`` and those that sign it; ``now`` in seconds since 1970."""
        stamp = self._timestamp(int(now))
        headers = {**request.headers, "X-Amz-Date": stamp}
        if keys.token:
            headers["X-Amz-Security-Token"] = keys.token
        signed = {
            name: " ".join(value.split())
            for name, value in sorted((name.lower(), value) for name, value in headers.items())
            if name not in _UNSIGNED
        }
        signed["host"] = request.host
        names = sorted(signed)
        canonical = _canonical(request, [f"{name}:{signed[name]}" for name in names], names)
        scope = f"{stamp[:8]}/{self._scope}"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret, stamp[:8]), text.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"{_ALGORITHM} Credential={keys.access}/{scope}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return headers

    def _timestamp(self, second: int) -> str:
        if second != self._stamp[0]:
            self._stamp = (second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)))
        return self._stamp[1]

    def _key(self, secret: str, day: str) -> bytes:
        if self._derived[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, *self._parts):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (secret, day, key)
        return self._derived[2]


def _canonical(request: Request, headers: list[str], names: list[str]) -> str:
    path = quote(normalize_url_path(request.path), safe="/~")
    lines = (
        request.method,
        path,
        _ordered(request.query),
        *headers,
        "",
        ";".join(names),
        sha256(request.body).hexdigest(),
    )
    return "\n".join(lines)


def _ordered(query: str) -> str:
    if "&" not in query:
        return query if "=" in query or not query else f"{query}="
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)
