"""What is newer, where answers come in another order than they were given: those of browser captures.

A network's answers are read one after the other, so their numbers tell their order. A capture may be older than what has
been imported since; then it must not overwrite that, bring back what has vanished, or let vanish what was added.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from canonical.coverage import Axis, Scope, Selector
from canonical.store.scopes import Shape, in_scope, places
from canonical.tables import ANSWERS, BATCHES, COVERAGE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(text: str) -> int:
    """An instant as microseconds since 1970 UTC."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


class Ages:
    """When answers of one source were given, in microseconds since 1970. `oldest`: the oldest that this run takes in."""

    def __init__(self, source: int, run: int, oldest: str) -> None:
        self._source = source
        self._run = run
        self._oldest = micros_of(oldest)
        self._of: dict[int, int] = {}
        self._gone: dict[int, int] = {}
        self._confirmed: dict[tuple[str, str], int] | None = None

    def of(self, connection: Connection, origin: int | None) -> int:
        """When an answer was given; 0 for what no answer has brought."""
        if origin is None or not origin:
            return 0
        if origin not in self._of:
            at = connection.execute(select(ANSWERS.c.at).where(ANSWERS.c.id == origin)).scalar()
            self._of[origin] = micros_of(at) if at else 0
        return self._of[origin]

    def removed(self, connection: Connection, batch: int) -> int:
        """As of when something was found gone: the last answer of the run that found it, else the run itself."""
        if batch not in self._gone:
            run, at = connection.execute(select(BATCHES.c.run, BATCHES.c.at).where(BATCHES.c.id == batch)).one()
            a = ANSWERS.c
            last = connection.execute(
                select(a.at).where(a.source == self._source, a.run == run).order_by(a.id)
            ).scalars()
            self._gone[batch] = max(map(micros_of, last), default=at)
        return self._gone[batch]

    def confirmed(self, connection: Connection, entity: str, key: str) -> int:
        """As of when a live row was last seen by a complete reading of an earlier run; 0 if never."""
        if self._confirmed is None:
            self._confirmed = {}
            for scope, at in self.covered(connection):
                shape: Shape = (scope.entity, scope.selector, scope.axis)
                for place in places(connection, self._source, shape, [scope]):
                    if in_scope(place, scope):
                        name = (scope.entity, place.key)
                        self._confirmed[name] = max(self._confirmed.get(name, 0), at)
        return self._confirmed.get((entity, key), 0)

    def covered(self, connection: Connection) -> Iterator[tuple[Scope, int]]:
        """What earlier runs have read completely after the oldest of this run's answers, and when."""
        c = COVERAGE.c
        query = select(COVERAGE).where(c.source == self._source, c.run != self._run)
        for row in connection.execute(query).all():
            if (at := micros_of(row.at)) > self._oldest:
                axis = Axis(row.axis)
                ends = (row.start or None, row.end or None) if axis is not Axis.NONE else (None, None)
                key = row.selector_key if row.selector != Selector.INSTITUTION.value else None
                yield Scope(row.entity, Selector(row.selector), key, axis, *ends), at
