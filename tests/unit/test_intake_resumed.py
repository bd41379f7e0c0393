"""What an intake of captured answers needs to know of units that an earlier attempt of a job has committed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Lesson, Record
from canonical.store import Intake, MadeOf
from canonical.store import runs as run_log
from canonical.store.leases import Lease
from tests.stores import CLASS, MOSCOW, Desk, batch


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    made = Desk(store_url)
    yield made
    made.store.close()


LESSONS = [r for r in CLASS if isinstance(r, Lesson)]
REST = [r for r in CLASS if not isinstance(r, Lesson) and type(r).__name__ != "Work"]


def answered(name: str, records: list[Record], at: datetime, *, whole: bool) -> Batch:
    made = Batch(whole=whole)
    made.add(records, Origin(f"GET /{name}", name.ljust(64, "0"), 1, at.isoformat()))
    made.covers(Scope("lessons", Selector.COURSE, "c", Axis.NONE))
    return made


def captured(desk: Desk, batches: dict[str, Batch], oldest: datetime, *, interrupted: bool) -> set[str]:
    """Takes a capture in as a job, in one attempt or in two; gives the lessons that stand then."""
    desk.now += timedelta(hours=1)
    with desk.store.writing() as connection:
        run = run_log.begin(connection, "import", {}, desk.store.stamp())
        lease = Lease.take(connection, "import a/b")

    def begin() -> Intake:
        return desk.store.intake(
            run=run, source=desk.source, name="a/b", zone=MOSCOW, captured=oldest.isoformat(), held=lease
        )

    intake = begin()
    for name, one in batches.items():
        intake.commit(name, one, made_of=MadeOf(name, []))
    if interrupted:
        intake = begin()
        assert all(intake.has_done(name, MadeOf(name, [])) for name in batches)
    intake.finish()
    return set(desk.rows("lessons"))


@pytest.mark.parametrize("interrupted", [False, True])
def test_what_a_newer_capture_does_not_hold_has_vanished(desk: Desk, interrupted: bool) -> None:
    desk.read(batch(REST), answered("portal", [*LESSONS], desk.now, whole=True))
    newer = desk.now + timedelta(days=2)
    left = captured(
        desk, {"capture": answered("capture", [LESSONS[0]], newer, whole=False)}, newer, interrupted=interrupted
    )
    assert left == {"l1"}


@pytest.mark.parametrize("interrupted", [False, True])
def test_what_only_an_older_capture_holds_had_gone_by_then(desk: Desk, interrupted: bool) -> None:
    desk.read(batch(REST), answered("portal", [*LESSONS], desk.now, whole=True))
    older = desk.now - timedelta(days=2)
    gone = Lesson(key="l3", course="c", date="2026-09-10")
    left = captured(
        desk, {"capture": answered("capture", [*LESSONS, gone], older, whole=False)}, older, interrupted=interrupted
    )
    assert left == {"l1", "l2"}
