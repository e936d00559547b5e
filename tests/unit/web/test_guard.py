"""Every route, with every kind of credential: the table of routes decides what is tested."""

import asyncio
import hashlib

import pytest

from gateway.app import create_app
from gateway.auth import apikeys
from gateway.auth.grants import Action
from gateway.errors import ConfigurationError
from gateway.web.routes import DICOMWEB, OPERATIONS, ROOTS
from tests.issuers import AUDIENCE, Issuer
from tests.unit.services.memory import (
    DATASTORE,
    settings,
)
from tests.unit.web import asgi
from tests.unit.web.guarded import (
    ALL,
    GUARDED,
    INSTANCE,
    KEYS,
    POLICY,
    PUBLIC,
    WADO,
    ask,
    challenged,
    every,
    one,
    stored,
    token,
    wrong,
)


@pytest.fixture(scope="module")
def issuer():
    running = Issuer(KEYS)
    yield running
    running.stop()


@pytest.fixture
def remote():
    return stored()


@pytest.fixture
def made(issuer, remote, tmp_path):
    """Makes applications that ask who is there."""
    policy, keys = tmp_path / "policy.toml", tmp_path / "keys"
    policy.write_text(POLICY)
    keys.write_text("")

    def make(**changes):
        given = {
            "oidc_issuer": issuer.url,
            "oidc_audience": AUDIENCE,
            "policy_file": policy,
            "api_keys_file": keys,
            "metrics_access": "granted",
            **changes,
        }
        return create_app(settings(**given), remote)

    make.keys = keys
    return make


@pytest.fixture
def app(made):
    return made()


def test_the_table_is_walked_whole():
    assert len(ALL) == len(OPERATIONS) + len(ROOTS) * (len(DICOMWEB) + 2)
    unguarded = {route.path for _, route in ALL if getattr(route.endpoint, "action", None) is None}
    assert unguarded == PUBLIC


def answered(app, targets, **kwargs):
    """As ``every``, without OPTIONS where that is no method."""
    for target, method, response in every(app, targets, **kwargs):
        if (response.status_code, method) != (405, "OPTIONS"):
            yield target, method, response


def test_nobody_gets_nothing(app, remote):
    for target, method, response in answered(app, GUARDED, origin="https://viewer.example"):
        assert (response.status_code, challenged(response)) == (401, True), (target, method)
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["access-control-allow-origin"] == "*"
        assert "WWW-Authenticate" in response.headers["access-control-expose-headers"]
    assert remote.calls == []


def test_tokens_that_are_not_good_open_no_route(app, issuer, remote):
    for name, bearer in wrong(issuer).items():
        for target, method, response in answered(app, GUARDED, bearer=bearer):
            assert response.status_code == 401, (name, target, method)
            assert challenged(response, "invalid_request" if name == "empty" else "invalid_token")
    assert remote.calls == []


@pytest.mark.parametrize("roles", [[], ["patient"], ["elsewhere"]])
def test_a_token_without_a_grant_opens_no_route(app, issuer, remote, roles):
    for target, method, response in answered(app, GUARDED, bearer=token(issuer, *roles)):
        assert response.status_code == 403, (target, method)
        assert challenged(response, "insufficient_scope")
    assert remote.calls == []


def test_a_good_token_opens_every_route(app, issuer):
    bearer = token(issuer, "doctor")
    served = [path for path, _ in ALL if not path.startswith("/viewer")]  # it is not installed
    for target, method, response in answered(app, served, bearer=bearer):
        assert response.status_code == 200, (target, method, response.text)
        if method == "GET" and target in GUARDED:
            assert "Authorization" in response.headers["vary"]
            assert response.headers["cache-control"].startswith(("private", "no-store"))


NEEDED = {
    "searcher": {Action.SEARCH, Action.LOOK},
    "onlooker": {Action.RENDERED, Action.LOOK},
    "operator": {Action.METRICS},
}


@pytest.mark.parametrize("role", NEEDED)
def test_a_grant_opens_the_routes_of_its_actions_only(app, issuer, role):
    bearer = token(issuer, role)
    for target, route in ALL:
        needed = getattr(route.endpoint, "action", None)
        allowed = needed is None or needed in NEEDED[role]
        response = one(app, target, bearer=bearer)
        expected = {200} if allowed else {403}
        if target.startswith("/viewer"):
            expected = {308, 404}
        assert response.status_code in expected, target


