"""Settings of what the gateway tells about itself."""

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.forms import URL


class TelemetrySettings(BaseSettings):
    """Traces."""

    traces_endpoint: str | None = Field(
        None,
        pattern=URL,
        description="Where OpenTelemetry traces are sent (OTLP over HTTP), as `http://host:4318`; "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` turns them on as well.",
    )
    traces_sample: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Part of the requests that are traced, unless their `traceparent` decides; as "
        "`OTEL_TRACES_SAMPLER` has it where not set.",
    )
