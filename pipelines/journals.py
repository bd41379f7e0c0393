"""Which source's journal an institution is judged and reported by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from canonical.store import SourceRow, sources
from canonical.tables import BATCHES, HISTORY, ROWS, SOURCES
from canonical.years import AcademicYear
from pipelines.workplace import SourceJob


def main_journal(
    connection: Connection, jobs: Sequence[SourceJob], year: AcademicYear
) -> tuple[SourceJob, SourceRow] | None:
    """The source of one institution with the highest authority that has lessons in an academic year; null if none has.

    Of several with the same authority the first in the configuration counts.
    """
    known = {s.key: s for s in sources(connection)}
    lessons = ROWS["lessons"].c
    for job in sorted(jobs, key=lambda j: -j.config.authority):
        row = known.get(job.key)
        if row is None:
            continue
        has_lessons = select(lessons.key).where(
            lessons.source == row.id,
            lessons.removed.is_(None),
            lessons.date >= year.start.isoformat(),
            lessons.date <= year.end.isoformat(),
        )
        if connection.execute(has_lessons.limit(1)).first() is not None:
            return job, row
    return None


def known_since(connection: Connection, source: SourceRow) -> datetime | None:
    """When the first lesson of a source came into the store; null if none ever did."""
    lessons, history, batches = ROWS["lessons"].c, HISTORY.c, BATCHES.c
    first = [
        connection.execute(select(func.min(lessons.since)).where(lessons.source == source.id)).scalar(),
        connection.execute(
            select(func.min(history.since)).where(history.source == source.id, history.entity == "lessons")
        ).scalar(),
    ]
    batch = min((b for b in first if b is not None), default=None)
    at = connection.execute(select(batches.at).where(batches.id == batch)).scalar()
    return None if at is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)


def group_names(connection: Connection, institutions: Collection[str]) -> set[str]:
    """What the classes and groups of institutions are called, in whatever source and year."""
    groups = ROWS["groups"].c
    query = select(groups.name).join(SOURCES, SOURCES.c.id == groups.source)
    query = query.where(SOURCES.c.institution.in_(institutions), groups.removed.is_(None), groups.name.is_not(None))
    return set(connection.execute(query.distinct()).scalars())


def staff_names(connection: Connection, institutions: Collection[str]) -> set[str]:
    """The full names of those in the journals of institutions who are no pupils."""
    people = ROWS["people"].c
    query = select(people.family_name, people.given_name, people.patronymic).join(
        SOURCES, SOURCES.c.id == people.source
    )
    query = query.where(
        SOURCES.c.institution.in_(institutions), people.removed.is_(None), people.role.is_distinct_from("student")
    )
    return {" ".join(filter(None, row)) for row in connection.execute(query.distinct())}
