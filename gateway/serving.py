"""Running an ASGI application on a socket until a signal ends it."""

import asyncio
import math
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from gateway.connections import Connection, Watch
from gateway.errors import ConfigurationError
from gateway.framing import Limits

_BACKLOG: Final = 2048
_ACCEPTED_SECONDS: Final = 0.05
"""In that time all connections are taken that the kernel has made before a socket is closed."""
_ALL_SECONDS: Final = 0.2
"""In that time all processes that share the address have closed their sockets.

Each looks ten times a second whether it is to end.
"""


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


class _Server(uvicorn.Server):
    """uvicorn's server, whose connections are watched, and which parts from clients in peace.

    Once it is told to end it calls ``before_end``, says so (``parting``), goes on as ever for a
    while if the limits ask for that, takes what the kernel has accepted, and stops listening. Once
    nobody listens any more every answer is the last of its connection.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        watch: Watch,
        before_end: Callable[[], None] | None,
        parting: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._watch = watch
        self.before_end = before_end
        self.parting = parting
        self._watching: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start."""
        await super().startup(sockets)
        self._watching = asyncio.create_task(self._watch.run(self.server_state.connections))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and finish what is under way."""
        if self.before_end is not None:
            await asyncio.to_thread(self.before_end)
        if self.parting is not None:
            self.parting()
        await self._delay(self._watch.limits.drain_delay)
        await asyncio.sleep(_ACCEPTED_SECONDS)
        for one in (*self.servers, *(sockets or ())):
            one.close()
        await asyncio.sleep(_ALL_SECONDS)
        # Not before: who is told that a connection ends connects anew at once, and would be reset.
        self._watch.ending = True
        if self._watching is not None:
            self._watching.cancel()
        watching = asyncio.create_task(self._watch.run(self.server_state.connections))
        await super().shutdown(sockets)
        watching.cancel()

    async def _delay(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        # A handler of signals sets what is looked for: there is nothing to wait for.
        while not self.force_exit and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def server(
    app: ASGIApp, before_end: Callable[[], None] | None = None, limits: Limits | None = None
) -> uvicorn.Server:
    """A uvicorn server for ``app``: no access log, because paths and queries name patients.

    ``before_end`` is called once it is told to end, before it stops listening. An application may
    have ``limits`` for its connections, where none are given here, and a function ``parting`` that
    is called then as well.
    """
    watch = Watch(limits or getattr(app, "limits", None) or Limits())
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(Connection, watch=watch),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # which proxies are trusted is a setting of ours
        timeout_graceful_shutdown=math.ceil(watch.limits.drain_seconds),
    )
    return _Server(config, watch, before_end, getattr(app, "parting", None))


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
