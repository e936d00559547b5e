"""Public keys of an issuer (JSON Web Key Sets, RFC 7517): those that are fit to check signatures.

A key decides for which algorithms it is good, a token only which of these it uses: no secret, no
``none``, no public key taken for a secret (RFC 8725 3.1).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final = {
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
    "Ed25519": frozenset({"EdDSA"}),
    "Ed448": frozenset({"EdDSA"}),
}
ALGORITHMS: Final = _RSA.union(*_CURVES.values())
"""The algorithms of signatures that are believed (RFC 7518 3.1, RFC 8037 3.1)."""

_MOST: Final = 100
_RSA_BITS: Final = range(2048, 8193)
_PUBLIC: Final[Mapping[str, tuple[Callable[[Any], Any], tuple[str, ...]]]] = {
    "RSA": (RSAAlgorithm.from_jwk, ("n", "e")),
    "EC": (ECAlgorithm.from_jwk, ("crv", "x", "y")),
    "OKP": (OKPAlgorithm.from_jwk, ("crv", "x")),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, its name, and the algorithms that it is good for."""

    kid: str | None
    algorithms: frozenset[str]
    key: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of an issuer."""

    keys: tuple[Key, ...]

    def matching(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Those that a token may be signed by; without a name, all that are of its algorithm."""
        return tuple(
            one
            for one in self.keys
            if algorithm in one.algorithms and (kid is None or one.kid == kid)
        )


def parse(content: bytes) -> KeySet:
    """The usable keys of a document; what is not fit for signatures is left out.

    Raises:
        ValueError: it is no key set, or none of its keys is usable.
    """
    document = orjson.loads(content)
    given = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(given, list) or len(given) > _MOST:
        raise ValueError("no key set")
    keys = tuple(_usable(given))
    if not keys:
        raise ValueError("no usable key")
    return KeySet(keys)


def _usable(given: Iterable[Any]) -> Iterable[Key]:
    for one in given:
        if isinstance(one, dict) and _is_for_signatures(one):
            key = _key(one)
            if key is not None:
                yield key


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    return verifies and jwk.get("use", "sig") == "sig"


def _key(jwk: Mapping[str, Any]) -> Key | None:
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _PUBLIC:
        return None
    reader, members = _PUBLIC[kind]
    good = _RSA if kind == "RSA" else _CURVES.get(str(jwk.get("crv")), frozenset())
    algorithms = good & {jwk["alg"]} if isinstance(jwk.get("alg"), str) else good
    try:
        # Of an issuer that shows its private key, only the public one is looked at.
        key = reader({name: jwk[name] for name in ("kty", *members)})
    except (PyJWTError, KeyError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size not in _RSA_BITS:
        return None
    kid = jwk.get("kid")
    return Key(kid if isinstance(kid, str) else None, algorithms, key) if algorithms else None
