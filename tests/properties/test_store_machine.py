"""The store against a model: a portal that is edited, read whole, read in part, and read by a process that dies."""

from __future__ import annotations

import random
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import func, select, text, update

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope
from canonical.entities import ENTITIES, NAMES, Course, Group, Lesson, Mark, Person, Record, Subject, Work
from canonical.store import Brake, Intake, Store
from canonical.store import runs as run_log
from canonical.store.bulk import Rows
from canonical.store.checking import check_store
from canonical.store.damage import Findings
from canonical.tables import HISTORY, LEASES, LEDGER, QUARANTINE, ROWS

ZONE = ZoneInfo("Europe/Moscow")
HELD = ("people", "groups", "subjects", "courses", "lessons", "works", "marks")
"""What the portal holds; of everything else there is nothing."""

STUDENTS = ["p1", "p2", "p3"]
WINDOWS = {"first": ("2026-09-01", "2026-09-14"), "second": ("2026-09-15", "2026-09-28")}
DAYS = [f"2026-09-{d:02}" for d in (1, 7, 14, 15, 20, 28)]
TOPICS = ["", "Дроби", "Корни", "Сказка"]
VALUES = ["5", "4-", "ОСВ", "2"]
EDITS = [
    "add_lesson", "add_mark", "edit_mark", "edit_mark", "delete_mark", "edit_lesson", "break_or_mend_lesson",
    "delete_lesson", "student_leaves_or_comes_back",
]  # fmt: skip

Contents = dict[str, dict[str, Record]]


class Portal:
    """The model: what the portal holds. A broken lesson is answered as something that is no record."""

    def __init__(self) -> None:
        self.lessons: dict[str, tuple[str, str]] = {}
        self.broken: set[str] = set()
        self.works: dict[str, str] = {}
        self.marks: dict[str, tuple[str, str, str]] = {}
        self.away: str | None = None

    def reference(self) -> list[Record]:
        return [
            *(Person(key=s, role="student") for s in STUDENTS if s != self.away),
            Group(key="g", name="7А"),
            Subject(key="s", name="Алгебра"),
            Course(key="c", group="g", subject="s"),
        ]

    def window(self, name: str) -> tuple[list[Record], list[str]]:
        """The records of a window, and the keys of its broken lessons."""
        start, end = WINDOWS[name]
        lessons = {k: v for k, v in self.lessons.items() if start <= v[0] <= end}
        works = {w: k for w, k in self.works.items() if k in lessons}
        records: list[Record] = []
        for key, (day, topic) in lessons.items():
            if key not in self.broken:
                records.append(Lesson(key=key, course="c", date=day, topic=topic or None))
        records += [Work(key=w, course="c", lesson=k) for w, k in works.items()]
        for key, (work, student, value) in self.marks.items():
            if work in works:
                at = f"2026-09-30T10:00:0{len(value)}+03:00"
                records.append(Mark(key=key, work=work, student=student, value=value, recorded_at=at))
        return records, sorted(set(lessons) & self.broken)


