"""Asks for jobs when they fall due: once, whoever looks, and once for all the times that were slept through."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from canonical.store import Store, micros, schedules, sources
from canonical.store import jobs as job_rows
from canonical.store.jobs import BACKFILL, SCHEDULED, Wanted
from canonical.store.leases import store_clock
from canonical.store.schedules import Schedule, moment_of
from pipelines.completeness.running import Ward
from pipelines.jobs.cron import after
from pipelines.jobs.running import PASSING, meant

log = logging.getLogger("svod.jobs")


@dataclass(frozen=True, slots=True)
class Plan:
    """One `[[schedule]]` for one institution, or for several together (see `meant`), with the job's own arguments."""

    job: str
    cron: str
    institution: str
    zone: ZoneInfo
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Changes with what is done, for whom and when, so that a changed schedule is a new one, and no two are one."""
        how = msgspec.json.encode(dict(self.arguments), order="sorted").decode()
        return " ".join([self.job, self.institution, self.cron, self.zone.key, *([how] if self.arguments else [])])


def take_up(store: Store, plans: Sequence[Plan], now: datetime) -> None:
    """Brings the schedules in the store in line with the configuration."""
    with store.writing() as connection:
        schedules.keep(
            connection,
            [
                Schedule(p.name, p.job, p.institution, p.cron, p.arguments, micros(next(after(p.cron, now, p.zone))))
                for p in plans
            ],
        )


def real_now(store: Store) -> datetime:
    """The moment by the store's clock, which all schedulers share."""
    with store.reading() as connection:
        return moment_of(store_clock(connection))


def known(wards: Mapping[str, Ward], schedule: Schedule) -> list[Ward]:
    """The institutions of a schedule; none where one of them is not configured: another scheduler's configuration is newer."""
    try:
        return meant(wards, schedule.institution)
    except KeyError:
        return []


def tick(store: Store, wards: Mapping[str, Ward], now: datetime) -> list[int]:
    """Asks for what is due by `now`; gives the numbers of the new jobs.

    Raises:
        StoreError: the store is out of reach.

    """
    with store.reading() as connection:
        due = schedules.schedules(connection, due_at=micros(now))
    asked: list[int] = []
    for schedule in due:
        several = known(wards, schedule)
        if not several:
            continue
        ward = several[0]
        with store.writing() as connection:
            next_due = next(after(schedule.cron, now, ward.institution.zone))
            if not schedules.move_on(connection, schedule, micros(next_due)):
                continue
            came = [
                job_rows.submit(connection, wanted, store.stamp(), revive=PASSING)
                for wanted in _wanted(connection, schedule, ward)
            ]
        new = [job.id for job in came if job.new]
        asked += new
        before = f", {len(came) - len(new)} asked for before" if len(new) < len(came) else ""
        log.info("%s of %s is due: %d new jobs%s", schedule.job, schedule.institution, len(new), before)
    return asked


def _wanted(connection: Connection, schedule: Schedule, ward: Ward) -> list[Wanted]:
    """The jobs of a schedule: an import is one for each source, save those that nobody is signed in to."""
    if schedule.job != "import":
        label = schedule.arguments.get("report", "")
        return [Wanted(schedule.job, schedule.institution, None, schedule.arguments, SCHEDULED, label)]
    rows = {row.key: row for row in sources(connection)}
    wanted = []
    for source in ward.jobs:
        row = rows.get(source.key)
        if row is not None and row.state == "needs_sign_in":
            log.warning("%s: needs sign-in, and is not read until somebody has signed in", source.key)
            continue
        priority = SCHEDULED if row is not None and row.last_ok_at else BACKFILL
        wanted.append(Wanted("import", schedule.institution, source.config.key, {}, priority))
    return wanted
