"""Frames on their way from HealthImaging: passed on as their bytes arrive, each fetched once.

A frame has any number of followers, and each gets all of its bytes from the first. The piece that
completes it is given out once the whole is verified, so that nobody takes for a frame what is none.
One that breaks off is fetched again, and goes on behind what was given out if that comes as before.
Where all followers leave, a frame that is more than half here goes on into the cache; any other is
given up.
"""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from gateway.errors import UpstreamInvalid, UpstreamUnavailable
from gateway.imagesets.document import Seal
from gateway.remote.api import NotNow, OpenFrame, Urgency

_log: Final = logging.getLogger(__name__)

_AGAIN: Final = 2  # tries of a frame that breaks off, beside the first

Find = Callable[[], Awaitable[bytes | None]]
"""Looks for a frame where it may be kept."""

Open = Callable[[Urgency, asyncio.Event], Awaitable[OpenFrame]]
"""Asks HealthImaging for a frame; the event is set when somebody begins to wait for it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the frame of ``key`` is looked for, then opened, and what it is known by."""

    key: str
    find: Find
    open: Open
    seal: Seal | None


class Arrival:
    """One frame: its pieces so far, and what is known of it.

    ``length`` is set once the first byte can be waited for, ``content`` once it is whole and
    verified; ``failure`` is why it never will be.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.pieces: list[bytes] = []
        self.received = 0
        self.length: int | None = None
        self.content: bytes | None = None
        self.failure: BaseException | None = None
        self.followers = 0
        self.wanted = asyncio.Event()
        self.fetched = False
        self._checksum = 0
        self._news = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.content is not None or self.failure is not None

    @property
    def urgency(self) -> Urgency:
        """Whether any of its followers ever waits for it."""
        return Urgency.WAITING if self.wanted.is_set() else Urgency.AHEAD

    @property
    def worth_finishing(self) -> bool:
        """Whether more of it is here than has to be fetched."""
        return self.length is not None and self.received * 2 > self.length

    async def run(self) -> bytes | None:
        """Receive the frame; None if that fails, which is for its followers to tell."""
        try:
            self.content = await self._receive()
        except asyncio.CancelledError:
            self.failure = UpstreamUnavailable("The frame is no longer being fetched")
            raise
        except Exception as error:
            self.failure = error  # each follower raises it
        finally:
            self._tell()
        return self.content

    async def changed(self) -> None:
        """Wait until there is more to know than now."""
        await self._news.wait()

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()

    async def _receive(self) -> bytes:
        kept = await self.source.find()
        if kept is not None:
            self.length = len(kept)
            self._give(kept)
            return kept
        self.fetched = True
        last = await self._last()
        content = b"".join([*self.pieces, last])
        if not self._is_sealed():
            await self._doubt(content)
        self._give(last)
        return content

    async def _last(self) -> bytes:
        """Receive all but the last piece, which is returned; what breaks off is fetched again."""
        for _ in range(_AGAIN):
            frame = await self._opened()
            try:
                return await self._read(frame)
            except UpstreamUnavailable:
                _log.warning("frame_broken_off", extra={"bytes": self.received})
        return await self._read(await self._opened())

    async def _read(self, frame: OpenFrame) -> bytes:
        """One try: what was given out has to come again, and what is behind it is given out."""
        last = b""
        async with aclosing(frame):
            given = self._begin(frame.length)
            async for piece in frame:
                new = given.behind(piece) if given else piece
                if new:
                    last = self._take(new)
        if given and given.missing and self.length is None:
            raise UpstreamInvalid("A frame is shorter when it is fetched again")
        if self.length not in (None, self.received):
            raise UpstreamUnavailable("A frame ended before its last byte")
        return last

    def _begin(self, length: int | None) -> "_Given | None":
        """Be ready for a frame of ``length``; what of it has been given out, if anything has."""
        if self.length is not None and length not in (None, self.length):
            raise UpstreamInvalid("A frame has another length when it is fetched again")
        self.length = self.length if length is None else length
        content = b"".join(self.pieces)
        self.received, self._checksum = len(content), zlib.crc32(content)
        self._tell()
        return _Given(content) if content else None

    async def _opened(self) -> OpenFrame:
        """The frame, opened as urgently as its followers want it by then."""
        asked = self.urgency
        try:
            return await self.source.open(asked, self.wanted)
        except NotNow:
            if self.urgency is asked:
                raise
        return await self.source.open(self.urgency, self.wanted)

    def _take(self, piece: bytes) -> bytes:
        """Give ``piece`` out, unless it is the last: that is what is returned."""
        self.received += len(piece)
        if self.source.seal is not None:
            self._checksum = zlib.crc32(piece, self._checksum)
        if self.received == self.length:
            return piece
        if self.length is not None and self.received > self.length:
            raise UpstreamInvalid("A frame is longer than was announced")
        self._give(piece)
        return b""

    def _give(self, piece: bytes) -> None:
        if piece:
            self.pieces.append(piece)
            self._tell()

    def _is_sealed(self) -> bool:
        seal = self.source.seal
        if seal is None:
            return True
        return seal.length in (0, self.received) and seal.checksum == self._checksum

    async def _doubt(self, content: bytes) -> None:
        """Ask again for a frame that is not as its metadata say: the same again is what is stored.

        The metadata may tell of other bytes than they are taken to; bytes that were damaged on
        their way are not damaged twice in the same way.
        """
        async with aclosing(await self.source.open(self.urgency, self.wanted)) as frame:
            again = b"".join([piece async for piece in frame])
        if again != content:
            raise UpstreamInvalid("A frame is not what its metadata say")
        _log.warning("frame_unlike_its_metadata", extra={"bytes": len(content)})


class _Given:
    """Bytes that followers have already, which those of another try are compared with."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def missing(self) -> bool:
        """Whether not all of them have come again."""
        return self._at < len(self._content)

    def behind(self, piece: bytes) -> bytes:
        """What of the next piece is behind them.

        Raises:
            UpstreamInvalid: the rest of it is not what it was.
        """
        start = self._at
        known = self._content[start : start + len(piece)]
        if piece[: len(known)] != known:
            raise UpstreamInvalid("A frame is another when it is fetched again")
        self._at = start + len(known)
        return piece[len(known) :]


