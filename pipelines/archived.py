"""What the raw archive knows of a source: the last answer to each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from canonical.batch import Origin
from canonical.store import Store
from canonical.tables import ANSWERS, RUNS, SOURCES


@dataclass(frozen=True, slots=True)
class Archived:
    """The last answers of a source. `read_at` is the moment of its last import: the clock of a replay."""

    answers: dict[str, Origin]
    read_at: datetime

    @classmethod
    def of(cls, store: Store, source: str) -> Archived | None:
        """What is archived of a source; null if nothing is."""
        a = ANSWERS.c
        with store.reading() as connection:
            last = (
                select(func.max(a.id))
                .join(SOURCES, SOURCES.c.id == a.source)
                .where(SOURCES.c.key == source)
                .group_by(a.request)
            )
            rows = connection.execute(select(a.request, a.sha256, a.size, a.at, a.run).where(a.id.in_(last))).all()
            if not rows:
                return None
            started = connection.execute(
                select(RUNS.c.started_at).where(RUNS.c.id == max(row.run for row in rows))
            ).scalar_one()
        answers = {row.request: Origin(row.request, row.sha256, row.size, row.at) for row in rows}
        return cls(answers, datetime.fromisoformat(started))

    def find(self, request: str) -> Origin | None:
        """The last answer to a request."""
        return self.answers.get(request)
