"""The dispatcher finds what Starlette's own router finds, for every path and method."""

import asyncio
import itertools
import re

import pytest
from starlette.routing import Route, Router

from gateway.web.dispatch import Dispatcher
from gateway.web.routes import routes
from tests.unit.web import asgi

WORDS = ("studies", "series", "instances", "frames", "rendered", "bulkdata", "metadata")
TABLE = [one.path for one in routes()]
FILLED = [re.sub(r"\{[^}]*\}", "1.2", path) for path in TABLE]
ODD = [
    *(f"{path}/" for path in FILLED),
    *(f"{path}\n" for path in FILLED),
    *(path.replace("1.2", "", 1) for path in FILLED),
    *(path.replace("1.2", word) for path in FILLED for word in WORDS),
    *(f"/dicomweb/{'/'.join(words)}" for words in itertools.permutations(WORDS, 3)),
    "/dicomweb/studies/1/series/2/instances/3/bulkdata/4/5/frames/6",
    "/dicomweb/studies/1/series/2/instances/3/bulkdata/rendered",
    "",
    "//",
    "/dicomweb//studies",
]


async def nothing(scope, receive, send):
    """Ends the lifespan."""


def found(router, path, method="GET", root_path=""):
    """The endpoint, its parameters, and the status of an answer that is none of a route."""
    made = asgi.scope("/", method, path=path, root_path=root_path)
    sent = asyncio.run(asgi.drive(router, made))
    return made.get("endpoint"), made.get("path_params"), sent[0]["status"] if sent else None


@pytest.fixture(scope="module")
def routers():
    """The dispatcher and Starlette's router over the same routes, which answer nothing."""
    made = routes()
    for route in made:
        route.app = nothing
    return Dispatcher(made, None), Router(made, redirect_slashes=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_finds_what_starlette_finds(routers, method):
    ours, theirs = routers
    for path in FILLED + ODD:
        assert found(ours, path, method) == found(theirs, path, method), path


def test_a_root_path_is_respected(routers):
    ours, theirs = routers
    for path in FILLED:
        rooted = f"/proxied{path}"
        assert found(ours, rooted, root_path="/proxied") == found(
            theirs, rooted, root_path="/proxied"
        )


def test_the_routes_of_the_table_are_found_by_their_words(routers, monkeypatch):
    ours, _ = routers

    async def scanned(*_):
        raise AssertionError

    monkeypatch.setattr(Router, "app", scanned)
    for template, path in zip(TABLE, FILLED, strict=True):
        if ":path}" not in template:
            assert found(ours, path)[0] is not None


def test_routes_of_a_longer_reach_keep_their_place():
    async def endpoint(_):
        """Is never called."""

    made = [Route("/a/{rest:path}", endpoint, name="first"), Route("/a/b", endpoint, name="second")]
    for route in made:
        route.app = nothing
    scope = asgi.scope("/a/b")
    asyncio.run(asgi.drive(Dispatcher(made, None), scope))
    assert scope["route"].name == "first"
