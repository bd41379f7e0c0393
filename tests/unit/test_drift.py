"""Drift: what answers have that the connector does not know, and what they have no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from canonical.batch import Batch, Drift, Origin
from canonical.store import Store
from canonical.store import runs as run_log
from connectors.wire import Wire, read_each
from tests.stores import Desk

ORIGIN = Origin("GET /lessons", "0" * 64, 2, "2026-10-01T00:00:00+03:00")


class Inner(Wire):
    name: str | None = None


class Lesson(Wire):
    id: str
    topic: str | None = None
    inner: Inner | None = None


def read(*items: object) -> Batch:
    batch = Batch()
    list(read_each(items, Lesson, batch, entity="lessons", key="id", origin=ORIGIN))
    return batch


def lessons(number: int, **fields: object) -> Batch:
    return read(*({"id": n, **fields} for n in range(number)))


class TestOfOneBatch:
    def test_unknown_fields_are_counted_also_within(self) -> None:
        batch = read({"id": 1, "mood": 1, "inner": {"mood": 2}}, {"id": 2, "mood": 3})
        assert batch.drift == {Drift("unknown_field", "Lesson", "mood"): 2, Drift("unknown_field", "Inner", "mood"): 1}

    def test_a_required_field_that_is_missing_is_counted_and_its_item_set_aside(self) -> None:
        batch = read({"topic": "x"}, {"id": 2})
        assert batch.drift == {Drift("missing_field", "Lesson", "id"): 1}
        assert len(batch.rejects) == 1

    def test_what_objects_were_like(self) -> None:
        batch = read({"id": 1, "topic": None}, {"id": 2, "inner": {}}, {"id": 3, "topic": "x"})
        assert batch.shapes == {
            ("Lesson", frozenset({"id", "topic"})): 2,
            ("Lesson", frozenset({"id", "inner"})): 1,
            ("Inner", frozenset()): 1,
        }


class TestOverRuns:
    @pytest.fixture
    def desk(self, store_url: str) -> Iterator[Desk]:
        made = Desk(store_url)
        yield made
        made.store.close()

    def drift(self, desk: Desk, *batches: Batch) -> dict[str, int]:
        desk.read(*batches)
        with desk.store.reading() as connection:
            return {f"{d['kind']} {d['place']}.{d['name']}": d["count"] for d in run_log.drift(connection, desk.run)}

    def test_a_field_that_no_object_has_any_more_has_vanished(self, desk: Desk) -> None:
        assert self.drift(desk, lessons(20, topic="x"), lessons(20, topic=None)) == {}
        assert self.drift(desk, lessons(20), lessons(20)) == {"missing_field Lesson.topic": 40}
        assert self.drift(desk, lessons(20), lessons(20, topic="x")) == {}

    def test_a_field_that_few_have_may_be_away(self, desk: Desk) -> None:
        assert self.drift(desk, lessons(200), lessons(8, topic="x")) == {}
        assert self.drift(desk, lessons(200)) == {}

    def test_a_run_that_brings_little_says_nothing(self, desk: Desk) -> None:
        assert self.drift(desk, lessons(500, topic="x")) == {}
        assert self.drift(desk, lessons(40)) == {}
        assert self.drift(desk, lessons(60)) == {"missing_field Lesson.topic": 60}

    def test_a_field_that_is_new_has_no_past(self, desk: Desk) -> None:
        assert self.drift(desk, lessons(50)) == {}
        assert self.drift(desk, lessons(50, topic="x")) == {}

    def test_what_drifts_in_a_unit_that_is_skipped_counts_again(self, desk: Desk) -> None:
        batch = lessons(3, mood=1)
        first = desk.begin()
        first.commit("unit", batch, digest="same")
        first.finish()
        second = desk.begin()
        assert second.skip("unit", "same")
        second.finish()
        with desk.store.reading() as connection:
            (shown,) = run_log.drift(connection, desk.run)
        assert (shown["place"], shown["name"], shown["count"]) == ("Lesson", "mood", 3)


def test_a_store_of_the_first_form_is_brought_up(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    url = f"sqlite:///{tmp_path / 'old.db'}"
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "canonical" / "migrations"))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO units (source, unit, run, at, digest, scopes, judged, keys)"
            " VALUES (1, 'unit', 1, '', 'same', '[]', 1, x'80')"
        )
    engine.dispose()
    store = Store(url)
    store.source("a/b", institution="a", connector="files", capabilities={})
    store.close()
    desk = Desk(url)
    intake = desk.begin()
    assert intake.skip("unit", "same")
    assert intake.finish().ledger == {}
    desk.store.close()
