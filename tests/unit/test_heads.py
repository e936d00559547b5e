"""Requests that come again in the same bytes: the same answers as if they were read anew."""

import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest

from gateway import serving
from gateway.heads import Heads

ONE = b"GET /one?a=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"


class Application:
    """Has answers at hand while it is told to; says which scopes it was asked about and called."""

    def __init__(self):
        self.at_hand = True
        self.asked, self.called = [], []

    def ready(self, scope):
        self.asked.append({**scope})
        scope["state"]["counted"] = scope["state"].get("counted", 0) + 1
        scope["query_string"] = b"changed"
        if not self.at_hand:
            return None
        return [b"content-length: 9\r\n\r\n", b"at", b" hand  "]

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        self.called.append(scope)
        headers = [(b"content-length", b"6")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"called"})


@contextmanager
def serve(app):
    listening = serving.listen("127.0.0.1", 0, "PORT")
    running = serving.server(app)
    running.config.lifespan = "off"
    thread = threading.Thread(target=serving.run, args=(running, listening))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield running, listening.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join(30)
        listening.close()


def connect(port):
    return closing(socket.create_connection(("127.0.0.1", port), timeout=20))


def ask(connection, *pieces, answers=1):
    """Send ``pieces`` one by one; the bodies of as many answers."""
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(0.05)
        connection.sendall(piece)
    received, bodies = b"", []
    while len(bodies) < answers:
        head, end, rest = received.partition(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        size = int(lines.get(b"content-length", b"0"))
        if end and len(rest) >= size:
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"date" in lines
            bodies.append(rest[:size])
            received = rest[size:]
        else:
            more = connection.recv(65536)
            assert more, received
            received += more
    assert not received
    return bodies


@pytest.fixture
def app():
    return Application()


def heads(running):
    """How many requests are remembered by the server's connections."""
    return len(running.config.http_protocol_class.keywords["watch"].heads)


def test_a_request_in_the_same_bytes_is_what_it_was(app):
    with serve(app) as (running, port), connect(port) as first, connect(port) as second:
        for connection in (first, first, second, first):
            assert ask(connection, ONE) == [b"at hand  "]
        assert heads(running) == 1
        assert running.server_state.total_requests == 4
        own = ("client", "state")
        same = [{k: v for k, v in scope.items() if k not in own} for scope in app.asked]
        assert same == [same[0]] * 4
        assert same[0]["path"] == "/one"
        assert same[0]["query_string"] == b"a=1"
        assert [scope["client"] for scope in app.asked] == [
            connection.getsockname() for connection in (first, first, second, first)
        ]
        assert [scope["state"] for scope in app.asked] == [{"counted": 1}] * 4
    assert not app.called


def test_an_answer_that_is_no_longer_at_hand_is_asked_for_and_counted_once(app):
    with serve(app) as (_, port), connect(port) as connection:
        assert ask(connection, ONE) == [b"at hand  "]
        app.at_hand = False
        assert ask(connection, ONE) == [b"called"]
        assert len(app.asked) == 2
        assert app.called[0]["state"] == {"counted": 1}
        app.at_hand = True
        assert ask(connection, ONE) == [b"at hand  "]


def test_other_bytes_are_other_requests(app):
    other = ONE.replace(b"a=1", b"a=2")
    with serve(app) as (running, port), connect(port) as connection:
        for data in (ONE, other, ONE, other):
            assert ask(connection, data) == [b"at hand  "]
        assert [scope["query_string"] for scope in app.asked] == [b"a=1", b"a=2"] * 2
        assert heads(running) == 2


@pytest.mark.parametrize(
    ("pieces", "answers"),
    [
        ((ONE[:20], ONE[20:]), 1),
        ((ONE + ONE,), 2),
        ((ONE + ONE[:9], ONE[9:]), 2),
        ((ONE[:-2], ONE[-2:] + ONE), 2),
    ],
)
def test_what_is_not_one_request_in_one_piece_is_read(app, pieces, answers):
    with serve(app) as (running, port), connect(port) as connection:
        for _ in range(2):
            bodies = ask(connection, *pieces, answers=answers)
            assert len(bodies) == answers
        assert ask(connection, ONE) == [b"at hand  "]
        assert heads(running) == 1  # the last alone


def test_the_second_half_of_a_request_is_no_request(app):
    """Bytes that are a request elsewhere may be the body of one, or its end."""
    inner = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
    outer = b"GET /outer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(inner)
    with serve(app) as (_, port), connect(port) as connection:
        assert ask(connection, inner) == [b"at hand  "]
        assert ask(connection, outer, inner) == [b"at hand  "]
        assert ask(connection, ONE) == [b"at hand  "]
        assert [scope["path"] for scope in app.asked] == ["/inner", "/outer", "/one"]


def test_a_client_that_asks_to_close_is_parted_from(app):
    last = ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with serve(app) as (running, port):
        for _ in range(2):
            with connect(port) as connection:
                assert ask(connection, last) == [b"at hand  "]
                assert connection.recv(1) == b""
        assert heads(running) == 0


def test_what_was_remembered_first_is_forgotten_first():
    known = Heads(most=2)
    for name in (b"a", b"b", b"a", b"c"):
        known.put(name, {"path": name, "client": "x", "state": {}})
    assert [known.get(name) for name in (b"a", b"b", b"c")] == [
        None,
        {"path": b"b"},
        {"path": b"c"},
    ]
    known.put(b"x" * 5000, {"path": b"long"})
    assert len(known) == 2
