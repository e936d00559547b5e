"""A site's rule for studies: what it refuses is neither given nor found nor counted."""

import asyncio
import time

import pytest

from gateway.app import create_app
from gateway.auth import apikeys
from gateway.web.routes import DICOMWEB
from tests.unit.services.memory import PIXELS, MemoryHealthImaging, image_set, instance, settings
from tests.unit.web import asgi

STUDIES = [f"1.2.{number}" for number in range(1, 8)]
ASKED = []
ANSWERS = {}


def rule(principal, datastore_id, study, action):
    """Everybody may have the odd studies, and ``all`` every one."""
    ASKED.append((principal.name, datastore_id, study, action))
    if "answer" in ANSWERS:
        return ANSWERS["answer"]
    return principal.name == "all" or int(study.rpartition(".")[2]) % 2 == 1


async def later(*given):
    """The same, not at once."""
    await asyncio.sleep(0)
    return rule(*given), 60


def failing(*given):
    raise ValueError("a patient's name")


async def endless(*given):
    await asyncio.sleep(60)


@pytest.fixture(autouse=True)
def fresh():
    ASKED.clear()
    ANSWERS.clear()


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    for study in STUDIES:
        one = instance(f"{study}.1.1", frames=[bytes(8)], **PIXELS)
        remote.add(image_set(study, f"{study}.1", one), primary=True)
    return remote


class Asking:
    def __init__(self, remote, folder, name="rule", **changes):
        made = {who: apikeys.make(who, ["*:search,read"]) for who in ("some", "all")}
        self.keys = {who: key for who, (key, _) in made.items()}
        file = folder / "keys"
        file.write_text("\n".join(line for _, line in made.values()))
        given = {"api_keys_file": file, "study_rule": f"{__name__}:{name}", **changes}
        self.app = create_app(settings(**given), remote)

    async def request(self, target, who="some", **headers):
        headers = {"x-api-key": self.keys[who], **headers}
        return asgi.answer(await asgi.drive(self.app, asgi.scope(target, headers=headers)))

    def __call__(self, *args, **kwargs):
        return asyncio.run(self.request(*args, **kwargs))


@pytest.fixture(params=["rule", "later"])
def ask(request, remote, tmp_path):
    return Asking(remote, tmp_path, request.param)


def studies(response):
    return sorted(one["0020000D"]["Value"][0] for one in response.json())


def test_only_what_is_allowed_is_found(ask):
    assert studies(ask("/dicomweb/studies")) == STUDIES[::2]
    assert studies(ask("/dicomweb/studies", "all")) == STUDIES
    assert studies(ask("/dicomweb/series")) == STUDIES[::2]
    assert studies(ask("/dicomweb/instances")) == STUDIES[::2]
    assert ask("/dicomweb/studies?StudyInstanceUID=1.2.2").json() == []
    text = ask("/dicomweb/studies", accept='multipart/related; type="application/dicom+xml"').text
    assert text.count('keyword="StudyInstanceUID"') == 4
    page = ask("/").text
    assert [study in page for study in STUDIES] == [True, False] * 3 + [True]


def test_pages_count_what_is_allowed(ask):
    pages = [ask(f"/dicomweb/studies?limit=2&offset={offset}") for offset in (0, 2, 4)]
    found = [study for page in pages for study in studies(page)]
    assert sorted(found) == STUDIES[::2]
    assert [len(page.json()) for page in pages] == [2, 2, 0]
    assert ["warning" in page.headers for page in pages] == [True, False, False]
    assert "at least" in pages[0].headers["warning"]
    assert "x-total-count" not in pages[0].headers
    assert pages[1].headers["x-total-count"] == "4"
    assert ask("/dicomweb/studies?limit=0&StudyInstanceUID=1.2.2").headers["x-total-count"] == "0"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_what_is_allowed_is_found_behind_much_that_is_not(remote, tmp_path, size):
    ask = Asking(remote, tmp_path, search_max_results=size)
    found = [
        study
        for offset in range(5)
        for study in studies(ask(f"/dicomweb/studies?limit=1&offset={offset}"))
    ]
    assert sorted(found) == STUDIES[::2]


