"""Signature Version 4 checked as AWS checks it (AWS General Reference, "Signing AWS API requests").

Nothing here signs; botocore does that on the other side, and in the tests.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

from gateway.emulator.faults import Fault

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TOLERANCE: Final = timedelta(minutes=5)
_FIELD: Final = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_UNRESERVED: Final = "-_.~"

UNSIGNED: Final = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The one pair of keys that this server knows, and the region it answers for."""

    access_key_id: str
    secret_access_key: str
    region: str


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request is signed: everything as it came over the wire, still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        """All values of a header, trimmed and joined as the canonical request has them."""
        values = (" ".join(value.split()) for key, value in self.headers if key.lower() == name)
        return ",".join(values)


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of an Authorization header."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def denied(message: str) -> Fault:
    """A request that is refused for its signature."""
    return Fault("AccessDeniedException", message)


def parse(request: Request) -> Authorization:
    """Read the Authorization header.

    Raises:
        Fault: AccessDeniedException, there is none or it is not one of Signature Version 4.
    """
    header = request.header("authorization")
    if not header:
        raise denied("Missing Authentication Token")
    fields = dict(_FIELD.findall(header))
    scope = fields.get("Credential", "").rsplit("/", 4)
    if not header.startswith(_ALGORITHM) or len(fields) != 3 or len(scope) != 5:
        raise denied("The Authorization header is not a complete Signature Version 4 header")
    key, date, region, service, terminator = scope
    if terminator != "aws4_request":
        raise denied("The credential scope does not end with aws4_request")
    signed = tuple(fields["SignedHeaders"].lower().split(";"))
    return Authorization(key, date, region, service, signed, fields["Signature"])


def verify(
    request: Request,
    authorization: Authorization,
    keys: KeyPair,
    payload: str,
    now: datetime,
    *,
    as_sent: bool = False,
) -> None:
    """Check scope, date and signature; ``payload`` is the hexadecimal SHA-256 of the body.

    ``as_sent`` takes a signature over the path as it came as well: older versions of curl do not
    encode it, and the comma of a frame list makes the difference.

    Raises:
        Fault: AccessDeniedException; the message says which check failed.
    """
    if not hmac.compare_digest(authorization.access_key_id, keys.access_key_id):
        raise denied("The security token included in the request is invalid")
    if authorization.region != keys.region:
        raise denied(f"Credential should be scoped to the region {keys.region}")
    stamp = request.header("x-amz-date")
    _check_date(stamp, authorization.date, now)
    if (
        "host" not in authorization.signed_headers
        or "x-amz-date" not in authorization.signed_headers
    ):
        raise denied("The headers host and x-amz-date must be signed")
    paths = {_canonical_path(request.path, authorization.service)}
    if as_sent:
        paths.add(request.path)
    secret = keys.secret_access_key
    expected = [_signature(request, path, authorization, secret, stamp, payload) for path in paths]
    if not any(hmac.compare_digest(one, authorization.signature) for one in expected):
        raise denied(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method"
        )


def _check_date(stamp: str, date: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise denied("The header x-amz-date is missing or not a valid date") from error
    if not stamp.startswith(date):
        raise denied("The date of the credential scope is not that of x-amz-date")
    if abs(now - signed_at) > _TOLERANCE:
        age = "expired" if signed_at < now else "not yet current"
        raise denied(f"Signature {age}: {stamp} is more than 5 minutes from the server's time")


def _signature(
    request: Request, path: str, authorization: Authorization, secret: str, stamp: str, payload: str
) -> str:
    canonical = "\n".join(
        (
            request.method,
            path,
            _canonical_query(request.query),
            *(f"{name}:{request.header(name)}" for name in authorization.signed_headers),
            "",
            ";".join(authorization.signed_headers),
            payload,
        )
    )
    scope = (authorization.date, authorization.region, authorization.service, "aws4_request")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = _hmac(key, part)
    return _hmac(key, "\n".join((_ALGORITHM, stamp, "/".join(scope), digest))).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _canonical_path(path: str, service: str) -> str:
    if service == "s3":  # S3 signs the path as it is sent, every other service encodes it again
        return path
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments[-1:] = []
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if path.endswith("/") and segments else ""
    return quote(f"/{'/'.join(segments)}{slash}", safe="/~")


def _canonical_query(query: str) -> str:
    pairs = []
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        pairs.append((_encode(key), _encode(value)))
    return "&".join(f"{key}={value}" for key, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(unquote(text), safe=_UNRESERVED)
