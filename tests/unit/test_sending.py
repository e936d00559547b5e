"""What a server sends: pieces together, and answers at hand in their turn among all others."""

import asyncio
import os
import socket
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway import gathering, serving

KNOWN = os.urandom(9 << 20)


class Recorded(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self):
        super().__init__()
        self.told = []

    def writelines(self, pieces):
        self.told.append(b"".join(pieces))

    def close(self):
        self.told.append("closed")


def told(*steps):
    """What reaches the transport by each step, and by the turn of the loop that follows all."""

    async def scenario():
        inner = Recorded()
        out = gathering.Gathered(inner)
        found = []
        for step in steps:
            step(out)
            found.append(list(inner.told))
        await asyncio.sleep(0)
        return [*found, inner.told]

    return asyncio.run(scenario())


def test_pieces_of_a_turn_leave_together_and_in_order():
    steps = [lambda out: out.write(b"a"), lambda out: out.write(memoryview(b"bc"))]
    assert told(*steps) == [[], [], [b"abc"]]


def test_what_is_large_does_not_wait():
    large = bytes(gathering._GATHERED)
    steps = [lambda out: out.write(b"a"), lambda out: out.write(large), lambda out: out.write(b"b")]
    assert told(*steps)[1:] == [[b"a" + large], [b"a" + large], [b"a" + large, b"b"]]


def test_what_waits_is_sent_before_the_end():
    steps = [lambda out: out.write(b"a"), lambda out: out.close()]
    assert told(*steps)[1:] == [[b"a", "closed"], [b"a", "closed"]]


class Application(Starlette):
    def ready(self, scope):
        if scope["path"] != "/known":
            return None
        return b"content-length: %d\r\nx-known: 1\r\n\r\n" % len(KNOWN), KNOWN


async def _slow(request):
    await asyncio.sleep(0.02)
    return PlainTextResponse(f"slow {request.query_params['n']}")


@pytest.fixture
def address():
    listening = serving.listen("127.0.0.1", 0, "PORT")
    routes = [Route("/slow", _slow), Route("/known", lambda _: Response(KNOWN))]
    running = serving.server(Application(routes=routes))
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield listening.getsockname()
    running.should_exit = True
    thread.join(30)
    listening.close()


def _answers(address, requests):
    """The bodies of all answers on one connection, which the last request closes."""
    with socket.create_connection(address, 30) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"".join(requests))
        found = []
        while line := stream.readline():
            assert line == b"HTTP/1.1 200 OK\r\n"
            fields = {}
            while (field := stream.readline()) != b"\r\n":
                name, _, value = field.decode().strip().partition(": ")
                fields[name] = value
            assert "date" in fields
            found.append((fields, stream.read(int(fields["content-length"]))))
        return found


def _request(target, *fields):
    return "\r\n".join([f"GET {target} HTTP/1.1", "host: x", *fields, "\r\n"]).encode()


def test_requests_sent_at_once_are_answered_in_their_order(address):
    known, last = _request("/known"), _request("/slow?n=3", "connection: close")
    slow = [_request(f"/slow?n={number}") for number in (1, 2)]
    answers = _answers(address, [known, slow[0], known, known, slow[1], last])
    expected = [KNOWN, b"slow 1", KNOWN, KNOWN, b"slow 2", b"slow 3"]
    assert [body for _, body in answers] == expected


def test_no_number_of_requests_sent_at_once_is_too_large(address, monkeypatch):
    """One that waits for another is not begun within its end, and so on without end."""
    monkeypatch.setitem(globals(), "KNOWN", b"small")
    many = [_request("/slow?n=1"), *[_request("/known")] * 1500]
    answers = _answers(address, [*many, _request("/known", "connection: close")])
    assert [body for _, body in answers] == [b"slow 1", *[b"small"] * 1501]


def test_an_answer_at_hand_has_its_head_and_closes_when_asked_to(address):
    [(fields, body)] = _answers(address, [_request("/known", "connection: close")])
    assert (fields["x-known"], fields["connection"], body == KNOWN) == ("1", "close", True)


def test_a_client_that_is_slow_gets_every_byte(address):
    with socket.create_connection(address, 30) as connection:
        connection.sendall(_request("/known") + _request("/known", "connection: close"))
        time.sleep(0.3)  # until more waits than the kernel takes
        content = bytearray()
        while piece := connection.recv(1 << 16):
            content += piece
    _, first, rest = content.partition(KNOWN)
    assert first
    assert content.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert rest.endswith(KNOWN)
