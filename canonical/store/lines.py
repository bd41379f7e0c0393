"""Which lines of a source's files stand in the store as they are, so that they need not be read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final

import numpy as np
import xxhash
from numpy.typing import NDArray
from sqlalchemy import Connection

from canonical.store.shelf import places_of, put_back, shelved
from canonical.tables import ROWS

_MANY: Final = 50_000

_MET: Final = np.uint8(1)
_REPLACED: Final = np.uint8(2)
"""What a run has found out of a line that stood when it began."""

Hashes = NDArray[np.int64]


def line_hashes(lines: Sequence[bytes], salt: int) -> Hashes:
    """A signed 64-bit hash for each line; another `salt` gives others."""
    digest = xxhash.xxh3_64_intdigest
    return np.fromiter(map(digest, lines, repeat(salt)), dtype=np.uint64, count=len(lines)).view(np.int64)


class LineIndex:
    """The hashes of the lines whose records stand in the store, and which of them a run has come upon.

    Nine bytes a line, on the disk while others are asked. A line whose record has been replaced in this run is not known
    any more.
    """

    def __init__(self, hashes: Hashes | None = None) -> None:
        """Takes over the array of hashes, and sorts it."""
        self._hashes = hashes if hashes is not None else np.empty(0, dtype=np.int64)
        self._hashes.sort()
        self._fate = _zeros(len(self._hashes))

    @classmethod
    def load(cls, connection: Connection, source: int, entity: str) -> LineIndex:
        """The lines of an entity that stand in the store."""
        table = ROWS[entity].name
        rows = f'FROM "{table}" WHERE "source" = {source:d} AND "removed" IS NULL AND "line" IS NOT NULL'
        driver: Any = connection.connection.driver_connection  # a result's rows would take most of the time
        if connection.dialect.name == "sqlite":
            return cls(shelved(_sqlite_numbers(driver, rows), np.int64))
        # a row for each batch that brought lines, not one for each line
        packed = f'SELECT string_agg(int8send("line"), \'\'::bytea) {rows} GROUP BY "since"'
        with driver.cursor() as cursor, cursor.copy(f"COPY ({packed}) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["bytea"])
            return cls(
                shelved((np.frombuffer(body, dtype=">i8").astype(np.int64) for (body,) in copy.rows()), np.int64)
            )

    def meet(self, hashes: Hashes) -> tuple[NDArray[np.bool_], int]:
        """Which of these lines are known, and how many of those the run had not met before."""
        order, places, known = self._find(hashes)
        if not known.any():
            return known, 0
        new = places[known & (self._fate[places] & _MET == 0)]
        self._fate[new] |= _MET
        by_line = np.empty(len(hashes), dtype=bool)
        by_line[order] = known
        twice = int(np.count_nonzero(new[1:] == new[:-1]))  # a line that comes again is met once
        return by_line, len(new) - twice

    def knows_all(self, hashes: Hashes) -> bool:
        """Whether all these lines are known."""
        _, _, known = self._find(hashes)
        return bool(known.all())

    def has_met(self, hash_: int) -> bool:
        """Whether the run has come upon this line, and its record still stands."""
        _, places, known = self._find(np.array([hash_], dtype=np.int64))
        return bool(known[0] and self._fate[places[0]] & _MET)

    def forget(self, hashes: Iterable[int]) -> None:
        """The records of these lines have been replaced."""
        _, places, known = self._find(np.fromiter(hashes, dtype=np.int64))
        self._fate[places[known]] |= _REPLACED

    def has_unmet(self) -> bool:
        """Whether a line that stood when the run began has neither come again nor been replaced."""
        return not bool(self._fate.all())

    def rest(self) -> None:
        """The lines will not be asked for a while."""
        put_back(self._hashes)
        put_back(self._fate)

    def _find(self, hashes: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """The order in which lines are looked for, and in that order: their places, and whether they are known there."""
        if not len(self._hashes):
            none = np.zeros(len(hashes), dtype=np.intp)
            return none, none, none.astype(bool)
        order, places = places_of(hashes, self._hashes)
        return order, places, (self._hashes[places] == hashes[order]) & (self._fate[places] & _REPLACED == 0)


def _sqlite_numbers(driver: sqlite3.Connection, rows: str) -> Iterator[Hashes]:
    """The lines of an entity, many as one text: between two rows of a result Python's lock is let go, and others take it."""
    some = f'SELECT "line", "key" {rows} AND "key" > ? ORDER BY "key" LIMIT {_MANY}'
    query = f'SELECT group_concat("line"), max("key") FROM ({some})'
    last = ""
    while (found := driver.execute(query, (last,)).fetchone())[0] is not None:
        said, last = found
        yield np.fromstring(said, dtype=np.int64, sep=",")


def _zeros(count: int) -> NDArray[np.uint8]:
    return shelved((np.zeros(min(_MANY, count - n), dtype=np.uint8) for n in range(0, count, _MANY)), np.uint8)
