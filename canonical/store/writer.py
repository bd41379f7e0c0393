"""Writes the records of one batch: sorts out what is new, changed or the same, and what cannot be stored yet."""

from __future__ import annotations

import marshal
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from canonical.batch import Batch, Drift, Lines, Ready, Reject
from canonical.cleaning import MalformedError, clean, decode, encode
from canonical.entities import ENTITIES, Field, Record, entity_of
from canonical.store.bulk import BULK, Known, chunks, content_hash, content_hashes
from canonical.store.keyset import KeySet
from canonical.store.lines import Hashes, LineIndex, line_hashes
from canonical.store.provenance import Origins
from canonical.store.quarantine import Entry
from canonical.store.ready import make_ready
from canonical.store.state import Arrival, State, rank
from canonical.tables import BATCHES, HISTORY, ROWS, UNITS
from canonical.text import tidy


class _Waiting(NamedTuple):
    arrival: Arrival
    field: str
    entity: str
    key: str


class BatchWriter:
    """One batch within one transaction. `number` is the batch's own."""

    def __init__(self, state: State, connection: Connection, *, number: int, unit: str, stamp: str) -> None:
        self.state = state
        self.connection = connection
        self.number = number
        self.unit = unit
        self.stamp = stamp
        self.keys: dict[str, KeySet] = defaultdict(KeySet)
        self.line_hashes: dict[str, list[Hashes]] = defaultdict(list)
        self.touched: set[str] = set()
        self.unreadable: set[str] = set()
        self.newest_origin = 0
        self.fresh: dict[str, list[str]] = defaultdict(list)
        self.hidden: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._arrived: set[tuple[str, str]] = set()
        self._set_aside: set[tuple[str, str]] = set()

    def write(self, batch: Batch) -> None:
        """Stores what can be stored, quarantines what cannot, and lets go what waited for it."""
        origins = Origins(self.connection, self.state, self.stamp)
        arrivals: dict[str, dict[str, Arrival]] = defaultdict(dict)
        rejects = list(batch.rejects)
        for origin, records in batch.blocks:
            number = origins.number(origin)
            for record in records:
                try:
                    cleaned = clean(record, self.state.zone)
                except MalformedError as error:
                    rejects.append(
                        Reject(entity_of(record), tidy(record.key), str(error), msgspec.to_builtins(record), origin)
                    )
                    continue
                arrival = Arrival(cleaned, content_hash(cleaned), number, when=self._when(number))
                best = arrivals[entity_of(cleaned)]
                rival = best.get(cleaned.key)
                if rival is None or arrival.rank > rival.rank:
                    best[cleaned.key] = arrival
        for name in ENTITIES:
            if name in arrivals:
                if untold := batch.untold.get(name):
                    self._fill_in(name, untold, arrivals[name])
                self._take(name, arrivals[name])
        for lines in batch.lines:
            rejects += self._take_lines(lines, origins.number(lines.origin))
        for reject in rejects:
            self._set_reject_aside(reject, origins.number(reject.origin))
        self.newest_origin = origins.newest
        self.state.drift.update(batch.drift)
        self.state.shapes.update(batch.shapes)
        self._release()
        if batch.whole:
            self.state.quarantine.close_gone(self.unit, self._set_aside)
        self.state.quarantine.write(self.connection, self.stamp)

    def retry(self) -> None:
        """Tries to store what waits in quarantine, and what is malformed but has the form of a record."""
        quarantine = self.state.quarantine
        for entity in ENTITIES:
            entries = [e for e in quarantine.all() if e.entity == entity and self._has_form(e)]
            self._release_some(entity, entries)
            self._release()
        quarantine.write(self.connection, self.stamp)

    def _has_form(self, entry: Entry) -> bool:
        if entry.kind == "waiting":
            return True
        try:
            record = clean(decode(entry.entity, entry.body), self.state.zone)
        except MalformedError:
            return False
        entry.body = encode(record).decode()
        return True

    # -- lines of files ------------------------------------------------------------------------------------------

    def _take_lines(self, lines: Lines, origin: int | None) -> list[Reject]:
        """Reads the lines that are not known; gives what among them is no record."""
        entity = lines.entity
        self.state.turn_to(entity)
        if lines.ready and self._insert_ready(entity, lines.ready, origin):
            return []
        index = self.state.line_index(self.connection, entity)
        hashes = line_hashes(lines.split(), self.state.line_salt)
        known, met = index.meet(hashes)
        self._count(entity, "received", met)
        self._count(entity, "unchanged", met)
        read = lines.read(np.flatnonzero(~known).tolist())
        numbers = hashes[read.positions]
        ready = make_ready(entity, read.records, numbers) if self._may_insert_all(entity) else None
        if ready and self._insert_ready(entity, ready, origin):
            return read.rejects
        best: dict[str, Arrival] = {}
        for record, hash_, number in zip(read.records, content_hashes(read.records), numbers.tolist(), strict=True):
            arrival = Arrival(record, hash_, origin, number)
            rival = best.get(record.key)
            if rival is None or arrival.rank > rival.rank:
                best[record.key] = arrival
        self._take(entity, best)
        good = known.copy()
        good[read.positions] = True
        self.line_hashes[entity].append(hashes[good])
        return read.rejects

    def _may_insert_all(self, entity: str) -> bool:
        return self.state.blank[entity] and not len(self.state.quarantine)

    def _insert_ready(self, entity: str, ready: Ready, origin: int | None) -> bool:
        """Inserts records of which nothing is known yet, all at once; false if that is not so simple."""
        if not self._may_insert_all(entity):
            return False
        if any(self._lacking(entity, f, ready.refs[f.name]) for f in ENTITIES[entity].refs):
            return False
        if not self.state.seen[entity].add_if_new(ready.keys):
            return False
        rows = marshal.loads(ready.rows)  # noqa: S302 - made by a process of our own
        BULK[entity].insert_new(self.connection, self.state.source, ready.fields, rows, self.number, origin)
        self.line_hashes[entity].append(np.frombuffer(ready.lines, dtype=np.int64))
        self._count(entity, "received", ready.count)
        self._count(entity, "inserted", ready.count)
        return True

    # -- sorting out ---------------------------------------------------------------------------------------------

    def _take(self, entity: str, best: dict[str, Arrival]) -> None:
        keys = sorted(best)
        fresh = self.state.seen[entity].add_new(keys)
        self.keys[entity].add_new([k for k in keys if best[k].line is None])  # the others are known by their lines
        asked = [k for k, new in zip(keys, fresh, strict=True) if not new] if self.state.blank[entity] else keys
        known = BULK[entity].known(self.connection, self.state.source, asked) if asked else {}
        index = self.state.lines.get(entity)
        again = [k for k, new in zip(keys, fresh, strict=True) if not new or (index and _met(index, known.get(k)))]
        elsewhere = set(again)
        first = [k for k in keys if k not in elsewhere] if again else keys
        self._count(entity, "received", len(first))
        self._settle(entity, [best[k] for k in first], known)
        for key in again:
            self._take_again(entity, best[key], known.get(key))

    def _settle(self, entity: str, arrivals: Sequence[Arrival], known: dict[str, Known]) -> None:
        """Decides on records that come for the first time in this run."""
        same: list[str] = []
        other: list[Arrival] = []
        arrivals_by = {a.record.key: a for a in arrivals}
        if self.state.anew:
            known |= self._mend(entity, arrivals_by, known)
        if self.state.ages is not None:
            standing = known.keys() - self.state.fresh[entity]  # where what is new lies is asked last: it may yet move
            self.state.ages.look_up(self.connection, entity, sorted(standing))
        for arrival in arrivals:
            row = known.get(arrival.record.key)
            if row and ((row.removed is None and row.hash == arrival.hash) or self._is_stale(row, arrival)):
                same.append(arrival.record.key)
            else:
                other.append(arrival)
        self._count(entity, "unchanged", len(same))
        if self.state.ages is not None:
            self._renew(entity, [arrivals_by[k] for k in same], known)
        self._store(entity, other, known)
        self._count(entity, "released", self.state.quarantine.close_stored(entity, same))
        self.state.note_live(entity, same)

    def _mend(self, entity: str, arrivals: Mapping[str, Arrival], known: Mapping[str, Known]) -> dict[str, Known]:
        """Puts rows right that have been damaged: what comes is what was written there, by its hash or else word for word."""
        bulk = BULK[entity]
        rows: list[tuple[Any, ...]] = []
        mended: dict[str, Known] = {}
        standing = [k for k in arrivals if k in known and known[k].removed is None]
        for row in bulk.fetch(self.connection, self.state.source, standing):
            arrival, was = arrivals[row[1]], known[row[1]]
            right = bulk.row(self.state.source, arrival.record, arrival.hash, was.since, was.origin, was.line)
            is_word_for_word = bulk.fields_of(row) == bulk.fields_of(right)
            if is_word_for_word != (was.hash == arrival.hash):
                rows.append(right)
                mended[row[1]] = was._replace(hash=arrival.hash)
        if rows:
            bulk.replace(self.connection, rows)
        return mended

    def _when(self, origin: int | None) -> int:
        ages = self.state.ages
        return ages.of(self.connection, origin) if ages is not None else 0

    def _fill_in(self, entity: str, untold: Sequence[str], best: dict[str, Arrival]) -> None:
        """Lets stand what answers could not tell, since what tells it was not captured."""
        bulk = BULK[entity]
        for row in bulk.fetch(self.connection, self.state.source, sorted(best)):
            if row[-1] is not None:
                continue
            standing = bulk.record(row)
            arrival = best[standing.key]
            lacking = {
                n: v for n in untold if getattr(arrival.record, n) is None and (v := getattr(standing, n)) is not None
            }
            if lacking:
                arrival.record = msgspec.structs.replace(arrival.record, **lacking)
                arrival.hash = content_hash(arrival.record)

    def _is_stale(self, row: Known, arrival: Arrival) -> bool:
        """Whether a replayed or captured answer is older than what brought, or removed, the row that stands."""
        if (ages := self.state.ages) is not None:
            if row.removed is not None:
                return ages.removed(self.connection, row.removed) >= arrival.when
            entity, key = entity_of(arrival.record), arrival.record.key
            standing = ages.of(self.connection, row.origin)
            is_new = key in self.state.fresh[entity]  # no earlier run has seen it
            return max(standing, 0 if is_new else ages.confirmed(self.connection, entity, key)) > arrival.when
        if not self.state.replaying or arrival.origin is None:
            return False
        if row.removed is None:
            return row.origin is not None and row.origin > arrival.origin
        when = select(BATCHES.c.run).where(BATCHES.c.id == row.removed)
        return (self.connection.execute(when).scalar() or 0) >= self._run_of(arrival.origin)

    def _renew(self, entity: str, arrivals: Iterable[Arrival], known: dict[str, Known]) -> None:
        """Notes of rows that a newer capture says the same: what lies between the two is older than that."""
        table = ROWS[entity]
        for one in arrivals:
            row = known[one.record.key]
            if row.hash == one.hash and row.removed is None and self._when(row.origin) < one.when:
                mine = (table.c.source == self.state.source, table.c.key == one.record.key)
                self.connection.execute(update(table).where(*mine).values(origin=one.origin))

    def _run_of(self, origin: int) -> int:
        return Origins.run_of(self.connection, origin)

    def _store(self, entity: str, arrivals: Sequence[Arrival], known: dict[str, Known]) -> None:
        """Writes new and changed records whose references resolve; the others wait."""
        ready, waiting = self._resolve(entity, arrivals)
        self._write(entity, ready, known)
        inserted = sum(a.record.key not in known for a in ready)
        revived = sum((k := known.get(a.record.key)) is not None and k.removed is not None for a in ready)
        if self.state.ages is not None:
            new = [a.record.key for a in ready if a.record.key not in known]
            self.fresh[entity] += new
            self.state.fresh[entity].update(new)
        self._count(entity, "inserted", inserted)
        self._count(entity, "updated", len(ready) - inserted)
        self._count(entity, "revived", revived)
        self._count(entity, "quarantined", len(waiting))
        for one in waiting:
            self._wait(entity, one)

    def _take_again(self, entity: str, arrival: Arrival, row: Known | None) -> None:
        """Decides on a record whose key this run has already had in an earlier batch."""
        key = arrival.record.key
        entry = self.state.quarantine.of(entity, key)
        stands = row is not None and row.removed is None
        if entry and entry.last_run == self.state.run and not (stands and row and self._from_this_run(row)):
            self._replace_waiting(entity, arrival, entry, row)
        elif row is not None and stands and row.hash != arrival.hash and not self._is_stale(row, arrival):
            self._replace_stored(entity, arrival, row)
        elif row is None and entry is None:  # what came of it before was dropped by a person, or is gone
            self._count(entity, "quarantined", -1)
            self._store(entity, [arrival], {})

    def _from_this_run(self, row: Known) -> bool:
        return self.state.first_batch is not None and row.since >= self.state.first_batch

    def _replace_waiting(self, entity: str, arrival: Arrival, entry: Entry, row: Known | None) -> None:
        """A version that can be stored beats one that cannot; of two that cannot the greater rank stays."""
        ready, waiting = self._resolve(entity, [arrival])
        if ready:
            self._count(entity, "quarantined", -1)
            known = {arrival.record.key: row} if row else {}
            if row and row.removed is None and row.hash == arrival.hash:
                self._count(entity, "unchanged", 1)
                self._count(entity, "released", self.state.quarantine.close_stored(entity, [arrival.record.key]))
            else:
                self._store(entity, ready, known)
            return
        if entry.kind == "malformed" or arrival.rank > self._rank_of(entry):
            self._wait(entity, waiting[0])
        else:
            self._set_aside.add((entity, entry.identity))

    def _rank_of(self, entry: Entry) -> tuple[int, str, int]:
        record = decode(entry.entity, entry.body)
        return rank(record, content_hash(record), self._when(entry.origin))

    def _replace_stored(self, entity: str, arrival: Arrival, row: Known) -> None:
        """Puts the version of greater rank in the place of the one that this run has let stand so far."""
        bulk = BULK[entity]
        (standing,) = bulk.fetch(self.connection, self.state.source, [arrival.record.key])
        if arrival.rank <= rank(bulk.record(standing), row.hash, self._when(row.origin)):
            return
        ready, _ = self._resolve(entity, [arrival])
        if not ready:
            return
        if not self._from_this_run(row):
            self._count(entity, "unchanged", -1)
            self._count(entity, "updated", 1)
            self._write(entity, ready, {arrival.record.key: row})
            return
        since, origin = row.since, arrival.origin
        before = self._before_this_run(entity, arrival.record.key)
        if before is not None and before.hash == arrival.hash:
            # what the store had before the run has won after all: as if nothing had been written
            since, origin = before.since, before.origin
            self._count(entity, "updated", -1)
            self._count(entity, "unchanged", 1)
            h = HISTORY.c
            self.connection.execute(
                delete(HISTORY).where(
                    h.source == self.state.source,
                    h.entity == entity,
                    h.key == arrival.record.key,
                    h.since == before.since,
                )
            )
        bulk.replace(
            self.connection, [bulk.row(self.state.source, arrival.record, arrival.hash, since, origin, arrival.line)]
        )

    def _before_this_run(self, entity: str, key: str) -> Any:
        """The version that a first batch of this run has moved into history, if one has."""
        h = HISTORY.c
        return self.connection.execute(
            select(h.since, h.hash, h.origin).where(
                h.source == self.state.source, h.entity == entity, h.key == key, h.until >= self.state.first_batch
            )
        ).first()

    # -- references ----------------------------------------------------------------------------------------------

    def _resolve(self, entity: str, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[_Waiting]]:
        """Splits records into those whose required references stand, and those that wait for one."""
        if not arrivals:
            return [], []
        records = [a.record for a in arrivals]
        missing = {f.name: self._missing(entity, f, records) for f in ENTITIES[entity].refs}
        for field in ENTITIES[entity].refs:
            if field.ref and not field.ref.required and missing[field.name]:
                self.state.drift[Drift("unresolved_reference", entity, field.name)] += len(missing[field.name])
        required = [f for f in ENTITIES[entity].refs if f.ref and f.ref.required and missing[f.name]]
        if not required:
            return list(arrivals), []
        return _by_readiness(entity, arrivals, required, missing)

    def _missing(self, entity: str, field: Field, records: Sequence[Record]) -> set[str]:
        """The keys that a reference field of records points at and under which nothing stands."""
        values = set(map(attrgetter(field.name), records))
        values.discard(None)
        return self._lacking(entity, field, set().union(*values) if field.kind is tuple else values)

    def _lacking(self, entity: str, field: Field, keys: set[str]) -> set[str]:
        assert field.ref  # noqa: S101 - called for references only
        target = field.ref.entity
        wanted = keys - self.state.live[target]
        if not wanted:
            return wanted
        if target != entity and self.state.blank[target] and target not in self.state.quarantine.touched:
            # what stands there has come in this run, and all that has come stands
            asked = list(wanted)
            return {k for k, there in zip(asked, self.state.seen[target].holds(asked), strict=True) if not there}
        found = BULK[target].live(self.connection, self.state.source, sorted(wanted))
        self.state.note_live(target, found)
        return wanted - found

    # -- writing -------------------------------------------------------------------------------------------------

    def _write(self, entity: str, arrivals: Sequence[Arrival], known: dict[str, Known]) -> None:
        if not arrivals:
            return
        bulk = BULK[entity]
        rows = [bulk.row(self.state.source, a.record, a.hash, self.number, a.origin, a.line) for a in arrivals]
        old = [a.record.key for a in arrivals if a.record.key in known]
        if old:
            self._forget_digests({known[k].since for k in old})
            self._keep_history(entity, old)
            self.state.ahead.spoil(entity)
            if index := self.state.lines.get(entity):
                index.forget(line for k in old if (line := known[k].line) is not None)
            bulk.replace(self.connection, [r for r in rows if r[1] in known])
        new = [r for r in rows if r[1] not in known]
        if new:
            bulk.insert(self.connection, new)
        keys = [a.record.key for a in arrivals]
        self.state.note_live(entity, keys)
        if len(self.state.quarantine):
            self._arrived.update((entity, k) for k in keys if k not in known or known[k].removed is not None)
        self._count(entity, "released", self.state.quarantine.close_stored(entity, keys))

    def _forget_digests(self, since: set[int]) -> None:
        """Other units that brought what is overwritten are no longer taken as read: their word may count again."""
        b, u = BATCHES.c, UNITS.c
        for some in chunks(sorted(since)):
            others = select(b.unit).where(b.id.in_(some), b.unit != self.unit)
            rows = update(UNITS).where(u.source == self.state.source, u.unit.in_(others))
            self.connection.execute(rows.values(digest=""))

    def _keep_history(self, entity: str, keys: Sequence[str]) -> None:
        bulk = BULK[entity]
        rows = []
        for row in bulk.fetch(self.connection, self.state.source, keys):
            *_, hash_, _line, since, origin, removed = row
            record = bulk.record(row)
            rows.append(
                {
                    "source": self.state.source,
                    "entity": entity,
                    "key": record.key,
                    "since": since,
                    "until": self.number if removed is None else removed,
                    "origin": origin,
                    "hash": hash_,
                    "body": encode(record).decode(),
                }
            )
        self.connection.execute(insert(HISTORY), rows)

    # -- quarantine ----------------------------------------------------------------------------------------------

    def _wait(self, entity: str, one: _Waiting) -> None:
        record = one.arrival.record
        entry = self.state.quarantine.put(
            entity,
            key=record.key,
            unit=self.unit,
            reason=f"{one.field}: {one.entity} {one.key} has not come yet",
            body=encode(record).decode(),
            missing=(one.entity, one.key),
            origin=one.arrival.origin,
        )
        self._set_aside.add((entity, entry.identity))

    def _set_reject_aside(self, reject: Reject, origin: int | None) -> None:
        key = reject.key
        new = True
        if key is not None:
            (new,) = self.state.seen[reject.entity].add_new([key])
            self.keys[reject.entity].add_new([key])
        standing = self.state.quarantine.of(reject.entity, key) if key is not None else None
        if not new and (standing is None or standing.last_run != self.state.run):
            return  # the run has a good version of this key
        if key is not None:
            for name in reject.hides:
                self.hidden[name].add((reject.entity, key))
                self.state.hidden[name].add((reject.entity, key))
        entry = self.state.quarantine.put(
            reject.entity,
            key=key,
            unit=self.unit,
            reason=reject.reason,
            body=msgspec.json.encode(reject.raw, enc_hook=repr).decode(),
            origin=origin,
        )
        if key is None or reject.hides:
            self.state.unjudged.add(self.unit)
        if key is None:
            self.unreadable.update((reject.entity, *reject.hides))
            self.state.unreadable.update((reject.entity, *reject.hides))
            (new,) = self.state.seen[reject.entity].add_new([entry.name])
            self.keys[reject.entity].add_new([entry.name])
        self._set_aside.add((reject.entity, entry.identity))
        if new:
            self._count(reject.entity, "received", 1)
            self._count(reject.entity, "quarantined", 1)

    def _release(self) -> None:
        """Stores what waited for the records of this batch, and then what waited for that."""
        while self._arrived:
            arrived, self._arrived = self._arrived, set()
            entries: dict[str, list[Entry]] = defaultdict(list)
            for entry in self.state.quarantine.waiting_for(arrived):
                entries[entry.entity].append(entry)
            for entity, some in entries.items():
                self._release_some(entity, some)

    def _release_some(self, entity: str, entries: Sequence[Entry]) -> None:
        arrivals: dict[str, Arrival] = {}
        for entry in entries:
            record = decode(entity, entry.body)
            arrivals[record.key] = Arrival(record, content_hash(record), entry.origin)
        ready, waiting = self._resolve(entity, list(arrivals.values()))
        by_key = {e.key: e for e in entries}
        for one in waiting:
            entry = by_key[one.arrival.record.key]
            self.state.quarantine.put(
                entity,
                key=entry.key,
                unit=entry.unit,
                reason=f"{one.field}: {one.entity} {one.key} has not come yet",
                body=entry.body,
                missing=(one.entity, one.key),
                origin=entry.origin,
            ).last_run = entry.last_run
        known = BULK[entity].known(self.connection, self.state.source, [a.record.key for a in ready])
        self.state.blank[entity] = False  # rows that this run has not seen stand there now
        for arrival in ready:
            row = known.get(arrival.record.key)
            if by_key[arrival.record.key].last_run == self.state.run:
                self._count(entity, "quarantined", -1)
                self._count(entity, _fate(row, arrival), 1)
            if row and row.removed is not None:
                self._count(entity, "revived", 1)
        changed = [a for a in ready if _fate(known.get(a.record.key), a) != "unchanged"]
        self._write(entity, changed, known)
        same = [a.record.key for a in ready if _fate(known.get(a.record.key), a) == "unchanged"]
        self._count(entity, "released", self.state.quarantine.close_stored(entity, same))

    def _count(self, entity: str, what: str, number: int) -> None:
        if number:
            self.state.counts[entity][what] += number
            self.touched.add(entity)


