"""Holds the books of a store, ledger, quarantine, coverage and cursors, against its rows and against each other."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Connection, Integer, and_, func, select, text

from canonical.batch import Drift
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import ENTITIES
from canonical.store.damage import Findings, World, some
from canonical.store.leases import is_dead
from canonical.store.state import held_by
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
    UNITS,
)


def check_books(connection: Connection, found: Findings, world: World) -> None:
    """Looks at all of them, and at what was left over."""
    _check_strays(connection, found, world)
    _check_ledger(connection, found, world)
    _check_quarantine(connection, found, world)
    _check_coverage(connection, found, world)
    _check_units(connection, found, world)
    _note_leftovers(connection, found)


def _check_strays(connection: Connection, found: Findings, world: World) -> None:
    """Everything belongs to a source and a run that are known."""
    known, runs = set(world.sources), {0, *world.runs.tolist()}
    for table in METADATA.sorted_tables:
        if "source" not in table.c or not isinstance(table.c.source.type, Integer):
            continue  # some name it by its key: what they say outlives it
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


def _check_ledger(connection: Connection, found: Findings, world: World) -> None:
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


def _check_quarantine(connection: Connection, found: Findings, world: World) -> None:
    q = QUARANTINE.c
    for rows in some(connection, select(q.id, q.source, q.entity, q.state, q.body, q.origin)):
        for number, source, entity, state, body, origin in rows:
            where = f"{world.sources.get(source, source)}: {entity}"
            if entity not in ENTITIES or state not in {"open", "released", "gone", "dropped"}:
                found.add("quarantine", where, "the entry is of no known kind", [number])
            try:
                msgspec.json.decode(body)
            except msgspec.DecodeError:
                found.add("quarantine", where, "the raw form cannot be read", [number])
            if origin is not None and not world.knows_answers(np.array([origin]))[0]:
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


def _check_coverage(connection: Connection, found: Findings, world: World) -> None:
    for rows in some(connection, select(COVERAGE)):
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


def _check_units(connection: Connection, found: Findings, world: World) -> None:
    u = UNITS.c
    for rows in some(connection, select(u.source, u.unit, u.scopes, u["keys"], u.drift), 50):
        for source, unit, scopes, keys, drift in rows:
            found.checked["units"] += 1
            try:
                msgspec.json.decode(scopes, type=list[Scope])
                msgspec.json.decode(drift, type=list[tuple[Drift, int]])
                is_legible = held_by(keys) is not None
            except (msgspec.DecodeError, ValueError):
                is_legible = False
            if not is_legible:
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
