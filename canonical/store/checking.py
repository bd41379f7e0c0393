"""Holds a store against its own invariants (canonical.md): is anything damaged, lost or left over?

Everything is looked at, in one view of the store and in bounded memory: eight bytes for each key that is pointed at and
for each answer and batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from canonical.batch import Drift
from canonical.cleaning import MalformedError, decode
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import ENTITIES, Field, Record
from canonical.store.bulk import BULK, content_hash, content_hashes
from canonical.store.keyset import KeySet
from canonical.store.leases import is_dead
from canonical.tables import (
    ANSWERS,
    BATCHES,
    COVERAGE,
    HISTORY,
    LEASES,
    LEDGER,
    METADATA,
    QUARANTINE,
    REMOVALS,
    ROWS,
    RUNS,
    SOURCES,
    UNITS,
)

Ids = NDArray[np.int64]
Told = Callable[[str, int, int | None], None]
"""Told what is being looked at, how much has been, and of how much (null: that is not known)."""

_CHUNK: Final = 5_000
_EXAMPLES: Final = 5

RESTORE: Final = "restore a backup from before it (svod restore), or read the source anew: svod import --full"
REPORT: Final = "tell svod's developers: it should not have been written like that"

TODO: Final = {
    "database": "the disk or the file system has damaged the database: restore a backup (svod restore)",
    "tables": "restore a backup (svod restore): tables have been changed by something else than svod",
    "row": RESTORE,
    "reference": RESTORE,
    "batch": RESTORE,
    "origin": "where a value comes from is lost; " + RESTORE,
    "history": "restore a backup from before it (svod restore): what was cannot be read anew",
    "ledger": RESTORE,
    "quarantine": "svod import --full reads what it holds anew; " + REPORT,
    "coverage": "svod import --full says anew what was read; " + REPORT,
    "unit": "svod import --full reads it anew; " + REPORT,
    "raw_missing": "bring the folder back, or restore a backup made --with-raw; if it is gone for good: svod prune --lost",
    "raw_damaged": "restore a backup made --with-raw; if there is none: svod prune --lost",
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


def check_store(connection: Connection, found: Findings, told: Told = lambda *_: None) -> None:
    """Looks at everything but the raw archive; a database that cannot be read on is damage too."""
    told("database", 0, None)
    try:
        if _check_database(connection, found):
            _check_all(connection, found, told)
    except DatabaseError as error:
        found.add("database", "database", "cannot be read on", [str(error.orig).partition("\n")[0]])
    if any(d.check == "database" for d in found.damage):
        connection.rollback()  # a damaged database may not even be able to end a reading in order


def _check_all(connection: Connection, found: Findings, told: Told) -> None:
    world = _World.read(connection)
    for source, name in world.sources.items():
        pointed: dict[str, KeySet] = defaultdict(KeySet)
        for entity in ENTITIES:
            _check_rows(_Place(connection, found, world, source, f"{name}: {entity}", entity), pointed, told)
            _check_history(_Place(connection, found, world, source, f"{name}: history of {entity}", entity))
    _check_strays(connection, found, world)
    told("ledger, quarantine, coverage", 0, None)
    _check_ledger(connection, found, world)
    _check_quarantine(connection, found, world)
    _check_coverage(connection, found, world)
    _check_units(connection, found, world)
    _note_leftovers(connection, found)


@dataclass(frozen=True, slots=True)
class _World:
    """What everything else leads to. `batch_sources` stands beside `batches`; `ending` are batches that only remove."""

    sources: dict[int, str]
    runs: Ids
    answers: Ids
    batches: Ids
    batch_sources: Ids
    ending: frozenset[int]

    @classmethod
    def read(cls, connection: Connection) -> _World:
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
        if not len(self.batches):
            return np.zeros(len(numbers), dtype=bool)
        places = np.minimum(np.searchsorted(self.batches, numbers), len(self.batches) - 1)
        known: NDArray[np.bool_] = (self.batches[places] == numbers) & (self.batch_sources[places] == source)
        return known


@dataclass(frozen=True, slots=True)
class _Place:
    connection: Connection
    found: Findings
    world: _World
    source: int
    where: str
    entity: str

    def add(self, check: str, what: str, examples: Iterable[object]) -> None:
        self.found.add(check, self.where, what, examples)


def _numbers(connection: Connection, query: Any) -> Ids:
    return np.fromiter(connection.execute(query, execution_options={"yield_per": 50_000}).scalars(), dtype=np.int64)


# -- the database itself ----------------------------------------------------------------------------------------------


def _check_database(connection: Connection, found: Findings) -> bool:
    """Whether the database is sound enough to be read on."""
    if connection.dialect.name == "sqlite":
        said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        found.add("database", "database", "PRAGMA integrity_check", [s for s in said if s != "ok"])
    there = {name: {c["name"] for c in some} for (_, name), some in inspect(connection).get_multi_columns().items()}
    found.add("tables", "database", "a table is missing", sorted(METADATA.tables.keys() - there.keys()))
    for name, table in METADATA.tables.items():
        lacking = {c.name for c in table.columns} - there.get(name, set(table.c.keys()))
        found.add("tables", name, "a column is missing", sorted(lacking))
    return not found.damage


# -- rows -------------------------------------------------------------------------------------------------------------


def _check_rows(place: _Place, pointed: dict[str, KeySet], told: Told) -> None:
    entity, table, bulk = ENTITIES[place.entity], ROWS[place.entity], BULK[place.entity]
    if any(f.ref and f.ref.entity == place.entity for f in entity.refs):
        for keys in _some(place.connection, select(table.c.key).where(table.c.source == place.source)):
            pointed[place.entity].add_new([k for (k,) in keys])
    query = select(table).where(table.c.source == place.source)
    number = {c.name: i for i, c in enumerate(table.columns)}
    done = 0
    for rows in _some(place.connection, query):
        keys = [row[1] for row in rows]
        good = [(row, r) for row in rows if (r := _record(bulk.record, row)) is not None]
        if len(good) < len(rows):
            readable = {row[1] for row, _ in good}
            place.add("row", "the row cannot be read", [k for k in keys if k not in readable])
        records = [r for _, r in good]
        hashes = content_hashes(records)
        wrong = (row[1] for (row, _), h in zip(good, hashes, strict=True) if row[number["hash"]] != h)
        place.add("row", "what stands there is not what was written (hash)", wrong)
        for ref in entity.refs:
            if ref.ref and ref.ref.required:
                _check_reference(place, ref, records, pointed[ref.ref.entity])
        if place.entity in _POINTED_AT:
            pointed[place.entity].add_new(keys)
        for name in ("since", "removed"):
            _check_numbers(place, "batch", name, keys, [row[number[name]] for row in rows])
        _check_numbers(place, "origin", "origin", keys, [row[number["origin"]] for row in rows])
        backwards = (
            r[1] for r in rows if r[number["removed"]] is not None and r[number["removed"]] <= r[number["since"]]
        )
        place.add("history", "removed before it stood", backwards)
        done += len(rows)
        told(place.where, done, None)
    place.found.checked["rows"] += done


_POINTED_AT: Final = {f.ref.entity for e in ENTITIES.values() for f in e.refs if f.ref and f.ref.required}


def _record(read: Callable[[Sequence[Any]], Record], row: Sequence[Any]) -> Record | None:
    try:
        return read(row)
    except (msgspec.DecodeError, TypeError, ValueError):
        return None


def _check_reference(place: _Place, field_: Field, records: Sequence[Record], there: KeySet) -> None:
    pointing = [(r.key, v) for r in records if (v := getattr(r, field_.name)) is not None]
    found = there.holds([v for _, v in pointing])
    target = field_.ref.entity if field_.ref else ""
    lost = (key for (key, _), ok in zip(pointing, found, strict=True) if not ok)
    place.add("reference", f"{field_.name} leads to nothing in {target}", lost)


def _check_numbers(place: _Place, check: str, name: str, keys: Sequence[str], numbers: Sequence[int | None]) -> None:
    """Numbers of batches must be this source's, and numbers of answers be there."""
    given = [(k, n) for k, n in zip(keys, numbers, strict=True) if n is not None]
    asked = np.fromiter((n for _, n in given), dtype=np.int64, count=len(given))
    world = place.world
    ok = world.knows_batches(asked, place.source) if check == "batch" else np.isin(asked, world.answers)
    lost = (key for (key, _), there in zip(given, ok.tolist(), strict=True) if not there)
    place.add(check, f"{name} leads to no {'batch of this source' if check == 'batch' else 'answer'}", lost)


