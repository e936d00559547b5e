"""Requests as the audit trail has them: who asked for what, and how that ended.

Outside of everything that answers, so that nothing is answered without it: not what is remembered,
and not what is refused.
"""

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth import audit, principals
from gateway.auth.audit import Outcome
from gateway.auth.principals import Principal
from gateway.auth.trail import Trail, Who
from gateway.dicomweb import accesses
from gateway.dicomweb.accesses import Access, Kind
from gateway.web import context, repeats
from gateway.web.errors import problem
from gateway.web.repeats import Ready

_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_REFUSALS: Final = frozenset({401, 403})
_SUCCESS: Final = Outcome()
_ENDED: Final = Outcome(audit.MINOR_FAILURE, "The connection ended before the answer was whole")
_BROKEN_OFF: Final = Outcome(audit.SERIOUS_FAILURE, "The answer was broken off")
_RETRY_SECONDS: Final = 10


class Auditing:
    """Pure ASGI middleware, and the way of answers that need no application to be called."""

    def __init__(self, app: ASGIApp, trail: Trail, trusted: str) -> None:
        """``trusted`` are the proxies that are believed, as the setting has them."""
        self._app = app
        self._trail = trail
        self._witness = Witness(trail, trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access = None  # of other methods only what is refused is worth a message
        if scope["method"] in _METHODS:
            access = accesses.classify(scope["path"], scope["query_string"])
        if access is not None and self._trail.full:
            await self._refuse(scope, receive, send)
            return
        heard = _Heard(send, self._witness, scope, access)
        try:
            await self._app(scope, receive, heard)
        except BaseException as error:
            heard.failed = isinstance(error, Exception)
            raise
        finally:
            heard.note()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._trail.refuse()
        answer = problem(503, "The audit trail has no room; try again")
        answer.headers["Retry-After"] = str(_RETRY_SECONDS)
        await answer(scope, receive, send)


class Witness:
    """Tells the trail of requests."""

    def __init__(self, trail: Trail, trusted: str) -> None:
        self.trail = trail
        self._trusted = trusted

    def note(
        self, scope: Scope, access: Access | None, status: int, ended: Outcome, size: int
    ) -> None:
        """Write down a request: ``ended`` is what there is to say of it beside its ``status``."""
        if status in _REFUSALS:
            self.trail.refusal(self._who(scope), status, _outcome(status))
            return
        if access is None:
            return
        outcome = _outcome(status) if ended is _SUCCESS else ended
        if access.kind is Kind.SEARCH:
            self.trail.search(self._who(scope), access, outcome, _target(scope))
        else:
            self.trail.retrieval(self._who(scope), access, outcome, size)

    def _who(self, scope: Scope) -> Who:
        found: Principal = scope.get("state", {}).get(principals.STATE, principals.ANONYMOUS)
        return Who(found.name, found.kind, context.client(scope, self._trusted))


class _Heard:
    """The way out of an answer: what goes by is noted once, when it has ended."""

    def __init__(self, send: Send, witness: Witness, scope: Scope, access: Access | None) -> None:
        self.failed = False
        self._send = send
        self._witness = witness
        self._scope = scope
        self._access = access
        self._status = 0
        self._size = 0
        self._whole = False
        self._noted = False

    async def __call__(self, message: Message) -> None:
        """Pass on one message; the last one, if answers wait for that, behind the event."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._whole = True
                if self._witness.trail.waits:
                    self.note()
                    await self._witness.trail.settled()
        await self._send(message)

    def note(self) -> None:
        """Write the request down, if that has not been done."""
        if self._noted:
            return
        self._noted = True
        ended = _SUCCESS
        if not self._whole:
            ended = _BROKEN_OFF if self.failed else _ENDED
        self._witness.note(self._scope, self._access, self._status, ended, self._size)


def ready(given: Ready, trail: Trail | None, trusted: str) -> Ready:
    """``given``, each answer of which is written down; none where that has to be waited for."""
    if trail is None:
        return given
    witness = Witness(trail, trusted)

    def audited(scope: Scope) -> Sequence[bytes] | None:
        if trail.waits or trail.full:
            return None
        pieces = given(scope)
        if pieces is not None:
            access = accesses.classify(scope["path"], scope["query_string"])
            size = repeats.size(pieces)
            witness.note(scope, access, 200, _SUCCESS, size)
        return pieces

    return audited


def _outcome(status: int) -> Outcome:
    if status < 400:
        return _SUCCESS
    indicator = audit.MINOR_FAILURE if status < 500 else audit.SERIOUS_FAILURE
    return Outcome(indicator, f"HTTP status {status}")


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])
