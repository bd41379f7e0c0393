"""Which source's journal an institution is judged and reported by."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from canonical.store import SourceRow, sources
from canonical.tables import ROWS
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
