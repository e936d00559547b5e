"""Liveness and readiness for whoever operates the gateway."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.telemetry.metrics import CONTENT_TYPE
from gateway.web import context


async def healthz(_: Request) -> Response:
    """The process lives."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """The gateway can serve, if only what it has; 503 with the reason where it cannot."""
    readiness = context.services(request).readiness
    problem = await readiness.problem()
    if problem is None:
        return JSONResponse({"status": "ready"})
    if readiness.serves:
        return JSONResponse({"status": "ready", "reason": problem})
    headers = {"Retry-After": "2"}
    return JSONResponse({"status": "not ready", "reason": problem}, 503, headers)


async def metrics(request: Request) -> Response:
    """What this process has counted, for Prometheus."""
    services = context.services(request)
    await services.sync.measure()
    text = services.metrics.text()
    return Response(text, headers={"Content-Type": CONTENT_TYPE})
