"""What ran: one row a run, with what it was asked, who ran it and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from canonical.store.engine import StoreError
from canonical.store.leases import Lease, is_dead, this_process
from canonical.tables import DRIFT, LEDGER, RUNS, SOURCES

if TYPE_CHECKING:
    from canonical.store import Store


@dataclass(frozen=True, slots=True)
class Run:
    """A run as `svod runs` shows it. `detail` is what was asked, `result` what came of it (the command's JSON)."""

    id: int
    job: str
    detail: dict[str, Any]
    status: str
    started_at: str
    finished_at: str | None
    result: dict[str, Any] | None


Begun = Callable[[Connection, int], None]
"""Told the number of a new run within the transaction that begins it."""


def untold(_connection: Connection, _run: int) -> None:
    """Where nobody need be told."""


def begin(connection: Connection, job: str, detail: Mapping[str, Any], stamp: str, begun: Begun = untold) -> int:
    """Notes that a run begins, and that runs of dead processes were interrupted; gives the number of the new one."""
    for row in connection.execute(select(RUNS.c.id, RUNS.c.holder).where(RUNS.c.status == "running")).all():
        if is_dead(row.holder):
            connection.execute(update(RUNS).where(RUNS.c.id == row.id).values(status="interrupted", finished_at=stamp))
    number: int = connection.execute(
        insert(RUNS)
        .values(
            job=job,
            detail=msgspec.json.encode(detail).decode(),
            status="running",
            started_at=stamp,
            holder=this_process(),
        )
        .returning(RUNS.c.id)
    ).scalar_one()
    begun(connection, number)
    return number


def take_up(connection: Connection, run: int) -> None:
    """Notes that a run which was interrupted, or has failed, goes on in this process."""
    values = {"status": "running", "holder": this_process(), "finished_at": None, "result": None}
    connection.execute(update(RUNS).where(RUNS.c.id == run).values(**values))


def give_up(connection: Connection, run: int, stamp: str) -> None:
    """Notes that nobody goes on with a run."""
    query = update(RUNS).where(RUNS.c.id == run, RUNS.c.status == "running")
    connection.execute(query.values(status="interrupted", finished_at=stamp))


def finish(connection: Connection, run: int, status: str, result: Mapping[str, Any], stamp: str) -> None:
    """Notes how a run ended: `ok`, `partial` or `failed`."""
    connection.execute(
        update(RUNS)
        .where(RUNS.c.id == run)
        .values(status=status, finished_at=stamp, result=msgspec.json.encode(result).decode())
    )


def fail(connection: Connection, run: int, code: str, message: str, stamp: str) -> None:
    """Notes that a run which has not come to its own end has failed, and why."""
    result = {"run": run, "status": "failed", "sources": [], "error": {"code": code, "message": message}}
    query = update(RUNS).where(RUNS.c.id == run, RUNS.c.status == "running")
    values = {"status": "failed", "finished_at": stamp, "result": msgspec.json.encode(result).decode()}
    connection.execute(query.values(**values))


@contextmanager
def settled(store: Store, run: int, held: Lease | None = None) -> Iterator[None]:
    """Sees to it that a run which the store's trouble ends is not shown as running.

    Where the store cannot take that either, whoever does it as a job notes it with the job's end.
    """
    try:
        yield
    except StoreError as error:
        with suppress(StoreError), store.writing() as connection:
            if held is not None:
                held.hold(connection)
            fail(connection, run, error.code, str(error), store.stamp())
        raise


def recent(connection: Connection, *, limit: int | None = None, run: int | None = None) -> list[Run]:
    """Runs, the newest first."""
    query = select(RUNS).order_by(RUNS.c.id.desc()).limit(limit)
    if run is not None:
        query = query.where(RUNS.c.id == run)
    return [
        Run(
            r.id,
            r.job,
            msgspec.json.decode(r.detail),
            "interrupted" if r.status == "running" and is_dead(r.holder) else r.status,
            r.started_at,
            r.finished_at,
            msgspec.json.decode(r.result) if r.result else None,
        )
        for r in connection.execute(query)
    ]


def ledger(connection: Connection, run: int) -> dict[str, dict[str, dict[str, int]]]:
    """The ledger of a run: source -> entity -> count -> number."""
    query = select(SOURCES.c.key, LEDGER).join(SOURCES, SOURCES.c.id == LEDGER.c.source).where(LEDGER.c.run == run)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for key, _, _, entity, *counts in connection.execute(query.order_by(SOURCES.c.key, LEDGER.c.entity)):
        names = [c.name for c in LEDGER.columns][3:]
        found.setdefault(key, {})[entity] = dict(zip(names, counts, strict=True))
    return found


def drift(connection: Connection, run: int) -> list[dict[str, Any]]:
    """What in the answers of a run differed from what the connectors know."""
    query = select(SOURCES.c.key.label("source"), DRIFT.c.kind, DRIFT.c.place, DRIFT.c.name, DRIFT.c.count)
    query = query.join(SOURCES, SOURCES.c.id == DRIFT.c.source).where(DRIFT.c.run == run)
    ordered = query.order_by(SOURCES.c.key, DRIFT.c.kind, DRIFT.c.place, DRIFT.c.name)
    return [dict(row) for row in connection.execute(ordered).mappings()]
