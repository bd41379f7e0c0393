"""Lets go of what need not be kept any more: answers, versions, the details of runs.

What is kept however old it is: rows, removed ones too, and the answers that brought them; the last answer to each
request, which a replay reads; what is in quarantine; batches; a line for each run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)

from canonical.entities import ENTITIES
from canonical.store.bulk import chunks
from canonical.store.intake import micros
from canonical.store.jobs import OPEN
from canonical.store.keyset import KeySet
from canonical.store.notes import HISTORY_FROM, note, set_note
from canonical.store.state import COUNTS
from canonical.tables import ANSWERS, BATCHES, DRIFT, HISTORY, JOBS, LEDGER, QUARANTINE, ROWS, RUNS

FOLDED: Final = 0
"""The number under which the ledgers of runs whose own have been let go stand as one."""

_GOING: Final = Table(
    "going", MetaData(), Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True), prefixes=["TEMP"]
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is older than these moments may go; null: nothing is."""

    raw: datetime
    runs: datetime
    history: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much has gone: answers, versions in history, settled entries of the quarantine, ledger and drift lines, settled jobs."""

    answers: int
    versions: int
    quarantine: int
    ledger: int
    drift: int
    jobs: int


def prune(connection: Connection, limits: Limits) -> Pruned:
    """Lets go of what is old, in the caller's transaction."""
    if connection.dialect.name == "postgresql":  # every batch begins with a row there: none is under way meanwhile
        connection.execute(text("LOCK TABLE batches IN SHARE ROW EXCLUSIVE MODE"))
    versions = _prune_history(connection, limits.history) if limits.history else 0
    first = _first_run_since(connection, limits.raw)
    q = QUARANTINE.c
    settled = delete(QUARANTINE).where(q.state.in_(("released", "gone")), q.last_run < first)
    quarantine = connection.execute(settled).rowcount
    answers = _prune_answers(connection, first)
    ledger, drift = _prune_runs(connection, _first_run_since(connection, limits.runs))
    return Pruned(answers, versions, quarantine, ledger, drift, _prune_jobs(connection, limits.runs))


def bodies(connection: Connection) -> KeySet:
    """The SHA-256 of every answer that is known."""
    found = KeySet()
    for some in connection.execute(select(ANSWERS.c.sha256), execution_options={"yield_per": 10_000}).partitions():
        found.add_new([row.sha256 for row in some])
    return found


def forget_answers(connection: Connection, ids: list[int]) -> None:
    """Deletes answers; what they have brought does not lead to them any more."""
    _GOING.drop(connection, checkfirst=True)
    _GOING.create(connection, checkfirst=False)
    for some in chunks(ids):
        connection.execute(insert(_GOING), [{"id": n} for n in some])
    going = select(_GOING.c.id)
    for table in (*ROWS.values(), HISTORY, QUARANTINE):
        connection.execute(update(table).where(table.c.origin.in_(going)).values(origin=None))
    connection.execute(delete(ANSWERS).where(ANSWERS.c.id.in_(going)))
    _GOING.drop(connection, checkfirst=False)


def _first_run_since(connection: Connection, moment: datetime) -> int:
    """The first run that has committed anything since a moment; if none has, the number of the next one."""
    b = BATCHES.c
    first = connection.execute(select(func.min(b.run)).where(b.at >= micros(moment))).scalar()
    return first or (connection.execute(select(func.max(RUNS.c.id))).scalar() or 0) + 1


def _prune_answers(connection: Connection, first_run: int) -> int:
    needed = _needed(connection)
    newer = ANSWERS.alias("newer")
    a, n = ANSWERS.c, newer.c
    is_outdated = exists().where(n.source == a.source, n.request == a.request, n.id > a.id)
    old = select(a.id).where(a.run < first_run, is_outdated)
    going: list[int] = []
    for some in connection.execute(old, execution_options={"yield_per": 10_000}).partitions():
        ids = np.fromiter((row.id for row in some), dtype=np.int64, count=len(some))
        going += ids[~np.isin(ids, needed)].tolist()
    if going:
        forget_answers(connection, going)
    return len(going)


def _needed(connection: Connection) -> NDArray[np.int64]:
    """The answers to which rows, and entries that are open or have been dropped, lead."""
    queries = [select(t.c.origin).where(t.c.origin.is_not(None)).distinct() for t in ROWS.values()]
    q = QUARANTINE.c
    queries.append(select(q.origin).where(q.state.in_(("open", "dropped")), q.origin.is_not(None)).distinct())
    found = [np.fromiter(connection.execute(query).scalars(), dtype=np.int64) for query in queries]
    return np.unique(np.concatenate(found))


def _prune_history(connection: Connection, before: datetime) -> int:
    """Deletes versions that no reading of the store as it stood then, or later, can show."""
    moment = micros(before)
    last = connection.execute(select(func.max(BATCHES.c.id)).where(BATCHES.c.at <= moment)).scalar()
    if last is None:
        return 0
    later = HISTORY.alias("later")
    h, m = HISTORY.c, later.c
    done = 0
    for name in ENTITIES:
        t = ROWS[name].c
        followed = exists().where(
            m.source == h.source, m.entity == h.entity, m.key == h.key, m.since > h.since, m.since <= last
        )
        stands = exists(select(literal(1)).where(t.source == h.source, t.key == h.key, t.since <= last))
        gone = delete(HISTORY).where(h.entity == name, h.until <= last, or_(followed, stands))
        done += connection.execute(gone).rowcount
    if done:
        set_note(connection, HISTORY_FROM, str(max(moment, int(note(connection, HISTORY_FROM) or moment))))
    return done


def _prune_jobs(connection: Connection, before: datetime) -> int:
    """Deletes settled jobs, the oldest first, up to the first that was asked for later."""
    j = JOBS.c
    asked = connection.execute(select(j.id, j.created_at).order_by(j.id), execution_options={"yield_per": 1_000})
    first = next((number for number, created_at in asked if datetime.fromisoformat(created_at) >= before), None)
    asked.close()
    settled = delete(JOBS).where(j.state.not_in(OPEN))
    return connection.execute(settled if first is None else settled.where(j.id < first)).rowcount


def _prune_runs(connection: Connection, first_run: int) -> tuple[int, int]:
    """Adds up the ledgers of old runs, and lets go of the ledgers themselves, of the drift and of the results."""
    c = LEDGER.c
    old = c.run < first_run
    lines = connection.execute(select(func.count()).select_from(LEDGER).where(old, c.run != FOLDED)).scalar_one()
    if lines:
        sums = select(c.source, c.entity, *(func.sum(c[n]).label(n) for n in COUNTS)).where(old)
        folded = connection.execute(sums.group_by(c.source, c.entity)).mappings().all()
        connection.execute(delete(LEDGER).where(old))
        connection.execute(
            insert(LEDGER),
            [{"run": FOLDED, **{k: v if k == "entity" else int(v) for k, v in f.items()}} for f in folded],
        )
    drift = connection.execute(delete(DRIFT).where(DRIFT.c.run < first_run)).rowcount
    r = RUNS.c
    told = update(RUNS).where(r.id < first_run, r.status != "running", r.result.is_not(None))
    connection.execute(told.values(result=None))
    return lines, drift
