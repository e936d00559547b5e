"""Which files the disk cache has, how large, and when each was last used: a table in SQLite.

Each file has its row before it comes to be, and keeps it until it is gone: a process that is killed
at any point leaves rows without files, which are only misses, and no file that is not counted.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = "index-1.sqlite"
"""The table's name in the folder; another layout is another file, beside this one in an upgrade."""

_SCHEMA: Final = """
BEGIN;
DROP TABLE IF EXISTS file;
DROP TABLE IF EXISTS total;
CREATE TABLE file (name TEXT PRIMARY KEY, size INTEGER NOT NULL, used INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE INDEX file_used ON file (used);
CREATE TABLE total (bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE TRIGGER file_comes AFTER INSERT ON file
    BEGIN UPDATE total SET bytes = bytes + new.size; END;
CREATE TRIGGER file_goes AFTER DELETE ON file
    BEGIN UPDATE total SET bytes = bytes - old.size; END;
CREATE TRIGGER file_changes AFTER UPDATE OF size ON file
    BEGIN UPDATE total SET bytes = bytes - old.size + new.size; END;
COMMIT;
"""
_INSERT: Final = """
INSERT INTO file VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET size = excluded.size, used = max(used, excluded.used)
"""
_USE: Final = "UPDATE file SET used = max(used, ?) WHERE name = ?"
_UNUSED: Final = "SELECT name FROM file WHERE name >= ? AND name < ? AND used < ?"
_HAS: Final = "SELECT 1 FROM file WHERE name = ?"
_OLDEST: Final = "SELECT name, size FROM file ORDER BY used LIMIT 64"
_SUFFIXES: Final = ("", "-wal", "-shm")
_WAIT_SECONDS: Final = 10
_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Row(NamedTuple):
    """A file: its size in bytes, and when it was last used in nanoseconds since 1970."""

    name: str
    size: int
    used: int


def is_broken(error: sqlite3.Error) -> bool:
    """Whether ``error`` says that the table cannot be read any more."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BROKEN


def remove(path: Path) -> None:
    """Remove the table at ``path``; what processes still hold open is no longer the index."""
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class Index:
    """The table at ``path``, for one thread; ``fresh`` where the files are still to be noted.

    Raises, as all its methods do:
        sqlite3.Error: the table cannot be read or written.
        OSError: the folder cannot.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_SECONDS)
        try:
            self.fresh = self._prepare()
            self._inode = path.stat().st_ino
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> bool:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # no sync a transaction
        if self._number("PRAGMA user_version"):
            return False
        self._connection.executescript(_SCHEMA)
        return True

    def complete(self) -> None:
        """Say that all files are noted; a table without this is made anew when it is opened."""
        self._connection.execute("PRAGMA user_version = 1")

    def _number(self, query: str) -> int:
        with closing(self._connection.execute(query)) as found:
            return int(found.fetchone()[0])

    @property
    def current(self) -> bool:
        """Whether this is still the table that other processes open."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def total(self) -> int:
        """Bytes of all files together."""
        return self._number("SELECT bytes FROM total")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def note(self, rows: Iterable[Row]) -> None:
        """Note files that are there."""
        with self._transaction():
            self._connection.executemany(_INSERT, rows)

    def use(self, used: Mapping[str, int]) -> None:
        """Note when files were used; times never go back, and what has gone does not return."""
        with self._transaction():
            self._connection.executemany(_USE, ((when, name) for name, when in used.items()))

    def reconcile(self, prefix: str, rows: Iterable[Row], before: int) -> None:
        """Note the files whose names begin with ``prefix``; others, unused since, are not there."""
        there = {row.name: row for row in rows}
        with self._transaction():
            self._connection.executemany(_INSERT, there.values())
            noted = self._connection.execute(_UNUSED, (prefix, f"{prefix}g", before)).fetchall()
            self._forget(name for (name,) in noted if name not in there)

    def forget(self, names: Iterable[str]) -> None:
        """Take out files that are gone."""
        with self._transaction():
            self._forget(names)

    def _forget(self, names: Iterable[str]) -> None:
        self._connection.executemany("DELETE FROM file WHERE name = ?", ((one,) for one in names))

    def reserve(self, wanted: Mapping[str, Row], limit: int, unlink: Callable[[str], None]) -> int:
        """Note files that are about to be written; the least used go, so that all fit in ``limit``.

        Returns how many went. Other processes write between the rounds, of 64 files each.
        """
        gone = 0
        while True:
            with self._transaction():
                self._connection.executemany(_INSERT, wanted.values())
                victims = self._victims(wanted, self.total() - limit)
                for name in victims:
                    unlink(name)
                self._forget(victims)
                gone += len(victims)
                if self.total() <= limit or not victims:
                    return gone

    def has(self, name: str) -> bool:
        """Whether the file of ``name`` is noted."""
        with closing(self._connection.execute(_HAS, (name,))) as found:
            return found.fetchone() is not None

    def _victims(self, kept: Mapping[str, Row], surplus: int) -> list[str]:
        """At most 64 of the least used that together have ``surplus`` bytes."""
        names = []
        if surplus > 0:
            with closing(self._connection.execute(_OLDEST)) as oldest:
                for name, size in oldest:
                    if surplus <= 0:
                        break
                    if name not in kept:
                        names.append(name)
                        surplus -= size
        return names

    def close(self) -> None:
        """Close the table."""
        self._connection.close()
