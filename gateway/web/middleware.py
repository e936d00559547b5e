"""Pure ASGI middleware: a request's line in the log, and a plain answer where a handler breaks."""

import logging
import time
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.errors import problem

_log = logging.getLogger(__name__)


class RequestLog:
    """Logs method, handler, status, bytes and time, never a path: paths carry identifiers.

    Also says that answers may be embedded by pages of other origins, as viewers need it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex
        started = time.perf_counter()
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"
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
            endpoint = scope.get("endpoint")
            module = getattr(endpoint, "__module__", "").rpartition(".")[2]
            handler = f"{module}.{endpoint.__qualname__}" if endpoint else None
            _log.info(
                "request",
                extra={
                    "request": request_id,
                    "method": scope["method"],
                    "handler": handler,
                    "status": status,
                    "bytes": size,
                    "seconds": round(time.perf_counter() - started, 4),
                },
            )
