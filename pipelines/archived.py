"""What the raw archive knows of a source: the last answer to each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from canonical.batch import Origin
from canonical.store import Store
from canonical.tables import ANSWERS, RUNS, SOURCES
from connectors.captured_requests import CAPTURED


@dataclass(frozen=True, slots=True)
class Archived:
    """The last answers of a source. `read_at` is the moment of its last import: the clock of a replay.

    `captured` are those that came out of browser captures, all of them: which is the last their own time tells.
    """

    answers: dict[str, Origin]
    read_at: datetime
    captured: list[Origin]

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
            columns = select(a.request, a.sha256, a.size, a.at, a.run)
            rows = connection.execute(columns.where(a.id.in_(last))).all()
            of_captures = columns.join(SOURCES, SOURCES.c.id == a.source).where(
                SOURCES.c.key == source, a.request.startswith(CAPTURED)
            )
            captured = connection.execute(of_captures.order_by(a.id)).all()
            if not rows:
                return None
            started = connection.execute(
                select(RUNS.c.started_at).where(RUNS.c.id == max(row.run for row in rows))
            ).scalar_one()
        answers = {row.request: _origin(row) for row in rows if not row.request.startswith(CAPTURED)}
        return cls(answers, datetime.fromisoformat(started), [_origin(row) for row in captured])

    def find(self, request: str) -> Origin | None:
        """The last answer to a request."""
        return self.answers.get(request)


def _origin(row: Row[Any, Any, Any, Any, Any]) -> Origin:
    return Origin(row.request, row.sha256, row.size, row.at)
