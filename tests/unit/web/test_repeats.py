"""Requests that come again: answered as the application would, and never from what is not so."""

import asyncio
import os

import pytest

from gateway.app import create_app
from gateway.errors import UpstreamUnavailable
from gateway.web import repeats
from tests.unit.services.memory import (
    DATASTORE,
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

FRAMES = [os.urandom(400_000), os.urandom(400_000)]
PLACE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
ONE = f"/dicomweb{PLACE}/frames/1"
STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
TTL = 60.0
AGES = 5 * TTL  # seconds after which whoever retrieves waits for what is looked up


def stored(first=FRAMES[0], **changes):
    one = instance(
        "1.2.3.1.1", frames=[first, FRAMES[1]], stored=HTJ2K_RPCL, NumberOfFrames="2", **PIXELS
    )
    return image_set("1.2.3", "1.2.3.1", one), changes


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    document, changes = stored()
    remote.add(document, primary=True, **changes)
    return remote


class Asking:
    """Requests to one application, in one event loop; a fresh one says what is right.

    Time stands still until the ``next_moment``, and then nothing that was looked up is good any
    longer; unless everything is looked up every time.
    """

    def __init__(self, remote, **changes):
        self._remote = remote
        self._settings = settings(**{"search_ttl": TTL, **changes})
        self.app = create_app(self._settings, remote)
        self.moment = 1
        if self._settings.search_ttl:
            self.app.state.services.library.studies.clock = lambda: self.moment * AGES

    def next_moment(self):
        """What was looked up is too old for everybody now."""
        self.moment += 1

    async def __call__(self, target=ONE, method="GET", app=None, **headers):
        named = {"accept": STORED, **{k.replace("_", "-"): v for k, v in headers.items()}}
        named = {key: value for key, value in named.items() if value is not None}
        made = asgi.scope(target, method, headers=named)
        response = asgi.answer(await asgi.drive(app or self.app, made))
        return response, "endpoint" not in made

    async def afresh(self, *args, **kwargs):
        """What an application answers that has nothing in memory."""
        app = create_app(self._settings, self._remote)
        response, _ = await self(*args, app=app, **kwargs)
        return response


def run(scenario):
    return asyncio.run(scenario())


def same(one, other):
    """Whether two answers are equal but for the names of their requests.

    One may say its length where the other could not, whose end was not known when it began.
    """
    own = {b"x-request-id"}
    if not all("content-length" in response.headers for response in (one, other)):
        own.add(b"content-length")
    lines = [[line for line in r.headers.raw if line[0] not in own] for r in (one, other)]
    return (one.status_code, lines[0], one.content) == (other.status_code, lines[1], other.content)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (ONE, {}),
        (f"/datastore/{DATASTORE}{PLACE}/frames/2", {}),
        (ONE, {"accept": "image/jphc"}),
        (ONE, {"origin": "https://viewer.example"}),
        (f"{ONE}?imageSetId={0:032x}", {}),
        (f"{ONE}?accept=image/jphc", {"accept": "text/html"}),
        (f"/dicomweb{PLACE}/bulkdata/7FE00010/frames/1", {}),
    ],
)
@pytest.mark.parametrize("ttl", [TTL, 0.0])
@pytest.mark.parametrize("policy", ["merge", "primary", "flag"])
def test_the_same_request_has_the_same_answer(remote, target, headers, ttl, policy):
    async def scenario():
        ask = Asking(remote, search_ttl=ttl, image_set_policy=policy)
        first, repeated = await ask(target, **headers)
        assert (first.status_code, repeated) == (200, False)
        fetched = remote.count("frame")
        again = [await ask(target, **headers) for _ in range(3)]
        assert all(repeated and same(response, first) for response, repeated in again)
        assert remote.count("frame") == fetched
        names = {one.headers["x-request-id"] for one in (first, *(one for one, _ in again))}
        assert len(names) == 4

    run(scenario)


