"""The one tree of errors; none of them knows HTTP, and no message carries patient data."""

from dataclasses import dataclass


class GatewayError(Exception):
    """The base of every error this package raises on purpose; ``str()`` is fit to be shown."""


class ConfigurationError(GatewayError):
    """A setting is missing or wrong; the message is one sentence that names it."""


@dataclass(eq=False)
class InvalidRequest(GatewayError):
    """The client's request cannot be understood; ``parameter`` names what is wrong in it."""

    message: str
    parameter: str | None = None

    def __str__(self) -> str:
        return self.message


class TooMuch(GatewayError):
    """More is asked for than one request may retrieve; the message says how much that is."""


class NotFound(GatewayError):
    """The study, series, instance, frame or data store asked for does not exist."""


@dataclass(eq=False)
class NotAcceptable(GatewayError):
    """No representation that the client accepts can be made; ``available`` lists those that can."""

    message: str
    available: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message


class CodecError(GatewayError):
    """A frame cannot be decoded or encoded; the message says why."""


class CatalogError(GatewayError):
    """The catalog's database cannot be read or written now."""


class UpstreamError(GatewayError):
    """HealthImaging did not give a usable answer."""


@dataclass(eq=False)
class UpstreamUnavailable(UpstreamError):
    """HealthImaging is away or throttles; ``retry_after`` is in seconds."""

    message: str
    retry_after: int = 5

    def __str__(self) -> str:
        return self.message


class UpstreamDenied(UpstreamError):
    """HealthImaging refused the gateway's credentials or their permissions."""


class UpstreamInvalid(UpstreamError):
    """HealthImaging answered with something that is not what its model promises."""


@dataclass(eq=False)
class Unauthenticated(GatewayError):
    """Who asks has not proved who they are; ``error`` is a code of RFC 6750 3.1, if one applies."""

    message: str
    error: str = ""

    def __str__(self) -> str:
        return self.message


class Forbidden(GatewayError):
    """Who asks is known, and may not have what is asked for."""


@dataclass(eq=False)
class IdentityUnavailable(GatewayError):
    """It cannot be found out now who asks or what they may have; ``retry_after`` is in seconds."""

    message: str
    retry_after: int = 5

    def __str__(self) -> str:
        return self.message
