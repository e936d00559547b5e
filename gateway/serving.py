"""Running an ASGI application on a socket until a signal ends it."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import ConfigurationError

DRAIN_SECONDS = 10
"""What is under way when a server is told to end may take that long."""

_BACKLOG = 2048
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
            http="httptools",
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
