"""The viewer at /viewer/: nothing but its files, fit for where it is reached."""

import base64
import gzip
import hashlib
import os
import re

import brotli
import pytest

from gateway.app import create_app
from tests.unit.services.memory import MemoryHealthImaging, settings
from tests.unit.web import asgi

SCRIPT = "function browserImport(n){return import(n)}window.PUBLIC_URL="
PAGE = (
    f'<link href="/app.css"><script>{SCRIPT}"/"</script>'
    '<script defer src="/app.bundle.0f6159c501addfe9.js"></script><div id="root"></div>'
)
BUNDLE = b"console.log('the viewer');\n" * 100
HASHED = "/viewer/app.bundle.0f6159c501addfe9.js"


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "viewer"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "app-config.js").write_text("window.config = {published: true}")
    bundle = folder / "app.bundle.0f6159c501addfe9.js"
    bundle.write_bytes(BUNDLE)
    bundle.with_name(bundle.name + ".br").write_bytes(brotli.compress(BUNDLE))
    bundle.with_name(bundle.name + ".gz").write_bytes(gzip.compress(BUNDLE))
    (folder / "app.css").write_text("a{}")
    (folder / "assets" / "codec.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "secret.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def get(build):
    app = create_app(settings(viewer_dir=build), MemoryHealthImaging())
    return lambda target, **headers: asgi.get(app, target, **headers)


@pytest.mark.parametrize(
    ("target", "kind", "cache"),
    [
        ("/viewer/", "text/html; charset=utf-8", "private, no-cache"),
        ("/viewer/viewer?StudyInstanceUIDs=1.2", "text/html; charset=utf-8", "private, no-cache"),
        ("/viewer/index.html", "text/html; charset=utf-8", "private, no-cache"),
        (HASHED, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/viewer/app.css", "text/css; charset=utf-8", "no-cache"),
        ("/viewer/app-config.js", "text/javascript; charset=utf-8", "private, no-cache"),
        ("/viewer/assets/codec.wasm", "application/wasm", "no-cache"),
    ],
)
def test_each_file_has_its_type_and_is_isolated(get, target, kind, cache):
    response = get(target)
    assert response.status_code == 200
    assert response.headers["content-type"] == kind
    assert response.headers["cache-control"] == cache
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    assert response.headers["cross-origin-embedder-policy"] == "require-corp"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    again = get(target, if_none_match=response.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == cache


def test_the_page_finds_its_parts_where_the_gateway_is_reached(build, get):
    for changes, base in (({}, ""), ({"public_url": "https://pacs.example/dicom/"}, "/dicom")):
        app = create_app(settings(viewer_dir=build, **changes), MemoryHealthImaging())
        page = asgi.get(app, "/viewer/viewer")
        assert f'href="{base}/viewer/app.css"' in page.text
        assert f'src="{base}/viewer/app.bundle.0f6159c501addfe9.js"' in page.text
        assert f'window.PUBLIC_URL="{base}/viewer/"' in page.text
        configuration = asgi.get(app, "/viewer/app-config.js").text
        assert f'"routerBasename": "{base}/viewer"' in configuration
        assert "published" not in configuration


def test_a_build_for_this_path_stays_as_it_is(build, get):
    own = PAGE.replace('="/', '="/viewer/')
    (build / "index.html").write_text(own)
    assert get("/viewer/").text == own


def test_the_page_runs_its_own_scripts_only(get):
    page = get("/viewer/")
    policy = dict(
        rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert "unsafe-inline" not in policy["script-src"]
    [inline] = re.findall("<script>(.*?)</script>", page.text)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy["script-src"]
    assert "http://gateway.example" in policy["connect-src"]


@pytest.mark.parametrize(
    ("accepted", "coding", "decode"),
    [
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0.1, gzip", "gzip", gzip.decompress),
        ("identity", None, bytes),
    ],
)
def test_compressed_files_go_out_as_they_lie_there(get, accepted, coding, decode):
    response = get(HASHED, accept_encoding=accepted)
    assert response.headers.get("content-encoding") == coding
    sent = b"".join(response.stream)
    assert decode(sent) == BUNDLE
    assert int(response.headers["content-length"]) == len(sent)
    assert "Accept-Encoding" in response.headers["vary"]
    known = response.headers["etag"]
    assert get(HASHED, accept_encoding=accepted, if_none_match=known).status_code == 304
    assert get(HASHED, accept_encoding=accepted, if_none_match='"other"').status_code == 200


def test_each_coding_has_a_tag_of_its_own(get):
    tags = {get(HASHED, accept_encoding=one).headers["etag"] for one in ("br", "gzip", "identity")}
    assert len(tags) == 3


@pytest.mark.parametrize(
    "target",
    [
        "/viewer/missing.js",
        "/viewer/missing.1a2b3c4d5e6f7a8b.js",
        "/viewer/../secret.txt",
        "/viewer/%2e%2e/secret.txt",
        "/viewer/assets/..%2f..%2fsecret.txt",
        "/viewer//etc/passwd.txt",
        "/viewer/secret.txt",
        "/viewer/app.bundle.0f6159c501addfe9.js.br",
        "/viewer/app.css%00",
    ],
)
def test_nothing_else_can_be_had(get, target):
    response = get(target)
    assert response.status_code == 404
    assert "secret" not in response.text.replace(target, "")


def test_the_path_without_a_slash_leads_to_the_page(get):
    response = get("/viewer?x=1")
    assert (response.status_code, response.headers["location"]) == (308, "viewer/?x=1")


def test_a_build_put_there_later_is_served_without_a_restart(build, get):
    assert get("/viewer/added.css").status_code == 404
    (build / "added.css").write_text("b{}")
    (build / "index.html").write_text(PAGE + "<!-- newer -->")
    os.utime(build / "index.html", ns=(1, 1))
    assert get("/viewer/").text.endswith("newer -->")
    assert get("/viewer/added.css").text == "b{}"


def test_where_no_viewer_is_installed_that_is_said(tmp_path):
    app = create_app(settings(viewer_dir=tmp_path / "none"), MemoryHealthImaging())
    response = asgi.get(app, "/viewer/")
    assert response.status_code == 404
    assert "make viewer" in response.json()["detail"]
    assert "make viewer" in asgi.get(app, "/").text


def test_the_front_page_leads_to_the_viewer(get):
    assert 'href="http://gateway.example/viewer/"' in get("/").text


def test_part_of_a_file_and_its_head(build, get):
    response = get("/viewer/assets/codec.wasm", range="bytes=1-3")
    assert (response.status_code, response.content) == (206, b"asm")