def filled(line, study):
    places = {"study": study, "series": f"{study}.1", "instance": f"{study}.1.1",
              "frames": "1", "path:path": "7FE00010"}  # fmt: skip
    path = line.path
    for name, value in places.items():
        path = path.replace(f"{{{name}}}", value)
    if path == "/wado":
        uids = f"studyUID={study}&seriesUID={study}.1&objectUID={study}.1.1"
        path += f"?requestType=WADO&{uids}"
    return f"/dicomweb{path}"


@pytest.mark.parametrize(
    "line", [one for one in DICOMWEB if "{study}" in one.path or one.path == "/wado"],
    ids=lambda line: line.path,
)  # fmt: skip
def test_every_route_to_a_study_asks(ask, line):
    assert ask(filled(line, "1.2.1")).status_code == 200
    assert ASKED
    refused = ask(filled(line, "1.2.2"))
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.headers["www-authenticate"]
    assert ask(filled(line, "1.2.2"), "all").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "/dicomweb/studies/1.2.1/series/1.2.2.1/metadata",
        "/dicomweb/studies/1.2.1/series/1.2.2.1/instances/1.2.2.1.1",
        "/dicomweb/studies/1.2.1/series/1.2.1.1/instances/1.2.2.1.1/frames/1",
        f"/dicomweb/studies/1.2.1/metadata?imageSetId={1:032x}",
        f"/dicomweb/studies/1.2.1/series?imageSetId={1:032x}",
        "/dicomweb/studies/1.2.1/series?StudyInstanceUID=1.2.2",
        f"/dicomweb/studies?imageSetId={1:032x}",
        "/dicomweb/wado?requestType=WADO&studyUID=1.2.1&studyUID=1.2.2"
        "&seriesUID=1.2.2.1&objectUID=1.2.2.1.1",
        "/dicomweb/wado?requestType=WADO&studyUID=1.2.1&seriesUID=1.2.2.1&objectUID=1.2.2.1.1",
        "/dicomweb/wado?requestType=WADO&studyUID=1.2.1&seriesUID=1.2.1.1&objectUID=1.2.1.1.1"
        "&presentationSeriesUID=1.2.2.1&presentationUID=1.2.2.1.1",
    ],
)
def test_no_study_is_reached_through_another(ask, target):
    response = ask(target)
    assert response.status_code in (200, 400, 403, 404)
    assert b"1.2.2" not in response.content
    if response.status_code == 200:
        assert response.json() == []


def test_frames_that_one_has_had_are_not_anothers(ask):
    target = "/dicomweb/studies/1.2.2/series/1.2.2.1/instances/1.2.2.1.1/frames/1"

    async def scenario():
        for _ in range(3):
            assert (await ask.request(target, "all")).status_code == 200
            assert (await ask.request(target)).status_code == 403

    asyncio.run(scenario())


def test_a_verdict_holds_as_long_as_it_says(remote, tmp_path):
    for name, count in (("rule", 3), ("later", 1)):
        ASKED.clear()
        ask = Asking(remote, tmp_path, name)

        async def scenario(ask=ask):
            for _ in range(3):
                await ask.request("/dicomweb/studies/1.2.1/metadata")

        asyncio.run(scenario())
        assert len(ASKED) == count
    assert ASKED[0] == ("some", "d" * 32, "1.2.1", "read")


@pytest.mark.parametrize("answer", [None, "True", 1, (1, 2), (True,), (True, "x")])
def test_an_answer_that_is_none_is_no_permission(remote, tmp_path, answer):
    ANSWERS["answer"] = answer
    response = Asking(remote, tmp_path)("/dicomweb/studies/1.2.1/metadata")
    assert (response.status_code, "retry-after" in response.headers) == (503, True)


def test_a_rule_that_fails_gives_nothing_and_tells_nothing(remote, tmp_path, caplog):
    ask = Asking(remote, tmp_path, "failing")
    for target in ("/dicomweb/studies/1.2.1/metadata", "/dicomweb/studies", "/"):
        response = ask(target)
        assert response.status_code == 503
        assert "patient" not in response.text
    assert "patient" not in caplog.text


def test_a_rule_that_does_not_answer_is_not_waited_for(remote, tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.auth.verdicts._TIME_LIMIT", 0.05)
    began = time.monotonic()
    assert Asking(remote, tmp_path, "endless")("/dicomweb/studies/1.2.1").status_code == 503
    assert time.monotonic() - began < 10
