"""Settings of who may ask, and for what."""

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from gateway.settings.forms import URL

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ACTIONS: Final = r"(search|read|rendered)"


class IdentitySettings(BaseSettings):
    """Tokens, keys, links, and what they grant."""

    identity: str = Field(
        "gateway",
        pattern="^(gateway|pass-through)$",
        description="Who decides what a token grants: the `gateway` by its policy, or, with "
        "`pass-through`, the authorizer of HealthImaging's data store as well, which is shown "
        "the token.",
    )
    dicomweb_url: str | None = Field(
        None,
        pattern=URL,
        description="HealthImaging's own DICOMweb service, for `pass-through`; that of the region "
        "where not set.",
    )
    anonymous: str = Field(
        "auto",
        pattern=rf"^(auto|off|all|{_ACTIONS}(,{_ACTIONS})*)$",
        description="What those may do who present nothing: `off`, `all`, or some of "
        "`search,read,rendered`; `auto` is `all` where the gateway listens on a loopback address "
        "and neither tokens nor keys are set, and `off` elsewhere.",
    )
    oidc_issuer: str = Field(
        "",
        description="Issuers whose tokens are believed, as their URLs stand in `iss`, separated by "
        "commas.",
    )
    oidc_audience: str = Field(
        "", description="Audiences, separated by commas; a token has to be for one of them."
    )
    oidc_name_claim: str = Field(
        "sub", min_length=1, description="Claim that names who asks, for the audit trail."
    )
    oidc_clock_skew: float = Field(
        60.0, ge=0, le=600, description="Seconds by which an issuer's clock may differ."
    )
    oidc_keys_seconds: float = Field(
        3_600.0, ge=30, le=86_400, description="Seconds after which an issuer's keys are renewed."
    )
    oidc_timeout: float = Field(
        5.0, gt=0, le=60, description="Seconds that an issuer has to give its keys."
    )
    oidc_client_id: str = Field(
        "", description="Client that OHIF signs in as, for the configuration written for it."
    )
    oidc_scope: str = Field("openid profile email", description="Scope that OHIF asks for.")
    api_keys_file: Path | None = Field(
        None,
        description="File of the digests of keys for machines and what they grant, a line each, as "
        "`dicomweb-gateway key` writes them; read again when it changes.",
    )
    policy_file: Path | None = Field(
        None,
        description="File of rules by which claims of tokens grant actions in data stores; without "
        "one, tokens grant nothing.",
    )
    study_rule: str = Field(
        "",
        pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$",
        description="Callable, as `package.module:name`, that is asked for each study who may "
        "have it.",
    )
    link_key: str | None = Field(
        None,
        min_length=32,
        repr=False,
        description="Secret that links are signed with, the same for all replicas; a new one for "
        "each start where not set.",
    )
    link_seconds: int = Field(
        300, ge=1, le=86_400, description="Seconds for which a link is good at the most."
    )
    metrics_access: str = Field(
        "auto",
        pattern="^(auto|public|granted)$",
        description="Who may read /metrics: anybody (`public`), or whom the action `metrics` is "
        "granted (`granted`); `auto` is `public` on a loopback address only.",
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _issuers(cls, text: str) -> str:
        for url in filter(None, map(str.strip, text.split(","))):
            parts = urlsplit(url)
            safe = parts.scheme == "https" or (parts.scheme, parts.hostname in _LOOPBACK) == (
                "http", True,
            )  # fmt: skip
            if not (safe and parts.hostname) or parts.query or parts.fragment:
                raise ValueError("should be https:// URLs, separated by commas")
        return text

    @property
    def is_on_loopback(self) -> bool:
        """Whether other machines cannot reach the gateway, but by a proxy on this one."""
        host = str(getattr(self, "host", ""))
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def metrics_are_public(self) -> bool:
        """Whether /metrics is for anybody."""
        on_loopback = self.metrics_access == "auto" and self.is_on_loopback
        return on_loopback or self.metrics_access == "public"
