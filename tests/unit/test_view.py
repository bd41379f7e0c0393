"""What the journal in memory knows of when it was read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.store import sources
from canonical.view import Place, open_view
from tests.stores import CLASS, Desk, batch

SEPTEMBER = Scope("lessons", Selector.INSTITUTION, None, Axis.LESSON_DATE, "2026-09-01", "2026-09-30")
LESSON = Place(group="g", course="c", lesson="l1", lesson_date="2026-09-08")


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    made = Desk(store_url)
    yield made
    made.store.close()


def read_at(desk: Desk, as_of: datetime | None = None, place: Place = LESSON) -> datetime | None:
    with desk.store.reading() as connection:
        (source,) = sources(connection)
        return open_view(connection, source, as_of=as_of).coverage.read_at("lessons", place)


def covering(scope: Scope = SEPTEMBER, origin: Origin | None = None) -> Batch:
    made = batch(CLASS) if origin is None else Batch()
    if origin:
        made.add(CLASS, origin)
    made.covers(scope)
    return made


def test_the_last_complete_read_counts(desk: Desk) -> None:
    assert read_at(desk) is None
    for _ in range(2):
        desk.read(covering())
        assert read_at(desk) == desk.now
    assert read_at(desk, place=Place(lesson_date="2026-10-01")) is None


def test_of_an_earlier_moment_only_what_had_been_read_by_then(desk: Desk) -> None:
    before = desk.now
    desk.read(covering())
    first = desk.now
    desk.read(covering())
    assert read_at(desk, before) is None
    assert read_at(desk, first) == first
    assert read_at(desk, first + timedelta(minutes=5)) == first + timedelta(minutes=5)
    assert read_at(desk, desk.now + timedelta(days=1)) == desk.now


def test_a_skipped_unit_was_read_again(desk: Desk) -> None:
    intake = desk.begin()
    intake.commit("unit", covering(), digest="d")
    intake.finish()
    first = desk.now
    intake = desk.begin()
    assert intake.skip("unit", "d")
    intake.finish()
    assert first < desk.now
    assert read_at(desk) == desk.now
    assert read_at(desk, first) == first


def test_a_replay_reads_nothing_anew(desk: Desk) -> None:
    answered = desk.now - timedelta(days=3)
    origin = Origin("GET /lessons", "ab" * 32, 10, answered.isoformat())
    desk.read(covering(origin=origin))
    imported = desk.now
    wider = Scope("lessons")
    intake = desk.begin(replaying=True)
    made = covering(origin=origin)
    made.covers(wider)
    intake.commit("unit 0", made)
    intake.finish()
    assert imported < desk.now
    assert read_at(desk) == imported
    assert read_at(desk, place=Place(lesson_date="2026-10-01")) == answered
