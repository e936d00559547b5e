"""Documents that others have written: none runs in the name of the gateway's origin."""

import asyncio
import base64

import pytest

from gateway.app import create_app
from tests import multipart
from tests.unit.services.memory import instance, settings
from tests.unit.services.rendering import PDF, SERIES, SOP, STUDY, image, report, stored
from tests.unit.web import asgi

CONTENT = b"<script>alert(document.domain)</script>"
BASE = f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{SOP}"
URI = f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={SOP}"
ROUTES = {
    "bulk data": f"{BASE}/bulkdata/00420011",
    "rendered": f"{BASE}/rendered",
    "uri": f"{URI}&contentType=*/*",
}
KINDS = {
    "text/html": ("text/html", "sandbox"),
    "image/svg+xml": ("image/svg+xml", "sandbox"),
    "application/xhtml+xml": ("application/xhtml+xml", "sandbox"),
    "TEXT/X-HTML_1": ("text/x-html_1", "sandbox"),
    "application/pdf": ("application/pdf", None),
    "text/html; charset=utf-8": ("application/octet-stream", None),
    "": ("application/octet-stream", None),
}


def held(kind):
    document = {
        **PDF,
        "EncapsulatedDocument": base64.b64encode(CONTENT).decode(),
        "MIMETypeOfEncapsulatedDocument": kind,
    }
    return create_app(settings(), stored(instance(SOP, **document)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_document_runs_nothing_in_the_name_of_the_gateway(route, kind):
    app = held(kind)
    media_type, policy = KINDS[kind]

    async def answers():
        first = await asgi.fetch(app, ROUTES[route])
        again = await asgi.fetch(app, ROUTES[route])
        head = await asgi.fetch(app, ROUTES[route], "HEAD")
        part = await asgi.fetch(app, ROUTES[route], headers={"range": "bytes=0-7"})
        return first, again, head, part

    first, again, head, part = asyncio.run(answers())
    assert first.content == again.content == CONTENT
    for answer in (first, again, head, part):
        assert answer.headers["content-type"] == media_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers.get("content-security-policy") == policy


@pytest.mark.parametrize("route", ["bulk data", "rendered"])
def test_a_document_in_an_envelope_says_what_it_is(route):
    envelope = 'multipart/related; type="text/html"'
    answer = asgi.get(held("text/html"), ROUTES[route], accept=envelope)
    [part] = multipart.parse(answer)
    assert (part.type, part.content) == ("text/html", CONTENT)


def test_pixels_as_a_value_are_bytes_to_every_browser():
    app = create_app(settings(), stored(image(frames=2)))
    wanted = {"accept": "application/octet-stream"}
    answer = asgi.get(app, f"{BASE}/bulkdata/7FE00010", **wanted)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in answer.headers


@pytest.mark.parametrize("route", ["rendered", "uri"])
def test_what_the_gateway_writes_itself_needs_no_sandbox(route):
    page = create_app(settings(), stored(report(SOP, ValueType="CONTAINER")))
    answer = asgi.get(page, ROUTES[route], accept="text/html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-security-policy" not in answer.headers
