"""An end to statements that take too long, or that nobody waits for any more."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway.catalog.dialects import POSTGRESQL

_STEPS: Final = 5_000  # of SQLite's virtual machine between two looks at the clock
_CANCELED: Final = "57014"


class Ended(Exception):
    """A statement was ended before it was done."""


class Clock:
    """The time that is left of ``seconds`` for a query, until ``left`` says that nobody waits."""

    def __init__(self, seconds: float, left: threading.Event | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._left = left

    def remaining(self) -> float:
        """Seconds, 0 where no time is left."""
        if self._left is not None and self._left.is_set():
            return 0.0
        return max(self._end - time.monotonic(), 0.0)

    @contextmanager
    def held(self, connection: Connection, most: float | None = None) -> Iterator[None]:
        """Statements end with the time that is left, or after ``most`` seconds.

        The transaction can be gone on with.

        Raises:
            Ended: a statement was ended.
        """
        seconds = self.remaining() if most is None else min(self.remaining(), most)
        if seconds <= 0:
            raise Ended
        if connection.dialect.name == POSTGRESQL:
            with _postgresql(connection, seconds):
                yield
        else:
            with self._sqlite(connection, seconds):
                yield

    @contextmanager
    def _sqlite(self, connection: Connection, seconds: float) -> Iterator[None]:
        driver: Any = connection.connection.driver_connection
        end = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > end or not self.remaining(), _STEPS)
        try:
            yield
        except DBAPIError as error:
            if getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                raise Ended from None
            raise
        finally:
            driver.set_progress_handler(None, 0)


@contextmanager
def _postgresql(connection: Connection, seconds: float) -> Iterator[None]:
    milliseconds = max(int(seconds * 1000), 1)
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
            yield
            connection.execute(text("SET LOCAL statement_timeout = 0"))
    except DBAPIError as error:
        if _code(error) == _CANCELED:
            raise Ended from None
        raise


def _code(error: DBAPIError) -> str:
    said = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(said.get("C")) if isinstance(said, dict) else ""
