"""Insert or overwrite rows by primary key, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> None:
    """Each row replaces the one with its `keys` (by default the primary key), or is added.

    What stands in the columns of `keep` when the row is there already stays.
    """
    if not rows:
        return
    keys = tuple(keys or (c.name for c in table.primary_key.columns))
    others = tuple(name for name in rows[0] if name not in keys and name not in keep)
    connection.execute(_statement(connection.dialect.name, table, keys, others), list(rows))


@cache
def _statement(dialect: str, table: Table, keys: tuple[str, ...], others: tuple[str, ...]) -> Insert:
    """Made once: each is a circle of some thousand objects, and every commit needs several."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    if not others:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_={c: statement.excluded[c] for c in others})
