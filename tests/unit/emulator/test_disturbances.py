"""Disturbed bodies as ASGI messages; the contract tests see them as clients do."""

import asyncio

from starlette.responses import Response, StreamingResponse

from gateway.emulator.disturbances import Disturbed
from gateway.emulator.injections import Slow, Truncated

SCOPE = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}


def sent(response, disconnects=False):
    """The messages of an answer, to a client that stays or is gone already."""
    messages = []

    async def receive():
        if not disconnects:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message):
        messages.append(message)

    asyncio.run(response(SCOPE, receive, send))
    return messages


def body(messages):
    return b"".join(message.get("body", b"") for message in messages)


def complete(messages):
    return not messages[-1].get("more_body", False)


async def pieces():
    for number in range(4):
        yield bytes([number]) * 10


def test_a_truncated_body_announces_all_of_it_and_stops_in_the_middle():
    messages = sent(Disturbed(Response(b"0123456789"), Truncated()))
    assert dict(messages[0]["headers"])[b"content-length"] == b"10"
    assert body(messages) == b"01234"
    assert not complete(messages)


def test_a_truncated_stream_stops_in_the_middle_of_its_announced_length():
    response = StreamingResponse(pieces(), headers={"Content-Length": "40"})
    messages = sent(Disturbed(response, Truncated()))
    assert body(messages) == b"\x00" * 10 + b"\x01" * 10
    assert not complete(messages)


def test_a_truncated_stream_of_unknown_length_stops_in_its_first_piece():
    messages = sent(Disturbed(StreamingResponse(pieces()), Truncated()))
    assert body(messages) == b"\x00" * 5
    assert not complete(messages)


def test_a_slow_body_comes_whole_in_pieces_of_a_tenth_of_a_second():
    content = bytes(range(256)) * 4
    messages = sent(Disturbed(Response(content), Slow(4000)))
    assert body(messages) == content
    assert [len(message["body"]) for message in messages[1:]] == [400, 400, 224]
    assert [message["more_body"] for message in messages[1:]] == [True, True, False]


def test_a_slow_stream_keeps_its_end():
    messages = sent(Disturbed(StreamingResponse(pieces()), Slow(1000)))
    assert body(messages) == b"".join(bytes([number]) * 10 for number in range(4))
    assert complete(messages)


def test_nothing_is_sent_slowly_to_a_client_that_is_gone():
    messages = sent(Disturbed(Response(bytes(1000)), Slow(1)), disconnects=True)
    assert len(messages) < 3
    assert len(body(messages)) < 2


def test_an_empty_body_is_not_delayed():
    messages = sent(Disturbed(Response(b""), Slow(1)))
    assert complete(messages)


def test_headers_that_are_added_later_are_sent():
    response = Disturbed(Response(b"{}", 201), Truncated())
    response.headers["x-amzn-RequestId"] = "id"
    messages = sent(response)
    assert messages[0]["status"] == 201
    assert dict(messages[0]["headers"])[b"x-amzn-requestid"] == b"id"
