"""Signatures are those of botocore, whatever the request."""

import time
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, strategies as st

from gateway.remote.signing import Keys, Request, Signer

SERVICE, REGION = "medical-imaging", "eu-west-1"
HOST = "runtime-medical-imaging.eu-west-1.amazonaws.com"
SIGNER = Signer(SERVICE, REGION)  # one for all, so that its derived keys change all the time

visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
keys = st.builds(Keys, visible, visible, st.none() | visible)
anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
paths = st.lists(anything | st.sampled_from([".", "..", "", "%2F"]), max_size=6).map(
    lambda parts: "/" + "/".join(quote(part, safe="-._~") for part in parts)
)
queries = st.lists(st.tuples(anything, anything), max_size=4).map(urlencode) | st.sampled_from(
    ["a", "a&b=1&a=", "b=2&a=1&a=0", "x=1=2", "versionId=7"]
)
names = st.sampled_from(
    ["Content-Type", "X-Amz-Meta-B", "x-amz-meta-a", "User-Agent", "Expect", "Accept"]
)
values = st.text("ab=; \t/", min_size=1, max_size=12).filter(str.strip)
moments = st.integers(0, 4_000_000_000)


def by_botocore(request: Request, keys: Keys, now: int) -> dict[str, str]:
    url = f"https://{request.host}{request.path}" + (f"?{request.query}" if request.query else "")
    signed = AWSRequest(request.method, url, dict(request.headers), request.body)
    signed.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signer = SigV4Auth(Credentials(keys.access, keys.secret, keys.token), SERVICE, REGION)
    signer._modify_request_before_signing(signed)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    signer._inject_signature_to_request(signed, signer.signature(text, signed))
    return dict(signed.headers)


@given(
    st.sampled_from(["GET", "POST"]),
    paths,
    queries,
    st.dictionaries(names, values, max_size=4),
    st.binary(max_size=60),
    keys,
    moments,
)
def test_signatures_are_those_of_botocore(method, path, query, headers, body, keys, now):
    request = Request(method, HOST, path, query, headers, body)
    assert SIGNER.headers(request, keys, now) == by_botocore(request, keys, now)


@pytest.mark.parametrize("token", [None, "session"])
@pytest.mark.parametrize("now", [86_399, 86_400, 86_399.99])
def test_the_derived_key_is_that_of_the_day_and_the_secret(now, token):
    request = Request("POST", HOST, "/datastore/x", "", {"Content-Type": "application/json"}, b"{}")
    for secret in ("one", "two", "one"):
        found = SIGNER.headers(request, Keys("id", secret, token), now)
        assert found == by_botocore(request, Keys("id", secret, token), int(now))


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "vpce-1.example.com"])
def test_the_host_is_signed_as_it_is_sent(host):
    request = Request("POST", host, "/datastore/x", "", {}, b"")
    assert SIGNER.headers(request, Keys("id", "s"), 0) == by_botocore(request, Keys("id", "s"), 0)
