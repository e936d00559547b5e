"""Every error of botocore becomes one of ours, and none of its words."""

import inspect
from string import Formatter

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from gateway.errors import (
    GatewayError,
    NotFound,
    UpstreamDenied,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from gateway.remote.errors import BY_CODE, translate

MODEL = ServiceModel(Loader().load_service_model("medical-imaging", "service-2"))
# What each error shape of the model means; a new one has to be decided here.
MEANING = {
    "AccessDeniedException": UpstreamDenied,
    "BadRequestException": UpstreamInvalid,
    "ConflictException": UpstreamUnavailable,
    "InternalServerException": UpstreamUnavailable,
    "NotAcceptableException": UpstreamInvalid,
    "ResourceNotFoundException": NotFound,
    "ServiceQuotaExceededException": UpstreamUnavailable,
    "ThrottlingException": UpstreamUnavailable,
    "ValidationException": UpstreamInvalid,
}
SECRET = "PHANTOM^NAME"


def client_error(code, status=400):
    response = {
        "Error": {"Code": code, "Message": SECRET},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "SearchImageSets")


def shapes():
    """The error shapes of all operations, and those that the service lists."""
    found = {shape.name for shape in MODEL.error_shapes}
    for name in MODEL.operation_names:
        found |= {shape.name for shape in MODEL.operation_model(name).error_shapes}
    return found


def test_no_error_of_the_model_is_forgotten():
    assert shapes() == MEANING.keys()
    assert shapes() <= BY_CODE.keys()


@pytest.mark.parametrize("code", sorted(MEANING))
def test_each_error_of_the_model_has_its_meaning(code):
    status = MODEL.shape_for(code).metadata["error"]["httpStatusCode"]
    found = translate(client_error(code, status), "SearchImageSets")
    assert type(found) is MEANING[code]


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_no_word_of_the_original_is_passed_on(code):
    found = translate(client_error(code), "SearchImageSets")
    assert isinstance(found, GatewayError)
    assert str(found)
    assert SECRET not in str(found)


@pytest.mark.parametrize("code", sorted(code for code in BY_CODE if code not in MEANING))
def test_errors_of_the_front_end_are_credentials_or_passing_troubles(code):
    found = translate(client_error(code), "SearchImageSets")
    assert type(found) in (UpstreamDenied, UpstreamUnavailable)


@pytest.mark.parametrize(
    ("code", "seconds"),
    [
        ("ThrottlingException", 2),
        ("ServiceQuotaExceededException", 2),
        ("ConflictException", 3),
        ("InternalServerException", 5),
    ],
)
def test_a_passing_trouble_says_when_to_try_again(code, seconds):
    assert translate(client_error(code), "x").retry_after == seconds


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamInvalid),
        (404, UpstreamInvalid),
        (418, UpstreamInvalid),
        (499, UpstreamInvalid),
        (500, UpstreamUnavailable),
        (502, UpstreamUnavailable),
        (503, UpstreamUnavailable),
    ],
)
@pytest.mark.parametrize("code", ["Unknown", "502", ""])
def test_an_unknown_error_is_told_by_its_status(code, status, kind):
    found = translate(client_error(code, status), "GetImageSet")
    assert type(found) is kind
    assert SECRET not in str(found)


@pytest.mark.parametrize("response", [{}, {"Error": {}}, {"Error": {"Message": SECRET}}])
def test_an_answer_without_code_and_status_is_a_passing_trouble(response):
    assert type(translate(ClientError(response, "x"), "x")) is UpstreamUnavailable


def test_what_was_asked_for_is_named():
    assert "GetImageFrame" in str(
        translate(client_error("ResourceNotFoundException"), "GetImageFrame")
    )
    assert "GetImageFrame" in str(translate(client_error("ValidationException"), "GetImageFrame"))


def every_botocore_error():
    """An object of every exception class of botocore, its text filled with a secret."""
    for name, kind in inspect.getmembers(botocore.exceptions, inspect.isclass):
        if issubclass(kind, BotoCoreError):
            fields = {field for _, field, _, _ in Formatter().parse(kind.fmt) if field}
            parameters = inspect.signature(kind).parameters.values()
            if all(one.kind is not one.VAR_KEYWORD for one in parameters):
                fields = set()
            fields |= {one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD}
            yield pytest.param(kind(**dict.fromkeys(fields, SECRET)), id=name)


@pytest.mark.parametrize("error", list(every_botocore_error()))
def test_every_error_of_botocore_is_translated(error):
    found = translate(error, "SearchImageSets")
    assert isinstance(found, (UpstreamDenied, UpstreamUnavailable))
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    "name",
    [
        "NoCredentialsError",
        "NoRegionError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "TokenRetrievalError",
    ],
)
def test_missing_credentials_are_told_from_a_missing_network(name):
    error = getattr(botocore.exceptions, name)(
        provider="p", cred_var="v", profile="x", error_msg="e"
    )
    assert type(translate(error, "x")) is UpstreamDenied


@pytest.mark.parametrize(
    "name",
    ["EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyConnectionError"],
)
def test_a_missing_network_is_a_passing_trouble(name):
    error = getattr(botocore.exceptions, name)(
        endpoint_url="http://x", proxy_url="http://y", error="refused"
    )
    assert type(translate(error, "x")) is UpstreamUnavailable
