"""Settings of what clients may ask for, and how long anything may take."""

from pydantic import Field
from pydantic_settings import BaseSettings


class LimitSettings(BaseSettings):
    """Bounds of connections, requests and clients; those of processes are for each worker."""

    max_connections: int = Field(
        4096, ge=1, le=1_000_000, description="Connections of a process at a time."
    )
    max_requests: int = Field(
        1024,
        ge=1,
        le=1_000_000,
        description="Requests under way in a process; more are answered with 503 at once.",
    )
    max_url_kb: int = Field(
        32, ge=2, le=200, description="Largest path and query of a request, in KiB."
    )
    max_head_kb: int = Field(
        64, ge=4, le=200, description="Largest head of a request, path and query included, in KiB."
    )
    max_body_kb: int = Field(
        64, ge=0, le=65_536, description="Largest body of a request, which none needs, in KiB."
    )
    max_instances: int = Field(
        100_000,
        ge=1,
        description="Instances that one request may retrieve; more are refused with 413.",
    )
    max_frames: int = Field(
        2_000_000,
        ge=1,
        description="Frames that one request may retrieve; more are refused with 413.",
    )
    max_answer_gb: float = Field(
        256.0,
        gt=0,
        description="Largest answer in GiB, refused with 413 where frames that nothing "
        "compresses would be larger; one that grows beyond is broken off.",
    )
    request_seconds: float = Field(
        20.0, gt=0, le=600, description="Seconds in which the head of a request, or body, comes."
    )
    idle_seconds: float = Field(
        75.0,
        gt=0,
        le=3600,
        description="Seconds that a connection stays open without a request; longer than load "
        "balancers keep theirs.",
    )
    stall_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="Seconds without a byte taken by the client after which its answer is "
        "broken off.",
    )
    answer_seconds: float = Field(
        300.0,
        gt=0,
        le=3600,
        description="Seconds in which the gateway itself has no byte of an answer to send, before "
        "it is given up: 504, or broken off.",
    )
    drain_seconds: float = Field(
        20.0,
        ge=0,
        le=3600,
        description="Seconds that what is under way may take once the gateway is told to end.",
    )
    drain_delay: float = Field(
        0.0,
        ge=0,
        le=600,
        description="Seconds for which the gateway, once told to end, still accepts connections "
        "while it says that it is not ready, so that load balancers notice.",
    )
    client_rate: float = Field(
        0.0,
        ge=0,
        le=1_000_000,
        description="Requests a second that one client may make to one process; 0 for any number.",
    )
    client_burst: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Requests that a client may make at once after a pause; 0 for those of ten "
        "seconds.",
    )
    client_concurrency: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Requests of one client under way in one process; 0 for any number.",
    )
    breaker_failures: int = Field(
        8,
        ge=0,
        le=1000,
        description="Failures in a row after which an action of HealthImaging is left alone for a "
        "while, and answered with 503 at once; 0 for never.",
    )
    breaker_slow_seconds: float = Field(
        8.0,
        gt=0,
        le=300,
        description="Seconds after which an answer of HealthImaging counts as a failure for that.",
    )
    stale_seconds: float = Field(
        3600.0,
        ge=0,
        le=604_800,
        description="Age up to which the last known list of a study's image sets is used while "
        "HealthImaging is not available, with a Warning; 0 for never.",
    )
