"""Which of several processes fills the catalog: the one that holds a lock that dies with it.

SQLite's has a file beside its own, PostgreSQL's is an advisory lock of a connection that is used
for nothing else: where that is lost, so is the lock. Everything here blocks.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.catalog import dialects
from gateway.catalog.dialects import SQLITE

_LEADING: Final = 0x63617462
_SECONDS: Final = 5  # without an answer, after which a connection is taken to be lost
_SUFFIX: Final = "-leader"


class Election(Protocol):
    """One process's part in it; of one thread at a time."""

    def won(self) -> bool:
        """Whether this process leads: it does as soon as nobody else does."""
        ...

    def leave(self) -> None:
        """Let another one lead."""
        ...


def election(url: str) -> Election:
    """That of the catalog at ``url``."""
    parsed = dialects.parsed(url)
    if parsed.get_backend_name() == SQLITE:
        return _FileElection(Path(parsed.database or ""))
    engine = create_engine(
        parsed,
        hide_parameters=True,
        poolclass=NullPool,
        connect_args={"timeout": _SECONDS, "application_name": "dicomweb-gateway-leader"},
    )
    return _AdvisoryElection(engine)


class _FileElection:
    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + _SUFFIX)
        self._file: int | None = None

    def won(self) -> bool:
        """A lock of this process's does not get lost."""
        if self._file is not None:
            return True
        found: int | None = None
        try:
            found = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another one leads, or the folder cannot be written
            if found is not None:
                os.close(found)
            return False
        self._file = found
        return True

    def leave(self) -> None:
        """Let another one lead."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _AdvisoryElection:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._leads = False

    def won(self) -> bool:
        """Also asks whether the connection is still there."""
        try:
            if self._connection is None:
                made = self._engine.connect()
                self._connection = made.execution_options(isolation_level="AUTOCOMMIT")
            query = "SELECT 1" if self._leads else f"SELECT pg_try_advisory_lock({_LEADING})"
            self._leads = bool(self._connection.execute(text(query)).scalar())
        except (SQLAlchemyError, OSError):
            self.leave()
        return self._leads

    def leave(self) -> None:
        """Let another one lead; a lock that is not given up goes with its connection, later."""
        led, self._leads = self._leads, False
        if self._connection is not None:
            try:
                if led:
                    self._connection.execute(text(f"SELECT pg_advisory_unlock({_LEADING})"))
                self._connection.close()
            except (SQLAlchemyError, OSError):
                self._connection.invalidate()
            self._connection = None
