"""Whatever was begun for an answer has ended with it: generators, and what they work ahead on."""

import asyncio
import sys
from contextlib import contextmanager

import pytest

from gateway.app import create_app
from gateway.errors import UpstreamUnavailable
from gateway.web import uri
from tests.unit.services.memory import settings
from tests.unit.services.rendering import SERIES, SOP, STUDY, image, stored
from tests.unit.web import asgi

ROOT = f"/dicomweb/studies/{STUDY}"
BASE = f"{ROOT}/series/{SERIES}/instances/{SOP}"
URI = f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={SOP}"
STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
ANSWERS = {
    "one value": (f"{BASE}/bulkdata/7FE00010", "application/octet-stream"),
    "one value in an envelope": (f"{BASE}/bulkdata/7FE00010", STORED),
    "values": (f"{ROOT}/bulkdata", STORED),
    "pixel data": (f"{ROOT}/pixeldata", STORED),
    "frames": (f"{BASE}/frames/1,2,3", STORED),
    "frame": (f"{BASE}/frames/1", "application/octet-stream"),
    "file": (BASE, "application/dicom"),
    "files": (ROOT, "multipart/related; type=application/dicom"),
    "archive": (ROOT, "application/zip"),
    "metadata": (f"{ROOT}/metadata", "application/dicom+json"),
    "pictures": (f"{BASE}/rendered", 'multipart/related; type="image/png"'),
    "pictures of a study": (f"{ROOT}/rendered", 'multipart/related; type="image/png"'),
    "picture": (f"{BASE}/rendered", "image/png"),
    "picture of a study": (f"{ROOT}/rendered", "image/png"),
    "file by query": (f"{URI}&contentType=application/dicom", ""),
}
WAYS = {
    "whole": {},
    "head": {"method": "HEAD"},
    "part": {"range": "bytes=0-7"},
    "parts": {"range": "bytes=0-7,9-15"},
    "none of it": {"range": "bytes=99999999-"},
    "another": {"if-match": '"another"'},
    "known": {"if-none-match": "*"},
    "head of a known one": {"if-none-match": "*", "method": "HEAD"},
}


@pytest.fixture(autouse=True)
def streamed(monkeypatch):
    """Files of ten kilobytes are large enough to go out piece by piece."""
    monkeypatch.setattr(uri, "_WHOLE", 5_000)


@contextmanager
def watched():
    """The asynchronous generators that begin meanwhile, kept so that nobody else ends them."""
    begun = []
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(begun.append, before.finalizer)
    try:
        yield begun
    finally:
        sys.set_asyncgen_hooks(*before)


async def left(begun):
    """Those that have not ended, after all has had its turn."""
    for _ in range(20):
        await asyncio.sleep(0)
    return [one.__qualname__ for one in begun if one.ag_frame is not None]


def app_of(**changes):
    return create_app(settings(**changes), stored(image(frames=9), image(f"{SOP}.2", 2)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_leaves_nothing_behind(name, way):
    target, accept = ANSWERS[name]
    given = {"accept": accept, **WAYS[way]}
    method = given.pop("method", "GET")

    async def scenario():
        app = app_of()
        with watched() as begun:
            await asgi.drive(app, asgi.scope(target, method, headers=given))
            assert await left(begun) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_client_that_leaves_leaves_nothing_behind(name, after):
    target, accept = ANSWERS[name]

    async def scenario():
        app, sent, gone = app_of(), [], asyncio.Event()
        if not after:
            gone.set()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if len(sent) >= after:
                gone.set()
            await asyncio.sleep(0)

        request = asgi.scope(target, headers={"accept": accept})
        with watched() as begun:
            await asyncio.wait_for(app(request, receive, send), 10)
            assert await left(begun) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["values", "one value", "files", "pictures"])
def test_an_answer_that_cannot_be_finished_leaves_nothing_behind(name, monkeypatch):
    target, accept = ANSWERS[name]

    async def away(*_):
        raise UpstreamUnavailable("away")

    async def scenario():
        app = app_of(image_set_policy="flag")
        monkeypatch.setattr(app.state.services.library, "secondary", away)
        with watched() as begun:
            response = await asgi.fetch(app, target, headers={"accept": accept})
            assert response.status_code == 503
            assert await left(begun) == []

    asyncio.run(scenario())


def test_a_large_file_by_query_is_the_file():
    async def scenario():
        app = app_of()
        large = await asgi.fetch(app, ANSWERS["file by query"][0])
        assert "content-length" not in large.headers
        accept = {"accept": ANSWERS["file"][1]}
        assert large.content == (await asgi.fetch(app, BASE, headers=accept)).content

    asyncio.run(scenario())
