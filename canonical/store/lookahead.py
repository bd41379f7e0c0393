"""Looks up which lines stand in the store before their turn comes: for a million of them that takes half a second."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from sqlalchemy import URL

from canonical.store.engine import connect, reading
from canonical.store.lines import LineIndex

_AHEAD: Final = 2


class LinesAhead:
    """The lines of the next two entities, looked up by a thread while a run takes in those of another.

    The thread has a connection of its own and finds what was committed when it looked. Whoever replaces rows of an entity
    before its turn has come says so by `spoil`: then what was found is not used.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "svod-lines")
        self._coming: dict[str, Future[LineIndex]] = {}
        self._spoilt: set[str] = set()

    def look_up(self, store: URL, source: int, entities: Iterable[str]) -> None:
        """Begins with the first of these."""
        for name, _ in zip((e for e in entities if e not in self._spoilt), range(_AHEAD), strict=False):
            if name not in self._coming:
                self._coming[name] = self._thread.submit(_look_up, store, source, name)

    def take(self, entity: str) -> LineIndex | None:
        """The lines of an entity, if they were looked up and are still what stands. Waits for them.

        Raises:
            StoreError: the database is out of reach, or there is no room for them.

        """
        coming = self._coming.pop(entity, None)
        return coming.result() if coming is not None and entity not in self._spoilt else None

    def spoil(self, entity: str) -> None:
        """Rows of an entity are replaced."""
        self._spoilt.add(entity)

    def close(self) -> None:
        """Begins nothing more. Does not wait for what has been begun: it is let go when it is there."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _look_up(store: URL, source: int, entity: str) -> LineIndex:
    engine = connect(store)  # not one of the run's connections: those keep what they have read
    try:
        with reading(engine) as connection:
            if engine.dialect.name == "sqlite":  # what is read once need not be kept
                connection.exec_driver_sql("PRAGMA cache_size = -2000")
            index = LineIndex.load(connection, source, entity)
    finally:
        engine.dispose()
    index.rest()
    return index
