"""Requests in the audit trail: every one, whoever answers it, with how it ended."""

import asyncio
import json
import os

import pytest

from gateway.auth import apikeys
from gateway.auth.principals import Principal
from gateway.errors import UpstreamUnavailable
from gateway.web import auditing
from tests.unit.services.memory import (
    DATASTORE,
    HTJ2K_RPCL,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
)
from tests.unit.web import asgi
from tests.unit.web.audited import Audited, audited, client, details, kind, objects, outcome

STUDY = "1.2.3"
PLACE = f"/dicomweb/studies/{STUDY}/series/1.2.3.1/instances/1.2.3.1.1"
ONE = f"{PLACE}/frames/1"
ANY = {"accept": "*/*"}
FRAME = os.urandom(40_000)


@pytest.fixture
def remote():
    remote = MemoryHealthImaging()
    stored = instance("1.2.3.1.1", frames=[FRAME], stored=HTJ2K_RPCL, **PIXELS)
    remote.add(image_set(STUDY, "1.2.3.1", stored, patient={"PatientID": "MARK-7"}), primary=True)
    return remote


@pytest.mark.parametrize(
    ("target", "expected", "subjects"),
    [
        ("/dicomweb/studies?PatientID=X", "110112", ["/dicomweb/studies"]),
        ("/dicomweb/series", "110112", ["/dicomweb/series"]),
        (f"/datastore/{DATASTORE}/instances", "110112", [f"/datastore/{DATASTORE}/instances"]),
        (f"/dicomweb/studies/{STUDY}/series", "110112", [f"/dicomweb/studies/{STUDY}/series"]),
        (f"/dicomweb/studies/{STUDY}", "110104", [STUDY, "MARK-7"]),
        (f"/dicomweb/studies/{STUDY}/metadata", "110104", [STUDY, "MARK-7"]),
        (f"/datastore/{DATASTORE}/studies/{STUDY}/metadata", "110104", [STUDY, "MARK-7"]),
        (ONE, "110104", [STUDY, "MARK-7"]),
        (f"{PLACE}/rendered", "110104", [STUDY, "MARK-7"]),
        ("/dicomweb/studies/9.9/metadata", "110104", ["9.9", "<none>"]),
        (f"/dicomweb/wado?requestType=WADO&studyUID={STUDY}", "110104", [STUDY, "<none>"]),
    ],
)
def test_what_was_asked_for_is_written_down(remote, tmp_path, target, expected, subjects):
    async def scenario(asking):
        response = await asking.get(target, headers=ANY)
        statuses.append(response.status_code)

    statuses = []
    (found,) = audited(remote, tmp_path, scenario)
    assert (kind(found), objects(found)) == (expected, subjects)
    assert outcome(found) == ("0" if statuses[0] < 400 else "4" if statuses[0] < 500 else "8")


def test_what_is_no_access_is_not(remote, tmp_path):
    async def scenario(asking):
        for target in ("/", "/healthz", "/metrics", "/dicomweb/", "/nothing", "/studies"):
            await asking.get(target, headers=ANY)
        await asking.get(ONE, "OPTIONS")

    assert audited(remote, tmp_path, scenario) == []


def test_answers_at_hand_and_repeated_ones_are_written_down(remote, tmp_path):
    async def scenario(asking):
        ways = []
        for _ in range(2):
            made = asking.scope(ONE)
            response = asgi.answer(await asgi.drive(asking.app, made))
            ways.append(("endpoint" in made, len(response.content)))
        assert asking.app.ready(asking.scope(ONE, client=("10.9.8.7", 1))) is not None
        assert [led for led, _ in ways] == [True, False]
        sizes.extend([size for _, size in ways])

    sizes = []
    found = audited(remote, tmp_path, scenario, search_ttl=60.0)
    assert [kind(one) for one in found] == ["110104"] * 3
    assert [objects(one) for one in found] == [[STUDY, "MARK-7"]] * 3
    assert [int(details(one)["Bytes"]) for one in found] == [*sizes, sizes[0]]
    assert len(FRAME) < sizes[0] == sizes[1]
    assert [client(one)["NetworkAccessPointID"] for one in found] == [
        *["127.0.0.1"] * 2,
        "10.9.8.7",
    ]


