"""Where audit messages go: lines of JSON in a file or on standard output; see ``syslog``."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.auth.syslog import Syslog, endpoint
from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings


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
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def check(self) -> None:
        """Nothing can have happened."""

    async def close(self) -> bool:
        """Nothing is left open."""
        return True


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
