"""Applications that ask who is there: every route, every kind of credential, a policy."""

import asyncio

from starlette.routing import Route

from gateway.app import create_app
from gateway.auth import apikeys
from tests.issuers import Keys, by_hand, claims_of, keyed
from tests.unit.services.memory import (
    DATASTORE,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)
from tests.unit.web import asgi

OTHER = "e" * 32
PLACES = {
    "datastore": DATASTORE,
    "study": "1.2.3",
    "series": "1.2.3.1",
    "instance": "1.2.3.1.1",
    "frames": "1",
    "path:path": "7FE00010",
}
INSTANCE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
WADO = "requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.1&objectUID=1.2.3.1.1"
PUBLIC = {
    "/healthz",
    "/readyz",
    "/ohif/app-config.js",
    "/ohif/app-config.json",
    "/ohif/dicomweb.json",
    "/viewer",
    "/viewer/{path:path}",
}
METHODS = ("GET", "HEAD", "OPTIONS")
KEYS, OTHERS = Keys(rsa="RS256", ec="ES256"), Keys(rsa="RS256", ec="ES256")
POLICY = """
[[rule]]
claims = { roles = "doctor" }
datastores = ["default"]
actions = ["search", "read", "metrics"]
[[rule]]
claims = { roles = "searcher" }
datastores = ["*"]
actions = ["search"]
[[rule]]
claims = { roles = "onlooker" }
datastores = ["*"]
actions = ["rendered"]
[[rule]]
claims = { roles = "elsewhere" }
datastores = ["eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"]
actions = ["search", "read"]
[[rule]]
claims = { roles = "operator" }
datastores = ["*"]
actions = ["metrics"]
"""


def stored():
    remote = MemoryHealthImaging()
    one = instance("1.2.3.1.1", frames=[bytes(range(8))], stored="1.2.840.10008.1.2.1", **PIXELS)
    remote.add(image_set("1.2.3", "1.2.3.1", one), primary=True)
    return remote


def token(issuer, *roles, **changes):
    return KEYS.token(issuer.url, "ec", roles=list(roles), **changes)


def wrong(issuer):
    """Tokens that are not good, each in its own way."""
    good = claims_of(issuer.url, roles=["doctor"])
    head, body, signature = token(issuer, "doctor").split(".")
    other = token(issuer, "doctor", sub="other").split(".")[1]
    return {
        "nonsense": "nonsense",
        "empty": "",
        "expired": token(issuer, "doctor", exp=-600),
        "foreign audience": token(issuer, "doctor", aud="somebody else"),
        "foreign issuer": token(issuer, "doctor", iss="https://elsewhere.example"),
        "foreign key": OTHERS.token(issuer.url, "ec", roles=["doctor"]),
        "alg none": by_hand({"alg": "none"}, good),
        "HS256": by_hand({"alg": "HS256", "kid": "rsa"}, good, keyed(KEYS.public_pem("rsa"))),
        "tampered": f"{head}.{other}.{signature}",
        "cut": f"{head}.{body}.{signature[:-8]}",
        "a key": apikeys.PREFIX + "x" * 43,
    }


def paths():
    """Every route of the application's own table, filled in, and what it needs."""
    for route in create_app(settings(), MemoryHealthImaging()).routes:
        assert isinstance(route, Route)
        path = route.path
        for name, value in PLACES.items():
            path = path.replace(f"{{{name}}}", value)
        yield f"{path}?{WADO}" if path.endswith("/wado") else path, route


ALL = list(paths())
GUARDED = [path for path, route in ALL if route.path not in PUBLIC]


async def ask(app, target, method="GET", bearer=None, **headers):
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    if bearer is not None:
        named["authorization"] = f"Bearer {bearer}"
    scope = asgi.scope(target, method, headers=named)
    return asgi.answer(await asgi.drive(app, scope))


def one(app, *args, **kwargs):
    return asyncio.run(ask(app, *args, **kwargs))


def every(app, targets, **kwargs):
    """The answers of every target and method, in one event loop."""

    async def scenario():
        return [
            (target, method, await ask(app, target, method, **kwargs))
            for target in targets
            for method in METHODS
        ]

    return asyncio.run(scenario())


def challenged(response, error=None):
    told = response.headers["www-authenticate"]
    found = told.startswith('Bearer realm="DICOMweb"')
    return found and (f'error="{error}"' in told if error else "error" not in told)
