"""What is to be done, by whichever worker comes: one row a job, taken under a lease with a fencing token.

A job is queued until somebody takes it, together with the lease of its name: the same lease under which its work is
committed. So whoever has been overtaken can neither commit nor say how the job ended. A job that has failed too often is
parked with its reason, and waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from canonical.store import progress
from canonical.store import runs as run_log
from canonical.store.leases import BusyError, Lease, LeaseLostError, is_live, store_clock
from canonical.tables import JOBS, LEASES

SOON, SCHEDULED, BACKFILL = 0, 10, 20
"""Priorities: what a person waits for, what fell due, and what reads a whole year."""

OPEN: Final = ("queued", "running", "parked")

_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `source` is null where the whole institution is meant; `arguments` is the job's own JSON."""

    kind: str
    institution: str
    source: str | None = None
    arguments: Mapping[str, Any] | None = None
    priority: int = SCHEDULED
    label: str = ""

    @property
    def name(self) -> str:
        """What is worked on: whoever does so holds the lease of this name."""
        what = f"{self.institution}/{self.source}" if self.source else self.institution
        return f"{self.kind} {what}{f' {self.label}' if self.label else ''}"

    @property
    def open_name(self) -> str:
        """What is asked for, to the last argument: it is asked for once at a time."""
        return f"{self.name} {_packed(self.arguments)}" if self.arguments else self.name


