"""What an intake knows between its batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from canonical.batch import Drift, Shape
from canonical.coverage import Scope
from canonical.entities import ENTITIES, Record
from canonical.store.ages import Ages
from canonical.store.keyset import KeySet
from canonical.store.lines import LineIndex
from canonical.store.lookahead import LinesAhead
from canonical.store.quarantine import Quarantine
from canonical.tables import ROWS

COUNTS: Final = ("received", "inserted", "updated", "unchanged", "quarantined", "removed", "revived", "released")
"""The columns of the ledger."""

_MOST_LIVE: Final = 50_000
_POINTED_AT: Final = frozenset(f.ref.entity for kind in ENTITIES.values() for f in kind.fields if f.ref)


def held_by(note: bytes) -> dict[str, bytes] | None:
    """The packed keys that a unit held the last time, by entity; null where the note of them is damaged."""
    try:
        held = msgspec.msgpack.decode(note, type=dict[str, bytes])
    except msgspec.DecodeError:
        return None
    return held if all(len(packed) % 8 == 0 for packed in held.values()) else None


@dataclass(frozen=True, slots=True)
class Brake:
    """Removals beyond both bounds, within one scope, wait for a person (canonical.md)."""

    share: float = 0.2
    rows: int = 50


@dataclass(slots=True)
class Arrival:
    """A record on its way in. `origin` is the number of the answer that brought it, `line` the hash of its file line."""

    record: Record
    hash: int
    origin: int | None
    line: int | None = None

    when: int = 0

    @property
    def rank(self) -> tuple[int, str, int]:
        """Of two versions of one key in one run the greater rank wins: later recorded, else the greater hash.

        Of captures the newer answer wins before that (`when`, see `State.ages`).
        """
        return rank(self.record, self.hash, self.when)


def rank(record: Record, hash_: int, when: int = 0) -> tuple[int, str, int]:
    """How a version of a record stands among others of its key within one run."""
    return (when, getattr(record, "recorded_at", None) or "", hash_)


@dataclass(slots=True)
class State:
    """One source during one run.

    `blank` names the entities of which the source had no row at all when the run began; `live` holds keys known to stand
    in the store, `lines` which lines of files do (what was read with another `line_salt` is not known). `suspects` holds, by
    entity, packed keys that units held the last time; `unsure` names entities of which units had no last time: only of
    these two can something have vanished. `anew` says that nothing is to be gone by what was read before: no line is taken
    for known, and whatever is covered may have vanished. `unjudged` names units of which something could not be read.
    `unreadable` names entities of which something came that has not even a key; `hidden` names, by entity and holder, what
    could not be read with its parts. `ages` is there where answers are those of captures: they come in no order, and
    tell by their own time what is newer; `fresh` holds the keys that are new then. `keeps_bodies` says whether a raw archive
    takes the bodies of answers.
    """

    run: int
    source: int
    zone: tzinfo
    quarantine: Quarantine
    blank: dict[str, bool]
    replaying: bool
    ages: Ages | None = None
    keeps_bodies: bool = True
    fresh: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    drift: Counter[Drift] = field(default_factory=Counter)
    shapes: Counter[Shape] = field(default_factory=Counter)
    seen: dict[str, KeySet] = field(default_factory=lambda: defaultdict(KeySet))
    live: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    scopes: list[tuple[Scope, int]] = field(default_factory=list)
    lines: dict[str, LineIndex] = field(default_factory=dict)
    ahead: LinesAhead = field(default_factory=LinesAhead)
    line_salt: int = 0
    anew: bool = False
    suspects: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    unsure: set[str] = field(default_factory=set)
    unjudged: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    hidden: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    first_batch: int | None = None
    _at: str = ""

    def turn_to(self, entity: str) -> None:
        """Lines of this entity come now; what is known of the others' lies on the disk meanwhile."""
        if entity == self._at:
            return
        self._at = entity
        for name in self.seen:
            if name != entity:
                self.seen[name].rest()
        for name in self.lines:
            if name != entity:
                self.lines[name].rest()

    def line_index(self, connection: Connection, entity: str) -> LineIndex:
        """The lines of an entity that are known; those of the entities after it are looked up meanwhile."""
        if entity not in self.lines:
            if self._knows_lines(entity):
                found = self.ahead.take(entity)
                self.lines[entity] = found or LineIndex.load(connection, self.source, entity)
            else:
                self.lines[entity] = LineIndex()
            names = list(ENTITIES)
            after = [n for n in names[names.index(entity) + 1 :] if n not in self.lines and self._knows_lines(n)]
            self.ahead.look_up(connection.engine.url, self.source, after)
        return self.lines[entity]

    def _knows_lines(self, entity: str) -> bool:
        return not (self.blank[entity] or self.replaying or self.anew)

    @classmethod
    def begin(
        cls,
        connection: Connection,
        *,
        run: int,
        source: int,
        zone: tzinfo,
        replaying: bool,
        captured: str | None = None,
    ) -> State:
        """The state of a run that has read nothing yet."""
        blank = {
            name: connection.execute(select(t.c.key).where(t.c.source == source).limit(1)).first() is None
            for name, t in ROWS.items()
        }
        ages = Ages(source, run, captured) if captured else None
        return cls(run, source, zone, Quarantine(connection, source, run), blank, replaying, ages)

    def note_live(self, entity: str, keys: Any) -> None:
        """Remembers keys that stand in the store and may be pointed at, within bounds of memory."""
        if entity not in _POINTED_AT:
            return
        held = self.live[entity]
        if len(held) > _MOST_LIVE:
            held.clear()
        held.update(keys)
