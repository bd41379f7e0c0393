"""`svod verify` names each kind of damage, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from canonical.batch import Batch, Origin
from canonical.coverage import Scope
from canonical.entities import Mark
from canonical.store.checking import check_store
from canonical.store.damage import TODO, Damage, Findings
from tests.stores import CLASS, Desk


def batch(value: str, *extra: Mark) -> Batch:
    made = Batch()
    made.add([*CLASS, Mark(key="m", work="w1", student="p1", value=value), *extra], Origin("GET /x", value, 1, "now"))
    made.covers(Scope("marks"))
    return made


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    made = Desk(store_url)
    passing = Mark(key="passing", work="w2", student="p2", value="5")
    made.read(batch("5", passing))
    made.read(batch("4"))  # `passing` vanishes
    made.read(batch("3", passing, Mark(key="lost", work="nowhere", student="p1", value="2")))  # and is back
    made.read(batch("2", passing, Mark(key="lost", work="nowhere", student="p1", value="2")))
    yield made
    made.store.close()


DAMAGE = {
    "UPDATE marks SET value = '5' WHERE key = 'm'": {"row": "(hash)"},
    "UPDATE marks SET raw = '{' WHERE key = 'm'": {"row": "cannot be read"},
    "UPDATE marks SET source = 7 WHERE key = 'm'": {"row": "no source", "history": "itself is missing", "ledger": "1 rows stand"},
    "DELETE FROM marks WHERE key = 'm'": {"ledger": "1 rows stand, but 2 were inserted", "history": "itself is missing"},
    "INSERT INTO people (source, key, hash, since) SELECT source, 'made up', hash, since FROM people WHERE key = 'p1'": {"row": "(hash)", "ledger": "3 rows stand"},
    "UPDATE marks SET since = 999 WHERE key = 'm'": {"batch": "since leads to no batch", "history": "gap"},
    "UPDATE marks SET since = 1 WHERE key = 'm'": {"history": "overlap"},
    "UPDATE marks SET origin = 999 WHERE key = 'm'": {"origin": "leads to no answer"},
    "UPDATE marks SET removed = 1 WHERE key = 'm'": {"history": "removed before it stood"},
    "DELETE FROM works WHERE key = 'w1'": {"reference": "work leads to nothing in works", "ledger": "1 rows stand"},
    "DELETE FROM answers": {"origin": "leads to no answer"},
    "DELETE FROM runs WHERE id = 1": {"batch": "no run", "origin": "no run", "ledger": "no run"},
    "DELETE FROM batches WHERE id = 1": {"batch": "leads to no batch"},
    "DELETE FROM history WHERE key = 'm' AND since = 2": {"history": "gap"},
    "UPDATE history SET until = until + 1 WHERE key = 'm' AND since = 1": {"history": "overlap"},
    "UPDATE history SET until = since WHERE key = 'm'": {"history": "overlap"},
    "UPDATE history SET hash = 1 WHERE key = 'm'": {"history": "(hash)"},
    "UPDATE history SET body = '{' WHERE key = 'm'": {"history": "(hash)"},
    "UPDATE history SET entity = 'dreams'": {"history": "not known"},
    "UPDATE ledger SET unchanged = unchanged + 1 WHERE entity = 'people' AND run = 2": {"ledger": "received is not"},
    "UPDATE ledger SET inserted = 0, received = 0 WHERE run = 1 AND entity = 'groups'": {"ledger": "1 rows stand, but 0"},
    "UPDATE ledger SET removed = removed + 1 WHERE entity = 'marks' AND run = 2": {"ledger": "rows are removed, but 2 were"},
    "DELETE FROM ledger": {"ledger": "rows stand"},
    "UPDATE ledger SET received = 2, quarantined = 0 WHERE run = 4 AND entity = 'marks'": {"quarantine": "1 entries are open, but 0"},
    "UPDATE quarantine SET body = '{'": {"quarantine": "raw form"},
    "UPDATE quarantine SET state = 'odd'": {"quarantine": "no known kind"},
    "UPDATE quarantine SET origin = 999": {"origin": "an entry of the quarantine"},
    "UPDATE coverage SET axis = 'sideways'": {"coverage": "cannot be"},
    "UPDATE coverage SET entity = 'dreams'": {"coverage": "cannot be"},
    "UPDATE units SET scopes = '{'": {"unit": "cannot be read"},
    "INSERT INTO removals (run, source, entity, key) VALUES (1, 1, 'marks', 'nobody')": {"reference": "of no row"},
    "DROP TABLE units": {"tables": "a table is missing"},
    "ALTER TABLE units DROP COLUMN drift": {"tables": "a column is missing"},
}  # fmt: skip


def found(desk: Desk, statement: str | None = None) -> Findings:
    """What is found after a statement, which is then undone."""
    findings = Findings()
    with desk.store.writing() as connection:
        if statement:
            assert connection.execute(text(statement)).rowcount
        check_store(connection, findings)
        connection.rollback()
    return findings


def test_each_kind_of_damage_is_named(desk: Desk) -> None:
    assert found(desk).damage == []
    wrong = {}
    for statement, expected in DAMAGE.items():
        damage = found(desk, statement).damage
        checks = {d.check for d in damage}
        said = [f"{d.check}: {d.what}" for d in damage]
        if checks != expected.keys() or not all(
            any(s.startswith(c) and w in s for s in said) for c, w in expected.items()
        ):
            wrong[statement] = said
        assert all(d.count and d.examples and d.todo for d in damage)
    assert wrong == {}


def test_leftovers_are_told_and_are_no_damage(desk: Desk) -> None:
    leftover = "UPDATE leases SET holder = 'here:1:0'"
    assert found(desk, leftover).damage == []
    assert any("lease import a/b" in n for n in found(desk, leftover).notes)


def test_a_few_examples_stand_for_many() -> None:
    findings = Findings()
    findings.add("row", "here", "odd", range(100))
    assert findings.damage == [Damage("row", "here", "odd", 100, ["0", "1", "2", "3", "4"])]


def test_there_is_something_to_do_about_each() -> None:
    assert {c for e in DAMAGE.values() for c in e} | {"database", "raw_missing", "raw_damaged"} == TODO.keys()


def test_a_rotten_database_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "svod.db"
    desk = Desk(f"sqlite:///{file}")
    desk.read(batch("5"))
    with desk.store.engine.connect() as connection:
        (root,) = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'batches_by_at'").one()
    desk.store.close()
    body = bytearray(file.read_bytes())
    body[(root - 1) * 16384 + 8 : (root - 1) * 16384 + 16] = b"\xff" * 8
    file.write_bytes(body)
    again = Desk(f"sqlite:///{file}")
    findings = Findings()
    with again.store.reading() as connection:
        check_store(connection, findings)
    assert {d.check for d in findings.damage} == {"database"}
    again.store.close()