class Asked(NamedTuple):
    """The job that came of asking; `new` is false where the same had been asked for already."""

    id: int
    new: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A job as `svod jobs` shows it. Instants are ISO 8601, `not_before` microseconds since 1970."""

    id: int
    kind: str
    institution: str
    source: str | None
    arguments: dict[str, Any]
    name: str
    priority: int
    state: str
    attempts: int
    not_before: int
    token: int | None
    run: int | None
    code: str | None
    reason: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    holder: str | None = None

    @property
    def lease(self) -> Lease:
        """The lease under which it is being done."""
        return Lease(self.name, self.holder or "", self.token or 0)


def submit(connection: Connection, wanted: Wanted, stamp: str, *, revive: frozenset[str] = frozenset()) -> Asked:
    """Asks for a job.

    One that waits is brought forward if this one is more urgent. One that is parked stays so, unless its `code` is among
    `revive`: then it gets one attempt more.
    """
    j = JOBS.c
    query = select(j.id, j.state, j.priority, j.code).where(j.open_name == wanted.open_name).with_for_update()
    opened = None
    while opened is None:  # the one that was asked for before may end meanwhile
        number = _insert(connection, wanted, stamp)
        if number is not None:
            return Asked(number, new=True)
        opened = connection.execute(query).first()
    mine = update(JOBS).where(j.id == opened.id)
    if opened.state == "parked" and opened.code in revive:
        again = {"state": "queued", "attempts": j.attempts - 1, "not_before": store_clock(connection)}
        connection.execute(mine.values(**again, priority=wanted.priority))
        return Asked(opened.id, new=True)
    if opened.state == "queued" and wanted.priority < opened.priority:
        connection.execute(mine.values(priority=wanted.priority))
    return Asked(opened.id, new=False)


def _insert(connection: Connection, wanted: Wanted, stamp: str) -> int | None:
    row = {
        "kind": wanted.kind,
        "institution": wanted.institution,
        "source": wanted.source,
        "arguments": _packed(wanted.arguments),
        "name": wanted.name,
        "open_name": wanted.open_name,
        "priority": wanted.priority,
        "state": "queued",
        "attempts": 0,
        "not_before": store_clock(connection),
        "created_at": stamp,
    }
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    asked = make(JOBS).values(**row).on_conflict_do_nothing(index_elements=["open_name"]).returning(JOBS.c.id)
    number: int | None = connection.execute(asked).scalar()
    return number


def _packed(arguments: Mapping[str, Any] | None) -> str:
    return msgspec.json.encode(dict(arguments or {}), order="sorted").decode()


def claim(connection: Connection, stamp: str) -> Job | None:
    """Takes the most urgent job that may begin and that nobody is at work on; null if there is none."""
    j = JOBS.c
    now = store_clock(connection)
    query = select(j.id, j.name, LEASES.c.holder, LEASES.c.expires).outerjoin(LEASES, LEASES.c.name == j.name)
    due = query.where(j.state == "queued", j.not_before <= now).order_by(j.priority, j.id)
    for number, name, holder, expires in connection.execute(due).all():
        if holder and is_live(holder, expires, now):  # without waiting for what its holder is writing
            continue
        try:
            lease = Lease.take(connection, name)
        except BusyError:
            continue
        taken = (
            update(JOBS)
            .where(j.id == number, j.state == "queued")
            .values(state="running", token=lease.token, attempts=j.attempts + 1, started_at=stamp, finished_at=None)
        )
        if connection.execute(taken).rowcount == 1:
            return one(connection, number)
        lease.give_back(connection)
    return None


def finish(connection: Connection, job: Job, stamp: str, *, state: str = "done", code: str | None = None, reason: str | None = None) -> None:  # fmt: skip
    """Notes how a job ended: `done`, `failed`, or `parked` until a person sees to it.

    Raises:
        LeaseLostError: somebody else has it now.

    """
    ended = {"state": state, "code": code, "reason": reason, "finished_at": stamp}
    if state not in OPEN:
        ended["open_name"] = None
    run = _end(connection, job, ended)
    if run is not None:
        _settle_run(connection, run, stamp, code, reason)
        if state != "parked":
            progress.forget(connection, run)


def _settle_run(connection: Connection, run: int, stamp: str, code: str | None, reason: str | None) -> None:
    """Nobody is at work on a run any more, whether or not it has come to its own end."""
    if code:
        run_log.fail(connection, run, code, reason or "", stamp)
    else:
        run_log.give_up(connection, run, stamp)


def put_back(connection: Connection, job: Job, stamp: str, *, after: float, code: str | None, reason: str | None) -> None:  # fmt: skip
    """Lets a job be tried again, after so many seconds.

    Raises:
        LeaseLostError: somebody else has it now.

    """
    due = store_clock(connection) + int(after * _SECOND)
    run = _end(connection, job, {"state": "queued", "code": code, "reason": reason, "not_before": due})
    if run is not None:
        _settle_run(connection, run, stamp, code, reason)


def lay_down(connection: Connection, job: Job) -> None:
    """Gives a job back that is not finished, for no fault of its own: it does not count as an attempt.

    Raises:
        LeaseLostError: somebody else has it now.

    """
    _end(connection, job, {"state": "queued", "attempts": JOBS.c.attempts - 1})


def _end(connection: Connection, job: Job, values: Mapping[str, Any]) -> int | None:
    """Gives a job out of hand; gives the run in which it was done last, if any."""
    job.lease.hold(connection)
    j = JOBS.c
    mine = update(JOBS).where(j.id == job.id, j.state == "running", j.token == job.token)
    ended = connection.execute(mine.values(token=None, **values).returning(j.run)).first()
    if ended is None:
        raise LeaseLostError(f"job {job.id} ({job.name}): somebody else has taken it over")
    job.lease.give_back(connection)
    run: int | None = ended.run
    return run


def note_run(connection: Connection, job: Job, run: int | None, stamp: str) -> None:
    """Remembers the run in which a job is done, so that another attempt can go on with it; null: none shall.

    The one in which it was done before is given up, if it has not come to its own end.

    Raises:
        LeaseLostError: somebody else has it now.

    """
    job.lease.hold(connection)
    before = connection.execute(select(JOBS.c.run).where(JOBS.c.id == job.id)).scalar()
    if before is not None and before != run:
        run_log.give_up(connection, before, stamp)
    connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(run=run))


def recover(connection: Connection, stamp: str, *, attempts: int, wait: float) -> list[Job]:
    """Queues the jobs again whose workers have died; parks those that have cost too many of them. Gives them all."""
    now = store_clock(connection)
    found = []
    for job in jobs(connection, states=("running",), for_update=True):
        query = select(LEASES).where(LEASES.c.name == job.name)
        lease = connection.execute(query.with_for_update(skip_locked=True)).first()
        if lease is None and connection.execute(query).first():
            continue  # whoever holds it is writing at this moment
        if lease and lease.token == job.token:
            if is_live(lease.holder, lease.expires, now):
                continue
            fenced = update(LEASES).where(LEASES.c.name == job.name, LEASES.c.token == job.token)
            connection.execute(fenced.values(holder="", expires=0, token=job.lease.token + 1))
        reason = f"its worker died, or was cut off from the store, in attempt {job.attempts}"
        values: dict[str, Any] = {"token": None, "code": "worker_lost", "reason": reason}
        if job.attempts >= attempts:
            values |= {"state": "parked", "finished_at": stamp}
        else:
            values |= {"state": "queued", "not_before": now + int(wait * 2 ** (job.attempts - 1) * _SECOND)}
        j = JOBS.c
        mine = update(JOBS).where(j.id == job.id, j.state == "running", j.token == job.token)
        if connection.execute(mine.values(**values)).rowcount == 1:
            found.append(job)
            if values["state"] == "parked" and job.run is not None:
                run_log.give_up(connection, job.run, stamp)
    return found


def waiting(connection: Connection, *, below: int | None = None, since: float = 0.0) -> int:
    """How many jobs may begin now, of those more urgent than `below`, and for `since` seconds at least.

    Those whose name somebody is at work on already are not among them.
    """
    now = store_clock(connection)
    j = JOBS.c
    busy = (LEASES.c.holder != "") & (LEASES.c.expires > now)
    query = (
        select(func.count())
        .select_from(JOBS.outerjoin(LEASES, (LEASES.c.name == j.name) & busy))
        .where(j.state == "queued", j.not_before <= now - int(since * _SECOND), LEASES.c.name.is_(None))
    )
    if below is not None:
        query = query.where(j.priority < below)
    return int(connection.execute(query).scalar_one())


def next_due(connection: Connection) -> float | None:
    """In how many seconds the next queued job may begin (0: now); null if none is queued."""
    j = JOBS.c
    first = connection.execute(select(func.min(j.not_before)).where(j.state == "queued")).scalar()
    return None if first is None else max(0.0, (first - store_clock(connection)) / _SECOND)


def jobs(connection: Connection, *, states: tuple[str, ...] = (), limit: int | None = None, for_update: bool = False) -> list[Job]:  # fmt: skip
    """Jobs: what is being done and what waits first, then the newest."""
    j = JOBS.c
    order = case((j.state == "running", 0), (j.state == "queued", 1), else_=2)
    urgency = case((j.state == "queued", j.priority), else_=0)
    every = select(JOBS, LEASES.c.holder).outerjoin(LEASES, (LEASES.c.name == j.name) & (LEASES.c.token == j.token))
    query = every.where(j.state.in_([s for s in OPEN if not states or s in states]))
    query = query.order_by(order, urgency, case((j.state == "queued", j.id), else_=-j.id)).limit(limit)
    if for_update:
        query = query.with_for_update(of=JOBS)
    found = list(_made(connection.execute(query).mappings()))
    if (not states or {*states} - {*OPEN}) and (limit is None or len(found) < limit):
        settled = every.where(j.state.in_(states)) if states else every  # as many as are asked for, of years of them
        settled = settled.where(j.state.not_in(OPEN)).order_by(j.id.desc())
        found += _made(connection.execute(settled.limit(limit and limit - len(found))).mappings())
    return found


def one(connection: Connection, number: int) -> Job | None:
    """The job of this number."""
    j = JOBS.c
    query = select(JOBS, LEASES.c.holder).outerjoin(LEASES, (LEASES.c.name == j.name) & (LEASES.c.token == j.token))
    return next(_made(connection.execute(query.where(j.id == number)).mappings()), None)


def _made(rows: Any) -> Iterator[Job]:
    for row in rows:
        values = {**row, "arguments": msgspec.json.decode(row["arguments"])}
        del values["open_name"]
        yield Job(**values)


def counts(connection: Connection) -> dict[str, int]:
    """How many jobs are open, by state; how many of the queued ones may begin stands as `due`."""
    j = JOBS.c
    query = select(j.state, func.count()).where(j.state.in_(OPEN)).group_by(j.state)
    found = dict.fromkeys(OPEN, 0) | {state: number for state, number in connection.execute(query)}  # noqa: C416 - rows are no pairs to mypy
    return {**found, "due": waiting(connection)}


def retry(connection: Connection, number: int, stamp: str) -> bool:
    """Queues a job again that was parked, has failed or waits to be tried again. False: there is no such one."""
    job = one(connection, number)
    if job is None or job.state not in {"parked", "failed", "queued"}:
        return False
    if job.state == "failed":
        label = job.arguments.get("report", "")
        submit(connection, Wanted(job.kind, job.institution, job.source, job.arguments, SOON, label), stamp)
        return True
    now = store_clock(connection)
    again = {"state": "queued", "attempts": 0, "not_before": now, "code": None, "reason": None, "finished_at": None}
    connection.execute(update(JOBS).where(JOBS.c.id == number, JOBS.c.state == job.state).values(**again))
    return True


def drop(connection: Connection, number: int, stamp: str) -> bool:
    """Takes a job that waits or is parked as settled. False: there is no such one."""
    j = JOBS.c
    mine = update(JOBS).where(j.id == number, j.state.in_(("queued", "parked")))
    dropped = mine.values(state="dropped", open_name=None, finished_at=stamp).returning(j.run)
    row = connection.execute(dropped).first()
    if row and row.run is not None:
        run_log.give_up(connection, row.run, stamp)
        progress.forget(connection, row.run)
    return row is not None
