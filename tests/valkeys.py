"""A real Valkey or Redis for tests, as a process on a free port."""

import shutil
import socket
import subprocess
import time
from contextlib import suppress

BINARY = shutil.which("valkey-server") or shutil.which("redis-server")
MISSING = "neither valkey-server nor redis-server is installed"


class ValkeyServer:
    """A server without a file, with ``options`` of its configuration; it can go and come back."""

    def __init__(self, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._options = options
        self.start()

    def start(self) -> None:
        plain = () if "--tls-port" in self._options else ("--port", str(self.port))
        options = [option.replace("{port}", str(self.port)) for option in self._options]
        command = [BINARY, *plain, "--bind", "127.0.0.1", "--save", "", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert self._process.poll() is None, "the server did not start"
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("the server does not listen")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)
