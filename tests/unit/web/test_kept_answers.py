"""Metadata and searches that were answered before: the same bytes, and nothing is made again."""

import asyncio

import pytest

from gateway.app import create_app
from gateway.imagesets.pieces import Pieces
from gateway.services.results import Result
from tests.unit.services.memory import MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi
from tests.unit.web.test_repeats import Asking, same

SERIES = "/dicomweb/studies/1.2/series/1.2.1"
BROWSER = {"accept-encoding": "gzip"}
XML = {"accept": 'multipart/related; type="application/dicom+xml"'}


def stored(count=3, **changes):
    remote = MemoryHealthImaging()
    instances = [instance(f"1.2.1.{number}", number) for number in range(1, count + 1)]
    remote.add(image_set("1.2", "1.2.1", *instances, **changes))
    return remote


def ask(remote, *targets, **changes):
    """The answers to targets, each with headers, one after another."""

    async def scenario():
        app = create_app(settings(**changes), remote)
        return [await asgi.fetch(app, path, headers=dict(headers)) for path, headers in targets]

    return asyncio.run(scenario())


@pytest.fixture
def written(monkeypatch):
    """The instances that were written as JSON, in their order: by pieces, or as a whole."""
    found = []
    write, whole = Pieces.write, Result.dataset.fget

    def said(self):
        found.append(self.speaker.sop)
        return whole(self)

    def noted(self, one, *arguments):
        found.append(one.sop)
        return write(self, one, *arguments)

    monkeypatch.setattr(Pieces, "write", noted)
    monkeypatch.setattr(Result, "dataset", property(said))
    return found


@pytest.mark.parametrize("path", [f"{SERIES}/metadata", f"{SERIES}/instances", "/dicomweb/studies"])
@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_the_second_answer_is_the_first_and_is_not_made(path, headers, written):
    first, second, third = ask(stored(), *[(path, headers)] * 3)
    assert len(written) == len(first.json())
    for later in (second, third):
        assert later.json() == first.json()
        assert later.headers["etag"] == first.headers["etag"]
        assert later.headers.get("content-encoding") == first.headers.get("content-encoding")
        assert later.headers.get("x-total-count") == first.headers.get("x-total-count")


def test_codings_and_media_types_have_answers_of_their_own(written):
    plain, coded, xml, again = ask(
        stored(),
        *[(f"{SERIES}/metadata", headers) for headers in ({}, BROWSER, XML, BROWSER)],
    )
    assert len(written) == 3
    assert plain.json() == coded.json() == again.json()
    assert xml.headers["content-type"].startswith("multipart/related")
    assert len({one.headers["etag"] for one in (plain, coded, xml)}) == 3


def test_another_version_and_another_address_are_other_answers():
    remote = stored(2)

    async def scenario():
        app = create_app(settings(), remote)
        found = [
            await asgi.fetch(app, path) for path in (f"{SERIES}/metadata", f"{SERIES}/instances")
        ]
        remote.add(image_set("1.2", "1.2.1", instance("1.2.1.9", 9)))
        again = [
            await asgi.fetch(app, path) for path in (f"{SERIES}/metadata", f"{SERIES}/instances")
        ]
        one = await asgi.fetch(app, f"{SERIES}/instances/1.2.1.9/metadata")
        return found, again, one

    found, again, one = asyncio.run(scenario())
    assert [len(each.json()) for each in found] == [2, 2]
    assert [len(each.json()) for each in again] == [3, 3]
    assert [each["00080018"]["Value"] for each in one.json()] == [["1.2.1.9"]]


def test_links_lead_to_the_host_that_each_client_uses():
    remote = stored(1)
    urls = [
        ask(remote, (f"{SERIES}/instances", {"host": host}))[0].json()[0]["00081190"]["Value"][0]
        for host in ("one.example", "two.example")
    ]
    assert [url.split("/")[2] for url in urls] == ["one.example", "two.example"]


def test_a_search_that_gives_warnings_gives_them_again():
    path = f"{SERIES}/instances?limit=1"
    first, second = ask(stored(), (path, {}), (path, {}))
    assert first.headers["warning"] == second.headers["warning"]
    assert (first.headers["x-total-count"], second.headers["x-total-count"]) == ("3", "3")


@pytest.mark.parametrize("place", ["/dicomweb/studies/1.2", SERIES, f"{SERIES}/instances/1.2.1.1"])
@pytest.mark.parametrize("headers", [{}, BROWSER, XML, XML | BROWSER])
@pytest.mark.parametrize("policy", ["merge", "flag"])
def test_metadata_are_given_again_from_where_they_are_kept(place, headers, policy, written):
    async def scenario():
        named = {
            key.replace("-", "_"): value for key, value in {"accept": "*/*", **headers}.items()
        }
        single_xml = headers.get("accept") and place.endswith("1.2.1.1")
        if single_xml:
            named["accept"] = "application/dicom+xml"
        remote = stored(150)
        ask = Asking(remote, image_set_policy=policy)
        path = f"{place}/metadata"
        first, repeated = await ask(path, **named)
        assert (first.status_code, repeated) == (200, False)
        count = len(written)
        for _ in range(2):
            again, repeated = await ask(path, **named)
            assert repeated
            assert same(again, first)
        assert len(written) == count
        remote.add(image_set("1.2", "1.2.1", instance("1.2.1.9999", 9)))
        ask.next_moment()
        later, repeated = await ask(path, **named)
        assert not repeated
        assert later.headers["etag"] != first.headers["etag"]

    asyncio.run(scenario())


def test_metadata_that_are_not_there_are_not_there_again():
    async def scenario():
        ask = Asking(stored())
        for _ in range(2):
            missing, repeated = await ask(f"{SERIES}/instances/1.9/metadata", accept="*/*")
            assert (missing.status_code, repeated) == (404, False)

    asyncio.run(scenario())