def _met(index: LineIndex, row: Known | None) -> bool:
    """Whether the run has had the line of a row that stands."""
    return row is not None and row.removed is None and row.line is not None and index.has_met(row.line)


def _fate(row: Known | None, arrival: Arrival) -> str:
    if row is None:
        return "inserted"
    return "unchanged" if row.removed is None and row.hash == arrival.hash else "updated"


def _by_readiness(
    entity: str, arrivals: Sequence[Arrival], required: Iterable[Field], missing: dict[str, set[str]]
) -> tuple[list[Arrival], list[_Waiting]]:
    """Splits records by their required references; one that points at a ready record of its own entity is ready."""
    ready: dict[str, Arrival] = {}
    rest = list(arrivals)
    while rest:
        waiting = []
        for arrival in rest:
            lack = _first_lack(entity, arrival.record, required, missing, ready)
            if lack is None:
                ready[arrival.record.key] = arrival
            else:
                waiting.append(_Waiting(arrival, *lack))
        if len(waiting) == len(rest):
            return list(ready.values()), waiting
        rest = [w.arrival for w in waiting]
    return list(ready.values()), []


def _first_lack(
    entity: str, record: Record, required: Iterable[Field], missing: dict[str, set[str]], ready: dict[str, Arrival]
) -> tuple[str, str, str] | None:
    for field in required:
        value = getattr(record, field.name)
        target = field.ref.entity if field.ref else ""
        for key in value if field.kind is tuple else (value,):
            if key in missing[field.name] and not (target == entity and key in ready):
                return field.name, target, key
    return None
