"""Bodies of answers: kept once they are whole, by all of what they follow from."""

import asyncio
from contextlib import aclosing

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.services import answers as module
from tests.unit.services.memory import answers


async def pieces(*found, failure=None):
    for one in found:
        yield one
    if failure:
        raise failure


def run(scenario):
    return asyncio.run(scenario(answers()))


def test_what_went_out_whole_is_kept_by_what_it_follows_from():
    async def scenario(kept):
        sent = [one async for one in kept.kept(pieces(b"[1", b",2]"), "tag", "gzip")]
        found = [await kept.get(*parts) for parts in (("tag", "gzip"), ("tag",), ("tag", "br"))]
        return sent, found, kept.peek("tag", "gzip")

    assert run(scenario) == ([b"[1", b",2]"], [b"[1,2]", None, None], b"[1,2]")


def test_what_fails_or_is_left_is_not_kept():
    async def scenario(kept):
        with pytest.raises(UpstreamUnavailable):
            async for _ in kept.kept(pieces(b"[1", failure=UpstreamUnavailable("away")), "failed"):
                pass
        async with aclosing(kept.kept(pieces(b"[1", b"]"), "left")) as source:
            await anext(source)
        return await kept.get("failed"), await kept.get("left")

    assert run(scenario) == (None, None)


def test_what_is_too_large_or_empty_goes_out_and_is_not_kept(monkeypatch):
    monkeypatch.setattr(module, "_LARGEST", 3)

    async def scenario(kept):
        sent = [one async for one in kept.kept(pieces(b"12", b"34", b"5"), "large")]
        await kept.put(b"", "empty")
        await kept.put(b"1234", "put")
        return sent, [await kept.get(name) for name in ("large", "empty", "put")]

    assert run(scenario) == ([b"12", b"34", b"5"], [None] * 3)
