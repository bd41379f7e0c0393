"""Opens the database behind a store and gives transactions on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

_WRITE = "svod_write"

_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_KINDS: Final = "sqlite:///FILE or postgresql+psycopg://…"


class StoreError(Exception):
    """The store cannot do what was asked. The message says what, where, and what to do; `code` is in docs/errors.md."""

    code: ClassVar[str] = "store"


class NewerStoreError(StoreError):
    """The tables were made by a newer svod."""

    code = "store_newer"


def address(url: str | URL) -> URL:
    """The address of a store, with the driver that svod uses for it.

    Raises:
        ValueError: it is of another kind or cannot be read. Says what to write; it may hold a password, and is not shown.

    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"cannot be read as a database address; write {_KINDS}") from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise ValueError(f"{parsed.get_backend_name()} is not supported; write {_KINDS}")
    return parsed.set(drivername=driver)


def holds_password(url: str) -> bool:
    """Whether a password stands in the address of a store."""
    parsed = address(url)
    return parsed.password is not None or "password" in parsed.query


def shown(url: URL) -> str:
    """An address as it may be told: without the password."""
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def sqlite_url(file: Path) -> str:
    """The address of a SQLite file."""
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def connect(url: str | URL) -> Engine:
    """An engine for `sqlite:///file` or `postgresql+psycopg://…`; nothing is opened yet.

    Its errors, which `-v` shows, hold no rows: those are people.

    Raises:
        StoreError: the address is of another kind or cannot be read.

    """
    try:
        parsed = address(url)
    except ValueError as error:
        raise StoreError(f"[store] url: {error}") from None
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed, pool_pre_ping=True, hide_parameters=True, connect_args={"application_name": "svod"}
        )
    # the connection that was used last: every one has a cache of its own, and this one's is warm
    engine = create_engine(parsed, hide_parameters=True, pool_use_lifo=True, connect_args={"timeout": 60})
    if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
        event.listen(engine, "do_connect", partial(_make_private, Path(parsed.database)))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(file: Path, *_: object) -> None:
    """Makes a new database file for its owner alone; what SQLite puts beside it has the same mode."""
    with suppress(OSError):  # SQLite says better what is wrong
        file.touch(mode=0o600, exist_ok=False)


def _prepare_sqlite(dbapi: sqlite3.Connection, _record: object) -> None:
    dbapi.isolation_level = None  # SQLAlchemy says BEGIN itself, see _begin_sqlite
    for pragma in (
        "page_size = 16384",  # of a new file: a load takes a quarter less time than with 4096
        "journal_mode = WAL",
        "wal_autocheckpoint = 2000",
        "synchronous = NORMAL",
        "temp_store = MEMORY",
        "cache_size = -65536",
    ):
        dbapi.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # a writer takes its lock at once, else two of them can wait for each other
    how = "IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {how}")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it or nothing.

    Raises:
        StoreError: the database is out of reach, locked or full.

    """
    with translated(engine), engine.connect() as raw:
        connection = raw.execution_options(**{_WRITE: True})
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the store.

    Raises:
        StoreError: the database is out of reach.

    """
    level: dict[str, Any] = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with translated(engine), engine.connect() as raw:
        connection = raw.execution_options(**level) if level else raw
        with connection.begin():
            yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turns a driver's error into one that says which store, and what to do."""
    try:
        yield
    except DBAPIError as error:
        place = shown(engine.url)
        first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        raise StoreError(f"store {place}: {first}. {_advice(first)}") from error


_ADVICE: Final = (
    (("disk is full", "no space"), "Free some space and run the command again: nothing of the last batch was kept."),
    (
        ("disk i/o",),
        "Look at free space, quotas and limits on the size of files, then at the disk; and run the command again.",
    ),
    (("locked", "lock timeout"), "Another program writes to it; run the command again when that has ended."),
    (
        ("malformed", "not a database"),
        "The file is damaged: put a backup in its place with `svod restore FILE --force`; `svod verify` tells how far it goes.",
    ),
    (("unable to open",), "Check that the folder exists and may be written to."),
    (
        ("connect", "closed", "terminat"),
        "Check that the server runs and run the command again: committed batches are safe.",
    ),
)
"""What to do, by what a driver's message says."""


def _advice(message: str) -> str:
    text = message.lower()
    fitting = (advice for words, advice in _ADVICE if any(word in text for word in words))
    return next(fitting, "Run the command again with -v for details: committed batches are safe.")