def test_who_asks_is_the_principal_at_the_address_that_trusted_proxies_tell(remote, tmp_path):
    who = Principal("dr.who", "token")
    cases = [
        (("10.0.0.9", 5), {"x-forwarded-for": "1.2.3.4"}, "10.0.0.9"),
        (("127.0.0.1", 5), {"x-forwarded-for": "1.2.3.4"}, "1.2.3.4"),
        (("127.0.0.1", 5), {"x-forwarded-for": "6.6.6.6, 1.2.3.4"}, "1.2.3.4"),
        (("127.0.0.1", 5), {"forwarded": 'for="[2001:db8::1]:77";proto=https'}, "2001:db8::1"),
        (("127.0.0.1", 5), {"forwarded": "for=unknown"}, "127.0.0.1"),
        (("127.0.0.1", 5), {"forwarded": "=="}, "127.0.0.1"),
    ]

    async def scenario(asking):
        for peer, headers, _ in cases:
            await asking.get(ONE, headers=headers, client=peer, principal=who)

    found = audited(remote, tmp_path, scenario)
    assert [client(one)["NetworkAccessPointID"] for one in found] == [one for *_, one in cases]
    assert {client(one)["UserID"] for one in found} == {"dr.who"}


def test_how_it_ended_is_written_down(remote, tmp_path):
    async def scenario(asking):
        await asking.get("/dicomweb/studies/1.2.3/series/1.2.3.1/instances/9/frames/1")
        remote.failures["search"] = UpstreamUnavailable("away", retry_after=1)
        await asking.get("/dicomweb/studies/7.7/metadata", headers=ANY)

    found = audited(remote, tmp_path, scenario)
    assert [outcome(one) for one in found] == ["4", "8"]
    told = [one["EventIdentification"]["EventOutcomeDescription"] for one in found]
    assert told == ["HTTP status 404", "HTTP status 503"]


async def _app(scope, receive, send):
    """An application that ends as the path says."""
    end = scope["path"].rpartition("/")[2]
    if end.isdigit():
        await send({"type": "http.response.start", "status": int(end), "headers": []})
        await send({"type": "http.response.body", "body": b"no"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"some", "more_body": True})
    if end == "breaks":
        raise ConnectionError
    if end == "cancelled":
        raise asyncio.CancelledError


@pytest.fixture
def trail():
    class Trail:
        full = waits = False

        def __init__(self):
            self.told = []

        def __getattr__(self, name):
            return lambda *given: self.told.append((name, *given))

    return Trail()


@pytest.mark.parametrize(
    ("end", "indicator", "reason"),
    [
        ("stops", "4", "The connection ended before the answer was whole"),
        ("cancelled", "4", "The connection ended before the answer was whole"),
        ("breaks", "8", "The answer was broken off"),
    ],
)
def test_an_answer_that_is_not_whole_is_no_success(trail, end, indicator, reason):
    app = auditing.Auditing(_app, trail, "")

    async def scenario():
        try:
            await asgi.drive(app, asgi.scope(f"/dicomweb/studies/1.2/{end}"))
        except (ConnectionError, asyncio.CancelledError):
            return

    asyncio.run(scenario())
    ((what, _, access, ended, size),) = trail.told
    assert (what, access.study, size) == ("retrieval", "1.2", 4)
    assert (ended.indicator, ended.reason) == (indicator, reason)


@pytest.mark.parametrize("path", ["/dicomweb/studies/1.2", "/metrics", "/dicomweb/studies", "/x"])
@pytest.mark.parametrize("status", [401, 403])
def test_every_refusal_is_an_alert(trail, path, status):
    app = auditing.Auditing(_app, trail, "")
    asyncio.run(asgi.fetch(app, f"{path}/{status}"))
    ((what, _, told, _),) = trail.told
    assert (what, told) == ("refusal", status)


def test_refusals_become_messages_with_their_count(remote, tmp_path):
    made = Audited(remote, tmp_path, audit_window=60)
    whole, made.app = made.app, auditing.Auditing(_app, _trail_of(made.app), "")

    async def scenario():
        async with whole.router.lifespan_context(whole.router):
            for status in (401, 403, 401):
                await made.get(f"/dicomweb/studies/{status}")

    asyncio.run(scenario())
    found = made.messages()
    assert [kind(one) for one in found] == ["110113"] * 2
    codes = [one["EventIdentification"]["EventTypeCode"][0]["csd-code"] for one in found]
    assert codes == ["110126", "110132"]
    assert [details(one)["Requests"] for one in found] == ["2", "1"]


def _trail_of(app):
    return next(one.kwargs["trail"] for one in app.user_middleware if "trail" in one.kwargs)


def test_one_viewer_that_scrolls_is_one_message(remote, tmp_path):
    async def scenario(asking):
        for _ in range(5):
            await asking.get(ONE)
        await asking.get(ONE, principal=Principal("other", "token"))
        await asking.get(ONE, client=("10.0.0.1", 1))
        await asking.get("/dicomweb/studies/9.9/metadata", headers=ANY)
        for _ in range(3):
            assert asking.app.ready(asking.scope(ONE))

    found = audited(remote, tmp_path, scenario, audit_window=60, search_ttl=60.0)
    assert [details(one)["Requests"] for one in found] == ["8", "1", "1", "1"]
    assert [outcome(one) for one in found] == ["0", "0", "0", "4"]


