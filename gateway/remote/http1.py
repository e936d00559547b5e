"""One HTTP/1.1 connection to HealthImaging: answers are read without a copy but the last one.

Heads and chunks are httptools' work (RFC 9112); a body of a known length passes by it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httptools

from gateway.remote.errors import Unfinished
from gateway.remote.replies import Reply

_MAX_HEAD: Final = 64 << 10
_END_OF_HEAD: Final = b"\r\n\r\n"
_NO_CONTENT: Final = (204, 304)


class Connection(asyncio.Protocol):
    """A connection with one request at a time under way.

    ``seconds`` is the longest pause between bytes; ``freed`` is told when the next request may
    come, ``lost`` when none may come any more. ``heard`` says whether anything was answered to the
    last request.
    """

    def __init__(
        self,
        seconds: float,
        freed: "Callable[[Connection], None]",
        lost: "Callable[[Connection], None]",
    ) -> None:
        self._seconds = seconds
        self._freed = freed
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._parser: Any = None
        self._head: asyncio.Future[Reply] | None = None
        self._reply: Reply | None = None
        self._begun = b""
        self._headers: dict[str, str] = {}
        self._missing = 0
        self._complete = False
        self._surplus = False
        self._lasting = False
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._paused = False
        self.heard = False
        self.idle_since = 0.0

    async def request(self, content: bytes) -> Reply:
        """Send a request; its answer as soon as the head of it is here.

        Raises:
            Unfinished: the connection broke, or what came is not HTTP.
            TimeoutError: nothing came.
        """
        self.heard = False
        if self.closed:
            raise Unfinished("closed before the request")
        self._head = self._loop.create_future()
        self._expect_head()
        self._heard_at = self._loop.time()
        self._watch()
        self._transport.write(content)
        try:
            return await self._head
        except asyncio.CancelledError:
            self.abort()
            raise

    @property
    def closed(self) -> bool:
        """Whether no request can be sent any more."""
        return bool(self._transport.is_closing())

    def _expect_head(self) -> None:
        self._begun, self._headers = b"", {}
        self._complete = self._surplus = False
        self._parser = httptools.HttpResponseParser(self)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Give bytes to whom they belong."""
        self._heard_at = self._loop.time()
        self.heard = True
        try:
            if self._reply is None:
                self._take_head(data)
            elif self._reply.length is None:
                self._take_chunks(self._reply, data)
            else:
                self._take_body(self._reply, data)
        except httptools.HttpParserError:
            self._break(Unfinished("not HTTP"))

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self._break(Unfinished("the connection broke"))
        self._lost(self)

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; of several of one name, the list that they are."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """Learn whether another answer may follow; at the end of this one it is forgotten."""
        self._lasting = self._parser.should_keep_alive() and not self._complete

    def on_body(self, piece: bytes) -> None:
        """Take the content of a chunk."""
        if self._reply is not None and not self._complete:
            self._reply.feed(piece)

    def on_message_complete(self) -> None:
        """The last chunk has come."""
        self._complete = self._reply is not None

    def on_message_begin(self) -> None:
        """Another answer behind the last chunk, which nobody asked for."""
        self._surplus = self._complete

    def _take_head(self, data: bytes) -> None:
        if self._head is None:  # nothing was asked
            self.abort()
            return
        self._begun = self._begun + data if self._begun else data
        end = self._begun.find(_END_OF_HEAD)
        if end < 0:
            if len(self._begun) > _MAX_HEAD:
                self._break(Unfinished("an endless head"))
            return
        content, start, self._begun = self._begun, end + len(_END_OF_HEAD), b""
        self._parser.feed_data(content[:start])
        if self._parser.get_status_code() < 200:  # an interim answer
            self._expect_head()
            if len(content) > start:
                self._take_head(content[start:])
            return
        self._begin(memoryview(content)[start:])

    def _begin(self, rest: memoryview) -> None:
        """Hand out the answer, and the bytes of its body that came along."""
        status = self._parser.get_status_code()
        length = self._length(status)
        if length is None and "transfer-encoding" not in self._headers:
            self._break(Unfinished("neither a length nor chunks"))
            return
        reply = self._reply = Reply(self, status, self._headers, length)
        head, self._head = self._head, None
        if head is not None and not head.done():
            head.set_result(reply)
        if length is None:
            self._take_chunks(reply, rest)
        else:
            self._missing = length
            self._take_body(reply, rest)

    def _length(self, status: int) -> int | None:
        if status in _NO_CONTENT:
            return 0
        text = self._headers.get("content-length")
        return None if text is None else int(text)

    def _take_chunks(self, reply: Reply, data: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self._complete:
                raise
            self._surplus = True
        if self._complete:
            self._end(reply, reusable=not self._surplus)

    def _take_body(self, reply: Reply, data: bytes | memoryview) -> None:
        surplus = len(data) - self._missing
        if surplus > 0:
            data = memoryview(data)[: self._missing]
        self._missing -= len(data)
        if len(data):
            reply.feed(data)
        if not self._missing:
            self._end(reply, reusable=surplus <= 0)

    def _end(self, reply: Reply, *, reusable: bool = True) -> None:
        self._reply = None
        self._unwatch()
        self.resume()
        self.idle_since = self._loop.time()
        reply.end()
        if reusable and self._lasting and not self.closed:
            self._freed(self)
        else:
            self._transport.close()

    def _break(self, failure: Exception) -> None:
        self._unwatch()
        reply, self._reply = self._reply, None
        head, self._head = self._head, None
        if reply is not None:
            reply.fail(failure)
        if head is not None and not head.done():
            head.set_exception(failure)
        self._transport.abort()

    # The longest pause between bytes: one timer an answer, not one a piece.

    def _watch(self) -> None:
        late = self._heard_at + self._seconds - self._loop.time()
        if late <= 0:
            self._break(TimeoutError("no bytes"))
        else:
            self._timer = self._loop.call_later(late + 0.001, self._watch)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the reader of an answer calls.

    def pause(self) -> None:
        """Read no more; the other side is not late meanwhile."""
        if not self._paused:
            self._paused = True
            self._unwatch()
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self._heard_at = self._loop.time()
            if self._reply is not None:
                self._watch()
            if not self.closed:
                self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._break(Unfinished("broken off"))
