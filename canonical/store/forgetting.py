"""Forgets answers: those that nothing needs any more, and those whose bodies are lost.

What has brought what is looked for in windows of many answers, since each takes a look at every row; what is found is then
changed in small pieces. First everything is led away from an answer, then it goes: killed in between, the next one ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, exists, func, or_, select, update

from canonical.batch import CAPTURED_UNIT
from canonical.store.engine import reading, writing
from canonical.store.keyset import KeySet
from canonical.store.leases import Lease
from canonical.store.pieces import PIECE, alone, each, pieces
from canonical.tables import ANSWERS, BATCHES, HISTORY, QUARANTINE, ROWS, RUNS, SOURCES, UNITS

Ids = NDArray[np.int64]

_WINDOW: Final = 250_000
"""Answers that are decided on together: 2 MB of their numbers."""

_BODIES: Final = 1_000_000
"""Bodies that are known at once: 8 MB of their hashes."""


class Marked:
    """Answers that would go, where nothing is changed: a bit for each."""

    def __init__(self, engine: Engine) -> None:
        with reading(engine) as connection:
            last: int = connection.execute(select(func.max(ANSWERS.c.id))).scalar() or 0
        self._bits = np.zeros(last // 8 + 1, dtype=np.uint8)

    def add(self, ids: Ids) -> None:
        """Marks these, save what has come since."""
        ids = ids[ids >> 3 < len(self._bits)]
        np.bitwise_or.at(self._bits, ids >> 3, (1 << (ids & 7)).astype(np.uint8))

    def are(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of these are marked; what has come since is not."""
        there = np.minimum(ids >> 3, len(self._bits) - 1)
        marked: NDArray[np.bool_] = (((self._bits[there] >> (ids & 7)) & 1) == 1) & (ids >> 3 < len(self._bits))
        return marked


def forget_outdated(engine: Engine, first_run: int, marked: Marked | None) -> int:
    """Deletes answers older than a run to whose request there is a newer one, and to which nothing leads that stands.

    With `marked` they are marked instead. It may run beside imports. Only a replay or a capture can come upon an outdated
    answer again: those of its source are then left for the next time.
    """
    newer = ANSWERS.alias("newer")
    a, n = ANSWERS.c, newer.c
    outdated = exists().where(n.source == a.source, n.request == a.request, n.id > a.id)
    done = 0
    for low, high in _windows(engine, a.run < first_run):
        with writing(engine) as connection:
            alone(connection)
            seen = connection.execute(select(func.max(BATCHES.c.id))).scalar() or 0
        with reading(engine) as connection:
            old = select(a.id).where(a.id.between(low, high), a.run < first_run, outdated).order_by(a.id)
            ids = _numbers(connection, old)
            going = ids[~np.isin(ids, _needed(connection, low, high))] if len(ids) else ids
        if marked:
            marked.add(going)
            done += len(going)
        elif len(going):
            for table in (HISTORY, QUARANTINE):
                _lead_away(engine, table, going)
            done += sum(_delete(engine, some, seen) for some in _chunked(going))
    return done


def settled() -> ColumnElement[bool]:
    """The entries of the quarantine that are released or gone."""
    return or_(QUARANTINE.c.state == "released", QUARANTINE.c.state == "gone")


def _delete(engine: Engine, ids: Ids, seen: int) -> int:
    """Deletes answers, save those of sources that have been replayed, or read from captures, since the batch `seen`."""
    b = BATCHES.c
    again = select(b.source).join(RUNS, RUNS.c.id == b.run)
    again = again.where(b.id > seen, or_(RUNS.c.job == "replay", b.unit.startswith(CAPTURED_UNIT, autoescape=True)))
    with writing(engine) as connection:
        alone(connection)
        quiet = (ANSWERS.c.source != source for source in set(connection.execute(again).scalars()))
        return each(connection, delete(ANSWERS).where(*quiet), [ANSWERS.c.id], [(n,) for n in ids.tolist()])


class _Answer(NamedTuple):
    id: int
    sha256: str
    source: int


def forget_lost(engine: Engine, is_lost: Callable[[str], bool], marked: Marked | None) -> int:
    """Deletes answers whose bodies (SHA-256) are lost; rows, versions and entries do not lead to them any more.

    With `marked` they are marked instead, if they are not yet. `is_lost` is asked once more while nobody imports the source: a
    body may have come anew meanwhile.

    Raises:
        BusyError: one of their sources is being imported.

    """
    a = ANSWERS.c
    done = 0
    for low, high in _windows(engine):
        found: list[tuple[int, int]] = []
        for some in pieces(engine, ANSWERS, [a.id.between(low, high)], more=(a.sha256, a.source)):
            found += [(one.source, one.id) for one in (_Answer(*row) for row in some) if is_lost(one.sha256)]
        lost = np.array(found, dtype=np.int64).reshape(-1, 2)
        if marked:
            new = lost[~marked.are(lost[:, 1])]
            marked.add(new[:, 1])
            done += len(new)
            continue
        for source in np.unique(lost[:, 0]).tolist():
            done += _forget(engine, source, lost[lost[:, 0] == source, 1], is_lost)
    return done


