"""Links that carry their own permission, for elements of pages that send no headers.

``GET /links?url=...&seconds=...``, where ``url`` is what is to be had: a path below the gateway
with its query, or the whole URL. It may be there several times.
"""

from typing import Final
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from gateway.auth.grants import Action, Place
from gateway.dicomweb import accept, parameters, uri
from gateway.errors import InvalidRequest
from gateway.web import context, guard

_MOST: Final = 100
_NAMES: Final = frozenset({"url", "seconds"})
_GIVEN: Final = frozenset({Action.READ, Action.RENDERED})


async def links(request: Request) -> Response:
    """A link for each URL, and until when it is good in seconds since the epoch."""
    urls, seconds = _asked(request)
    made = [await _link(request, url, seconds) for url in urls]
    return JSONResponse({"links": made})


def _asked(request: Request) -> tuple[list[str], int]:
    pairs = context.query(request)
    unknown = next((name for name, _ in pairs if name not in _NAMES), None)
    if unknown is not None:
        raise InvalidRequest(f"{unknown} is not a parameter of links", unknown)
    urls = [value for name, value in pairs if name == "url"]
    if len(urls) > _MOST:
        raise InvalidRequest(f"url may be there {_MOST} times at the most", "url")
    given = [value for name, value in pairs if name == "seconds"]
    most = context.services(request).settings.link_seconds
    if len(given) > 1:
        raise InvalidRequest("seconds is given twice", "seconds")
    return urls, min([most, *(parameters.positive("seconds", one) for one in given)])


async def _link(request: Request, url: str, seconds: int) -> dict[str, object]:
    base = context.base_url(request)
    where = url.removeprefix(base)
    parts = urlsplit(where)
    if not where.startswith("/") or where.startswith("//") or parts.fragment:
        raise InvalidRequest("url must be a path below the gateway, or its own URL", "url")
    access = guard.access(request)
    if access is None:
        return {"url": base + where, "expires": None}
    path, query = unquote(parts.path), parts.query.encode()
    who = guard.caller(request)
    place = _place(request, path, query)
    await access.check(who, place)
    signed, until = access.links.make(who, place.datastore_id, path, query, seconds)
    return {"url": f"{base}{parts.path}?{signed.decode()}", "expires": until}


def _place(request: Request, path: str, query: bytes) -> Place:
    """What a link would lead to, found as the router and the handlers find it."""
    scope: Scope = {
        "type": "http", "method": "GET", "path": path, "query_string": query, "headers": [],
        "root_path": "", "app": request.app, "state": {},
    }  # fmt: skip
    for route in request.app.router.routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            scope.update(found)
            break
    action = getattr(scope.get("endpoint"), "action", None)
    target = Request(scope)
    study = target.path_params.get("study")
    if path.endswith("/wado") and action is Action.RENDERED:
        most = context.services(request).settings.viewport_max_side
        study = uri.parse(context.query(target), accept.parse("*/*"), "", most).study
    if action not in _GIVEN or study is None:
        raise InvalidRequest("url does not lead to something that can be retrieved", "url")
    return Place(action, context.datastore_id(target), study)