def test_who_may_see_pictures_has_no_file_by_wado(app, issuer):
    for root in ("", *ROOTS):
        target = f"{root}/wado?{WADO}".replace("{datastore}", DATASTORE)
        bearer = token(issuer, "onlooker")
        assert one(app, target, bearer=bearer).status_code == 200
        file = one(app, f"{target}&contentType=application/dicom", bearer=bearer)
        assert (file.status_code, challenged(file, "insufficient_scope")) == (403, True)


def test_a_preflight_needs_no_token(app):
    for target, _ in ALL:
        response = one(
            app,
            target,
            "OPTIONS",
            origin="https://viewer.example",
            access_control_request_method="GET",
            access_control_request_headers="authorization",
        )
        assert response.status_code == 200, target
        assert "authorization" in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "path",
    [
        "/dicomweb//studies",
        "//dicomweb/studies",
        "/dicomweb/studies/",
        "/dicomweb/./studies",
        "/dicomweb/%2e%2e/dicomweb/studies",
        "/healthz/../dicomweb/studies",
        "/healthz%2f..%2fdicomweb/studies",
        "/dicomweb/studies%00",
        "/DICOMWEB/studies",
        f"/healthz?/dicomweb{INSTANCE}",
        f"/dicomweb{INSTANCE.replace('1.2.3', '%31.2.3', 1)}/frames/1",
        f"/datastore/{DATASTORE}%2f/studies",
        f"/datastore/{DATASTORE.upper()}/studies",
    ],
)
def test_no_way_of_writing_a_path_leads_around(app, issuer, remote, path):
    for bearer in (None, "nonsense", token(issuer, "elsewhere")):
        response = one(app, path, bearer=bearer)
        allowed = {401, 403, 404}
        assert response.status_code in (
            allowed | {200} if path.startswith("/healthz?") else allowed
        )
        assert b"1.2.3" not in response.content
    assert remote.calls == []


def test_credentials_that_are_given_twice_are_none(app, issuer):
    good = token(issuer, "doctor").encode()

    async def scenario(*headers):
        scope = asgi.scope("/dicomweb/studies")
        scope["headers"] += headers
        assert app.ready(scope) is None
        return asgi.answer(await asgi.drive(app, scope))

    bearer = (b"authorization", b"Bearer " + good)
    assert asyncio.run(scenario(bearer)).status_code == 200
    assert asyncio.run(scenario((b"authorization", b"bEARER  " + good))).status_code == 200
    for second in (bearer, (b"authorization", b"Bearer x"), (b"x-api-key", b"dgk_x")):
        response = asyncio.run(scenario(bearer, second))
        assert (response.status_code, challenged(response, "invalid_request")) == (401, True)
    basic = asyncio.run(scenario((b"authorization", b"Basic dXNlcjpwYXNz")))
    assert (basic.status_code, challenged(basic)) == (401, True)


def test_machines_have_keys(made):
    key, line = apikeys.make("pacs-1", ["*:search"])
    made.keys.write_text(f"# machines\n{line}\n")
    app = made()
    assert one(app, "/dicomweb/studies", bearer=key).status_code == 200
    assert one(app, "/dicomweb/studies", x_api_key=key).status_code == 200
    assert one(app, "/dicomweb/studies/1.2.3/metadata", x_api_key=key).status_code == 403
    assert one(app, "/dicomweb/studies", x_api_key=key + "x").status_code == 401
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert one(app, "/dicomweb/studies", x_api_key=digest).status_code == 401


def test_those_without_a_credential_may_do_what_is_set(made, issuer):
    app = made(anonymous="rendered")
    assert one(app, f"/dicomweb{INSTANCE}/thumbnail", accept="image/jpeg").status_code == 200
    response = one(app, "/dicomweb/studies", accept="*/*")
    assert (response.status_code, challenged(response)) == (401, True)
    response = one(app, f"/dicomweb{INSTANCE}/thumbnail", bearer="nonsense")
    assert (response.status_code, challenged(response, "invalid_token")) == (401, True)


def test_metrics_are_for_whom_it_is_set(made, issuer):
    assert one(made(metrics_access="public"), "/metrics", accept="*/*").status_code == 200
    assert one(made(metrics_access="auto"), "/metrics", accept="*/*").status_code == 200
    assert one(made(metrics_access="auto", host="0.0.0.0"), "/metrics").status_code == 401
    assert one(made(metrics_access="granted"), "/metrics").status_code == 401


