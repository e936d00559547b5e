"""Tries are those of botocore's standard mode."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    ReadTimeoutError,
    SSLError,
)
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.retries import standard

from gateway.remote.calls import _asked
from gateway.remote.errors import BY_CODE, Trouble, Unfinished, trouble
from gateway.remote.retries import Retries

MODEL = ServiceModel(Loader().load_service_model("medical-imaging", "service-2"))
OPERATION = MODEL.operation_model("GetImageFrame")
CODES = sorted(
    {
        *BY_CODE,
        *standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
        *standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES,
        "SomethingNew",
        "429",
        "",
    }
)
STATUSES = (400, 402, 403, 404, 406, 409, 418, 429, 500, 501, 502, 503, 504)


class Http:
    def __init__(self, status, headers=()):
        self.status_code, self.headers = status, dict(headers)


def context(code, status, attempt=1, headers=()):
    parsed = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return standard.RetryContext(attempt, OPERATION, parsed, Http(status, headers))


def refusal(code, status, headers=()):
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "GetImageFrame")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("code", CODES)
def test_the_same_errors_are_tried_again(code, status):
    found = trouble(refusal(code, status))
    asked = context(code, status)
    throttled = standard.ThrottlingErrorDetector(standard.RetryEventAdapter())
    assert standard.StandardRetryConditions(2).is_retryable(asked) == (found is not Trouble.LASTING)
    assert throttled.is_throttling_error_from_context(asked) == (found is Trouble.THROTTLED)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (ConnectTimeoutError(endpoint_url="x"), Trouble.PASSING),
        (ReadTimeoutError(endpoint_url="x"), Trouble.PASSING),
        (SSLError(endpoint_url="x", error="e"), Trouble.PASSING),
        (CredentialRetrievalError(provider="p", error_msg="e"), Trouble.LASTING),
        (Unfinished("x"), Trouble.PASSING),
        (TimeoutError(), Trouble.PASSING),
        (ConnectionRefusedError(), Trouble.PASSING),
    ],
)
def test_a_broken_connection_is_tried_again(error, found):
    assert trouble(error) is found


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("headers", [{}, {"x-amz-retry-after": "700"},
                                     {"x-amz-retry-after": "90000"},
                                     {"x-amz-retry-after": "-1"},
                                     {"x-amz-retry-after": "soon"}])  # fmt: skip
@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 429), ("InternalServerException", 500)]
)
def test_the_same_pauses_are_made(code, status, headers, chance):
    throttled = standard.ThrottlingErrorDetector(standard.RetryEventAdapter())
    theirs = standard.ExponentialBackoff(random=lambda: chance, throttling_detector=throttled)
    ours = Retries(10, lambda: chance)
    error = refusal(code, status, headers)
    for attempt in range(1, 10):
        expected = theirs.delay_amount(context(code, status, attempt, headers))
        assert ours.delay(trouble(error), attempt, _asked(error)) == pytest.approx(expected)


def test_tries_have_an_end():
    retries = Retries(3)
    assert retries.delay(Trouble.PASSING, 2) is not None
    assert retries.delay(Trouble.PASSING, 3) is None
    assert Retries(1).delay(Trouble.THROTTLED, 1) is None


def test_a_service_that_is_down_is_asked_less():
    retries = Retries(10)
    paid = 0
    while retries.delay(Trouble.PASSING, 1) is not None:
        paid += 1
    assert paid == 500 // standard.RetryQuotaChecker._RETRY_COST
    retries.succeeded(Trouble.PASSING)
    assert retries.delay(Trouble.PASSING, 1) is not None
    assert retries.delay(Trouble.PASSING, 1) is None
    for _ in range(standard.RetryQuotaChecker._RETRY_COST):
        retries.succeeded(None)
    assert retries.delay(Trouble.PASSING, 1) is not None


def test_throttling_costs_less():
    retries = Retries(10)
    paid = 0
    while retries.delay(Trouble.THROTTLED, 1) is not None:
        paid += 1
    assert paid == 500 // standard.RetryQuotaChecker._THROTTLING_RETRY_COST