# -- history ----------------------------------------------------------------------------------------------------------


def _check_history(place: _Place) -> None:
    h, t = HISTORY.c, ROWS[place.entity].c
    query = (
        select(h.key, h.since, h.until, h.origin, h.hash, h.body, t.since, t.key)
        .outerjoin(ROWS[place.entity], and_(t.source == h.source, t.key == h.key))
        .where(h.source == place.source, h.entity == place.entity)
        .order_by(h.key, h.since)
    )
    flat = (row for rows in _some(place.connection, query) for row in rows)
    for key, versions in groupby(flat, key=lambda row: row[0]):
        place.found.checked["versions"] += _check_chain(place, key, list(versions))


def _check_chain(place: _Place, key: str, versions: Sequence[Any]) -> int:
    """The versions of one key, oldest first: each ends where the next begins, or at a batch that only removes."""
    row_since = versions[-1][6]
    if versions[-1][7] is None:
        place.add("history", "the row itself is missing", [key])
    begins = [v[1] for v in versions[1:]] + ([row_since] if row_since is not None else [])
    ends = [v[2] for v in versions]
    if any(until <= since for _, since, until, *_ in versions) or any(
        b < e for b, e in zip(begins, ends, strict=False)
    ):
        place.add("history", "versions overlap", [key])
    elif any(b > e and e not in place.world.ending for b, e in zip(begins, ends, strict=False)):
        place.add("history", "there is a gap between versions", [key])
    for _, since, until, origin, hash_, body, *_ in versions:
        if _hash_of(place.entity, body) != hash_:
            place.add("history", "a version is not what was written (hash)", [key])
        _check_numbers(place, "batch", "a version", [key, key], [since, until])
        _check_numbers(place, "origin", "a version", [key], [origin])
    return len(versions)


