"""What a request says: its query, what it accepts, which data store and address, which host."""

from urllib.parse import urlencode

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from starlette.applications import Starlette
from starlette.requests import Request

from gateway.app import create_app
from gateway.dicomweb.accept import MediaRange
from gateway.dicomweb.resources import Address
from gateway.errors import InvalidRequest, NotFound
from gateway.web import context
from tests.unit.services.memory import DATASTORE, MemoryHealthImaging, settings
from tests.unit.web import asgi

OTHER = "e" * 32
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def request(target="/dicomweb/studies", path_params=None, change=None, **scope):
    app: Starlette = create_app(settings(**(change or {})), MemoryHealthImaging())
    made = asgi.scope(target, **scope)
    return Request({**made, "app": app, "path_params": path_params or {}})


def plain(target="/x", **scope):
    return Request({**asgi.scope(target, **scope), "path_params": {}})


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_a_query_string_comes_back_as_it_was_written(pairs):
    assert context.query(plain(f"/x?{urlencode(pairs)}")) == pairs


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("a=1&b=2", [("a", "1"), ("b", "2")]),
        ("a=1&a=2", [("a", "1"), ("a", "2")]),
        ("a=", [("a", "")]),
        ("a", [("a", "")]),
        ("&a=1&&", [("a", "1")]),
        ("a=x+y%20z", [("a", "x y z")]),
        ("a=x%2By", [("a", "x+y")]),
        ("a=%E5%B9%BB", [("a", "幻")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("a=1%2C2,3%5C4", [("a", "1,2,3\\4")]),
    ],
)
def test_query_strings_as_clients_write_them(text, pairs):
    assert context.query(plain(f"/x?{text}")) == pairs


@pytest.mark.parametrize("text", ["a=%FF", "%FF=a", "&".join(["a=1"] * 201)])
def test_a_query_string_that_cannot_be_read_is_refused(text):
    with pytest.raises(InvalidRequest) as caught:
        context.query(request(f"/x?{text}"))
    assert caught.value.parameter == "query"


def types(made):
    return [one.type for one in context.ranges(made)]


def test_what_the_header_accepts():
    made = request(headers={"accept": "image/jls;q=0.5, image/jphc"})
    assert types(made) == ["image/jphc", "image/jls"]


def test_several_headers_are_one_list():
    made = request()
    made.scope["headers"] += [(b"accept", b"image/jls"), (b"accept", b"image/jp2, image/jpeg")]
    assert types(made) == ["image/jls", "image/jp2", "image/jpeg"]


def test_no_header_accepts_everything():
    assert types(request()) == types(request(headers={"accept": ""})) == ["*/*"]


@pytest.mark.parametrize(
    "header", [None, "", "*/*", 'multipart/related; type="application/octet-stream"']
)
def test_the_query_parameter_wins_over_the_header(header):
    headers = {} if header is None else {"accept": header}
    made = request("/thumbnail?accept=image%2Fjpeg", headers=headers)
    assert context.ranges(made) == (MediaRange("image/jpeg"),)


def test_the_query_parameter_may_be_a_list_and_may_be_repeated():
    made = request("/x?accept=image%2Fjls%3Bq%3D0.5,image%2Fjp2&viewport=1,1&accept=a%2Fb")
    assert types(made) == ["image/jp2", "a/b", "image/jls"]
    whole = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    assert context.ranges(request(f"/x?{urlencode({'accept': whole})}")) == (
        MediaRange(
            "multipart/related", (("type", "application/octet-stream"), ("transfer-syntax", "*"))
        ),
    )


def test_an_empty_query_parameter_accepts_everything():
    assert types(request("/x?accept=", headers={"accept": "image/jpeg"})) == ["*/*"]


@pytest.mark.parametrize(
    ("allowed", "wanted", "found"),
    [
        ("", None, DATASTORE),
        ("", DATASTORE, DATASTORE),
        ("", OTHER, OTHER),
        (OTHER, OTHER, OTHER),
        (f"{'a' * 32}, {OTHER}", OTHER, OTHER),
        (OTHER, None, DATASTORE),
        (OTHER, DATASTORE, DATASTORE),
    ],
)
def test_the_data_store_of_the_path_or_the_default_one(allowed, wanted, found):
    path = {} if wanted is None else {"datastore": wanted}
    made = request(path_params=path, change={"datastore_ids": allowed})
    assert context.datastore_id(made) == found


