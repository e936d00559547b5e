"""Ranges of frames and bulk data: 206, 416, several parts, and when a Range does not count."""

import asyncio
import base64

import pytest
from starlette.routing import Route

from gateway.app import create_app
from gateway.web import entities
from gateway.web.entities import Freshness
from gateway.web.streams import Stream
from tests.unit.services.memory import (
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

INSTANCE = "/dicomweb/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
FRAME = bytes(range(8))
BULK = bytes(range(256)) * 8
BODIES = {f"{INSTANCE}/frames/1": FRAME, f"{INSTANCE}/bulkdata/00282000": BULK}
SINGLE = "application/octet-stream"
each = pytest.mark.parametrize("path", BODIES)


@pytest.fixture
def app():
    remote = MemoryHealthImaging()
    icc = base64.b64encode(BULK).decode()
    one = instance("1.2.3.1.1", 1, frames=[FRAME], ICCProfile=icc, **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", one))
    return create_app(settings(), remote)


def ask(app, path, method="GET", accept=SINGLE, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(asgi.fetch(app, path, method, headers={"accept": accept, **named}))


@each
@pytest.mark.parametrize(
    ("header", "part"),
    [("bytes=0-3", slice(0, 4)), ("bytes=4-", slice(4, None)), ("bytes=-3", slice(-3, None)),
     ("bytes=0-", slice(None)), ("bytes=2-9999", slice(2, None)), ("bytes=7-7", slice(7, 8))],
)  # fmt: skip
def test_a_range_is_a_part_of_the_body(app, path, header, part):
    whole, response = ask(app, path), ask(app, path, range=header)
    assert whole.headers["accept-ranges"] == "bytes"
    assert (response.status_code, response.content) == (206, BODIES[path][part])
    assert int(response.headers["content-length"]) == len(response.content)
    first, last, _ = part.indices(len(BODIES[path]))
    expected = f"bytes {first}-{last - 1}/{len(BODIES[path])}"
    assert response.headers["content-range"] == expected
    for name in ("etag", "cache-control", "content-type", "vary"):
        assert response.headers[name] == whole.headers[name]


@each
def test_several_ranges_are_parts_that_say_where_they_are_from(app, path):
    content = BODIES[path]
    response = ask(app, path, range="bytes=1-2, -1")
    kind, _, mark = response.headers["content-type"].partition("; boundary=")
    assert (response.status_code, kind) == (206, "multipart/byteranges")
    assert int(response.headers["content-length"]) == len(response.content)
    part_type = ask(app, path).headers["content-type"]
    last = len(content) - 1
    expected = b""
    for a, b in ((1, 2), (last, last)):
        place = f"Content-Range: bytes {a}-{b}/{len(content)}"
        expected += f"--{mark}\r\nContent-Type: {part_type}\r\n{place}\r\n\r\n".encode()
        expected += content[a : b + 1] + b"\r\n"
    assert response.content == expected + f"--{mark}--\r\n".encode()
    assert "content-range" not in response.headers


@each
@pytest.mark.parametrize("header", ["bytes=5000-", "bytes=-0", "bytes=5000-6000,9000-"])
def test_what_the_body_does_not_have_is_416(app, path, header):
    response = ask(app, path, range=header)
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(BODIES[path])}"
    assert response.headers["content-type"] == "application/problem+json"


@each
@pytest.mark.parametrize("header", ["bytes=3-1", "frames=1-2", "nonsense", "bytes=0-,0-,0-", ""])
def test_a_range_that_makes_no_sense_is_not_obeyed(app, path, header):
    response = ask(app, path, range=header)
    assert (response.status_code, response.content) == (200, BODIES[path])


@each
def test_if_range_decides_whether_a_range_counts(app, path):
    tag = ask(app, path).headers["etag"]
    for header, status in ((tag, 206), ('"x"', 200), (f"W/{tag}", 200), ("Sat, 01 Jan 2000", 200)):
        response = ask(app, path, range="bytes=0-3", if_range=header)
        assert response.status_code == status, header
        assert response.content == BODIES[path][:4] if status == 206 else BODIES[path]
    assert ask(app, path, range="bytes=9999-", if_range='"x"').status_code == 200


@each
def test_conditions_come_before_ranges(app, path):
    tag = ask(app, path).headers["etag"]
    assert ask(app, path, range="bytes=0-3", if_none_match=tag).status_code == 304
    assert ask(app, path, range="bytes=0-3", if_match='"x"').status_code == 412


@each
def test_a_range_is_nothing_to_head(app, path):
    head = ask(app, path, "HEAD", range="bytes=0-3")
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(BODIES[path]))
    assert head.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    "path",
    ["/dicomweb/studies", "/dicomweb/studies/1.2.3/metadata", "/dicomweb/studies/1.2.3", "/"],
)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_text_and_streams_go_out_whole(app, path, coding):
    headers = {"range": "bytes=0-3", "accept_encoding": coding}
    response = ask(app, path, accept="*/*", **headers)
    assert response.status_code == 200
    assert len(response.content) > 4
    assert "accept-ranges" not in response.headers


