"""Commands in processes that start at once: forked from one that has imported everything.

Such a process is as real as ``python -m gateway``: a process id, signals and an exit status of its
own, and nothing shared with the tests. What a fresh interpreter does, ``tests/e2e`` shows.
"""

import atexit
import errno
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from multiprocessing import forkserver, reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

GATEWAY, AWS = "gateway.cli", "awscli.clidriver"

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([GATEWAY, AWS, "tests.forked"])
_RUNNING: set["Forked"] = set()
_recvfds = reduction.recvfds


def _received(sock, size):
    """What a client sends with its request; one that was killed between two of its calls none.

    Without this the process that all others are forked from ends with that client: it goes on
    after nothing but a connection that was aborted.
    """
    try:
        return _recvfds(sock, size)
    except EOFError:
        raise ConnectionAbortedError(errno.ECONNABORTED, "the client is gone") from None


reduction.recvfds = _received  # in the process that forks, which imports this module


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def _main(
    module: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    folder: Path,
    outputs: list[Connection],
) -> None:
    for number, output in enumerate(outputs, 1):
        os.dup2(output.fileno(), number)
        output.close()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # A server's own workers start like it, out of the same process and not out of another.
    multiprocessing.get_context = lambda _: _CONTEXT
    forkserver._forkserver.ensure_running = lambda: None
    sys.argv = [module, *arguments]
    sys.exit(import_module(module).main())


class Forked:
    """``main`` of a module with these arguments; what of ``subprocess.Popen`` the tests need.

    Standard output comes here, standard error goes where this process writes its own.
    """

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str]) -> None:
        self._output, theirs = os.pipe()
        self._process = _process(module, arguments, environment, Path.cwd(), theirs, os.dup(2))
        _RUNNING.add(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def readline(self) -> str:
        """The next line it prints; empty once it has ended."""
        line = b""
        while not line.endswith(b"\n") and (more := os.read(self._output, 1)):
            line += more
        return line.decode()

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float) -> int:
        """Wait for its end; its exit status."""
        status = _status(self._process, seconds)
        if self in _RUNNING:
            _RUNNING.discard(self)
            os.close(self._output)
        return status


def run(
    module: str, *arguments: str, environment: Mapping[str, str], folder: Path, seconds: float = 60
) -> Done:
    """Run a command in ``folder`` to its end."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        outputs = [os.dup(stdout.fileno()), os.dup(stderr.fileno())]
        process = _process(module, arguments, environment, folder, *outputs)
        status = _status(process, seconds)
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode())
    return Done(status, *texts)


def _process(module, arguments, environment, folder, *outputs):
    ours = [Connection(output, readable=False) for output in outputs]
    everything = (module, arguments, dict(environment), folder, ours)
    process = _CONTEXT.Process(target=_main, args=everything)
    process.start()
    for one in ours:
        one.close()
    return process


def _status(process, seconds):
    process.join(seconds)
    if process.exitcode is None:
        raise TimeoutError(f"process {process.pid} does not end")
    return process.exitcode


@atexit.register
def _end() -> None:
    """Whatever a failed test left behind ends with the tests."""
    for one in _RUNNING:
        one.kill()
