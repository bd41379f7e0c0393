"""Records that could not be stored: kept whole, with the reason, until they can be or are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xxhash
from sqlalchemy import Connection, select

from canonical.store.keyset import KeySet, Packed, hashed
from canonical.store.upsert import upsert
from canonical.tables import QUARANTINE


@dataclass(slots=True)
class Entry:
    """One quarantined thing. `missing` is (entity, key) of what it waits for; null where it is malformed."""

    entity: str
    key: str | None
    unit: str
    kind: str
    reason: str
    body: str
    missing: tuple[str, str] | None
    origin: int | None
    first_run: int
    last_run: int
    state: str = "open"

    @property
    def identity(self) -> str:
        """What makes it the same entry when it comes again: its key, or else its content."""
        return f"key:{self.key}" if self.key is not None else f"body:{xxhash.xxh3_64_hexdigest(self.body.encode())}"

    @property
    def name(self) -> str:
        """What stands for it among the keys of a unit: its key, or, where it has none, its identity."""
        return NAMELESS + self.identity if self.key is None else self.key


NAMELESS: Final = "\0"
"""No key begins with it."""


class Quarantine:
    """The open entries of one source, held in memory for a run and written with each batch.

    `touched` names the entities of which anything has been set aside: when the run began (what a person had dropped is
    that too), or in it.
    """

    def __init__(self, connection: Connection, source: int, run: int) -> None:
        self._source = source
        self._run = run
        self._open: dict[tuple[str, str], Entry] = {}
        self._of_unit: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._waiting: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        self._hashed: dict[str, tuple[list[Entry], Packed]] = {}
        self._changed: dict[tuple[str, str], Entry] = {}
        self._dropped: dict[tuple[str, str], str] = {}
        self.touched: set[str] = set()
        q = QUARANTINE.c
        for row in connection.execute(select(QUARANTINE).where(q.source == source, q.state.in_(("open", "dropped")))):
            self.touched.add(row.entity)
            if row.state == "dropped":
                self._dropped[row.entity, row.identity] = row.body
                continue
            missing = (row.missing_entity, row.missing_key) if row.missing_entity else None
            self._index(
                Entry(
                    row.entity, row.key, row.unit, row.kind, row.reason, row.body, missing, row.origin,
                    row.first_run, row.last_run,
                )
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[Entry]:
        """The open entries."""
        return list(self._open.values())

    def opened_by_this_run(self) -> int:
        """How many open entries were not there before this run."""
        return sum(e.first_run == self._run for e in self._open.values())

    def of(self, entity: str, key: str) -> Entry | None:
        """The open entry of a key."""
        return self._open.get((entity, f"key:{key}"))

    def put(
        self,
        entity: str,
        *,
        key: str | None,
        unit: str,
        reason: str,
        body: str,
        missing: tuple[str, str] | None = None,
        origin: int | None = None,
    ) -> Entry:
        """Opens an entry, or renews the one that is open for the same key or content; `body` is JSON.

        What a person has dropped stays dropped as long as it comes in the same form.
        """
        self.touched.add(entity)
        kind = "waiting" if missing else "malformed"
        entry = Entry(entity, key, unit, kind, reason, body, missing, origin, self._run, self._run)
        if self._dropped.get((entity, entry.identity)) == body:
            entry.state = "dropped"
            return entry
        before = self._open.get((entity, entry.identity))
        if before:
            entry.first_run = before.first_run
            self._forget(before)
        self._index(entry)
        self._changed[entity, entry.identity] = entry
        return entry

    def close(self, entry: Entry, state: str) -> None:
        """Ends an entry: `released`, `gone` or `dropped`."""
        self._forget(entry)
        entry.state = state
        entry.last_run = self._run
        self._changed[entry.entity, entry.identity] = entry

    def close_stored(self, entity: str, keys: Iterable[str]) -> int:
        """Ends the entries of keys that are stored now; says how many there were."""
        if not self._open:
            return 0
        entries = [e for k in keys if (e := self.of(entity, k))]
        for entry in entries:
            self.close(entry, "released")
        return len(entries)

    def close_gone(self, unit: str, here: set[tuple[str, str]]) -> None:
        """Ends the entries of a unit that was read again without them. `here` holds (entity, identity)."""
        for name in self._of_unit.get(unit, set()) - here:
            self.close(self._open[name], "gone")

    def waiting_for(self, arrived: set[tuple[str, str]]) -> list[Entry]:
        """Open entries that wait for one of these records."""
        if not self._waiting:
            return []
        names = {i for a in arrived & self._waiting.keys() for i in self._waiting[a]}
        return [self._open[n] for n in sorted(names)]

    def renew(self, entity: str, held: KeySet) -> list[str]:
        """Takes the open entries of an entity as come again that a unit holds, whichever unit brought them; gives their names."""
        if entity not in self._hashed:
            entries = [e for e in self._open.values() if e.entity == entity]
            self._hashed[entity] = entries, hashed([e.name for e in entries])
        entries, hashes = self._hashed[entity]
        again = [entries[n] for n in np.flatnonzero(held.holds_hashes(hashes)).tolist()]
        for entry in again:
            entry.last_run = self._run
            self._changed[entity, entry.identity] = entry
        return [e.name for e in again]

    def write(self, connection: Connection, stamp: str) -> None:
        """Writes what has changed since the last call."""
        rows = [
            {
                "source": self._source,
                "entity": e.entity,
                "identity": e.identity,
                "key": e.key,
                "unit": e.unit,
                "kind": e.kind,
                "reason": e.reason,
                "missing_entity": e.missing[0] if e.missing else None,
                "missing_key": e.missing[1] if e.missing else None,
                "body": e.body,
                "origin": e.origin,
                "first_run": e.first_run,
                "last_run": e.last_run,
                "first_at": stamp,
                "state": e.state,
            }
            for e in self._changed.values()
        ]
        upsert(connection, QUARANTINE, rows, keys=("source", "entity", "identity"), keep=("first_at",))
        self._changed.clear()

    def _index(self, entry: Entry) -> None:
        self._open[entry.entity, entry.identity] = entry
        self._of_unit[entry.unit].add((entry.entity, entry.identity))
        self._hashed.pop(entry.entity, None)
        if entry.missing:
            self._waiting[entry.missing].add((entry.entity, entry.identity))

    def _forget(self, entry: Entry) -> None:
        name = (entry.entity, entry.identity)
        self._open.pop(name, None)
        self._of_unit[entry.unit].discard(name)
        self._hashed.pop(entry.entity, None)
        if entry.missing and (names := self._waiting.get(entry.missing)):
            names.discard(name)
            if not names:
                del self._waiting[entry.missing]
