"""What is found wrong with a store, and what else it is held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from canonical.tables import ANSWERS, BATCHES, RUNS, SOURCES

Ids = NDArray[np.int64]
Told = Callable[[str, int, int | None], None]
"""Told what is being looked at, how much has been, and of how much (null: that is not known)."""

_CHUNK: Final = 5_000
_EXAMPLES: Final = 5

BACKUP: Final = "restore a backup from before it (svod restore)"
RESTORE: Final = BACKUP + ", or read the source anew: svod import --full"
REPORT: Final = "tell svod's developers: it should not have been written like that"

_LOST: Final = (
    "if there is none: svod prune --lost, and then svod import --full, which reads anew what the portal still has"
)

TODO: Final = {
    "database": "the disk or the file system has damaged the database: restore a backup (svod restore)",
    "tables": "restore a backup (svod restore): tables have been changed by something else than svod",
    "row": RESTORE,
    "reference": RESTORE,
    "batch": "since when a row stands is lost, the row itself is not; " + BACKUP,
    "origin": "where a value comes from is lost, the value itself is not; " + BACKUP,
    "history": BACKUP + ": what was cannot be read anew",
    "ledger": "svod import --full brings back rows that are lost, but not their ledger; " + BACKUP,
    "quarantine": "svod import --full reads what it holds anew; " + REPORT,
    "coverage": "svod import --full says anew what was read; " + REPORT,
    "unit": "svod import --full reads it anew; " + REPORT,
    "raw_missing": f"bring the folder back; {_LOST}",
    "raw_damaged": f"put the file back from a copy of the folder; {_LOST}",
}
"""What to do about damage, by the check that found it."""


@dataclass(slots=True)
class Damage:
    """What one check found in one place. `examples` are the first few, as keys or numbers, never names."""

    check: str
    where: str
    what: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def todo(self) -> str:
        return TODO[self.check]


class Findings:
    """What has been found so far. `notes` need nothing done; `checked` counts what was looked at."""

    def __init__(self) -> None:
        self._damage: dict[tuple[str, str, str], Damage] = {}
        self.notes: list[str] = []
        self.checked: dict[str, int] = defaultdict(int)

    def add(self, check: str, where: str, what: str, examples: Iterable[object]) -> None:
        """Adds damage: each example is one case."""
        for example in examples:
            one = self._damage.setdefault((check, where, what), Damage(check, where, what))
            one.count += 1
            if len(one.examples) < _EXAMPLES:
                one.examples.append(str(example))

    @property
    def damage(self) -> list[Damage]:
        return list(self._damage.values())


@dataclass(frozen=True, slots=True)
class World:
    """What everything else leads to. `batch_sources` stands beside `batches`; `ending` are batches that only remove."""

    sources: dict[int, str]
    runs: Ids
    answers: Ids
    batches: Ids
    batch_sources: Ids
    ending: frozenset[int]

    @classmethod
    def read(cls, connection: Connection) -> World:
        b = BATCHES.c
        ending = select(b.id).where(b.unit.in_(("removals", "accepted removals")))
        return cls(
            {s.id: s.key for s in connection.execute(select(SOURCES.c.id, SOURCES.c.key).order_by(SOURCES.c.key))},
            _numbers(connection, select(RUNS.c.id).order_by(RUNS.c.id)),
            _numbers(connection, select(ANSWERS.c.id).order_by(ANSWERS.c.id)),
            _numbers(connection, select(b.id).order_by(b.id)),
            _numbers(connection, select(b.source).order_by(b.id)),
            frozenset(connection.execute(ending).scalars()),
        )

    def knows_batches(self, numbers: Ids, source: int) -> NDArray[np.bool_]:
        """Which of these are batches of the source."""
        there, places = _found(self.batches, numbers)
        return there & (self.batch_sources[places] == source) if len(self.batches) else there

    def knows_answers(self, numbers: Ids) -> NDArray[np.bool_]:
        """Which of these are answers."""
        return _found(self.answers, numbers)[0]


def _found(among: Ids, numbers: Ids) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which of the numbers are among the sorted ones, and where."""
    if not len(among):
        return np.zeros(len(numbers), dtype=bool), np.zeros(len(numbers), dtype=np.intp)
    places = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    return among[places] == numbers, places


def _numbers(connection: Connection, query: Any) -> Ids:
    return np.fromiter(connection.execute(query, execution_options={"yield_per": 50_000}).scalars(), dtype=np.int64)


def some(connection: Connection, query: Any, size: int = _CHUNK) -> Iterator[Sequence[Any]]:
    return connection.execute(query, execution_options={"yield_per": size}).partitions()