@pytest.mark.parametrize("wanted", [OTHER, OTHER[:5], f"{'a' * 32},{OTHER}", "", "nonsense"])
def test_a_data_store_that_is_not_allowed_does_not_exist(wanted):
    made = request(path_params={"datastore": wanted}, change={"datastore_ids": "a" * 32})
    with pytest.raises(NotFound):
        context.datastore_id(made)


def test_the_address_of_the_path():
    made = request(path_params={"study": "1.2", "series": "1.3", "instance": "1.4"})
    assert context.address(made) == Address(DATASTORE, "1.2", "1.3", "1.4", None)
    made = request(path_params={"study": "1.2", "datastore": OTHER})
    assert context.address(made) == Address(OTHER, "1.2")
    made = request(f"/x?imageSetId={'a' * 32}", {"study": "1.2"})
    assert context.address(made).image_set_id == "a" * 32


@pytest.mark.parametrize("name", ["study", "series", "instance"])
def test_what_is_no_uid_is_refused_by_the_name_of_its_place(name):
    path = {"study": "1.2", "series": "1.3", "instance": "1.4"} | {name: "1.x"}
    with pytest.raises(InvalidRequest) as caught:
        context.address(request(path_params=path))
    assert caught.value.parameter == name


@pytest.mark.parametrize("text", ["", "a", "a" * 31, "a" * 33, "A" * 32, "-" * 32, "%C3%A4" * 32])
def test_what_is_no_image_set_is_refused(text):
    with pytest.raises(InvalidRequest) as caught:
        context.image_set_id(plain(f"/x?imageSetId={text}"))
    assert caught.value.parameter == "imageSetId"


@pytest.mark.parametrize(
    ("scope", "url"),
    [
        ({}, "http://gateway.example"),
        ({"headers": {"host": "gateway.example:8080"}}, "http://gateway.example:8080"),
        ({"scheme": "https", "server": ("10.0.0.1", 443)}, "https://gateway.example"),
        ({"server": ("10.0.0.1", 8080)}, "http://gateway.example"),
        ({"headers": {"host": "localhost"}, "server": ("127.0.0.1", 80)}, "http://localhost"),
        (
            {"headers": {"host": "localhost"}, "server": ("127.0.0.1", 8080)},
            "http://localhost:8080",
        ),
        (
            {"headers": {"host": "127.0.0.1"}, "server": ("127.0.0.1", 8080)},
            "http://127.0.0.1:8080",
        ),
        ({"headers": {"host": "[::1]"}, "server": ("::1", 8080)}, "http://[::1]:8080"),
        (
            {"headers": {"host": "localhost:9"}, "server": ("127.0.0.1", 8080)},
            "http://localhost:9",
        ),
        (
            {"scheme": "https", "headers": {"host": "localhost"}, "server": ("127.0.0.1", 443)},
            "https://localhost",
        ),
        ({"headers": {"host": ""}, "server": ("127.0.0.1", 8080)}, "http://127.0.0.1:8080"),
        ({"root_path": "/imaging"}, "http://gateway.example/imaging"),
        ({"root_path": "/imaging/"}, "http://gateway.example/imaging"),
    ],
)
def test_where_the_client_reaches_the_gateway(scope, url):
    assert context.base_url(request(**scope)) == url


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("https://public.example", "https://public.example"),
        ("https://public.example/", "https://public.example"),
        ("https://public.example:8443/imaging", "https://public.example:8443/imaging"),
    ],
)
def test_the_public_url_wins_over_every_host(setting, url):
    for host in ("gateway.example", "localhost", "evil.example"):
        made = request(change={"public_url": setting}, headers={"host": host}, root_path="/x")
        assert context.base_url(made) == url


ONE = "a" * 32


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("versionId=1", "versionId"),
        (f"imageSetId={ONE}&versionId=0", "versionId"),
        (f"imageSetId={ONE}&versionId=x", "versionId"),
        (f"imageSetId={ONE}&versionId=1&versionId=2", "versionId"),
        (f"imageSetId={ONE}&imageSetId={'b' * 32}", "imageSetId"),
    ],
)
def test_a_version_that_means_nothing_is_refused(query, parameter):
    read = context.version_id if parameter == "versionId" else context.image_set_id
    with pytest.raises(InvalidRequest) as caught:
        read(plain(f"/x?{query}"))
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("query", "version"),
    [("", None), (f"imageSetId={ONE}", None), (f"imageSetId={ONE}&versionId=12", 12),
     (f"imageSetId={ONE}&versionId=3&versionId=3&imageSetId={ONE}", 3)],
)  # fmt: skip
def test_the_version_of_an_image_set(query, version):
    assert context.version_id(plain(f"/x?{query}")) == version


