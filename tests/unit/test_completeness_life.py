"""The life of findings over several judgements, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from canonical.calendar import SchoolCalendar
from canonical.coverage import Scope
from canonical.entities import Record
from canonical.scales import Scale
from canonical.store import Store, StoreError
from canonical.store import runs as run_log
from canonical.tables import FINDINGS, JUDGEMENTS, RUNS
from connectors.contract import SourceConfig
from pipelines.completeness import keeping
from pipelines.completeness.finding import Finding
from pipelines.completeness.keeping import NoSuchFindingError
from pipelines.completeness.profile import Profile
from pipelines.completeness.running import Request, Result, Ward, as_json, completeness
from pipelines.workplace import SourceJob
from tests.judged import CLASS, EVERYTHING, MOSCOW, at, lesson, marked, school, shipped_profile
from tests.stores import batch

KRU = shipped_profile("kru")
PLANNED, HELD = lesson(status="planned"), lesson()
WEEK = timedelta(days=7)


class Journal:
    """An institution with sources in a store, imported and judged by hand."""

    def __init__(self, url: str) -> None:
        self.now = at("2026-09-10 12:00")
        self.store = Store(url, lambda: self.now)
        self.profile: Profile = KRU
        self.calendar: SchoolCalendar | None = None
        self.authority = {"b": 1}

    def read(self, *records: Record, source: str = "b", scopes: Sequence[str] = ("lessons", "marks", "works")) -> None:
        """An import that reads the class and these records, and nothing besides."""
        number = self.store.source(f"a/{source}", institution="a", connector="files", capabilities=EVERYTHING)
        with self.store.writing() as connection:
            run = run_log.begin(connection, "import", {}, self.store.stamp())
        intake = self.store.intake(run=run, source=number, name=f"a/{source}", zone=MOSCOW)
        made = batch([*CLASS, *records])
        made.covers(*(Scope(entity) for entity in scopes))
        intake.commit("unit", made)
        intake.finish()

    def ward(self) -> Ward:
        configs = [SourceConfig(key=k, connector="files", authority=a) for k, a in self.authority.items()]
        jobs = [SourceJob(school(), c, Scale("five", {})) for c in configs]
        return Ward(school(), jobs, self.profile, self.calendar)

    def judge(self, **request: Any) -> Result:
        _, (result,) = completeness(self.store, [self.ward()], Request(**request))
        return result

    def states(self, **request: Any) -> dict[str, str]:
        """The state of each finding that a judgement lists, by its lesson."""
        return {f.lesson or "": f.state for f in self.judge(**request).findings}

    def kept(self) -> dict[str, Finding]:
        with self.store.reading() as connection:
            return keeping.findings(connection)

    def only(self) -> Finding:
        (finding,) = self.kept().values()
        return finding

    def count(self, table: Any) -> int:
        with self.store.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar() or 0


@pytest.fixture
def journal(store_url: str) -> Iterator[Journal]:
    made = Journal(store_url)
    yield made
    made.store.close()


def test_new_confirmed_fixed_back(journal: Journal) -> None:
    journal.read(PLANNED)
    assert journal.states() == {"l": "new"}
    first = journal.only()
    assert (first.first_at, first.last_at, first.times) == (journal.now.isoformat(), journal.now.isoformat(), 1)
    journal.now += timedelta(hours=1)
    assert journal.states() == {"l": "confirmed"}
    again = journal.only()
    assert (again.id, again.first_at, again.last_at) == (first.id, first.first_at, journal.now.isoformat())
    journal.now += timedelta(hours=1)
    journal.read(HELD)
    result = journal.judge()
    assert result.findings == []
    assert [(f.id, f.state, f.closed_why, f.closed_at) for f in result.fixed] == [(first.id, "fixed", "in_order", journal.now.isoformat())]  # fmt: skip
    journal.now += timedelta(hours=1)
    assert journal.judge().fixed == [], "it is told once"
    journal.read(PLANNED)
    assert journal.states() == {"l": "back"}
    back = journal.only()
    assert (back.id, back.times, back.closed_at, back.closed_why, back.first_at) == (
        first.id,
        2,
        None,
        None,
        first.first_at,
    )
    journal.now += timedelta(hours=1)
    assert journal.states() == {"l": "confirmed"}
    assert journal.only().times == 2


def test_judging_twice_at_the_same_moment_changes_nothing(journal: Journal) -> None:
    journal.read(PLANNED, lesson("l2", topic=None), *marked(of="l2", recorded_at="2026-09-10T10:00:00+03:00"))
    first = journal.judge()
    kept = journal.kept()
    assert len(kept) == 3
    second = journal.judge()
    assert second.findings == first.findings
    assert journal.kept() == kept
    journal.now += timedelta(hours=1)
    journal.read(HELD)
    journal.judge()
    kept = journal.kept()
    journal.judge()
    assert journal.kept() == kept


def test_names_and_words_follow_the_journal(journal: Journal) -> None:
    journal.read(PLANNED)
    journal.judge()
    journal.now += timedelta(hours=1)
    journal.read(lesson(status="planned", teacher="t2"))
    journal.profile = shipped_profile("kru", lesson__unrecorded={"severity": "warning", "clause": "X 1"})
    journal.judge()
    found = journal.only()
    assert (found.teacher, found.severity, found.clause, found.state) == ("Макетов Лев", "warning", "X 1", "confirmed")


class TestWaiver:
    def waive(self, journal: Journal, until: str) -> None:
        with journal.store.writing() as connection:
            keeping.waive(connection, journal.only().id[:6], date.fromisoformat(until), "болезнь учителя")

    def test_excuses_until_its_last_day_is_over(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        self.waive(journal, "2026-09-12")
        assert journal.only().state == "excused"
        assert journal.states() == {"l": "excused"}
        journal.now = at("2026-09-12 23:59")
        assert journal.states() == {"l": "excused"}
        assert journal.only().waived_why == "болезнь учителя"
        journal.now = at("2026-09-13 00:00")
        assert journal.states() == {"l": "confirmed"}

    def test_one_that_is_over_ends_even_if_nothing_can_be_judged(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        self.waive(journal, "2026-09-12")
        journal.now += timedelta(days=30)
        result = journal.judge()
        assert [f.state for f in result.findings] == ["confirmed"]
        assert result.unjudged == {journal.only().id}

    def test_can_be_lifted(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        self.waive(journal, "2026-09-12")
        with journal.store.writing() as connection:
            keeping.lift(connection, journal.only().id)
        assert journal.states() == {"l": "confirmed"}
        assert journal.only().waived_until is None

    def test_of_what_was_filled_and_is_empty_again_still_runs(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        self.waive(journal, "2026-12-31")
        for number, (record, state) in enumerate(((HELD, None), (PLANNED, "excused"))):
            journal.now += timedelta(hours=number + 1)
            journal.read(record)
            assert journal.states() == ({"l": state} if state else {})
        assert journal.only().times == 2

    def test_only_what_is_open_can_be_excused(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.read(HELD)
        journal.judge()
        with pytest.raises(NoSuchFindingError, match="уже закрыто"):
            self.waive(journal, "2026-12-31")
        with journal.store.reading() as connection:
            with pytest.raises(NoSuchFindingError, match="замечания «zzz» нет"):
                keeping.one(connection, "zzz")
            with pytest.raises(NoSuchFindingError, match="замечания «%» нет"):
                keeping.one(connection, "%")


def test_several_findings_that_begin_alike(journal: Journal) -> None:
    journal.read(PLANNED, lesson("l2", status="planned"))
    journal.judge()
    with (
        journal.store.reading() as connection,
        pytest.raises(NoSuchFindingError, match="начинаются номера нескольких замечаний"),
    ):
        keeping.one(connection, "")


class TestWhatIsClosed:
    def test_only_days_that_were_looked_at(self, journal: Journal) -> None:
        journal.read(PLANNED, lesson("l2", "2026-09-09", "planned"))
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.read(HELD, lesson("l2", "2026-09-09"))
        result = journal.judge(since=date(2026, 9, 9))
        assert [f.lesson for f in result.fixed] == ["l2"]
        assert {f.lesson: f.state for f in journal.kept().values()} == {"l": "new", "l2": "fixed"}
        result = journal.judge(until=date(2026, 9, 8))
        assert [f.lesson for f in result.fixed] == ["l"]

    def test_what_lies_outside_of_the_days_is_not_listed(self, journal: Journal) -> None:
        journal.read(PLANNED, lesson("l2", "2026-09-09", "planned"))
        journal.judge()
        assert journal.states(since=date(2026, 9, 9)) == {"l2": "new"}

    def test_not_what_cannot_be_told_anew(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += WEEK + timedelta(seconds=1)
        result = journal.judge()
        assert [(f.lesson, f.state) for f in result.findings] == [("l", "new")], "an open finding stays on the list"
        assert result.unjudged == {journal.only().id}
        assert [(s["rule"], s["why"], s["count"]) for s in result.stale()] == [
            ("lesson.unrecorded", "read_too_long_ago", 1)
        ]
        document = as_json([result], journal.now)
        assert [f["judged"] for f in document["findings"]] == [False]

    def test_but_nobody_is_accused_anew(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.now += WEEK + timedelta(seconds=1)
        assert journal.states() == {}
        assert journal.kept() == {}

    def test_what_was_filled_is_closed_however_old_the_scope_is(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.read(HELD, scopes=())
        journal.now += timedelta(days=30)
        assert [f.lesson for f in journal.judge().fixed] == ["l"]

    def test_a_lesson_that_vanished(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.read(lesson("l2"))
        assert [f.closed_why for f in journal.judge().fixed] == ["in_order"]

    def test_a_lesson_that_was_cancelled(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.read(lesson(status="cancelled"))
        assert [f.lesson for f in journal.judge().fixed] == ["l"]

    def test_a_rule_that_is_switched_off_whatever_the_days(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.profile = shipped_profile("kru", lesson__unrecorded={"enabled": False})
        result = journal.judge(since=date(2026, 9, 9))
        assert [f.closed_why for f in result.fixed] == ["rule_off"]

    def test_of_a_journal_that_is_no_longer_the_main_one(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.authority = {"b": 1, "new": 5}
        journal.read(PLANNED, source="new")
        result = journal.judge()
        assert [(f.source, f.state) for f in result.findings] == [("a/new", "new")]
        assert [(f.source, f.closed_why) for f in result.fixed] == [("a/b", "other_journal")]

    def test_nothing_while_there_is_no_journal(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.authority = {"elsewhere": 1}
        result = journal.judge()
        assert (result.sources, result.stored, result.fixed) == ([], False, [])
        assert journal.only().state == "new"

    def test_not_what_lies_in_quarantine(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now += timedelta(hours=1)
        number = journal.store.source("a/b", institution="a", connector="files", capabilities=EVERYTHING)
        with journal.store.writing() as connection:
            run = run_log.begin(connection, "import", {}, journal.store.stamp())
        intake = journal.store.intake(run=run, source=number, name="a/b", zone=MOSCOW)
        made = batch(CLASS)
        made.reject("lessons", "date: not a date", {"id": "l", "date": 7}, key="l")
        made.covers(Scope("lessons"))
        intake.commit("unit", made)
        intake.finish()
        result = journal.judge()
        assert result.fixed == []
        assert result.unjudged == {journal.only().id}
        assert [s["why"] for s in result.stale()] == ["in_quarantine"]


class TestThePast:
    def test_an_earlier_moment_is_told_and_not_kept(self, journal: Journal) -> None:
        journal.read(PLANNED, lesson("l2", "2026-09-09", "planned"))
        journal.judge()
        kept, runs = journal.kept(), journal.count(RUNS)
        later = journal.now
        journal.now = at("2026-09-09 12:00")
        result = journal.judge()
        assert [(f.lesson, f.state) for f in result.findings] == [("l", "new")]
        assert (result.stored, result.last_judged_at) == (False, later)
        assert journal.kept() == kept
        assert journal.count(RUNS) == runs
        with journal.store.reading() as connection:
            assert keeping.last_judgement(connection, "completeness", "a") == later

    def test_the_same_moment_in_another_offset_is_not_earlier(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        journal.now = datetime.fromisoformat("2026-09-10T09:00:00+00:00")
        assert journal.judge().stored

    def test_as_of_shows_the_journal_as_it_stood(self, journal: Journal) -> None:
        journal.read(PLANNED)
        then = journal.now
        journal.judge()
        journal.now += timedelta(hours=1)
        journal.read(HELD)
        journal.judge()
        kept = journal.kept()
        result = journal.judge(as_of=then)
        assert [(f.lesson, f.state) for f in result.findings] == [("l", "new")]
        assert not result.stored
        result = journal.judge(as_of=then + timedelta(minutes=30))
        assert [(f.lesson, f.state) for f in result.findings] == [("l", "confirmed")]
        assert journal.judge(as_of=journal.now).findings == []
        assert journal.judge(as_of=then - timedelta(hours=1)).findings == [], "nothing had been read"
        assert journal.kept() == kept

    def test_a_waiver_that_ran_then(self, journal: Journal) -> None:
        journal.read(PLANNED)
        journal.judge()
        with journal.store.writing() as connection:
            keeping.waive(connection, journal.only().id, date(2026, 9, 11), "болезнь")
        assert [f.state for f in journal.judge(as_of=journal.now + timedelta(hours=1)).findings] == ["excused"]
        assert [f.state for f in journal.judge(as_of=at("2026-09-12 00:00")).findings] == ["confirmed"]


def test_years_are_judged_by_their_own_journals(journal: Journal) -> None:
    journal.authority = {"b": 1, "old": 0}
    last_year = lesson("before", "2026-05-12", "planned")
    journal.read(last_year, source="old")
    journal.read(PLANNED)
    result = journal.judge(since=date(2026, 3, 1))
    assert result.sources == ["a/old", "a/b"]
    assert {(f.source, f.lesson) for f in result.findings} == {("a/old", "before"), ("a/b", "l")}
    assert [f.lesson for f in journal.judge().findings] == ["l"], "by default the current academic year"


def test_runs_are_on_record(journal: Journal) -> None:
    journal.read(PLANNED)
    journal.judge(since=date(2026, 9, 1))
    with journal.store.reading() as connection:
        run = run_log.recent(connection, limit=1)[0]
    assert (run.job, run.status) == ("completeness", "ok")
    assert run.detail == {"institutions": ["a"], "since": "2026-09-01", "until": None}
    assert run.result
    assert run.result["institutions"][0]["states"] == {"new": 1, "confirmed": 0, "back": 0, "excused": 0, "fixed": 0}
    assert journal.count(JUDGEMENTS) == 1


def test_another_institution_s_findings_are_left_alone(journal: Journal) -> None:
    journal.read(PLANNED)
    journal.judge()
    with journal.store.writing() as connection:
        stranger = next(iter(keeping.findings(connection).values()))
        keeping.keep(connection, [replace(stranger, id="0" * 16, institution="other", source="other/b")])
    journal.now += timedelta(hours=1)
    journal.read(HELD)
    journal.judge()
    assert {f.institution: f.state for f in journal.kept().values()} == {"a": "fixed", "other": "new"}


def test_two_judgements_at_once_do_not_double_anything(journal: Journal) -> None:
    journal.read(PLANNED, *(lesson(f"x{n}", status="planned") for n in range(20)))
    journal.judge()

    def once(_: int) -> bool:
        try:
            return journal.judge().stored
        except StoreError:  # the other one was at work
            return False

    journal.now += timedelta(hours=1)
    with ThreadPoolExecutor(2) as pool:
        assert any(pool.map(once, range(4)))
    assert journal.count(FINDINGS) == 21
    assert {f.state for f in journal.kept().values()} == {"confirmed"}
