"""Requests made to do harm, to every route: an answer of ours each, and nothing of theirs in it."""

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from gateway.app import create_app
from gateway.web.routes import routes
from tests.unit.services.memory import PIXELS, MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi

PARAMETER = re.compile(r"\{[^}]*\}")
PATHS = sorted({route.path for route in routes()})
TRAVERSALS = (
    "..",
    "%2e%2e",
    "..%2f..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "..%5c..%5cwindows",
    "%00",
    "1.2.3%00.dcm",
    "%c0%ae%c0%ae%c0%af",
    "%ff%fe",
    "%252e%252e%252f",
    "1.2.3;x=y",
    "1.2.3%0d%0aX-Evil:%20yes",
    "1.2.3%23",
    "%E2%80%AE3.2.1",
    "1" * 3000,
    "1." * 3000,
)
HOSTS = (
    "evil.example/x",
    "evil.example@a",
    'a"onload=x',
    "a<script>",
    "a b",
    "a\tb",
    "a:99999",
    "a:x",
    "[::1",
    "[fe80::1%25eth0]",
    "a,b",
    "é.example",
    "a" * 300,
    "//evil.example",
    "a?x",
    "a#x",
    "a\\b",
)
TOLD = ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix")
BAD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@pytest.fixture(scope="module")
def app():
    remote = MemoryHealthImaging()
    one = instance("1.2.3.1.1", frames=[b"frame" * 99], **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", one), primary=True)
    return create_app(settings(search_ttl=60.0), remote)


def fetch(app, target, method="GET", client="127.0.0.1", **headers):
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = asgi.scope(target, method, headers=(), client=(client, 1))
    request["headers"] = [
        (name.lower().encode(), value.encode("latin-1", "replace"))
        for name, value in {"host": asgi.HOST, **named}.items()
    ]

    async def asked():
        return asgi.answer(await asgi.drive(app, request))

    answer = asyncio.run(asked())
    for name, value in answer.headers.multi_items():
        assert not BAD.search(name + value), (name, value)
    assert "Traceback" not in answer.text
    return answer


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_anywhere_else(app, path):
    places = list(PARAMETER.finditer(path))
    for found in places:
        for text in TRAVERSALS:
            whole = path[: found.start()] + text + path[found.end() :]
            answer = fetch(app, PARAMETER.sub("1.2.3", whole))
            assert answer.status_code in (400, 404, 406), (whole, answer.status_code)
            assert "root:" not in answer.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "X"])
def test_other_methods_are_refused(app, path, method):
    assert fetch(app, PARAMETER.sub("1.2.3", path), method).status_code in (404, 405)


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_gets_into_an_answer_unless_it_is_one(app, host):
    answer = fetch(app, "/dicomweb/studies", host=host)
    assert answer.status_code == 400, answer.text
    assert host not in answer.text
    for name in TOLD:
        value = f'host="{host}"' if name == "Forwarded" else host
        told = fetch(app, "/dicomweb/studies", **{name: value})
        assert told.status_code in (200, 400), name
        if told.status_code == 200:
            assert "evil" not in told.text


def test_only_trusted_proxies_say_where_urls_lead(app):
    target = "/dicomweb/studies/1.2.3/series"
    for name, value in {
        "Forwarded": "host=evil.example;proto=https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
    }.items():
        assert "evil" not in fetch(app, target, client="192.0.2.9", **{name: value}).text
        assert "evil" in fetch(app, target, client="127.0.0.1", **{name: value}).text


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=120)
TOKENS = st.lists(
    st.sampled_from(
        ["*", "/", ";", ",", "q=", "=", '"', "multipart/related", "type=", "application/dicom",
         "image/jpeg", "transfer-syntax=", "1.2.840.10008.1.2.1", "\\", " ", "bytes=", "-", "0",
         "9" * 30, "W/", "for=", "proto=", "host=", "[::1]", "unix", "%", "%ff", "+", "&", "limit",
         "StudyDate", "includefield", "all", "00100020", "\x7f", "é"]
    ),
    max_size=30,
).map("".join)  # fmt: skip
FIELDS = (
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Range",
    "If-None-Match",
    "If-Match",
    "If-Range",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "Host",
    "Origin",
)
TARGETS = (
    "/dicomweb/studies",
    "/dicomweb/studies/1.2.3/metadata",
    "/dicomweb/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/frames/1",
    "/dicomweb/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/rendered",
    "/dicomweb/studies/1.2.3",
    "/dicomweb/wado",
)
LONG = hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LONG
@given(st.sampled_from(TARGETS), st.dictionaries(st.sampled_from(FIELDS), TEXTS | TOKENS))
def test_headers_of_any_kind_are_read_or_refused(app, target, headers):
    answer = fetch(
        app, target, **{name.replace("-", "_"): value for name, value in headers.items()}
    )
    assert answer.status_code < 500, (answer.status_code, answer.text)


@LONG
@given(st.sampled_from(TARGETS), TEXTS | TOKENS)
def test_queries_of_any_kind_are_read_or_refused(app, target, query):
    answer = fetch(app, f"{target}?{query}")
    assert answer.status_code < 500, (answer.status_code, answer.text)


@LONG
@given(st.sampled_from([one for one in PATHS if "{" in one]), TEXTS | TOKENS)
def test_paths_of_any_kind_are_read_or_refused(app, path, text):
    target = PARAMETER.sub(lambda _: text.replace("?", ""), path)
    answer = fetch(app, target)
    assert answer.status_code < 500, (answer.status_code, answer.text)
