"""What is newer, where answers come in another order than they were given: those of browser captures.

A network's answers are read one after the other, so their numbers tell their order. A capture may be older than what has
been imported since; then it must not overwrite that, bring back what has vanished, or let vanish what was added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from canonical.coverage import Axis, Scope, Selector
from canonical.store.bulk import among, chunks
from canonical.store.scopes import Shape, in_scope, places
from canonical.tables import ANSWERS, BATCHES, COVERAGE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(text: str) -> int:
    """An instant as microseconds since 1970 UTC."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


_MOST: Final = 50_000
"""Rows, and answers, of which is remembered at most what has been asked of them."""


class Ages:
    """When answers of one source were given, in microseconds since 1970. `oldest`: the oldest that this run takes in.

    The store is asked of the rows of a batch together (`look_up`): what is held in memory does not grow with the source.
    """

    def __init__(self, source: int, run: int, oldest: str) -> None:
        self._source = source
        self._run = run
        self._oldest = micros_of(oldest)
        self._of: dict[int, int] = {}
        self._gone: dict[int, int] = {}
        self._confirmed: dict[tuple[str, str], int] = {}

    def of(self, connection: Connection, origin: int | None) -> int:
        """When an answer was given; 0 for what no answer has brought."""
        if origin is None or not origin:
            return 0
        if origin not in self._of:
            if len(self._of) >= _MOST:
                self._of.clear()
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
        """As of when a live row was last seen by a complete reading of an earlier run, if after the oldest answer of this one.

        0 if it was not. Asked of many rows, `look_up` has been called for them before.
        """
        if (entity, key) not in self._confirmed:
            self.look_up(connection, entity, [key])
        return self._confirmed[entity, key]

    def look_up(self, connection: Connection, entity: str, keys: Sequence[str]) -> None:
        """Finds out together as of when rows of an entity are confirmed."""
        for some in chunks([k for k in keys if (entity, k) not in self._confirmed]):
            if len(self._confirmed) + len(some) > _MOST:
                self._confirmed.clear()
            self._confirmed.update(((entity, key), 0) for key in some)
            for shape in self._shapes(connection, entity):
                lying = list(places(connection, self._source, shape, keys=some))
                covering = self._covering(connection, shape, {place.selector_key for place in lying})
                for place in lying:
                    seen = (at for scope, at in covering[place.selector_key] if in_scope(place, scope))
                    self._confirmed[entity, place.key] = max(self._confirmed[entity, place.key], *seen, 0)

    def _shapes(self, connection: Connection, entity: str) -> list[Shape]:
        """The shapes of what earlier runs have read completely."""
        c = COVERAGE.c
        query = select(c.selector, c.axis).where(c.source == self._source, c.entity == entity, c.run != self._run)
        return [(entity, Selector(selector), Axis(axis)) for selector, axis in connection.execute(query.distinct())]

    def _covering(
        self, connection: Connection, shape: Shape, keys: set[str | None]
    ) -> dict[str | None, list[tuple[Scope, int]]]:
        """What earlier runs have read completely after the oldest of this run's answers, and when, by the selector's key."""
        entity, selector, axis = shape
        c = COVERAGE.c
        query = select(c.selector_key, c.start, c.end, c.at).where(
            c.source == self._source,
            c.entity == entity,
            c.selector == selector.value,
            c.axis == axis.value,
            c.run != self._run,
            among(connection, c.selector_key, {key or "" for key in keys}),
        )
        found: dict[str | None, list[tuple[Scope, int]]] = defaultdict(list)
        for key, start, end, stamp in connection.execute(query):
            if (at := micros_of(stamp)) > self._oldest:
                ends = (start or None, end or None) if axis is not Axis.NONE else (None, None)
                chosen = key if selector is not Selector.INSTITUTION else None
                found[chosen].append((Scope(entity, selector, chosen, axis, *ends), at))
        return found
