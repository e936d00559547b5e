"""Links: good for one thing and one while, and for nobody who changes anything."""

import asyncio
import base64
import math
import time
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from gateway.app import create_app
from gateway.auth import apikeys
from gateway.auth.grants import Action, Caller
from gateway.auth.links import Links
from gateway.auth.principals import Principal
from gateway.errors import Unauthenticated
from tests.unit.services.memory import (
    DATASTORE,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

INSTANCE = "/dicomweb/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
RENDERED = f"{INSTANCE}/rendered?viewport=2,2&accept=image/png"
FRAME = f"{INSTANCE}/frames/1"
UIDS = "studyUID=1.2.3&seriesUID=1.2.3.1&objectUID=1.2.3.1.1"
WADO = f"/dicomweb/wado?requestType=WADO&{UIDS}"
KEY = "k" * 32


def rule(principal, datastore_id, study, action):
    return principal.kind == "key" and study == "1.2.3", 60


class Linking:
    """Applications with two machines: one may read, one may see pictures."""

    def __init__(self, folder):
        made = {name: apikeys.make(name, [f"*:{name}"]) for name in ("read", "rendered", "search")}
        self.keys = {name: key for name, (key, _) in made.items()}
        self.file = folder / "keys"
        self.file.write_text("\n".join(line for _, line in made.values()))
        self.app = self.make()

    def make(self, **changes):
        remote = MemoryHealthImaging()
        for study in ("1.2.3", "1.2.4"):
            one = instance(f"{study}.1.1", frames=[bytes(range(8))], **PIXELS)
            remote.add(image_set(study, f"{study}.1", one), primary=True)
        given = {"api_keys_file": self.file, "link_key": KEY, **changes}
        return create_app(settings(**given), remote)

    def ask(self, target, who=None, method="GET", app=None, **headers):
        if who:
            headers["x-api-key"] = self.keys[who]
        chosen = app or self.app
        return asyncio.run(asgi.fetch(chosen, target, method, headers=headers))

    def link(self, url, who="read", **more):
        asked = "&".join(f"{name}={value}" for name, value in more.items())
        response = self.ask(f"/links?url={quote(url, safe='')}&{asked}", who)
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        [made] = response.json()["links"]
        assert made["url"].startswith(f"http://{asgi.HOST}/")
        return made["url"].removeprefix(f"http://{asgi.HOST}"), made["expires"]


@pytest.fixture
def linking(tmp_path):
    return Linking(tmp_path)


@pytest.mark.parametrize("url", [RENDERED, FRAME, WADO, f"http://{asgi.HOST}{FRAME}"])
def test_a_link_gives_what_it_is_for(linking, url):
    plain = linking.ask(url.removeprefix(f"http://{asgi.HOST}"), "read")
    link, expires = linking.link(url)
    assert 290 < expires - time.time() <= 300
    got = linking.ask(link)
    assert (got.status_code, got.content) == (200, plain.content)
    assert got.headers["etag"] == plain.headers["etag"]
    assert linking.ask(link, method="HEAD").status_code == 200
    part = linking.ask(link, range="bytes=0-3")
    assert (part.status_code, part.content) == (206, plain.content[:4])
    assert linking.ask(link, origin="https://viewer.example").status_code == 200
    assert "link=" not in got.text


def changed(link):
    """Links that somebody has changed somewhere."""
    path, _, query = link.partition("?")
    before, _, signature = query.rpartition("link=")
    swapped = ("B" if signature[20] == "A" else "A").join((signature[:20], signature[21:]))
    last = signature[:60] + ("B" if signature[60] == "A" else "A") + signature[61:]
    return {
        "path": f"{path.replace('1.2.3.1.1', '1.2.3.1.2')}?{query}",
        "study": f"{path.replace('1.2.3', '1.2.4')}?{query}",
        "root": f"{path.replace('/dicomweb', f'/datastore/{DATASTORE}')}?{query}",
        "more": f"{path}?{before}quality=1&link={signature}",
        "less": f"{path}?link={signature}",
        "behind": f"{path}?{query}&quality=1",
        "twice": f"{path}?{query}&link={signature}",
        "another case": f"{path}?{before.replace('viewport', 'Viewport')}link={signature}",
        "encoded": f"{path}?{before.replace(',', '%2C')}link={signature}",
        "signature": f"{path}?{before}link={swapped}",
        "terms": f"{path}?{before}link={last}",
        "cut": f"{path}?{before}link={signature[:-4]}",
        "short": f"{path}?{before}link=AAAA",
        "empty": f"{path}?{before}link=",
        "nonsense": f"{path}?{before}link=%00é",
        "long": f"{path}?{before}link={'A' * 9000}",
    }


def test_a_link_that_is_changed_is_none(linking):
    link, _ = linking.link(RENDERED)
    for name, other in changed(link).items():
        response = linking.ask(other)
        assert response.status_code == 401, name
        assert 'error="invalid_token"' in response.headers["www-authenticate"], name
        assert linking.app.ready(asgi.scope(other)) is None, name
    for method in ("POST", "OPTIONS", "PUT"):
        assert linking.ask(link, method=method).status_code in (401, 405)
    assert linking.ask(f"/{link}").status_code == 404
    assert linking.ask(link).status_code == 200


def test_a_link_is_over_when_its_time_is(linking, monkeypatch):
    link, expires = linking.link(FRAME, seconds=7)
    assert expires - time.time() <= 7
    links = linking.app.state.access.links
    links._clock = lambda: expires - 1
    assert linking.ask(link).status_code == 200
    links._clock = lambda: expires
    response = linking.ask(link)
    assert response.status_code == 401
    assert "expired" in response.headers["www-authenticate"]
    assert linking.ask("/links?seconds=0", "read").status_code == 400


def test_a_link_lasts_no_longer_than_is_set_nor_than_who_asks(linking):
    assert linking.link(FRAME, seconds=9999)[1] - time.time() <= 300


def test_a_link_is_good_for_all_replicas_with_the_same_key_and_no_other(linking):
    link, _ = linking.link(FRAME)
    assert linking.ask(link, app=linking.make()).status_code == 200
    assert linking.ask(link, app=linking.make(link_key="o" * 32)).status_code == 401
    assert linking.ask(link, app=linking.make(link_key=None)).status_code == 401


@pytest.mark.parametrize(
    ("url", "who", "status"),
    [
        (FRAME, None, 401),
        (FRAME, "rendered", 403),
        (FRAME, "search", 403),
        (RENDERED, "search", 403),
        ("/dicomweb/studies", "search", 400),
        ("/dicomweb/studies/1.2.3/series", "search", 400),
        ("/metrics", "read", 400),
        ("/healthz", "read", 400),
        ("/links?url=/", "read", 400),
        ("/", "read", 400),
        ("/nothing", "read", 400),
        ("//evil.example/x", "read", 400),
        ("https://evil.example/dicomweb/studies/1.2.3", "read", 400),
        (f"http://{asgi.HOST}.evil.example/dicomweb/studies/1.2.3", "read", 400),
        ("dicomweb/studies/1.2.3", "read", 400),
        (f"{FRAME}#x", "read", 400),
        (f"/datastore/nonsense{FRAME.removeprefix('/dicomweb')}", "read", 404),
        (f"{WADO}&studyUID=1.2.4", "read", 400),
        ("/dicomweb/wado", "read", 400),
    ],
)
def test_links_are_given_for_what_one_may_have_only(linking, url, who, status):
    response = linking.ask(f"/links?url={quote(url, safe='')}", who)
    assert response.status_code == status, response.text


def test_who_may_see_pictures_gives_no_links_to_files(linking):
    link, _ = linking.link(WADO, "rendered")
    assert linking.ask(link).status_code == 200
    file, _ = linking.link(f"{WADO}&contentType=application/dicom", "rendered")
    assert linking.ask(file).status_code == 403


def test_the_rule_for_studies_is_asked_when_a_link_is_given(linking):
    linking.app = linking.make(study_rule=f"{__name__}:rule")
    link, _ = linking.link(FRAME)
    assert linking.ask(link).status_code == 200
    other = quote(FRAME.replace("1.2.3", "1.2.4"), safe="")
    assert linking.ask(f"/links?url={other}", "read").status_code == 403


def test_several_at_a_time_and_not_too_many(linking):
    both = linking.ask(f"/links?url={quote(FRAME)}&url={quote(RENDERED, safe='')}", "read")
    assert len(both.json()["links"]) == 2
    assert linking.ask(f"/links?{'url=/&' * 101}", "read").status_code == 400
    assert linking.ask("/links?href=/", "read").status_code == 400


def test_where_nobody_is_asked_links_are_plain():
    app = create_app(settings(), MemoryHealthImaging())
    made = asyncio.run(asgi.fetch(app, f"/links?url={quote(RENDERED, safe='')}")).json()
    assert made == {"links": [{"url": f"http://{asgi.HOST}{RENDERED}", "expires": None}]}


@given(st.binary(max_size=200), st.booleans())
def test_whatever_is_written_behind_the_parameter_is_no_link(content, encode):
    links = Links(KEY)
    given_ = base64.urlsafe_b64encode(content).rstrip(b"=") if encode else content
    with pytest.raises(Unauthenticated):
        links.read("GET", "/x", b"a=1&link=" + given_)


@pytest.mark.parametrize(("until", "seconds"), [(math.inf, 60), (1_000_030.5, 30)])
def test_a_link_ends_no_later_than_what_its_giver_presented(until, seconds):
    links = Links(KEY, lambda: 1_000_000.0)
    caller = Caller(Principal("a", "token"), {"*": frozenset({Action.READ})}, until)
    query, expires = links.make(caller, DATASTORE, "/x", b"", 60)
    assert expires == 1_000_000 + seconds
    found, rest = links.read("HEAD", "/x", query)
    assert (rest, found.principal.name, found.principal.kind) == (b"", "a", "link")
    assert found.holds(Action.READ, DATASTORE)
    assert not found.holds(Action.READ, "e" * 32)
    assert not found.holds(Action.SEARCH, DATASTORE)
