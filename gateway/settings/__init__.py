"""Settings of both programs, from the environment: typed, checked at start, one table each."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from gateway.settings.audit import AuditSettings
from gateway.settings.caches import CacheSettings
from gateway.settings.healthimaging import HealthImagingSettings
from gateway.settings.identity import IdentitySettings
from gateway.settings.limits import LimitSettings
from gateway.settings.pictures import PictureSettings
from gateway.settings.searches import SearchSettings
from gateway.settings.service import ServiceSettings
from gateway.settings.telemetry import TelemetrySettings
from gateway.settings.upstream import UpstreamSettings
from gateway.settings.viewer import ViewerSettings

__all__ = ["GatewaySettings", "HealthImagingSettings", "SettingsError", "load", "unknown"]


class SettingsError(ValueError):
    """Settings are missing or wrong; the text is one sentence per mistake."""


class GatewaySettings(
    IdentitySettings,
    ViewerSettings,
    LimitSettings,
    TelemetrySettings,
    AuditSettings,
    PictureSettings,
    SearchSettings,
    CacheSettings,
    UpstreamSettings,
    ServiceSettings,  # first in the documentation: the order of fields is that of the last base
):
    """The gateway's settings; each is read from ``GATEWAY_`` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", env_ignore_empty=True, frozen=True, extra="ignore"
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
