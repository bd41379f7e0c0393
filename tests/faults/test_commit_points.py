"""Whatever commit an import is killed at, the next one ends in the store of one that nobody disturbed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, select, text

from canonical.entities import Lesson, Mark, Person, Record
from canonical.store.engine import connect
from canonical.tables import COVERAGE, HISTORY, LEDGER, QUARANTINE, ROWS
from tests.faults.killing import killed_at
from tests.sites import Installation, write_folder
from tests.stores import CLASS

FIRST: list[Record] = [
    *CLASS,
    *(Mark(key=f"m{n}", work=f"w{n % 2 + 1}", student=f"p{n % 2 + 1}", value=str(2 + n % 4)) for n in range(60)),
    Mark(key="early", work="w9", student="p1", value="5"),
]
"""A class, with a mark that waits for its work."""

LATER: list[Record] = [
    *(r for r in CLASS if r.key not in {"l2", "w2"}),
    Person(key="p3", role="student", family_name="Образцова"),
    Lesson(key="l9", course="c", date="2026-09-10", topic="Дроби"),
    *(Mark(key=f"m{n}", work="w1", student=f"p{n % 3 + 1}", value=str(2 + n % 3)) for n in range(30)),
]
"""The same class later: one is new, a lesson has gone with its work and marks, marks have been changed."""


@pytest.fixture
def copied(store_url: str, tmp_path: Path) -> Iterator[Callable[[str, str], str]]:
    """Makes one store from another, however it stands; gives the new one's address."""
    made: list[str] = []

    def copy(base: str, name: str) -> str:
        if base.startswith("sqlite"):
            source, target = Path(make_url(base).database or ""), tmp_path / f"{name}.db"
            for ending in ("", "-wal", "-shm"):
                if (path := source.with_name(source.name + ending)).exists():
                    shutil.copy(path, target.with_name(target.name + ending))
            return f"sqlite:///{target}"
        database = f"{make_url(base).database}_{name}"
        _as_admin(base, f"CREATE DATABASE {database} TEMPLATE {make_url(base).database}")
        made.append(database)
        return make_url(base).set(database=database).render_as_string(hide_password=False)

    yield copy
    for database in made:
        _as_admin(store_url, f"DROP DATABASE {database} WITH (FORCE)")


def _as_admin(url: str, sql: str) -> None:
    admin = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(sql))
    admin.dispose()


def place_on(url: str, folder: Path, drop: Path) -> Installation:
    place = Installation(folder, url=url).institution("a")
    return place.source("f", "files", layout="canonical", path=str(drop))


def contents(url: str) -> dict[str, Any]:
    """All that must not depend on who was killed when: rows, past, quarantine, coverage; no numbers of batches or runs."""
    engine = connect(url)
    left_out = {"source", "since", "until", "origin", "removed", "run", "at", "first_at", "first_run", "last_run", "id"}
    tables = [*ROWS.values(), HISTORY, COVERAGE]
    shown = [c for c in QUARANTINE.c if c.name not in left_out]
    waiting = select(*shown).where(QUARANTINE.c.state == "open")  # what has come out depends on the order of arrival
    with engine.connect() as connection:
        found: dict[str, Any] = {
            t.name: sorted(map(repr, connection.execute(select(*(c for c in t.c if c.name not in left_out)))))
            for t in tables
        }
        found["quarantine"] = sorted(map(repr, connection.execute(waiting)))
        gone = {n: sorted(connection.execute(select(t.c.key).where(t.c.removed.is_not(None))).scalars()) for n, t in ROWS.items()}  # fmt: skip
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    engine.dispose()
    return found | {"removed": gone}


def ledger_totals(url: str, *columns: str) -> dict[str, int]:
    """What all runs together have counted, by entity."""
    engine = connect(url)
    totals: dict[str, int] = {}
    with engine.connect() as connection:
        for row in connection.execute(select(LEDGER)).mappings():
            totals[row["entity"]] = totals.get(row["entity"], 0) + sum(row[c] for c in columns)
    engine.dispose()
    return {entity: number for entity, number in totals.items() if number}


def test_every_commit_of_a_first_import_and_of_a_later_one(
    store_url: str, tmp_path: Path, copied: Callable[[str, str], str]
) -> None:
    write_folder(tmp_path / "first", FIRST)
    write_folder(tmp_path / "later", LATER)
    place_on(store_url, tmp_path / "calm", tmp_path / "none").run("status")  # makes the tables

    def through(drop: str, base: str) -> str:
        """Imports from a base store, killed at each of its commits in turn; gives the store that nobody disturbed."""
        calm = copied(base, f"{drop}_calm")
        place_on(calm, tmp_path / "calm", tmp_path / drop).json("import", status=None)
        expected, written = contents(calm), ledger_totals(calm, "inserted", "updated", "removed")
        for commit in count(1):
            url = copied(base, f"{drop}_{commit}")
            place = place_on(url, tmp_path / "disturbed", tmp_path / drop)
            was_killed = killed_at(commit, lambda place=place: place.json("import", status=None))
            result = place.json("import", status=None)
            assert result["status"] == "ok", commit
            assert contents(url) == expected, commit
            assert ledger_totals(url, "inserted", "updated", "removed") == written, commit
            for entity, n in result["sources"][0]["entities"].items():
                assert n["received"] == n["inserted"] + n["updated"] + n["unchanged"] + n["quarantined"], entity
            if not was_killed:
                assert commit > 8, "the import has more commits than that"
                return calm
        raise AssertionError("not reached")

    through("later", through("first", store_url))
