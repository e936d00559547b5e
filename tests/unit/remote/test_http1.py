"""However an answer is cut into pieces, it is the same; a beginning of it is none at all."""

import asyncio
import itertools
import random

import pytest
from hypothesis import assume, given, settings, strategies as st

from gateway.remote.errors import Unfinished
from gateway.remote.http1 import Connection

BODY = random.Random(3).randbytes(150)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jph\r\n"
BY_LENGTH = HEAD + b"Content-Length: 150\r\n\r\n" + BODY
BY_CHUNKS = (
    HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"32\r\n" + BODY[at : at + 50] + b"\r\n" for at in (0, 50, 100))
    + b"0\r\n\r\n"
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


class Line:
    """A transport that sends nothing."""

    def __init__(self):
        self.closing = False

    def write(self, _):
        pass

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def pause_reading(self):
        pass

    resume_reading = pause_reading


def answered(*pieces, lost, whole=True):
    """What a reader gets of these pieces, and whether the connection may be used again."""

    async def main():
        freed = []
        connection = Connection(5, freed.append, lambda _: None)
        connection.connection_made(Line())
        asking = asyncio.ensure_future(connection.request(b""))
        await asyncio.sleep(0)
        for piece in pieces:
            connection.data_received(piece)
        if lost:
            connection.connection_lost(None)
        reply = await asking
        content = await reply.read() if whole else b"".join([one async for one in reply.pieces()])
        return content, bool(freed)

    return asyncio.run(main())


def cut(content, places):
    ends = sorted({min(place, len(content)) for place in places} | {0, len(content)})
    return [content[start:end] for start, end in itertools.pairwise(ends)]


answers = st.sampled_from([BY_LENGTH, BY_CHUNKS, INTERIM + BY_LENGTH, INTERIM * 3 + BY_CHUNKS])
places = st.lists(st.integers(0, 500), max_size=12)


@settings(max_examples=200)
@given(answers, places, st.booleans(), st.booleans())
def test_pieces_do_not_matter(answer, places, lost, whole):
    found, reusable = answered(*cut(answer, places), lost=lost, whole=whole)
    assert found == BODY
    assert reusable


@settings(max_examples=200)
@given(answers, st.data(), places, st.booleans())
def test_a_beginning_is_no_answer(answer, data, places, whole):
    beginning = answer[: data.draw(st.integers(0, len(answer) - 1))]
    with pytest.raises(Unfinished):
        answered(*cut(beginning, places), lost=True, whole=whole)


@given(answers, places, st.binary(min_size=1, max_size=9) | answers, st.booleans())
def test_what_follows_an_answer_ends_the_connection(answer, places, surplus, whole):
    assume(surplus.strip(b"\r\n"))  # empty lines may stand between answers
    pieces = cut(answer, places)
    found, reusable = answered(*pieces[:-1], pieces[-1] + surplus, lost=False, whole=whole)
    assert found == BODY
    assert not reusable


@settings(max_examples=300)
@given(st.binary(max_size=60), places)
def test_noise_is_no_answer(noise, places):
    with pytest.raises(Unfinished):
        answered(*cut(noise, places), lost=True)
