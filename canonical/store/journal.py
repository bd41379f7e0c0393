"""Reads the journal out of the store, as it stands or as it stood."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, func, or_, select

from canonical.cleaning import decode
from canonical.entities import Record
from canonical.store.bulk import BULK
from canonical.store.engine import StoreError
from canonical.store.notes import HISTORY_FROM, note
from canonical.tables import ANSWERS, BATCHES, HISTORY, ROWS, RUNS, SOURCES


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as the store knows it. `capabilities` is entity -> fields that the source can say.

    Of a source that `says_what_comes` (files with some columns or others) they are the most that it may say: a field
    that no record has is not known to be said.
    """

    id: int
    key: str
    institution: str
    connector: str
    capabilities: dict[str, list[str]]
    state: str
    state_since: str
    message: str | None
    last_ok_at: str | None
    last_read_at: str | None
    says_what_comes: bool = False

    def can_say(self, entity: str, field: str = "key") -> bool:
        """Whether the source has such a thing to say at all. Manifests do not list the key: who names an entity has it."""
        return entity in self.capabilities if field == "key" else field in self.capabilities.get(entity, ())


def sources(connection: Connection, institution: str | None = None) -> list[SourceRow]:
    """Every source that was ever read, in the order of their keys."""
    query = select(SOURCES).order_by(SOURCES.c.key)
    if institution is not None:
        query = query.where(SOURCES.c.institution == institution)
    return [
        SourceRow(**{**row, "capabilities": msgspec.json.decode(row["capabilities"])})
        for row in connection.execute(query).mappings()
    ]


def batch_at(connection: Connection, moment: int) -> int:
    """The last batch that was committed at or before a moment (microseconds since 1970 UTC); 0 if there was none.

    Raises:
        StoreError: what was before then has been pruned.

    """
    kept_from = note(connection, HISTORY_FROM)
    if kept_from is not None and moment < (first := int(kept_from)):
        since = datetime.fromtimestamp(first / 1_000_000, UTC).isoformat(timespec="seconds")
        raise StoreError(f"what stood before {since} has been pruned: ask for that moment or a later one")
    return connection.execute(select(func.max(BATCHES.c.id)).where(BATCHES.c.at <= moment)).scalar() or 0


@dataclass(frozen=True, slots=True)
class Version:
    """A record as it stands or stood; `removed`: it has vanished from its source by then."""

    record: Record
    removed: bool


def versions(
    connection: Connection, source: int, entity: str, *, batch: int | None = None, with_removed: bool = False
) -> Iterator[Version]:
    """The records of an entity in the order of their keys: now, or as they stood after a batch.

    With `with_removed` those that had vanished by then come too.
    """
    then = _standing(connection, source, entity, batch=batch, with_removed=with_removed)
    if batch is None:
        yield from then
        return
    since = _replaced(connection, source, entity, batch, with_removed=with_removed)
    yield from heapq.merge(then, since, key=lambda v: v.record.key)


def records(connection: Connection, source: int, entity: str, *, batch: int | None = None) -> Iterator[Record]:
    """The records of an entity that have not vanished, in the order of their keys: now, or after a batch."""
    return (v.record for v in versions(connection, source, entity, batch=batch))


def _standing(
    connection: Connection, source: int, entity: str, *, batch: int | None, with_removed: bool
) -> Iterator[Version]:
    """Rows that stand in the entity's table, and stood there after the batch already."""
    bulk = BULK[entity]
    t = ROWS[entity]
    query = select(t).where(t.c.source == source).order_by(t.c.key)
    if batch is not None:
        query = query.where(t.c.since <= batch)
    if not with_removed:
        query = query.where(t.c.removed.is_(None) if batch is None else or_(t.c.removed.is_(None), t.c.removed > batch))
    for row in _stream(connection, query):
        removed = row[-1] is not None and (batch is None or row[-1] <= batch)
        yield Version(bulk.record(row), removed)


def _replaced(connection: Connection, source: int, entity: str, batch: int, *, with_removed: bool) -> Iterator[Version]:
    """What stood after the batch and has been replaced since."""
    t = ROWS[entity].c
    h = HISTORY.c
    query = (
        select(h.key, h.until, h.body)
        .join(ROWS[entity], (t.source == h.source) & (t.key == h.key))
        .where(h.source == source, h.entity == entity, h.since <= batch, t.since > batch)
        .order_by(h.key, h.since)
    )
    for _, group in groupby(_stream(connection, query), key=itemgetter(0)):
        *_, (_, until, body) = group
        if with_removed or until > batch:
            yield Version(decode(entity, body), removed=until <= batch)


def _stream(connection: Connection, query: Any) -> Iterator[Sequence[Any]]:
    yield from connection.execute(query, execution_options={"stream_results": True, "max_row_buffer": 5_000})


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which run, and which answer or file, brought a record as it stands. `sha256` names the body in the raw archive."""

    run: int
    at: str
    request: str | None
    sha256: str | None


def provenance(connection: Connection, source: int, entity: str, key: str) -> Provenance | None:
    """Where the value that stands under a key comes from; null if there is no such record."""
    t = ROWS[entity].c
    query = (
        select(BATCHES.c.run, RUNS.c.started_at, ANSWERS.c.request, ANSWERS.c.sha256)
        .select_from(ROWS[entity])
        .join(BATCHES, BATCHES.c.id == t.since)
        .join(RUNS, RUNS.c.id == BATCHES.c.run)
        .outerjoin(ANSWERS, ANSWERS.c.id == t.origin)
        .where(t.source == source, t.key == key)
    )
    row = connection.execute(query).first()
    return Provenance(*row) if row else None
