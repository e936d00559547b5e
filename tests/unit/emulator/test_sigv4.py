"""Signature Version 4: what botocore signs is accepted, and nothing that was changed on the way."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings, strategies as st

from gateway.emulator import s3server, sigv4
from gateway.emulator.faults import Fault

KEYS = sigv4.KeyPair("AKIATEST234567TEST23", "secret/of+the=tests", "eu-central-1")
HOST = "127.0.0.1:8087"
SIGNERS = {"medical-imaging": SigV4Auth, "s3": S3SigV4Auth}
DIFFERS = "The request signature we calculated does not match"


class Signed:
    """A request as botocore sends it, and what the server knows when it checks it."""

    def __init__(
        self,
        method="GET",
        target="/",
        body=b"",
        headers=(),
        service="medical-imaging",
        token=None,
        signer=None,
    ):
        request = AWSRequest(method, f"http://{HOST}{target}", data=body)
        for name, value in headers:
            request.headers[name] = value
        credentials = Credentials(KEYS.access_key_id, KEYS.secret_access_key, token)
        signer = signer or SIGNERS[service]
        signer(credentials, service, KEYS.region).add_auth(request)
        parts = urlsplit(request.url)
        sent = [("Host", HOST), *request.headers.items()]
        self.wire = sigv4.Request(method, parts.path, parts.query, sent)
        stamp = request.headers["X-Amz-Date"]
        self.now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        self.payload = hashlib.sha256(body).hexdigest()
        if service == "s3":
            self.payload = s3server.payload_hash(self.wire)

    def verify(self, wire=None, **changes):
        known = {"keys": KEYS, "payload": self.payload, "now": self.now} | changes
        wire = wire or self.wire
        sigv4.verify(wire, sigv4.parse(wire), **known)

    def refusal(self, wire=None, **changes):
        with pytest.raises(Fault) as refused:
            self.verify(wire, **changes)
        assert refused.value.code == "AccessDeniedException"
        return str(refused.value)

    def with_header(self, name, value):
        """The request with another value of one header; without it for None."""
        kept = [pair for pair in self.wire.headers if pair[0].lower() != name]
        return replace(self.wire, headers=kept + ([] if value is None else [(name, value)]))

    def with_authorization(self, old, new):
        header = self.wire.header("authorization")
        assert old in header
        return self.with_header("authorization", header.replace(old, new))


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
pairs = st.lists(st.tuples(text.filter(bool), text, st.booleans()), max_size=5)
segments = st.lists(
    st.one_of(
        text.map(lambda one: quote(one, safe="~")), st.sampled_from(["", ".", "..", "a+b:c"])
    ),
    max_size=5,
)
spaced = st.text("ab,;=/ \t\"'", max_size=12)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Meta-A", "x-amz-target", "User-Agent", "Expect"]),
    st.lists(spaced, min_size=1, max_size=3),
    max_size=4,
).map(lambda found: [(name, value) for name, values in found.items() for value in values])


def query(found):
    return "&".join(
        quote(key, safe="-_.~") + ("" if bare and not value else "=" + quote(value, safe="-_.~"))
        for key, value, bare in found
    )


@st.composite
def requests(draw):
    target = "/" + "/".join(draw(segments))
    found = query(draw(pairs))
    return Signed(
        draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"])),
        f"{target}?{found}" if found else target,
        draw(st.binary(max_size=20)),
        draw(headers),
        draw(st.sampled_from(sorted(SIGNERS))),
        draw(st.none() | st.text("ABCxyz019+/=", min_size=1, max_size=40)),
    )


@settings(deadline=None, max_examples=400)
@given(requests())
def test_what_botocore_signs_is_accepted(request):
    request.verify()


@settings(deadline=None, max_examples=200)
@given(requests(), st.randoms(use_true_random=False))
def test_the_order_of_parameters_and_headers_does_not_matter(request, random):
    parameters, sent = request.wire.query.split("&"), list(request.wire.headers)
    random.shuffle(parameters)
    names = [name.lower() for name, _ in sent]
    if len(set(names)) == len(names):  # values of one header keep their order
        random.shuffle(sent)
    request.verify(replace(request.wire, query="&".join(parameters), headers=sent))


CHANGES = {
    "method": lambda wire: replace(wire, method="PATCH"),
    "path": lambda wire: replace(wire, path=wire.path + "x"),
    "parameter": lambda wire: replace(wire, query=f"{wire.query}&added=1".strip("&")),
    "value": lambda wire: replace(wire, query=f"{wire.query}1"),
    "host": lambda wire: replace(
        wire, headers=[("Host", "elsewhere"), *[h for h in wire.headers if h[0] != "Host"]]
    ),
}


@settings(deadline=None, max_examples=200)
@given(requests(), st.sampled_from(sorted(CHANGES)))
def test_a_change_on_the_way_is_refused(request, what):
    assert DIFFERS in request.refusal(CHANGES[what](request.wire))


@settings(deadline=None, max_examples=50)
@given(requests())
def test_every_signed_header_is_covered(request):
    signed = sigv4.parse(request.wire).signed_headers
    for name in signed:
        value = request.wire.header(name)
        if name == "x-amz-date":
            earlier = request.now - timedelta(seconds=1)
            if earlier.date() != request.now.date():
                continue
            changed = request.with_header(name, earlier.strftime("%Y%m%dT%H%M%SZ"))
        else:
            changed = request.with_header(name, value + "x")
        assert DIFFERS in request.refusal(changed)
        if name != "x-amz-date":
            assert DIFFERS in request.refusal(request.with_header(name, value + ",x"))


@settings(deadline=None, max_examples=50)
@given(requests())
def test_a_header_that_is_not_signed_may_change(request):
    request.verify(request.with_header("user-agent", "another"))
    request.verify(request.with_header("x-forwarded-for", "192.0.2.1"))


def test_spaces_around_and_inside_a_header_value_do_not_count():
    request = Signed(headers=[("X-Amz-Meta-A", "one two")])
    request.verify(request.with_header("x-amz-meta-a", "  one \t  two "))
    assert DIFFERS in request.refusal(request.with_header("x-amz-meta-a", "onetwo"))


def test_the_order_of_the_values_of_a_header_counts():
    request = Signed(headers=[("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A", "2")])
    swapped = [
        (name, {"1": "2", "2": "1"}.get(value, value)) for name, value in request.wire.headers
    ]
    assert DIFFERS in request.refusal(replace(request.wire, headers=swapped))


@pytest.mark.parametrize("service", sorted(SIGNERS))
def test_the_body_is_signed(service):
    request = Signed("PUT", "/bucket/key", b"content", service=service)
    other = hashlib.sha256(b"another").hexdigest()
    assert DIFFERS in request.refusal(payload=other)
    request.verify()


def test_the_path_of_an_object_is_signed_as_sent_and_any_other_is_normalised():
    Signed(target="/a/./b/../c//d%20e/", service="s3").verify()
    request = Signed(target="/a/./b/../c//d%20e/", service="medical-imaging")
    request.verify(replace(request.wire, path="/a/c/d%20e/"))
    request = Signed(target="/bucket/./key", service="s3")
    assert DIFFERS in request.refusal(replace(request.wire, path="/bucket/key"))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"secret_access_key": "another"}, DIFFERS),
        ({"access_key_id": "AKIAOTHER"}, "The security token included in the request is invalid"),
        ({"region": "us-east-1"}, "Credential should be scoped to the region us-east-1"),
    ],
)
def test_another_key_or_region_is_refused(keys, message):
    assert message in Signed().refusal(keys=replace(KEYS, **keys))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (KEYS.access_key_id, KEYS.access_key_id.lower(), "security token"),
        (f"/{KEYS.region}/", "/us-east-1/", "scoped to the region eu-central-1"),
        ("/medical-imaging/", "/s3/", DIFFERS),
        ("aws4_request", "aws3_request", "does not end with aws4_request"),
        ("AWS4-HMAC-SHA256", "AWS3-HMAC-SHA256", "not a complete Signature Version 4 header"),
        ("Signature=", "Sign=", "not a complete Signature Version 4 header"),
        ("SignedHeaders=", "Headers=", "not a complete Signature Version 4 header"),
        ("Credential=", "Credentials=", "not a complete Signature Version 4 header"),
        ("SignedHeaders=host;", "SignedHeaders=", "host and x-amz-date must be signed"),
        (";x-amz-date", "", "host and x-amz-date must be signed"),
    ],
)
def test_a_changed_authorization_header_is_refused(old, new, message):
    request = Signed()
    assert message in request.refusal(request.with_authorization(old, new))


def test_a_request_without_a_signature_is_refused():
    request = Signed()
    assert request.refusal(request.with_header("authorization", None)) == (
        "Missing Authentication Token"
    )


@pytest.mark.parametrize("minutes", [-5, -1, 0, 1, 5])
def test_five_minutes_of_difference_are_allowed(minutes):
    request = Signed()
    request.verify(now=request.now + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (timedelta(minutes=5, seconds=1), "Signature expired"),
        (timedelta(days=400), "Signature expired"),
        (-timedelta(minutes=5, seconds=1), "Signature not yet current"),
    ],
)
def test_a_signature_of_another_time_is_refused(offset, message):
    request = Signed()
    assert message in request.refusal(now=request.now + offset)


@pytest.mark.parametrize("value", [None, "", "yesterday", "20240102", "20240230T000000Z"])
def test_a_request_without_a_valid_date_is_refused(value):
    request = Signed()
    changed = request.with_header("x-amz-date", value)
    assert "x-amz-date is missing or not a valid date" in request.refusal(changed)


def test_the_scope_has_the_date_of_the_request():
    request = Signed()
    date = f"{request.now:%Y%m%d}"
    other = f"{request.now - timedelta(days=1):%Y%m%d}"
    changed = request.with_authorization(f"/{date}/", f"/{other}/")
    assert "date of the credential scope is not that of x-amz-date" in request.refusal(changed)


# Every mistake that cuts or repeats a part of a good header, and text without any.
GOOD = Signed().wire.header("authorization")
damaged = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    st.integers(0, len(GOOD) - 1).map(lambda end: GOOD[:end]),
    st.tuples(st.integers(0, len(GOOD) - 1), st.sampled_from(" ,=/;Aa")).map(
        lambda pair: GOOD[: pair[0]] + pair[1] + GOOD[pair[0] + 1 :]
    ),
    st.text("/=,; ", max_size=20).map(lambda end: "AWS4-HMAC-SHA256 Credential=" + end),
)


@settings(deadline=None, max_examples=400)
@given(damaged)
def test_a_damaged_authorization_header_is_refused_and_nothing_else(value):
    request = Signed(target="/another/path")
    request.refusal(request.with_header("authorization", value))


@pytest.mark.parametrize(
    ("announced", "expected"),
    [
        (None, hashlib.sha256(b"").hexdigest()),
        ("UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ],
)
def test_what_stands_for_the_body_of_an_object(announced, expected):
    sent = [("X-Amz-Content-SHA256", announced)] if announced else []
    assert s3server.payload_hash(sigv4.Request("PUT", "/b/k", "", sent)) == expected


def test_a_path_signed_as_it_is_sent_is_taken_where_that_is_permitted():
    request = Signed(target="/studies/1.2/frames/2,1", signer=S3SigV4Auth)  # encodes no path
    assert DIFFERS in request.refusal()
    request.verify(as_sent=True)
    forged = replace(request.wire, path="/studies/1.2/frames/1,2")
    assert DIFFERS in request.refusal(forged, as_sent=True)
    Signed(target="/studies/1.2/frames/2,1").verify(as_sent=True)
