"""Frames on their way: every follower gets all bytes, and nobody a frame that is none."""

import asyncio
import gc
import logging
import zlib
from contextlib import aclosing
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from gateway.errors import NotFound, UpstreamInvalid, UpstreamUnavailable
from gateway.imagesets.document import Seal
from gateway.remote.api import NotNow, Urgency
from gateway.services.arrivals import Arrivals, Source

FRAME = bytes(range(200))


class Frame:
    """A frame whose pieces come when they are sent; an exception among them is raised."""

    def __init__(self, length):
        self.length = length
        self.closed = False
        self._pieces = asyncio.Queue()

    def send(self, *pieces):
        for piece in pieces:
            self._pieces.put_nowait(piece)

    async def __aiter__(self):
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self):
        self.closed = True


class Upstream:
    """Gives frames as they are prepared, and counts what is asked of it."""

    def __init__(self, *frames, kept=None, seal=None):
        self.frames = list(frames)
        self.opened = []
        self.kept = {}
        self.arrivals = Arrivals(self._keep)
        self.source = Source("key", self._find, self._open, seal)
        self._found = kept

    async def _find(self):
        return self._found

    async def _open(self, urgency, wanted):
        assert wanted.is_set() is (urgency is Urgency.WAITING)
        self.opened.append(urgency)
        await asyncio.sleep(0)
        found = self.frames.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def _keep(self, key, content):
        self.kept[key] = content

    def follow(self, urgency=Urgency.WAITING):
        return self.arrivals.follow(self.source, urgency)


def sent(*pieces):
    frame = Frame(len(FRAME))
    frame.send(*pieces, None)
    return frame


async def settle():
    for _ in range(12):
        await asyncio.sleep(0)


async def read(follower):
    async with aclosing(follower):
        return b"".join([piece async for piece in follower])


async def gather(follower, got):
    """Read into ``got``, which has what came before a failure."""
    async for piece in follower:
        got += piece


def run(scenario):
    async def whole():
        await scenario()
        await settle()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(whole())


@given(st.lists(st.integers(0, len(FRAME)), max_size=6), st.lists(st.integers(0, 6), max_size=4))
def test_every_follower_gets_all_bytes_whenever_it_comes(cuts, comers):
    ends = [0, *sorted(cuts), len(FRAME)]
    pieces = [FRAME[start:end] for start, end in pairwise(ends)]

    async def scenario():
        frame = Frame(len(FRAME))
        upstream = Upstream(frame)
        readers = [asyncio.create_task(read(upstream.follow()))]
        for at, piece in enumerate(pieces):
            readers += [asyncio.create_task(read(upstream.follow())) for one in comers if one == at]
            await settle()
            frame.send(piece)
        frame.send(None)
        assert await asyncio.gather(*readers) == [FRAME] * len(readers)
        assert len(upstream.opened) == 1
        await settle()
        assert upstream.kept == {"key": FRAME}
        assert frame.closed

    run(scenario)


def test_bytes_are_there_before_the_last_have_come():
    async def scenario():
        frame = Frame(len(FRAME))
        follower = Upstream(frame).follow()
        frame.send(FRAME[:10])
        assert await follower.length() == len(FRAME)
        assert await anext(follower) == FRAME[:10]
        frame.send(FRAME[10:], None)
        assert await follower.whole() == FRAME
        await follower.aclose()

    run(scenario)


def test_a_length_that_nobody_says_is_known_at_the_end():
    async def scenario():
        frame = Frame(None)
        follower = Upstream(frame).follow()
        length = asyncio.create_task(follower.length())
        frame.send(FRAME[:10])
        await settle()
        assert not length.done()
        frame.send(FRAME[10:], None)
        assert await length == len(FRAME)
        await follower.aclose()

    run(scenario)


AWAY = UpstreamUnavailable("away")
SHORT = [FRAME[:150]]


@pytest.mark.parametrize(
    ("tries", "error"),
    [
        ([SHORT] * 3, UpstreamUnavailable),
        ([[FRAME[:-1]]] * 3, UpstreamUnavailable),
        ([[]] * 3, UpstreamUnavailable),
        ([[FRAME[:150], AWAY]] * 3, UpstreamUnavailable),
        ([[FRAME, AWAY]] * 3, UpstreamUnavailable),
        ([[FRAME, b"more"]], UpstreamInvalid),
        ([[FRAME[:150], FRAME]], UpstreamInvalid),
        ([SHORT, NotFound("deleted meanwhile")], NotFound),
        ([SHORT, [b"?" + FRAME[1:]]], UpstreamInvalid),
        ([SHORT, [FRAME[:140], b"?" + FRAME[141:]]], UpstreamInvalid),
        ([SHORT, [FRAME, b"more"]], UpstreamInvalid),
    ],
)
def test_what_is_not_the_frame_is_whole_for_nobody(tries, error):
    async def scenario():
        frames = [one if isinstance(one, Exception) else sent(*one) for one in tries]
        upstream = Upstream(*frames, sent(FRAME))
        followers = [upstream.follow() for _ in range(3)]
        got = bytearray()
        with pytest.raises(error):
            await gather(followers[0], got)
        assert len(got) < len(FRAME)
        with pytest.raises(error):
            await followers[1].whole()
        for follower in followers:
            await follower.aclose()
        await settle()
        assert upstream.kept == {}
        assert len(upstream.opened) == len(tries)
        assert await read(upstream.follow()) == FRAME

    run(scenario)


