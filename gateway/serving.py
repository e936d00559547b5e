"""Running an ASGI application on a socket until a signal ends it."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.errors import ConfigurationError
from gateway.web.repeats import Ready

DRAIN_SECONDS = 10
"""What is under way when a server is told to end may take that long."""

_BACKLOG = 2048
_GATHERED: Final = 1 << 18  # bytes
_IDLE_SECONDS = 75  # longer than clients and load balancers keep an idle connection


def listen(host: str, port: int, name: str) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the address cannot be used; ``name`` is the setting to change.
    """
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except OSError as error:
        message = f"{name} {port} cannot be used on {host}: {error.strerror}."
        raise ConfigurationError(message) from error


def share(host: str, port: int, name: str, count: int) -> list[socket.socket]:
    """``count`` sockets that listen at one address, among which the kernel divides connections.

    Only Linux does so; elsewhere it is the same socket as often.

    Raises:
        ConfigurationError: the address cannot be used; ``name`` is the setting to change.
    """
    first = listen(host, port, name)
    if count == 1 or sys.platform != "linux":
        return [first] + [first.dup() for _ in range(count - 1)]
    address = first.getsockname()
    first.close()  # it has shown that the address is free, for which one that shares does not ask
    return [_shared(first.family, address) for _ in range(count)]


def _shared(family: int, address: tuple[str, int]) -> socket.socket:
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(address)
    made.listen(_BACKLOG)
    return made


class Gathered(asyncio.Transport):
    """A way out on which the pieces of one turn of the event loop leave together.

    uvloop hands each piece to the kernel by itself, and each wakes up whoever reads: the head of an
    answer, what stands before a frame, the frame and what stands behind would be four calls. More
    than ``_GATHERED`` bytes never wait, so that backpressure is felt as ever.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes | bytearray | memoryview] = []
        self._size = 0
        self._due = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, at the end of the turn at the latest; it is not copied."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _GATHERED:
            self.flush()
        elif not self._due:
            self._due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._pieces:
            pieces, self._pieces, self._size = self._pieces, [], 0
            self._transport.writelines(pieces)

    def close(self) -> None:
        """Close behind what waits."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Receive nothing for a while."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol receive."""
        self._transport.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)


class _Http(HttpToolsProtocol):
    """uvicorn's protocol; an answer that the application has at hand needs no task of its own."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Serve a connection."""
        self._out = Gathered(transport)
        self._ready: Ready | None = getattr(self.app, "ready", None)
        self._queued = False
        super().connection_made(self._out)

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        self._out.flush()
        self._queued = True  # what it begins is begun within the end of another
        try:
            super().on_response_complete()
        finally:
            self._queued = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        pieces = None
        if self._ready is not None and not self._queued and not cycle.flow.write_paused:
            pieces = self._ready(cast("Scope", cycle.scope))
        if pieces is None:
            super()._start_asgi_task(cycle, app)
        else:
            _give(cycle, pieces)


def _give(cycle: RequestResponseCycle, pieces: Sequence[bytes]) -> None:
    """Send a whole answer of status 200: what is left of uvicorn's ``send`` for it."""
    cycle.response_started = cycle.response_complete = True
    lines = [STATUS_LINE[200]]
    for name, value in cycle.default_headers:
        lines += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    first, *rest = pieces
    cycle.transport.write(b"".join((*lines, first)))
    for piece in rest:
        cycle.transport.write(piece)
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


class _Server(uvicorn.Server):
    """uvicorn's server, which calls ``before_end`` while it still listens."""

    before_end: Callable[[], None] | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and finish what is under way."""
        if self.before_end is not None:
            await asyncio.to_thread(self.before_end)
        await super().shutdown(sockets)


def server(app: ASGIApp, before_end: Callable[[], None] | None = None) -> uvicorn.Server:
    """A uvicorn server for ``app``: no access log, because paths and queries name patients.

    ``before_end`` is called once it is told to end, before it stops listening.
    """
    made = _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=_Http,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # which proxies are trusted is a setting of ours
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    made.before_end = before_end
    return made


def end_on_signals(running: uvicorn.Server) -> None:
    """Let SIGINT and SIGTERM end ``running``, from now on: also before it serves, and after.

    While it serves, uvicorn has handlers of its own, and raises the signal again when it is done.
    """

    def end(*_: object) -> None:
        running.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def run(running: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until the server is told to end; what is under way is finished."""
    running.run(sockets=[listening])
