"""Spans of OpenTelemetry, sampled, sent in batches as OTLP over HTTP."""

import os
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.telemetry.tracing import Span

_NAME: Final = "dicomweb-gateway"
_SECONDS: Final = 2.0  # for a batch; a collector that is away must not keep a gateway from ending
_TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_CALL: Final = {"rpc.system": "aws-api", "rpc.service": "medical-imaging"}


class Exported:
    """The tracing of one application; spans that find the queue full are left out."""

    def __init__(self, endpoint: str | None, sample: float | None) -> None:
        """Where to send spans and which part of them; OpenTelemetry's variables where None."""
        named = os.environ.get("OTEL_SERVICE_NAME", _NAME)
        sampler = None if sample is None else ParentBased(TraceIdRatioBased(sample))
        self._provider = TracerProvider(
            sampler, Resource.create({SERVICE_NAME: named}), shutdown_on_exit=False
        )
        place = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
        seconds = None if any(map(os.environ.get, _TIMEOUTS)) else _SECONDS
        exporter = OTLPSpanExporter(place, timeout=seconds)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("gateway")
        self._propagator = TraceContextTextMapPropagator()

    def request(self, method: str, headers: Mapping[str, str], began: int | None = None) -> Span:
        """A request, part of the trace that its headers name (W3C Trace Context)."""
        parent = self._propagator.extract(headers, Context())
        attributes = {"http.request.method": method}
        made = self._tracer.start_span(
            method, parent, SpanKind.SERVER, attributes, start_time=began
        )
        return _Exported(self._tracer, made)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class _Exported:
    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self.trace: str | None = trace.format_trace_id(span.get_span_context().trace_id)

    def note(self, name: str, value: str | int) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        """Set the status, and the kind of the error; never its text, which can quote data."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def call(self, action: str) -> Span:
        """A span of a client below this one."""
        above = trace.set_span_in_context(self._span, Context())
        attributes = {**_CALL, "rpc.method": action}
        return _Exported(
            self._tracer, self._tracer.start_span(action, above, SpanKind.CLIENT, attributes)
        )

    def end(self, name: str | None = None) -> None:
        """Hand it over to be sent."""
        if name is not None:
            self._span.update_name(name)
        self._span.end()
