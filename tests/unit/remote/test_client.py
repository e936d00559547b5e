"""The adapter against a server that answers what it is told."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse

from gateway.errors import NotFound, UpstreamDenied, UpstreamInvalid, UpstreamUnavailable
from gateway.remote.api import Summary
from gateway.remote.client import HealthImagingClient
from tests.unit.remote.told import FRAME, KEYS, SET, STORE, Answer, Server, fault, settings


@pytest.fixture(scope="module")
def server():
    found = Server()
    yield found
    found.close()


@pytest.fixture
def another():
    """A server of the test's own."""
    found = Server()
    yield found
    found.close()


def metadata(client):
    return client.metadata(STORE, SET, None)


async def frame(client):
    opened = await client.open_frame(STORE, SET, FRAME)
    return b"".join([piece async for piece in opened])


def ask(server, use=metadata, *answers, **changes):
    """The result of ``use`` with a client for the server, which gives these answers."""
    server.expect(*answers)

    async def main():
        return await use(server.client(**changes))

    return server.runner.run(main())


def page(*numbers, token=None):
    found = [{"imageSetId": f"{number:032d}", "version": number} for number in numbers]
    more = {"nextToken": token} if token else {}
    return Answer({"imageSetsMetadataSummaries": found, **more})


async def pages(client, criteria):
    return [[one.version for one in page] async for page in client.search(STORE, criteria)]


def test_the_pages_of_a_search_are_followed(server):
    criteria = {"filters": [{"values": [{"DICOMPatientId": "P1"}], "operator": "EQUAL"}]}
    answers = page(1, 2, token="first"), page(3, token="second"), page()
    found = ask(server, lambda client: pages(client, criteria), *answers)
    assert found == [[1, 2], [3], []]
    path = f"/datastore/{STORE}/searchImageSets"
    assert [request[0] for request in server.requests] == [path] * 3
    assert [request[1] for request in server.requests] == [
        {"maxResults": ["50"]},
        {"maxResults": ["50"], "nextToken": ["first"]},
        {"maxResults": ["50"], "nextToken": ["second"]},
    ]
    assert [json.loads(request[2]) for request in server.requests] == [criteria] * 3


def test_a_page_is_fetched_when_it_is_asked_for(server):
    async def first(client):
        found = client.search(STORE, {})
        page = await anext(found)
        await found.aclose()
        return page

    [one] = ask(server, first, page(1, token="more"), page(2))
    assert one.version == 1
    assert len(server.requests) == 1
    assert server.requests[0][2] == b"{}"  # as boto3 sends no criteria


@pytest.mark.parametrize(("version", "query"), [(None, {}), (7, {"version": ["7"]})])
def test_a_document_comes_as_it_is_sent(server, version, query):
    content = b"\x1f\x8b not unzipped"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    found = ask(
        server, lambda client: client.metadata(STORE, SET, version), Answer(content, 200, headers)
    )
    assert found == content
    path = f"/datastore/{STORE}/imageSet/{SET}/getImageSetMetadata"
    assert server.requests == [(path, query, b"")]


@pytest.mark.parametrize(("version", "query"), [(None, {}), (7, {"version": ["7"]})])
@pytest.mark.parametrize(("told", "primary"), [({}, None), ({"isPrimary": False}, False)])
def test_what_an_image_set_is(server, version, query, told, primary):
    answer = {"datastoreId": STORE, "imageSetId": SET, "versionId": "7", "imageSetState": "ACTIVE"}
    found = ask(
        server,
        lambda client: client.properties(STORE, SET, version),
        Answer({**answer, **told, "updatedAt": 1700000000.25}),
    )
    assert found == Summary(SET, 7, 1700000000.25, primary, {})
    assert server.requests == [(f"/datastore/{STORE}/imageSet/{SET}/getImageSet", query, b"")]


def test_a_frame_comes_as_it_is_sent(server):
    content = bytes(range(256)) * 300
    answer = Answer(content, 200, {"Content-Type": "image/jph"})
    assert ask(server, frame, answer) == content
    [(path, query, body)] = server.requests
    assert (path, query) == (f"/datastore/{STORE}/imageSet/{SET}/getImageFrame", {})
    assert json.loads(body) == {"imageFrameId": FRAME}


