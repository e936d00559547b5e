"""Settings of searches and of the catalog."""

from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.forms import URL

_CATALOG_URL: Final = r"^(sqlite:///[^?]+|postgresql(\+pg8000)?://[^/\s]+/[^/\s]+)$"


class SearchSettings(BaseSettings):
    """How far a search goes, and the index that answers it."""

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
        pattern=URL,
        description="SQS queue of HealthImaging's events, which is this index's alone.",
    )
    catalog_sqs_endpoint_url: str | None = Field(
        None, pattern=URL, description="Its endpoint; AWS's SQS where not set."
    )
