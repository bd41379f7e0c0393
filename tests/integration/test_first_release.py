"""A store as the first release wrote it comes up to the newest form without losing a row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Connection, Engine, Float, Integer, LargeBinary, MetaData, Numeric, insert, select, text

from canonical.entities import ENTITIES
from canonical.store import Store
from canonical.store.bulk import content_hash
from canonical.store.checking import check_store
from canonical.store.damage import Findings
from canonical.store.engine import connect, reading, writing
from canonical.store.migrating import HEAD
from canonical.tables import METADATA
from tests.sites import ROOT, Installation
from tests.stores import CLASS

Tables = dict[str, list[dict[str, Any]]]


def first_store(url: str) -> Tables:
    """Makes a store as the first release did, with rows in every table; gives them."""
    engine = connect(url)
    with writing(engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "canonical" / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(insert(table), [_row(table, n) for n in (1, 2)])
        rows = _rows(connection, tables)
    engine.dispose()
    return rows


def _row(table: Any, number: int) -> dict[str, Any]:
    """A row with something in every column."""
    row: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case Boolean():
                value: Any = number == 1
            case LargeBinary():
                value = b"\x80"
            case Integer() | Float() | Numeric():
                value = number
            case _:
                value = f"{column.name} ё {number}"
        row[column.name] = value
    return row


def _rows(connection: Connection, tables: MetaData) -> Tables:
    return {
        t.name: [dict(r) for r in connection.execute(select(t).order_by(*t.primary_key.columns)).mappings()]
        for t in tables.sorted_tables
        if t.name != "alembic_version"
    }


def test_it_comes_up_to_the_newest_form_without_losing_a_row(bare_url: str) -> None:
    before = first_store(bare_url)
    assert all(len(rows) == 2 for rows in before.values())
    store = Store(bare_url)
    with store.reading() as connection:
        after = _rows(connection, METADATA)
        form = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    for name, rows in before.items():
        kept = [{c: row[c] for c in old} for old, row in zip(rows, after[name], strict=True)]
        assert kept == rows, name
    assert form == HEAD
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    store.close()


def shape(engine: Engine) -> dict[str, set[Any]]:
    """All that a database says of its tables, save the order in which they and their columns were added."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            made = connection.execute(text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
            tables = {(m.name, "WITHOUT ROWID" in m.sql, "AUTOINCREMENT" in m.sql) for m in made if m.type == "table"}
            columns = {
                (t, *row[1:]) for t, *_ in tables for row in connection.execute(text(f"PRAGMA table_xinfo({t})"))
            }
            keys = {(t, *row[2:]) for t, *_ in tables for row in connection.execute(text(f"PRAGMA index_list({t})"))}
            return {
                "tables": tables,
                "columns": columns,
                "keys": keys,
                "others": {m.sql for m in made if m.type != "table"},
            }
        asked = {
            "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
            " FROM information_schema.columns WHERE table_schema = 'public'",
            "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace",
        }
        return {what: {tuple(row) for row in connection.execute(text(sql))} for what, sql in asked.items()}


def test_a_new_store_is_what_the_migrations_come_to(bare_url: str) -> None:
    first_store(bare_url)
    Store(bare_url).close()
    engine = connect(bare_url)
    migrated = shape(engine)
    with writing(engine) as connection:
        for table in (*METADATA.tables, "alembic_version"):
            connection.execute(text(f"DROP TABLE {table}"))
    assert not any(shape(engine).values())
    Store(bare_url).close()
    assert shape(engine) == migrated
    assert all(migrated.values())
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]
        assert ScriptDirectory(ROOT / "canonical" / "migrations").get_current_head() == HEAD
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_a_journal_of_the_first_release_reads_on(tmp_path: Path) -> None:
    """Rows as the first release wrote them have the hashes that this one expects, and are in order."""
    url = f"sqlite:///{tmp_path / 'svod.db'}"
    engine = connect(url)
    with writing(engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "canonical" / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        stamp = "2026-10-01T10:00:00+03:00"
        connection.execute(text("INSERT INTO sources (id, key, institution, connector, capabilities, says_what_comes, state, state_since) VALUES (1, 'a/b', 'a', 'files', '{}', 0, 'ok', :at)"), {"at": stamp})  # fmt: skip
        connection.execute(text("INSERT INTO runs (id, job, detail, status, started_at, finished_at, holder) VALUES (1, 'import', '{}', 'ok', :at, :at, '')"), {"at": stamp})  # fmt: skip
        connection.execute(text("INSERT INTO batches (id, run, source, unit, at) VALUES (1, 1, 1, 'unit', 1)"))
        for record in CLASS:
            entity = next(e for e in ENTITIES.values() if isinstance(record, e.record))
            values = {f.name: getattr(record, f.name) for f in entity.fields}
            row = {**values, "source": 1, "hash": content_hash(record), "since": 1}
            connection.execute(insert(METADATA.tables[entity.name]), [row])
            ledger = "INSERT INTO ledger (run, source, entity, received, inserted) VALUES (1, 1, :e, 1, 1) ON CONFLICT DO UPDATE SET received = received + 1, inserted = inserted + 1"
            connection.execute(text(ledger), {"e": entity.name})
    engine.dispose()
    store = Store(url)
    found = Findings()
    with store.reading() as connection:
        check_store(connection, found)
    assert (found.damage, found.checked["rows"]) == ([], len(CLASS))
    assert [r.key for r in store.records(1, "people")] == ["p1", "p2"]
    store.close()


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    place.run("status")
    engine = connect(f"sqlite:///{tmp_path / 'svod.db'}")
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    told = place.json("status", status=1)["error"]
    assert told["code"] == "store_newer"
    assert "made by a newer svod (its tables are at 9999): install that version" in told["message"]


def test_a_form_that_was_never_written_is_a_new_store(bare_url: str) -> None:
    """As a migration tool leaves it that was stopped at once."""
    engine = connect(bare_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    store = Store(bare_url)
    with store.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD
    store.close()
    engine.dispose()


def test_two_that_start_at_once_migrate_it_once(bare_url: str) -> None:
    before = first_store(bare_url)
    program = "import sys; from canonical.store import Store; sys.stdin.readline(); Store(sys.argv[1]).close()"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, bare_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("now\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in started]
    assert said == ["", ""]
    engine = connect(bare_url)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]
        after = _rows(connection, METADATA)
    assert {n: len(r) for n, r in after.items() if n in before} == dict.fromkeys(before, 2)
    engine.dispose()
