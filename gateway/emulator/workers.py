"""Worker processes that import files: a decoder that crashes or hangs costs one file, not the job.

Processes are spawned, not forked, because the server has threads. A worker ends when its pipe
closes, so none outlives the server, however that ends.
"""

import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import Empty, LifoQueue
from typing import Final

from gateway.emulator.ingest import Failed, Staged, Task, ingest
from gateway.telemetry import logs

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.2
_IDLE_SECONDS: Final = 30.0


class Stopped(Exception):
    """The pool is shutting down; the task was not done."""


class _Worker:
    def __init__(self, memory_bytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, memory_bytes), daemon=True
        )
        self._process.start()
        theirs.close()

    def run(self, task: Task, seconds: float, stop: threading.Event) -> Staged | Failed:
        self._pipe.send(task)
        deadline = time.monotonic() + seconds
        while not self._pipe.poll(_POLL_SECONDS):
            if stop.is_set():
                raise Stopped
            if time.monotonic() > deadline:
                raise TimeoutError
        outcome: Staged | Failed = self._pipe.recv()
        return outcome

    def close(self) -> None:
        self._pipe.close()
        self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class WorkerPool:
    """At most ``size`` workers, started when needed, ended when idle."""

    def __init__(self, size: int, seconds_per_file: float, memory_bytes: int) -> None:
        self.size = size
        self._seconds = seconds_per_file
        self._memory = memory_bytes
        self._stop = threading.Event()
        self._closed = False
        self._slots: LifoQueue[tuple[_Worker | None, float]] = LifoQueue()
        for _ in range(size):
            self._slots.put((None, 0.0))

    def run(self, task: Task) -> Staged | Failed:
        """Import one file in a worker; waits for a free one.

        Raises:
            Stopped: the pool was closed meanwhile.
        """
        worker, _ = self._take()
        keep: _Worker | None = None
        try:
            try:
                worker = worker or _Worker(self._memory)
            except OSError as error:
                if self._stop.is_set():
                    raise Stopped from None
                _log.exception("import_worker_not_started")
                reason = f"no process could be started to import it: {error.strerror}"
                return Failed(task.key, "InternalServerException", reason)
            outcome = worker.run(task, self._seconds, self._stop)
            keep = worker
            if self._stop.is_set():  # it may have failed because everything ends
                raise Stopped
            return outcome
        except TimeoutError:
            reason = f"it took longer than {self._seconds:.0f} seconds"
            return Failed(task.key, "InternalServerException", reason)
        except (EOFError, OSError):
            if self._stop.is_set():  # the worker is gone because the pool is
                raise Stopped from None
            reason = "it crashed the decoder or exceeded the memory allowed"
            return Failed(task.key, "InternalServerException", reason)
        finally:
            if keep is None and worker is not None:
                worker.close()
            self._slots.put((keep, time.monotonic()))

    def _take(self) -> tuple[_Worker | None, float]:
        while not self._stop.is_set():
            try:
                return self._slots.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
        raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: the pool was closed meanwhile.
        """
        if self._stop.wait(seconds):
            raise Stopped

    @property
    def stopped(self) -> bool:
        """Whether nothing is to be done any more."""
        return self._stop.is_set()

    def interrupt(self) -> None:
        """Let what runs raise Stopped; ``close`` follows."""
        self._stop.set()

    def trim(self) -> None:
        """End workers that have had nothing to do for half a minute."""
        slots = []
        while True:
            try:
                slots.append(self._slots.get_nowait())
            except Empty:
                break
        for worker, used in reversed(slots):
            idle = worker is not None and time.monotonic() - used > _IDLE_SECONDS
            if worker is not None and idle:
                worker.close()
            self._slots.put((None if idle else worker, used))

    def close(self) -> None:
        """End all workers; tasks that run raise Stopped."""
        self._stop.set()
        if self._closed:
            return
        self._closed = True
        for _ in range(self.size):
            worker, _ = self._slots.get()
            if worker is not None:
                worker.close()


def _serve(pipe: Connection, memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when a worker ends
    os.nice(5)  # reading goes before importing
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")  # pydicom's warnings quote values
    logs.configure(logging.getLevelName(logging.INFO))
    with suppress(EOFError, ConnectionError):  # the server has closed its side, or is gone
        while True:
            task: Task = pipe.recv()
            pipe.send(ingest(task))
