"""Servers as processes: started, watched by what Linux counts of them, and ended by their id."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 20.0
_SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_libc: Final = ctypes.CDLL(None)


class Failure(Exception):
    """Something a row needs did not work; the text is a sentence."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


class Process:
    """A command in a session of its own: what it starts counts to it and ends with it.

    It has started when a line of its output matches ``ready``, whose group is in ``found``, or when
    it listens on ``port``.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        ready: str | None = None,
        port: int | None = None,
    ) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        try:
            self.found = self._wait(ready, port)
        except BaseException:
            self.stop()
            raise

    def _wait(self, ready: str | None, port: int | None) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if ready and (match := re.search(ready, self._log.read_text(errors="replace"))):
                return match[1]
            if port and _listens(port):
                return str(port)
            time.sleep(0.02)
        raise Failure(f"{self._process.args[0]} did not start; see {self._log}.")

    def _members(self) -> list[tuple[int, list[str]]]:
        """Identifier and fields of /proc/PID/stat after the name, of every process it is."""
        members = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == self._process.pid:
                members.append((int(path.parent.name), fields))
        return members

    def cpu(self) -> float:
        """Seconds of processor time, user and system, of all its processes, ended ones too."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self._members()) / _TICK

    def memory(self) -> int:
        """Resident bytes of all its processes together."""
        return sum(int(fields[21]) for _, fields in self._members()) * _PAGE

    def own_memory(self) -> int:
        """Resident bytes that no file stands behind, of all its processes together."""
        found = 0
        for member, _ in self._members():
            status = Path(f"/proc/{member}/status").read_text()
            match = re.search(r"RssAnon:\s+(\d+) kB", status)
            found += int(match[1]) * 1024 if match else 0
        return found

    def count(self) -> int:
        """How many processes it is."""
        return len(self._members())

    def stop(self) -> None:
        """End it, politely at first; return when nothing of it is left."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        for member, _ in self._members():
            if member != self._process.pid:
                os.kill(member, signal.SIGKILL)
        self._process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
