"""Connections within bounds, over real sockets: what is refused, what ends, what is never lost."""

import asyncio
import json
import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway import serving
from gateway.framing import Limits

HOST = b"Host: a\r\n"
SLOW = Limits(
    url=2000,
    head=4000,
    body=1000,
    request_seconds=1.0,
    idle_seconds=2.0,
    stall_seconds=2.0,
    answer_seconds=2.0,
    drain_seconds=3.0,
    queued=16,
)
LARGE = bytes(1 << 20)


async def echo(request):
    fields = sorted(name for name, _ in request.headers.items())
    return PlainTextResponse(f"{request.url.path} {','.join(fields)}")


async def body_read(request):
    size = len(await request.body())
    return PlainTextResponse(f"{size} {','.join(sorted(request.headers))}")


async def silent(_):
    await asyncio.sleep(60)
    return PlainTextResponse("late")


async def endless(_):
    async def pieces():
        while True:
            yield LARGE

    return StreamingResponse(pieces())


async def hanging(_):
    async def pieces():
        yield b"begun"
        await asyncio.sleep(60)

    return StreamingResponse(pieces(), headers={"Content-Length": "9"})


async def whole(_):
    return Response(bytes(30 << 20))


async def patient(_):
    await asyncio.sleep(0.7)
    return PlainTextResponse("done")


class Application(Starlette):
    def __init__(self):
        handlers = (echo, body_read, silent, endless, hanging, whole, patient)
        super().__init__(
            routes=[Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in handlers]
        )


@contextmanager
def served(limits=SLOW):
    app = Application()
    app.limits = limits
    listening = serving.listen("127.0.0.1", 0, "PORT")
    running = serving.server(app)
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1], running
    finally:
        running.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        listening.close()


@pytest.fixture(scope="module")
def port():
    with served() as (found, _):
        yield found


def told(port, *sent, pause=0.0, seconds=10.0):
    """All that comes back until the server ends the connection, and how long that took."""
    with closing(socket.create_connection(("127.0.0.1", port), seconds)) as client:
        began = time.monotonic()
        found = b""
        try:
            for piece in sent:
                client.sendall(piece)
                time.sleep(pause)
            while piece := client.recv(1 << 16):
                found += piece
        except ConnectionResetError:
            found += b"RESET"
        return found, time.monotonic() - began


def get(path="/echo", extra=b"", version=b"1.1"):
    return b"GET %b HTTP/%b\r\n%b%b\r\n" % (path.encode(), version, HOST, extra)


