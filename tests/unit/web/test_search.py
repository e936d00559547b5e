"""QIDO-RS as HTTP: the total, who asks for the next page, what a browser may read."""

import asyncio
from xml.etree import ElementTree

import pytest

from gateway.app import create_app
from tests import multipart
from tests.unit.services.memory import MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi


def archive(studies):
    remote = MemoryHealthImaging()
    for number in range(studies):
        bring(remote, f"1.{number}", f"2024010{number + 1}")
    return remote


def bring(remote, study, date):
    one = instance(f"{study}.1.1", ImageComments="x")
    remote.add(image_set(study, f"{study}.1", one, at_study={"StudyDate": date}))


def visits(remote, *requests, between=lambda: None, **changes):
    """The answers to requests, each a target and headers, one after another."""

    async def scenario():
        app = create_app(settings(**changes), remote)
        found = []
        for target, headers in requests:
            more = {"client": headers.pop("client")} if "client" in headers else {}
            found.append(await asgi.fetch(app, target, headers=headers, **more))
            between()
        return found

    return asyncio.run(scenario())


def studies(response):
    return [one["0020000D"]["Value"][0] for one in response.json()]


@pytest.mark.parametrize(
    ("query", "total"),
    [("", "3"), ("?limit=1", "3"), ("?limit=0", "3"), ("?PatientID=nobody", "0")],
)
def test_the_total_is_a_header(query, total):
    [response] = visits(archive(3), (f"/dicomweb/studies{query}", {}))
    assert response.headers["x-total-count"] == total


def test_no_total_where_it_is_not_known():
    remote = archive(9)
    for number in range(9, 120):
        bring(remote, f"1.{number}", "20230101")
    [response] = visits(remote, ("/dicomweb/studies?limit=1", {}), search_max_image_sets=50)
    assert "x-total-count" not in response.headers
    assert any("ended after 50" in text for text in response.headers.get_list("warning"))


def test_browsers_may_read_the_total_and_the_warnings():
    headers = {"Origin": "https://viewer.example"}
    [response] = visits(archive(1), ("/dicomweb/studies", headers))
    exposed = response.headers["access-control-expose-headers"]
    assert {"X-Total-Count", "Warning"} <= set(exposed.split(", "))


ME = {"user-agent": "Mozilla", "authorization": "Bearer me", "x-forwarded-for": "10.0.0.1"}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"accept": "application/json"}, True),
        ({"cookie": "AWSALB=changes with every answer"}, True),
        ({"user-agent": "curl"}, False),
        ({"authorization": "Bearer you"}, False),
        ({"x-forwarded-for": "10.0.0.2"}, False),
        ({"client": ("10.0.0.9", 1)}, False),
        ({"client": ("127.0.0.1", 9)}, True),
    ],
)
def test_who_asks_for_the_next_page(other, same):
    """Only who made a listing gets the next page from it; others search for themselves."""
    remote = archive(2)
    first, second = visits(
        remote,
        ("/dicomweb/studies?limit=1", dict(ME)),
        ("/dicomweb/studies?limit=1&offset=1", ME | other),
        between=lambda: bring(remote, "1.9", "20240301"),
    )
    assert studies(first) == ["1.1"]
    assert studies(second) == (["1.0"] if same else ["1.1"])


@pytest.mark.parametrize("accept", ["application/dicom+json", "application/json", "*/*"])
def test_the_media_types(accept):
    [response] = visits(archive(1), ("/dicomweb/studies", {"accept": accept}))
    expected = "application/dicom+json" if accept == "*/*" else accept
    assert response.headers["content-type"] == expected
    assert int(response.headers["content-length"]) == len(response.content)


def test_urls_of_one_image_set_lead_to_it():
    remote = archive(1)
    name = f"{0:032x}"
    target = f"/dicomweb/instances?imageSetId={name}&includefield=00081190"
    [response] = visits(remote, (target, {}))
    [url] = response.json()[0]["00081190"]["Value"]
    place = f"/studies/1.0/series/1.0.1/instances/1.0.1.1?imageSetId={name}"
    assert url.endswith(f"{place}&versionId=1")
    path = url.removeprefix(f"http://{asgi.HOST}")
    remote.calls.clear()
    [retrieved] = visits(remote, (path, {}))
    assert retrieved.status_code == 200
    assert remote.count("search") == 0


XML = 'multipart/related; type="application/dicom+xml"'


def test_xml_is_a_part_for_each_result():
    first, second = visits(archive(2), *[("/dicomweb/studies", {"accept": XML})] * 2)
    assert first.headers["content-type"].startswith(XML)
    parts = multipart.parse(first)
    assert [part.type for part in parts] == ["application/dicom+xml"] * 2
    found = [ElementTree.fromstring(part.content) for part in parts]
    uids = [tree.findtext("*[@tag='0020000D']/*") for tree in found]
    assert uids == ["1.1", "1.0"]
    assert first.headers["x-total-count"] == "2"
    assert (first.content, first.headers["etag"]) == (second.content, second.headers["etag"])


def test_nothing_found_is_no_content_in_xml_and_an_empty_list_in_json():
    target = "/dicomweb/studies?PatientID=nobody"
    xml, json = visits(archive(1), (target, {"accept": XML}), (target, {}))
    assert (xml.status_code, xml.content, xml.headers["x-total-count"]) == (204, b"", "0")
    assert (json.status_code, json.content) == (200, b"[]")


def test_a_client_that_has_the_page_is_told_so():
    [first] = visits(archive(1), ("/dicomweb/studies", {}))
    headers = {"if-none-match": first.headers["etag"]}
    [same] = visits(archive(1), ("/dicomweb/studies", dict(headers)))
    [other] = visits(archive(2), ("/dicomweb/studies", dict(headers)))
    assert (same.status_code, other.status_code) == (304, 200)


@pytest.mark.parametrize("primary", [True, False, None])
def test_one_image_set_that_is_not_primary(primary):
    remote = MemoryHealthImaging()
    name = remote.add(image_set("1", "1.1", instance("1.1.1")), primary=primary)
    target = f"/dicomweb/studies?imageSetId={name}"
    [response] = visits(remote, (target, {}), image_set_policy="flag")
    assert ("warning" in response.headers) is (primary is False)
