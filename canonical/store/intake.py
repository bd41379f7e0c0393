"""Takes what one source says in one run into the store.

Each batch is one transaction: rows, history, coverage, cursor, quarantine and ledger are committed together or not at
all. What is the same is not written again. What has vanished is removed last, and only inside scopes that were read
completely.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec
import numpy as np
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from canonical.batch import Batch, Drift, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.store import progress
from canonical.store.ages import micros_of
from canonical.store.engine import reading, writing
from canonical.store.keyset import KeySet
from canonical.store.leases import Lease, store_clock
from canonical.store.progress import Note, Progress, Spent, answers_of, noted_shapes
from canonical.store.quarantine import NAMELESS
from canonical.store.removing import mark_removed, outdated, postpone, vanished, withdraw_seen
from canonical.store.state import COUNTS, Brake, State, held_by
from canonical.store.upsert import upsert
from canonical.store.wire_fields import note_fields
from canonical.store.writer import BatchWriter
from canonical.tables import BATCHES, COVERAGE, DRIFT, LEDGER, QUARANTINE, REMOVALS, UNITS

_LONG: Final = 30.0
"""Seconds after which a transaction prolongs the lease once more: others look at it as soon as it ends."""

_LINES: Final = "#lines"
"""Marks, among the keys of a unit, the hashes of its lines."""

Clock = Callable[[], datetime]


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an intake came to.

    `ledger` is entity -> count -> number; `new_quarantine` counts entries that this run opened and left open;
    `waiting_removals` counts rows whose removal waits for a person.
    """

    ledger: dict[str, dict[str, int]]
    new_quarantine: int
    waiting_removals: int


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What a unit was made of: its answers, and a text that says what they and all else were that decide on its records."""

    digest: str
    answers: Sequence[Origin]


class Intake:
    """The way in for one source during one run. Not shared between threads.

    `zone` completes instants that have no offset; `replaying` says that the answers are old ones from the archive, which
    must not overwrite what newer answers brought; `captured` is there where they are those of browser captures, as the
    instant of the oldest of them: nor must those; lines of files are known by their hash with `line_salt`, and with
    `anew` none is taken for known, and whatever is covered may have vanished, also what no unit held the last time;
    `keeps_bodies` says whether a raw archive takes the bodies of answers.

    Use: `prepare` and `commit` for every batch, then `finish` (or `abandon`, when reading had to stop). `spent` tells what a
    job's run has cost so far, which is kept with every commit.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        run: int,
        source: int,
        name: str,
        zone: tzinfo,
        brake: Brake,
        replaying: bool = False,
        captured: str | None = None,
        line_salt: int = 0,
        anew: bool = False,
        keeps_bodies: bool = True,
        held: Lease | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._brake = brake
        self._newest_answer_at: str | None = None
        self._skipped: set[str] = set()
        self.spent: Callable[[], Spent] = Spent
        with writing(engine) as connection:
            self._held = held is not None
            self._lease = held or Lease.take(connection, f"import {name}")
            self._lease.hold(connection)
            self._state = State.begin(
                connection, run=run, source=source, zone=zone, replaying=replaying, captured=captured
            )
            self._state.line_salt = line_salt
            self._state.keeps_bodies = keeps_bodies
            query = select(UNITS.c.unit, UNITS.c.digest).where(UNITS.c.source == source)
            self._digests = {row.unit: row.digest for row in connection.execute(query)}
            q = QUARANTINE.c
            broken = select(q.unit).where(q.source == source, q.state == "open", q.kind == "malformed").distinct()
            self._broken = set(connection.execute(broken).scalars())
            self._state.anew = anew
            self.before = Progress(connection, run, source)
            self._skipped |= self.before.restore(connection, self._state)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that may take long, under the lease."""
        began = time.monotonic()
        with writing(self._engine) as connection:
            self._lease.hold(connection)
            yield connection
            if time.monotonic() - began > _LONG:
                self._lease.hold(connection)

    def hold(self) -> None:
        """Prolongs the lease while nothing is committed for a while."""
        with writing(self._engine) as connection:
            self._lease.hold(connection)
            self._write_spent(connection)

    def _write_spent(self, connection: Connection) -> None:
        if self._held:
            progress.write_spent(connection, self._state, store_clock(connection), self.spent())

    def prepare(self, batch: Batch) -> None:
        """Has lines read of which the store can know nothing yet. Looks at no row, so it may run beside a `commit`."""
        state = self._state
        for lines in batch.lines:
            if lines.ahead and state.blank[lines.entity]:
                lines.ready = lines.ahead(state.line_salt)

    def has_done(self, unit: str, made_of: MadeOf) -> bool:
        """Whether an earlier attempt of this run has committed or skipped the unit, with the same answers."""
        return self.before.digests.get(unit) == made_of.digest

    def commit(self, unit: str, batch: Batch, *, digest: str = "", made_of: MadeOf | None = None) -> None:
        """Writes one batch: all of it or nothing.

        `unit` names the piece of reading, the same in every run; `digest` says what its answers were, if the whole piece was
        read. `made_of` is kept for another attempt of the run.

        Raises:
            LeaseLostError: another process has taken the source over.
            StoreError: the database cannot write.

        """
        now = self._clock()
        stamp = now.isoformat()
        if unit in self.before.notes:
            digest = ""  # an earlier attempt read it otherwise; the next run shall look at it once more
        with self._writing() as connection:
            number = self._begin_batch(connection, unit, micros(now))
            writer = BatchWriter(self._state, connection, number=number, unit=unit, stamp=stamp)
            writer.write(batch)
            covered = len(self._state.scopes)
            scopes = self._cover(connection, batch, writer, stamp)
            self._suspect(connection, unit, {s.entity for s in scopes})
            if batch.whole:
                self._write_cursor(connection, writer, batch, scopes, digest, stamp)
            else:  # what the unit was as a whole is no longer what stands
                cursor = update(UNITS).where(UNITS.c.source == self._state.source, UNITS.c.unit == unit)
                connection.execute(cursor.values(digest=""))
            self._write_totals(connection, writer.touched)
            if self._held and made_of:
                note = Note(shapes=noted_shapes(batch.shapes.items()))
                note.keys = {name: keys.pack() for name, keys in writer.keys.items()}
                note.lines = {name: np.concatenate(parts).tobytes() for name, parts in writer.line_hashes.items()}
                note.scopes = self._state.scopes[covered:]
                note.hidden = {entity: sorted(some) for entity, some in writer.hidden.items()}
                note.fresh = dict(writer.fresh)
                self._note(connection, unit, made_of, note)

    def is_settled(self, unit: str) -> bool:
        """Whether a unit had been read as a whole when the run began, and nothing of it was set aside as malformed."""
        return unit in self._digests and unit not in self._broken

    def may_skip(self, unit: str, digest: str) -> bool:
        """Whether the answers of a unit were the same when the run began: then `skip` is worth a try."""
        return bool(digest) and self._digests.get(unit) == digest

    def skip(self, unit: str, digest: str, made_of: MadeOf | None = None) -> bool:
        """Takes a unit as read whose answers are the ones of the last time, without writing its rows again.

        Returns:
            False if the answers differ, or the unit was never read: then it must be committed.

        """
        state = self._state
        now = self._clock()
        stamp = now.isoformat()
        with writing(self._engine) as connection:
            self._lease.hold(connection)
            query = select(UNITS).where(UNITS.c.source == state.source, UNITS.c.unit == unit)
            last = connection.execute(query).first()
            if last is None or not digest or last.digest != digest:
                return False
            try:
                scopes = msgspec.json.decode(last.scopes, type=list[Scope])
                drift = dict(msgspec.json.decode(last.drift, type=list[tuple[Drift, int]]))
            except msgspec.DecodeError:  # the note is damaged, and is written anew
                return False
            packed = held_by(last.keys)
            if packed is None or not self._meet_lines(connection, packed):
                return False
            for entity, keys in packed.items():
                if entity.endswith(_LINES):
                    continue
                again = state.quarantine.renew(entity, KeySet(keys))
                aside = state.seen[entity].holds(again).count(False)
                new = state.seen[entity].merge(keys)
                if entity + _LINES in packed:  # what stands has been counted by its lines
                    new = aside
                if any(name.startswith(NAMELESS) for name in again):
                    state.unreadable.add(entity)
                state.counts[entity].update(received=new, quarantined=aside, unchanged=new - aside)
            state.scopes.extend((s, 0) for s in scopes)
            if not last.judged:
                state.unsure.update(s.entity for s in scopes)
            upsert(connection, COVERAGE, [_coverage_row(state, s, stamp) for s in scopes], keep=("first_at",))
            state.quarantine.write(connection, stamp)
            state.drift.update(drift)
            self._skipped.add(unit)
            self._write_totals(connection, {e.removesuffix(_LINES) for e in packed})
            if self._held and made_of:
                note = Note(scopes=[(s, 0) for s in scopes], skipped=True)
                note.keys = {e: some for e, some in packed.items() if not e.endswith(_LINES)}
                note.lines = {e.removesuffix(_LINES): some for e, some in packed.items() if e.endswith(_LINES)}
                self._note(connection, unit, made_of, note)
        return True

    def _note(self, connection: Connection, unit: str, made_of: MadeOf, note: Note) -> None:
        """Keeps what another attempt of a job's run needs to know of a unit."""
        state = self._state
        note.answers = answers_of(made_of.answers)
        note.unreadable = sorted(state.unreadable)
        note.unjudged = unit in state.unjudged
        self._write_spent(connection)
        progress.write(connection, state, unit, made_of.digest, store_clock(connection), note)

    def _meet_lines(self, connection: Connection, packed: dict[str, bytes]) -> bool:
        """Takes the lines of a unit as read; false if the records of some do not stand any more."""
        lines = {
            name.removesuffix(_LINES): np.frombuffer(body, dtype=np.int64)
            for name, body in packed.items()
            if name.endswith(_LINES)
        }
        indexes = {e: self._state.line_index(connection, e) for e in lines}
        if not all(indexes[e].knows_all(hashes) for e, hashes in lines.items()):
            return False
        for entity, hashes in lines.items():
            self._state.turn_to(entity)
            _, met = indexes[entity].meet(hashes)
            self._state.counts[entity].update(received=met, unchanged=met)
        return True

    def _suspect(self, connection: Connection, unit: str, covered: set[str]) -> None:
        """Notes what a unit held the last time: what it does not hold now may have vanished."""
        state = self._state
        query = select(UNITS.c["keys"], UNITS.c.judged, UNITS.c.digest)
        last = connection.execute(query.where(UNITS.c.source == state.source, UNITS.c.unit == unit)).first()
        held = None if last is None else held_by(last.keys)
        if last is None or held is None or not last.judged or not last.digest or state.replaying or state.anew:
            state.unsure.update(covered)
        for entity, keys in (held or {}).items():
            if not entity.endswith(_LINES):
                state.suspects[entity].append(keys)

    def _suspect_unread(self, connection: Connection) -> None:
        """Notes what units held that are no longer there; a scope that no dates cut holds all of theirs."""
        state = self._state
        wide = {s.entity for s, _ in state.scopes if s.axis in {Axis.NONE, Axis.ACADEMIC_YEAR}}
        query = select(UNITS.c.unit, UNITS.c["keys"]).where(UNITS.c.source == state.source, UNITS.c.run != state.run)
        for unit, packed in connection.execute(query).all() if wide else ():
            if unit in self._skipped:
                continue
            held = held_by(packed)
            if held is None:
                state.unsure.update(wide)
            keys = held or {}
            for entity in wide & keys.keys():
                state.suspects[entity].append(keys[entity])
            if held is None or (keys and {e.removesuffix(_LINES) for e in keys} <= wide):
                connection.execute(delete(UNITS).where(UNITS.c.source == state.source, UNITS.c.unit == unit))

    def retry(self) -> tuple[int, int]:
        """Tries to store what is in quarantine once more, and gives the lease back.

        Returns:
            How many records came out, and how many are left.

        """
        now = self._clock()
        with writing(self._engine) as connection:
            self._lease.hold(connection)
            number = self._begin_batch(connection, "quarantine", micros(now))
            writer = BatchWriter(self._state, connection, number=number, unit="quarantine", stamp=now.isoformat())
            before = len(self._state.quarantine)
            writer.retry()
            self._write_totals(connection, writer.touched)
            self._lease.give_back(connection)
        left = len(self._state.quarantine)
        return before - left, left

    def finish(self, told: Mapping[str, Any] | None = None) -> Outcome:
        """Removes what has vanished, gives the lease back, and says what the run came to.

        `told` (JSON) is kept for another attempt of a job's run, should this one end before it can tell it.
        """
        state = self._state
        state.ahead.close()
        postponed = 0
        with self._writing() as connection:
            for scope in [s for s, _ in state.scopes if self._is_open(s)]:
                row = _coverage_row(state, scope, "")
                uncovered = (c == row[c.name] for c in COVERAGE.primary_key.columns)
                connection.execute(delete(COVERAGE).where(*uncovered))
            state.scopes = [(s, n) for s, n in state.scopes if not self._is_open(s)]
            withdraw_seen(connection, state)
            self._suspect_unread(connection)
            number = None
            for entity, keys in outdated(connection, state):
                number = number or self._begin_batch(connection, "removals", micros(self._clock()))
                state.counts[entity]["removed"] += mark_removed(connection, state.source, entity, keys, number)
                self._write_totals(connection, [entity])
            for entity, gone, waiting in vanished(connection, state, self._brake):
                number = number or self._begin_batch(connection, "removals", micros(self._clock()))
                removed = mark_removed(connection, state.source, entity, gone - waiting, number)
                state.counts[entity]["removed"] += removed
                postpone(connection, state.run, state.source, entity, waiting)
                postponed += len(waiting)
                self._write_totals(connection, [entity])
            mine = UNITS.c.source == state.source
            read = (UNITS.c.run == state.run) | UNITS.c.unit.in_(sorted(self._skipped))
            open_ = UNITS.c.unit.in_(sorted(state.unjudged))
            connection.execute(update(UNITS).where(mine, read, ~open_, ~UNITS.c.judged).values(judged=True))
            if not state.replaying:
                state.drift.update(note_fields(connection, state.source, state.shapes))
                self._write_totals(connection, [])
            if self._held:
                self._write_spent(connection)
                progress.write_end(connection, state, store_clock(connection), told or {})
            else:
                self._lease.give_back(connection)
        return self._outcome(postponed)

    def outcome(self) -> Outcome:
        """What a run came to that an earlier attempt has finished."""
        r = REMOVALS.c
        waiting = select(func.count()).where(r.run == self._state.run, r.source == self._state.source)
        with reading(self._engine) as connection:
            return self._outcome(connection.execute(waiting).scalar_one())

    def abandon(self) -> Outcome:
        """Gives the lease back without removing anything: what was read does not tell what has vanished."""
        self._state.ahead.close()
        with writing(self._engine) as connection:
            if self._held:
                self._lease.hold(connection)
                self._write_spent(connection)
            else:
                self._lease.give_back(connection)
        return self._outcome(0)

    def _outcome(self, postponed: int) -> Outcome:
        ledger = {
            name: {c: counts[c] for c in COUNTS}
            for name, counts in sorted(self._state.counts.items())
            if any(counts.values())
        }
        return Outcome(ledger, self._state.quarantine.opened_by_this_run(), postponed)

    # -- the parts of a batch that are not rows ------------------------------------------------------------------

    def _begin_batch(self, connection: Connection, unit: str, at: int) -> int:
        last = connection.execute(select(func.max(BATCHES.c.at))).scalar()
        number: int = connection.execute(
            insert(BATCHES)
            .values(run=self._state.run, source=self._state.source, unit=unit, at=max(at, last or 0))
            .returning(BATCHES.c.id)
        ).scalar_one()
        if self._state.first_batch is None:
            self._state.first_batch = number
        return number

    def _is_open(self, scope: Scope) -> bool:
        """Whether a scope over everything has a hole somewhere: something without a key, in whatever batch."""
        everything = scope.selector is Selector.INSTITUTION and scope.axis is Axis.NONE
        return everything and scope.entity in self._state.unreadable

    def _cover(self, connection: Connection, batch: Batch, writer: BatchWriter, stamp: str) -> list[Scope]:
        scopes = [s for s in batch.scopes if s.entity not in writer.unreadable and not self._is_open(s)]
        if self._state.ages is not None:
            self._cover_captured(connection, scopes, batch, stamp)
            return scopes
        self._state.scopes.extend((s, writer.newest_origin) for s in scopes)
        if self._state.replaying:  # nothing is read anew: what was known of the portal stays as old as it was
            rows = [_coverage_row(self._state, s, self._archived_at(batch, stamp)) for s in scopes]
            upsert(connection, COVERAGE, rows, keep=("run", "at", "first_at"))
        else:
            rows = [_coverage_row(self._state, s, stamp) for s in scopes]
            upsert(connection, COVERAGE, rows, keep=("first_at",))
        return scopes

    def _cover_captured(self, connection: Connection, scopes: Sequence[Scope], batch: Batch, stamp: str) -> None:
        """Notes what a capture holds completely, as of its oldest answer; what was read later stands."""
        state = self._state
        at = min((origin.at for origin, _ in batch.blocks if origin), key=micros_of, default=stamp)
        state.scopes.extend((s, micros_of(at)) for s in scopes)
        for scope in scopes:
            row = _coverage_row(state, scope, at)
            same = [c == row[c.name] for c in COVERAGE.primary_key.columns]
            before = connection.execute(select(COVERAGE.c.at).where(*same)).scalar()
            if before is None or micros_of(before) < micros_of(at):
                upsert(connection, COVERAGE, [row], keep=("first_at",))

    def _archived_at(self, batch: Batch, stamp: str) -> str:
        """When the answers of a replayed batch came; of a batch without any, those before it."""
        moments = [origin.at for origin, _ in batch.blocks if origin]
        if moments:
            self._newest_answer_at = max(moments, key=datetime.fromisoformat)
        return self._newest_answer_at or stamp

    def _write_cursor(
        self, connection: Connection, writer: BatchWriter, batch: Batch, scopes: list[Scope], digest: str, stamp: str
    ) -> None:
        row: dict[str, Any] = {
            "source": self._state.source,
            "unit": writer.unit,
            "run": self._state.run,
            "at": stamp,
            "digest": digest,
            "scopes": msgspec.json.encode(scopes).decode(),
            "judged": False,
            "drift": msgspec.json.encode(list(batch.drift.items())).decode(),
            "keys": msgspec.msgpack.encode(
                {name: keys.pack() for name, keys in writer.keys.items()}
                | {name + _LINES: np.concatenate(parts).tobytes() for name, parts in writer.line_hashes.items()}
            ),
        }
        upsert(connection, UNITS, [row])

    def _write_totals(self, connection: Connection, entities: Iterable[str]) -> None:
        state = self._state
        ledger = [
            {"run": state.run, "source": state.source, "entity": name, **{c: state.counts[name][c] for c in COUNTS}}
            for name in sorted(entities)
        ]
        drift = [
            {"run": state.run, "source": state.source, "kind": d.kind, "place": d.where, "name": d.name, "count": n}
            for d, n in state.drift.items()
        ]
        upsert(connection, LEDGER, ledger)
        upsert(connection, DRIFT, drift)


def _coverage_row(state: State, scope: Scope, stamp: str) -> dict[str, Any]:
    return {
        "source": state.source,
        "entity": scope.entity,
        "selector": scope.selector.value,
        "selector_key": scope.selector_key or "",
        "axis": scope.axis.value,
        "start": scope.start or "",
        "end": scope.end or "",
        "run": state.run,
        "at": stamp,
        "first_at": stamp,
    }
