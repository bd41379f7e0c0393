"""Lets go of what need not be kept any more: answers, versions, the details of runs.

What is kept however old it is: rows, removed ones too, and the answers that brought them; the last answer to each
request, which a replay reads; what is in quarantine; batches; a line for each run.

It goes in small pieces, each a transaction of its own, so that imports beside it hardly wait, and however much goes, no
more is held in memory. Killed between two of them it is called again and ends the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, exists, func, literal, or_, select, update

from canonical.entities import ENTITIES
from canonical.store.engine import reading, writing
from canonical.store.forgetting import Marked, forget_outdated, settled
from canonical.store.intake import micros
from canonical.store.jobs import OPEN
from canonical.store.notes import HISTORY_FROM, note, set_note
from canonical.store.pieces import PIECE, alone, each, pieces
from canonical.store.state import COUNTS
from canonical.store.upsert import upsert
from canonical.tables import BATCHES, DRIFT, HISTORY, JOBS, LEDGER, QUARANTINE, ROWS, RUNS, SOURCES

FOLDED: Final = 0
"""The number under which the ledgers of runs whose own have been let go stand as one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is older than these moments may go; null: nothing is."""

    raw: datetime
    runs: datetime
    history: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much has gone: answers, versions in history, settled entries of the quarantine, ledger and drift lines, settled jobs.

    `history_from` is the first moment (microseconds since 1970) that can be shown now; null: all can.
    """

    answers: int
    versions: int
    quarantine: int
    ledger: int
    drift: int
    jobs: int
    history_from: int | None


class _Ends(NamedTuple):
    """What is old: answers of runs before `raw`, details of runs before `runs`, versions up to the batch `history`."""

    raw: int
    runs: int
    history: int | None
    history_from: int | None


def prune(engine: Engine, limits: Limits, marked: Marked | None = None) -> Pruned:
    """Lets go of what is old. With `marked` nothing is changed, all is counted, and answers that would go are marked."""
    with writing(engine) as connection:
        alone(connection)
        ends = _ends(connection, limits)
    trial = marked is not None
    versions = _prune_history(engine, limits.history, ends.history, trial=trial) if limits.history else 0
    old = (settled(), QUARANTINE.c.last_run < ends.raw)
    quarantine = _delete(engine, QUARANTINE, old, trial=trial, first=alone)
    answers = forget_outdated(engine, ends.raw, marked)
    ledger = _fold(engine, ends.runs, trial=trial)
    drift = _delete(engine, DRIFT, [DRIFT.c.run < ends.runs], trial=trial)
    if not trial:
        _forget_results(engine, ends.runs)
    jobs = _prune_jobs(engine, limits.runs, trial=trial)
    since = ends.history_from
    if versions and limits.history:
        since = max(micros(limits.history), since or 0)
    return Pruned(answers, versions, quarantine, ledger, drift, jobs, since)


def _ends(connection: Connection, limits: Limits) -> _Ends:
    last = None
    if limits.history:
        before = BATCHES.c.at <= micros(limits.history)
        last = connection.execute(select(func.max(BATCHES.c.id)).where(before)).scalar()
    since = note(connection, HISTORY_FROM)
    runs = [_first_run_since(connection, moment) for moment in (limits.raw, limits.runs)]
    return _Ends(runs[0], runs[1], last, int(since) if since else None)


def _first_run_since(connection: Connection, moment: datetime) -> int:
    """The first run that began, or has committed anything, since a moment; if none has, the number of the next one."""
    b, r = BATCHES.c, RUNS.c
    began = connection.execute(select(r.id, r.started_at).order_by(r.id.desc()), execution_options={"yield_per": 1_000})
    first = None
    for number, started_at in began:
        if first is None:
            first = number + 1
        if datetime.fromisoformat(started_at) < moment:
            break
        first = number
    began.close()
    committed = connection.execute(select(func.min(b.run)).where(b.at >= micros(moment))).scalar()
    return min(first or 1, committed or first or 1)


