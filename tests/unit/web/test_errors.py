"""Errors as answers: every error has a line in the table, every answer the same form."""

import asyncio
import http
import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway import errors
from gateway.errors import GatewayError
from gateway.web.errors import (
    PROBLEM_JSON,
    STATUS,
    on_gateway_error,
    on_http_exception,
    problem,
    status_of,
)

EXPECTED = {
    errors.InvalidRequest: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.TooMuch: 413,
    errors.ConfigurationError: 500,
    errors.CodecError: 500,
    errors.CatalogError: 503,
    errors.IdentityUnavailable: 503,
    errors.UpstreamError: 502,
    errors.UpstreamDenied: 502,
    errors.UpstreamInvalid: 502,
    errors.UpstreamUnavailable: 503,
    errors.GatewayError: 500,
}
NOBODY = Request({"type": "http", "method": "GET", "path": "/", "headers": []})


def tree(kind):
    return {kind}.union(*map(tree, kind.__subclasses__()))


def ours():
    return {kind for kind in tree(GatewayError) if kind.__module__ == "gateway.errors"}


def answer(handler, error):
    return asyncio.run(handler(NOBODY, error))


def body(response):
    assert response.media_type == PROBLEM_JSON == "application/problem+json"
    assert response.headers["content-type"] == PROBLEM_JSON
    return json.loads(response.body)


def test_no_error_of_the_tree_is_forgotten():
    declared = {
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)
    }
    assert ours() == declared == set(STATUS)
    assert STATUS == EXPECTED


@pytest.mark.parametrize("kind", sorted(EXPECTED, key=lambda kind: kind.__name__))
def test_each_error_is_answered_with_its_status_and_its_words(kind):
    response = answer(on_gateway_error, kind("what went wrong"))
    assert response.status_code == status_of(kind("x")) == EXPECTED[kind]
    found = body(response)
    assert found["title"] == http.HTTPStatus(response.status_code).phrase
    assert found["status"] == response.status_code
    assert found["detail"] == "what went wrong"


@pytest.mark.parametrize("kind", sorted(EXPECTED, key=lambda kind: kind.__name__))
def test_a_new_kind_of_error_has_the_status_of_its_base(kind):
    made = kind.__new__(type("Special", (kind,), {"__module__": __name__}), "x")
    assert status_of(made) == EXPECTED[kind]


def test_an_invalid_request_names_the_parameter():
    found = body(answer(on_gateway_error, errors.InvalidRequest("limit is wrong", "limit")))
    assert found == {
        "title": "Bad Request",
        "status": 400,
        "detail": "limit is wrong",
        "parameter": "limit",
    }
    assert "parameter" not in body(answer(on_gateway_error, errors.InvalidRequest("wrong")))


def test_what_is_not_acceptable_comes_with_what_there_is():
    refused = errors.NotAcceptable("no", ("image/jphc", "application/octet-stream"))
    found = body(answer(on_gateway_error, refused))
    assert found["available"] == ["image/jphc", "application/octet-stream"]
    assert "available" not in body(answer(on_gateway_error, errors.NotAcceptable("no")))


def test_only_an_absent_healthimaging_says_when_to_come_back():
    response = answer(on_gateway_error, errors.UpstreamUnavailable("away", retry_after=7))
    assert response.headers["retry-after"] == "7"
    assert "retry-after" in answer(on_gateway_error, errors.UpstreamUnavailable("away")).headers
    for kind in (errors.UpstreamError, errors.UpstreamDenied, errors.NotFound):
        assert "retry-after" not in answer(on_gateway_error, kind("x")).headers


def test_the_words_of_an_error_are_its_message():
    assert str(errors.InvalidRequest("message", "parameter")) == "message"
    assert str(errors.NotAcceptable("message", ("a/b",))) == "message"
    assert str(errors.UpstreamUnavailable("message")) == "message"
    assert str(errors.NotFound("message")) == "message"


@pytest.mark.parametrize("status", [404, 405, 500, 503])
def test_what_starlette_refuses_has_the_same_form(status):
    headers = {"Allow": "GET, HEAD"} if status == 405 else None
    response = answer(on_http_exception, HTTPException(status, headers=headers))
    assert response.status_code == status
    found = body(response)
    assert found["status"] == status
    assert found["title"] == http.HTTPStatus(status).phrase
    assert response.headers.get("allow") == (headers or {}).get("Allow")


def test_what_starlette_says_of_a_request_is_not_repeated():
    response = answer(on_http_exception, HTTPException(404, detail="/studies/1.2.3/nothing"))
    assert b"1.2.3" not in response.body


def test_empty_members_are_left_out():
    found = json.loads(problem(400, "detail", parameter="", available=[], extra="x").body)
    assert set(found) == {"title", "status", "detail", "extra"}