@pytest.mark.parametrize("status", ["ACTIVE", "CREATING", "CREATE_FAILED", "DELETING", "DELETED"])
def test_a_data_store_is_there_if_it_is_active(server, status):
    answer = Answer({"datastoreProperties": {"datastoreId": STORE, "datastoreStatus": status}})
    if status == "ACTIVE":
        assert ask(server, lambda client: client.check(STORE), answer) is None
    else:
        with pytest.raises(NotFound, match=status):
            ask(server, lambda client: client.check(STORE), answer)
    assert server.requests == [(f"/datastore/{STORE}", {}, b"")]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ResourceNotFoundException", 404, NotFound),
        ("AccessDeniedException", 403, UpstreamDenied),
        ("ConflictException", 409, UpstreamUnavailable),
        ("InternalServerException", 500, UpstreamUnavailable),
        ("ValidationException", 400, UpstreamInvalid),
        ("SomethingNew", 400, UpstreamInvalid),
        ("SomethingNew", 503, UpstreamUnavailable),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        metadata,
        frame,
        lambda client: client.check(STORE),
        lambda client: client.properties(STORE, SET, None),
        lambda client: pages(client, {}),
    ],
    ids=["metadata", "frame", "check", "properties", "search"],
)
def test_an_error_on_the_wire_is_one_of_ours(server, use, code, status, error):
    with pytest.raises(error) as raised:
        ask(server, use, fault(code, status))
    assert "PHANTOM" not in str(raised.value)


def test_an_answer_that_is_no_aws_error_is_one_of_ours(server):
    with pytest.raises(UpstreamUnavailable):
        ask(server, metadata, Answer(b"<html>", 502, {"Content-Type": "text/html"}))


def test_a_passing_trouble_is_tried_again(server):
    answers = fault("InternalServerException", 500), Answer(b"x")
    assert ask(server, metadata, *answers, max_attempts=3) == b"x"
    assert len(server.requests) == 2


def test_a_lasting_trouble_is_not_tried_again(server):
    with pytest.raises(NotFound):
        ask(server, metadata, fault("ResourceNotFoundException", 404), max_attempts=4)
    assert len(server.requests) == 1


def test_tries_have_an_end(another):
    with pytest.raises(UpstreamUnavailable):
        ask(another, metadata, fault("ThrottlingException", 429), max_attempts=2)
    assert len(another.requests) == 2


@pytest.mark.parametrize("sent", [0, 5])
@pytest.mark.parametrize("use", [metadata, frame])
def test_a_body_that_breaks_off_is_a_passing_trouble(server, use, sent):
    with pytest.raises(UpstreamUnavailable):
        ask(server, use, Answer(b"0123456789", sent=sent))


def test_an_answer_that_does_not_come_is_a_passing_trouble(another):
    with pytest.raises(UpstreamUnavailable):
        ask(another, metadata, Answer(b"late", delay=1), read_timeout=0.2)


def test_a_server_that_is_not_there_is_a_passing_trouble():
    server = Server()
    client = HealthImagingClient(settings(server.url), **KEYS)
    server.close()

    async def main():
        try:
            await client.check(STORE)
        finally:
            await client.close()

    with pytest.raises(UpstreamUnavailable):
        asyncio.run(main())


def test_a_closed_client_makes_no_more_calls(server):
    client = HealthImagingClient(settings(server.url), **KEYS)
    server.expect(Answer(b"x", delay=0.2))

    async def main():
        call = asyncio.create_task(metadata(client))
        while not server.requests:  # noqa: ASYNC110  another thread tells
            await asyncio.sleep(0.01)
        await client.close()
        assert await call == b"x"  # what was under way is waited for
        with pytest.raises(RuntimeError):
            await metadata(client)

    asyncio.run(main())


def test_missing_credentials_are_told(server, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    server.expect(Answer(b"x"))

    async def main():
        client = HealthImagingClient(settings(server.url))
        try:
            await metadata(client)
        finally:
            await client.close()

    with pytest.raises(UpstreamDenied):
        asyncio.run(main())
    assert server.requests == []


def test_no_more_calls_than_allowed_run_at_a_time(server):
    async def many(client):
        return await asyncio.gather(*(metadata(client) for _ in range(9)))

    found = ask(server, many, Answer(b"x", delay=0.1), upstream_concurrency=3)
    assert found == [b"x"] * 9
    assert server.most == 3


def test_the_loop_goes_on_while_a_call_waits(server):
    async def race(client):
        call = asyncio.create_task(metadata(client))
        ticks = 0
        while not call.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert ask(server, race, Answer(b"x", delay=0.3)) > 1


def test_without_an_endpoint_the_host_is_that_of_aws(monkeypatch):
    monkeypatch.delenv("AWS_DISABLE_HOST_PREFIX_INJECTION", raising=False)
    asked = []

    async def main():
        client = HealthImagingClient(settings(None, region="eu-west-1"), **KEYS)

        def answer(request, **_):
            asked.append(urlsplit(request.url).hostname)
            return AWSResponse(
                request.url, 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, _Raw()
            )

        client._client.meta.events.register("before-send", answer)
        with pytest.raises(NotFound):
            await client.check(STORE)
        await client.close()

    asyncio.run(main())
    assert asked == ["medical-imaging.eu-west-1.amazonaws.com"]


class _Raw:
    """The body of an answer that was never sent."""

    def stream(self, **_):
        yield b"{}"