class Source:
    """Pieces of a body of which it is told how many were taken, and that they were done with."""

    def __init__(self, *pieces):
        self.pieces, self.taken, self.closed = pieces, 0, False

    async def __aiter__(self):
        for piece in self.pieces:
            self.taken += 1
            yield piece

    async def aclose(self):
        self.closed = True


def ask_stream(header, *pieces, length=None):
    """The answer to a Range of a stream, and its source."""
    source = Source(*pieces)
    known = {} if length is None else {"Content-Length": str(length)}

    async def handler(request):
        return entities.immutable(request, "one") or Stream(source, "video/mp4", known)

    app = create_app(settings(), MemoryHealthImaging())
    app.router.routes.append(Route("/x", entities.served(handler, Freshness.MADE)))
    return asyncio.run(asgi.fetch(app, "/x", headers={"range": header})), source


@pytest.mark.parametrize(
    ("header", "content", "taken"),
    [
        ("bytes=0-", b"abcdefghi", 4),
        ("bytes=0-1", b"ab", 1),
        ("bytes=0-2", b"abc", 1),
        ("bytes=2-3", b"cd", 3),
        ("bytes=3-5", b"def", 3),
        ("bytes=4-4", b"e", 3),
        ("bytes=-1", b"i", 4),
        ("bytes=1-99", b"bcdefghi", 4),
    ],
)
def test_a_stream_of_a_known_length_is_cut(header, content, taken):
    response, source = ask_stream(header, b"abc", b"", b"def", b"ghi", length=9)
    assert (response.status_code, response.content) == (206, content)
    assert response.headers["content-length"] == str(len(content))
    first = b"abcdefghi".index(content)
    expected = f"bytes {first}-{first + len(content) - 1}/9"
    assert response.headers["content-range"] == expected
    assert (source.taken, source.closed) == (taken, True)


def test_what_a_stream_does_not_have_is_416_and_nothing_is_made():
    response, source = ask_stream("bytes=9-", b"abc", b"def", b"ghi", length=9)
    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */9")
    assert (source.taken, source.closed) == (0, True)


@pytest.mark.parametrize(("header", "length"), [("bytes=0-1,4-5", 9), ("bytes=0-1", None)])
def test_a_stream_goes_out_whole_for_several_ranges_or_without_a_length(header, length):
    response, source = ask_stream(header, b"abc", b"def", b"ghi", length=length)
    assert (response.status_code, response.content) == (200, b"abcdefghi")
    assert source.closed


def test_parts_of_an_envelope_fit_together_again(app):
    path, accept = f"{INSTANCE}/frames/1", 'multipart/related; type="application/octet-stream"'
    whole = ask(app, path, accept=accept)
    half = len(whole.content) // 2
    tag = whole.headers["etag"]
    pieces = [
        ask(app, path, accept=accept, range=header, if_range=tag).content
        for header in (f"bytes=0-{half - 1}", f"bytes={half}-")
    ]
    assert b"".join(pieces) == whole.content