def _hash_of(entity: str, body: str) -> int | None:
    try:
        return content_hash(decode(entity, body))
    except MalformedError:
        return None


def _check_strays(connection: Connection, found: Findings, world: _World) -> None:
    """Everything belongs to a source and a run that are known."""
    known, runs = set(world.sources), {0, *world.runs.tolist()}
    for table in METADATA.sorted_tables:
        if "source" not in table.c or table.name in {"secrets", "findings"}:
            continue
        lost = set(connection.execute(select(table.c.source).distinct()).scalars()) - known
        found.add(
            "row" if table.name in ROWS else "batch", table.name, "belongs to no source that is known", sorted(lost)
        )
    h = HISTORY.c
    strange = set(connection.execute(select(h.entity).distinct()).scalars()) - ENTITIES.keys()
    found.add("history", "history", "of an entity that is not known", sorted(strange))
    for table, check in (
        (BATCHES, "batch"),
        (ANSWERS, "origin"),
        (LEDGER, "ledger"),
        (COVERAGE, "coverage"),
        (UNITS, "unit"),
    ):
        lost_runs = set(connection.execute(select(table.c.run).distinct()).scalars()) - runs
        found.add(check, table.name, "belongs to no run that is known", sorted(lost_runs))


# -- ledger, quarantine, coverage, cursor -------------------------------------------------------------------------------


def _check_ledger(connection: Connection, found: Findings, world: _World) -> None:
    c = LEDGER.c
    uneven = select(c.run, c.source, c.entity).where(c.received != c.inserted + c.updated + c.unchanged + c.quarantined)
    for run, source, entity in connection.execute(uneven):
        where = f"{world.sources.get(source, source)}: {entity}"
        found.add("ledger", where, "received is not inserted + updated + unchanged + quarantined, in run", [run])
    names = ("inserted", "removed", "revived", "released")
    sums = select(c.source, c.entity, *(func.sum(c[n]) for n in names)).group_by(c.source, c.entity)
    told = {(s, e): [int(n) for n in counts] for s, e, *counts in connection.execute(sums)}
    for entity, table in ROWS.items():
        t = table.c
        query = select(t.source, func.count(), func.count(t.removed)).group_by(t.source)
        there = {s: (rows, gone) for s, rows, gone in connection.execute(query)}
        for source in there.keys() | {s for s, e in told if e == entity}:
            rows, gone = there.get(source, (0, 0))
            inserted, removed, revived, released = told.get((source, entity), [0, 0, 0, 0])
            where = f"{world.sources.get(source, source)}: {entity}"
            if not inserted <= rows <= inserted + released:
                found.add(
                    "ledger", where, f"{rows} rows stand, but {inserted} were inserted and {released} released", [rows]
                )
            if gone < removed - revived:
                found.add(
                    "ledger", where, f"{gone} rows are removed, but {removed} were, and {revived} came back", [gone]
                )
    found.checked["ledger"] = connection.execute(select(func.count()).select_from(LEDGER)).scalar_one()


