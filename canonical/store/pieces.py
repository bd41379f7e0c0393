"""Work on a table of any size in small pieces, each a short transaction: others write in between, and nothing grows with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Delete, Engine, Table, Update, bindparam, select, text, tuple_

from canonical.store.engine import reading

PIECE: Final = 2_000
"""Rows that one transaction changes at most."""

Key = tuple[Any, ...]


def pieces(
    engine: Engine,
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
    key: Sequence[ColumnElement[Any]] | None = None,
    more: Sequence[ColumnElement[Any]] = (),
) -> Iterator[Sequence[Key]]:
    """The rows that meet the conditions, a piece at a time in the order of their `key`: its columns, then `more` of them.

    `key` is the table's primary key, or what is left of it where the conditions say the rest. Every piece is looked for anew.
    """
    key = list(key or table.primary_key.columns)
    query = select(*key, *more).where(*conditions).order_by(*key).limit(PIECE)
    after: ColumnElement[bool] | None = None
    while True:
        with reading(engine) as connection:
            found = connection.execute(query if after is None else query.where(after)).all()
        if not found:
            return
        yield [tuple(row) for row in found]
        last = found[-1][: len(key)]
        after = key[0] > last[0] if len(key) == 1 else tuple_(*key) > tuple_(*last)


def each(
    connection: Connection, change: Delete | Update, key: Sequence[ColumnElement[Any]], rows: Sequence[Key]
) -> int:
    """Changes the rows of these keys that still meet the conditions of the change, none of which may be `IN`; says how many did."""
    if not rows:
        return 0
    named = change.where(*(column == bindparam(f"key_{n}") for n, column in enumerate(key)))
    values = [{f"key_{n}": value for n, value in enumerate(row[: len(key)])} for row in rows]
    return connection.execute(named, values).rowcount


def alone(connection: Connection) -> None:
    """Waits until no batch is under way, and lets none begin before this transaction ends.

    On SQLite nobody else writes within a transaction as it is; on PostgreSQL every batch begins with a row of `batches`.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE batches IN SHARE ROW EXCLUSIVE MODE"))
