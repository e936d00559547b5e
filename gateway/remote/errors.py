"""botocore's errors become ours at this one border."""

from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

from gateway.errors import (
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


def translate(error: ClientError | BotoCoreError, operation: str) -> GatewayError:
    """Our error for botocore's; the text of the original, which can quote data, is left behind."""
    if isinstance(error, ClientError):
        response: Any = error.response
        code = response.get("Error", {}).get("Code", "")
        make = BY_CODE.get(code)
        if make:
            return make(operation)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return _away(operation) if status >= 500 else _refused(operation)
    if isinstance(error, _NO_ACCESS):
        return UpstreamDenied("The gateway has no usable AWS credentials or region")
    return _away(operation)
