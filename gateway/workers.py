"""Several processes that serve one address: started, watched, replaced, and ended together.

Each has a listening socket of its own, among which the kernel divides the connections; this process
keeps all of them open. So what waits for a worker that crashed is served by the one that follows.
Workers are spawned, not forked, because threads and HTTP clients do not survive a fork. One ends
when this process does, however that ends.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Final

from starlette.types import ASGIApp

from gateway import serving
from gateway.errors import GatewayError
from gateway.telemetry import logs

Make = Callable[[], ASGIApp]
"""Makes the application; pickled, because it is called in the process that serves it."""

_log = logging.getLogger(__name__)

_CANNOT_START: Final = 78  # EX_CONFIG of sysexits.h
_LONGEST_PAUSE: Final = 10.0  # seconds
_STEADY_SECONDS: Final = 30.0  # who crashes later than that is replaced without a pause
_END_SECONDS: Final = 5.0  # beside those that what is under way may take


class _Place:
    """A listening socket, and the worker that serves it or is going to."""

    def __init__(self, number: int, listening: socket.socket) -> None:
        self.number = number
        self.listening = listening
        self.worker: BaseProcess | None = None
        self.due = 0.0
        self._started = 0.0
        self._crashes = 0

    def start(self, make: Make, level: str) -> None:
        """Start a worker."""
        context = multiprocessing.get_context("spawn")
        tells = self.number == 0 or self._started > 0  # at first all would say the same
        arguments = (tells, self.listening, make, level)
        self.worker = context.Process(target=_work, args=arguments)
        self.worker.start()
        self._started = time.monotonic()

    @property
    def is_steady(self) -> bool:
        """Whether its worker has been there for so long that it certainly serves."""
        is_old = time.monotonic() - self._started > _STEADY_SECONDS
        return self.worker is not None and self.worker.is_alive() and is_old

    def end_of(self, worker: BaseProcess) -> None:
        """Note that ``worker`` has ended, and when there is to be another: later each time."""
        now = time.monotonic()
        self._crashes = 0 if now - self._started > _STEADY_SECONDS else self._crashes + 1
        pause = min(2.0 ** (self._crashes - 2), _LONGEST_PAUSE) if self._crashes > 1 else 0.0
        self.worker, self.due = None, now + pause
        _log.error(
            "worker_ended",
            extra={
                "worker": self.number,
                "pid": worker.pid,
                "exit": worker.exitcode,
                "pause": pause,
            },
        )


class Supervisor:
    """Keeps a worker at each of the ``sockets``; ``level`` is that of their logs.

    Once told to end, they get ``drain`` seconds for what is under way.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], make: Make, level: str, drain: float
    ) -> None:
        self._places = [_Place(number, one) for number, one in enumerate(sockets)]
        self._make = make
        self._level = level
        self._drain = drain
        self._ending = False
        self._failed = False
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.end())

    @property
    def ending(self) -> bool:
        """Whether all have been told to end."""
        return self._ending

    def end(self) -> None:
        """Have all end; may be called in any thread and by a handler of signals."""
        self._ending = True
        try:
            self._wake.send(b"\0")
        except OSError:
            return  # it has been woken often enough, or is over

    def run(self) -> int:
        """Serve until told to end; the exit status, 1 if the workers cannot start as it is set."""
        resource_tracker.ensure_running()  # else it lets signals through that are held back below
        try:
            while not self._ending:
                self._fill()
                self._watch()
        finally:
            self._close()
        return int(self._failed)

    def _fill(self) -> None:
        """Start workers where there are none and it is time."""
        # From a terminal, SIGINT reaches every process: it is for this one to pass on, once.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for place in self._places:
                if place.worker is None and place.due <= time.monotonic():
                    place.start(self._make, self._level)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def _watch(self) -> None:
        """Return when a worker has ended, or has to be started, or all have to end."""
        due = [place.due for place in self._places if place.worker is None]
        pause = max(min(due) - time.monotonic(), 0.0) if due else None
        sentinels = [place.worker.sentinel for place in self._places if place.worker]
        wait([*sentinels, self._woken], pause)
        for place in self._places:
            worker = place.worker
            if worker is None or worker.is_alive() or self._ending:
                continue
            place.end_of(worker)
            # While others serve as it was set before, it is tried again like one that crashes.
            if worker.exitcode == _CANNOT_START and not any(one.is_steady for one in self._places):
                self._failed = self._ending = True

    def _close(self) -> None:
        """Let the workers finish what is under way, and end those that do not."""
        workers = [place.worker for place in self._places if place.worker]
        for place in self._places:
            place.listening.close()  # else the kernel accepted what no worker takes any more
        for worker in workers:
            worker.terminate()
        deadline = time.monotonic() + self._drain + _END_SECONDS
        for worker in workers:
            worker.join(max(deadline - time.monotonic(), 0.0))
            if worker.is_alive():
                worker.kill()
                worker.join()
        for one in (self._woken, self._wake):
            one.close()


class Alone:
    """This process as the only one that serves."""

    def __init__(self, listening: socket.socket, make: Make) -> None:
        self._listening = listening
        self._server = serving.server(make())
        serving.end_on_signals(self._server)

    @property
    def ending(self) -> bool:
        """Whether it has been told to end."""
        return self._server.should_exit

    def end(self) -> None:
        """Have it end; may be called in any thread."""
        self._server.should_exit = True

    def run(self) -> int:
        """Serve until told to end; the exit status, which says whether what was begun succeeded."""
        serving.run(self._server, self._listening)
        return int(self._server.lifespan.should_exit)


def service(
    sockets: Sequence[socket.socket], make: Make, level: str, drain: float = 20.0
) -> Alone | Supervisor:
    """What serves the application of ``make`` at the ``sockets``, one process each.

    For one socket that is this process; ``level`` is that of the logs of others, ``drain`` are the
    seconds that they may take to end.
    """
    return Supervisor(sockets, make, level, drain) if len(sockets) > 1 else Alone(sockets[0], make)


def _work(tells: bool, listening: socket.socket, make: Make, level: str) -> None:
    """The whole life of a worker; it ``tells`` why it cannot start."""
    logs.configure(level)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        running = serving.server(make())
    except GatewayError as error:
        if tells:
            print(error, file=sys.stderr, flush=True)  # noqa: T201
        sys.exit(_CANNOT_START)
    serving.end_on_signals(running)
    serving.run(running, listening)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
