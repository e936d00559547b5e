"""The database: made once, transactions, and what is said where it cannot be used."""

import multiprocessing
import sqlite3
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text

from gateway.catalog import database as catalog, dialects
from gateway.catalog.database import Database
from gateway.catalog.schema import IMAGE_SET, PERSON, STORE, TABLES
from gateway.errors import CatalogError, ConfigurationError


def added(database, name, number=1):
    with database.write() as connection:
        connection.execute(insert(PERSON).values(id=number, name=name, folded=name.lower()))


def names(connection):
    return connection.scalars(select(PERSON.c.name).order_by(PERSON.c.id)).all()


def test_the_tables_are_those_of_the_schema(database):
    with database.write() as connection:
        context = MigrationContext.configure(connection)
        found = compare_metadata(context, TABLES)
    tables = {change[1].name for change in found if change[0] == "remove_table"}
    assert all(name.startswith("person_trigram") for name in tables)
    extra = {change[1].name for change in found if change[0] == "remove_index"}
    assert extra <= {"person_trigram"}
    assert [change for change in found if change[0] not in ("remove_table", "remove_index")] == []


def test_the_newest_migration_is_known():
    config = Config()
    config.set_main_option("script_location", str(catalog._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [catalog.REVISION]


def test_preparing_again_changes_nothing(database):
    added(database, "DOE^JOHN")
    database.prepare()
    with database.read() as connection:
        assert names(connection) == ["", "DOE^JOHN"]


def _prepare(url, barrier, results):
    database = Database(url)
    barrier.wait(30)
    try:
        database.prepare()
        with database.read() as connection:
            results.put(len(names(connection)))
    except Exception as error:
        results.put(repr(error))


def test_several_processes_prepare_it_at_once(url):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    arguments = (url.replace("catalog.sqlite", "new/catalog.sqlite"), barrier, results)
    processes = [context.Process(target=_prepare, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [1] * 4
    for process in processes:
        process.join(20)


def test_who_reads_sees_one_state_and_waits_for_nobody(database):
    with database.read() as reader:
        assert names(reader) == [""]
        added(database, "DOE^JOHN")
        assert names(reader) == [""]
    with database.read() as reader:
        assert names(reader) == ["", "DOE^JOHN"]


def test_who_reads_cannot_write(database):
    with pytest.raises(CatalogError), database.read() as connection:
        connection.execute(insert(PERSON).values(id=7, name="x", folded="x"))


def test_an_exception_undoes_a_transaction(database):
    def fail(connection):
        connection.execute(insert(PERSON).values(id=1, name="x", folded="x"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.write() as connection:
        fail(connection)
    with database.read() as connection:
        assert names(connection) == [""]


def test_one_writes_at_a_time(database):
    inside, order = threading.Event(), []

    def second():
        inside.wait(20)
        added(database, "second")
        order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with database.write() as connection:
        inside.set()
        thread.join(0.2)
        connection.execute(insert(PERSON).values(id=2, name="first", folded="first"))
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_an_error_names_no_value(database):
    added(database, "SECRET^NAME")
    with pytest.raises(CatalogError) as caught:
        added(database, "SECRET^NAME", 2)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_catalog_of_a_newer_version_is_refused(database):
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer version"):
        database.prepare()
    with database.read() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_an_upgrade_that_fails_leaves_nothing(url, monkeypatch):
    database = Database(url)
    monkeypatch.setattr(
        dialects, "create_trigrams", lambda connection: connection.execute(text("x"))
    )
    with pytest.raises(CatalogError):
        database.prepare()
    monkeypatch.undo()
    database.prepare()
    added(database, "DOE^JOHN")
    database.close()


def test_a_damaged_file_says_how_to_mend_it(tmp_path):
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"this is no database, and never was one " * 400)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(CatalogError, match=r"damaged.*built anew"):
        database.prepare()


def test_pages_that_are_damaged_say_how_to_mend_it(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/catalog.sqlite")
    database.prepare()
    with database.write() as connection:
        rows = [{"id": n, "name": f"n{n}" * 50, "folded": ""} for n in range(1, 2000)]
        connection.execute(insert(PERSON), rows)
    database.close()
    with sqlite3.connect(database.path) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    plain.close()
    content = bytearray(database.path.read_bytes())
    content[4096 * 40 :] = b"\xa5" * (len(content) - 4096 * 40)
    database.path.write_bytes(content)
    with pytest.raises(CatalogError, match=r"damaged.*built anew"), database.read() as connection:
        names(connection)


@pytest.mark.parametrize(
    "url", ["", "catalog", "sqlite://", "sqlite:///:memory:", "mysql://localhost/x"]
)
def test_a_url_of_nothing_that_can_be_used_is_refused(url):
    with pytest.raises(ConfigurationError, match="GATEWAY_CATALOG_URL"):
        Database(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    database = Database(f"sqlite:///{tmp_path}/file/catalog.sqlite")
    with pytest.raises(ConfigurationError, match=r"file/catalog\.sqlite cannot be made"):
        database.prepare()


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        (["doe"], {1, 2}),
        (["oe^j"], {1, 2}),
        (["doe", "ann"], {2}),
        (["o"], {0, 1, 2, 3}),
        (['"x"'], {3}),
        (["100%"], set()),
    ],
)
def test_names_are_found_by_what_they_contain(database, fragments, expected):
    for number, name in enumerate(["DOE^JOHN", "DOE^JOANNA", 'A"X"1000'], 1):
        added(database, name, number)
    condition = dialects.containing(database.dialect, fragments)
    with database.read() as connection:
        assert set(connection.scalars(select(PERSON.c.id).where(condition))) == expected


def test_a_name_that_goes_is_not_found(database):
    added(database, "DOE^JOHN")
    with database.write() as connection:
        connection.execute(PERSON.delete().where(PERSON.c.id == 1))
        condition = dialects.containing(database.dialect, ["doe"])
        assert connection.scalars(select(PERSON.c.id).where(condition)).all() == []


def test_nobody_else_reads_the_file(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new/catalog.sqlite")
    database.prepare()
    added(database, "DOE^JOHN")
    assert {path.stat().st_mode & 0o77 for path in database.path.parent.glob("*.sqlite*")} == {0}
    assert database.path.parent.stat().st_mode & 0o77 == 0
    database.close()


def test_a_server_that_is_away_is_an_error():
    database = Database("postgresql://nobody@127.0.0.1:9/catalog")
    with pytest.raises(CatalogError, match="failed: InterfaceError"):
        database.prepare()


def test_times_are_kept_to_the_microsecond(database):
    values = {
        "id": 1,
        "datastore_id": "d" * 32,
        "policy": "primary",
        "watermark": 1763765432.123456,
    }
    with database.write() as connection:
        connection.execute(insert(STORE).values(values))
        assert connection.scalar(select(STORE.c.watermark)) == 1763765432.123456


@pytest.mark.parametrize(
    "name",
    ["a\tb\nc\r\\d", "\\N", "\\.", "\\x41", "", "'\"%s%%:x?", "愛\u2028\x0b\x1f", "\ufffd😀"],
)
def test_many_rows_at_once_are_what_they_were(database, name):
    person = {"id": 7, "name": f"{name}!", "folded": name}
    failed = {"store": 1, "study_uid": name, "failed": True, "seen": 1e9 + 0.123456}
    known = {"image_set_id": "i", "version": 3, "updated": -0.5, "is_primary": None}
    store = {"datastore_id": "d", "policy": name, "watermark": 1.5, "loaded_at": None}
    content = {"synced_at": 2.5, "reconciled_at": None, "first_load": bytes(range(256))}
    rows = {
        PERSON: person,
        STORE: {"id": 1, **store, **content},
        IMAGE_SET: {"id": 2, **known, **failed},
    }
    with database.write() as connection:
        for table, row in rows.items():
            dialects.insert_rows(connection, table, [row])
        for table, row in rows.items():
            found = connection.execute(select(table).where(table.c.id == row["id"])).mappings()
            assert dict(found.one()) == row


def test_an_error_of_many_rows_names_no_value(database):
    added(database, "SECRET^NAME")
    row = {"id": 2, "name": "SECRET^NAME", "folded": ""}
    with pytest.raises(CatalogError) as caught, database.write() as connection:
        dialects.insert_rows(connection, PERSON, [row])
    assert "SECRET" not in str(caught.value)
