"""The command line in processes that start at once: forked from one that has imported everything.

Such a process is as real as ``python -m gateway``: a process id, signals and an exit status of its
own, and nothing shared with the tests. What a fresh interpreter does, ``tests/e2e`` shows.
"""

import atexit
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["gateway.cli", "tests.forked"])
_RUNNING: set["Forked"] = set()


def _main(output: Connection, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    from gateway import cli  # noqa: PLC0415 - which the tests' own process need not import

    os.dup2(output.fileno(), 1)
    output.close()
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(cli.main(arguments))


class Forked:
    """``gateway`` with these arguments; what of ``subprocess.Popen`` the tests need."""

    def __init__(self, *arguments: str, environment: Mapping[str, str]) -> None:
        self._output, theirs = os.pipe()
        output = Connection(theirs, readable=False)
        self._process = _CONTEXT.Process(target=_main, args=(output, arguments, dict(environment)))
        self._process.start()
        output.close()
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
        self._process.join(seconds)
        status = self.poll()
        if status is None:
            raise TimeoutError(f"process {self.pid} does not end")
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
            _RUNNING.discard(self)
        return status


@atexit.register
def _end() -> None:
    """Whatever a failed test left behind ends with the tests."""
    for one in _RUNNING:
        one.kill()
