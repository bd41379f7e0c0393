"""The store: batches in, the journal as it stands or stood out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, tzinfo

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from canonical.entities import Record
from canonical.store.engine import StoreError, connect, reading, writing
from canonical.store.intake import Clock, Intake, MadeOf, Outcome, micros
from canonical.store.journal import SourceRow, batch_at, records, sources, versions
from canonical.store.leases import BusyError, Lease, LeaseLostError
from canonical.store.migrating import upgrade
from canonical.store.removing import mark_removed
from canonical.store.state import Brake
from canonical.tables import BATCHES, REMOVALS, SOURCES

__all__ = [
    "Brake",
    "BusyError",
    "Intake",
    "LeaseLostError",
    "MadeOf",
    "Outcome",
    "SourceRow",
    "Store",
    "StoreError",
    "batch_at",
    "micros",
    "records",
    "sources",
    "versions",
]


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """An opened store, brought to the newest form of its tables.

    `clock` tells the moment that rows, runs and judgements are stamped with.

    Raises:
        StoreError: the database is out of reach, or was made by a newer svod.

    """

    def __init__(self, url: str, clock: Clock = _now) -> None:
        self.engine = connect(url)
        self.clock = clock
        upgrade(self.engine)

    def close(self) -> None:
        """Gives the database's connections back."""
        self.engine.dispose()

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view."""
        return reading(self.engine)

    def writing(self) -> AbstractContextManager[Connection]:
        """One transaction."""
        return writing(self.engine)

    def stamp(self) -> str:
        """The moment, as text."""
        return self.clock().isoformat()

    def source(
        self,
        key: str,
        *,
        institution: str,
        connector: str,
        capabilities: Mapping[str, Iterable[str]],
        says_what_comes: bool = False,
        held: Lease | None = None,
    ) -> int:
        """The number of a source, which is added or brought up to date; see `SourceRow` for what it is said to be.

        Raises:
            LeaseLostError: it is said by a job that `held` a lease which another has now.

        """
        said = msgspec.json.encode({e: sorted(f) for e, f in sorted(capabilities.items())}).decode()
        with self.writing() as connection:
            if held is not None:
                held.hold(connection)
            number: int | None = connection.execute(select(SOURCES.c.id).where(SOURCES.c.key == key)).scalar()
            values = {
                "institution": institution,
                "connector": connector,
                "capabilities": said,
                "says_what_comes": says_what_comes,
            }
            if number is None:
                row = insert(SOURCES).values(key=key, state="new", state_since=self.stamp(), **values)
                added: int = connection.execute(row.returning(SOURCES.c.id)).scalar_one()
                return added
            connection.execute(update(SOURCES).where(SOURCES.c.id == number).values(**values))
            return number

    def note_source(
        self, source: int, state: str, message: str | None, *, complete: bool, held: Lease | None = None
    ) -> None:
        """Notes how the last reading of a source ended: `ok`, `partial`, `failed` or `needs_sign_in`.

        `signed_in` follows the last of these, once a person has done so. `complete` says that it left no gap which reading again could fill.

        Raises:
            LeaseLostError: it is told by a job that `held` a lease which another has now.

        """
        stamp = self.stamp()
        with self.writing() as connection:
            if held is not None:
                held.hold(connection)
            before = connection.execute(select(SOURCES.c.state).where(SOURCES.c.id == source)).scalar()
            values = {"state": state, "message": message}
            if state != before:
                values["state_since"] = stamp
            if state in {"ok", "partial"}:
                values["last_read_at"] = stamp
            if complete:
                values["last_ok_at"] = stamp
            connection.execute(update(SOURCES).where(SOURCES.c.id == source).values(**values))

    def intake(
        self,
        *,
        run: int,
        source: int,
        name: str,
        zone: tzinfo,
        brake: Brake | None = None,
        replaying: bool = False,
        captured: str | None = None,
        line_salt: int = 0,
        anew: bool = False,
        keeps_bodies: bool = True,
        held: Lease | None = None,
    ) -> Intake:
        """The way in for one source during one run; see `Intake`.

        Raises:
            BusyError: another process is importing this source.

        """
        return Intake(
            self.engine,
            self.clock,
            run=run,
            source=source,
            name=name,
            zone=zone,
            brake=brake or Brake(),
            replaying=replaying,
            captured=captured,
            line_salt=line_salt,
            anew=anew,
            keeps_bodies=keeps_bodies,
            held=held,
        )

    def accept_removals(self, run: int) -> dict[str, dict[str, int]]:
        """Applies the removals of a run that waited for a person: source -> entity -> rows removed."""
        r = REMOVALS.c
        done: dict[str, dict[str, int]] = {}
        with self.writing() as connection:
            names = {s.id: s.key for s in sources(connection)}
            query = select(r.source, r.entity, r.key).where(r.run == run).order_by(r.source, r.entity)
            waiting: dict[tuple[int, str], list[str]] = {}
            for source, entity, key in connection.execute(query):
                waiting.setdefault((source, entity), []).append(key)
            for (source, entity), keys in waiting.items():
                lease = Lease.take(connection, f"import {names[source]}")
                last = connection.execute(select(func.max(BATCHES.c.at))).scalar() or 0
                at = max(micros(self.clock()), last)
                batch = connection.execute(
                    insert(BATCHES)
                    .values(run=run, source=source, unit="accepted removals", at=at)
                    .returning(BATCHES.c.id)
                ).scalar_one()
                done.setdefault(names[source], {})[entity] = mark_removed(connection, source, entity, keys, batch)
                lease.give_back(connection)
            connection.execute(delete(REMOVALS).where(r.run == run))
        return done

    def records(self, source: int, entity: str, *, as_of: datetime | None = None) -> Iterator[Record]:
        """The records of one entity of one source in the order of their keys, as they stand or stood."""
        with self.reading() as connection:
            batch = batch_at(connection, micros(as_of)) if as_of else None
            yield from records(connection, source, entity, batch=batch)
