"""Answers over the wire, whole or broken, by connections of our own and through a proxy."""

import asyncio
import random

import aiohttp
import pytest
import uvloop

from gateway.remote.endpoint import Endpoint
from gateway.remote.errors import FAILURES, Unfinished
from gateway.remote.transport import Direct, Proxied
from tests.unit.remote.peers import Peer, Proxy, listening

BODY = random.Random(5).randbytes(300_000)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jph\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"".join(
    b"%x\r\n%b\r\n" % (len(part), part)
    for part in (BODY[at : at + 7001] for at in range(0, len(BODY), 7001))
)


def run(kind, use, *sent, loop=asyncio.new_event_loop, read=5.0):
    """The result of ``use`` with a transport of a kind to a server that sends this, and it."""

    async def main():
        async with listening(Peer(*sent)) as peer, listening(Proxy(peer.port)) as proxy:
            base = f"http://127.0.0.1:{peer.port}"
            by = f"http://127.0.0.1:{proxy.port}" if kind is Proxied else None
            there = Endpoint(base, f"127.0.0.1:{peer.port}", "", "us-east-1", "x", by, None)
            transport = kind(there, 5.0, read)
            try:
                return await use(transport), peer
            finally:
                await transport.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main())


async def post(transport):
    return await transport.post("/a?b=c", {"X-One": "two"}, b"{}")


async def whole(transport):
    return await (await post(transport)).read()


async def pieces(transport):
    return [piece async for piece in (await post(transport)).pieces()]


async def joined(transport):
    return b"".join(await pieces(transport))


kinds = pytest.mark.parametrize("kind", [Direct, Proxied])
ways = pytest.mark.parametrize("use", [whole, joined])
loops = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


async def turns():
    """Let the event loop turn a few times, however late it is."""
    for _ in range(20):
        await asyncio.sleep(0.003)


@kinds
@ways
@loops
@pytest.mark.parametrize(
    "sent",
    [
        [WHOLE],
        [WHOLE[:30], 0.01, WHOLE[30:90], 0.01, WHOLE[90:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE],
        [b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + WHOLE],
        [CHUNKED + CHUNKS + b"0\r\n\r\n"],
        [CHUNKED, *(CHUNKS[at : at + 50_000] for at in range(0, len(CHUNKS), 50_000)),
         b"0\r\nX-Trailer: 1\r\n\r\n"],
        [WHOLE, None],
        [CHUNKED + CHUNKS + b"0\r\n\r\n", None],
    ],
)  # fmt: skip
def test_a_whole_answer(kind, use, loop, sent):
    found, peer = run(kind, use, sent, loop=loop)
    assert found == BODY
    [(line, headers, body)] = peer.requests
    assert line.endswith("/a?b=c HTTP/1.1")
    assert headers["host"] == f"127.0.0.1:{peer.port}"
    assert (headers["x-one"], headers["content-length"], body) == ("two", "2", b"{}")


@kinds
@ways
@loops
@pytest.mark.parametrize(
    "sent",
    [
        [None],
        [WHOLE[:20], None],
        [WHOLE[:90], None],
        [WHOLE[:-1], None],
        [CHUNKED + CHUNKS, None],
        [CHUNKED + CHUNKS[:-2], None],
        [CHUNKED + CHUNKS + b"0\r\n", None],
        [CHUNKED + b"5\r\nabcdefgh\r\n0\r\n\r\n"],
        [CHUNKED + b"zz\r\n"],
        [HEAD + b"\r\n" + BODY, None],
        [HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + BODY, None],
        [HEAD + b"Content-Length: 300001\r\n\r\n" + BODY, None],
        [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", None],
        [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, None],
    ],
)
def test_a_broken_answer_is_never_taken_for_whole(kind, use, loop, sent):
    with pytest.raises(FAILURES):
        run(kind, use, sent, loop=loop)


@kinds
@ways
@pytest.mark.parametrize("sent", [[1], [WHOLE[:20], 1], [WHOLE[:100_000], 1]])
def test_silence_is_an_error(kind, use, sent):
    with pytest.raises((TimeoutError, aiohttp.ClientError)):
        run(kind, use, sent, read=0.1)


@kinds
def test_slow_is_not_silent(kind):
    sent = [part for at in range(0, len(WHOLE), 40_000) for part in (WHOLE[at : at + 40_000], 0.04)]
    assert run(kind, whole, sent, read=0.2)[0] == BODY


@kinds
def test_connections_are_used_again(kind):
    async def three(transport):
        return [await whole(transport) for _ in range(3)]

    found, peer = run(kind, three, [WHOLE])
    assert found == [BODY] * 3
    assert (len(peer.requests), peer.connections) == (3, 1)


@kinds
@pytest.mark.parametrize("end", [b"Connection: close\r\n", b""])
def test_connections_that_end_are_not(kind, end):
    answer = HEAD + end + b"Content-Length: 1\r\n\r\nx"

    async def two(transport):
        first = await whole(transport)
        await turns()
        return first + await whole(transport)

    found, peer = run(kind, two, [answer, None])
    assert found == b"xx"
    assert peer.connections == 2


def test_a_connection_that_was_closed_unnoticed_is_replaced():
    short = HEAD + b"Content-Length: 1\r\n\r\nx"

    async def two(transport):
        first = await whole(transport)
        # The server closes when the second request is on its way already.
        return first + await whole(transport)

    found, peer = run(Direct, two, [short], [None], [short])
    assert found == b"xx"
    assert (peer.connections, len(peer.requests)) == (2, 3)


def test_bytes_behind_an_answer_are_not_the_next_one():
    surplus = HEAD + b"Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"

    async def two(transport):
        return [await whole(transport), await whole(transport)]

    found, peer = run(Direct, two, [surplus])
    assert found == [b"x", b"x"]
    assert peer.connections == 2


@kinds
@loops
def test_a_reader_who_takes_its_time_holds_the_sender_up(kind, loop):
    body = bytes(64 << 20)

    async def slow(transport):
        response = await post(transport)
        await asyncio.sleep(2)  # longer than a sender may be silent, who is held up now
        held = getattr(response, "_buffered", 0)
        return held, sum([len(piece) async for piece in response.pieces()])

    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    (held, read), _ = run(kind, slow, [head, body], loop=loop, read=1.5)
    assert held < 3 << 20
    assert read == len(body)


@kinds
def test_whoever_leaves_leaves_no_connection(kind):
    async def leave(transport):
        response = await post(transport)
        async for _ in response.pieces():
            break
        response.close()
        call = asyncio.create_task(whole(transport))
        await turns()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await turns()
        return len(transport._open) if kind is Direct else 0

    found, peer = run(kind, leave, [WHOLE[:100_000], 5])
    assert found == 0
    assert peer.connections == 2


@kinds
def test_an_empty_answer_is_one(kind):
    sent = HEAD.replace(b"200 OK", b"503 Away") + b"Content-Length: 0\r\n\r\n"

    async def use(transport):
        response = await post(transport)
        return response.status, response.headers.get("content-type"), await response.read()

    assert run(kind, use, [sent])[0] == (503, "image/jph", b"")


def test_nobody_there():
    there = Endpoint("http://127.0.0.1:9", "127.0.0.1:9", "", "us-east-1", "x", None, None)

    async def main():
        await whole(Direct(there, 5, 5))

    with pytest.raises(OSError):  # noqa: PT011  whichever of them
        asyncio.run(main())


def test_a_closed_answer_does_not_go_on():
    async def use(transport):
        response = await post(transport)
        response.close()
        return await response.read()

    with pytest.raises(Unfinished):
        run(Direct, use, [WHOLE[:1000], 5])