CLOSE = b"Connection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = {
    "two lengths": (get(extra=b"Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
    "length and coding": (get(extra=b"Content-Length: 5\r\n" + CHUNKED), 400),
    "two codings": (get(extra=CHUNKED + b"Transfer-Encoding: identity\r\n"), 400),
    "another coding": (get(extra=b"Transfer-Encoding: gzip, chunked\r\n"), 400),
    "no coding": (get(extra=b"Transfer-Encoding: xchunked\r\n"), 400),
    "chunks of 1.0": (get(extra=CHUNKED, version=b"1.0"), 400),
    "a list of lengths": (get(extra=b"Content-Length: 1, 1\r\n"), 400),
    "a signed length": (get(extra=b"Content-Length: +1\r\n"), 400),
    "a folded line": (get(extra=b"X: a\r\n b\r\n"), 400),
    "a null": (get(extra=b"X: a\0b\r\n"), 400),
    "a null in a name": (get(extra=b"X\0: b\r\n"), 400),
    "a space before the colon": (get(extra=b"Content-Length : 1\r\n"), 400),
    "bare line feeds": (b"GET /echo HTTP/1.1\nHost: a\n\n", 400),
    "a bare carriage return": (get(extra=b"X: a\rb\r\n"), 400),
    "two hosts": (get(extra=b"Host: b\r\n"), 400),
    "no host": (b"GET /echo HTTP/1.1\r\n\r\n", 400),
    "another host in the target": (get("http://evil.example/echo"), 400),
    "another port in the target": (get("http://a:8/echo"), 400),
    "a user in the target": (get("http://somebody@a/echo"), 400),
    "no path": (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no version": (b"GET /echo\r\n\r\n", 505),
    "another version": (b"GET /echo HTTP/3.7\r\n" + HOST + b"\r\n", 400),
    "bytes beyond ASCII": (get("/\xff".encode("latin-1").decode("latin-1")), 400),
    "another expectation": (get(extra=b"Expect: miracles\r\n"), 417),
    "a long path": (get("/" + "a" * 2000), 414),
    "a large field": (get(extra=b"X: " + b"a" * 4000 + b"\r\n"), 431),
    "many fields": (get(extra=b"X: a\r\n" * 200), 431),
    "a large body": (get(extra=b"Content-Length: 1001\r\n") + bytes(1001), 413),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_could_be_read_in_two_ways_is_refused_in_one(port, name):
    sent, status = SMUGGLED[name]
    found, seconds = told(port, sent + get(extra=CLOSE))
    head, _, rest = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), found
    assert b"connection: close" in head.lower()
    assert json.loads(rest)["status"] == status  # and nothing behind: the next one is not answered
    assert seconds < 5


def test_what_is_right_is_answered(port):
    for same in ("http://a/echo", "http://A:80/echo"):
        assert b"\r\n\r\n/echo connection,host" in told(port, get(same, CLOSE))[0]
    found, _ = told(port, get(extra=b"Content-Length: 2\r\n") + b"xx" + get(extra=CLOSE))
    assert found.count(b"HTTP/1.1 200") == 2
    assert told(port, get(version=b"1.0"))[0].count(b" 200 ") == 1
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    assert told(port, get(extra=upgrade))[0].count(b"HTTP/1.1 200") == 1


def test_trailers_are_no_fields_of_the_head(port):
    head = get("/body_read", CHUNKED + CLOSE)
    found, _ = told(port, head, b"1\r\nx\r\n0\r\nAuthorization: y\r\n\r\n", pause=0.2)
    assert found.endswith(b"1 connection,host,transfer-encoding")


def test_requests_sent_at_once_are_answered_in_turn_up_to_a_number(port):
    found, _ = told(port, get("/patient") + get() * 5 + get(extra=CLOSE))
    assert found.count(b"HTTP/1.1 200") == 7
    assert found.index(b"done") < found.index(b"/echo")
    found, _ = told(port, get("/patient") + get() * 100)
    assert found.count(b"HTTP/1.1 200") == 1 + SLOW.queued
    assert b"connection: close" in found


def test_an_error_behind_a_request_does_not_spoil_its_answer(port):
    found, _ = told(port, get("/patient") + b"nonsense\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b"done")


@pytest.mark.parametrize(
    ("sent", "pause", "status"),
    [
        ([], 0, None),
        ([b"\r\n"] * 8, 0.4, None),
        ([b"GET /echo HTTP/1.1\r\nHost"], 0, 408),
        ([b"GET /", *[b"a"] * 10], 0.3, 408),
        ([b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + bytes(range(97, 123)) * 5000], 0, 431),
        ([get("/body_read", b"Content-Length: 9\r\n"), *[b"a"] * 6], 0.4, 408),
        ([get("/body_read", CHUNKED), *[b"1;" + b"x" * 700 + b"\r\na\r\n"] * 40], 0, 413),
        ([get("/silent")], 0, 504),
        ([get("/hanging")], 0, 200),
    ],
)
def test_what_takes_too_long_is_ended(port, sent, pause, status):
    try:
        found, seconds = told(port, *sent, pause=pause)
    except (BrokenPipeError, ConnectionError):
        found, seconds = b"", 0
    assert seconds < 7
    if status is None:
        assert found == b""
    elif found not in (b"", b"RESET"):
        assert found.startswith(b"HTTP/1.1 %d " % status), found
    if sent and b"hanging" in sent[0]:
        assert found.endswith(b"begunRESET")  # never taken for whole


@pytest.mark.parametrize("path", ["/endless", "/whole"])
def test_a_client_that_takes_nothing_is_cut_off(path):
    with served() as (port, running), closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(get(path))
        deadline = time.monotonic() + 1
        while not running.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert running.server_state.connections
        deadline = time.monotonic() + 8
        while running.server_state.connections:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        while running.server_state.tasks:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_client_that_is_slow_but_moves_is_served():
    with served() as (port, _), closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.connect(("127.0.0.1", port))
        client.settimeout(10)
        client.sendall(get("/whole", CLOSE))
        size, began = 0, time.monotonic()
        while piece := client.recv(1 << 20):
            size += len(piece)
            if time.monotonic() - began < 4:
                time.sleep(0.02)
        assert size > 30 << 20


def test_an_answer_that_grows_beyond_all_bounds_is_broken_off():
    with served(Limits(answer=10 << 20)) as (port, _):
        found, seconds = told(port, get("/endless"))
        assert seconds < 5
        assert found.endswith(b"RESET")


def test_connections_beyond_their_number_are_told():
    with served(Limits(connections=2)) as (port, _):
        kept = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        time.sleep(0.2)
        found, _ = told(port)
        assert found.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in found
        for one in kept:
            one.close()
        time.sleep(0.2)
        assert told(port, get(extra=CLOSE))[0].startswith(b"HTTP/1.1 200 ")
