"""The gateway's application: the only place where its parts are put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.auth import trails
from gateway.auth.access import Access, access
from gateway.auth.trail import Trail
from gateway.cache.tiers import Tiers
from gateway.catalog.reader import Reader
from gateway.errors import GatewayError
from gateway.framing import Limits
from gateway.remote.api import HealthImaging
from gateway.remote.client import HealthImagingClient
from gateway.remote.permissions import Permissions
from gateway.services import bounds, passthrough
from gateway.services.answers import Answers
from gateway.services.archives import Archives
from gateway.services.bulkdata import BulkData
from gateway.services.cataloged import Cataloged
from gateway.services.compute import Compute
from gateway.services.frames import Frames
from gateway.services.indexes import place
from gateway.services.instances import Instances
from gateway.services.library import Library
from gateway.services.metadata import Metadata
from gateway.services.pixeldata import PixelData
from gateway.services.prefetch import Prefetch
from gateway.services.readiness import Progress, Readiness
from gateway.services.rendered import Rendered
from gateway.services.search import Search
from gateway.services.sync import Sync
from gateway.services.uri import Uri
from gateway.services.viewer import Viewer
from gateway.settings import GatewaySettings
from gateway.telemetry import tracing
from gateway.telemetry.calls import Calls
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.refusals import Load
from gateway.telemetry.requests import Requests
from gateway.telemetry.tracing import Tracing
from gateway.web import auditing, traces
from gateway.web.auditing import Auditing
from gateway.web.compression import Compression
from gateway.web.context import Services
from gateway.web.dispatch import Dispatcher
from gateway.web.entities import fingerprint
from gateway.web.errors import on_gateway_error, on_http_exception
from gateway.web.guard import Guard, Guarding
from gateway.web.limiting import Limiter, Limiting
from gateway.web.middleware import RequestLog
from gateway.web.repeats import Memory, Ready, Repeats
from gateway.web.routes import resources, routes
from gateway.web.traces import Traces

_EXPOSED = (
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "ETag",
    "Frame-Columns",
    "Frame-Rows",
    "Retry-After",
    "WWW-Authenticate",
    "Warning",
    "X-Request-Id",
    "X-Total-Count",
)

_QUEUED = 64  # requests on a connection that wait for another


class Application(Starlette):
    """Starlette, with what its server asks for: answers at hand, limits, whom to tell the end."""

    ready: Ready
    limits: Limits
    parting: Callable[[], None]


def create_app(
    settings: GatewaySettings,
    remote: HealthImaging | None = None,
    progress: Progress | None = None,
) -> Application:
    """The ASGI application.

    ``remote`` is HealthImaging, by default the one that ``settings`` and AWS's credential chain
    lead to; ``progress`` says what keeps the gateway from being ready beside that.
    """
    metrics = Metrics(CollectorRegistry())
    tiers = Tiers(settings, metrics)
    remote = remote or HealthImagingClient(settings)
    metrics.registry.register(Calls(remote.report))
    library = Library(remote, settings, tiers)
    where = place(settings)
    sync = Sync(remote, where, settings, metrics)
    catalog = Cataloged(Reader(where.database), sync, settings) if where else None
    library.missed = sync.suspect
    allowed = _access(settings, library)
    compute = Compute(settings.decode_threads)
    frames = Frames(library, compute, settings.fetch_ahead)
    prefetch = Prefetch(library, settings)
    instances = Instances(library, compute, settings.fetch_ahead, bounds.of(settings))
    rendered = Rendered(library, compute, settings, metrics)
    maker = fingerprint(settings)
    answers = Answers(tiers, maker)
    services = Services(
        settings,
        library,
        Search(library, compute, settings, answers, catalog),
        Metadata(library, compute, settings.inline_limit),
        instances,
        frames,
        prefetch,
        BulkData(library, compute, PixelData(frames), settings.inline_limit, settings.fetch_ahead),
        Archives(compute),
        rendered,
        Uri(library, instances, rendered, settings.viewport_max_side),
        Readiness(library, settings.datastore_id, progress),
        maker,
        metrics,
        answers,
        sync,
        Viewer(settings.viewer_dir),
    )

    traced, trail = tracing.made(settings), trails.made(settings, metrics, library.patient)
    parts = (catalog, sync, prefetch, library, tiers, compute, allowed)

    @asynccontextmanager
    async def lifespan(_: Dispatcher) -> AsyncIterator[None]:
        sync.start()
        async with tracing.running(traced), trails.running(trail):
            yield
        for part in parts:
            if part is not None:
                await part.close()

    guarding = Guarding(allowed) if allowed is not None else None
    memory = Memory(library, requests=metrics.requests, guarding=guarding)
    limiter = _limiter(settings, metrics)
    logged = partial(_as_others, settings, metrics.requests)
    app = Application(
        middleware=[
            *_watched(settings, traced, trail),
            *([Middleware(Guard, access=allowed)] if allowed is not None else []),
            Middleware(Limiting, limiter=limiter, around=logged),
            Middleware(Repeats, memory=memory),
            _cors(settings),
            Middleware(RequestLog, requests=metrics.requests),
            Middleware(Compression, run=compute.run, answers=answers),
        ],
        exception_handlers={GatewayError: on_gateway_error, HTTPException: on_http_exception},
    )
    app.router = Dispatcher(routes(), lifespan)
    ready = auditing.ready(
        memory.behind_guard(limiter.ready(memory.ready)), trail, settings.trusted_proxies
    )
    app.ready = traces.ready(ready, traced)
    app.limits = _limits(settings)
    app.parting = services.readiness.end
    app.state.access = allowed
    app.state.services = services
    app.state.resources = resources()
    return app


def _limiter(settings: GatewaySettings, metrics: Metrics) -> Limiter:
    made = Limiter(settings, Load())
    metrics.registry.register(made.load)
    return made


def _access(settings: GatewaySettings, library: Library) -> Access | None:
    """What guards the gateway; with pass-through, HealthImaging has to agree."""
    made = access(settings)
    if made is not None and settings.identity == "pass-through":
        permissions = Permissions(settings)
        made.heed(passthrough.verdicts(permissions, library), permissions.close)
    return made


def _limits(settings: GatewaySettings) -> Limits:
    return Limits(
        url=settings.max_url_kb << 10,
        head=settings.max_head_kb << 10,
        body=settings.max_body_kb << 10,
        answer=settings.max_answer_gb * (1 << 30),
        request_seconds=settings.request_seconds,
        idle_seconds=settings.idle_seconds,
        stall_seconds=settings.stall_seconds,
        answer_seconds=settings.answer_seconds,
        drain_seconds=settings.drain_seconds,
        drain_delay=settings.drain_delay,
        queued=_QUEUED,
        connections=settings.max_connections,
    )


def _as_others(settings: GatewaySettings, requests: Requests, answer: ASGIApp) -> ASGIApp:
    """``answer`` as those of the handlers go out: logged, and read by pages of other origins."""
    cors = _cors(settings)
    made: ASGIApp = cors.cls(RequestLog(answer, requests), *cors.args, **cors.kwargs)
    return made


def _watched(
    settings: GatewaySettings, traced: Tracing | None, trail: Trail | None
) -> list[Middleware]:
    """What sees every request and every answer, where it is on."""
    found = [] if traced is None else [Middleware(Traces, tracing=traced)]
    if trail is not None:
        found.append(Middleware(Auditing, trail=trail, trusted=settings.trusted_proxies))
    return found


def _cors(settings: GatewaySettings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=[origin.strip() for origin in settings.cors_origins.split(",")],
        allow_methods=["GET", "HEAD", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=_EXPOSED,
        max_age=86_400,
    )