@pytest.mark.parametrize(
    ("target", "method", "headers"),
    [
        (ONE, "HEAD", {}),
        (ONE, "OPTIONS", {}),
        (ONE, "POST", {}),
        (ONE, "GET", {"accept": "image/jphc"}),
        (ONE, "GET", {"accept": "image/png"}),
        (ONE, "GET", {"accept": None}),
        (ONE, "GET", {"origin": "https://viewer.example"}),
        (ONE, "GET", {"origin": "https://other.example"}),
        (ONE, "GET", {"accept_encoding": "identity;q=0"}),
        (ONE, "GET", {"accept_encoding": "*;q=0"}),
        (ONE, "GET", {"range": "bytes=0-9"}),
        (ONE, "GET", {"if_none_match": "*"}),
        (ONE, "GET", {"if_match": '"no"'}),
        (f"{ONE}?accept=image/jphc", "GET", {}),
        (f"{ONE}?imageSetId={0:032x}", "GET", {}),
        (f"{ONE}?imageSetId={9:032x}", "GET", {}),
        (f"{ONE}?quality=x", "GET", {}),
        (f"/dicomweb{PLACE}/frames/2", "GET", {}),
        (f"/dicomweb{PLACE}/frames/3", "GET", {}),
        (f"/dicomweb{PLACE}/frames/1,2", "GET", {}),
        (f"/datastore/{'e' * 32}{PLACE}/frames/1", "GET", {}),
    ],
)
@pytest.mark.parametrize("origins", ["*", "https://viewer.example"])
def test_another_request_has_its_own_answer(remote, target, method, headers, origins):
    async def scenario():
        ask = Asking(remote, cors_origins=origins)
        for _ in range(2):
            await ask()
            await ask(origin="https://viewer.example")
        right = await ask.afresh(target, method, **headers)
        for _ in range(2):
            assert same((await ask(target, method, **headers))[0], right)

    run(scenario)


def test_the_tag_of_a_repeated_answer_is_good(remote):
    async def scenario():
        ask = Asking(remote)
        await ask()
        response, repeated = await ask()
        known, _ = await ask(if_none_match=response.headers["etag"])
        assert (repeated, known.status_code, known.content) == (True, 304, b"")

    run(scenario)


