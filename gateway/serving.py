"""Running an ASGI application on a socket until a signal ends it."""

import asyncio
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import ConfigurationError

_DRAIN_SECONDS = 10
_IDLE_SECONDS = 75  # longer than clients and load balancers keep an idle connection


def listen(host: str, port: int, name: str) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the address cannot be used; ``name`` is the setting to change.
    """
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        message = f"{name} {port} cannot be used on {host}: {error.strerror}."
        raise ConfigurationError(message) from error


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
            timeout_graceful_shutdown=_DRAIN_SECONDS,
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
