"""The same rendering again: what was made is given, as long as it is what would be made."""

import asyncio

import pytest

from gateway.app import create_app
from tests.unit.services.memory import PIXELS, MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi

STUDY = "/dicomweb/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.1"
ONE = f"{SERIES}/instances/1.2.3.1.1"
WORDS = [bytes([at, 0] * 4) for at in (10, 200)]
AGES = 300.0  # seconds after which whoever retrieves waits for what is looked up


def stored(frame=WORDS[0], **changes):
    window = {"WindowCenter": "128", "WindowWidth": "256"}
    one = instance("1.2.3.1.1", frames=[frame], **PIXELS, **window)
    return image_set("1.2.3", "1.2.3.1", one, **changes)


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    remote.add(stored(), primary=True)
    return remote


class Asking:
    """Requests to one application at a moment that stands still until it is changed."""

    def __init__(self, remote):
        self._remote = remote
        self.moment = 1
        self.app = self._application()

    def _application(self):
        app = create_app(settings(search_ttl=60.0), self._remote)
        app.state.services.library.studies.clock = lambda: self.moment * AGES
        return app

    def next_moment(self):
        """What was looked up is too old for everybody now."""
        self.moment += 1

    async def __call__(self, target, method="GET", app=None, **headers):
        made = asgi.scope(target, method, headers={"accept": "image/jpeg", **headers})
        return asgi.answer(await asgi.drive(app or self.app, made)), "endpoint" not in made

    async def afresh(self, target, method="GET", **headers):
        response, _ = await self(target, method, app=self._application(), **headers)
        return response


def same(one, other):
    lines = [[line for line in r.headers.raw if line[0] != b"x-request-id"] for r in (one, other)]
    return (one.status_code, lines[0], one.content) == (other.status_code, lines[1], other.content)


@pytest.mark.parametrize("place", [STUDY, SERIES, ONE, f"{ONE}/frames/1"])
@pytest.mark.parametrize("leaf", ["rendered", "thumbnail", "rendered?quality=50&window=5,9,linear"])
def test_it_is_the_same_answer_and_nothing_is_made(remote, place, leaf):
    async def scenario():
        ask = Asking(remote)
        first, _ = await ask(f"{place}/{leaf}")
        assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
        again, repeated = await ask(f"{place}/{leaf}", **{"user-agent": "another"})
        assert repeated
        assert same(again, first)
        head, _ = await ask(f"{place}/{leaf}", "HEAD")
        assert (head.headers["etag"], head.content) == (first.headers["etag"], b"")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"{ONE}/rendered", {"accept": "image/png"}),
        (f"{ONE}/rendered", {"accept": 'multipart/related; type="image/jpeg"'}),
        (f"{ONE}/rendered", {"host": "other.example"}),
        (f"{ONE}/rendered", {"x-forwarded-host": "proxy.example"}),
        (f"{ONE}/rendered", {"x-forwarded-proto": "https"}),
        (f"{ONE}/rendered", {"origin": "https://viewer.example"}),
        (f"{ONE}/rendered?window=5,9,linear", {}),
        (f"{ONE}/rendered?imageSetId={0:032x}", {}),
        (f"{ONE}/thumbnail", {}),
        (f"{ONE}/frames/1/rendered", {}),
    ],
)
def test_another_request_has_its_own_picture(remote, target, headers):
    async def scenario():
        ask = Asking(remote)
        for _ in range(2):
            await ask(f"{ONE}/rendered")
        right = await ask.afresh(target, **headers)
        assert right.status_code == 200
        for _ in range(2):
            assert same((await ask(target, **headers))[0], right)

    asyncio.run(scenario())


@pytest.mark.parametrize("leaf", ["rendered", "thumbnail"])
def test_a_changed_image_set_is_another_picture(remote, leaf):
    async def scenario():
        ask = Asking(remote)
        before, _ = await ask(f"{ONE}/{leaf}")
        remote.add(stored(WORDS[1]), primary=True, version=2)
        ask.next_moment()
        right = await ask.afresh(f"{ONE}/{leaf}")
        assert right.content != before.content
        for _ in range(2):
            assert same((await ask(f"{ONE}/{leaf}"))[0], right)

    asyncio.run(scenario())


def test_another_series_of_the_study_is_another_answer(remote):
    """Other series decide how one is shown, by presentation states: the tag says so."""

    async def scenario():
        ask = Asking(remote)
        before, _ = await ask(f"{ONE}/rendered")
        remote.add(image_set("1.2.3", "1.2.3.2", instance("1.2.3.2.1")), primary=True)
        ask.next_moment()
        after, repeated = await ask(f"{ONE}/rendered")
        assert not repeated
        assert after.headers["etag"] != before.headers["etag"]

    asyncio.run(scenario())
