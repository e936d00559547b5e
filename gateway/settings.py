"""Settings of both programs, from the environment: typed, checked at start, one table each."""

import difflib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field, FilePath, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_IDENTIFIER: Final = r"^[0-9a-z]{32}$"
_URL: Final = r"^https?://[^/\s]+(/[^\s]*)?$"
_CACHE_URL: Final = r"^((valkey|redis)s?://[^/\s]+(/\d*)?|unix://[^\s?]+)(\?[^\s]*)?$"
_CATALOG_URL: Final = r"^(sqlite:///[^?]+|postgresql(\+pg8000)?://[^/\s]+/[^/\s]+)$"
_CORES: Final = os.cpu_count() or 1


class SettingsError(ValueError):
    """Settings are missing or wrong; the text is one sentence per mistake."""


class GatewaySettings(BaseSettings):
    """The gateway's settings; each is read from ``GATEWAY_`` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    datastore_id: str = Field(
        pattern=_IDENTIFIER, description="Default data store, served under /dicomweb."
    )
    datastore_ids: str = Field(
        "",
        description="Data stores that may be asked for by /datastore/{id}, separated by commas; "
        "empty for every one that the credentials can read.",
    )
    region: str | None = Field(None, description="AWS region; the default chain's where not set.")
    endpoint_url: str | None = Field(
        None, pattern=_URL, description="HealthImaging endpoint; AWS where not set."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Processes that serve, each with caches in memory of its own; one for each "
        "core at the most.",
    )
    public_url: str | None = Field(
        None,
        pattern=_URL,
        description="Where clients reach the gateway, for the URLs it writes; "
        "the request's own host where not set.",
    )
    trusted_proxies: str = Field(
        "127.0.0.0/8, ::1",
        description="Addresses and networks, separated by commas, of proxies whose Forwarded and "
        "X-Forwarded-* headers say where clients reach the gateway.",
    )
    cors_origins: str = Field(
        "*", description="Origins that browsers may call from, separated by commas."
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least severe log level."
    )
    negotiation: str = Field(
        "lenient",
        pattern="^(lenient|strict)$",
        description="How Accept is read: `lenient` as viewers mean it, `strict` as PS3.18 has it.",
    )
    image_set_policy: str = Field(
        "merge",
        pattern="^(merge|primary|flag)$",
        description="What image sets that are not primary come to: `merge` (they count where no "
        "primary one has the instance), `primary` (they are reached by `imageSetId` only), `flag` "
        "(as `merge`, and answers say what comes from them).",
    )
    frame_max_age: int = Field(
        3_600,
        ge=0,
        le=31_536_000,
        description="Seconds for which a client may keep frames without asking again.",
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
    metadata_cache_mb: int = Field(256, ge=1, description="Memory for image set documents, in MiB.")
    frame_cache_mb: int = Field(
        256,
        ge=1,
        description="Memory for frames as stored and for serialised answers, in MiB.",
    )
    disk_cache_dir: Path | None = Field(
        None,
        description="Folder on a local disk where frames and answers outlive restarts, shared by "
        "all gateways of this machine; none is kept where not set.",
    )
    disk_cache_mb: int = Field(
        10_240, ge=16, description="Room that the files in that folder may take, in MiB."
    )
    shared_cache_url: str | None = Field(
        None,
        pattern=_CACHE_URL,
        repr=False,  # may hold a password
        description="Valkey or Redis that gateways share, as `valkey://host:port/database`; "
        "`valkeys://` for TLS, and user and password before the host.",
    )
    shared_cache_ttl: int = Field(
        604_800, ge=1, description="Seconds for which the shared cache keeps a value."
    )
    shared_cache_max_value_mb: int = Field(
        16, ge=1, le=512, description="Largest value that the shared cache is given, in MiB."
    )
    shared_cache_timeout: float = Field(
        0.25, gt=0, le=5, description="Seconds to wait for the shared cache before doing without."
    )
    rendered_cache_mb: int = Field(
        64, ge=1, description="Memory for finished pictures and documents, in MiB."
    )
    decoded_cache_mb: int = Field(
        256,
        ge=1,
        description="Memory for decoded frames, which the next rendering of them needs, in MiB.",
    )
    search_max_image_sets: int = Field(
        10_000,
        ge=50,
        description="Image sets a query looks at before its answer is marked as truncated.",
    )
    search_max_results: int = Field(
        1_000, ge=1, description="Results of one QIDO-RS answer at the most."
    )
    search_ttl: float = Field(
        2.0, ge=0, le=60, description="Seconds for which a study's list of image sets is reused."
    )
    search_paging_seconds: float = Field(
        300.0,
        ge=0,
        le=3600,
        description="Seconds for which the next page of a query is cut from the same listing as "
        "the one before; 0 searches anew for every page.",
    )
    catalog: str = Field(
        "on",
        pattern="^(on|off)$",
        description="Whether an index of the data stores that are named answers searches.",
    )
    catalog_url: str | None = Field(
        None,
        pattern=_CATALOG_URL,
        repr=False,  # may hold a password
        description="Its database: `sqlite:///FILE`, on a local disk, or, where hosts share one, "
        "`postgresql://user:password@host/database`; where not set, a file in "
        "GATEWAY_DISK_CACHE_DIR, or else in `~/.cache/dicomweb-gateway`.",
    )
    catalog_interval: float = Field(
        15.0, gt=0, le=3600, description="Seconds between two looks for changes."
    )
    catalog_max_lag: float = Field(
        0.0, ge=0, le=3600, description="Seconds that the index may be behind; 0 always looks."
    )
    catalog_wait: float = Field(
        2.0,
        ge=0,
        le=60,
        description="Seconds that a search waits for it; if it is behind then, it says so.",
    )
    catalog_reconcile: float = Field(
        3600.0,
        ge=1,
        description="Seconds between two looks for deletions; fewer for small data stores.",
    )
    catalog_sqs_url: str | None = Field(
        None,
        pattern=_URL,
        description="SQS queue of HealthImaging's events, which is this index's alone.",
    )
    catalog_sqs_endpoint_url: str | None = Field(
        None, pattern=_URL, description="Its endpoint; AWS's SQS where not set."
    )
    inline_limit: int = Field(
        1024, ge=0, description="Bytes of a binary value beyond which metadata give a BulkDataURI."
    )
    viewport_max_side: int = Field(
        8192, ge=1, le=16_383, description="Pixels a side that a viewport of a picture may have."
    )
    thumbnail_side: int = Field(
        128, ge=16, le=2048, description="Pixels a side that a thumbnail has at the most."
    )
    animation_max_frames: int = Field(
        500, ge=1, description="Frames that an animated GIF or WebP may have."
    )
    animation_max_megapixels: int = Field(
        64, ge=1, le=1024, description="Million pixels that all frames of an animation may have."
    )
    annotation_font: FilePath | None = Field(
        None,
        description="TrueType or OpenType font of text burnt into pictures; DejaVu Sans, with "
        "Latin, Greek, Cyrillic, Hebrew and Arabic letters, where not set.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        try:
            for part in filter(None, map(str.strip, text.split(","))):
                ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError("should be addresses and networks, separated by commas") from error
        return text


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
        pattern=_URL,
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
        None, pattern=_URL, description="EventBridge endpoint; AWS where only a bus is set."
    )
    eventbridge_source: str = Field(
        "aws.medical-imaging",
        min_length=1,
        description="Source of the events on that bus; AWS's own EventBridge takes none that "
        "starts with `aws.` from its customers.",
    )
    sqs_queue_url: str | None = Field(
        None,
        pattern=_URL,
        description="SQS queue that is told of state changes. Credentials come from AWS's default "
        "chain.",
    )
    sqs_endpoint_url: str | None = Field(
        None, pattern=_URL, description="SQS endpoint; AWS where not set."
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
        description="Faults to inject, separated by commas: `ACTION:error=…`, `ACTION:slow=…` or "
        "`ACTION:truncate`, each with `:rate=SHARE` if it is not for every call.",
    )
    simulation_seed: int | None = Field(
        None, description="Makes faults and jitter the same in every run."
    )
    log_data_events: bool = Field(
        False, description="Whether calls.jsonl has the calls of GetImageFrame too."
    )


def load(kind: type[Any], **overrides: Any) -> Any:
    """Read and check the settings of one program; ``overrides`` win over the environment.

    Raises:
        SettingsError: one sentence per mistake, naming the variable.
    """
    prefix = kind.model_config["env_prefix"]
    try:
        return kind(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_sentence(prefix, item) for item in error.errors())
        ) from error


def _sentence(prefix: str, item: Mapping[str, Any]) -> str:
    name = f"{prefix}{'_'.join(map(str, item['loc'])).upper()}"
    if item["type"] == "missing":
        return f"{name} is not set."
    reason = (
        item["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value error, ")
    )
    return f"{name} is wrong: it {reason}."


def unknown(kind: type[Any], environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable with the program's prefix that is none of its settings."""
    prefix = kind.model_config["env_prefix"]
    known = [f"{prefix}{name.upper()}" for name in kind.model_fields]
    sentences = []
    for name in sorted(environment):
        if name.startswith(prefix) and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            sentences.append(f"{name} is not a setting and is ignored.{hint}")
    return sentences
