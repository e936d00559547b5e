"""Issuers over real sockets: discovery, renewal, rotation, and issuers that are away or lie."""

import asyncio
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from gateway.auth import issuers, keysets
from gateway.auth.issuers import Issuer, is_safe
from gateway.errors import IdentityUnavailable
from tests.issuers import Issuer as Served, Keys

DISCOVERY = "/realm/.well-known/openid-configuration"
OLD, NEW = Keys(one="ES256"), Keys(two="ES256")


@pytest.fixture
def served():
    running = Served(OLD)
    yield running
    running.stop()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def asking(served, scenario, lifetime=3600, timeout=5):
    clock = Clock()

    async def run():
        issuer = Issuer(served.url, lifetime, timeout, clock)
        try:
            return await scenario(issuer, clock)
        finally:
            await issuer.close()

    return asyncio.run(run())


def test_keys_are_fetched_once_however_many_ask(served):
    async def scenario(issuer, _):
        found = await asyncio.gather(*(issuer.keys("one", "ES256") for _ in range(20)))
        assert all(len(one) == 1 for one in found)
        await issuer.keys("one", "ES256")

    asking(served, scenario)
    assert served.asked == [DISCOVERY, "/realm/keys"]


def test_a_new_key_is_fetched_when_it_is_first_seen(served):
    async def scenario(issuer, clock):
        assert await issuer.keys("one", "ES256")
        served.show(NEW)
        clock.now += issuers._PAUSE
        generation = issuer.generation
        assert await issuer.keys("two", "ES256")
        assert await issuer.keys("one", "ES256") == ()
        assert issuer.generation == generation + 1

    asking(served, scenario)


def test_invented_names_do_not_reach_the_issuer(served):
    async def scenario(issuer, clock):
        await issuer.keys("one", "ES256")
        for number in range(50):
            assert await issuer.keys(f"invented {number}", "ES256") == ()
        assert served.fetches() == 1
        clock.now += issuers._PAUSE
        await asyncio.gather(*(issuer.keys(f"{number}", "ES256") for number in range(50)))
        assert served.fetches() == 2

    asking(served, scenario)


def test_old_keys_are_renewed_while_nobody_waits(served):
    async def scenario(issuer, clock):
        await issuer.keys("one", "ES256")
        served.show(NEW)
        clock.now += 3601
        assert await issuer.keys("one", "ES256")
        deadline = time.monotonic() + 20
        while issuer.generation < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert await issuer.keys("two", "ES256")
        assert await issuer.keys("one", "ES256") == ()

    asking(served, scenario)


def test_the_last_good_keys_stay_while_the_issuer_is_away_but_not_for_ever(served):
    async def scenario(issuer, clock):
        await issuer.keys("one", "ES256")
        for broken in ((500, b""), (200, b"{}"), (200, b"<html>"), (302, b""), (404, b"")):
            served.pages["/realm/keys"] = broken
            clock.now += issuers._PAUSE
            assert await issuer.keys("other", "ES256") == ()
            assert len(await issuer.keys("one", "ES256")) == 1
        clock.now += 86_401
        with pytest.raises(IdentityUnavailable):
            await issuer.keys("one", "ES256")
        served.show(OLD)
        with pytest.raises(IdentityUnavailable):  # not at once
            await issuer.keys("one", "ES256")
        clock.now += issuers._PAUSE
        assert await issuer.keys("one", "ES256")

    asking(served, scenario)


LIES = {
    "away": {DISCOVERY: (503, b"")},
    "another issuer": {
        DISCOVERY: Served.page({"issuer": "https://x.example", "jwks_uri": "https://x.example"})
    },
    "no document": {DISCOVERY: (200, b"[1]")},
    "no JSON": {DISCOVERY: (200, b"\xff")},
    "too long": {"/realm/keys": (200, b" " * (issuers._MAX_BYTES + 1))},
    "moved": {DISCOVERY: (302, b"")},
    "empty": {"/realm/keys": Served.page({"keys": []})},
    "secrets only": {
        "/realm/keys": Served.page({"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]})
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_without_good_keys_nothing_can_be_said(served, lie):
    served.pages |= LIES[lie]

    async def scenario(issuer, _):
        for _ in range(3):
            with pytest.raises(IdentityUnavailable):
                await issuer.keys("one", "ES256")

    asking(served, scenario)
    assert served.asked.count(DISCOVERY) == 1


@pytest.mark.parametrize(
    "where", ["http://keys.example/", "file:///etc/passwd", "http://169.254.169.254/", 5, None]
)
def test_keys_are_fetched_from_safe_places_only(served, where):
    served.pages[DISCOVERY] = served.page({"issuer": served.url, "jwks_uri": where})

    async def scenario(issuer, _):
        with pytest.raises(IdentityUnavailable):
            await issuer.keys("one", "ES256")

    asking(served, scenario)
    assert served.asked == [DISCOVERY]


def test_an_issuer_that_does_not_answer_is_not_waited_for():
    async def scenario():
        held = asyncio.Event()

        async def silent(reader, writer):
            await held.wait()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        issuer = Issuer(f"http://127.0.0.1:{port}", 60, 0.1)
        began = time.monotonic()
        with pytest.raises(IdentityUnavailable):
            await issuer.keys("one", "ES256")
        assert time.monotonic() - began < 10
        held.set()
        server.close()
        await issuer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://issuer.example/x", True),
        ("http://localhost:8/x", True),
        ("http://[::1]:8/x", True),
        ("http://localhost.example/x", False),
        ("http://127.0.0.1@x.example/", False),
        ("https://", False),
        ("https://[x", False),
        ("ftp://localhost/", False),
    ],
)
def test_what_is_safe(url, safe):
    assert is_safe(url) == safe


def usable(**changes):
    [jwk] = Keys(one="RS256").jwks()["keys"]
    shown = {key: value for key, value in (jwk | changes).items() if value is not None}
    try:
        return keysets.parse(json.dumps({"keys": [shown]}).encode()).keys
    except ValueError:
        return ()


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 6),
        ({"alg": "RS256"}, 1),
        ({"alg": "HS256"}, 0),
        ({"alg": "none"}, 0),
        ({"alg": "RSA-OAEP"}, 0),
        ({"use": "enc"}, 0),
        ({"use": None}, 6),
        ({"key_ops": ["sign"]}, 0),
        ({"key_ops": 1}, 0),
        ({"key_ops": ["verify"]}, 6),
        ({"kty": "oct"}, 0),
        ({"kty": ["RSA"]}, 0),
        ({"n": "x"}, 0),
        ({"n": None}, 0),
        ({"e": 3}, 0),
    ],
)
def test_a_key_is_good_for_the_algorithms_that_it_says(changes, count):
    assert sum(len(one.algorithms) for one in usable(**changes)) == count


def test_a_short_key_is_none():
    key = rsa.generate_private_key(65537, 1024)
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    with pytest.raises(ValueError, match="no usable key"):
        keysets.parse(json.dumps({"keys": [jwk]}).encode())


def test_of_a_private_key_only_the_public_one_is_kept():
    key = rsa.generate_private_key(65537, 2048)
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True) | {"key_ops": ["sign", "verify"]}
    [found] = keysets.parse(json.dumps({"keys": [jwk]}).encode()).keys
    assert isinstance(found.key, rsa.RSAPublicKey)
