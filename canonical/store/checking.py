"""Holds a store against its own invariants (canonical.md): is anything damaged, lost or left over?

Everything is looked at, in one view of the store and in bounded memory: eight bytes for each key that is pointed at and
for each answer and batch. Here the database, rows and versions; the books in `checking_books`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import numpy as np
from sqlalchemy import Connection, and_, inspect, select
from sqlalchemy.exc import DatabaseError

from canonical.cleaning import MalformedError, decode
from canonical.entities import ENTITIES, Field, Record
from canonical.store.bulk import BULK, content_hash, content_hashes
from canonical.store.checking_books import check_books
from canonical.store.damage import Findings, Told, World, some
from canonical.store.keyset import KeySet
from canonical.tables import HISTORY, METADATA, ROWS


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
    world = World.read(connection)
    for source, name in world.sources.items():
        pointed: dict[str, KeySet] = defaultdict(KeySet)
        for entity in ENTITIES:
            _check_rows(_Place(connection, found, world, source, f"{name}: {entity}", entity), pointed, told)
            _check_history(_Place(connection, found, world, source, f"{name}: history of {entity}", entity))
    told("ledger, quarantine, coverage", 0, None)
    check_books(connection, found, world)


@dataclass(frozen=True, slots=True)
class _Place:
    connection: Connection
    found: Findings
    world: World
    source: int
    where: str
    entity: str

    def add(self, check: str, what: str, examples: Iterable[object]) -> None:
        self.found.add(check, self.where, what, examples)


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
        for keys in some(place.connection, select(table.c.key).where(table.c.source == place.source)):
            pointed[place.entity].add_new([k for (k,) in keys])
    query = select(table).where(table.c.source == place.source)
    number = {c.name: i for i, c in enumerate(table.columns)}
    done = 0
    for rows in some(place.connection, query):
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
    ok = world.knows_batches(asked, place.source) if check == "batch" else world.knows_answers(asked)
    lost = (key for (key, _), there in zip(given, ok.tolist(), strict=True) if not there)
    place.add(check, f"{name} leads to no {'batch of this source' if check == 'batch' else 'answer'}", lost)


# -- history ----------------------------------------------------------------------------------------------------------


def _check_history(place: _Place) -> None:
    h, t = HISTORY.c, ROWS[place.entity].c
    query = (
        select(h.key, h.since, h.until, h.origin, h.hash, h.body, t.since.label("row_since"))
        .outerjoin(ROWS[place.entity], and_(t.source == h.source, t.key == h.key))
        .where(h.source == place.source, h.entity == place.entity)
        .order_by(h.key, h.since)
    )
    versions = _looked_at(place, query)
    for key, chain in groupby(versions, key=itemgetter(0)):
        _check_chain(place, key, list(chain))


def _looked_at(place: _Place, query: Any) -> Iterator[Any]:
    """The versions, each held by itself against its hash, its batches and its answer."""
    for rows in some(place.connection, query):
        keys = [row.key for row in rows]
        wrong = (row.key for row in rows if _hash_of(place.entity, row.body) != row.hash)
        place.add("history", "a version is not what was written (hash)", wrong)
        for name in ("since", "until"):
            _check_numbers(place, "batch", f"{name} of a version", keys, [getattr(row, name) for row in rows])
        _check_numbers(place, "origin", "a version", keys, [row.origin for row in rows])
        place.found.checked["versions"] += len(rows)
        yield from rows


def _check_chain(place: _Place, key: str, versions: Sequence[Any]) -> None:
    """The versions of one key, oldest first: each ends where the next begins, or at a batch that only removes."""
    row_since = versions[-1].row_since
    if row_since is None:
        place.add("history", "the row itself is missing", [key])
    begins = [v.since for v in versions[1:]] + ([] if row_since is None else [row_since])
    steps = list(zip((v.until for v in versions), begins, strict=False))
    if any(v.until <= v.since for v in versions) or any(begin < end for end, begin in steps):
        place.add("history", "versions overlap", [key])
    elif any(begin > end and end not in place.world.ending for end, begin in steps):
        place.add("history", "there is a gap between versions", [key])


def _hash_of(entity: str, body: str) -> int | None:
    try:
        return content_hash(decode(entity, body))
    except MalformedError:
        return None