FRAME = f"/dicomweb{INSTANCE}/frames/1"


def test_answers_at_hand_are_for_those_who_may_have_them_only(made, issuer, remote):
    app = made(search_ttl=60)
    good, other = token(issuer, "doctor"), token(issuer, "doctor", sub="other")
    onlooker = token(issuer, "onlooker")

    async def scenario():
        def at_hand(bearer):
            headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
            scope = asgi.scope(FRAME, headers=headers)
            found = app.ready(scope)
            return found is not None, scope["state"].get("principal")

        first = await ask(app, FRAME, bearer=good)
        assert first.status_code == 200
        fetched = remote.count("frame")
        found, principal = at_hand(good)
        assert (found, principal.name, principal.kind) == (True, "reader", "token")
        assert at_hand(other) == (False, None)  # not seen yet
        assert (await ask(app, FRAME, bearer=other)).content == first.content
        assert (at_hand(other)[0], at_hand(other)[1].name) == (True, "other")
        assert remote.count("frame") == fetched  # whoever may have it shares what is kept
        for bearer, status in ((onlooker, 403), (None, 401), ("nonsense", 401), (good + "x", 401)):
            for _ in range(2):
                assert at_hand(bearer)[0] is False
                assert (await ask(app, FRAME, bearer=bearer)).status_code == status
        assert at_hand(good)[0] is True

    asyncio.run(scenario())


def test_answers_that_are_given_again_are_refused_again(app, issuer):
    """As the test above, without what a server of ours takes before it calls the application."""
    good, onlooker = token(issuer, "doctor"), token(issuer, "onlooker")

    async def get(bearer):
        scope = asgi.scope(FRAME, headers={"authorization": f"Bearer {bearer}"})
        return asgi.answer(await asgi.drive(app, scope)).status_code

    async def scenario():
        return [await get(bearer) for bearer in (good, good, onlooker, "x", onlooker, good)]

    assert asyncio.run(scenario()) == [200, 200, 403, 401, 403, 200]


def test_a_token_that_ends_opens_nothing_any_longer(app, issuer):
    ending = token(issuer, "doctor", exp=-58.5)  # within what clocks may differ

    async def scenario():
        assert (await ask(app, FRAME, bearer=ending)).status_code == 200
        await asyncio.sleep(2)
        scope = asgi.scope(FRAME, headers={"authorization": f"Bearer {ending}"})
        assert app.ready(scope) is None
        return await ask(app, FRAME, bearer=ending)

    assert asyncio.run(scenario()).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_on_a_loopback_address_nobody_is_asked(host):
    app = create_app(settings(host=host), stored())
    assert app.state.access is None
    assert one(app, "/dicomweb/studies", accept="*/*").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "gateway.example"])
def test_elsewhere_somebody_has_to_be_asked_or_that_has_to_be_said(host):
    with pytest.raises(ConfigurationError, match="GATEWAY_OIDC_ISSUER"):
        create_app(settings(host=host), stored())
    assert create_app(settings(host=host, anonymous="all"), stored()).state.access is None
    closed = create_app(settings(host=host, anonymous="off"), stored())
    assert one(closed, "/dicomweb/studies").status_code == 401
    assert one(closed, "/healthz").status_code == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"oidc_audience": ""}, "GATEWAY_OIDC_AUDIENCE"),
        ({"study_rule": "no.such:rule"}, "GATEWAY_STUDY_RULE"),
        ({"study_rule": "math:pi"}, "GATEWAY_STUDY_RULE"),
        ({"policy_file": "/no/such"}, "GATEWAY_POLICY_FILE"),
        ({"api_keys_file": "/no/such"}, "GATEWAY_API_KEYS_FILE"),
    ],
)
def test_what_is_set_wrongly_is_named(made, changes, said):
    with pytest.raises(ConfigurationError, match=said):
        made(**changes)


def test_the_viewer_is_told_where_to_sign_in(made, issuer):
    plain = one(made(), "/ohif/app-config.json").json()
    assert "oidc" not in plain
    told = one(made(oidc_client_id="ohif"), "/ohif/app-config.json").json()["oidc"]
    assert [(one["authority"], one["client_id"], one["response_type"]) for one in told] == [
        (issuer.url, "ohif", "code")
    ]
