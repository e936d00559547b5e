"""The shared cache on a real server: shared by gateways, bounded in time, believed by digest."""

import asyncio
import gc
import logging
import signal
import subprocess
from contextlib import asynccontextmanager

import pytest
from valkey import Valkey

from gateway.cache import keys
from gateway.cache.entries import HEAD_BYTES
from gateway.cache.shared import SharedTier
from gateway.errors import ConfigurationError
from tests.unit.cache.counting import count, metrics
from tests.valkeys import BINARY, MISSING, ValkeyServer

pytestmark = pytest.mark.skipif(BINARY is None, reason=MISSING)

NAME = keys.digest("frame")
STORED = f"dicomweb-gateway:{NAME}"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def running():
    server = ValkeyServer()
    yield server
    server.kill()


@pytest.fixture
def server(running):
    """A server with nothing in it, and a client of it."""
    with Valkey(port=running.port) as client:
        client.flushall()
        running.client = client
        yield running


@pytest.fixture
def brittle():
    """A server of the test's own."""
    server = ValkeyServer()
    yield server
    server.signal(signal.SIGCONT)
    server.kill()


@asynccontextmanager
async def tier(url, counted=None, **changes):
    given = {"ttl": 60, "largest": 1 << 20, "seconds": 1.0, "metrics": counted or metrics()}
    made = SharedTier(url, **(given | changes))
    try:
        yield made
    finally:
        await made.close(10)


async def settled(made):
    while made._behind._task is not None and not made._behind._task.done():
        await asyncio.wait([made._behind._task])


def url(server):
    return f"valkey://127.0.0.1:{server.port}/0"


def test_what_one_gateway_put_another_has(server):
    async def scenario():
        counted = metrics()
        async with tier(url(server)) as one, tier(url(server), counted) as other:
            assert await other.get(NAME) is None
            one.put(NAME, CONTENT)
            await settled(one)
            assert await other.get(NAME) == CONTENT
        found = [count(counted, "shared", what) for what in ("hits", "misses", "read_bytes")]
        assert found == [1, 1, len(CONTENT)]

    asyncio.run(scenario())
    assert 0 < server.client.ttl(STORED) <= 60
    assert server.client.strlen(STORED) == HEAD_BYTES + len(CONTENT)


def test_what_waits_at_the_end_is_written(server):
    async def scenario():
        async with tier(url(server)) as made:
            for number in range(100):
                made.put(keys.digest(f"{number}"), b"%d" % number)

    asyncio.run(scenario())
    assert server.client.dbsize() == 100


def test_values_that_are_too_large_are_not_written(server):
    async def scenario():
        counted = metrics()
        async with tier(url(server), counted, largest=100) as made:
            made.put(NAME, bytes(101))
            made.put(keys.digest("small"), bytes(100))
        assert count(counted, "shared", "dropped") == 1

    asyncio.run(scenario())
    assert server.client.dbsize() == 1


@pytest.mark.parametrize("offset", [0, 5, HEAD_BYTES - 1, HEAD_BYTES, -1])
def test_flipped_bits_are_a_miss(server, offset):
    async def scenario():
        counted = metrics()
        async with tier(url(server), counted) as made:
            made.put(NAME, CONTENT)
            await settled(made)
            whole = bytearray(server.client.get(STORED))
            whole[offset] ^= 1
            server.client.set(STORED, bytes(whole))
            assert await made.get(NAME) is None
            assert count(counted, "shared", "damaged") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("wrong", [b"", b"x", bytes(HEAD_BYTES)])
def test_what_somebody_else_wrote_is_a_miss(server, wrong):
    async def scenario():
        server.client.set(STORED, wrong)
        async with tier(url(server)) as made:
            assert await made.get(NAME) is None

    asyncio.run(scenario())


def test_askers_that_leave_never_shift_the_answers_of_others(server):
    async def scenario():
        values = {keys.digest(f"{n}"): b"%d" % n * 20_000 for n in range(50)}
        async with tier(url(server), seconds=5.0) as made:
            for name, value in values.items():
                made.put(name, value)
            await settled(made)
            for turn in range(20):
                leavers = [asyncio.create_task(made.get(name)) for name in values]
                await asyncio.sleep(turn / 4000)
                for one in leavers[::2]:
                    one.cancel()
                found = await asyncio.gather(*(made.get(name) for name in values))
                assert found == list(values.values())
                await asyncio.gather(*leavers, return_exceptions=True)
            assert made._counts.damaged == made._counts.errors == 0

    asyncio.run(scenario())


async def back(made):
    if made._return is not None:
        await asyncio.wait_for(asyncio.shield(made._return), 30)


