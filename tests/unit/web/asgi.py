"""One request, driven through an ASGI application by raw messages."""

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import httpx

HOST = "gateway.example"


def scope(target: str, method: str = "GET", **changes: Any) -> dict[str, Any]:
    """The scope of a request for ``target``; ``headers`` are pairs of text."""
    path, _, query = target.partition("?")
    headers = dict(changes.pop("headers", ()))
    headers.setdefault("host", HOST)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50000),
        "state": {},
        **changes,
    }


async def drive(app: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages that ``app`` sends; what it raises is raised."""
    sent: list[dict[str, Any]] = []
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(request, receive, send)
    return sent


def answer(messages: Iterable[dict[str, Any]]) -> httpx.Response:
    """The messages as a response that was read to its end."""
    start, *rest = messages
    assert start["type"] == "http.response.start"
    assert [one["type"] for one in rest] == ["http.response.body"] * len(rest)
    assert [one.get("more_body", False) for one in rest] == [True] * (len(rest) - 1) + [False]
    body = b"".join(one.get("body", b"") for one in rest)
    # Given as a stream, so that no header is added to those of the application.
    stream = httpx.ByteStream(body)
    response = httpx.Response(start["status"], headers=start["headers"], stream=stream)
    response.read()
    return response


async def fetch(app: Any, target: str, method: str = "GET", **changes: Any) -> httpx.Response:
    """The answer to one request."""
    return answer(await drive(app, scope(target, method, **changes)))


def get(app: Any, target: str, **headers: str) -> httpx.Response:
    """The answer to one GET, in an event loop of its own."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return asyncio.run(fetch(app, target, headers=named))