def _check_quarantine(connection: Connection, found: Findings, world: _World) -> None:
    q = QUARANTINE.c
    for rows in _some(connection, select(q.id, q.source, q.entity, q.key, q.state, q.body, q.origin, q.missing_key)):
        for number, source, entity, _, state, body, origin, _ in rows:
            where = f"{world.sources.get(source, source)}: {entity}"
            if entity not in ENTITIES or state not in {"open", "released", "gone", "dropped"}:
                found.add("quarantine", where, "the entry is of no known kind", [number])
            try:
                msgspec.json.decode(body)
            except msgspec.DecodeError:
                found.add("quarantine", where, "the raw form cannot be read", [number])
            if origin is not None and not np.isin(origin, world.answers):
                found.add("origin", where, "an entry of the quarantine leads to no answer", [number])
        found.checked["quarantine"] += len(rows)
    c = LEDGER.c
    counted = (
        select(q.source, q.entity, q.last_run, func.count(), c.quarantined)
        .join(LEDGER, and_(c.run == q.last_run, c.source == q.source, c.entity == q.entity))
        .where(q.state == "open")
        .group_by(q.source, q.entity, q.last_run, c.quarantined)
    )
    for source, entity, run, there, quarantined in connection.execute(counted):
        if there > quarantined:
            where = f"{world.sources.get(source, source)}: {entity}"
            found.add("quarantine", where, f"{there} entries are open, but {quarantined} were set aside, in run", [run])
    r = REMOVALS.c
    for entity, table in ROWS.items():
        t = table.c
        lost = select(r.key).outerjoin(table, and_(t.source == r.source, t.key == r.key))
        keys = connection.execute(lost.where(r.entity == entity, t.key.is_(None))).scalars()
        found.add("reference", f"removals: {entity}", "a removal that waits is of no row", keys)


def _check_coverage(connection: Connection, found: Findings, world: _World) -> None:
    for rows in _some(connection, select(COVERAGE)):
        found.checked["coverage"] += len(rows)
        for row in rows:
            try:
                _scope(row)
            except ValueError as error:
                where = f"{world.sources.get(row.source, row.source)}: {row.entity}"
                found.add("coverage", where, "the scope cannot be", [error])


def _scope(row: Any) -> Scope:
    if row.entity not in ENTITIES:
        raise ValueError(f"there is no entity {row.entity}")
    if row.start and row.end and row.start > row.end:
        raise ValueError(f"it ends ({row.end}) before it begins ({row.start})")
    selector, axis = Selector(row.selector), Axis(row.axis)
    return Scope(row.entity, selector, row.selector_key or None, axis, row.start or None, row.end or None)


def _check_units(connection: Connection, found: Findings, world: _World) -> None:
    u = UNITS.c
    for rows in _some(connection, select(u.source, u.unit, u.scopes, u["keys"], u.drift), 50):
        for source, unit, scopes, keys, drift in rows:
            found.checked["units"] += 1
            try:
                msgspec.json.decode(scopes, type=list[Scope])
                msgspec.json.decode(drift, type=list[tuple[Drift, int]])
                packed = msgspec.msgpack.decode(keys, type=dict[str, bytes])
            except (msgspec.DecodeError, ValueError):
                packed = {"": b"?"}
            if any(len(body) % 8 for body in packed.values()):
                found.add(
                    "unit", str(world.sources.get(source, source)), "what is noted of a unit cannot be read", [unit]
                )


def _note_leftovers(connection: Connection, found: Findings) -> None:
    for name, holder in connection.execute(select(LEASES.c.name, LEASES.c.holder).where(LEASES.c.holder != "")):
        state = "its process has died; the next one takes over" if is_dead(holder) else f"under way ({holder})"
        found.notes.append(f"lease {name}: {state}")
    running = select(RUNS.c.id, RUNS.c.job, RUNS.c.holder).where(RUNS.c.status == "running")
    for run, job, holder in connection.execute(running):
        if is_dead(holder):
            found.notes.append(f"run {run} ({job}): its process has died; run it again")
    if connection.dialect.name == "postgresql":
        version = connection.execute(text("SHOW data_checksums")).scalar()
        if version != "on":
            found.notes.append(
                "the server keeps no checksums of its pages (data_checksums): it cannot tell a rotten disk"
            )


def _some(connection: Connection, query: Any, size: int = _CHUNK) -> Iterator[Sequence[Any]]:
    return connection.execute(query, execution_options={"yield_per": size}).partitions()