def test_nothing_is_there_when_it_is_off(remote, tmp_path):
    made = Audited(remote, tmp_path, audit="off")
    assert "Auditing" not in {one.cls.__name__ for one in made.app.user_middleware}
    assert made.app.ready.__qualname__ == "Memory.ready"
    assert not list(tmp_path.iterdir())


def test_answers_wait_for_the_disk_if_they_are_to(remote, tmp_path):
    async def scenario(asking):
        await asking.get(ONE)
        assert asking.app.ready(asking.scope(ONE)) is None
        spooled = b"".join(path.read_bytes() for path in tmp_path.glob("spool/*/*.audit"))
        assert spooled.count(b'"110104"') == 1

    found = audited(remote, tmp_path, scenario, audit_wait=True, audit_window=60, search_ttl=60.0)
    assert [kind(one) for one in found] == ["110104"]


def test_when_there_is_no_room_requests_are_refused_and_nothing_is_lost(remote, tmp_path):
    sent, refused = [], []

    async def scenario(asking):
        trail = _trail_of(asking.app)
        trail._limit = 20_000
        for number in range(40):
            response = await asking.get(f"/dicomweb/studies?StudyID={number}", headers=ANY)
            (sent if response.status_code == 200 else refused).append(response)
        assert asking.app.ready(asking.scope(ONE)) is None
        health = await asking.get("/healthz")
        assert health.status_code == 200
        assert trail.counts.lost == 0
        assert trail.counts.refused == len(refused)

    away = tmp_path / "away" / "audit.jsonl"
    made = Audited(remote, tmp_path, audit_file=away)

    async def run():
        async with made.running():
            await scenario(made)

    asyncio.run(run())
    assert sent
    assert {one.status_code for one in refused} == {503}
    assert all(one.headers["retry-after"] for one in refused)
    away.parent.mkdir()
    again = Audited(remote, tmp_path, audit_file=away)

    async def later():
        async with again.running():
            await asyncio.sleep(0)

    asyncio.run(later())
    lines = [json.loads(line) for line in away.read_text().splitlines()]
    assert [kind(one) for one in lines].count("110112") == len(sent)


def test_what_is_dropped_is_counted_and_said(remote, tmp_path):
    async def scenario(asking):
        trail = _trail_of(asking.app)
        real, trail._limit = trail._limit, 6_000
        for number in range(20):
            response = await asking.get(f"/dicomweb/studies?StudyID={number}", headers=ANY)
            assert response.status_code == 200
        lost.append(trail.counts.lost)
        trail._limit = real
        await asking.get("/dicomweb/studies?StudyID=last", headers=ANY)
        metrics = await asking.get("/metrics")
        assert f"gateway_audit_lost_total {lost[0]}.0" in metrics.text

    lost = []
    found = audited(remote, tmp_path, scenario, audit_full="drop")
    assert 0 < lost[0] < 20
    said = [one for one in found if kind(one) == "110113"]
    assert len(said) == 1
    assert str(lost[0]) in said[0]["EventIdentification"]["EventOutcomeDescription"]
    assert len(found) == 20 - lost[0] + 2


def test_who_has_a_key_is_named_however_it_is_answered_and_others_are_alerts(remote, tmp_path):
    key, line = apikeys.make("viewer-7", ["*:search"])
    other, granted = apikeys.make("reader-8", ["*:read,search"])
    (tmp_path / "keys").write_text(f"{line}\n{granted}\n")

    async def scenario(asking):
        bearer = {"authorization": f"Bearer {other}"}
        for _ in range(2):
            assert (await asking.get(ONE, headers=bearer)).status_code == 200
        assert asking.app.ready(asking.scope(ONE, headers=bearer))
        for headers, status in (
            ({}, 401),
            ({"authorization": "Bearer wrong"}, 401),
            ({"authorization": f"Bearer {key}"}, 403),
        ):
            assert asking.app.ready(asking.scope(ONE, headers=headers)) is None
            assert (await asking.get(ONE, headers=headers)).status_code == status
        guessed = {"authorization": "Bearer wrong"}
        assert (await asking.get(ONE, "OPTIONS", headers=guessed)).status_code == 401

    secured = {"api_keys_file": tmp_path / "keys", "anonymous": "off", "search_ttl": 60.0}
    found = audited(remote, tmp_path, scenario, audit_window=60, **secured)
    told = {}
    for one in found:
        requestor = next(p for p in one["ActiveParticipant"] if p["UserID"] != str(os.getpid()))
        told[kind(one), requestor["UserID"], details(one)["Requests"]] = outcome(one)
    assert told == {
        ("110104", "reader-8", "3"): "0",
        ("110113", "anonymous", "3"): "4",
        ("110113", "viewer-7", "1"): "4",
    }