def _forget(engine: Engine, source: int, ids: Ids, is_lost: Callable[[str], bool]) -> int:
    """Deletes answers of a source that are still lost while nobody imports it, who might come upon them again.

    No unit of the source is taken as read any more: the next import records the answers to all of them.
    """
    with writing(engine) as connection:
        key = connection.execute(select(SOURCES.c.key).where(SOURCES.c.id == source)).scalar_one()
        lease = Lease.take(connection, f"import {key}")
    try:
        ids = _still_lost(engine, source, ids, is_lost)
        if not len(ids):
            return 0
        read = (UNITS.c.source == source, UNITS.c.digest != "")
        for units in pieces(engine, UNITS, read, [UNITS.c.unit]):
            with writing(engine) as connection:
                lease.hold(connection)
                each(connection, update(UNITS).where(*read).values(digest=""), [UNITS.c.unit], units)
        for table in (*ROWS.values(), HISTORY, QUARANTINE):
            _lead_away(engine, table, ids, source, lease)
        for some in _chunked(ids):
            with writing(engine) as connection:
                lease.hold(connection)
                each(connection, delete(ANSWERS), [ANSWERS.c.id], [(n,) for n in some.tolist()])
    finally:
        with writing(engine) as connection:
            lease.give_back(connection)
    return len(ids)


def _still_lost(engine: Engine, source: int, ids: Ids, is_lost: Callable[[str], bool]) -> Ids:
    a = ANSWERS.c
    among = (a.source == source, a.id.between(int(ids[0]), int(ids[-1])))
    found: list[int] = []
    for some in pieces(engine, ANSWERS, among, more=(a.sha256,)):
        asked = np.isin(np.array([row[0] for row in some], dtype=np.int64), ids).tolist()
        found += [number for (number, sha256), there in zip(some, asked, strict=True) if there and is_lost(sha256)]
    return np.array(found, dtype=np.int64)


def _lead_away(engine: Engine, table: Table, ids: Ids, source: int | None = None, lease: Lease | None = None) -> None:
    """Lets nothing in a table lead to these answers any more.

    Without a lease others import meanwhile: entries of the quarantine that they open again are left, and they do not do so
    while a piece of them is changed, each in another order.
    """
    key = list(table.primary_key.columns)
    beside = lease is None and table is QUARANTINE
    conditions = [settled()] if beside else [] if source is None else [table.c.source == source]
    rest = [c for c in key if source is None or c.name != "source"]
    led_there = table.c.origin.between(int(ids[0]), int(ids[-1]))
    for some in pieces(engine, table, [led_there, *conditions], rest, more=(table.c.origin,)):
        led = np.isin(np.array([row[-1] for row in some], dtype=np.int64), ids)
        rows = [row for row, there in zip(some, led.tolist(), strict=True) if there]
        if not rows:
            continue
        with writing(engine) as connection:
            if beside:
                alone(connection)
            if lease:
                lease.hold(connection)
            each(connection, update(table).where(*conditions).values(origin=None), [*rest, table.c.origin], rows)


def _needed(connection: Connection, low: int, high: int) -> Ids:
    """The answers, of those between two, to which rows, and entries that are open or have been dropped, lead."""
    queries = [select(t.c.origin).where(t.c.origin.between(low, high)).distinct() for t in ROWS.values()]
    q = QUARANTINE.c
    kept = select(q.origin).where(q.state.in_(("open", "dropped")), q.origin.between(low, high))
    found = np.empty(0, dtype=np.int64)
    for query in (*queries, kept.distinct()):
        found = np.union1d(found, _numbers(connection, query))
    return found


def _windows(engine: Engine, *conditions: ColumnElement[bool]) -> Iterator[tuple[int, int]]:
    """The first and the last number of so many answers that meet the conditions, one window after another."""
    number = ANSWERS.c.id
    low = 0
    while True:
        some = select(number).where(number > low, *conditions).order_by(number).limit(_WINDOW).subquery()
        with reading(engine) as connection:
            first, last = connection.execute(select(func.min(some.c.id), func.max(some.c.id))).one()
        if first is None:
            return
        yield first, last
        low = last


def _chunked(ids: Ids) -> Iterator[Ids]:
    for start in range(0, len(ids), PIECE):
        yield ids[start : start + PIECE]


def _numbers(connection: Connection, query: Any) -> Ids:
    return np.fromiter(connection.execute(query, execution_options={"yield_per": 10_000}).scalars(), dtype=np.int64)


class Bodies:
    """Which bodies answers lead to, a part of the alphabet of their SHA-256 (hex) at a time; `marked` answers do not count.

    To be asked in the order of their first two digits: each part takes a look at all answers.
    """

    def __init__(self, engine: Engine, marked: Marked | None) -> None:
        self._engine = engine
        self._marked = marked
        with reading(engine) as connection:
            number: int = connection.execute(select(func.count()).select_from(ANSWERS)).scalar_one()
        self._width = max(1, 256 * _BODIES // max(_BODIES, number))
        self._part = -1
        self._known = KeySet()

    def hold(self, names: Sequence[str]) -> list[bool]:
        """Which of these, which begin with the same two digits, are known."""
        if not names:
            return []
        part = int(names[0][:2], 16) // self._width
        if part != self._part:
            self._part, self._known = part, self._read(part)
        return self._known.holds(names)

    def _read(self, part: int) -> KeySet:
        a = ANSWERS.c
        first, end = part * self._width, (part + 1) * self._width
        query = select(a.id, a.sha256).where(a.sha256 >= f"{first:02x}")
        if end < 256:
            query = query.where(a.sha256 < f"{end:02x}")
        known = KeySet()
        with reading(self._engine) as connection:
            for some in connection.execute(query, execution_options={"yield_per": 10_000}).partitions():
                going = (
                    self._marked.are(np.array([r.id for r in some], dtype=np.int64)).tolist() if self._marked else []
                )
                known.add_new([r.sha256 for n, r in enumerate(some) if not (going and going[n])])
        return known
