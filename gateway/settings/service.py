"""Settings of what the gateway serves, and where."""

import ipaddress

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from gateway.settings.forms import IDENTIFIER, URL


class ServiceSettings(BaseSettings):
    """Data stores, addresses, and how requests are read."""

    datastore_id: str = Field(
        pattern=IDENTIFIER, description="Default data store, served under /dicomweb."
    )
    datastore_ids: str = Field(
        "",
        description="Data stores that may be asked for by /datastore/{id}, separated by commas; "
        "empty for every one that the credentials can read.",
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
        pattern=URL,
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
    inline_limit: int = Field(
        1024, ge=0, description="Bytes of a binary value beyond which metadata give a BulkDataURI."
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