def _delete(
    engine: Engine,
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
    key: Sequence[ColumnElement[object]] | None = None,
    *,
    trial: bool,
    first: Callable[[Connection], None] = lambda _: None,
) -> int:
    """Deletes rows piece by piece, with what is to be done first in the same transaction; says how many there were."""
    done = 0
    for some in pieces(engine, table, conditions, key):
        if trial:
            done += len(some)
            continue
        with writing(engine) as connection:
            first(connection)
            done += each(connection, delete(table).where(*conditions), key or list(table.primary_key.columns), some)
    return done


def _prune_history(engine: Engine, before: datetime, last: int | None, *, trial: bool) -> int:
    """Deletes versions that no reading of the store as it stood then, or later, can show."""
    if last is None:
        return 0
    moment = micros(before)
    later = HISTORY.alias("later")
    h, m = HISTORY.c, later.c
    with reading(engine) as connection:
        sources = connection.execute(select(SOURCES.c.id).order_by(SOURCES.c.id)).scalars().all()

    def say_from_when(connection: Connection) -> None:
        set_note(connection, HISTORY_FROM, str(max(moment, int(note(connection, HISTORY_FROM) or moment))))

    done = 0
    for name in ENTITIES:
        t = ROWS[name].c
        followed = exists().where(
            m.source == h.source, m.entity == h.entity, m.key == h.key, m.since > h.since, m.since <= last
        )
        stands = exists(select(literal(1)).where(t.source == h.source, t.key == h.key, t.since <= last))
        for source in sources:
            gone = (h.source == source, h.entity == name, h.until <= last, or_(followed, stands))
            done += _delete(engine, HISTORY, gone, (h.key, h.since), trial=trial, first=say_from_when)
    return done


def _prune_jobs(engine: Engine, before: datetime, *, trial: bool) -> int:
    """Deletes settled jobs, the oldest first, up to the first that was asked for later."""
    j = JOBS.c
    with reading(engine) as connection:
        asked = connection.execute(select(j.id, j.created_at).order_by(j.id), execution_options={"yield_per": 1_000})
        first = next((number for number, created_at in asked if datetime.fromisoformat(created_at) >= before), None)
        asked.close()
    old = [] if first is None else [j.id < first]
    return _delete(engine, JOBS, [*(j.state != state for state in OPEN), *old], trial=trial)


def _fold(engine: Engine, first_run: int, *, trial: bool) -> int:
    """Adds the ledgers of old runs up, and lets them go: at any moment the sum of all is what it was."""
    c = LEDGER.c
    old = (c.run < first_run, c.run != FOLDED)
    key = list(LEDGER.primary_key.columns)
    if trial:
        with reading(engine) as connection:
            return connection.execute(select(func.count()).select_from(LEDGER).where(*old)).scalar_one()
    done = 0
    while True:
        with writing(engine) as connection:
            lines = connection.execute(select(LEDGER).where(*old).order_by(*key).limit(PIECE)).mappings().all()
            if not lines:
                return done
            sums: dict[tuple[int, str], Counter[str]] = {}
            folded = connection.execute(select(LEDGER).where(c.run == FOLDED)).mappings()
            for line in (*folded, *lines):
                sums.setdefault((line["source"], line["entity"]), Counter()).update({n: line[n] for n in COUNTS})
            rows = [
                {"run": FOLDED, "source": s, "entity": e, **{n: of[n] for n in COUNTS}} for (s, e), of in sums.items()
            ]
            upsert(connection, LEDGER, rows)
            each(connection, delete(LEDGER), key, [tuple(line[k.name] for k in key) for line in lines])
        done += len(lines)


def _forget_results(engine: Engine, first_run: int) -> None:
    r = RUNS.c
    told = (r.id < first_run, r.status != "running", r.result.is_not(None))
    for some in pieces(engine, RUNS, told):
        with writing(engine) as connection:
            each(connection, update(RUNS).where(*told).values(result=None), [r.id], some)
