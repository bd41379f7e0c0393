"""Matches, decisions and discrepancies over several reconciliations, on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from canonical.coverage import Scope
from canonical.entities import (
    Course,
    Enrolment,
    Group,
    Lesson,
    Mark,
    Person,
    Record,
    Subject,
    Work,
)
from canonical.scales import Scale
from canonical.store import Store, StoreError
from canonical.store import runs as run_log
from canonical.tables import DISCREPANCIES, JUDGEMENTS, MATCHES, RUNS
from connectors.contract import SourceConfig
from pipelines.reconciling import Result, as_json, candidates, decide, reconcile
from pipelines.workplace import SourceJob
from reconcile import keeping
from reconcile.keeping import DecisionError, NoSuchDiscrepancyError
from reconcile.life import Discrepancy
from tests.journals import CAN_SAY, change, primed, without
from tests.judged import MOSCOW, school
from tests.stores import batch

HOUR = timedelta(hours=1)
JOURNAL: list[Record] = [
    Person(key="p1", role="student", family_name="Тестова", given_name="Алиса", birth_date="2013-03-04"),
    Person(key="p2", role="student", family_name="Примеров", given_name="Борис", birth_date="2013-05-06"),
    Group(key="g", name="7А", kind="class", level=7, academic_year="2026/2027"),
    Enrolment(key="e1", person="p1", group="g", start="2026-09-01"),
    Enrolment(key="e2", person="p2", group="g", start="2026-09-01"),
    Subject(key="s", name="Алгебра"),
    Course(key="c", group="g", subject="s"),
    Lesson(key="l", course="c", date="2026-09-08", number=1, status="held", topic="Дроби"),
    Work(key="w", course="c", lesson="l"),
    Mark(key="m", work="w", student="p1", value="5", grade=5, meaning="grade"),
]
RIGHT = primed(JOURNAL)
FOUR = change(RIGHT, "xm", Mark, value="4", grade=4)
THREE = change(RIGHT, "xm", Mark, value="3", grade=3)
TWIN = change(RIGHT, "xp1", Person, given_name="Злата")


class Place:
    """An institution with sources `a/left` and `a/right` in a store, read and reconciled by hand."""

    def __init__(self, url: str) -> None:
        self.now = datetime(2026, 9, 10, 9, tzinfo=UTC)
        self.store = Store(url, lambda: self.now)
        self.authority = {"left": 10, "right": 5}

    def read(
        self,
        records: Iterable[Record],
        source: str = "right",
        *,
        entities: Sequence[str] = tuple(CAN_SAY),
        aside: Iterable[tuple[str, str, Any]] = (),
    ) -> None:
        """An import an hour later: these records and nothing besides; `aside` is entity, key and body of what is broken."""
        self.now += HOUR
        number = self.store.source(f"a/{source}", institution="a", connector="files", capabilities=CAN_SAY)
        with self.store.writing() as connection:
            run = run_log.begin(connection, "import", {}, self.store.stamp())
        intake = self.store.intake(run=run, source=number, name=f"a/{source}", zone=MOSCOW)
        made = batch(records)
        for entity, key, body in aside:
            made.reject(entity, "broken", body, key=key)
        made.covers(*(Scope(entity) for entity in entities))
        intake.commit("unit", made)
        intake.finish()
        self.store.note_source(number, "ok", None, complete=True)

    @property
    def jobs(self) -> list[SourceJob]:
        configs = [SourceConfig(key=k, connector="files", authority=a) for k, a in self.authority.items()]
        return [SourceJob(school(), c, Scale("five", {})) for c in configs]

    def reconcile(self) -> Result:
        (result,) = reconcile(self.store, self.jobs)
        assert result.error is None
        return result

    def states(self) -> list[tuple[str, str, str]]:
        """Entity, kind and state of what a reconciliation an hour later lists."""
        self.now += HOUR
        return [(d.entity, d.kind, d.state) for p in self.reconcile().pairs for d in p.discrepancies]

    def kept(self) -> dict[str, Discrepancy]:
        with self.store.reading() as connection:
            return keeping.discrepancies(connection)

    def only(self) -> Discrepancy:
        (one,) = self.kept().values()
        return one

    def close(self, state: Any, why: str | None = None) -> None:
        with self.store.writing() as connection:
            keeping.close(connection, self.only().id[:6], state, why, self.now)

    def count(self, table: Any) -> int:
        with self.store.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar() or 0


@pytest.fixture
def place(store_url: str) -> Iterator[Place]:
    made = Place(store_url)
    made.read(JOURNAL, "left")
    yield made
    made.store.close()


DIFFERS = ("marks", "differs")


def test_new_confirmed_fixed_back(place: Place) -> None:
    place.read(FOUR)
    assert place.states() == [(*DIFFERS, "new")]
    first = place.only()
    assert (first.left_value, first.right_value, first.field, first.times) == ("5", "4", "value", 1)
    assert first.first_at == first.last_at == place.now.isoformat()
    assert place.states() == [(*DIFFERS, "confirmed")]
    again = place.only()
    assert (again.id, again.first_at, again.last_at) == (first.id, first.first_at, place.now.isoformat())
    place.read(RIGHT)
    assert place.states() == []
    fixed = place.only()
    assert (fixed.id, fixed.state, fixed.closed_at) == (first.id, "fixed", place.now.isoformat())
    assert place.states() == []
    assert place.only() == fixed
    place.read(THREE)
    assert place.states() == [(*DIFFERS, "back")]
    back = place.only()
    assert (back.id, back.times, back.closed_at, back.right_value) == (first.id, 2, None, "3")
    assert place.states() == [(*DIFFERS, "confirmed")]
    assert place.only().times == 2


def test_what_was_fixed_is_told_once(place: Place) -> None:
    place.read(FOUR)
    place.reconcile()
    place.read(RIGHT)
    assert place.reconcile().pairs[0].fixed == [place.only().id]
    place.now += HOUR
    assert place.reconcile().pairs[0].fixed == []


def test_reconciling_twice_at_the_same_moment_changes_nothing(place: Place) -> None:
    place.read(without(FOUR, "xe2", Enrolment))
    first = place.reconcile()
    kept = place.kept()
    assert len(kept) == 2
    matches = place.count(MATCHES)
    again = place.reconcile()
    assert [p.discrepancies for p in again.pairs] == [p.discrepancies for p in first.pairs]
    assert (place.kept(), place.count(MATCHES)) == (kept, matches)


def test_a_value_that_changes_on_the_way_is_the_same_discrepancy(place: Place) -> None:
    place.read(FOUR)
    place.states()
    place.read(THREE)
    assert place.states() == [(*DIFFERS, "confirmed")]
    assert place.only().right_value == "3"


class TestAccepted:
    def test_stays_while_both_say_the_same(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.close("accepted", "так и было")
        for _ in range(2):
            assert place.states() == [(*DIFFERS, "accepted")]
        assert place.only().note == "так и было"
        place.read(FOUR)  # read anew, and still so
        assert place.states() == [(*DIFFERS, "accepted")]

    def test_comes_back_when_a_value_changes(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.close("accepted")
        place.read(THREE)
        assert place.states() == [(*DIFFERS, "back")]
        assert place.only().times == 2

    def test_is_fixed_when_it_is_gone_and_back_when_it_returns(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.close("accepted")
        place.read(RIGHT)
        assert place.states() == []
        assert place.only().state == "fixed"
        place.read(FOUR)
        assert place.states() == [(*DIFFERS, "back")]


class TestResolved:
    def test_is_believed_until_a_source_is_read(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.now += HOUR
        place.close("resolved")
        assert place.states() == [(*DIFFERS, "resolved")]
        assert place.states() == [(*DIFFERS, "resolved")]
        place.read(FOUR)
        assert place.states() == [(*DIFFERS, "back")]

    def test_is_fixed_when_it_is_gone(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.close("resolved")
        place.read(RIGHT)
        assert place.states() == []
        assert place.only().state == "fixed"


def test_what_is_fixed_cannot_be_closed(place: Place) -> None:
    place.read(FOUR)
    place.states()
    place.read(RIGHT)
    place.states()
    with pytest.raises(NoSuchDiscrepancyError, match="уже закрыто"):
        place.close("accepted")


def test_ids_that_name_nothing_or_too_much(place: Place) -> None:
    place.read(without(FOUR, "xe2", Enrolment))
    place.reconcile()
    with place.store.reading() as connection:
        for text in ("zzz", "%", "_"):
            with pytest.raises(NoSuchDiscrepancyError, match=f"расхождения «{text}» нет"):
                keeping.one(connection, text)
        with pytest.raises(NoSuchDiscrepancyError, match="начинаются номера нескольких расхождений"):
            keeping.one(connection, "")


class TestNotYetFixed:
    """What cannot be told stays as it is: it is not called fixed."""

    def test_while_the_missing_record_lies_in_quarantine(self, place: Place) -> None:
        place.read(without(RIGHT, "xm", Mark))
        assert place.states() == [("marks", "missing_right", "new")]
        broken = ("marks", "xm", {"key": "xm", "work": "xw", "student": "xp1", "value": {}})
        place.read(without(RIGHT, "xm", Mark), aside=[broken])
        assert place.states() == [("marks", "missing_right", "new")]
        place.read(RIGHT)
        assert place.states() == []
        assert place.only().state == "fixed"

    def test_while_nothing_can_be_told_of_what_lies_in_quarantine(self, place: Place) -> None:
        place.read(without(RIGHT, "xm", Mark))
        place.states()
        place.read(without(RIGHT, "xm", Mark), aside=[("marks", "77", None)])
        assert place.states() == [("marks", "missing_right", "new")]

    def test_while_it_is_in_doubt_who_a_pupil_is(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.read(change(FOUR, "xp1", Person, given_name="Злата"))
        assert place.states() == [("people", "ambiguous", "new"), (*DIFFERS, "new")]
        place.read(FOUR)
        assert place.states() == [(*DIFFERS, "confirmed")]

    def test_but_a_record_that_is_gone_is_over(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.read(without(RIGHT, "xm", Mark))
        assert place.states() == [("marks", "missing_right", "new")]
        assert sorted(d.state for d in place.kept().values()) == ["fixed", "new"]


class TestDecisions:
    def decide(self, place: Place, decision: Any, *names: str) -> None:
        place.now += HOUR
        decide(place.store, place.jobs, names, decision)

    def test_a_doubt_waits_for_a_person(self, place: Place) -> None:
        place.read(TWIN)
        assert place.states() == [("people", "ambiguous", "new")]
        (candidate,) = candidates(place.store, place.jobs)
        assert candidate.id == place.only().id
        said = candidate.as_json()
        assert (said["left"]["name"], said["right"]["name"]) == ("Тестова Алиса", "Тестова Злата")
        assert said["left"]["groups"] == said["right"]["groups"] == ["7А"]
        assert "another given name" in said["how"]

    def test_confirmed_for_ever(self, place: Place) -> None:
        place.read(TWIN)
        place.states()
        self.decide(place, "confirmed", place.only().id[:8])
        for _ in range(2):
            states = place.states()
            assert [s[:2] for s in states] == [("people", "differs")]
            place.read(TWIN)
        assert candidates(place.store, place.jobs) == []
        assert {d.kind: d.state for d in place.kept().values()} == {"ambiguous": "fixed", "differs": "confirmed"}
        assert ("p1", "xp1", 1.0, "confirmed by a person") in place.reconcile().pairs[0].outcome.matches["people"]

    def test_split_for_ever(self, place: Place) -> None:
        place.read(RIGHT)
        assert place.states() == []
        self.decide(place, "split", "a/left:p1", "a/right:xp1")
        for _ in range(2):
            assert {s[:2] for s in place.states()} == {("people", "missing_left"), ("people", "missing_right")}
            place.read(RIGHT)
        self.decide(place, "confirmed", "a/right:xp1", "a/left:p1")
        assert place.states() == []

    def test_survive_that_a_record_goes_and_comes(self, place: Place) -> None:
        place.read(RIGHT)
        self.decide(place, "split", "a/left:p1", "a/right:xp1")
        place.states()
        place.read([r for r in RIGHT if r.key not in {"xp1", "xe1", "xm"}])
        place.states()
        place.read(RIGHT)
        assert ("people", "missing_right") in {s[:2] for s in place.states()}

    def test_survive_that_the_sides_change(self, place: Place) -> None:
        place.read(RIGHT)
        self.decide(place, "split", "a/left:p1", "a/right:xp1")
        place.states()
        kept = set(place.kept())
        place.authority = {"left": 1, "right": 5}
        assert {s[:2] for s in place.states()} == {("people", "missing_left"), ("people", "missing_right")}
        assert set(place.kept()) == kept, "the same discrepancies, whichever source is the left one"
        self.decide(place, "confirmed", "a/left:p1", "a/right:xp1")
        assert place.states() == []

    def test_that_contradict_each_other(self, place: Place) -> None:
        place.read([*RIGHT, Person(key="y", role="student", family_name="Тестова", given_name="Злата")])
        self.decide(place, "confirmed", "a/left:p1", "a/right:xp1")
        with pytest.raises(DecisionError, match=r"уже подтверждено: a/left:p1 a/right:xp1; .* svod people split"):
            self.decide(place, "confirmed", "a/left:p1", "a/right:y")
        self.decide(place, "split", "a/left:p1", "a/right:xp1")
        self.decide(place, "confirmed", "a/left:p1", "a/right:y")

    def test_of_people_who_are_not_there(self, place: Place) -> None:
        place.read(RIGHT)
        for names, message in (
            (["a/left:p1", "a/left:p2"], "назовите двух человек из двух источников"),
            (["a/left:p1", "a/right:gone"], "в a/right нет человека с ключом «gone»"),
            (["a/left:p1", "b/right:xp1"], "источник «b/right» ещё ни разу не читали; есть: a/left, a/right"),
            (["a/left:p1", "xp1"], "«xp1» не называет человека"),
            (["a/left:p1", "a/right:"], "«a/right:» не называет человека"),
            (["zzz"], "расхождения «zzz» нет"),
            (["a/left:p1", "a/right:xp1", "a/right:xp2"], "назовите двух человек"),
        ):
            with pytest.raises(DecisionError, match=message):
                self.decide(place, "confirmed", *names)

    def test_of_a_discrepancy_that_is_about_no_two_people(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        with pytest.raises(DecisionError, match="не о двух людях"):
            self.decide(place, "confirmed", place.only().id)


class TestThePast:
    def test_an_earlier_moment_is_told_and_not_kept(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        kept, runs, matches, later = place.kept(), place.count(RUNS), place.count(MATCHES), place.now
        place.now -= HOUR / 2
        result = place.reconcile()
        assert [(d.kind, d.state) for d in result.pairs[0].discrepancies] == [("differs", "new")]
        assert (result.stored, result.last_judged_at) == (False, later)
        assert (place.kept(), place.count(RUNS), place.count(MATCHES)) == (kept, runs, matches)

    def test_what_is_known_of_a_discrepancy_is_told(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.close("accepted", "так и было")
        place.now -= HOUR / 2
        (found,) = place.reconcile().pairs[0].discrepancies
        assert (found.state, found.note) == ("accepted", "так и было")


class TestPairs:
    def test_every_two_sources_the_higher_authority_left(self, place: Place) -> None:
        place.read(RIGHT)
        place.read(primed(RIGHT), "third")
        place.authority = {"right": 5, "third": 5, "left": 10}
        result = place.reconcile()
        assert [(p.sources.left, p.sources.right) for p in result.pairs] == [
            ("a/left", "a/right"),
            ("a/left", "a/third"),
            ("a/right", "a/third"),
        ]

    def test_only_those_with_something_in_common(self, place: Place) -> None:
        place.read([r for r in RIGHT if isinstance(r, Person | Group)])
        place.read([Subject(key="s", name="Алгебра")], "third")
        place.authority = {"left": 10, "right": 5, "third": 1, "unread": 0}
        assert [p.sources.right for p in place.reconcile().pairs] == ["a/right", "a/third"]

    def test_a_source_that_is_no_longer_configured(self, place: Place) -> None:
        place.read(FOUR)
        place.states()
        place.authority = {"left": 10}
        assert place.states() == []
        assert place.only().state == "fixed"
        place.authority = {"left": 10, "right": 5}
        assert place.states() == [(*DIFFERS, "back")]

    def test_the_run_is_on_record(self, place: Place) -> None:
        place.read(FOUR)
        before = place.count(RUNS)
        result = place.reconcile()
        assert (result.stored, place.count(RUNS), place.count(JUDGEMENTS)) == (True, before + 1, 1)
        summary = result.summary()
        assert (summary["kinds"], summary["states"], summary["doubtful"]) == ({"differs": 1}, {"new": 1}, 0)
        assert summary["matches"]["people"] == 2
        with place.store.reading() as connection:
            row = connection.execute(select(RUNS).order_by(RUNS.c.id.desc())).mappings().first()
        assert row is not None
        assert (row["job"], row["status"]) == ("reconcile", "ok")
        assert "Тестова" not in str(dict(row)), "no personal data in what is logged of runs"

    def test_matches_that_are_gone_are_forgotten(self, place: Place) -> None:
        place.read(RIGHT)
        place.reconcile()
        full = place.count(MATCHES)
        place.read([r for r in RIGHT if not isinstance(r, Lesson | Work | Mark)])
        place.now += HOUR
        place.reconcile()
        assert place.count(MATCHES) == full - 1

    def test_one_institution_that_fails_does_not_stop_another(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.read(FOUR)

        def broken(*_: object, **__: object) -> None:
            raise StoreError("the store is locked")

        monkeypatch.setattr("pipelines.reconciling.reconcile_pair", broken)
        (result,) = reconcile(place.store, place.jobs)
        assert (result.error, result.stored, result.pairs) == ("the store is locked", False, [])
        with place.store.reading() as connection:
            assert connection.execute(select(RUNS.c.status).order_by(RUNS.c.id.desc())).scalar() == "failed"


def test_the_document_has_the_shape_of_the_contract(place: Place) -> None:
    place.read(without(FOUR, "xe2", Enrolment))
    document = as_json([place.reconcile()])
    assert set(document) >= {"pairs", "matches", "discrepancies"}
    assert document["pairs"] == [{"institution": "a", "left": "a/left", "right": "a/right"}]
    person = next(m for m in document["matches"] if m["entity"] == "people")
    assert person == {
        "institution": "a", "entity": "people", "left": {"source": "a/left", "key": "p1"},
        "right": {"source": "a/right", "key": "xp1"}, "score": 1.0, "how": "name and birth date",
    }  # fmt: skip
    enrolment, mark = document["discrepancies"]
    assert list(mark)[:9] == ["id", "institution", "entity", "kind", "left", "right", "field", "since", "state"]
    assert (mark["entity"], mark["kind"], mark["field"], mark["state"]) == ("marks", "differs", "value", "new")
    assert mark["left"] == {"source": "a/left", "key": "m", "value": "5"}
    assert mark["since"] == place.now.isoformat()
    assert (enrolment["kind"], enrolment["right"], enrolment["field"]) == ("missing_right", None, None)
    assert place.count(DISCREPANCIES) == 2
