"""Bearer tokens: JSON Web Tokens of the issuers that are trusted (RFC 7519, RFC 8725, RFC 9068).

What was verified is remembered by the digest of the token, so that a token costs a signature once
and microseconds afterwards.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.types import Options

from gateway.auth.grants import Caller
from gateway.auth.issuers import Issuer
from gateway.auth.keysets import ALGORITHMS, Key
from gateway.auth.policy import Policy
from gateway.auth.principals import Principal
from gateway.dicomweb.bearer import INVALID_TOKEN
from gateway.errors import Unauthenticated

MAX_BYTES: Final = 16_384
"""The longest token."""

_MOST: Final = 4_096  # tokens
_SECONDS: Final = 300.0  # for which a token is believed without another look at the keys
_MAX_NAME: Final = 256
_MAX_KEYS: Final = 8  # that a token without a name of a key is tried with
_REQUIRED: Final = ("exp", "iss", "aud")
_MALFORMED: Final = (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError)
_SHOWN: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "The token has expired",
    jwt.ImmatureSignatureError: "The token is not valid yet",
    jwt.InvalidAudienceError: "The token is for another audience",
    jwt.InvalidIssuerError: "The token is of another issuer",
    jwt.MissingRequiredClaimError: "The token lacks a claim",
}
_PEEK: Final[Options] = {
    "verify_signature": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
}


def refused(reason: str = "The token is not valid") -> Unauthenticated:
    """The error for a token that is not believed."""
    return Unauthenticated(reason, INVALID_TOKEN)


@dataclass(frozen=True, slots=True)
class Terms:
    """For whom tokens have to be, the seconds that clocks may differ, the claim with the name."""

    audiences: tuple[str, ...]
    skew: float
    name_claim: str


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    issuer: Issuer
    generation: int
    until: float


class Tokens:
    """Verifies tokens; ``clock`` gives the seconds since the epoch."""

    def __init__(
        self,
        issuers: Iterable[Issuer],
        terms: Terms,
        policy: Policy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {one.url: one for one in issuers}
        self._terms = terms
        self._policy = policy
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def known(self, token: bytes) -> Caller | None:
        """Who has presented ``token`` before; None if it has to be verified."""
        digest = hashlib.sha256(token).digest()
        found = self._known.get(digest)
        if found is None:
            return None
        if self._clock() < found.until and found.generation == found.issuer.generation:
            return found.caller
        self._known.pop(digest, None)
        return None

    async def verify(self, token: bytes) -> Caller:
        """Who presents ``token``.

        Raises:
            Unauthenticated: it is not believed, and why.
            IdentityUnavailable: its issuer cannot be asked.
        """
        if len(token) > MAX_BYTES:
            raise refused("The token is too long")
        try:
            text = token.decode("ascii")
            kid, algorithm = _header(text)
            issuer = self._issuer(text)
            keys = await issuer.keys(kid, algorithm)
            generation = issuer.generation
            claims = self._claims(text, keys, algorithm, issuer)
            caller = self._caller(token, claims, issuer)
        except _MALFORMED as error:
            raise refused(_SHOWN.get(type(error), "The token is not valid")) from None
        until = min(caller.until, self._clock() + _SECONDS)
        self._remember(_Known(caller, issuer, generation, until))
        return caller

    def _issuer(self, text: str) -> Issuer:
        """The issuer that the token says it is of; nothing else is believed of it yet."""
        issuer = self._issuers.get(str(jwt.decode(text, options=_PEEK).get("iss")))
        if issuer is None:
            raise jwt.InvalidIssuerError
        return issuer

    def _claims(
        self, text: str, keys: Iterable[Key], algorithm: str, issuer: Issuer
    ) -> dict[str, Any]:
        """The claims, if one of ``keys`` has signed them and they are as they have to be."""
        for one in tuple(keys)[:_MAX_KEYS]:
            try:
                return jwt.decode(
                    text,
                    one.key,
                    algorithms=[algorithm],
                    audience=self._terms.audiences,
                    issuer=issuer.url,
                    leeway=self._terms.skew,
                    options={"require": list(_REQUIRED)},
                )
            except jwt.InvalidSignatureError:
                continue
        raise jwt.InvalidSignatureError

    def _caller(self, token: bytes, claims: Mapping[str, Any], issuer: Issuer) -> Caller:
        name = claims.get(self._terms.name_claim)
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or not name.isprintable():
            raise jwt.MissingRequiredClaimError(self._terms.name_claim)
        if len(self._issuers) > 1:  # each names people as it likes
            name = f"{issuer.url} {name}"
        until = float(claims["exp"]) + self._terms.skew
        principal = Principal(name, "token", claims)
        digest = hashlib.sha256(token).digest()
        return Caller(principal, self._policy.grants(claims), until, digest, token=token)

    def _remember(self, known: _Known) -> None:
        self._known[known.caller.proof] = known
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """End what is under way."""
        for one in self._issuers.values():
            await one.close()


def _header(text: str) -> tuple[str | None, str]:
    """The name of the key and the algorithm, of a header without demands (RFC 7515 4.1.11)."""
    header = jwt.get_unverified_header(text)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise jwt.InvalidAlgorithmError
    if "crit" in header or "b64" in header:
        raise jwt.InvalidTokenError
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise jwt.InvalidTokenError
    return kid, algorithm
