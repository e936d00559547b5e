"""Compression of JSON, XML and other text, piece by piece: what streams goes on streaming."""

import zlib
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import Final

import brotli
import zstandard
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.dicomweb import codings
from gateway.services.answers import Answers, Gathered
from gateway.web import repeats
from gateway.web.errors import problem

Coder = Callable[[bytes, bool], bytes]
"""Takes the next piece, and whether it is the last; gives what goes out for it."""

Run = Callable[[Coder, bytes, bool], Awaitable[bytes]]
"""Lets a thread do the work of a coder."""

_SMALLEST: Final = 1_000  # bytes; what fits into a packet is not faster for being smaller
_INLINE: Final = 16_384  # bytes; less is compressed sooner than handed to a thread
_USUAL: Final = 200  # characters; what is longer is no browser's, and not remembered
_WITHOUT_BODY: Final = frozenset({204, 205, 206})  # a part of a body keeps the coding it has
_CONDITIONS: Final = frozenset({b"if-match", b"if-none-match"})


def _gzip() -> Coder:
    coder = zlib.compressobj(6, wbits=31)

    def work(piece: bytes, last: bool) -> bytes:
        return coder.compress(piece) + coder.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    return work


def _brotli() -> Coder:
    coder = brotli.Compressor(quality=4, lgwin=20)

    def work(piece: bytes, last: bool) -> bytes:
        made: bytes = coder.process(piece) + (coder.finish() if last else coder.flush())
        return made

    return work


def _zstd() -> Coder:
    coder = zstandard.ZstdCompressor(level=3).compressobj()
    block, finish = zstandard.COMPRESSOBJ_FLUSH_BLOCK, zstandard.COMPRESSOBJ_FLUSH_FINISH

    def work(piece: bytes, last: bool) -> bytes:
        return coder.compress(piece) + coder.flush(finish if last else block)

    return work


_CODERS: Final[Mapping[str, Callable[[], Coder]]] = {"zstd": _zstd, "br": _brotli, "gzip": _gzip}


@lru_cache(256)
def _accepted(header: str) -> Mapping[str, float]:
    return codings.qualities(header)


class Compression:
    """Answers with the coding that the client likes best (RFC 9110 12.5.3), if they are text.

    Inside, an answer has one entity tag whatever its coding; outside, one for each.
    """

    def __init__(self, app: ASGIApp, run: Run, answers: Answers) -> None:
        self._app = app
        self._run = run
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header = _header(scope, b"accept-encoding") or ""
        accepted = _accepted(header) if len(header) < _USUAL else codings.qualities(header)
        coding = codings.choose(accepted)
        if coding is None:
            available = [*codings.CODINGS, codings.IDENTITY]
            refusal = problem(406, "No acceptable content coding is available", available=available)
            await refusal(scope, receive, send)
            return
        known = _header(scope, b"if-none-match") or ""
        _forget_codings(scope, accepted)
        work = self._run, self._answers
        answer = _Answer(send, *work, scope, coding, accepted, known)
        await self._app(scope, receive, answer)


def _header(scope: Scope, name: bytes) -> str | None:
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ", ".join(lines) if lines else None


def _forget_codings(scope: Scope, accepted: Mapping[str, float]) -> None:
    """Let the application see the tags of the request as it knows them."""
    if any(name in _CONDITIONS and b"-" in value for name, value in scope["headers"]):
        scope["headers"] = [
            (name, codings.plain_tags(value.decode("latin-1"), accepted).encode("latin-1"))
            if name in _CONDITIONS
            else (name, value)
            for name, value in scope["headers"]
        ]


def _is_text(message: Message) -> bool:
    kinds = (value for name, value in message["headers"] if name == b"content-type")
    return codings.is_text(next(kinds, b"").decode("latin-1"))


class _Answer:
    """The way out of one answer: messages of the application in, coded ones out."""

    def __init__(
        self,
        send: Send,
        run: Run,
        answers: Answers,
        scope: Scope,
        coding: str,
        accepted: Mapping[str, float],
        known: str,
    ) -> None:
        self._send = send
        self._run = run
        self._answers = answers
        self._scope = scope
        self._headless = scope["method"] == "HEAD"
        self._coding = coding
        self._small_too = codings.IDENTITY not in accepted
        self._known = known
        self._held: Message | None = None
        self._coder: Coder | None = None
        self._tag = ""
        self._gathered = Gathered()

    async def __call__(self, message: Message) -> None:
        """Pass on one message."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._coder is None:
            await self._send(message)
        else:
            await self._code(message, self._coder)

    async def _start(self, message: Message) -> None:
        status = message["status"]
        if status == 304:
            self._restate(MutableHeaders(scope=message))
        elif status not in _WITHOUT_BODY and _is_text(message) and self._codes(message):
            headers = MutableHeaders(scope=message)
            self._name(headers)
            if "content-length" in headers and not self._headless:
                self._held = message  # its new length follows with the body
                return
            del headers["content-length"]
        await self._send(message)

    def _restate(self, headers: MutableHeaders) -> None:
        """A 304 has the tag and the Vary that the answer itself would have (RFC 9110 15.4.5)."""
        headers.add_vary_header("Accept-Encoding")
        if "etag" in headers:
            headers["etag"] = codings.known_tag(headers["etag"], self._known, self._coding)

    def _codes(self, message: Message) -> bool:
        """Whether a text is compressed; decided by the headers alone, so that HEAD agrees."""
        headers = MutableHeaders(scope=message)
        if "content-encoding" in headers:
            return False
        headers.add_vary_header("Accept-Encoding")
        large = int(headers.get("content-length", _SMALLEST)) >= _SMALLEST
        return self._coding != codings.IDENTITY and (large or self._small_too)

    def _name(self, headers: MutableHeaders) -> None:
        headers["content-encoding"] = self._coding
        if "etag" in headers:
            self._tag = codings.coded_tag(headers["etag"], self._coding)
            headers["etag"] = self._tag
            repeats.found_at(self._scope, partial(self._answers.peek, self._tag))
        if not self._headless:
            self._coder = _CODERS[self._coding]()

    async def _code(self, message: Message, coder: Coder) -> None:
        last = not message.get("more_body", False)
        piece = message.get("body", b"")
        if not piece and not last:
            return
        made = await self._made(coder, piece, last)
        await self._release(len(made) if last else None)
        if made or last:
            await self._send({"type": message["type"], "body": made, "more_body": not last})

    async def _made(self, coder: Coder, piece: bytes, last: bool) -> bytes:
        """What goes out for ``piece``; what is whole already may be kept, and so will this be."""
        whole = last and self._held is not None
        kept = await self._answers.get(self._tag) if whole and self._tag else None
        if kept is not None:
            return kept
        inline = len(piece) < _INLINE
        made = coder(piece, last) if inline else await self._run(coder, piece, last)
        if self._tag:
            self._gathered.add(made)
            if last:
                await self._answers.put(self._gathered.whole(), self._tag)
        return made

    async def _release(self, length: int | None) -> None:
        """Send the start that was held back, with the length of the body if this is all of it."""
        if self._held is not None:
            headers = MutableHeaders(scope=self._held)
            del headers["content-length"]
            if length is not None:
                headers["content-length"] = str(length)
            await self._send(self._held)
            self._held = None
