"""The errors of HealthImaging's model, by shape name, as operations raise them."""

from typing import Final

STATUS: Final = {
    "AccessDeniedException": 403,
    "BadRequestException": 400,
    "ConflictException": 409,
    "FailedDependencyException": 424,
    "InternalServerException": 500,
    "NotAcceptableException": 406,
    "NotImplementedException": 501,
    "RequestTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 402,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "ValidationException": 400,
}
"""HTTP status by error: the shapes of the service model, and four beside it.

Two say that there is no operation, two that an authorizer failed; the guide does not name those.
"""


class Fault(Exception):
    """An error answer: ``code`` is a key of STATUS, ``str()`` the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def not_found(what: str) -> Fault:
    """The resource that was asked for does not exist."""
    return Fault("ResourceNotFoundException", f"{what} does not exist")


def invalid(message: str) -> Fault:
    """The request breaks a constraint of the model or of the operation."""
    return Fault("ValidationException", message)


def conflict(message: str) -> Fault:
    """The request contradicts the state of the resource."""
    return Fault("ConflictException", message)
