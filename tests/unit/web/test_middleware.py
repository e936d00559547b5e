"""The request log, driven with raw ASGI messages: what is sent, what is logged, what is not."""

import asyncio
import json
import logging

import pytest

from gateway.telemetry.logs import JsonFormatter
from gateway.web.middleware import RequestLog
from tests.unit.web import asgi

SECRET = "/dicomweb/studies/1.2.3?PatientName=Phantom"
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"a/b")]}


@pytest.fixture
def logged(caplog):
    """The lines of the request log, as they are written."""
    caplog.set_level(logging.DEBUG, logger="gateway.web.middleware")
    return lambda: [JsonFormatter().format(record) for record in caplog.records]


def endpoint():
    """Stands in a scope as its handler."""


def app(*messages, error=None, after=None):
    """Sends ``messages`` and fails with ``error``, or after so many of them."""

    async def inner(scope, receive, send):
        scope["endpoint"] = endpoint
        for number, message in enumerate(messages):
            if error and number == after:
                raise error
            await send(message)
        if error:
            raise error

    return RequestLog(inner)


def drive(application, target=SECRET, **changes):
    return asyncio.run(asgi.drive(application, asgi.scope(target, **changes)))


def bodies(*contents):
    last = len(contents) - 1
    return [
        {"type": "http.response.body", "body": content, "more_body": number < last}
        for number, content in enumerate(contents)
    ]


def test_messages_pass_with_two_headers_more():
    sent = drive(app(START, *bodies(b"one", b"two", b"")))
    assert sent[1:] == bodies(b"one", b"two", b"")
    headers = dict(sent[0]["headers"])
    assert headers[b"content-type"] == b"a/b"
    assert headers[b"cross-origin-resource-policy"] == b"cross-origin"
    assert len(headers[b"x-request-id"]) == 32
    assert sent[0]["status"] == 200


def test_a_request_is_one_line(logged):
    [start, *_] = drive(app(START, *bodies(b"12345", b"678")), method="GET")
    [line] = map(json.loads, logged())
    assert 0 <= line.pop("seconds") < 5
    assert line.pop("time")
    assert line == {
        "level": "info",
        "logger": "gateway.web.middleware",
        "event": "request",
        "request": dict(start["headers"])[b"x-request-id"].decode(),
        "method": "GET",
        "handler": "test_middleware.endpoint",
        "status": 200,
        "bytes": 8,
    }


def test_every_request_has_its_own_identifier(logged):
    application = app(START, *bodies(b""))
    for _ in range(3):
        drive(application)
    assert len({json.loads(line)["request"] for line in logged()}) == 3


def test_an_identifier_of_the_client_is_not_taken_over(logged):
    sent = drive(app(START, *bodies(b"")), headers={"x-request-id": "theirs"})
    assert dict(sent[0]["headers"])[b"x-request-id"] != b"theirs"
    assert "theirs" not in "".join(logged())


@pytest.mark.parametrize("messages", [(), (START,), (START, *bodies(b"x", b"")[:1])])
@pytest.mark.parametrize("text", ["studies/1.2.3", "Phantom"])
def test_neither_path_nor_query_nor_error_text_is_in_any_line(logged, messages, text):
    application = app(*messages, error=ValueError(f"failed on {text}"))
    if messages:
        with pytest.raises(ValueError, match=text):
            drive(application)
    else:
        drive(application)
    lines = "\n".join(logged())
    assert "request_failed" in lines
    for secret in ("1.2.3", "Phantom", "PatientName", "dicomweb/studies"):
        assert secret not in lines


def test_a_failure_before_the_start_is_answered_and_logged(logged):
    sent = drive(app(error=RuntimeError("internal words")))
    response = asgi.answer(sent)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert int(response.headers["content-length"]) == len(response.content)
    assert "internal words" not in response.text
    assert "X-Request-Id" in response.json()["detail"]
    failed, request = map(json.loads, logged())
    assert failed["event"] == "request_failed"
    assert failed["level"] == "error"
    assert failed["exception"] == "RuntimeError"
    assert failed["at"].endswith(" inner")
    assert failed["request"] == request["request"] == response.headers["x-request-id"]
    assert (request["status"], request["bytes"]) == (500, len(response.content))


def test_a_failure_after_the_start_breaks_the_connection(logged):
    sent = []

    async def send(message):
        sent.append(message)

    application = app(START, *bodies(b"half", b"rest"), error=OSError("gone"), after=2)
    with pytest.raises(OSError, match="gone"):
        asyncio.run(application(asgi.scope(SECRET), None, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True  # nobody takes it for whole
    failed, request = map(json.loads, logged())
    assert (failed["event"], failed["exception"]) == ("request_failed", "OSError")
    assert (request["event"], request["status"], request["bytes"]) == ("request", 200, 4)


def test_a_client_that_leaves_is_logged_and_no_failure(logged):
    async def scenario():
        async def inner(scope, receive, send):
            await send(dict(START))
            await asyncio.Event().wait()

        task = asyncio.create_task(asgi.drive(RequestLog(inner), asgi.scope(SECRET)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    [line] = map(json.loads, logged())
    assert (line["event"], line["status"], line["handler"]) == ("request", 200, None)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_passes_untouched(logged, kind):
    seen = []

    async def inner(scope, receive, send):
        seen.append((scope, receive, send))

    async def nothing():
        """Neither sends nor receives."""

    scope = {"type": kind}
    asyncio.run(RequestLog(inner)(scope, nothing, nothing))
    assert seen == [(scope, nothing, nothing)]
    assert logged() == []
