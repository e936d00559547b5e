"""Where audit messages go: lines of JSON in a file or on standard output; see ``syslog``."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from gateway.auth.syslog import Syslog, endpoint
from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings

_STANDARD_OUTPUT: Final = 1


class Sink(Protocol):
    """Takes messages, in order.

    What it has taken counts as delivered when ``grace`` seconds later ``check`` raises nothing.
    """

    grace: float

    async def send(self, messages: Sequence[bytes]) -> None:
        """Take ``messages``, JSON documents.

        Raises:
            OSError: it cannot; it may have some of them.
        """
        ...

    def check(self) -> None:
        """Return if nothing has happened since that may have lost what was taken.

        Raises:
            OSError: something has.
        """
        ...

    async def close(self) -> bool:
        """End; whether all that was taken has arrived for certain."""
        ...


class Lines:
    """One message a line; of a file, opened for each batch so that it may be rotated."""

    grace = 0.0

    def __init__(self, path: Path | None) -> None:
        """None is standard output."""
        self._path = path

    async def send(self, messages: Sequence[bytes]) -> None:
        """Append ``messages``; on return they are on the disk."""
        await asyncio.to_thread(self._write, b"".join(one + b"\n" for one in messages))

    def _write(self, content: bytes) -> None:
        if self._path is None:
            sys.stdout.flush()
            for line in content.splitlines(
                keepends=True
            ):  # short ones of several workers stay whole
                _write(_STANDARD_OUTPUT, line)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        file = os.open(self._path, flags, 0o600)
        try:
            _write(file, content)
            os.fsync(file)
        finally:
            os.close(file)

    def check(self) -> None:
        """Nothing can have happened."""

    async def close(self) -> bool:
        """Nothing is left open."""
        return True


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def made(settings: GatewaySettings) -> Sink:
    """The sink that the settings name.

    Raises:
        ConfigurationError: they name it wrongly.
    """
    if settings.audit == "json":
        return Lines(settings.audit_file)
    if settings.audit_syslog_url is None:
        raise ConfigurationError("GATEWAY_AUDIT_SYSLOG_URL is not set.")
    return Syslog(endpoint(settings), settings.audit_source_id)
