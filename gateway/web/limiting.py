"""How much one client may ask for, and all together: pure ASGI, nothing where nothing is limited.

The rate of a client is kept by the generic cell rate algorithm, one number a client: the library
``limits`` costs several times as much for each request, and its memory is bounded by time alone.
"""

import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.auth import principals
from gateway.auth.principals import Principal
from gateway.settings import GatewaySettings
from gateway.telemetry.refusals import Load
from gateway.web import context
from gateway.web.errors import problem
from gateway.web.repeats import Ready

_MOST_CLIENTS: Final = 65_536
_BURST_SECONDS: Final = 10
_ALWAYS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_SUBNET: Final = 64  # bits of an IPv6 address that one subscriber has to himself, at the least
_ADMITTED: Final = "admitted"


class Rates:
    """How many requests clients make: ``burst`` at once, then ``rate`` a second; no rate, any."""

    def __init__(self, rate: float, burst: int, most: int = _MOST_CLIENTS) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._slack = (max(1, burst or math.ceil(rate * _BURST_SECONDS)) - 1) * self._interval
        self._most = most
        self._due: dict[str, float] = {}  # when each would be back at a full burst

    def __len__(self) -> int:
        return len(self._due)

    def late(self, client: str, now: float) -> float:
        """Seconds until ``client`` may ask; zero if it may now, which is counted then."""
        if not self._interval:
            return 0.0
        due = self._due.get(client, 0.0)
        early = due - now - self._slack
        if early > 1e-9:
            return early
        self._due[client] = max(due, now) + self._interval
        if len(self._due) > self._most:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop who has a full burst again; if that is not half of them, who came first."""
        left = [(client, due) for client, due in self._due.items() if due > now]
        self._due = dict(left[-self._most // 2 :])


class Limiter:
    """Counts requests by client, and all of them, for one process."""

    def __init__(self, settings: GatewaySettings, load: Load) -> None:
        self.load = load
        self._rates = Rates(settings.client_rate, settings.client_burst)
        self._trusted = settings.trusted_proxies
        self._most = settings.max_requests
        self._each = settings.client_concurrency
        self._running: dict[str, int] = {}
        self.rated = bool(settings.client_rate)

    def client(self, scope: Scope) -> str:
        """Who asks: whom the request is proved to come from, else the address it comes from."""
        principal = scope.get("state", {}).get(principals.STATE)
        if isinstance(principal, Principal) and principal != principals.ANONYMOUS:
            return f"{principal.kind} {principal.name}"
        return _subscriber(context.client(scope, self._trusted))

    def late(self, scope: Scope) -> float:
        """Seconds until a request may be made; zero if it may now: then it is counted, once."""
        state = scope.setdefault("state", {})
        if not self.rated or _ADMITTED in state:
            return 0.0
        seconds = self._rates.late(self.client(scope), time.monotonic())
        if not seconds:
            state[_ADMITTED] = True
        return seconds

    def enter(self, scope: Scope) -> "str | _Refusal":
        """Let a request in; the client to ``leave`` for, ``""`` if nobody counts its requests."""
        if self.load.under_way >= self._most:
            return _Refusal(503, "The gateway has too much to do; try again", 1.0, "process")
        late = self.late(scope)
        if late:
            return _Refusal(429, "This client asks too often", late, "rate")
        client = self.client(scope) if self._each else ""
        if client:
            running = self._running.get(client, 0)
            if running >= self._each:
                detail = "This client asks for too much at a time"
                return _Refusal(429, detail, 1.0, "concurrency")
            self._running[client] = running + 1
        self.load.under_way += 1
        return client

    def leave(self, client: str) -> None:
        """A request that was let in has been answered."""
        self.load.under_way -= 1
        if client:
            left = self._running[client] - 1
            if left:
                self._running[client] = left
            else:
                del self._running[client]

    def ready(self, inner: Ready) -> Ready:
        """``inner`` within the limits; answers at hand are under way no longer than one turn."""
        if not self.rated:
            return inner

        def within(scope: Scope) -> Sequence[bytes] | None:
            return None if self.late(scope) else inner(scope)

        return within


class _Refusal:
    """Why a request is not served, and when it may be."""

    def __init__(self, status: int, detail: str, seconds: float, reason: str) -> None:
        self.reason = reason
        self.response = problem(status, detail)
        self.response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))


class Limiting:
    """Pure ASGI middleware; ``around`` is what refusals go through as all other answers do."""

    def __init__(
        self, app: ASGIApp, limiter: Limiter, around: Callable[[ASGIApp], ASGIApp]
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say when it may be made."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        found = self._limiter.enter(scope)
        if isinstance(found, _Refusal):
            self._limiter.load.refuse(found.reason)
            await self._around(found.response)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._limiter.leave(found)


def _subscriber(address: str) -> str:
    """``address``, or the network of an IPv6 one: who has one of those has all its addresses."""
    if ":" not in address:
        return address
    try:
        network = ipaddress.ip_network((address.partition("%")[0], _SUBNET), strict=False)
    except ValueError:
        return address
    return str(network)
