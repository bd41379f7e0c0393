"""Finds what has vanished inside completely read scopes, and marks it removed: last, and with a brake."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, delete, insert, select, update

from canonical.coverage import Axis, Scope
from canonical.entities import ENTITIES
from canonical.store.bulk import BULK, CHUNK, among, chunks
from canonical.store.keyset import KeySet
from canonical.store.scopes import HOLDER, Place, Shape, in_scope, places
from canonical.store.state import Brake, State, held_by
from canonical.tables import REMOVALS, ROWS, UNITS

_Scopes = list[tuple[Scope, int]]


def vanished(connection: Connection, state: State, brake: Brake) -> Iterator[tuple[str, set[str], set[str]]]:
    """For each entity: the keys that have vanished, and those of them whose removal must wait for a person.

    The rows of a scope are looked at only where a unit has not held something that it held before, or was never read.
    """
    shapes: dict[Shape, _Scopes] = defaultdict(list)
    for scope, origin in state.scopes:
        shapes[scope.entity, scope.selector, scope.axis].append((scope, origin))
    for entity in ENTITIES:
        state.turn_to(entity)
        if not _may_have_lost(state, entity):
            continue
        gone: set[str] = set()
        waiting: set[str] = set()
        for shape, scopes in shapes.items():
            if shape[0] == entity:
                lost = _lost(connection, state, shape, scopes)
                gone.update(p.key for p in lost)
                waiting.update(_too_many(connection, state.source, shape, scopes, lost, brake))
        if gone:
            yield entity, gone, waiting


def _may_have_lost(state: State, entity: str) -> bool:
    if state.blank[entity]:
        return False
    lines = state.lines.get(entity)
    return (
        entity in state.unsure
        or any(state.seen[entity].lacks_any(packed) for packed in state.suspects[entity])
        or (lines is not None and lines.has_unmet())
    )


def _lost(connection: Connection, state: State, shape: Shape, scopes: _Scopes) -> list[Place]:
    """Rows inside the scopes that no answer of this run has held."""
    entity = shape[0]
    seen = state.seen[entity]
    lines = state.lines.get(entity)
    hidden = _hidden_rows(connection, state, entity)
    lost = []
    for some in _batched(places(connection, state.source, shape, [s for s, _ in scopes])):
        unseen = [
            place
            for place, there in zip(some, seen.holds([p.key for p in some]), strict=True)
            if not (there or place.key in hidden or (lines and place.line is not None and lines.has_met(place.line)))
        ]
        if state.ages is not None:
            state.ages.look_up(connection, entity, [place.key for place in unseen])
        lost += [place for place in unseen if any(_judges(connection, state, place, *s) for s in scopes)]
    return lost


def _judges(connection: Connection, state: State, place: Place, scope: Scope, newest: int) -> bool:
    """Whether a scope can say of a row that it has vanished. A replayed or captured scope knows nothing of newer answers."""
    if state.ages is not None:
        seen = max(state.ages.of(connection, place.origin), state.ages.confirmed(connection, scope.entity, place.key))
        if seen > newest:
            return False
    elif state.replaying and place.origin is not None and place.origin > newest:
        return False
    return in_scope(place, scope)


def outdated(connection: Connection, state: State) -> Iterator[tuple[str, set[str]]]:
    """What a capture has brought anew though a newer complete reading did not hold it: it had gone by then."""
    if state.ages is None:
        return
    for entity, fresh in state.fresh.items():
        gone: set[str] = set()
        for keys in chunks(sorted(fresh)):
            state.ages.look_up(connection, entity, keys)
            for key, row in BULK[entity].known(connection, state.source, keys).items():
                if state.ages.of(connection, row.origin) < state.ages.confirmed(connection, entity, key):
                    gone.add(key)
        if gone:
            yield entity, gone


def _hidden_rows(connection: Connection, state: State, entity: str) -> set[str]:
    """Rows that belong to something broken, and so could not be read."""
    rows: set[str] = set()
    by_holder: dict[str, list[str]] = defaultdict(list)
    for holder, key in state.hidden[entity]:
        by_holder[holder].append(key)
    for holder, keys in by_holder.items():
        selector = HOLDER[holder]
        shape = (entity, selector, Axis.NONE)
        scopes = [Scope(entity, selector, k) for k in keys]
        rows.update(p.key for p in places(connection, state.source, shape, scopes))
    return rows


def _too_many(
    connection: Connection, source: int, shape: Shape, scopes: _Scopes, lost: Sequence[Place], brake: Brake
) -> set[str]:
    """The keys of those scopes that would lose more than both bounds of the brake allow."""
    losses = {s: [p.key for p in lost if in_scope(p, s)] for s in {s for s, _ in scopes}} if lost else {}
    suspects = {s: keys for s, keys in losses.items() if len(keys) > brake.rows}
    if not suspects:
        return set()
    totals: Counter[Scope] = Counter()
    for place in places(connection, source, shape, list(suspects)):
        totals.update(s for s in suspects if in_scope(place, s))
    return {k for s, keys in suspects.items() if len(keys) > brake.share * totals[s] for k in keys}


def mark_removed(connection: Connection, source: int, entity: str, keys: Iterable[str], batch: int) -> int:
    """Marks live rows removed; says how many there were. Units that held them are no longer taken as read."""
    t = ROWS[entity]
    done = 0
    keys = sorted(keys)
    _forget_digests(connection, source, entity, keys)
    for some in chunks(keys):
        result = connection.execute(
            update(t)
            .where(t.c.source == source, t.c.removed.is_(None), among(connection, t.c.key, some))
            .values(removed=batch)
        )
        done += result.rowcount
    return done


def _forget_digests(connection: Connection, source: int, entity: str, keys: Sequence[str]) -> None:
    """Units that were not read in the run that removes something of theirs bring it back when they say the same again."""
    u = UNITS.c
    query = select(u.unit, u["keys"]).where(u.source == source, u.digest != "")
    for unit, packed in connection.execute(query).all() if keys else ():
        held = held_by(packed)
        if held is None or (entity in held and any(KeySet(held[entity]).holds(keys))):
            connection.execute(update(UNITS).where(u.source == source, u.unit == unit).values(digest=""))


def postpone(connection: Connection, run: int, source: int, entity: str, keys: Iterable[str]) -> None:
    """Keeps removals for a person to accept; earlier runs' removals of the same rows are superseded."""
    r = REMOVALS.c
    for some in chunks(sorted(keys)):
        connection.execute(
            delete(REMOVALS).where(r.source == source, r.entity == entity, among(connection, r.key, some))
        )
        connection.execute(insert(REMOVALS), [{"run": run, "source": source, "entity": entity, "key": k} for k in some])


def withdraw_seen(connection: Connection, state: State) -> None:
    """Drops waiting removals of rows that this run has seen after all."""
    r = REMOVALS.c
    for entity in ENTITIES:
        waiting = connection.execute(select(r.key).where(r.source == state.source, r.entity == entity)).scalars().all()
        back = [k for k, there in zip(waiting, state.seen[entity].holds(waiting), strict=True) if there]
        for some in chunks(back):
            connection.execute(
                delete(REMOVALS).where(r.source == state.source, r.entity == entity, among(connection, r.key, some))
            )


def _batched(items: Iterator[Place]) -> Iterator[list[Place]]:
    while some := list(islice(items, CHUNK)):
        yield some
