"""Authorizers: the claims HealthImaging checks itself, and every answer that one can give."""

import json
import logging
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from hypothesis import given, strategies as st

from gateway.emulator import authorizers
from gateway.emulator.authorizers import Authorizers, bearer, check_claims
from gateway.emulator.faults import STATUS, Fault
from gateway.errors import ConfigurationError
from gateway.telemetry.logs import JsonFormatter
from tests.unit.emulator import authorizing

ARN = "arn:aws:lambda:us-east-1:000000000000:function:authorizer"
HOUR = 3600
KEY = "a key that only the authorizer knows, of 256 bits"
HERE = "tests.unit.emulator.authorizing"
LIMIT = authorizers.TIME_LIMIT


@pytest.fixture(scope="module", autouse=True)
def patience():
    """A slow machine makes no authorizer late that is in a hurry."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authorizers, "TIME_LIMIT", 60.0)
        yield


def token(**changes):
    """A JWT with times relative to now; None leaves a claim out."""
    now = time.time()
    claims = {"exp": now + HOUR, "iat": now - 1, "sub": "reader"}
    claims |= {k: v if k == "sub" or v is None else now + v for k, v in changes.items()}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, KEY)


def event(**changes):
    known = {"datastoreId": "d" * 32, "operation": "GetDICOMInstance", "bearerToken": token()}
    return known | changes


def refusal(call, *arguments):
    with pytest.raises(Fault) as fault:
        call(*arguments)
    return STATUS[fault.value.code], str(fault.value)


def answer_of(name, **changes):
    return refusal(Authorizers(f"{HERE}:{name}", "us-east-1").check, ARN, event(**changes))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer a.b.c", "a.b.c"),
        ("bearer  a.b.c ", "a.b.c"),
        ("Bearer", ""),
        ("AWS4-HMAC-SHA256 Credential=x", None),
        ("Basic eDp5", None),
        ("", None),
    ],
)
def test_the_token_of_a_header(header, found):
    assert bearer(header) == found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nbf": -1},
        {"nbf": None},
        {"iat": -12 * HOUR + 60},
        {"exp": 48 * HOUR},
    ],
)
def test_a_token_of_today_goes_to_the_authorizer(changes):
    check_claims(token(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": -1},
        {"exp": None},
        {"iat": 60},
        {"iat": None},
        {"iat": -12 * HOUR - 60},
        {"nbf": 60},
        {"iat": math.inf},
        {"exp": math.nan},
    ],
)
def test_an_old_or_early_token_does_not(changes):
    assert refusal(check_claims, token(**changes)) == (403, "Invalid or Expired Token")


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[\w-]{0,9}\.[\w-]{0,9}\.[\w-]{0,9}")))
def test_what_is_no_token_is_refused(text):
    assert refusal(check_claims, text) == (403, "Invalid or Expired Token")


def test_a_claim_of_another_type_is_refused():
    for claims in ({"exp": "soon", "iat": 1}, {"exp": 9e12, "iat": []}, {"exp": 9e12, "iat": {}}):
        text = jwt.api_jws.encode(json.dumps(claims).encode(), KEY)
        assert refusal(check_claims, text) == (403, "Invalid or Expired Token")


def test_the_event_is_what_lambda_would_be_given():
    authorizing.EVENTS.clear()
    asked = event()
    Authorizers(f"{HERE}:allow", "us-east-1").check(ARN, asked)
    assert [(asked, None)] == authorizing.EVENTS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deny", (403, "Invalid or Expired Token")),
        ("without_role", (403, "Access Denied")),
        ("with_another_arn", (403, "Access Denied")),
        ("in_words", (424, "Authorizer Failed")),
        ("nothing", (424, "Authorizer Failed")),
        ("broken", (424, "Authorizer Failed")),
        ("leaving", (424, "Authorizer Failed")),
    ],
)
def test_the_answer_decides(name, expected):
    assert answer_of(name) == expected


def test_an_authorizer_has_a_second(monkeypatch):
    monkeypatch.setattr(authorizers, "TIME_LIMIT", LIMIT)
    assert LIMIT == 1
    assert answer_of("slow") == (408, "Authorizer Timeout")


def test_a_stale_token_never_reaches_the_authorizer():
    authorizing.EVENTS.clear()
    assert answer_of("allow", bearerToken=token(exp=-5))[0] == 403
    assert authorizing.EVENTS == []


def test_each_function_has_its_own_authorizer():
    setting = f"{ARN}={HERE}:allow, {HERE}:deny ,{ARN}2={HERE}:without_role"
    check = Authorizers(setting, "us-east-1").check
    check(ARN, event())
    assert refusal(check, f"{ARN}2", event()) == (403, "Access Denied")
    assert refusal(check, f"{ARN}3", event()) == (403, "Invalid or Expired Token")


def test_a_data_store_without_an_authorizer_takes_no_tokens():
    check = Authorizers(f"{HERE}:allow", "us-east-1").check
    assert refusal(check, None, event()) == (403, "Access Denied")


def test_a_function_that_nothing_stands_for_is_misconfigured():
    for setting in ("", f"{ARN}2={HERE}:allow"):
        check = Authorizers(setting, "us-east-1").check
        assert refusal(check, ARN, event()) == (424, "Authorizer Misconfiguration")


@pytest.mark.parametrize("part", ["us-east-1:111122223333", "eu-west-1:000000000000"])
def test_a_function_elsewhere_is_not_called(part):
    arn = ARN.replace("us-east-1:000000000000", part)
    found = refusal(Authorizers(f"{HERE}:allow", "us-east-1").check, arn, event())
    assert found == (424, "Authorizer Cross Account/Cross Region Access")


def test_calls_beyond_the_limit_are_refused_until_one_has_ended(monkeypatch):
    monkeypatch.setattr(authorizers, "TIME_LIMIT", LIMIT)
    authorizing.HOLD.clear()
    check = Authorizers(f"{ARN}={HERE}:held,{HERE}:allow", "us-east-1", concurrency=2).check
    found = []

    def ask():
        found.append(refusal(check, ARN, event()))

    waiting = [threading.Thread(target=ask) for _ in range(2)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(10)
    assert found == [(408, "Authorizer Timeout")] * 2  # both still run
    other = f"{ARN}2"
    assert refusal(check, other, event()) == (429, "Too many requests")
    authorizing.HOLD.set()
    deadline = time.monotonic() + 60
    while any(one.name == "authorizer" for one in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    monkeypatch.undo()
    check(other, event())


@pytest.mark.parametrize("name", ["broken", "leaving"])
def test_no_log_line_has_the_token(name, caplog):
    secret = token()
    with caplog.at_level(logging.DEBUG):
        answer_of(name, bearerToken=secret)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert any("authorizer_failed" in line for line in lines)
    assert secret not in "".join([caplog.text, *lines])


class Endpoint(BaseHTTPRequestHandler):
    """Answers with the status and the body that the path asks for."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.events.append((self.path, self.headers["Content-Type"], json.loads(body)))
        _, status, answer = self.path.split("/", 2)
        content = {
            "allow": json.dumps({"isTokenValid": True, "roleArn": authorizing.ROLE}),
            "error": json.dumps({"errorType": "ValueError", "errorMessage": "no"}),
        }.get(answer, answer)
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.events = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(endpoint, path, asked=None):
    setting = f"http://127.0.0.1:{endpoint.server_port}{path}"
    Authorizers(setting, "us-east-1").check(ARN, asked or event())