def test_the_service_root_is_that_of_the_request():
    assert context.root(request()) == "http://gateway.example/dicomweb"
    own = request(path_params={"datastore": OTHER})
    assert context.root(own) == f"http://gateway.example/datastore/{OTHER}"
    public = request(change={"public_url": "https://public.example/x/"})
    assert context.root(public) == "https://public.example/x/dicomweb"


@hypothesis_settings(deadline=None, max_examples=50)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_a_forwarded_host_of_anybody_is_not_believed(name):
    headers = {"x-forwarded-host": name, "x-forwarded-proto": "https", "forwarded": f"host={name}"}
    stranger = ("203.0.113.9", 50000)
    made = request(headers=headers, client=stranger)
    assert context.base_url(made) == "http://gateway.example"


@pytest.mark.parametrize(
    ("scope", "url"),
    [
        ({"headers": {"x-forwarded-proto": "https"}}, "https://gateway.example"),
        ({"headers": {"x-forwarded-proto": "https", "host": "localhost"}}, "https://localhost"),
        ({"headers": {"x-forwarded-host": "a.example:8443"}}, "http://a.example:8443"),
        ({"headers": {"x-forwarded-prefix": "/pacs/"}}, "http://gateway.example/pacs"),
        (
            {"headers": {"x-forwarded-prefix": "/a"}, "root_path": "/b"},
            "http://gateway.example/a/b",
        ),
        ({"headers": {"forwarded": 'proto=https;host="[::1]:99"'}}, "https://[::1]:99"),
        ({"headers": {"x-forwarded-host": "a.example"}, "client": None}, "http://gateway.example"),
    ],
)
def test_a_trusted_proxy_says_where_the_client_is(scope, url):
    assert context.base_url(request(**scope)) == url
    made = request(change={"trusted_proxies": ""}, **scope)
    assert "a.example" not in context.base_url(made)
    public = request(change={"public_url": "https://public.example"}, **scope)
    assert context.base_url(public) == "https://public.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", 'a"b'),
        ("Host", "a.example/path"),
        ("Host", "user@a.example"),
        ("Host", "a.example:port"),
        ("X-Forwarded-Host", 'a.example"><script>'),
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Port", "0"),
        ("X-Forwarded-Prefix", "//evil.example"),
        ("Forwarded", 'host="a'),
    ],
)
def test_what_could_not_stand_in_a_url_is_refused_by_its_header(name, value):
    with pytest.raises(InvalidRequest) as caught:
        context.base_url(request(headers={name.lower(): value}))
    assert caught.value.parameter == name


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", None), ("?quality=1", 1), ("?quality=75", 75), ("?quality=100", 100)],
)
def test_quality(query, expected):
    assert context.quality(plain(f"/x{query}")) == expected


@pytest.mark.parametrize("text", ["", "0", "101", "-1", "7.5", "high", "%C2%B2", "9" * 5000])
def test_a_quality_that_is_none(text):
    with pytest.raises(InvalidRequest, match="1 to 100") as caught:
        context.quality(plain(f"/x?quality={text}"))
    assert caught.value.parameter == "quality"


TOLD = [(b"user-agent", b"a"), (b"authorization", b"b"), (b"x-forwarded-for", b"c")]


@pytest.mark.parametrize(
    ("client", "headers", "one"),
    [
        (("10.0.0.1", 2), TOLD, True),
        (("10.0.0.1", 1), [*reversed(TOLD)], True),
        (("10.0.0.1", 1), [*TOLD, (b"accept", b"a/b")], True),
        (("10.0.0.2", 1), TOLD, False),
        (None, TOLD, False),
        (("10.0.0.1", 1), TOLD[:2], False),
        (("10.0.0.1", 1), [*TOLD[:2], (b"forwarded", b"c")], False),
        (("10.0.0.1", 1), [*TOLD[:2], (b"x-forwarded-for", b"d")], False),
    ],
)
def test_viewers_are_told_apart_by_what_requests_tell(client, headers, one):
    known = context.viewer({"client": ("10.0.0.1", 1), "headers": TOLD})
    assert (context.viewer({"client": client, "headers": headers}) == known) is one
