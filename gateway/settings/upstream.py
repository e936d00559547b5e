"""Settings of the calls to HealthImaging."""

import os
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.forms import URL

_CORES: Final = os.cpu_count() or 1


class UpstreamSettings(BaseSettings):
    """Where it is, how long and how often it is asked, and what is fetched ahead."""

    region: str | None = Field(None, description="AWS region; the default chain's where not set.")
    endpoint_url: str | None = Field(
        None, pattern=URL, description="HealthImaging endpoint; AWS where not set."
    )
    connect_timeout: float = Field(
        3.0, gt=0, le=60, description="Seconds to connect to HealthImaging."
    )
    read_timeout: float = Field(
        20.0, gt=0, le=300, description="Seconds to wait for HealthImaging's bytes."
    )
    max_attempts: int = Field(
        4, ge=1, le=10, description="Tries of a call to HealthImaging, the first included."
    )
    upstream_concurrency: int = Field(
        32, ge=1, le=512, description="Calls to HealthImaging at a time."
    )
    quotas: str = Field(
        "",
        description="Calls a second that HealthImaging admits, where they are not those of AWS's "
        "guide, like `GetImageFrame=2000,SearchImageSets=50`.",
    )
    queue_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="Seconds that a call may wait for its turn under the quotas; what would take "
        "longer is answered with 503 at once.",
    )
    fetch_ahead: int = Field(
        8, ge=1, le=64, description="Frames or documents fetched at a time for one request."
    )
    stream_ahead_mb: int = Field(
        128, ge=1, description="Memory for frames fetched ahead by all requests together, in MiB."
    )
    prefetch: str = Field(
        "on",
        pattern="^(on|off)$",
        description="Whether frames of a series that a client looks at are fetched before it asks.",
    )
    prefetch_concurrency: int = Field(
        8, ge=1, le=128, description="Frames prefetched at a time, for all clients together."
    )
    prefetch_percent: int = Field(
        50, ge=1, le=90, description="Share of the frame cache that prefetched frames may take."
    )
    prefetch_seconds: float = Field(
        15.0,
        gt=0,
        le=600,
        description="Seconds without a request for a series after which its prefetch ends.",
    )
    decode_threads: int = Field(_CORES, ge=1, le=256, description="Frames decoded at a time.")
