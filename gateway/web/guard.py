"""The guard: who asks is found out before anything else, what they may do where the route is known.

``Guard`` stands outside of everything that could answer and only names the caller. What refuses is
``guarded``, around every handler of the table of routes: there a request has been parsed, so what
is allowed is what is done; and a refusal goes out as every answer does, with the headers that
browsers of other origins need. An answer that is given again was made for a place, which is looked
at anew for each who asks.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.auth import links
from gateway.auth.access import Access
from gateway.auth.grants import Action, Caller, Place
from gateway.auth.principals import STATE
from gateway.dicomweb import bearer
from gateway.errors import GatewayError, Unauthenticated
from gateway.services.sifting import Allowed
from gateway.web import context
from gateway.web.entities import Handler

Ready = Callable[[Scope], Sequence[bytes] | None]

_CALLER: Final = "caller"
_PLACE: Final = "place"
_VARY: Final = (b"vary", bearer.VARY)


class Guard:
    """Pure ASGI middleware: finds out who asks, or why that is not known, and leaves it there."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            found = _linked(self._access, scope)
            if found is None:
                caller = await self._access.identify(bearer.credential(scope["headers"]))
            else:
                caller, scope["query_string"] = found
        except GatewayError as refusal:
            scope.setdefault("state", {})[_CALLER] = refusal
        else:
            _note(scope, caller)
        await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Guarding:
    """The guard as it stands before answers that are at hand."""

    access: Access

    def ready(self, inner: Ready) -> Ready:
        """``inner`` for requests of those who are known already."""

        def ready(scope: Scope) -> Sequence[bytes] | None:
            query = scope["query_string"]
            try:
                found = _linked(self.access, scope)
            except GatewayError:
                return None  # the application finds the same, and knows how to say it
            if found is None:
                caller = self.access.known(bearer.credential(scope["headers"]))
            else:
                caller, scope["query_string"] = found
            pieces = None
            if caller is not None:
                _note(scope, caller)
                pieces = inner(scope)
            if pieces is None:
                scope["query_string"] = query  # the application reads the link again
            return pieces

        return ready

    def settled(self, scope: Scope, place: Place | None) -> bool:
        """Whether it is known without waiting that who asks may have what is at ``place``."""
        caller = scope["state"].get(_CALLER)
        if not isinstance(caller, Caller) or place is None:
            return False
        return self.access.settled(caller, place) is True

    async def allows(self, scope: Scope, place: Place | None) -> bool:
        """Whether who asks may have what is at ``place``."""
        caller = scope["state"].get(_CALLER)
        if not isinstance(caller, Caller) or place is None:
            return False
        try:
            return await self.access.allows(caller, place)
        except GatewayError:
            return False  # the application finds the same, and knows how to say it


def guarded(handler: Handler, action: Action | None) -> Handler:
    """``handler`` for those who may do ``action`` where their request leads; None: anybody."""
    if action is None:
        return handler

    @functools.wraps(handler)
    async def guard(request: Request) -> Response:
        if access(request) is None:
            return await handler(request)
        await check(request, action)
        response = await handler(request)
        response.raw_headers.append(_VARY)
        return response

    guard.action = action  # type: ignore[attr-defined]  # for who walks over the routes
    return guard


async def check(request: Request, action: Action) -> None:
    """Return if who asks may do ``action`` at what the parameters of the path lead to.

    Raises:
        Unauthenticated: it is not known who asks.
        Forbidden: they may not.
        IdentityUnavailable: that cannot be found out now.
        NotFound: the settings do not allow the data store.
    """
    guarding = access(request)
    if guarding is None or (action is Action.METRICS and guarding.metrics_are_public):
        return
    who = caller(request)
    study = request.path_params.get("study")
    place = Place(action, context.datastore_id(request), study)
    await guarding.check(who, place)
    request.scope["state"][_PLACE] = place


def sieve(request: Request, datastore_id: str) -> Allowed | None:
    """Says which studies who asks may find; None if all that a search finds is theirs."""
    guarding = access(request)
    if guarding is None or not guarding.judges_studies or "study" in request.path_params:
        return None
    who = caller(request)

    async def allowed(study: str) -> bool:
        return await guarding.allows(who, Place(Action.SEARCH, datastore_id, study))

    return allowed


def access(request: Request) -> Access | None:
    """What guards the application; None if nothing does."""
    found: Access | None = request.app.state.access
    return found


def caller(request: Request) -> Caller:
    """Who asks.

    Raises:
        Unauthenticated: that is not known.
        IdentityUnavailable: it cannot be found out now.
    """
    found = request.scope["state"].get(_CALLER)
    if isinstance(found, Caller):
        return found
    raise found if isinstance(found, GatewayError) else Unauthenticated("Nobody is known to ask")


def place(scope: Scope) -> Place | None:
    """What the request has been allowed to do."""
    found: Place | None = scope.get("state", {}).get(_PLACE)
    return found


def _linked(access: Access, scope: Scope) -> tuple[Caller, bytes] | None:
    """Who comes by a link, and the query without it; None if it is no link."""
    query = scope["query_string"]
    if links.PARAMETER not in query or not links.is_link(query):
        return None
    return access.links.read(scope["method"], scope["path"], query)


def _note(scope: Scope, caller: Caller) -> None:
    state = scope.setdefault("state", {})
    state[_CALLER] = caller
    state[STATE] = caller.principal
