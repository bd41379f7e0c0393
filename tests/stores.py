"""Help for tests that write to a store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from canonical.batch import Batch
from canonical.entities import ENTITIES, Course, Group, Lesson, Person, Record, Subject, Work
from canonical.store import Brake, Intake, Outcome, Store
from canonical.store import runs as run_log

MOSCOW = ZoneInfo("Europe/Moscow")

CLASS: list[Record] = [
    Person(key="p1", role="student", family_name="Тестова", given_name="Алиса"),
    Person(key="p2", role="student", family_name="Примеров", given_name="Борис"),
    Group(key="g", name="7А", academic_year="2026/2027"),
    Subject(key="s", name="Алгебра"),
    Course(key="c", group="g", subject="s"),
    Lesson(key="l1", course="c", date="2026-09-08"),
    Lesson(key="l2", course="c", date="2026-09-09"),
    Work(key="w1", course="c", lesson="l1"),
    Work(key="w2", course="c", lesson="l2"),
]
"""A class of two with two lessons."""


class Desk:
    """A store with one source, and a clock that moves on an hour with every run."""

    def __init__(self, url: str) -> None:
        self.now = datetime(2026, 10, 1, tzinfo=UTC)
        self.store = Store(url, lambda: self.now)
        self.source = self.store.source("a/b", institution="a", connector="files", capabilities={})
        self.run = 0

    def begin(
        self,
        *,
        brake: Brake | None = None,
        replaying: bool = False,
        anew: bool = False,
        captured: str | None = None,
    ) -> Intake:
        self.now += timedelta(hours=1)
        with self.store.writing() as connection:
            self.run = run_log.begin(connection, "import", {}, self.store.stamp())
        return self.store.intake(
            run=self.run,
            source=self.source,
            name="a/b",
            zone=MOSCOW,
            brake=brake,
            replaying=replaying,
            anew=anew,
            captured=captured,
        )

    def read(self, *batches: Batch, brake: Brake | None = None) -> Outcome:
        """One run that reads these batches, each a unit of its own."""
        intake = self.begin(brake=brake)
        for number, batch in enumerate(batches):
            intake.commit(f"unit {number}", batch)
        return intake.finish()

    def rows(self, entity: str, as_of: datetime | None = None) -> dict[str, Record]:
        return {r.key: r for r in self.store.records(self.source, entity, as_of=as_of)}

    def contents(self) -> dict[str, dict[str, Record]]:
        return {name: self.rows(name) for name in ENTITIES}


def batch(records: Iterable[Record] = ()) -> Batch:
    """A batch of records that came from nowhere in particular."""
    made = Batch()
    made.add(records)
    return made
