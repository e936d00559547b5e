"""The database of the catalog: transactions to read and to write, and its schema kept up to date.

Everything here waits, so it is called in threads. Errors of the database come out as
``CatalogError``, without the values that a statement was about.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import pg8000
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gateway.catalog import dialects
from gateway.catalog.dialects import SQLITE
from gateway.errors import CatalogError, ConfigurationError

REVISION: Final = "0001"
"""The newest migration."""

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REBUILD: Final = "nothing in it is not in HealthImaging: drop it, and it is built anew"


class Database:
    """The database at ``url``; ``prepare`` has to be called before anything else is.

    ``dialect`` is ``sqlite`` or ``postgresql``; ``path`` the file of SQLite.

    Raises:
        ConfigurationError: the URL is none of a database that can be used.
    """

    def __init__(self, url: str) -> None:
        self._url = dialects.parsed(url)
        self.dialect = self._url.get_backend_name()
        self.path = Path(self._url.database or "") if self.dialect == SQLITE else None
        self._readers, self._writers = dialects.engines(self._url)

    def prepare(self) -> None:
        """Make the database and its tables, or bring them up to date; one process at a time does.

        Raises:
            ConfigurationError: it cannot be made, or is of a newer gateway.
            CatalogError: it is damaged or away.
        """
        with _alone(self.path), self.write() as connection:
            if _revision(connection) != REVISION:
                _upgrade(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees the catalog as it is at its beginning, and changes nothing."""
        with _translated(), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The one transaction that writes; others wait for its end. An exception undoes it."""
        with _translated(), self._writers.begin() as connection:
            dialects.lock(connection)
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._readers.dispose()
        self._writers.dispose()


@contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """One process at a time: the switch to a write-ahead log does not wait for another one."""
    if path is None:
        yield
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _private(path.with_name(path.name + "-prepare")) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _private(path).close()
            yield
    except OSError as error:
        message = f"The catalog {path} cannot be made or written: {error.strerror}"
        raise ConfigurationError(message) from error


def _private(path: Path) -> BinaryIO:
    """A file that nobody else can read, made where there is none."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb+")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        message = f"The catalog is of a newer version of the gateway; {_REBUILD}"
        raise ConfigurationError(message) from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise CatalogError(_said(error.orig)) from None  # the driver's words can name patients
    except pg8000.Error as error:  # of what goes past SQLAlchemy
        raise CatalogError(_said(error)) from None
    except SQLAlchemyError as error:
        raise CatalogError(f"The catalog cannot be used: {type(error).__name__}") from None


def _said(error: BaseException | None) -> str:
    """What is wrong, in a sentence without any value."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in _BROKEN:
        return f"The file of the catalog is damaged; {_REBUILD}"
    name = getattr(error, "sqlite_errorname", None) or _sqlstate(error)
    return f"The database of the catalog failed: {name}"


def _sqlstate(error: BaseException | None) -> str:
    """PostgreSQL's code of the error, else the kind of it."""
    said = error.args[0] if error is not None and error.args else None
    code = said.get("C") if isinstance(said, dict) else None
    return str(code or type(error).__name__)
