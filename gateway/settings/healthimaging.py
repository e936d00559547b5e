"""Settings of the embedded HealthImaging."""

import os
from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.settings.forms import URL

_CORES: Final = os.cpu_count() or 1


class HealthImagingSettings(BaseSettings):
    """The embedded server's; each is read from ``HEALTHIMAGING_`` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="HEALTHIMAGING_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    data: Path = Field(Path("data"), description="Folder of everything the server keeps.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port to listen on; 0 keeps that of the last start, or takes a free one.",
    )
    region: str = Field(
        "us-east-1",
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d$",
        description="Region the server says it is in.",
    )
    workers: int = Field(_CORES, ge=1, le=256, description="Processes that import files.")
    file_seconds: float = Field(900.0, gt=0, description="Seconds one file may take to import.")
    worker_memory_mb: int = Field(
        8192, ge=1024, description="Address space of an importing process, in MiB."
    )
    import_rule: str = Field(
        "primary",
        pattern="^(primary|new-image-sets)$",
        description="How imports meet what is there, for data stores created without the tag "
        "`embedded:import-rule`: `primary` (API of 2025) or `new-image-sets` (every job makes new "
        "image sets, as before).",
    )
    change_seconds: float = Field(
        0.0, ge=0, description="Seconds that an image set stays locked by a change at least."
    )
    s3_endpoint_url: str | None = Field(
        None,
        pattern=URL,
        description="S3 endpoint of import jobs; the server's own buckets where not set. "
        "Credentials then come from AWS's default chain.",
    )
    eventbridge_bus: str | None = Field(
        None,
        description="EventBridge bus, name or ARN, that is told of state changes; `default` where "
        "only its endpoint is set, none where neither is. Credentials come from AWS's default "
        "chain.",
    )
    eventbridge_endpoint_url: str | None = Field(
        None, pattern=URL, description="EventBridge endpoint; AWS where only a bus is set."
    )
    eventbridge_source: str = Field(
        "aws.medical-imaging",
        min_length=1,
        description="Source of the events on that bus; AWS's own EventBridge takes none that "
        "starts with `aws.` from its customers.",
    )
    sqs_queue_url: str | None = Field(
        None,
        pattern=URL,
        description="SQS queue that is told of state changes. Credentials come from AWS's default "
        "chain.",
    )
    sqs_endpoint_url: str | None = Field(
        None, pattern=URL, description="SQS endpoint; AWS where not set."
    )
    authorizer: str = Field(
        "",
        description="What stands for the Lambda authorizers of data stores: an `http://` endpoint "
        "or `package.module:callable`; several as `arn=…`, separated by commas.",
    )
    archive_days: float = Field(
        30.0,
        gt=0,
        description="Days without access after which an image set is in the archive tier.",
    )
    quotas: str = Field(
        "",
        description="Quotas other than the service's, like `files=100000,total-size=50GB`; "
        "healthimaging.md lists their names.",
    )
    log_level: str = Field(
        "warning", pattern="^(debug|info|warning|error)$", description="Least severe log level."
    )
    simulate: str | None = Field(
        None, pattern="^aws$", description="`aws` applies the request rates of AWS."
    )
    latency_ms: str = Field(
        "",
        description="Milliseconds added to calls: `20`, with jitter `20~5`, "
        "or by action `GetImageFrame=20,SearchImageSets=80`.",
    )
    faults: str = Field(
        "",
        description="Faults to inject, separated by commas: `ACTION:error=…`, `ACTION:slow=…`, "
        "`ACTION:stall=10s`, `ACTION:truncate`, `ACTION:reset`, each with `:rate=SHARE` if it is "
        "not for every call.",
    )
    simulation_seed: int | None = Field(
        None, description="Makes faults and jitter the same in every run."
    )
    log_data_events: bool = Field(
        False, description="Whether calls.jsonl has the calls of GetImageFrame too."
    )
