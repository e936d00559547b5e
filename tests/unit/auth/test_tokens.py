"""Tokens: each algorithm that is believed, and everything that is not."""

import asyncio
import json
import time

import jwt
import pytest
from hypothesis import given, strategies as st

from gateway.auth import keysets
from gateway.auth.grants import Action
from gateway.auth.issuers import Issuer
from gateway.auth.policy import Policy, Rule
from gateway.auth.tokens import MAX_BYTES, Terms, Tokens
from gateway.errors import Unauthenticated
from tests.issuers import AUDIENCE, MADE_BY, Keys, by_hand, claims_of, encoded, keyed

URL = "https://issuer.example/realm"
KEYS = Keys(rsa="RS256", ec="ES256", ec3="ES384", ec5="ES512", ed="EdDSA", ed4="Ed448")
OTHERS = Keys(rsa="RS256", ec="ES256")
BY_ALGORITHM = {"RS256": "rsa", "ES256": "ec", "ES384": "ec3", "ES512": "ec5", "EdDSA": "ed"}
POLICY = Policy([Rule((), ("*",), (Action.READ,))], "d" * 32)


class Shown(Issuer):
    """An issuer whose keys need no network."""

    def __init__(self, url=URL, keys=KEYS):
        super().__init__(url, 3600, 1)
        self.content = json.dumps(keys.jwks()).encode()

    async def _download(self):
        return self.content


def verifier(*issuers, clock=time.time, policy=POLICY, skew=60.0, name="sub"):
    terms = Terms((AUDIENCE, "other"), skew, name)
    return Tokens(issuers or (Shown(),), terms, policy, clock)


def verify(token, **terms):
    encoded_ = token if isinstance(token, bytes) else token.encode()
    return asyncio.run(verifier(**terms).verify(encoded_))


def reason(token, **terms):
    with pytest.raises(Unauthenticated) as caught:
        verify(token, **terms)
    assert caught.value.error == "invalid_token"
    return str(caught.value)


@pytest.mark.parametrize("algorithm", sorted(keysets.ALGORITHMS))
def test_each_algorithm_of_public_keys_is_believed(algorithm):
    kid = BY_ALGORITHM[MADE_BY[algorithm]]
    found = verify(KEYS.token(URL, kid, algorithm))
    assert (found.principal.name, found.principal.kind) == ("reader", "token")
    assert found.holds(Action.READ, "a" * 32)
    assert found.holds(Action.RENDERED, "a" * 32)
    assert not found.holds(Action.SEARCH, "a" * 32)


def test_ed448_and_keys_without_a_name_are_believed():
    assert verify(KEYS.token(URL, "ed4")).principal.name == "reader"
    assert verify(KEYS.token(URL, "ec", headers={"kid": None})).principal.name == "reader"
    assert verify(KEYS.token(URL, "rsa", aud=["x", "other"])).principal.name == "reader"


def tampered(part):
    pieces = KEYS.token(URL, "ec").split(".")
    if part == 1:
        pieces[1] = encoded(json.dumps(claims_of(URL, sub="somebody else")).encode())
    else:
        pieces[part] = pieces[part][:-4] + ("AAAA" if pieces[part][-4:] != "AAAA" else "BBBB")
    return ".".join(pieces)


GOOD = claims_of(URL)
BAD = {
    "tampered claims": lambda: tampered(1),
    "tampered signature": lambda: tampered(2),
    "tampered header": lambda: tampered(0),
    "no signature": lambda: KEYS.token(URL, "ec").rpartition(".")[0] + ".",
    "alg none": lambda: by_hand({"alg": "none"}, GOOD),
    "alg None": lambda: by_hand({"alg": "None", "kid": "rsa"}, GOOD),
    "alg of another kind": lambda: by_hand({"alg": ["RS256"]}, GOOD),
    "no alg": lambda: by_hand({"kid": "rsa"}, GOOD),
    "HS256 with the public key": lambda: by_hand(
        {"alg": "HS256", "kid": "rsa"}, GOOD, keyed(KEYS.public_pem("rsa"))
    ),
    "RS256 that is HS256": lambda: by_hand(
        {"alg": "RS256", "kid": "rsa"}, GOOD, keyed(KEYS.public_pem("rsa"))
    ),
    "another issuer's key": lambda: OTHERS.token(URL, "rsa"),
    "a key in the header": lambda: OTHERS.token(
        URL, "rsa", headers={"jwk": OTHERS.jwks()["keys"][0], "kid": "mine"}
    ),
    "a key of another algorithm": lambda: KEYS.token(URL, "ec3", headers={"kid": "ec"}),
    "an unknown key": lambda: OTHERS.token(URL, "ec", headers={"kid": "new"}),
    "crit": lambda: KEYS.token(URL, "ec", headers={"crit": ["exp"], "exp": 1}),
    "no token": lambda: "x",
    "two dots": lambda: "..",
    "not ASCII": lambda: "é.é.é",
    "claims no object": lambda: by_hand({"alg": "RS256"}, [1, 2]),
    "an endless exp": lambda: by_hand({"alg": "ES256", "kid": "ec"}, GOOD | {"exp": 1e400}),
    "a deep header": lambda: f"{encoded(b'[' * 9000)}.e30.AA",
    "too long": lambda: KEYS.token(URL, "ec", more="x" * MAX_BYTES),
    "no sub": lambda: KEYS.token(URL, "ec", sub=None),
    "an empty sub": lambda: KEYS.token(URL, "ec", sub=""),
    "a sub of two lines": lambda: KEYS.token(URL, "ec", sub="a\nb"),
    "no exp": lambda: KEYS.token(URL, "ec", exp=None),
    "no aud": lambda: KEYS.token(URL, "ec", aud=None),
    "no iss": lambda: KEYS.token(URL, "ec", iss=None),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_believed(name):
    assert reason(BAD[name]()).startswith("The token ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": -61}, "The token has expired"),
        ({"nbf": 90}, "The token is not valid yet"),
        ({"iat": 90}, "The token is not valid yet"),
        ({"aud": "somebody else"}, "The token is for another audience"),
        ({"iss": "https://issuer.example"}, "The token is of another issuer"),
        ({"iss": URL + "/"}, "The token is of another issuer"),
    ],
)
def test_what_is_over_too_early_or_for_others(changes, said):
    assert reason(KEYS.token(URL, "rsa", **changes)) == said


