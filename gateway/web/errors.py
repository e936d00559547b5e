"""Errors as answers: one table of statuses, one JSON form (RFC 9457), no trace, no patient data."""

import http
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import bearer
from gateway.errors import (
    CatalogError,
    CodecError,
    ConfigurationError,
    Forbidden,
    GatewayError,
    IdentityUnavailable,
    InvalidRequest,
    NotAcceptable,
    NotFound,
    TooMuch,
    Unauthenticated,
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamUnavailable,
)

STATUS: Final[dict[type[GatewayError], int]] = {
    InvalidRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    NotAcceptable: 406,
    TooMuch: 413,
    ConfigurationError: 500,
    CodecError: 500,
    CatalogError: 503,
    IdentityUnavailable: 503,
    UpstreamUnavailable: 503,
    UpstreamDenied: 502,
    UpstreamInvalid: 502,
    UpstreamError: 502,
    GatewayError: 500,
}
"""The status of each error; a subclass without a line has that of its base."""

PROBLEM_JSON: Final = "application/problem+json"


def status_of(error: GatewayError) -> int:
    """The HTTP status that stands for ``error``."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(status: int, detail: str, **members: object) -> Response:
    """A problem document."""
    body = {"title": http.HTTPStatus(status).phrase, "status": status, "detail": detail}
    found = body | {key: value for key, value in members.items() if value}
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(found), status, headers, PROBLEM_JSON)


async def on_gateway_error(_: Request, error: Exception) -> Response:
    """The answer for an error of our own."""
    assert isinstance(error, GatewayError)  # noqa: S101  registered for nothing else
    status = status_of(error)
    response = problem(
        status,
        str(error),
        parameter=getattr(error, "parameter", None),
        available=list(getattr(error, "available", ())),
    )
    if isinstance(error, UpstreamUnavailable | IdentityUnavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unauthenticated):
        response.headers[bearer.CHALLENGE] = bearer.challenge(error.error, str(error))
    elif isinstance(error, Forbidden):
        asked = bearer.challenge(bearer.INSUFFICIENT_SCOPE, str(error))
        response.headers[bearer.CHALLENGE] = asked
    return response


async def on_http_exception(_: Request, error: Exception) -> Response:
    """The answer for what Starlette itself refuses: no such path, wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    response = problem(error.status_code, http.HTTPStatus(error.status_code).description or "")
    response.headers.update(error.headers or {})
    return response
