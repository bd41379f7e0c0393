"""Insert or overwrite rows by primary key, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
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
    keys = keys or [c.name for c in table.primary_key.columns]
    others = [name for name in rows[0] if name not in keys and name not in keep]
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    if others:
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_={c: statement.excluded[c] for c in others}),
            list(rows),
        )
    else:
        connection.execute(statement.on_conflict_do_nothing(index_elements=keys), list(rows))
