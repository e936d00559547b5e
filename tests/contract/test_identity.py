"""A gateway with an issuer of tokens, over real sockets: rotation, outage, links, logs."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from gateway.auth import apikeys, issuers
from tests import files
from tests.issuers import AUDIENCE, Issuer, Keys
from tests.running import Gateway


def odd(principal, datastore_id, study, action):
    """Everybody may have the visits of odd number; some may have them all."""
    return principal.name == "all" or study[-1] in "13579", 60


KEYS = Keys(rsa="RS256", ec="ES256", ed="EdDSA")
POLICY = """
[[rule]]
claims = { scope = "imaging" }
datastores = ["*"]
actions = ["search", "read"]
"""


@pytest.fixture(scope="module")
def issuer():
    running = Issuer(KEYS)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def machine():
    return apikeys.make("machine", ["*:search,read,metrics"])


@pytest.fixture(scope="module")
def guarded(healthimaging, library, issuer, machine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    (folder / "policy.toml").write_text(POLICY)
    (folder / "keys").write_text(machine[1])
    running = Gateway(
        healthimaging,
        oidc_issuer=issuer.url,
        oidc_audience=AUDIENCE,
        policy_file=folder / "policy.toml",
        api_keys_file=folder / "keys",
        search_ttl=60,
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def frame(guarded, library):
    path = next(path for path in library.image_sets if path.name == "CT_small.dcm")
    dataset = files.read(path)
    return (
        f"{guarded.root}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}/frames/1"
    )


def token(issuer, kid="ec", scope="imaging", **changes):
    return KEYS.token(issuer.url, kid, scope=scope, **changes)


def get(http, url, bearer=None, **headers):
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    return http.get(url, headers=headers)


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
def test_a_token_opens_the_door_again_and_again(guarded, http, issuer, frame, kid):
    bearer = token(issuer, kid)
    first = get(http, frame, bearer)
    assert first.status_code == 200
    for _ in range(5):
        again = get(http, frame, bearer)
        assert (again.status_code, again.content) == (200, first.content)
        for other in (None, bearer[:-6], token(issuer, scope="other")):
            assert get(http, frame, other).status_code in (401, 403)
    assert get(http, f"{guarded.root}/studies", bearer).json()


def test_many_at_once_are_each_told_apart(http, issuer, frame):
    good, bad = token(issuer), token(issuer, scope="other")
    with ThreadPoolExecutor(8) as pool, httpx.Client(timeout=60) as client:
        asked = [good, bad, None, "x"] * 50
        answers = list(pool.map(lambda bearer: get(client, frame, bearer).status_code, asked))
    assert answers == [200, 403, 401, 401] * 50


def test_keys_are_rotated_and_old_ones_end(guarded, http, issuer, frame, monkeypatch):
    monkeypatch.setattr(issuers, "_PAUSE", 0.0)
    rotated = Keys(next="ES256")
    old = token(issuer, "rsa")
    assert get(http, frame, old).status_code == 200
    issuer.show(rotated)
    try:
        new = rotated.token(issuer.url, "next", scope="imaging")
        assert get(http, frame, new).status_code == 200
        assert get(http, frame, old).status_code == 401  # remembered, but of a key that has gone
    finally:
        issuer.show(KEYS)
    assert get(http, frame, old).status_code == 200


def test_an_issuer_that_is_away_stops_nobody_whose_key_is_known(guarded, http, issuer, frame):
    assert get(http, frame, token(issuer)).status_code == 200
    pages = dict(issuer.pages)
    issuer.pages.clear()
    try:
        for number in range(3):
            fresh = token(issuer, sub=f"nobody seen before {number}")
            assert get(http, frame, fresh).status_code == 200
    finally:
        issuer.pages |= pages


def test_an_issuer_that_was_never_there_is_not_the_callers_fault(healthimaging, http):
    running = Gateway(healthimaging, oidc_issuer="http://127.0.0.1:1", oidc_audience=AUDIENCE)
    try:
        bearer = KEYS.token("http://127.0.0.1:1", "ec")
        answer = get(http, f"{running.root}/studies", bearer)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert get(http, f"{running.root}/studies", "x").status_code == 401
        assert get(http, f"{running.url}/healthz").status_code == 200
        assert get(http, f"{running.url}/readyz").status_code == 200
    finally:
        running.stop()


def test_a_link_needs_no_header(guarded, http, issuer, frame):
    picture = f"{frame}/rendered?accept=image/png"
    bearer = token(issuer)
    made = get(http, f"{guarded.url}/links?url={quote(picture, safe='')}", bearer).json()
    [link] = made["links"]
    plain = get(http, picture, bearer)
    for _ in range(3):
        got = get(http, link["url"])
        assert (got.status_code, got.content) == (200, plain.content)
    part = get(http, link["url"], Range="bytes=0-7")
    assert (part.status_code, part.content) == (206, plain.content[:8])
    assert get(http, link["url"].replace("image/png", "image/gif")).status_code == 401


def test_a_machine_has_a_key_and_what_its_file_says_counts(guarded, http, machine, frame):
    key, _ = machine
    assert get(http, frame, key).status_code == 200
    assert http.get(frame, headers={"X-API-Key": key}).status_code == 200
    assert b"gateway_" in http.get(f"{guarded.url}/metrics", headers={"X-API-Key": key}).content


def test_secrets_are_in_no_log(guarded, http, issuer, machine, frame, caplog):
    caplog.set_level("DEBUG")
    bearer = token(issuer)
    for one in (bearer, bearer[:-5], machine[0], machine[0][:-3]):
        get(http, frame, one)
    made = get(http, f"{guarded.url}/links?url={quote(frame, safe='')}", bearer).json()
    get(http, made["links"][0]["url"])
    get(http, made["links"][0]["url"] + "x")
    ours = [one for one in caplog.records if one.name.startswith("gateway")]
    assert ours
    logged = "".join(str(vars(one)) for one in ours)
    for secret in (bearer[-20:], bearer[:20], machine[0][4:], "link="):
        assert secret not in logged


@pytest.mark.parametrize("catalog", ["on", "off"])
def test_searches_show_what_the_rule_allows_and_count_nothing_else(
    hospital, healthimaging, cataloging, http, tmp_path, catalog
):
    made = {who: apikeys.make(who, ["*:search"]) for who in ("some", "all")}
    (tmp_path / "keys").write_text("\n".join(line for _, line in made.values()))
    given = {"api_keys_file": tmp_path / "keys", "study_rule": f"{__name__}:odd",
             "metrics_access": "public"}  # fmt: skip
    if catalog == "on":
        running = cataloging(hospital.datastore_id, **given)
    else:
        running = Gateway(healthimaging, datastore_id=hospital.datastore_id, **given)

    def found(who, query):
        headers = {"X-API-Key": made[who][0]}
        answer = http.get(f"{running.root}/{query}", headers=headers)
        assert answer.status_code == 200
        uids = [one["0020000D"]["Value"][0] for one in answer.json()]
        return uids, answer.headers.get("x-total-count"), answer.headers.get("warning", "")

    try:
        for level in ("studies", "series", "instances"):
            everything, _, _ = found("all", level)
            mine, total, _ = found("some", level)
            assert mine == [uid for uid in everything if uid[-1] in "13579"]
            assert 0 < len(mine) < len(everything)
            assert int(total) == len(mine)
            pages = [found("some", f"{level}?limit=2&offset={at}") for at in range(0, len(mine), 2)]
            assert [uid for page, _, _ in pages for uid in page] == mine
            assert "at least" in pages[0][2]
    finally:
        if catalog == "off":
            running.stop()
