"""Rendered resources over HTTP: headers, parts, and clients that leave."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

from gateway.app import create_app
from gateway.errors import UpstreamUnavailable
from tests import multipart
from tests.unit.services.memory import instance, settings
from tests.unit.services.rendering import PDF, SIZE, image, stored
from tests.unit.web import asgi

SERIES = "/dicomweb/studies/1.2.3/series/1.2.3.1"
BASE = f"{SERIES}/instances/1.2.3.1.1"
ROOT = f"http://{asgi.HOST}"
PARTS = 'multipart/related; type="image/png"'


@pytest.fixture
def remote():
    return stored(image(frames=3))


@pytest.fixture
def app(remote):
    return create_app(settings(), remote)


def opened(content):
    return Image.open(io.BytesIO(content))


def test_a_picture_has_its_type_its_length_and_its_place(app):
    response = asgi.get(app, f"{BASE}/rendered", accept="image/png")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["content-location"] == f"{ROOT}{BASE}/frames/2/rendered"
    assert opened(response.content).size == (SIZE, SIZE)


def test_parts_have_theirs(app):
    response = asgi.get(app, f"{BASE}/rendered", accept=PARTS)
    assert response.headers["content-type"].startswith('multipart/related; type="image/png"')
    parts = multipart.parse(response)
    assert [part.type for part in parts] == ["image/png"] * 3
    for number, part in enumerate(parts, 1):
        assert opened(part.content).size == (SIZE, SIZE)
        place = f"Content-Location: {ROOT}{BASE}/frames/{number}/rendered\r\n"
        assert place.encode() in response.content


def test_the_head_of_a_picture(app):
    for path in ("rendered", "thumbnail"):
        response = asyncio.run(asgi.fetch(app, f"{BASE}/{path}", "HEAD"))
        assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize("path", [SERIES, BASE, f"{BASE}/frames/2", "/dicomweb/studies/1.2.3"])
@pytest.mark.parametrize(
    "header",
    ["image/jpeg", "", 'multipart/related; type="application/octet-stream"', "image/*", PARTS],
)
def test_a_thumbnail_is_one_small_picture_whatever_is_accepted(app, path, header):
    response = asgi.get(app, f"{path}/thumbnail?viewport=16,8", accept=header)
    assert response.status_code == 200
    assert response.headers["content-type"] in ("image/jpeg", "image/png")
    assert opened(response.content).size == (8, 8)


def test_the_size_of_thumbnails_is_a_setting():
    remote = stored(image(), instance("1.2.3.1.2", 2, **PDF))
    app = create_app(settings(thumbnail_side=20), remote)
    for sop in ("1", "2"):
        target = f"{SERIES}/instances/1.2.3.1.{sop}/thumbnail"
        assert opened(asgi.get(app, target).content).size == (20, 20)


def test_the_accept_parameter_wins(app):
    response = asgi.get(app, f"{BASE}/rendered?accept=image%2Fgif", accept="text/html")
    assert response.headers["content-type"] == "image/gif"
    assert opened(response.content).n_frames == 3


def test_annotations_that_are_not_known_are_named_in_a_warning(app):
    response = asgi.get(app, f"{BASE}/rendered?annotation=patient,dose,beam", accept="image/png")
    warning = response.headers["warning"]
    assert warning.startswith("299 ")
    assert "The following annotation values are not supported: dose, beam" in warning
    plain = asgi.get(app, f"{BASE}/rendered?annotation=patient", accept="image/png")
    assert "warning" not in plain.headers
    assert plain.content == response.content
    bare = asgi.get(app, f"{BASE}/rendered", accept="image/png")
    assert not np.array_equal(opened(bare.content), opened(plain.content))


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        (f"{BASE}/rendered?viewport=9000,1", "viewport"),
        (f"{BASE}/rendered?viewport=8,8,32,0", "viewport"),
        (f"{BASE}/rendered?window=1,2", "window"),
        (f"{BASE}/rendered?quality=0", "quality"),
        (f"{BASE}/rendered?annotation=", "annotation"),
        (f"{BASE}/rendered?iccprofile=cmyk", "iccprofile"),
        (f"{BASE}/rendered?accept=image/gif&iccprofile=yes", "iccprofile"),
        (f"{BASE}/rendered?nonsense=1", "nonsense"),
        (f"{BASE}/frames/1,2/thumbnail?quality=50", "quality"),
    ],
)
def test_what_is_wrong_is_400_and_named(app, target, parameter):
    response = asgi.get(app, target)
    assert (response.status_code, response.json()["parameter"]) == (400, parameter)


def test_a_failure_is_answered_before_the_first_part_and_breaks_the_rest():
    remote = stored(image(frames=3))
    remote.failures[f"{0:032x}"] = UpstreamUnavailable("away")
    app = create_app(settings(fetch_ahead=1), remote)
    assert asgi.get(app, f"{BASE}/rendered", accept=PARTS).status_code == 503
    remote.failures.clear()
    remote.failures[f"{2:032x}"] = UpstreamUnavailable("away")
    app = create_app(settings(fetch_ahead=1), remote)
    with pytest.raises(RuntimeError, match="response already started"):
        asgi.get(app, f"{BASE}/rendered", accept=PARTS)


@pytest.mark.parametrize("leaf", ["rendered", "thumbnail"])
def test_a_client_that_leaves_ends_the_work(leaf):
    """All frames of an animation are fetched before anything is sent."""
    remote = stored(image(frames=50))

    async def scenario():
        started, released = asyncio.Event(), asyncio.Event()
        frame, sent = remote.open_frame, []
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def held(*names):
            started.set()
            await released.wait()
            return await frame(*names)

        async def receive():
            for message in messages:
                return message
            await started.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        remote.open_frame = held
        app = create_app(settings(fetch_ahead=2), remote)
        request = asgi.scope(f"{BASE}/{leaf}?accept=image/gif")
        await asyncio.wait_for(app(request, receive, send), 10)
        released.set()
        await asyncio.sleep(0.05)
        return sent

    sent = asyncio.run(scenario())
    assert sent[0]["status"] == 499
    assert remote.count("frame") <= 2