def test_clocks_may_differ():
    for changes in ({"exp": -30}, {"nbf": 30}, {"iat": 30}):
        token = KEYS.token(URL, "ec", **changes)
        assert verify(token).principal.name == "reader"
        reason(token, skew=5.0)


def test_the_name_is_the_claim_that_is_set():
    token = KEYS.token(URL, "ec", email="a@hospital.example")
    assert verify(token, name="email").principal.name == "a@hospital.example"


def test_issuers_do_not_sign_for_each_other():
    one, two = Shown("https://one.example", KEYS), Shown("https://two.example", OTHERS)

    async def scenario():
        tokens = verifier(one, two)
        names = []
        for url, keys in ((one.url, KEYS), (two.url, OTHERS)):
            found = await tokens.verify(keys.token(url, "ec").encode())
            names.append(found.principal.name)
        with pytest.raises(Unauthenticated):
            await tokens.verify(OTHERS.token(one.url, "ec").encode())
        return names

    assert asyncio.run(scenario()) == ["https://one.example reader", "https://two.example reader"]


def test_a_token_is_remembered_until_it_ends_or_the_keys_change():
    now = [time.time()]
    issuer = Shown()

    async def scenario():
        tokens = verifier(issuer, clock=lambda: now[0])
        token = KEYS.token(URL, "ec", exp=100).encode()
        assert tokens.known(token) is None
        caller = await tokens.verify(token)
        assert tokens.known(token) is caller
        assert tokens.known(token + b"x") is None
        issuer.generation += 1
        assert tokens.known(token) is None
        await tokens.verify(token)
        now[0] += 161
        assert tokens.known(token) is None
        now[0] -= 161
        long = KEYS.token(URL, "ec", exp=9000).encode()
        assert (await tokens.verify(long)).until > now[0] + 9000
        now[0] += 301
        assert tokens.known(long) is None  # the keys are looked at again

    asyncio.run(scenario())


def test_neither_token_nor_claims_are_in_what_is_shown():
    token = KEYS.token(URL, "ec", patient="Muster^Anna")
    shown = repr(verify(token))
    assert "Muster" not in shown
    assert token[-20:] not in shown


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda s: s.encode())))
def test_whatever_is_presented_is_refused(content):
    with pytest.raises(Unauthenticated):
        verify(content)


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
CLAIMS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("exp", "iat", "nbf", "iss", "aud", "sub", "jti"), PARTS)
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "ES256", "EdDSA", "HS256", "none"]) | PARTS},
    optional=dict.fromkeys(("kid", "crit", "typ", "b64", "jwk", "zip"), PARTS),
)


@given(HEADERS, CLAIMS, st.booleans())
def test_whatever_claims_and_headers_are_made_up_are_refused(header, claims, ours):
    made = {**claims, "iss": URL} if ours else claims
    with pytest.raises(Unauthenticated):
        verify(by_hand(header, made, lambda _: b"x" * 64))


@given(CLAIMS.filter(lambda claims: claims.get("aud") != AUDIENCE))
def test_even_what_the_issuer_signs_has_to_make_sense(claims):
    try:
        token = jwt.encode({**claims, "iss": URL}, KEYS.kept["ec"], "ES256", {"kid": "ec"})
    except (TypeError, ValueError, OverflowError):
        return  # the library that makes tokens is stricter still
    with pytest.raises(Unauthenticated):
        verify(token)
