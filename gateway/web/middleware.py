"""Pure ASGI middleware: a request's line in the log, and a plain answer where a handler breaks."""

import itertools
import logging
import secrets
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.telemetry import logs, tracing
from gateway.telemetry.requests import Requests
from gateway.web.errors import problem

_log = logging.getLogger(__name__)

_PROCESS: Final = secrets.token_hex(10)
_numbers = itertools.count()
_EMBEDDABLE: Final = (b"cross-origin-resource-policy", b"cross-origin")


def identifier() -> str:
    """A name for a request that no other has, in whatever process: 32 hexadecimal digits."""
    return f"{_PROCESS}{next(_numbers):012x}"


def handler(scope: Scope) -> str | None:
    """The name of the handler that a request was led to, or an answer that is given again."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        given: str | None = scope.get("handled")
        return given
    return f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__qualname__}"


def log(
    request: str, method: str, handler: str | None, status: int, size: int, started: float
) -> None:
    """The line of one request, which began at ``started`` by the performance counter."""
    fields = {
        "request": request,
        "method": method,
        "handler": handler,
        "status": status,
        "bytes": size,
        "seconds": round(time.perf_counter() - started, 4),
    }
    if trace := tracing.trace():
        fields["trace"] = trace
    logs.info(_log, "request", fields)


class RequestLog:
    """Logs method, handler, status, bytes and time, never a path: paths carry identifiers.

    Also says that answers may be embedded by pages of other origins, as viewers need it.
    """

    def __init__(self, app: ASGIApp, requests: Requests | None = None) -> None:
        self._app = app
        self._requests = requests or Requests()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = identifier()
        logs.REQUEST.set(request_id)
        started = time.perf_counter()
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), own, _EMBEDDABLE]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            _log.exception("request_failed", extra={"request": request_id})
            if status:
                raise  # headers are out: the connection has to break
            detail = "The gateway failed; its log has the details under this request's X-Request-Id"
            await problem(500, detail)(scope, receive, watched)
        finally:
            name = handler(scope)
            self._requests.count(name, status, size, time.perf_counter() - started)
            log(request_id, scope["method"], name, status, size, started)
