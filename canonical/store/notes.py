"""What a store remembers about itself, by name."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from canonical.store.upsert import upsert
from canonical.tables import META

HISTORY_FROM: Final = "history_from"
"""The first moment (microseconds since 1970 UTC) of which the store can still be read; what was before has been pruned."""

RAW_NOT_RESTORED: Final = "raw_not_restored"
"""Answers up to this number came out of a backup without their bodies."""


def note(connection: Connection, name: str) -> str | None:
    """What is noted under a name; null if nothing is."""
    value: str | None = connection.execute(select(META.c.value).where(META.c.name == name)).scalar()
    return value


def set_note(connection: Connection, name: str, value: str) -> None:
    """Notes something in the place of what was noted before."""
    upsert(connection, META, [{"name": name, "value": value}])