def test_an_endpoint_is_posted_the_event(endpoint):
    endpoint.events.clear()
    asked = event()
    ask(endpoint, "/200/allow", asked)
    assert endpoint.events == [("/200/allow", "application/json", asked)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/200/error", (424, "Authorizer Failed")),
        ("/200/text", (424, "Authorizer Failed")),
        ("/500/allow", (424, "Authorizer Failed")),
        ("/302/allow", (424, "Authorizer Failed")),
        ("/404/allow", (424, "Authorizer Misconfiguration")),
        ("/403/allow", (424, "Authorizer Misconfiguration")),
    ],
)
def test_what_an_endpoint_can_answer(endpoint, path, expected):
    assert refusal(ask, endpoint, path) == expected


def test_an_endpoint_that_is_away_is_misconfigured():
    check = Authorizers("http://127.0.0.1:1/", "us-east-1").check
    assert refusal(check, ARN, event()) == (424, "Authorizer Misconfiguration")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("nonsense", "nonsense, which is neither"),
        ("ftp://host/", "neither"),
        ("http://", "neither"),
        ("http://host:port/", "neither"),
        (ARN, "neither"),
        (f"{ARN}=", "neither"),
        (f"{ARN}={HERE}", "neither"),
        ("no_such_module:check", "cannot be imported"),
        (f"{HERE}:missing", "cannot be imported"),
        (f"{HERE}:NOT_CALLABLE", "cannot be called"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting, words):
    with pytest.raises(ConfigurationError) as error:
        Authorizers(setting, "us-east-1")
    message = str(error.value)
    assert message.startswith("HEALTHIMAGING_AUTHORIZER ")
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message