def test_a_server_that_goes_is_left_alone_and_found_again(brittle, caplog):
    caplog.set_level(logging.INFO)

    async def scenario():
        counted = metrics()
        async with tier(url(brittle), counted) as made:
            made.put(NAME, CONTENT)
            await settled(made)
            brittle.kill()
            for _ in range(10):
                assert await made.get(NAME) is None
                made.put(NAME, CONTENT)
            assert count(counted, "shared", "errors") == 1
            assert count(counted, "shared", "dropped") == 10
            assert count(counted, "shared", "misses") == 10
            brittle.start()
            await back(made)
            made.put(NAME, CONTENT)
            await settled(made)
            assert await made.get(NAME) == CONTENT

    asyncio.run(scenario())
    assert caplog.messages == ["The shared cache is left alone", "The shared cache is back"]


def test_a_server_that_hangs_is_waited_for_once_and_briefly(brittle):
    async def scenario():
        counted = metrics()
        async with tier(url(brittle), counted, seconds=0.5) as made:
            made.put(NAME, CONTENT)
            await settled(made)
            brittle.signal(signal.SIGSTOP)
            async with asyncio.timeout(50):  # it would take 100 seconds to wait for each
                found = await asyncio.gather(*(made.get(NAME) for _ in range(200)))
                assert found == [None] * 200
                for _ in range(200):
                    assert await made.get(NAME) is None
            brittle.signal(signal.SIGCONT)
            await back(made)
            assert await made.get(NAME) == CONTENT

    asyncio.run(scenario())


def test_a_process_with_too_much_to_do_blames_no_server(server):
    async def scenario():
        counted = metrics()
        async with tier(url(server), counted, seconds=0.05) as made:
            made.put(NAME, CONTENT)
            await settled(made)
            for _ in range(32):
                await made._places.acquire()
            assert await made.get(NAME) is None
            assert count(counted, "shared", "errors") == 0
            made._places.release()
            assert await made.get(NAME) == CONTENT

    asyncio.run(scenario())


def test_a_full_server_is_still_read(caplog):
    full = ValkeyServer("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")

    async def scenario():
        counted = metrics()
        async with tier(url(full), counted) as made:
            for number in range(40):
                made.put(keys.digest(f"{number}"), b"%d" % number * 100_000)
                await settled(made)
            assert await made.get(keys.digest("0")) == b"0" * 100_000
            assert count(counted, "shared", "errors") == 1
            assert count(counted, "shared", "dropped") > 0

    try:
        asyncio.run(scenario())
    finally:
        full.kill()
    assert caplog.messages == ["Writing the shared cache is left alone"]
    assert caplog.records[0].reason == "OutOfMemoryError"


def test_a_password_opens_and_is_never_told(caplog):
    caplog.set_level(logging.DEBUG)
    guarded = ValkeyServer("--requirepass", "geheim-7")
    place = f"127.0.0.1:{guarded.port}/0"

    async def scenario():
        async with tier(f"redis://:geheim-7@{place}") as made:
            made.put(NAME, CONTENT)
            await settled(made)
            assert await made.get(NAME) == CONTENT
        async with tier(f"redis://:falsch-7@{place}") as made:
            assert await made.get(NAME) is None

    try:
        asyncio.run(scenario())
    finally:
        guarded.kill()
    told = [f"{vars(record)}" for record in caplog.records]
    assert any("left alone" in line for line in told)
    assert not any("-7" in line for line in told)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost -keyout {folder}/key.pem -out {folder}/cert.pem"
    )
    try:
        subprocess.run(command.split(), check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return folder


def test_tls_is_believed_by_certificate_and_name(certificate):
    options = ("--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no")
    files = (
        "--tls-cert-file",
        f"{certificate}/cert.pem",
        "--tls-key-file",
        f"{certificate}/key.pem",
    )
    secure = ValkeyServer(*options, *files)
    trusted = f"ssl_ca_certs={certificate}/cert.pem"

    async def scenario():
        async with tier(f"valkeys://localhost:{secure.port}?{trusted}", seconds=5.0) as made:
            made.put(NAME, CONTENT)
            await settled(made)
            assert await made.get(NAME) == CONTENT
        for wrong in (f"127.0.0.1:{secure.port}?{trusted}", f"localhost:{secure.port}"):
            async with tier(f"valkeys://{wrong}", seconds=5.0) as made:
                assert await made.get(NAME) is None
                assert made._counts.errors == 1

    try:
        asyncio.run(scenario())
        gc.collect()
    finally:
        secure.kill()


@pytest.mark.parametrize(
    "wrong",
    [
        "valkey://:geheim@host:port",
        "valkey://:geheim@host?no_such_option=1",
        "valkey://:geheim@host?socket_timeout=soon",
        "valkeys://:geheim@host?ssl_cert_reqs=perhaps",
        "http://:geheim@host",
    ],
)
def test_a_url_that_cannot_be_is_refused_at_start_without_being_quoted(wrong):
    with pytest.raises(ConfigurationError) as caught:
        SharedTier(wrong, ttl=1, largest=1, seconds=1.0, metrics=metrics())
    assert "GATEWAY_SHARED_CACHE_URL" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