@pytest.mark.parametrize("failure", [NotFound("no such frame"), UpstreamUnavailable("away")])
def test_a_frame_that_cannot_be_had_is_asked_for_again(failure):
    async def scenario():
        upstream = Upstream(failure, sent(FRAME))
        askers = [upstream.follow() for _ in range(2)]
        for asker in askers:
            with pytest.raises(type(failure)):
                await asker.length()
        assert await read(upstream.follow()) == FRAME
        for asker in askers:
            await asker.aclose()
        assert len(upstream.opened) == 2

    run(scenario)


@pytest.mark.parametrize(("received", "kept"), [(0, False), (100, False), (101, True)])
def test_what_becomes_of_a_frame_when_all_have_left(received, kept):
    async def scenario():
        frame = Frame(len(FRAME))
        upstream = Upstream(frame, sent(FRAME))
        followers = [upstream.follow(), upstream.follow()]
        frame.send(FRAME[:received])
        await settle()
        await followers[0].aclose()
        await followers[0].aclose()  # leaving twice is leaving once
        await settle()
        assert not frame.closed
        await followers[1].aclose()
        await settle()
        assert frame.closed is not kept
        frame.send(FRAME[received:], None)
        assert await read(upstream.follow()) == FRAME
        await settle()
        assert len(upstream.opened) == (1 if kept else 2)
        assert upstream.kept == {"key": FRAME}
        assert len(upstream.arrivals) == 0

    run(scenario)


def test_what_is_kept_elsewhere_is_not_fetched():
    async def scenario():
        upstream = Upstream(kept=FRAME)
        follower = upstream.follow()
        assert await follower.length() == len(FRAME)
        assert await read(follower) is not None
        assert (upstream.opened, upstream.kept) == ([], {})

    run(scenario)


def test_work_ahead_without_room_is_asked_for_anew_by_who_waits():
    async def scenario():
        upstream = Upstream(NotNow("busy"), sent(FRAME))
        ahead = upstream.follow(Urgency.AHEAD)
        await asyncio.sleep(0)
        waiting = upstream.follow()
        assert await read(waiting) == await read(ahead) == FRAME
        assert upstream.opened == [Urgency.AHEAD, Urgency.WAITING]

    run(scenario)


def test_work_ahead_without_room_is_refused():
    async def scenario():
        upstream = Upstream(NotNow("busy"))
        ahead = upstream.follow(Urgency.AHEAD)
        with pytest.raises(NotNow):
            await ahead.whole()
        await ahead.aclose()
        assert upstream.opened == [Urgency.AHEAD]

    run(scenario)


GOOD = Seal(len(FRAME), zlib.crc32(FRAME))
DAMAGED = FRAME[:77] + b"?" + FRAME[78:]


@pytest.mark.parametrize(
    ("seal", "bodies", "good"),
    [
        (GOOD, [FRAME], True),
        (Seal(0, GOOD.checksum), [FRAME], True),
        (GOOD, [DAMAGED, FRAME], False),
        (GOOD, [DAMAGED, DAMAGED], True),  # so it is stored, and the metadata are of other bytes
        (Seal(400, GOOD.checksum), [FRAME, FRAME], True),
        (Seal(400, 5), [FRAME, UpstreamUnavailable("away")], False),
    ],
)
def test_a_frame_is_verified_before_its_last_byte_goes_out(seal, bodies, good, caplog):
    async def scenario():
        frames = [one if isinstance(one, Exception) else sent(one[:90], one[90:]) for one in bodies]
        upstream = Upstream(*frames, seal=seal)
        follower, got = upstream.follow(), bytearray()
        try:
            await gather(follower, got)
        except (UpstreamInvalid, UpstreamUnavailable):
            assert not good
            assert len(got) < len(FRAME)
        else:
            assert good
            assert got == bodies[0]
        await follower.aclose()
        await settle()
        assert upstream.kept == ({"key": bodies[0]} if good else {})
        assert len(upstream.opened) == len(bodies)

    with caplog.at_level(logging.WARNING):
        run(scenario)
    assert bool(caplog.records) == (good and len(bodies) == 2)


def test_closing_ends_all_and_tells_who_follows():
    async def scenario():
        frame = Frame(len(FRAME))
        upstream = Upstream(frame)
        reader = asyncio.create_task(read(upstream.follow()))
        frame.send(FRAME[:180])
        await settle()
        await upstream.arrivals.close()
        with pytest.raises(UpstreamUnavailable):
            await reader
        assert frame.closed
        assert len(upstream.arrivals) == 0

    run(scenario)


def test_a_reader_that_is_cancelled_fails_no_other():
    async def scenario():
        frame = Frame(len(FRAME))
        upstream = Upstream(frame)
        readers = [asyncio.create_task(read(upstream.follow())) for _ in range(3)]
        frame.send(FRAME[:10])
        await settle()
        readers[1].cancel()
        await settle()
        frame.send(FRAME[10:], None)
        assert await asyncio.gather(readers[0], readers[2]) == [FRAME] * 2

    run(scenario)


def test_a_failure_that_nobody_follows_is_not_reported_as_forgotten():
    complaints = []

    async def scenario():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        upstream = Upstream(*[sent(FRAME[:150], UpstreamUnavailable("away")) for _ in range(3)])
        follower = upstream.follow()
        await settle()
        await follower.aclose()
        await settle()
        gc.collect()

    run(scenario)
    assert complaints == []
