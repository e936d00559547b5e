"""Requests with limits of time and size; whatever goes wrong becomes part of the answer."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

import httpx

from conformance import VERSION
from conformance.model import Answer, Broken, Request

_SAFE: Final = "-._~*?^:@!$'(),;/"
_REDIRECTS: Final = 5
_KEPT_BYTES: Final = 256 << 20
_KEPT_EACH: Final = 8 << 20
_FAILURES: Final = (
    (httpx.DecodingError, Broken.ENCODING, "The body is not what Content-Encoding says"),
    (httpx.TimeoutException, Broken.STALLED, "The server did not go on"),
    (httpx.RemoteProtocolError, Broken.INCOMPLETE, "The answer breaks off or is not HTTP"),
    (httpx.ReadError, Broken.INCOMPLETE, "The connection was cut during the answer"),
    (httpx.TooManyRedirects, Broken.CONNECTION, "The redirections do not end"),
    (httpx.RequestError, Broken.CONNECTION, "The server cannot be reached"),
    (httpx.InvalidURL, Broken.CONNECTION, "This is not a URL that can be requested"),
    (ValueError, Broken.CONNECTION, "The request cannot be sent"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one answer may take as a whole, in seconds, and how many bytes it may have."""

    seconds: float = 30.0
    size: int = 512 << 20


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """A query string; characters that stand for themselves in values of keys are not encoded."""
    joined = "&".join(f"{quote(k, safe=_SAFE)}={quote(v, safe=_SAFE)}" for k, v in pairs)
    return f"?{joined}" if joined else ""


class Client:
    """Sends requests to one server and remembers what it answered.

    The caller's own headers, credentials above all, go to the server's origin only, whatever URLs
    and redirections its answers contain. ``listeners`` hear each new answer once.
    """

    def __init__(
        self, root: str, headers: Mapping[str, str], limits: Limits, *, verify: bool = True
    ) -> None:
        self.root = root.rstrip("/")
        self.limits = limits
        self.listeners: list[Callable[[Answer], None]] = []
        self._own = dict(headers)
        self._origin = urlsplit(self.root)[:2]
        self._kept: dict[Request, Answer] = {}
        self._size = 0
        self._lock = threading.Lock()
        step = min(limits.seconds, 30.0)
        self._http = httpx.Client(
            timeout=httpx.Timeout(step), verify=verify, trust_env=False, follow_redirects=False
        )
        self._http.headers.clear()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def url(self, path: str) -> str:
        """The URL of a resource below the service root; a URL stays as it is."""
        return path if "://" in path else self.root + path

    def send(self, request: Request) -> Answer:
        """The answer to a request; one to a GET that was sent before is not asked for again."""
        with self._lock:
            known = self._kept.get(request)
        if known is not None:
            return known
        answer = self._follow(request)
        if request.method == "GET" and len(answer.body) <= _KEPT_EACH:
            self._keep(request, answer)
        for listener in self.listeners:
            listener(answer)
        return answer

    def _keep(self, request: Request, answer: Answer) -> None:
        with self._lock:
            self._kept[request] = answer
            self._size += len(answer.body)
            while self._size > _KEPT_BYTES:
                oldest = next(iter(self._kept))
                self._size -= len(self._kept.pop(oldest).body)

    def _follow(self, request: Request) -> Answer:
        target = request.url
        for _ in range(_REDIRECTS):
            answer = self._once(request, target)
            location = answer.header("location")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                return answer
            target = urljoin(target, location)
        return _failed(request, Broken.CONNECTION, "The redirections do not end", 0.0)

    def _headers(self, request: Request, target: str) -> dict[str, str]:
        fields = {"User-Agent": f"dicomweb-conformance/{VERSION}", "Accept-Encoding": "identity"}
        if urlsplit(target)[:2] == self._origin:
            fields |= self._own
        named = {name.lower() for name, _ in request.headers}
        kept = {name: value for name, value in fields.items() if name.lower() not in named}
        return kept | dict(request.headers)

    def _once(self, request: Request, target: str) -> Answer:
        started = time.monotonic()
        status, body = 0, bytearray()
        fields: tuple[tuple[str, str], ...] = ()
        try:
            sending = self._http.build_request(
                request.method,
                target,
                headers=self._headers(request, target),
                content=request.body or None,
            )
            response = self._http.send(sending, stream=True)
            try:
                status = response.status_code
                fields = tuple(
                    (k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw
                )
                broken = self._read(response, body, started)
            finally:
                response.close()
        except tuple(kind for kind, _, _ in _FAILURES) as error:
            broken = _named(error)
        seconds = time.monotonic() - started
        cause, why = broken if broken else (None, "")
        return Answer(request, status, fields, bytes(body), seconds, cause, why)

    def _read(
        self, response: httpx.Response, body: bytearray, started: float
    ) -> tuple[Broken, str] | None:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > self.limits.size:
                return Broken.TOO_LARGE, f"The answer has more than {self.limits.size} bytes"
            if time.monotonic() - started > self.limits.seconds:
                return Broken.STALLED, f"The answer took more than {self.limits.seconds:g} seconds"
        return None


def _named(error: Exception) -> tuple[Broken, str]:
    for kind, broken, sentence in _FAILURES:
        if isinstance(error, kind):
            return broken, f"{sentence} ({str(error) or type(error).__name__})"
    raise error


def _failed(request: Request, broken: Broken, why: str, seconds: float) -> Answer:
    return Answer(request, 0, (), b"", seconds, broken, why)