class Follower:
    """The bytes of an arriving frame for one asker; to be closed."""

    def __init__(self, arrival: Arrival, leave: Callable[[Arrival], None]) -> None:
        self._arrival = arrival
        self._leave = leave
        self._following = True
        self._at = 0
        arrival.followers += 1

    @property
    def content(self) -> bytes | None:
        """All of the frame, if it is here."""
        return self._arrival.content

    async def length(self) -> int:
        """The number of bytes, once the first of them are here.

        Raises:
            UpstreamError: the frame cannot be had.
            NotFound: it does not exist.
        """
        arrival = self._arrival
        while not arrival.ended and (arrival.length is None or not arrival.pieces):
            await arrival.changed()
        if arrival.failure is not None:
            raise arrival.failure
        return len(arrival.content or b"") if arrival.length is None else arrival.length

    async def whole(self) -> bytes:
        """All of the frame.

        Raises:
            UpstreamError: the frame cannot be had.
            NotFound: it does not exist.
        """
        arrival = self._arrival
        while arrival.content is None:
            if arrival.failure is not None:
                raise arrival.failure
            await arrival.changed()
        return arrival.content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        arrival = self._arrival
        while self._at == len(arrival.pieces):
            if arrival.failure is not None:
                raise arrival.failure
            if arrival.content is not None:
                raise StopAsyncIteration
            await arrival.changed()
        self._at += 1
        return arrival.pieces[self._at - 1]

    async def aclose(self) -> None:
        """Leave."""
        if self._following:
            self._following = False
            self._leave(self._arrival)


class Arrivals:
    """The frames that are on their way, by key; ``keep`` is told of each that is whole."""

    def __init__(self, keep: Callable[[str, bytes], Awaitable[None]]) -> None:
        self._keep = keep
        self._by_key: dict[str, Arrival] = {}
        self._tasks: dict[Arrival, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def follow(self, source: Source, urgency: Urgency = Urgency.WAITING) -> Follower:
        """One more asker for the frame of ``source``, which is fetched unless it is on its way."""
        arrival = self._by_key.get(source.key)
        if arrival is None or arrival.failure is not None:
            arrival = Arrival(source)
            self._by_key[source.key] = arrival
            task = asyncio.ensure_future(self._receive(arrival))
            self._tasks[arrival] = task
            task.add_done_callback(partial(self._ended, arrival))
        if urgency is Urgency.WAITING:
            arrival.wanted.set()
        return Follower(arrival, self._left)

    async def _receive(self, arrival: Arrival) -> None:
        content = await arrival.run()
        if content is not None and arrival.fetched:
            await self._keep(arrival.source.key, content)

    def _ended(self, arrival: Arrival, task: asyncio.Task[None]) -> None:
        del self._tasks[arrival]
        self._forget(arrival)
        if not task.cancelled() and (error := task.exception()):
            _log.error("frame_not_kept", exc_info=error)

    def _left(self, arrival: Arrival) -> None:
        arrival.followers -= 1
        if not (arrival.followers or arrival.ended or arrival.worth_finishing):
            self._forget(arrival)  # whoever asks now must not follow what is given up
            self._tasks[arrival].cancel()

    def _forget(self, arrival: Arrival) -> None:
        if self._by_key.get(arrival.source.key) is arrival:
            del self._by_key[arrival.source.key]

    async def close(self) -> None:
        """Give up all of them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
