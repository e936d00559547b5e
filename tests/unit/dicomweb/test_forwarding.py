"""Forwarded and X-Forwarded-*: chains of proxies, ports, prefixes, and what is not believed."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import forwarding
from gateway.dicomweb.forwarding import Origin
from gateway.errors import InvalidRequest

OWN = Origin("http", "inner.example", 8080)
TRUSTED = forwarding.networks("10.0.0.0/8, 127.0.0.1, ::1, fd00::/8")
PEER = "10.0.0.1"


def resolve(headers, peer=PEER, own=OWN, trusted=TRUSTED):
    return forwarding.resolve(own, peer, headers, trusted).url


def x(**parts):
    """X-Forwarded-* headers."""
    return {f"X-Forwarded-{name.capitalize()}": value for name, value in parts.items()}


FORWARDED = [
    ("host=viewer.example;proto=https", "https://viewer.example"),
    ("Host=Viewer.Example ; PROTO=HTTPS", None),  # no blank may stand there
    ("proto=https; host=viewer.example", "https://viewer.example"),
    ("proto=https;host=viewer.example;", "https://viewer.example"),
    (", proto=https;host=viewer.example ,", "https://viewer.example"),
    ("HOST=Viewer.Example;PROTO=HTTPS", "https://viewer.example"),
    ('host="viewer.example:8443";proto=https', "https://viewer.example:8443"),
    ('host="viewer.example:443";proto=https', "https://viewer.example"),
    ('host="[2001:db8::1]:8443"', "http://[2001:db8::1]:8443"),
    ("host=[2001:db8::1]:80", "http://[2001:db8::1]"),  # quotes are often forgotten
    ('host="[2001:db8::1]"', "http://[2001:db8::1]"),
    ('host="view\\er.example"', "http://viewer.example"),
    ("proto=https", "https://inner.example:8080"),
    ("for=192.0.2.1", "http://inner.example:8080"),
    ("host=a.example, for=192.0.2.1;host=b.example", "http://b.example"),
    ("host=a.example, for=10.0.0.2;host=b.example", "http://a.example"),
    ("host=a.example;for=1.2.3.4, for=10.0.0.2;host=b.example", "http://a.example"),
    ("host=e.example, host=a.example;for=1.2.3.4, for=10.0.0.2;host=b.example", "http://a.example"),
    ("host=a.example, for=unknown;host=b.example", "http://b.example"),
    ("host=a.example, for=_hidden;host=b.example", "http://b.example"),
    ('host=a.example, for="[fd00::7]:1234";host=b.example', "http://a.example"),
    ('host=a.example, for="10.9.9.9:80";host=b.example', "http://a.example"),
    ("host=a.example, for=10.0.0.2;proto=https", "https://a.example"),
    ("by=10.0.0.1;for=1.2.3.4;secret=x", "http://inner.example:8080"),
]


@pytest.mark.parametrize(("header", "url"), [one for one in FORWARDED if one[1]])
def test_forwarded(header, url):
    assert resolve({"Forwarded": header}) == url


@pytest.mark.parametrize(
    "header",
    [
        "Host=a.example ; PROTO =https",
        "host",
        "host=",
        'host=""',
        'host="a.example',
        "host=a.example;host=b.example",
        "host=a/b",
        'host="a.example:0"',
        'host="a.example:99999"',
        'host="user@a.example"',
        'host="[::1"',
        'host="[1.2.3.4]"',
        'host="[fe80::1%25eth0]"',
        "proto=ftp",
        "proto=javascript",
        "host=a b",
        'host="a.example\\"><script>"',
        "=x",
        "host=\u00e4.example",
    ],
)
def test_a_forwarded_that_could_not_stand_in_a_url_is_refused(header):
    with pytest.raises(InvalidRequest) as caught:
        resolve({"Forwarded": header})
    assert caught.value.parameter == "Forwarded"


X_FORWARDED = [
    (x(proto="https"), "https://inner.example:8080"),
    (x(proto="https", host="viewer.example"), "https://viewer.example"),
    (x(proto="https", port="443"), "https://inner.example"),
    (x(proto="https", host="viewer.example", port="8443"), "https://viewer.example:8443"),
    (x(proto="https", host="viewer.example:9443", port="8443"), "https://viewer.example:9443"),
    (x(proto="HTTPS", host="Viewer.Example."), "https://viewer.example."),
    (x(host="[2001:DB8::1]:80"), "http://[2001:db8::1]"),
    (x(host="a.example, b.example"), "http://b.example"),
    (x(host="a.example, b.example", **{"for": "1.2.3.4, 10.0.0.2"}), "http://a.example"),
    (x(host="e.example, a.example, b.example", **{"for": "9.9.9.9, 10.0.0.2"}), "http://a.example"),
    (x(host="b.example", **{"for": "1.2.3.4, 10.0.0.2, 10.0.0.3"}), "http://b.example"),
    (x(host="a.example, b.example", **{"for": "10.0.0.2, 1.2.3.4"}), "http://b.example"),
    (x(proto="https, http", host="a.example", **{"for": "1.2.3.4, 10.0.0.2"}), "https://a.example"),
    (x(host="a.example, b.example", **{"for": "1.2.3.4, fd00::2"}), "http://a.example"),
    (x(host="a.example, b.example", **{"for": "1.2.3.4, ::ffff:10.0.0.2"}), "http://a.example"),
    (x(prefix="/pacs"), "http://inner.example:8080/pacs"),
    (x(prefix="/pacs/"), "http://inner.example:8080/pacs"),
    (x(prefix="/"), "http://inner.example:8080"),
    (x(prefix="/evil, /pacs"), "http://inner.example:8080/pacs"),
    (x(prefix="/outer, /inner", **{"for": "1.2.3.4, 10.0.0.2"}), "http://inner.example:8080/outer/inner"),
    (x(prefix="/a/b-c_d~1.2"), "http://inner.example:8080/a/b-c_d~1.2"),
    ({**x(prefix="/pacs", host="b.example"), "Forwarded": "host=a.example"}, "http://a.example/pacs"),
    ({}, "http://inner.example:8080"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "url"), X_FORWARDED)
def test_x_forwarded(headers, url):
    assert resolve(headers) == url


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (x(host="a/b"), "Host"),
        (x(host='a.example"'), "Host"),
        (x(host="a.example:"), None),
        (x(host="-a.example"), "Host"),
        (x(host="a..example#"), "Host"),
        (x(host="x" * 300), "Host"),
        (x(proto="gopher"), "Proto"),
        (x(port="-1"), "Port"),
        (x(port="65536"), "Port"),
        (x(port="eighty"), "Port"),
        (x(prefix="pacs"), "Prefix"),
        (x(prefix="//evil.example"), "Prefix"),
        (x(prefix="/a/../b"), "Prefix"),
        (x(prefix="/a?b"), "Prefix"),
        (x(prefix="/a#b"), "Prefix"),
        (x(prefix='/"><script>'), "Prefix"),
        (x(prefix="/" + "a" * 600), "Prefix"),
        (x(prefix="http://evil.example"), "Prefix"),
    ],
)
def test_what_could_not_stand_in_a_url_is_refused_by_name(headers, name):
    if name is None:
        assert resolve(headers) == "http://a.example"
        return
    with pytest.raises(InvalidRequest) as caught:
        resolve(headers)
    assert caught.value.parameter == f"X-Forwarded-{name}"


@pytest.mark.parametrize(
    "peer", [None, "", "1.2.3.4", "11.0.0.1", "testclient", "::2", "127.0.0.2"]
)
@pytest.mark.parametrize(
    "headers",
    [{"Forwarded": "host=evil.example"}, x(host="evil.example", prefix="/x"), {"Forwarded": '"'}],
)
def test_a_stranger_is_not_believed(peer, headers):
    assert resolve(headers, peer) == "http://inner.example:8080"


@pytest.mark.parametrize(
    "peer", ["10.255.255.255", "127.0.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_a_trusted_peer_is(peer):
    assert resolve(x(host="a.example"), peer) == "http://a.example"


def test_nobody_is_trusted_where_the_setting_is_empty():
    assert forwarding.networks("") == forwarding.networks(" , ") == ()
    assert resolve(x(host="a.example"), trusted=()) == "http://inner.example:8080"


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;::1"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        forwarding.networks(text)


@given(st.text(max_size=60))
def test_whatever_comes_is_a_clean_url_or_refused(text):
    for headers in (
        {"Forwarded": text},
        x(host=text),
        x(prefix=text),
        {"Forwarded": f'host="{text}"'},
    ):
        try:
            url = resolve(headers)
        except InvalidRequest:
            continue
        assert url.startswith("http")
        assert not set(url) & set(
            "\"'<>\\ \t?#@" if "Prefix" not in str(headers) else "\"'<>\\ \t?#"
        )
