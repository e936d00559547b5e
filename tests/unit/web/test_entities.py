"""Entity tags, conditions, ranges, cache policies and HEAD, of every answer there is."""

import asyncio
import base64
import re

import pytest

from gateway.app import create_app
from gateway.services import grounds
from gateway.web.entities import fingerprint
from gateway.web.routes import DICOMWEB
from tests import multipart
from tests.unit.services.memory import (
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

STUDY = "/dicomweb/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.1"
INSTANCE = f"{SERIES}/instances/1.2.3.1.1"
FRAMES = [bytes(range(8)), bytes(range(8, 16))]
URI = "requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.1&objectUID=1.2.3.1.1"
BULK = bytes(range(256)) * 8
SINGLE = "application/octet-stream"
ENVELOPE = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
XML = 'multipart/related; type="application/dicom+xml"'
IMMUTABLE = "private, max-age=3600, immutable"
REVALIDATED = "private, no-cache"

RESOURCES = {
    f"{INSTANCE}/frames/1": (SINGLE, IMMUTABLE),
    f"{INSTANCE}/frames/2,1": (ENVELOPE, IMMUTABLE),
    f"{INSTANCE}/bulkdata/7FE00010": (ENVELOPE, IMMUTABLE),
    f"{INSTANCE}/bulkdata/00282000": (SINGLE, REVALIDATED),
    f"{INSTANCE}/metadata": ("*/*", REVALIDATED),
    f"{SERIES}/metadata": ("application/json", REVALIDATED),
    f"{STUDY}/metadata": ("*/*", REVALIDATED),
    f"{SERIES}/instances": ("*/*", REVALIDATED),
    f"{STUDY}/series?includefield=all": ("*/*", REVALIDATED),
    f"{STUDY}/instances": ("*/*", REVALIDATED),
    "/dicomweb/studies?PatientID=PHANTOM": ("*/*", REVALIDATED),
    "/dicomweb/series": ("*/*", REVALIDATED),
    "/dicomweb/instances?limit=1": ("*/*", REVALIDATED),
    f"{INSTANCE}/bulkdata": ("*/*", REVALIDATED),
    f"{SERIES}/bulkdata": ("*/*", REVALIDATED),
    f"{STUDY}/bulkdata": ("*/*", REVALIDATED),
    f"{INSTANCE}/pixeldata": ("*/*", IMMUTABLE),
    f"{SERIES}/pixeldata": ("*/*", REVALIDATED),
    f"{STUDY}/pixeldata": ("*/*", REVALIDATED),
    f"{INSTANCE}/frames/1/rendered": ("image/jpeg", REVALIDATED),
    f"{INSTANCE}/rendered": ("image/gif", REVALIDATED),
    f"{SERIES}/rendered": ('multipart/related; type="image/png"', REVALIDATED),
    f"{STUDY}/rendered": ("image/jpeg", REVALIDATED),
    f"{INSTANCE}/frames/1/thumbnail": ("*/*", REVALIDATED),
    f"{INSTANCE}/thumbnail": ("*/*", REVALIDATED),
    f"{SERIES}/thumbnail": ("*/*", REVALIDATED),
    f"{STUDY}/thumbnail": ("*/*", REVALIDATED),
    f"{STUDY}/metadata?charset=utf-8": (XML, REVALIDATED),
    f"{STUDY}?accept=application/zip": ("*/*", REVALIDATED),
    INSTANCE: ("application/dicom", REVALIDATED),
    SERIES: ("*/*", REVALIDATED),
    STUDY: ("*/*", REVALIDATED),
    f"/dicomweb/wado?{URI}": ("*/*", REVALIDATED),
    f"/dicomweb/wado?{URI}&contentType=application/dicom": ("*/*", REVALIDATED),
    "/dicomweb/": ("*/*", REVALIDATED),
    "/ohif/app-config.js": ("*/*", REVALIDATED),
    "/": ("*/*", REVALIDATED),
}
each = pytest.mark.parametrize("path", RESOURCES)


def document(**attributes):
    one = instance("1.2.3.1.1", 1, frames=FRAMES, NumberOfFrames="2", **PIXELS, **attributes)
    return image_set("1.2.3", "1.2.3.1", one, instance("1.2.3.1.2", 2))


@pytest.fixture
def remote():
    made = MemoryHealthImaging()
    made.add(document(ICCProfile=base64.b64encode(BULK).decode()))
    return made


@pytest.fixture
def app(remote):
    return create_app(settings(inline_limit=64), remote)


def ask(app, path, method="GET", accept=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["accept"] = accept or RESOURCES.get(path, ("*/*",))[0]
    return asyncio.run(asgi.fetch(app, path, method, headers=named))


def test_every_route_is_among_them():
    for line in DICOMWEB:
        pattern = re.sub(r"{[^}]*}", "[^/?]+", f"/dicomweb{line.path}") + r"(\?.*)?"
        assert any(re.fullmatch(pattern, path) for path in RESOURCES), line.path


@each
def test_every_answer_has_a_strong_tag_a_cache_policy_and_says_that_it_depends_on_accept(app, path):
    response = ask(app, path)
    assert response.status_code == 200, response.text
    assert re.fullmatch('"[0-9a-f]{32}"', response.headers["etag"])
    assert response.headers["cache-control"] == RESOURCES[path][1]
    varies = {name.strip() for name in response.headers["vary"].split(",")}
    assert "Accept" in varies


@each
def test_the_same_tag_is_the_same_bytes(app, path, remote):
    first, second = ask(app, path), ask(create_app(settings(inline_limit=64), remote), path)
    assert first.headers["etag"] == second.headers["etag"]
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]


@each
def test_a_client_that_has_it_is_told_so(app, path):
    response = ask(app, path)
    for header in (response.headers["etag"], f'"x", W/{response.headers["etag"]}', "*"):
        again = ask(app, path, if_none_match=header)
        assert (again.status_code, again.content) == (304, b"")
        assert "content-length" not in again.headers
        for name in ("etag", "cache-control"):
            assert again.headers[name] == response.headers[name]
        assert {"Accept", "Accept-Encoding"} <= set(again.headers["vary"].split(", "))
    assert ask(app, path, "HEAD", if_none_match=response.headers["etag"]).status_code == 304
    assert ask(app, path, if_none_match='"x"').content == response.content


@pytest.mark.parametrize("path", [STUDY, SERIES, INSTANCE, f"{STUDY}/metadata",
                                  f"{INSTANCE}/bulkdata/00282000"])  # fmt: skip
def test_nothing_is_read_for_a_client_that_has_what_is_stored(app, path, remote):
    tag = ask(app, path).headers["etag"]
    fresh = create_app(settings(inline_limit=64), remote)
    remote.calls.clear()
    assert ask(fresh, path, if_none_match=tag).status_code == 304
    assert [name for name, _ in remote.calls] == ["search"]


@pytest.mark.parametrize("path", [f"{INSTANCE}/frames/1", f"{INSTANCE}/frames/1,2"])
def test_no_frame_is_fetched_for_a_client_that_has_it(app, path, remote):
    tag = ask(app, path).headers["etag"]
    fresh = create_app(settings(inline_limit=64), remote)
    remote.calls.clear()
    assert ask(fresh, path, if_none_match=tag).status_code == 304
    assert remote.count("frame") == 0


@each
def test_the_study_is_looked_up_once_for_an_answer(app, path, remote):
    ask(app, path)
    stored = path != "/dicomweb/" and not path.startswith("/ohif")
    assert remote.count("search") == stored


@each
def test_the_head_of_an_answer_is_that_of_the_answer(app, path):
    got, head = ask(app, path), ask(app, path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    ignored = {"x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in ignored} == {
        name: value for name, value in got.headers.items() if name not in ignored
    }


@pytest.mark.parametrize("path", [STUDY, SERIES, INSTANCE, f"{INSTANCE}/frames/1,2"])
def test_the_head_of_a_stream_fetches_no_frame(app, path, remote):
    assert ask(app, path, "HEAD").status_code == 200
    assert remote.count("frame") == 0


@pytest.mark.parametrize("path", [STUDY, f"{STUDY}/metadata", "/dicomweb/studies"])
def test_what_changes_gets_another_tag(path):
    tags = set()
    for attributes in ({}, {"version": 2}, {"updated": 9.0}):
        remote = MemoryHealthImaging()
        name = {"PatientName": f"Phantom^{len(tags)}"} if attributes else {}
        remote.add(image_set("1.2.3", "1.2.3.1", instance("1.2.3.1.1"), patient=name), **attributes)
        if attributes.get("updated"):
            remote.add(image_set("1.2.3", "1.2.3.2", instance("1.2.3.2.1")))
        tags.add(ask(create_app(settings(), remote), path).headers["etag"])
    assert len(tags) == 3


def test_a_frame_keeps_its_tag_when_its_image_set_changes():
    tags = []
    for version in (1, 2):
        remote = MemoryHealthImaging()
        remote.add(document(PatientComments=str(version)), version=version)
        app = create_app(settings(), remote)
        tags.append(
            [ask(app, path, accept="*/*").headers["etag"] for path in
             (f"{INSTANCE}/frames/1", f"{INSTANCE}/metadata")]
        )  # fmt: skip
    assert tags[0][0] == tags[1][0]
    assert tags[0][1] != tags[1][1]


@pytest.mark.parametrize(
    ("path", "accepts"),
    [
        (f"{INSTANCE}/frames/1", [SINGLE, ENVELOPE]),
        (f"{STUDY}/metadata", ["application/json", "application/dicom+json"]),
        (INSTANCE, ["application/dicom", 'multipart/related; type="application/dicom"']),
    ],
)
def test_each_representation_has_a_tag_of_its_own(app, path, accepts):
    tags = {ask(app, path, accept=accept).headers["etag"] for accept in accepts}
    assert len(tags) == len(accepts)


def test_urls_in_an_answer_are_part_of_what_it_is(app, remote):
    public = create_app(settings(public_url="https://public.example"), remote)
    hosts = ((app, "a.example"), (app, "b.example"), (public, "a.example"))
    tags = {ask(one, f"{STUDY}/metadata", host=host).headers["etag"] for one, host in hosts}
    assert len(tags) == 3


def test_warnings_are_part_of_what_an_answer_is():
    tags = set()
    for count in (2, 3):
        remote = MemoryHealthImaging()
        for number in range(count):
            remote.add(image_set(f"1.{9 - number}", f"1.{9 - number}.1", instance("1")))
        response = ask(
            create_app(settings(), remote), "/dicomweb/studies?StudyInstanceUID=1.9&limit=1"
        )
        assert len(response.json()) == 1
        tags.add(response.headers["etag"])
        first = ask(create_app(settings(), remote), "/dicomweb/studies?limit=1")
        tags.add(first.headers["etag"])
        assert f"There are {count - 1} additional" in first.headers["warning"]
    assert len(tags) == 3


def test_the_fingerprint_is_that_of_the_program_as_it_is_set():
    same = fingerprint(settings(host="0.0.0.0", port=1, log_level="debug"))
    assert same == fingerprint(settings())
    assert same != fingerprint(settings(inline_limit=5))


def test_a_boundary_is_nowhere_in_the_content_and_ends_every_part(app):
    response = ask(app, f"{INSTANCE}/frames/1,2")
    assert [part.content for part in multipart.parse(response)] == FRAMES


@pytest.mark.parametrize("path", [f"{INSTANCE}/frames/1", f"{INSTANCE}/frames/1,2", STUDY, "/"])
@pytest.mark.parametrize(
    ("header", "status"), [("*", 200), ("TAG", 200), ('"x"', 412), ("W/TAG", 412)]
)
def test_if_match(app, path, header, status):
    tag = ask(app, path).headers["etag"]
    response = ask(app, path, if_match=header.replace("TAG", tag))
    assert response.status_code == status
    if status == 412:
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dicomweb/studies/9.9/metadata", 404),
        ("/dicomweb/studies/9.9", 404),
        (f"{INSTANCE}/frames/9", 404),
        (f"{SERIES}/instances/9.9/metadata", 404),
        ("/dicomweb/studies?Nonsense=1", 400),
        (f"{INSTANCE}/frames/0", 400),
    ],
)
@pytest.mark.parametrize("header", ["if-none-match", "if-match"])
def test_conditions_do_not_count_where_there_is_nothing(app, path, status, header):
    response = ask(app, path, **{header: "*"})
    assert response.status_code == status
    assert "etag" not in response.headers
    assert response.headers["cache-control"] == "no-store"
    refused = ask(app, STUDY, accept="text/nothing", if_none_match="*")
    assert refused.status_code == 406


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_is_true_for_a_moment_only_is_not_kept(app, path):
    response = ask(app, path)
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


def test_frames_are_asked_for_again_where_the_setting_says_so(remote):
    app = create_app(settings(frame_max_age=0), remote)
    assert ask(app, f"{INSTANCE}/frames/1").headers["cache-control"] == REVALIDATED
    app = create_app(settings(frame_max_age=60), remote)
    found = ask(app, f"{INSTANCE}/frames/1").headers["cache-control"]
    assert found == "private, max-age=60, immutable"


@each
def test_what_an_answer_follows_from_is_found_once(app, path, monkeypatch):
    find, found = grounds.find, []

    async def noted(*args, **kwargs):
        found.append(kwargs)
        return await find(*args, **kwargs)

    monkeypatch.setattr(grounds, "find", noted)
    ask(app, path, accept=RESOURCES[path][0])
    assert len(found) <= 1
