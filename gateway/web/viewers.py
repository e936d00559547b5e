"""OHIF's configuration, for a viewer that is to show what the gateway serves.

It is a script to stand in place of ``app-config.js``, the same as JSON for ``?configUrl=``, and one
data source for the viewer's ``dicomwebproxy``.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.dicomweb import viewers
from gateway.dicomweb.viewers import SignIn, Source
from gateway.web import context
from gateway.web.streams import plain

_SCRIPT: Final = "text/javascript; charset=utf-8"
_JSON: Final = "application/json"


async def script(request: Request) -> Response:
    """The configuration as a script."""
    return await hosted(request, "/")


async def hosted(request: Request, path: str) -> Response:
    """The configuration of a viewer that is served at ``path``."""
    return plain(b"window.config = " + _json(_configuration(request, path)) + b";\n", _SCRIPT)


async def document(request: Request) -> Response:
    """The configuration as JSON."""
    return plain(_json(_configuration(request)), _JSON)


async def proxied(request: Request) -> Response:
    """The default data store alone, as JSON."""
    first = next(_sources(request))
    return plain(_json(viewers.proxied(first, context.resources(request))), _JSON)


def _configuration(request: Request, path: str = "/") -> dict[str, Any]:
    resources, sign_in = context.resources(request), _sign_in(request)
    return viewers.configuration(list(_sources(request)), resources, path, sign_in)


def _sign_in(request: Request) -> SignIn | None:
    """How users sign in, if the viewer is known to the first of the issuers."""
    settings = context.services(request).settings
    issuer = settings.oidc_issuer.partition(",")[0].strip()
    if not (issuer and settings.oidc_client_id):
        return None
    return SignIn(issuer, settings.oidc_client_id, settings.oidc_scope)


def _sources(request: Request) -> Iterator[Source]:
    """The default data store, then the others that the settings name."""
    settings, base = context.services(request).settings, context.base_url(request)
    yield Source("dicomweb", "AWS HealthImaging", f"{base}/dicomweb")
    named = dict.fromkeys(settings.datastore_ids.replace(" ", "").split(","))
    for one in named:
        if one and one != settings.datastore_id:
            yield Source(one, f"AWS HealthImaging {one}", f"{base}/datastore/{one}")


def _json(found: dict[str, Any]) -> bytes:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)
