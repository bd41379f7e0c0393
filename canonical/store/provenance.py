"""Which answer or file brought a row."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from canonical.batch import Origin
from canonical.store.state import State
from canonical.tables import ANSWERS


class Origins:
    """Numbers the answers of one batch. An answer that is the same as the last one to its request keeps its number."""

    def __init__(self, connection: Connection, state: State, stamp: str) -> None:
        self._connection = connection
        self._state = state
        self._stamp = stamp
        self._numbers: dict[tuple[str, str], int] = {}
        self.newest = 0

    def number(self, origin: Origin | None) -> int | None:
        """The number of an answer, which is noted down if it is new."""
        if origin is None:
            return None
        name = (origin.request, origin.sha256)
        if name not in self._numbers:
            self._numbers[name] = self._find(origin) or self._add(origin)
            self.newest = max(self.newest, self._numbers[name])
        return self._numbers[name]

    def _find(self, origin: Origin) -> int | None:
        a = ANSWERS.c
        query = (
            select(a.id, a.sha256, a.kept)
            .where(a.source == self._state.source, a.request == origin.request)
            .order_by(a.id.desc())
        )
        if self._state.ages is not None:  # the same may have been captured before and after something else
            query = query.where(a.sha256 == origin.sha256, a.at == origin.at)
        elif self._state.replaying:
            query = query.where(a.sha256 == origin.sha256)
        last = self._connection.execute(query.limit(1)).first()
        if last is None or last.sha256 != origin.sha256:
            return None
        if self._state.keeps_bodies and not last.kept:  # the archive has it by now
            self._connection.execute(update(ANSWERS).where(a.id == last.id).values(kept=True))
        number: int = last.id
        return number

    def _add(self, origin: Origin) -> int:
        number: int = self._connection.execute(
            insert(ANSWERS)
            .values(
                source=self._state.source,
                request=origin.request,
                sha256=origin.sha256,
                size=origin.size,
                run=self._state.run,
                at=origin.at,
                kept=self._state.keeps_bodies,
            )
            .returning(ANSWERS.c.id)
        ).scalar_one()
        return number

    @staticmethod
    def run_of(connection: Connection, origin: int) -> int:
        """The run in which an answer was first read."""
        return connection.execute(select(ANSWERS.c.run).where(ANSWERS.c.id == origin)).scalar() or 0
