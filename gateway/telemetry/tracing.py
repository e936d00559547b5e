"""Traces: what a request led to, as far as somebody follows it; next to nothing where nobody does.

OpenTelemetry itself is imported by ``spans`` only, and that only where traces are on. Names and
attributes of spans are routes, actions, statuses and counts, never what was asked for.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Final, Protocol, cast

from gateway.settings import GatewaySettings

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_REQUEST_ID: Final = "x-amzn-requestid"


class Span(Protocol):
    """Something that takes a time; it has to be ended."""

    trace: str | None

    def note(self, name: str, value: str | int) -> None:
        """Say of it that ``name`` is ``value``."""
        ...

    def fail(self, kind: str) -> None:
        """Say that it failed, and by what kind of error."""
        ...

    def call(self, action: str) -> "Span":
        """A call to HealthImaging that is made for it."""
        ...

    def end(self, name: str | None = None) -> None:
        """It is over; ``name`` is what it was, if that is known only now."""
        ...


class Tracing(Protocol):
    """Begins spans, and sends them when they have ended."""

    def request(self, method: str, headers: Mapping[str, str], began: int | None = None) -> Span:
        """A request, part of the trace that its ``headers`` name, if they do.

        ``began`` is in nanoseconds since 1970, now where it is None.
        """
        ...

    def close(self) -> None:
        """Send what is left, and end; blocks."""
        ...


_serving: ContextVar[Span | None] = ContextVar("serving", default=None)
_calling: ContextVar[Span | None] = ContextVar("calling", default=None)


def made(settings: GatewaySettings) -> Tracing | None:
    """The tracing that the settings or OpenTelemetry's own variables ask for; None if none do."""
    if settings.traces_endpoint is None and not any(map(os.environ.get, _ENDPOINTS)):
        return None
    spans = import_module("gateway.telemetry.spans")
    return cast("Tracing", spans.Exported(settings.traces_endpoint, settings.traces_sample))


@asynccontextmanager
async def running(tracing: Tracing | None) -> AsyncIterator[None]:
    """``tracing``, if there is one, until its end."""
    try:
        yield
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


def trace() -> str | None:
    """The identifier of the trace that is followed here, 32 hexadecimal digits."""
    span = _serving.get()
    return None if span is None else span.trace


@contextmanager
def serving(span: Span) -> Iterator[None]:
    """Have calls within belong to ``span``."""
    token = _serving.set(span)
    try:
        yield
    finally:
        _serving.reset(token)


def is_serving() -> bool:
    """Whether a request that is traced leads to what is done here."""
    return _serving.get() is not None


@contextmanager
def calling(action: str, number: int) -> Iterator[Span | None]:
    """Try ``number`` of a call to HealthImaging, from 1; None if no request leads to it."""
    parent = _serving.get()
    if parent is None:
        yield None
        return
    span = parent.call(action)
    if number > 1:
        span.note("http.request.resend_count", number - 1)
    token = _calling.set(span)
    try:
        yield span
    except BaseException as error:
        span.fail(type(error).__name__)
        raise
    finally:
        _calling.reset(token)
        span.end()


def replied(headers: Mapping[str, str]) -> None:
    """HealthImaging has answered the call that is being made; names are in lower case."""
    span = _calling.get()
    if span is not None and _REQUEST_ID in headers:
        span.note("aws.request_id", headers[_REQUEST_ID])