class StoreMachine(RuleBasedStateMachine):
    url: ClassVar[str] = ""
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="svod-machine-"))
        self.now = datetime(2026, 10, 1, tzinfo=UTC)
        self.store = self._open()
        self.source = self.store.source("a/b", institution="a", connector="files", capabilities={})
        self.portal = Portal()
        self.snapshots: list[tuple[datetime, Contents]] = []
        self.random = random.Random(0)
        self.number = 0

    def _open(self) -> Store:
        if self.url:
            store = Store(self.url, lambda: self.now)
            with store.writing() as connection:
                names = [
                    *ROWS,
                    "history",
                    "answers",
                    "quarantine",
                    "coverage",
                    "units",
                    "ledger",
                    "batches",
                    "runs",
                    "sources",
                ]
                connection.execute(text(f"TRUNCATE {', '.join(names)}"))
            return store
        shutil.copy(self.template, self.folder / "svod.db")
        return Store(f"sqlite:///{self.folder / 'svod.db'}", lambda: self.now)

    def teardown(self) -> None:
        found = Findings()
        with self.store.reading() as connection:
            check_store(connection, found)  # `svod verify` raises no false alarm
        assert not found.damage
        for name in ENTITIES.keys() - set(HELD):
            assert not list(self.store.records(self.source, name))
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize(seed=st.integers(0, 10_000))
    def fill(self, seed: int) -> None:
        self.random = random.Random(seed)
        for _ in range(5):
            self.add_lesson()
        for _ in range(6):
            self.add_mark()

    # -- the portal changes --------------------------------------------------------------------------------------

    @rule(edits=st.lists(st.sampled_from(EDITS), min_size=1, max_size=4))
    def edit(self, edits: list[str]) -> None:
        for name in edits:
            getattr(self, name)()

    def _new(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number}"

    def _any(self, of: Any) -> Any:
        return self.random.choice(sorted(of)) if of else None

    def add_lesson(self) -> None:
        key = self._new("l")
        self.portal.lessons[key] = (self._any(DAYS), self._any(TOPICS))
        if self.random.random() < 0.2:
            self.portal.broken.add(key)
        for _ in range(self.random.randrange(3)):
            self.portal.works[self._new("w")] = key

    def add_mark(self) -> None:
        if work := self._any(self.portal.works):
            self.portal.marks[self._new("m")] = (work, self._any(STUDENTS), self._any(VALUES))

    def edit_mark(self) -> None:
        if key := self._any(self.portal.marks):
            self.portal.marks[key] = (*self.portal.marks[key][:2], self._any(VALUES))

    def delete_mark(self) -> None:
        self.portal.marks.pop(self._any(self.portal.marks), None)

    def edit_lesson(self) -> None:
        if key := self._any(self.portal.lessons):
            self.portal.lessons[key] = (self._any(DAYS), self._any(TOPICS))

    def break_or_mend_lesson(self) -> None:
        if key := self._any(self.portal.lessons):
            self.portal.broken ^= {key}

    def delete_lesson(self) -> None:
        key = self._any(self.portal.lessons)
        self.portal.lessons.pop(key, None)
        self.portal.broken.discard(key)
        self.portal.works = {w: k for w, k in self.portal.works.items() if k != key}
        self.portal.marks = {m: v for m, v in self.portal.marks.items() if v[0] in self.portal.works}

    def student_leaves_or_comes_back(self) -> None:
        self.portal.away = self._any([*STUDENTS, ""]) or None

    # -- the portal is read --------------------------------------------------------------------------------------

    @rule()
    def read(self) -> None:
        before = self._contents()
        self._read_whole()
        self._expect(before)
        for moment, contents in self.snapshots[-3:]:
            assert self._contents(moment) == contents  # the store reads as it stood at any earlier moment

    @rule()
    def read_again(self) -> None:
        """Importing the same once more writes no row, whatever the order in which it arrives."""
        self._read_whole()
        self._read_whole()  # a pupil who has gone is marked removed at the end of the first reading
        written = self._written()
        self._read_whole()
        assert self._written() == written

    @rule(after=st.integers(0, 2), within=st.booleans())
    def die_while_reading(self, after: int, within: bool) -> None:
        """A killed process leaves whole batches, and a lease that nobody gives back; the next reading mends it all."""
        _, intake = self._begin()
        units = self._units()
        for name, batch in units[:after]:
            intake.commit(name, batch)
        if within:
            with mock.patch.object(Rows, "insert", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
                intake.commit(*units[after])
                raise KeyboardInterrupt  # there was nothing to insert
        with self.store.writing() as connection:
            connection.execute(update(LEASES).values(expires=0))
        before = self._contents()
        self._read_whole()
        self._expect(before)

    @rule(lost=st.sampled_from(sorted(WINDOWS)))
    def read_with_a_page_lost(self, lost: str) -> None:
        """What was not read completely does not say what is gone."""
        before = self._contents()
        _, intake = self._begin()
        for name, batch in self._units():
            if name == lost:
                intake.commit(name, Batch(blocks=[(o, records[::2]) for o, records in batch.blocks], whole=False))
            else:
                intake.commit(name, batch)
        intake.finish()
        after = self._contents()
        for key, lesson in before["lessons"].items():
            if key in self.portal.lessons and WINDOWS[lost][0] <= lesson.date <= WINDOWS[lost][1]:  # type: ignore[attr-defined]
                assert key in after["lessons"]

    def _begin(self) -> tuple[int, Intake]:
        self.now += timedelta(hours=1)
        with self.store.writing() as connection:
            run = run_log.begin(connection, "import", {}, self.store.stamp())
        return run, self.store.intake(run=run, source=self.source, name="a/b", zone=ZONE, brake=Brake(rows=10_000))

    def _units(self) -> list[tuple[str, Batch]]:
        reference = Batch()
        records = self.portal.reference()
        self.random.shuffle(records)
        reference.add(records, Origin("GET /reference", str(self.number), 1, "now"))
        reference.covers(*(Scope(e) for e in ("people", "groups", "subjects", "courses")))
        units = [("reference", reference)]
        for name, (start, end) in WINDOWS.items():
            records, broken = self.portal.window(name)
            self.random.shuffle(records)
            batch = Batch()
            batch.add(records)
            batch.add(records[:1])  # something comes twice
            for key in broken:
                batch.reject("lessons", "date: not a date", {"id": key}, key=key)
            for entity in ("lessons", "works", "marks"):
                batch.covers(Scope(entity, axis=Axis.LESSON_DATE, start=start, end=end))
            units.append((name, batch))
        self.random.shuffle(units)
        return units

    def _read_whole(self) -> None:
        run, intake = self._begin()
        for name, batch in self._units():
            intake.commit(name, batch)
        intake.finish()
        self._check_ledger(run)
        self.snapshots.append((self.now, self._contents()))

    # -- what must hold ------------------------------------------------------------------------------------------

    def _contents(self, moment: datetime | None = None) -> Contents:
        return {n: {r.key: r for r in self.store.records(self.source, n, as_of=moment)} for n in HELD}

    def _expect(self, before: Contents) -> None:
        """After a whole reading: all that can stand stands as the portal says it, and nothing that it does not say."""
        actual = self._contents()
        given: Contents = {n: {} for n in HELD}
        for record in self.portal.reference():
            given[NAMES[type(record)]][record.key] = record
        for name in WINDOWS:
            records, broken = self.portal.window(name)
            for record in records:
                given[NAMES[type(record)]][record.key] = record
            for key in set(broken) & set(before["lessons"]):
                given["lessons"][key] = before["lessons"][key]  # what it was before it broke
        assert actual["people"] == given["people"]
        assert actual["lessons"] == given["lessons"]
        standing = {k: w for k, w in given["works"].items() if w.lesson in given["lessons"]}  # type: ignore[attr-defined]
        assert actual["works"] == standing
        for key, mark in given["marks"].items():
            assert isinstance(mark, Mark)
            if mark.work in standing and mark.student in given["people"]:
                assert actual["marks"][key] == mark
        assert set(actual["marks"]) <= set(given["marks"])

    def _check_ledger(self, run: int) -> None:
        """received = inserted + updated + unchanged + quarantined, and the open quarantine agrees."""
        q = QUARANTINE.c
        with self.store.reading() as connection:
            aside = dict(
                connection.execute(select(q.entity, func.count()).where(q.state == "open").group_by(q.entity)).all()  # type: ignore[arg-type]
            )
            for row in connection.execute(select(LEDGER).where(LEDGER.c.run == run)).mappings():
                assert row["received"] == sum(row[c] for c in ("inserted", "updated", "unchanged", "quarantined"))
                assert aside.pop(row["entity"], 0) == row["quarantined"]
        assert not aside

    def _written(self) -> list[Any]:
        """Changes whenever any row of the journal or its history is written."""
        with self.store.reading() as connection:
            rows = [connection.execute(select(t.c.key, t.c.since, t.c.removed)).all() for t in ROWS.values()]
            return [*rows, connection.execute(select(func.count()).select_from(HISTORY)).scalar()]


def _run(machine: type[StoreMachine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            derandomize=True,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A store that the machines on SQLite begin with."""
    template = tmp_path / "empty.db"
    Store(f"sqlite:///{template}").close()
    return template


def test_store_machine_on_sqlite(empty: Path) -> None:
    _run(type("OnSqlite", (StoreMachine,), {"template": empty}), 14)


def test_store_machine_on_postgresql(postgres_url: str) -> None:
    _run(type("OnPostgres", (StoreMachine,), {"url": postgres_url}), 6)


@pytest.mark.soak
def test_store_machine_for_long_on_sqlite(empty: Path) -> None:
    _run(type("LongOnSqlite", (StoreMachine,), {"template": empty}), 150)


@pytest.mark.soak
def test_store_machine_for_long_on_postgresql(postgres_url: str) -> None:
    _run(type("LongOnPostgres", (StoreMachine,), {"url": postgres_url}), 60)
