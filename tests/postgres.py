"""A real PostgreSQL for tests, as a private cluster on a free port of this machine."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pg8000.native


def _binaries() -> Path | None:
    """The folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


def _version(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdigit() else 0


def _account() -> pwd.struct_passwd | None:
    """Who runs the server: root must not."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    return None


BINARIES = _binaries()
ACCOUNT = _account()
MISSING = "PostgreSQL is not installed"
AVAILABLE = BINARIES is not None and ACCOUNT is not None
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "64MB",
    "max_connections": "80",
    "unix_socket_directories": "",
}


class PostgresServer:
    """A cluster that is gone when it is stopped; each test has a database of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self._numbers = count(1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        os.chown(self._folder, ACCOUNT.pw_uid, ACCOUNT.pw_gid)
        made = ["--username=gateway", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", f"--pgdata={self._folder / 'data'}", *made).wait(60)
        options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run(
            "postgres", "-D", str(self._folder / "data"), "-p", str(self.port), *options
        )
        self._wait()

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        who = {"user": ACCOUNT.pw_uid, "group": ACCOUNT.pw_gid} if os.getuid() == 0 else {}
        if who:
            who["extra_groups"] = []
        return subprocess.Popen(
            [str(BINARIES / name), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **who,
        )

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self._process.poll() is None, "the server did not start"
            with suppress(pg8000.exceptions.InterfaceError, pg8000.exceptions.DatabaseError):
                self._execute("SELECT 1")
                return
            time.sleep(0.05)
        raise AssertionError("the server does not listen")

    def _execute(self, statement: str) -> None:
        connection = pg8000.native.Connection(
            "gateway", host="127.0.0.1", port=self.port, database="postgres"
        )
        try:
            connection.run(statement)
        finally:
            connection.close()

    def create(self) -> str:
        """The URL of a new, empty database."""
        name = f"catalog{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        return f"postgresql://gateway@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def stop(self) -> None:
        """End the server and remove its files."""
        self._process.terminate()
        try:
            self._process.wait(5)  # SIGTERM waits for clients
        except subprocess.TimeoutExpired:
            self._process.send_signal(2)
            self._process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)
