"""A span for each request: route, status and bytes, never a path or a query."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.telemetry import tracing
from gateway.telemetry.tracing import Span, Tracing
from gateway.web import middleware, repeats
from gateway.web.repeats import Ready

_CONTEXT: Final = frozenset({b"traceparent", b"tracestate"})
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"})


class Traces:
    """Pure ASGI middleware; the outermost, so that nothing is left out."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._tracing.request(_method(scope), _headers(scope))
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            with tracing.serving(span):
                await self._app(scope, receive, watched)
        except BaseException as error:
            span.fail(type(error).__name__)
            raise
        finally:
            _end(span, scope, status, size)


def ready(given: Ready, tracing: Tracing | None) -> Ready:
    """``given``, with a span for each answer."""
    if tracing is None:
        return given

    def traced(scope: Scope) -> Sequence[bytes] | None:
        began = time.time_ns()
        pieces = given(scope)
        if pieces is not None:
            span = tracing.request(_method(scope), _headers(scope), began)
            _end(span, scope, 200, repeats.size(pieces))
        return pieces

    return traced


def _end(span: Span, scope: Scope, status: int, size: int) -> None:
    handler = middleware.handler(scope)
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    if path is not None:
        span.note("http.route", path)
    if handler is not None:
        span.note("code.function.name", handler)
    span.note("http.response.status_code", status)
    span.note("http.response.body.size", size)
    if status >= 500:
        span.fail(str(status))
    place = path or handler
    span.end(f"{_method(scope)} {place}" if place else None)


def _method(scope: Scope) -> str:
    """The method, if it is one that is known: a client may have written anything."""
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"


def _headers(scope: Scope) -> Mapping[str, str]:
    return {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in _CONTEXT
    }
