"""When what is due next: a row a schedule and institution, moved on by whoever comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, select, update

from canonical.store.upsert import upsert
from canonical.tables import SCHEDULES

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


EVERY: Final = "*"
"""Stands for all institutions, where a job is not of one: no key of an institution is written so, nor holds a comma."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is done when, for one institution. Instants are microseconds since 1970."""

    name: str
    job: str
    institution: str
    cron: str
    arguments: Mapping[str, Any]
    next_due_at: int
    last_due_at: int | None = None


def moment_of(at: int) -> datetime:
    """An instant of the store (microseconds since 1970)."""
    return _EPOCH + timedelta(microseconds=at)


def keep(connection: Connection, wanted: Iterable[Schedule]) -> None:
    """Takes the schedules up that are configured: those known stay as they stand, others are gone.

    What is due later than it can be was put there by a clock that has been turned back since.
    """
    rows = {
        s.name: {
            "name": s.name,
            "job": s.job,
            "institution": s.institution,
            "cron": s.cron,
            "arguments": msgspec.json.encode(dict(s.arguments)).decode(),
            "next_due_at": s.next_due_at,
        }
        for s in wanted
    }
    connection.execute(delete(SCHEDULES).where(SCHEDULES.c.name.not_in(sorted(rows))))
    upsert(connection, SCHEDULES, list(rows.values()), keep=("next_due_at",))
    for name, row in rows.items():
        too_late = update(SCHEDULES).where(SCHEDULES.c.name == name, SCHEDULES.c.next_due_at > row["next_due_at"])
        connection.execute(too_late.values(next_due_at=row["next_due_at"]))


def schedules(connection: Connection, *, due_at: int | None = None) -> list[Schedule]:
    """The schedules in the order in which they fall due; with `due_at` those that are due by then."""
    s = SCHEDULES.c
    query = select(SCHEDULES).order_by(s.next_due_at, s.name)
    if due_at is not None:
        query = query.where(s.next_due_at <= due_at)
    return [
        Schedule(**{**row, "arguments": msgspec.json.decode(row["arguments"])})
        for row in connection.execute(query).mappings()
    ]


def move_on(connection: Connection, schedule: Schedule, next_due_at: int) -> bool:
    """Takes what is due, in the transaction that asks for the jobs; false if somebody else has done so."""
    s = SCHEDULES.c
    mine = update(SCHEDULES).where(s.name == schedule.name, s.next_due_at == schedule.next_due_at)
    moved = mine.values(next_due_at=next_due_at, last_due_at=schedule.next_due_at)
    return connection.execute(moved).rowcount == 1
