"""botocore's errors, and those of the wire, become ours at this one border."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final, TypeAlias

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as BotoConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

from gateway.errors import (
    ConfigurationError,
    GatewayError,
    NotFound,
    UpstreamDenied,
    UpstreamInvalid,
    UpstreamUnavailable,
)

_NO_ACCESS: Final = (
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)


class Trouble(Enum):
    """What an error says about another try."""

    THROTTLED = "throttled"
    PASSING = "passing"
    LASTING = "lasting"


class Unfinished(Exception):
    """No answer, or one that ended too early, or whose end cannot be told from a break."""


Failure: TypeAlias = ClientError | BotoCoreError | aiohttp.ClientError | OSError | Unfinished
"""Whatever a call to HealthImaging raises when it fails."""

FAILURES: Final = (ClientError, BotoCoreError, aiohttp.ClientError, OSError, Unfinished)

# Those of botocore's standard mode. A test compares.
_THROTTLING: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
# Those of the model, about whose status nothing has to be guessed.
_MODELLED: Final = frozenset(
    {
        "AccessDeniedException",
        "BadRequestException",
        "ConflictException",
        "InternalServerException",
        "NotAcceptableException",
        "ResourceNotFoundException",
        "ThrottlingException",
        "ValidationException",
    }
)
_PASSING: Final = frozenset({"RequestTimeout", "RequestTimeoutException"})
_PASSING_STATUS: Final = frozenset({500, 502, 503, 504})


def _denied(_: str) -> GatewayError:
    return UpstreamDenied("HealthImaging refused the gateway's credentials or permissions")


def _throttled(_: str) -> GatewayError:
    return UpstreamUnavailable("HealthImaging is busy; try again", retry_after=2)


def _away(_: str) -> GatewayError:
    return UpstreamUnavailable("HealthImaging is not available; try again", retry_after=5)


def _not_ready(_: str) -> GatewayError:
    return UpstreamUnavailable("The image set is being changed; try again", retry_after=3)


def _missing(operation: str) -> GatewayError:
    return NotFound(f"HealthImaging does not know what {operation} was asked for")


def _refused(operation: str) -> GatewayError:
    return UpstreamInvalid(f"HealthImaging refused the gateway's {operation} request")


BY_CODE: Final = {
    "AccessDeniedException": _denied,
    "BadRequestException": _refused,
    "ConflictException": _not_ready,
    "InternalServerException": _away,
    "NotAcceptableException": _refused,
    "ResourceNotFoundException": _missing,
    "ServiceQuotaExceededException": _throttled,
    "ThrottlingException": _throttled,
    "ValidationException": _refused,
    # Not in the model, but sent by the front end of every AWS service.
    "ExpiredTokenException": _denied,
    "IncompleteSignature": _denied,
    "InvalidSignatureException": _denied,
    "MissingAuthenticationToken": _denied,
    "RequestTimeout": _away,
    "ServiceUnavailable": _away,
    "SignatureDoesNotMatch": _denied,
    "TooManyRequestsException": _throttled,
    "UnrecognizedClientException": _denied,
}
"""What an error code of HealthImaging means to the gateway."""


def trouble(error: Failure) -> Trouble:
    """Whether, and how soon, it makes sense to try again; as botocore's standard mode decides."""
    if isinstance(error, ClientError):
        code, status = _code_and_status(error)
        if code in _THROTTLING or (status == 429 and code not in _MODELLED):
            return Trouble.THROTTLED
        passing = code in _PASSING or status in _PASSING_STATUS
        return Trouble.PASSING if passing else Trouble.LASTING
    if isinstance(error, BotoCoreError):
        passing = isinstance(error, (BotoConnectionError, HTTPClientError))
        return Trouble.PASSING if passing else Trouble.LASTING
    return Trouble.PASSING


def translate(error: Failure, operation: str) -> GatewayError:
    """Our error for a failure; the text of the original, which can quote data, is left behind."""
    if isinstance(error, ClientError):
        code, status = _code_and_status(error)
        make = BY_CODE.get(code)
        if make:
            return make(operation)
        if status == 429:
            return _throttled(operation)
        return _away(operation) if status >= 500 else _refused(operation)
    if isinstance(error, _NO_ACCESS):
        return UpstreamDenied("The gateway has no usable AWS credentials or region")
    return _away(operation)


@contextmanager
def configuring() -> Iterator[None]:
    """Within, a client is made: what fails is no call, but what it is configured by.

    Raises:
        ConfigurationError: AWS's configuration, or that of the gateway, leads to no client.
    """
    try:
        yield
    except NoRegionError as error:
        message = "GATEWAY_REGION is not set, and AWS's own configuration names no region."
        raise ConfigurationError(message) from error
    except (BotoCoreError, OSError) as error:
        raise ConfigurationError(f"AWS's configuration cannot be used: {error}") from error


def _code_and_status(error: ClientError) -> tuple[str, int]:
    response: Any = error.response
    code = response.get("Error", {}).get("Code", "")
    return code, response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
