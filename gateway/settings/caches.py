"""Settings of what is kept, and where."""

from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

_CACHE_URL: Final = r"^((valkey|redis)s?://[^/\s]+(/\d*)?|unix://[^\s?]+)(\?[^\s]*)?$"


class CacheSettings(BaseSettings):
    """Memory, disk, and a cache that gateways share."""

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
