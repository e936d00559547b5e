"""Streams: the first piece before the status, the source closed whatever happens."""

import asyncio

import pytest

from gateway.errors import NotFound
from gateway.web.streams import Stream, begun, plain
from tests.unit.web import asgi


class Source:
    """Gives ``pieces`` and tells how far it got; fails where a piece is an exception."""

    def __init__(self, *pieces):
        self.given = 0
        self.closed = False
        self._pieces = pieces

    async def __call__(self):
        try:
            for piece in self._pieces:
                await asyncio.sleep(0)
                if isinstance(piece, Exception):
                    raise piece
                self.given += 1
                yield piece
        finally:
            self.closed = True


async def answer(source, **changes):
    response = Stream(await begun(source()), "a/b", changes.pop("headers", None))
    return await asgi.drive(response, asgi.scope("/", **changes))


def test_pieces_go_out_one_by_one_in_their_order():
    source = Source(b"one", b"two", b"three")
    sent = asyncio.run(answer(source))
    assert [message.get("body") for message in sent[1:]] == [b"one", b"two", b"three", b""]
    response = asgi.answer(sent)
    assert response.content == b"onetwothree"
    assert response.headers["content-type"] == "a/b"
    assert source.closed


def test_headers_of_the_answer():
    sent = asyncio.run(answer(Source(b"x"), headers={"ETag": '"1"'}))
    assert asgi.answer(sent).headers["etag"] == '"1"'


def test_a_source_without_pieces_is_an_empty_answer():
    source = Source()
    response = asgi.answer(asyncio.run(answer(source)))
    assert (response.status_code, response.content) == (200, b"")
    assert source.closed


def test_only_the_first_piece_is_made_before_the_answer():
    async def scenario():
        source = Source(b"one", b"two")
        stream = await begun(source())
        assert source.given == 1
        assert [piece async for piece in stream] == [b"one", b"two"]
        assert source.closed

    asyncio.run(scenario())


def test_what_fails_at_first_fails_before_the_status():
    async def scenario():
        source = Source(NotFound("nothing there"))
        with pytest.raises(NotFound):
            await begun(source())
        assert source.closed

    asyncio.run(scenario())


def test_what_fails_later_aborts_the_answer():
    async def scenario():
        source, sent = Source(b"one", OSError("gone"), b"two"), []

        async def send(message):
            sent.append(message)

        response = Stream(await begun(source()), "a/b", None)
        with pytest.raises(BaseException) as caught:  # noqa: PT011  alone or in a group
            await response(asgi.scope("/"), asyncio.Event().wait, send)
        assert _within(caught.value, OSError)
        assert source.closed
        assert [message.get("body") for message in sent[1:]] == [b"one"]
        assert sent[-1]["more_body"] is True

    asyncio.run(scenario())


def _within(error, kind):
    group = getattr(error, "exceptions", ())
    return isinstance(error, kind) or any(_within(one, kind) for one in group)


def test_a_client_that_leaves_ends_the_source():
    async def scenario():
        source = Source(*[b"piece"] * 1000)
        sent, left = [], asyncio.Event()

        async def receive():
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if len(sent) == 4:
                left.set()

        response = Stream(await begun(source()), "a/b", None)
        await response(asgi.scope("/"), receive, send)
        assert source.closed
        assert source.given < 100

    asyncio.run(scenario())


def test_a_connection_that_breaks_ends_the_source():
    async def scenario():
        source = Source(*[b"piece"] * 1000)
        sent = []

        async def send(message):
            if len(sent) == 3:
                raise OSError("broken")
            sent.append(message)

        response = Stream(await begun(source()), "a/b", None)
        newer = {"asgi": {"version": "3.0", "spec_version": "2.4"}}
        with pytest.raises(Exception):  # noqa: B017, PT011  which one is the server's affair
            await response(asgi.scope("/", **newer), asyncio.Event().wait, send)
        assert source.closed
        assert source.given < 100

    asyncio.run(scenario())


def test_a_cancelled_answer_ends_the_source():
    async def scenario():
        source = Source(b"one", b"two")

        async def send(message):
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        response = Stream(await begun(source()), "a/b", None)
        task = asyncio.create_task(response(asgi.scope("/"), asyncio.Event().wait, send))
        for _ in range(9):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.closed

    asyncio.run(scenario())


def test_a_small_answer_is_one_message_of_a_known_length():
    response = plain(b"12345", 'multipart/related; type="a/b"; boundary=x')
    sent = asyncio.run(asgi.drive(response, asgi.scope("/")))
    assert len(sent) == 2
    found = asgi.answer(sent)
    assert found.content == b"12345"
    assert found.headers["content-length"] == "5"
    assert found.headers["content-type"] == 'multipart/related; type="a/b"; boundary=x'
