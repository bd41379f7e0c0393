"""Carries a whole store into a SQLite file, and out of one into a store of either kind.

A backup holds a store as a SQLite file, whatever kind of store it was made of: so it can be restored into either, is
brought to the newest form like any other store, and can be looked into with common tools.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, select, text, update

from canonical.store.engine import StoreError, connect, reading, shown, sqlite_url, writing
from canonical.store.intake import micros
from canonical.store.leases import BusyError, is_dead
from canonical.store.migrating import form_of, upgrade
from canonical.store.notes import RAW_NOT_RESTORED, set_note
from canonical.tables import ANSWERS, LEASES, METADATA, RUNS
from canonical.writing import explained

_CHUNK: Final = 5_000
_LOCK_SECONDS: Final = 10


class NotEmptyError(StoreError):
    """A store into which something is to be restored holds something already."""

    code = "store_not_empty"


def size(engine: Engine) -> int:
    """About how many bytes the store takes."""
    with reading(engine) as connection:
        if engine.dialect.name == "postgresql":
            return connection.execute(text("SELECT pg_database_size(current_database())")).scalar() or 0
        pages, each = (connection.exec_driver_sql(f"PRAGMA {p}").scalar() or 0 for p in ("page_count", "page_size"))
        return int(pages) * int(each)


def take_out(engine: Engine, file: Path) -> None:
    """Copies a store as it stands at one moment into a new SQLite file, while others may write to it.

    Raises:
        StoreError: the store cannot be read.
        WriteError: the file cannot be written.

    """
    if engine.dialect.name == "sqlite":
        with _driver(engine) as source, _plain(file) as target, _told(file):
            source.backup(target)
    else:
        made = connect(sqlite_url(file))
        try:
            upgrade(made)
            with reading(engine) as source_, writing(made) as target_:
                _copy_tables(source_, target_)
        finally:
            made.dispose()
    with _plain(file) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it


def counted(file: Path) -> tuple[str, dict[str, int]]:
    """The form of the tables in a SQLite file, and how many rows each holds."""
    with _plain(file) as connection:
        (form,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = {n: connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for n in names}
    return form, {n: c for n, c in rows.items() if n != "alembic_version" and not n.startswith("sqlite_")}


def prepare(file: Path, *, stamp: str, without_bodies: bool) -> None:
    """Brings a store that was taken out to the newest form, and to a state in which nobody is at work on it.

    `without_bodies`: the bodies of its answers do not come with it.

    Raises:
        NewerStoreError: it was made by a newer svod.

    """
    engine = connect(sqlite_url(file))
    try:
        upgrade(engine)
        with writing(engine) as connection:
            connection.execute(update(LEASES).values(holder="", expires=0))
            running = update(RUNS).where(RUNS.c.status == "running")
            connection.execute(running.values(status="interrupted", finished_at=stamp))
            last = connection.execute(select(func.max(ANSWERS.c.id))).scalar()
            if without_bodies and last:
                set_note(connection, RAW_NOT_RESTORED, str(last))
    finally:
        engine.dispose()
    with _plain(file) as connection_:
        connection_.execute("PRAGMA journal_mode = DELETE")


def check_target(engine: Engine, *, force: bool) -> None:
    """Says whether a store may be replaced.

    Raises:
        NotEmptyError: it holds something, and that was not allowed for by `force`.
        BusyError: somebody is at work on it.

    """
    place = shown(engine.url)
    with reading(engine) as connection:
        held = (LEASES.c.holder != "", LEASES.c.expires > micros(datetime.now(UTC)))
        for name, holder in connection.execute(select(LEASES.c.name, LEASES.c.holder).where(*held)):
            if not is_dead(holder):
                raise BusyError(f"store {place}: {name} is under way ({holder}); wait until it has ended, or stop it")
        full = [n for n in ("sources", "runs", "findings", "matches", "secrets") if _has_rows(connection, n)]
    if full and not force:
        raise NotEmptyError(
            f"store {place} is not empty, and to restore is to replace all that it holds; name another store in [store] "
            "url, or make a backup of this one and call restore with --force"
        )


def put_in(file: Path, engine: Engine) -> None:
    """Puts a prepared SQLite file in the place of all that a store holds: in one transaction, all of it or nothing.

    Raises:
        StoreError: the store cannot be written.

    """
    with reading(engine) as connection:
        tokens = {lease.name: lease.token for lease in connection.execute(select(LEASES.c.name, LEASES.c.token))}
    _outdo(file, tokens)
    if engine.dialect.name == "sqlite":
        with writing(engine):
            pass  # whoever holds the lock for good is told of here: a backup would wait for ever
        with _plain(file) as source, _driver(engine) as target, _told(Path(engine.url.database or "")):
            if _page_size(source) != _page_size(target):
                target.execute("PRAGMA journal_mode = DELETE")  # with a log beside it, the size of a page is fixed
            source.backup(target)
        engine.dispose()
        return
    made = connect(sqlite_url(file))
    try:
        with reading(made) as source_, writing(engine) as target_:
            target_.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            names = ", ".join(f'"{t.name}"' for t in METADATA.sorted_tables)
            target_.execute(text(f"TRUNCATE {names}"))
            _copy_tables(source_, target_)
            for table in METADATA.sorted_tables:
                _set_serial(target_, table)
    finally:
        made.dispose()


def form_in(engine: Engine) -> str | None:
    """The form of the tables of a store; null if there are none."""
    with reading(engine) as connection:
        return form_of(connection)


def _outdo(file: Path, tokens: dict[str, int]) -> None:
    """Gives leases greater tokens than anybody holds, so that who still works on the old store is found overtaken."""
    with _plain(file) as connection:
        for name, token in tokens.items():
            connection.execute("UPDATE leases SET token = max(token, ?) WHERE name = ?", (token, name))
        connection.execute("UPDATE leases SET token = token + 1")
        connection.commit()


def _has_rows(connection: Connection, name: str) -> bool:
    return connection.execute(select(METADATA.tables[name]).limit(1)).first() is not None


def _copy_tables(source: Connection, target: Connection) -> None:
    for table in METADATA.sorted_tables:
        for some in source.execute(select(table), execution_options={"yield_per": _CHUNK}).partitions():
            _insert(target, table, [tuple(row) for row in some])


def _insert(target: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    if target.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        target.exec_driver_sql(f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})', list(rows))
        return
    driver: Any = target.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _set_serial(target: Connection, table: Table) -> None:
    counted_ = table.autoincrement_column
    if counted_ is not None and counted_.autoincrement is True:
        last = f'SELECT max("{counted_.name}") FROM "{table.name}"'
        target.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', '{counted_.name}'), ({last}))"))


@contextmanager
def _driver(engine: Engine) -> Iterator[Any]:
    """The driver's own connection."""
    with engine.connect() as connection:
        yield connection.connection.driver_connection


@contextmanager
def _plain(file: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file as the driver opens it, its owner's alone."""
    with explained(file):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(file)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Tells the driver's errors while a file is being written."""
    try:
        with explained(file):
            yield
    except sqlite3.Error as error:
        raise StoreError(f"{file}: {error}; see to the disk and its free space, and run the command again") from error


def _page_size(connection: Any) -> int:
    size_: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return size_
