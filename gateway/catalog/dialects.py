"""Where SQLite and PostgreSQL differ: connections, locks, and the trigram index of names."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    create_engine,
    event,
    literal_column,
    make_url,
    text,
    true,
)
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import ArgumentError

from gateway.catalog.schema import PERSON, TABLES
from gateway.errors import ConfigurationError

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+pg8000",
    "postgresql": "postgresql+pg8000",
    "postgresql+pg8000": "postgresql+pg8000",
}
_TRIGRAM: Final = 3
_BUSY_MS: Final = 30_000
_MAPPED: Final = 4 << 30
_CACHE_KB: Final = 4 << 10
_READERS: Final = 16
_WRITING: Final = 0x63617461  # the key of PostgreSQL's advisory lock under which is written

_COPIED: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})

_SQLITE_TRIGRAMS: Final = (
    "CREATE VIRTUAL TABLE person_trigram USING fts5("
    "folded, content='person', content_rowid='id', tokenize='trigram case_sensitive 1')",
    "CREATE TRIGGER person_comes AFTER INSERT ON person BEGIN "
    "INSERT INTO person_trigram (rowid, folded) VALUES (new.id, new.folded); END",
    "CREATE TRIGGER person_goes AFTER DELETE ON person BEGIN "
    "INSERT INTO person_trigram (person_trigram, rowid, folded) "
    "VALUES ('delete', old.id, old.folded); END",
)
_POSTGRESQL_TRIGRAMS: Final = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX person_trigram ON person USING gin (folded gin_trgm_ops)",
)


def parsed(url: str) -> URL:
    """The URL of a database, with the driver that is used.

    Raises:
        ConfigurationError: it is none, or of another kind.
    """
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigurationError("GATEWAY_CATALOG_URL is not the URL of a database") from None
    driver = _DRIVERS.get(found.drivername)
    if driver is None:
        raise ConfigurationError("GATEWAY_CATALOG_URL begins with sqlite:/// or postgresql://")
    if driver.startswith(SQLITE) and found.database in (None, "", ":memory:"):
        raise ConfigurationError("GATEWAY_CATALOG_URL names no file: sqlite:////path/to/it")
    return found.set(drivername=driver)


def engines(url: URL) -> tuple[Engine, Engine]:
    """The engine of those who read and that of the one who writes."""
    if url.get_backend_name() == SQLITE:
        return _sqlite(url, "BEGIN", read_only=True), _sqlite(url, "BEGIN IMMEDIATE")
    return _postgresql(url, read_only=True), _postgresql(url)


def _sqlite(url: URL, begin: str, *, read_only: bool = False) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_size=_READERS, max_overflow=-1)

    def connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver would begin where it thinks fit
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        # What a loss of power takes from the end of the log is fetched again: the watermark that
        # says what is there goes with it. So no transaction waits for the disk.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    engine.dialect.statement_compiler = _Hinting
    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


class _Hinting(SQLiteCompiler):
    """Writes the index by which a table is to be read, where a statement says one."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """What stands behind the name of ``table``."""
        return text


def _postgresql(url: URL, *, read_only: bool = False) -> Engine:
    level = "REPEATABLE READ" if read_only else "READ COMMITTED"
    return create_engine(
        url,
        hide_parameters=True,
        pool_size=_READERS,
        max_overflow=0,
        pool_pre_ping=True,  # a server that was restarted, a connection that a firewall dropped
        isolation_level=level,
        execution_options={"postgresql_readonly": read_only},
        connect_args={"application_name": "dicomweb-gateway"},
    )


def analyze(connection: Connection) -> None:
    """Have PostgreSQL count what it plans by; statements tell SQLite how they are to be done."""
    if connection.dialect.name == POSTGRESQL:
        connection.execute(text(f"ANALYZE {', '.join(TABLES.tables)}"))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows, which all have a value for each column, as fast as the database can."""
    take = itemgetter(*rows[0])
    values = map(take, rows)
    names = ", ".join(rows[0])
    if connection.dialect.name == POSTGRESQL:
        lines = ("\t".join(map(_copied, row)) + "\n" for row in values)
        content = BytesIO("".join(lines).encode())
        cursor = connection.connection.cursor()
        cursor.execute(f"COPY {table.name} ({names}) FROM STDIN", (), content)  # type: ignore[call-arg]
        cursor.close()
    else:
        marks = ", ".join("?" * len(rows[0]))
        into = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
        connection.exec_driver_sql(into, list(values))


def _copied(value: Any) -> str:
    """A value in the text form of COPY."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    return value.translate(_COPIED) if isinstance(value, str) else str(value)


def lock(connection: Connection) -> None:
    """Let nobody else write before the end of the transaction; SQLite began it so."""
    if connection.dialect.name == POSTGRESQL:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITING})"))


def create_trigrams(connection: Connection) -> None:
    """Make the trigram index of the folded names."""
    postgresql = connection.dialect.name == POSTGRESQL
    for statement in _POSTGRESQL_TRIGRAMS if postgresql else _SQLITE_TRIGRAMS:
        connection.execute(text(statement))


def containing(dialect: str, fragments: Iterable[str]) -> ColumnElement[bool]:
    """The condition that the folded name of a row of ``person`` contains all ``fragments``.

    Those shorter than a trigram, which no index finds, are left out.
    """
    long = [one for one in fragments if len(one) >= _TRIGRAM]
    if not long:
        return true()
    if dialect == POSTGRESQL:
        return and_(*(PERSON.c.folded.contains(one, autoescape=True) for one in long))
    quoted = ('"' + one.replace('"', '""') + '"' for one in long)
    found = text("SELECT rowid FROM person_trigram WHERE person_trigram MATCH :trigrams")
    ids = found.bindparams(trigrams=" AND ".join(quoted)).columns(literal_column("rowid"))
    return PERSON.c.id.in_(ids)
