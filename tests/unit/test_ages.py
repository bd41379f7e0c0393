"""As of when rows are confirmed is asked of the store in parts: what is remembered does not grow with the source."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from unittest import mock

import pytest

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Lesson, Mark, Work
from canonical.store.ages import Ages, micros_of
from tests.stores import CLASS, Desk, batch


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    made = Desk(store_url)
    yield made
    made.store.close()


def lessons(desk: Desk, number: int) -> Batch:
    """Lessons of two months, a mark at each, and what was read of them completely: all marks in part of the days."""
    made = batch(CLASS)
    days = [f"2026-{9 + n % 2:02}-{n % 28 + 1:02}" for n in range(number)]
    answer = Origin("GET /marks", "0" * 64, 1, desk.now.isoformat())
    made.add([Lesson(key=f"x{n}", course="c", date=day) for n, day in enumerate(days)], answer)
    made.add([Work(key=f"wx{n}", course="c", lesson=f"x{n}") for n in range(number)], answer)
    made.add([Mark(key=f"m{n}", work=f"wx{n}", student="p1", value="5") for n in range(number)], answer)
    made.covers(Scope("marks", Selector.COURSE, "c", Axis.LESSON_DATE, "2026-09-01", "2026-09-30"))
    made.covers(Scope("marks", Selector.PERSON, "p2"))
    return made


def test_it_is_the_latest_complete_reading_in_which_the_row_lay(desk: Desk) -> None:
    desk.read(lessons(desk, 60))
    first = desk.now
    again = Batch(whole=False)
    again.add([Mark(key=f"m{n}", work=f"wx{n}", student="p1", value="5") for n in (10, 38)])
    again.covers(Scope("marks", Selector.COURSE, "c", Axis.LESSON_DATE, "2026-09-10", "2026-09-12"))
    desk.read(again)
    second = desk.now
    oldest = (first - timedelta(days=1)).isoformat()
    found = {}
    ages = Ages(desk.source, desk.run + 1, oldest)
    with desk.store.reading() as connection, mock.patch("canonical.store.ages._MOST", 10):
        for key in [*(f"m{n}" for n in range(60)), "nowhere", "m3"]:
            found[key] = ages.confirmed(connection, "marks", key)
            assert len(ages._confirmed) <= 10
        ages.look_up(connection, "marks", ["m0", "m1"])
        assert ages.confirmed(connection, "marks", "m0") == found["m0"]
        assert ages.confirmed(connection, "lessons", "x0") == 0

    def expected(number: int) -> int:
        if number % 2:
            return 0
        return micros_of((second if 10 <= number % 28 + 1 <= 12 else first).isoformat())

    assert found == {f"m{n}": expected(n) for n in range(60)} | {"nowhere": 0}
    assert len(set(found.values())) == 3

    with desk.store.reading() as connection:
        newer = Ages(desk.source, desk.run + 1, first.isoformat())
        assert newer.confirmed(connection, "marks", "m0") == 0, "the reading is no newer than what this run takes in"
        own = Ages(desk.source, desk.run, oldest)
        assert own.confirmed(connection, "marks", "m10") == micros_of(first.isoformat()), "of earlier runs"


def test_what_is_new_may_move_within_its_run(desk: Desk) -> None:
    first = batch(CLASS)
    first.covers(Scope("lessons", Selector.COURSE, "c", Axis.LESSON_DATE, "2026-09-01", "2026-09-30"))
    desk.read(first)
    older, newer = (desk.now - timedelta(days=n) for n in (2, 1))
    intake = desk.begin(captured=older.isoformat())
    for at, day in ((older, "2026-09-15"), (newer, "2026-10-15")):
        one = Batch(whole=False)
        one.add([Lesson(key="k", course="c", date=day)], Origin("HAR GET /lessons", "0" * 64, 1, at.isoformat()))
        intake.commit(f"of {day}", one)
    intake.finish()
    moved = desk.rows("lessons")["k"]
    assert isinstance(moved, Lesson)
    assert moved.date == "2026-10-15", "the complete reading was not of this day"


def test_memory_does_not_grow_with_the_source(tmp_path_factory: pytest.TempPathFactory) -> None:
    peaks = []
    for number in (500, 3_000):
        desk = Desk(f"sqlite:///{tmp_path_factory.mktemp('ages') / 'svod.db'}")
        desk.read(lessons(desk, number))
        ages = Ages(desk.source, desk.run + 1, (desk.now - timedelta(days=1)).isoformat())
        with desk.store.reading() as connection, mock.patch("canonical.store.ages._MOST", 100):
            ages.look_up(connection, "marks", [f"m{n}" for n in range(50)])  # what is loaded once for all
            tracemalloc.start()
            for start in range(0, number, 50):
                ages.look_up(connection, "marks", [f"m{n}" for n in range(start, start + 50)])
                gc.collect()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        desk.store.close()
    assert peaks[1] < peaks[0] * 2, peaks  # of six times as many rows
