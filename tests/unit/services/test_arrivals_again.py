"""Frames that break off on their way: what is given out goes on as if they had not."""

import asyncio
import zlib

import pytest

from gateway.errors import UpstreamInvalid
from gateway.imagesets.document import Seal
from tests.unit.services.test_arrivals import (
    AWAY,
    FRAME,
    SHORT,
    Frame,
    Upstream,
    read,
    run,
    sent,
    settle,
)


@pytest.mark.parametrize(
    "tries",
    [
        [SHORT],
        [[FRAME[:10], AWAY]],
        [[AWAY]],
        [[FRAME, AWAY]],
        [[FRAME[:150], AWAY], [FRAME[:20], AWAY]],
        [[FRAME[:20]], [FRAME[:10], FRAME[10:150], AWAY]],
    ],
)
@pytest.mark.parametrize("seal", [None, Seal(len(FRAME), zlib.crc32(FRAME))])
@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_frame_that_breaks_off_goes_on_behind_what_was_given(tries, seal, size):
    async def scenario():
        pieces = [FRAME[at : at + size] for at in range(0, len(FRAME), size)]
        frames = [sent(*one) for one in tries]
        upstream = Upstream(*frames, sent(*pieces), seal=seal)
        followers = [upstream.follow() for _ in range(2)]
        assert await asyncio.gather(*map(read, followers)) == [FRAME, FRAME]
        await settle()
        assert len(upstream.opened) == len(tries) + 1
        assert upstream.kept == {"key": FRAME}
        assert all(frame.closed for frame in frames)

    run(scenario)


def test_a_frame_of_another_length_is_another_frame():
    async def scenario():
        upstream = Upstream(sent(*SHORT), Frame(len(FRAME) + 1))
        follower = upstream.follow()
        with pytest.raises(UpstreamInvalid, match="length"):
            await follower.whole()
        await follower.aclose()

    run(scenario)


@pytest.mark.parametrize(
    ("again", "whole"), [(FRAME, True), (FRAME[:150], True), (FRAME[:149], False)]
)
def test_a_frame_whose_length_nobody_says_goes_on_as_well(again, whole):
    async def scenario():
        first, second = Frame(None), Frame(None)
        first.send(FRAME[:150], AWAY)
        second.send(again, None)
        follower = Upstream(first, second).follow()
        if whole:
            assert await follower.whole() == again
        else:
            with pytest.raises(UpstreamInvalid):
                await follower.whole()
        await follower.aclose()

    run(scenario)