CHANGES = {
    "a newer image set": lambda remote: remote.add(*stored(FRAMES[1])[:1], primary=True),
    "a study that is gone": lambda remote: remote.remove(f"{0:032x}"),
    "a search that fails": lambda remote: remote.failures.update(
        search=UpstreamUnavailable("down", retry_after=7)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("policy", ["merge", "flag"])
def test_what_has_changed_is_seen_at_the_next_moment(remote, change, policy):
    async def scenario():
        ask = Asking(remote, image_set_policy=policy, stale_seconds=0.0)
        before, _ = await ask()
        change(remote)
        assert same((await ask())[0], before)  # as every other request within the moment
        ask.next_moment()
        right = await ask.afresh()
        assert not same(right, before)
        for _ in range(2):
            assert same((await ask())[0], right)

    run(scenario)


def test_a_moment_later_one_search_is_enough(remote):
    async def scenario():
        ask = Asking(remote)
        await ask()
        await ask(f"/dicomweb{PLACE}/frames/2")
        ask.next_moment()
        searches, documents = remote.count("search"), remote.count("metadata")
        for number in (1, 2, 1, 2):
            _, repeated = await ask(f"/dicomweb{PLACE}/frames/{number}")
            assert repeated
        assert remote.count("search") == searches + 1
        assert remote.count("metadata") == documents

    run(scenario)


def test_a_frame_that_is_not_kept_any_more_is_fetched_again(remote):
    async def scenario():
        ask = Asking(remote, frame_cache_mb=1)
        remote.add(image_set("1.2.4", "1.2.4.1", instance("1.2.4.1.1", frames=[bytes(900_000)])))
        first, _ = await ask()
        other = "/dicomweb/studies/1.2.4/series/1.2.4.1/instances/1.2.4.1.1/frames/1"
        assert (await ask(other))[0].status_code == 200
        fetched = remote.count("frame")
        response, repeated = await ask()
        assert same(response, first)
        assert (repeated, remote.count("frame")) == (False, fetched + 1)

    run(scenario)


def test_what_is_made_of_a_frame_is_not_remembered():
    async def scenario():
        remote = MemoryHealthImaging()
        one = instance("1.2.3.1.1", frames=[bytes(range(8))], **PIXELS)
        remote.add(image_set("1.2.3", "1.2.3.1", one))
        ask = Asking(remote)
        rle = 'multipart/related; type="image/dicom-rle"'
        answers = [await ask(accept=rle) for _ in range(3)]
        assert all(same(answers[0][0], one) and not repeated for one, repeated in answers)
        assert answers[0][0].headers["content-type"].startswith("multipart/related")

    run(scenario)


def test_very_long_requests_are_not_remembered(remote):
    async def scenario():
        ask = Asking(remote)
        for changes in ({"accept": f"{STORED}, {'x/y,' * 1000}z/z"}, {"origin": "o" * 5000}):
            for _ in range(2):
                response, repeated = await ask(**changes)
                assert (response.status_code, repeated) == (200, False)

    run(scenario)


class Name(bytes):
    """The name of a header, which notes the names that it is compared with."""

    asked: set[bytes] = set()  # noqa: RUF012  one for all names

    def __eq__(self, other):
        self.asked.add(bytes(other))
        return bytes.__eq__(self, other)

    __hash__ = bytes.__hash__


@pytest.mark.parametrize("target", [ONE, f"/dicomweb{PLACE}/rendered"])
def test_every_header_that_is_read_is_part_of_the_key(target, monkeypatch):
    monkeypatch.setattr(Name, "asked", set())
    remote = MemoryHealthImaging()
    one = instance("1.2.3.1.1", frames=[bytes(range(8))], **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", one))
    scope = asgi.scope(target)
    scope["headers"] = [(Name(b"host"), b"gateway.example"), (Name(b"x-unknown"), b"1")]
    answer = asgi.answer(asyncio.run(asgi.drive(create_app(settings(), remote), scope)))
    assert answer.status_code == 200
    assert b"accept" in Name.asked
    assert Name.asked <= repeats._READ | {b"access-control-request-method"}


def test_an_answer_is_at_hand_only_within_its_moment(remote):
    """What a server is given without calling the application is what that would send."""

    async def scenario():
        ask = Asking(remote)
        ready = ask.app.ready
        named = asgi.scope(ONE, headers={"accept": STORED})
        assert ready(named) is None
        first, _ = await ask()
        head, *pieces = ready(named)
        lines, _, before = head.partition(b"\r\n\r\n")
        pairs = [tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n")]
        sent = [line for line in pairs if line[0] != b"x-request-id"]
        assert sent == [line for line in first.headers.raw if line[0] != b"x-request-id"]
        assert before + b"".join(pieces) == first.content
        for other in ("HEAD", "POST"):
            assert ready({**named, "method": other}) is None
        assert ready(asgi.scope(ONE, headers={"accept": STORED, "range": "bytes=0-1"})) is None
        ask.moment += 1
        assert ready(named) is None  # it has to be looked up whether it is still so
        assert (await ask())[1]
        assert ready(named) is not None

    run(scenario)


def test_an_answer_at_hand_says_its_length_even_if_it_was_not_known_before(remote):
    """Nothing else would tell where it ends: on a connection that stays open one would wait."""

    async def scenario():
        ask = Asking(remote)
        target = "/dicomweb/studies/1.2.3/series/1.2.3.1/metadata"
        first, _ = await ask(target, accept="application/dicom+json")
        assert "content-length" not in first.headers
        named = asgi.scope(target, headers={"accept": "application/dicom+json"})
        head, *pieces = ask.app.ready(named)
        lines, _, before = head.partition(b"\r\n\r\n")
        content = before + b"".join(pieces)
        assert content == first.content
        assert b"content-length: %d" % len(content) in lines.split(b"\r\n")

    run(scenario)


def test_answers_that_are_asked_for_outlast_those_that_are_not():
    memory = repeats.Memory(None, most=3)
    made = {name: repeats._Answer([], b"", None, 0, None, 0, None) for name in "abcd"}
    for name in "abc":
        memory.put((name,), made[name])
    assert memory.get(("a",)) is made["a"]
    memory.put(("d",), made["d"])
    assert [memory.get((name,)) for name in "abcd"] == [made["a"], None, made["c"], made["d"]]
    memory.put(("e",), made["b"])  # all have been asked for: the oldest goes
    assert len(memory) == 3
    assert memory.get(("e",)) is made["b"]


@pytest.mark.parametrize(
    ("body", "same"),
    [(b"<frame>", True), (b"<frane>", False), (b"(frame>", False), (b"<frame)", False)],
)
def test_only_what_has_gone_out_is_remembered(body, same):
    assert repeats._is(body, b"<", b"frame", b">") is same


def test_the_latest_version_of_an_image_set_that_is_named_is_looked_at_again():
    remote = MemoryHealthImaging()
    one = instance("1.2.3.1.1", frames=[b"frame" * 99], **PIXELS)
    name = remote.add(image_set("1.2.3", "1.2.3.1", one), primary=True)
    place = f"/dicomweb/studies/1.2.3/metadata?imageSetId={name}"

    async def scenario():
        ask = Asking(remote)
        for target, looks in ((place, 3), (f"{place}&versionId=1", 0)):
            remote.calls.clear()
            for _ in range(3):
                assert (await ask(target, accept="application/dicom+json"))[0].status_code == 200
                ask.next_moment()
            asked = [call for call in remote.calls if call[0] == "properties"]
            assert len(asked) == looks, target

    run(scenario)
