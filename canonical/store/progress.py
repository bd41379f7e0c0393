"""How far a job's run has come: what each unit left behind, so that another attempt goes on as if it had been the first.

The rows of a unit, its ledger and this note of it are committed together. An attempt that takes the run up restores from
the notes what an intake knows between its batches, and need not ask the portal for these units again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from sqlalchemy import Connection, delete, func, select

from canonical.batch import Drift, Origin
from canonical.coverage import Scope
from canonical.store.lines import LineIndex
from canonical.store.state import COUNTS, State
from canonical.store.upsert import upsert
from canonical.tables import BATCHES, DRIFT, LEDGER, PROGRESS

_END: Final = ""
"""The name under which it stands that the run has read all, and removed what had vanished."""


_SPENT: Final = " spent"
"""The name under which it stands what the attempts of a run have cost so far."""


class Spent(msgspec.Struct, frozen=True):
    """What attempts have cost: requests sent, those of them sent once more, and seconds."""

    requests: int = 0
    retries: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.requests + other.requests, self.retries + other.retries, self.seconds + other.seconds)


class Note(msgspec.Struct, omit_defaults=True, array_like=True):
    """What one unit added to a run. `keys` and `lines` are packed hashes, by entity; `answers` are those it was made of.

    `skipped` says that its answers were those of the last import, so that its rows were not written again; `fresh` are the
    keys that a capture brought anew. `told` is there at the end of a run only: what it has to say besides its ledger (JSON).
    """

    answers: list[Origin] = []
    keys: dict[str, bytes] = {}
    lines: dict[str, bytes] = {}
    scopes: list[tuple[Scope, int]] = []
    shapes: list[tuple[str, list[str], int]] = []
    hidden: dict[str, list[tuple[str, str]]] = {}
    unreadable: list[str] = []
    unjudged: bool = False
    skipped: bool = False
    fresh: dict[str, list[str]] = {}
    told: bytes = b""


def write(connection: Connection, state: State, unit: str, digest: str, at: int, note: Note) -> None:
    """Keeps the note of a unit, in the transaction that commits it; `at` is microseconds since 1970."""
    row = {"run": state.run, "source": state.source, "unit": unit, "at": at, "digest": digest}
    upsert(connection, PROGRESS, [row | {"body": msgspec.msgpack.encode(note)}])


def write_end(connection: Connection, state: State, at: int, told: Mapping[str, Any]) -> None:
    """Notes that nothing is left to be done, and what the run has to tell besides its ledger."""
    write(connection, state, _END, "", at, Note(told=msgspec.json.encode(told)))


def write_spent(connection: Connection, state: State, at: int, spent: Spent) -> None:
    """Notes what this attempt and those before it have cost so far."""
    write(connection, state, _SPENT, "", at, Note(told=msgspec.json.encode(spent)))


def age_of(connection: Connection, run: int, now: int) -> int | None:
    """How long ago the first unit of a run was committed, in microseconds; null if none was."""
    p = PROGRESS.c
    first = connection.execute(select(func.min(p.at)).where(p.run == run, p.unit != _SPENT)).scalar()
    return None if first is None else now - first


def forget(connection: Connection, run: int) -> None:
    """The run is over, or nobody will take it up."""
    connection.execute(delete(PROGRESS).where(PROGRESS.c.run == run))


class Progress:
    """What an earlier attempt of a run has committed of one source."""

    def __init__(self, connection: Connection, run: int, source: int) -> None:
        p = PROGRESS.c
        rows = connection.execute(select(p.unit, p.digest, p.body).where(p.run == run, p.source == source)).all()
        decode = msgspec.msgpack.Decoder(Note).decode
        self.notes = {row.unit: decode(row.body) for row in rows}
        self.digests = {row.unit: row.digest for row in rows}
        end = self.notes.pop(_END, None)
        self.is_at_end = end is not None
        spent = self.notes.pop(_SPENT, None)
        self.spent = msgspec.json.decode(spent.told, type=Spent) if spent else Spent()
        self.told: dict[str, Any] = msgspec.json.decode(end.told) if end and end.told else {}

    def answers(self) -> dict[str, Origin]:
        """The answers that committed units were made of, by what was asked."""
        return {origin.request: origin for note in self.notes.values() for origin in note.answers}

    def restore(self, connection: Connection, state: State) -> set[str]:
        """Brings the state of a run to where it was; gives the units that were skipped."""
        _restore_totals(connection, state)
        lines: dict[str, list[bytes]] = {}
        for note in self.notes.values():
            _restore_unit(state, note)
            for entity, packed in note.lines.items():
                lines.setdefault(entity, []).append(packed)
        for entity, parts in lines.items():
            hashes = np.concatenate([np.frombuffer(p, dtype=np.int64) for p in parts])
            if state.anew:  # of what was there before nothing is known, but of this run it is
                state.lines[entity] = LineIndex(np.unique(hashes))
            state.line_index(connection, entity).meet(hashes)
        state.unjudged.update(unit for unit, note in self.notes.items() if note.unjudged)
        return {unit for unit, note in self.notes.items() if note.skipped}


def _restore_totals(connection: Connection, state: State) -> None:
    mine = LEDGER.c.run == state.run, LEDGER.c.source == state.source
    for totals in connection.execute(select(LEDGER).where(*mine)).mappings():
        state.counts[totals["entity"]].update({name: totals[name] for name in COUNTS})
    d = DRIFT.c
    query = select(d.kind, d.place, d.name, d["count"]).where(d.run == state.run, d.source == state.source)
    for kind, place, name, count in connection.execute(query):
        state.drift[Drift(kind, place, name)] = count
    first = select(func.min(BATCHES.c.id)).where(BATCHES.c.run == state.run, BATCHES.c.source == state.source)
    state.first_batch = connection.execute(first).scalar()


def _restore_unit(state: State, note: Note) -> None:
    for entity, packed in note.keys.items():
        state.seen[entity].merge(packed)
    state.scopes.extend(note.scopes)
    state.unsure.update(scope.entity for scope, _ in note.scopes)  # what it held before the run is no longer known
    for place, names, number in note.shapes:
        state.shapes[place, frozenset(names)] += number
    for entity, hidden in note.hidden.items():
        state.hidden[entity].update(hidden)
    for entity, keys in note.fresh.items():
        state.fresh[entity].update(keys)
    state.unreadable.update(note.unreadable)


def noted_shapes(shapes: Iterable[tuple[tuple[str, frozenset[str]], int]]) -> list[tuple[str, list[str], int]]:
    """Shapes of objects in a form that can be kept."""
    return [(place, sorted(names), number) for (place, names), number in shapes]


def answers_of(origins: Sequence[Origin]) -> list[Origin]:
    """Those answers that can be found in the raw archive again: each request once, as it was answered last."""
    return list({origin.request: origin for origin in origins}.values())
