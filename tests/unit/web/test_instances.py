"""Part 10 files as HTTP: what is small goes out with what follows it."""

import asyncio

import pytest

from gateway.web import instances as module


def gathered(*pieces):
    closed = []

    async def source():
        try:
            for one in pieces:
                yield one
        finally:
            closed.append(True)

    async def scenario():
        return [one async for one in module._gathered(source())]

    found = asyncio.run(scenario())
    assert closed
    assert b"".join(found) == b"".join(pieces)
    return [len(one) for one in found]


@pytest.mark.parametrize(
    ("sizes", "sent"),
    [
        ([3, 5, 90, 4, 2, 90, 1], [8, 90, 6, 90, 1]),
        ([90, 90], [90, 90]),
        ([6, 6, 6, 6], [12, 6, 6]),
        ([1], [1]),
        ([], []),
    ],
)
def test_small_pieces_go_out_together_and_large_ones_as_they_are(monkeypatch, sizes, sent):
    monkeypatch.setattr(module, "_SMALL", 10)
    assert gathered(*(bytes([number]) * size for number, size in enumerate(sizes))) == sent
