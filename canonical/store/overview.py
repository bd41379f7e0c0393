"""What stands in the store besides the journal: quarantine, waiting removals, what each source last delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from canonical.tables import ANSWERS, LEDGER, QUARANTINE, REMOVALS, SOURCES


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One entry as `svod quarantine` shows it. `raw` is the thing itself as it came."""

    id: int
    source: str
    entity: str
    key: str | None
    kind: str
    reason: str
    state: str
    unit: str
    first_at: str
    first_run: int
    last_run: int
    request: str | None
    raw: Any


def quarantine(connection: Connection, *, entry: int | None = None, source: str | None = None, kind: str | None = None, state: str | None = "open") -> list[QuarantineRow]:  # fmt: skip
    """Entries in the order in which they came."""
    q = QUARANTINE.c
    query = (
        select(QUARANTINE, SOURCES.c.key.label("source_key"), ANSWERS.c.request)
        .join(SOURCES, SOURCES.c.id == q.source)
        .outerjoin(ANSWERS, ANSWERS.c.id == q.origin)
        .order_by(q.id)
    )
    for column, value in ((q.id, entry), (SOURCES.c.key, source), (q.kind, kind), (q.state, state)):
        if value is not None:
            query = query.where(column == value)
    return [
        QuarantineRow(
            r["id"], r["source_key"], r["entity"], r["key"], r["kind"], r["reason"], r["state"], r["unit"],
            r["first_at"], r["first_run"], r["last_run"], r["request"], msgspec.json.decode(r["body"]),
        )
        for r in connection.execute(query).mappings()
    ]  # fmt: skip


def drop(connection: Connection, entry: int) -> bool:
    """Takes an open entry as settled: it stays dropped as long as it comes in the same form. False: there is none."""
    q = QUARANTINE.c
    result = connection.execute(update(QUARANTINE).where(q.id == entry, q.state == "open").values(state="dropped"))
    return result.rowcount == 1


def aside(connection: Connection) -> dict[str, dict[str, int]]:
    """Open entries by source and kind: `{"a/b": {"malformed": 1, "waiting": 2}}`."""
    q = QUARANTINE.c
    query = (
        select(SOURCES.c.key, q.kind, func.count())
        .join(SOURCES, SOURCES.c.id == q.source)
        .where(q.state == "open")
        .group_by(SOURCES.c.key, q.kind)
    )
    found: dict[str, dict[str, int]] = {}
    for key, kind, number in connection.execute(query):
        found.setdefault(key, {})[kind] = number
    return found


def waiting_removals(connection: Connection) -> list[dict[str, Any]]:
    """Removals that wait for a person: run, source and how many rows."""
    query = (
        select(REMOVALS.c.run, SOURCES.c.key.label("source"), func.count().label("rows"))
        .join(SOURCES, SOURCES.c.id == REMOVALS.c.source)
        .group_by(REMOVALS.c.run, SOURCES.c.key)
        .order_by(REMOVALS.c.run, SOURCES.c.key)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def last_run(connection: Connection, source: int) -> int | None:
    """The last run that had something of a source."""
    return connection.execute(select(func.max(LEDGER.c.run)).where(LEDGER.c.source == source)).scalar()
