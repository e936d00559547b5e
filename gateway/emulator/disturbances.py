"""Answers whose bodies go out slowly, or break off."""

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gateway.emulator.injections import Reset, Slow, Truncated

_BEATS: Final = 10  # pieces of a slow body per second, if they have a byte at least


class _BreakOff(Exception):
    """Enough of the body is out."""


class Disturbed(Response):
    """Another answer with its head unchanged and its body disturbed."""

    def __init__(self, whole: Response, how: Slow | Truncated | Reset) -> None:
        self._whole = whole
        self._how = how
        self.status_code = whole.status_code
        self.raw_headers = whole.raw_headers  # the same list: headers that are added reach both
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; one that breaks off is left unfinished, so that its connection ends."""
        if isinstance(self._how, Reset):
            scope["extensions"]["gateway.reset"]()
            return
        passed: Send
        if isinstance(self._how, Slow):
            passed = _Slowly(receive, send, self._how.bytes_per_second)
        else:
            passed = _Truncating(send)
        try:
            await self._whole(scope, receive, passed)
        except _BreakOff:
            return


class _Slowly:
    """Passes bodies on in small pieces with pauses between them, as long as the client is there."""

    def __init__(self, receive: Receive, send: Send, speed: int) -> None:
        self._receive = receive
        self._send = send
        self._size = max(speed // _BEATS, 1)
        self._pause = self._size / speed

    async def __call__(self, message: Message) -> None:
        body = message.get("body", b"")
        if not body:
            await self._send(message)
            return
        gone = asyncio.ensure_future(self._disconnected())
        try:
            for start in range(0, len(body), self._size):
                await asyncio.wait({gone}, timeout=self._pause)
                if gone.done():
                    raise _BreakOff
                end = start + self._size
                more = end < len(body) or message.get("more_body", False)
                await self._send({**message, "body": body[start:end], "more_body": more})
        finally:
            gone.cancel()

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Truncating:
    """Passes half of the announced length on, or the first half of a body of unknown length."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._left: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            lengths = [value for name, value in message["headers"] if name == b"content-length"]
            self._left = int(lengths[0]) // 2 if lengths else None
            await self._send(message)
            return
        body = message.get("body", b"")
        left = len(body) // 2 if self._left is None else self._left
        if len(body) > left or not message.get("more_body", False):
            await self._send({**message, "body": body[:left], "more_body": True})
            raise _BreakOff
        self._left = left - len(body)
        await self._send(message)
