"""Each rule on journals made by hand: both sides of its deadline, and everything that must keep it silent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
import pytest

from canonical.coverage import Axis, Selector
from canonical.entities import Attendance, Course, Enrolment, Group, Period, PlannedTopic, Record, Subject
from canonical.view import Covered
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.rules.language import is_foreign
from tests.judged import (
    CLASS,
    EVERYTHING,
    PUPIL_NAMES,
    QUARTER,
    at,
    class_of,
    found,
    lesson,
    marked,
    period_mark,
    read,
    school,
    shipped_calendar,
    shipped_profile,
    undecided,
    verdict,
)

BASE = shipped_profile("base")
KRU = shipped_profile("kru")
KOL = shipped_profile("kol")
BTO = shipped_profile("bto")
USO = shipped_profile("uso")
COLLEGE = school("college")
PLANNED = lesson(status="planned")
MIDNIGHT = at("2026-09-09 00:00")
SECOND = timedelta(seconds=1)


def one(made: Any, rule: str) -> Any:
    """The only finding of a rule."""
    (finding,) = (f for f in made.found.values() if f.rule == rule)
    return finding


class TestUnrecordedLesson:
    RULE = "lesson.unrecorded"

    def test_is_found_when_its_day_is_over(self) -> None:
        assert found(verdict([*CLASS, PLANNED], MIDNIGHT - SECOND, KRU), self.RULE) == []
        made = verdict([*CLASS, PLANNED], MIDNIGHT, KRU)
        assert found(made, self.RULE) == ["l"]
        finding = one(made, self.RULE)
        assert finding.due_at == "2026-09-09T00:00:00+03:00"
        assert (finding.clause, finding.severity, finding.answers) == ("KRU 3.2", "error", "teacher")
        assert (finding.group, finding.subject, finding.teacher, finding.lesson, finding.student) == ("7А", "Алгебра", "Образцова Вера Тестовна", "l", None)  # fmt: skip
        assert finding.message == "08.09.2026, 7А, Алгебра, 1-й урок: урок не записан в журнал"
        assert finding.overdue_hours(MIDNIGHT + timedelta(hours=30)) == 30.0

    def test_a_college_has_pairs(self) -> None:
        made = verdict([*class_of("ИС-21", 2, "study_group"), PLANNED], MIDNIGHT, USO, institution=COLLEGE)
        assert one(made, self.RULE).message == "08.09.2026, ИС-21, Алгебра, 1-я пара: занятие не записано в журнал"
        assert one(made, self.RULE).clause == "USO 3.4, 4.7"

    @pytest.mark.parametrize(
        "other",
        [
            lesson(),
            lesson(topic=None),
            lesson(status="cancelled"),
            lesson(status=None, topic="Дроби"),
            lesson(status="InDoubt"),
            lesson(day="2026-09-09", status="planned"),
        ],
        ids=["recorded", "without a topic", "cancelled", "no status, a topic", "a word of the portal", "today"],
    )
    def test_what_is_none(self, other: Record) -> None:
        made = verdict([*CLASS, other], at("2026-09-09 20:00"), KRU)
        assert found(made, self.RULE) == []
        assert undecided(made, self.RULE) == {}

    def test_of_one_without_a_status_a_mark_or_an_absence_tells(self) -> None:
        bare = lesson(status=None)
        assert found(verdict([*CLASS, bare], MIDNIGHT, KRU), self.RULE) == ["l"]
        assert found(verdict([*CLASS, bare, *marked()], MIDNIGHT, KRU), self.RULE) == []
        absent = Attendance(key="l:p1", lesson="l", student="p1", status="absent")
        assert found(verdict([*CLASS, bare, absent], MIDNIGHT, KRU), self.RULE) == []

    def test_the_day_is_the_institution_s_own(self) -> None:
        samara = school("college", ZoneInfo("Europe/Samara"))
        records = [*CLASS, lesson(status="planned", starts_at=None, ends_at=None)]
        assert found(verdict(records, MIDNIGHT - timedelta(hours=1), USO, institution=samara), self.RULE) == ["l"]
        assert found(verdict(records, MIDNIGHT - timedelta(hours=1), USO, institution=COLLEGE), self.RULE) == []

    def test_only_a_complete_read_after_the_deadline_accuses(self) -> None:
        now = at("2026-09-10 12:00")
        early = verdict([*CLASS, PLANNED], now, KRU, read_at=MIDNIGHT - SECOND)
        assert (found(early, self.RULE), undecided(early, self.RULE)) == ([], {"read_too_early": 1})
        never = verdict([*CLASS, PLANNED], now, KRU, covered=read(now, "marks"))
        assert (found(never, self.RULE), undecided(never, self.RULE)) == ([], {"never_read": 1})
        elsewhere = verdict(
            [*CLASS, PLANNED], now, KRU, covered=read(now, "lessons", start="2026-09-09", end="2026-09-30")
        )
        assert undecided(elsewhere, self.RULE) == {"never_read": 1}

    @pytest.mark.parametrize(
        ("selector", "key", "expected"),
        [
            (Selector.GROUP, "g", ["l"]),
            (Selector.GROUP, "other", []),
            (Selector.COURSE, "c", ["l"]),
            (Selector.LESSON, "l", ["l"]),
            (Selector.LESSON, "l2", []),
        ],
    )
    def test_a_scope_speaks_of_its_own_place(self, selector: Selector, key: str, expected: list[str]) -> None:
        covered = [Covered("lessons", selector, key, Axis.LESSON_DATE, "2026-09-01", "2026-09-08", MIDNIGHT)]
        assert found(verdict([*CLASS, PLANNED], MIDNIGHT, KRU, covered=covered), self.RULE) == expected

    def test_what_was_read_too_long_ago_accuses_nobody(self) -> None:
        now = at("2026-09-30 12:00")
        week = timedelta(hours=KRU.evidence_max_age_hours)
        assert week == timedelta(days=7)
        assert found(verdict([*CLASS, PLANNED], now, KRU, read_at=now - week), self.RULE) == ["l"]
        made = verdict([*CLASS, PLANNED], now, KRU, read_at=now - week - SECOND)
        assert (found(made, self.RULE), undecided(made, self.RULE)) == ([], {"read_too_long_ago": 1})
        assert made.stale[0].read_at == now - week - SECOND
        assert (made.stale[0].since, made.stale[0].until) == ("2026-09-08", "2026-09-08")
        assert made.reach.undecided

    def test_a_source_that_cannot_tell_is_not_held_against_it(self) -> None:
        made = verdict([*CLASS, PLANNED], MIDNIGHT, KRU, cannot_say=["lessons.status"])
        assert found(made, self.RULE) == []
        assert made.silent[self.RULE] == ["lessons.status"]

    def test_an_act_may_grant_days(self) -> None:
        profile = shipped_profile("kru", lesson__unrecorded={"days": 2})
        assert found(verdict([*CLASS, PLANNED], at("2026-09-10 23:59"), profile), self.RULE) == []
        assert found(verdict([*CLASS, PLANNED], at("2026-09-11 00:00"), profile), self.RULE) == ["l"]

    @pytest.mark.parametrize("day", ["2026-11-04", "2026-10-28", "2026-12-31"])
    def test_not_on_a_day_off(self, day: str) -> None:
        records = [*CLASS, lesson(day=day, status="planned")]
        now = at("2027-01-15 12:00")
        assert found(verdict(records, now, KRU), self.RULE) == ["l"]
        assert found(verdict(records, now, KRU, calendar=shipped_calendar("school-2026")), self.RULE) == []

    def test_a_vacation_of_first_graders_only(self) -> None:
        now, calendar = at("2027-03-01 12:00"), shipped_calendar("school-2026")
        for level, expected in ((1, []), (2, ["l"])):
            records = [*class_of("A", level), lesson(day="2027-02-16", status="planned")]
            assert found(verdict(records, now, KRU, calendar=calendar), self.RULE) == expected

    def test_if_the_class_was_at_school_on_that_day_it_was_none_off(self) -> None:
        now, calendar, day = at("2026-11-20 12:00"), shipped_calendar("school-2026"), "2026-10-28"
        part = [
            Group(key="sub", name="подгруппа 1", kind="subgroup", parent="g"),
            Course(key="c-sub", group="sub", subject="s"),
        ]
        planned = lesson(day=day, status="planned")
        elsewhere = [*class_of("8А", 8, key="g8")[4:5], Course(key="c8", group="g8", subject="s")]
        for course, expected in (("c", ["l"]), ("c-sub", ["l"]), ("c8", [])):
            records = [*CLASS, *part, *elsewhere, planned, lesson("other", day, course=course, number=2)]
            assert found(verdict(records, now, KRU, calendar=calendar), self.RULE) == expected

    @pytest.mark.parametrize(
        ("entity", "key", "body"),
        [
            ("lessons", "l", '{"id": "l", "date": 7}'),
            ("marks", "m", '{"id":1,"schedule_lesson_id":"l"}'),
            ("works", None, '{"works": [{"id": 1}, {"id": 2, "lesson_str": "l"}]}'),
            ("attendance", "l:p1", "{}"),
        ],
    )
    def test_what_lies_in_quarantine_may_be_the_record(self, entity: str, key: str | None, body: str) -> None:
        made = verdict([*CLASS, PLANNED], MIDNIGHT, KRU, aside=[(entity, key, body)])
        assert (found(made, self.RULE), undecided(made, self.RULE)) == ([], {"in_quarantine": 1})

    def test_what_else_lies_in_quarantine_excuses_nobody(self) -> None:
        aside = [
            ("lessons", "l2", '{"id": "l2", "name": "l"}'),
            ("people", "l", '{"id": "l", "lesson": "l"}'),
            ("marks", "l", '{"value": "l"}'),
            ("attendance", "x:l", "broken l"),
        ]
        assert found(verdict([*CLASS, PLANNED], MIDNIGHT, KRU, aside=aside), self.RULE) == ["l"]

    def test_only_days_that_are_asked_for(self) -> None:
        records = [*CLASS, *(lesson(f"l{d}", f"2026-09-{d:02}", "planned") for d in (7, 8, 9, 10))]
        made = verdict(records, at("2026-09-20 12:00"), KRU, since=date(2026, 9, 8), until=date(2026, 9, 9))
        assert found(made, self.RULE) == ["l8", "l9"]

    def test_the_teacher_is_who_held_it_else_those_of_the_course(self) -> None:
        records = [*CLASS, lesson("x", status="planned", teacher="t2"), lesson("y", status="planned", teacher="gone")]
        made = verdict(records, MIDNIGHT, KRU)
        assert {f.lesson: f.teacher for f in made.found.values()} == {"x": "Макетов Лев", "y": None}

    def test_a_part_of_a_class_is_called_by_both_names(self) -> None:
        part = [
            Group(key="sub", name="подгруппа 1", kind="subgroup", parent="g"),
            Group(key="sub2", name="7А/2", kind="subgroup", parent="g"),
            Course(key="c1", group="sub", subject="s"),
            Course(key="c2", group="sub2", subject="s"),
        ]
        records = [
            *CLASS,
            *part,
            lesson("x", course="c1", status="planned"),
            lesson("y", course="c2", status="planned"),
        ]
        made = verdict(records, MIDNIGHT, KRU)
        assert {f.lesson: f.group for f in made.found.values()} == {"x": "7А, подгруппа 1", "y": "7А/2"}


class TestTopic:
    RULE = "lesson.topic_missing"

    def test_is_missed_when_the_day_is_over(self) -> None:
        records = [*CLASS, lesson(topic=None)]
        assert found(verdict(records, MIDNIGHT - SECOND, KRU), self.RULE) == []
        made = verdict(records, MIDNIGHT, KRU)
        assert found(made, self.RULE) == ["l"]
        assert one(made, self.RULE).message == "08.09.2026, 7А, Алгебра, 1-й урок: не указана тема урока"

    @pytest.mark.parametrize("other", [PLANNED, lesson(), lesson(status="cancelled"), lesson(topic=" ")])
    def test_only_of_recorded_lessons(self, other: Record) -> None:
        expected = ["l"] if other == lesson(topic=" ") else []
        assert found(verdict([*CLASS, other], MIDNIGHT, KRU), self.RULE) == expected

    def test_only_where_the_portal_has_topics(self) -> None:
        made = verdict([*CLASS, lesson(topic=None)], MIDNIGHT, KRU, cannot_say=["lessons.topic"])
        assert found(made, self.RULE) == []
        assert self.RULE in made.silent

    def test_only_by_a_complete_read_after_the_deadline(self) -> None:
        made = verdict([*CLASS, lesson(topic=None)], at("2026-09-10 12:00"), KRU, read_at=MIDNIGHT - SECOND)
        assert undecided(made, self.RULE) == {"read_too_early": 1}


class TestAttendance:
    RULE = "attendance.not_taken"

    def test_is_missed_where_the_portal_says_that_it_was_not_taken(self) -> None:
        for taken, expected in ((False, ["l"]), (True, []), (None, [])):
            assert found(verdict([*CLASS, lesson(attendance_taken=taken)], MIDNIGHT, KRU), self.RULE) == expected
        records = [*CLASS, lesson(attendance_taken=False)]
        assert found(verdict(records, MIDNIGHT - SECOND, KRU), self.RULE) == []

    def test_not_of_unrecorded_lessons(self) -> None:
        made = verdict([*CLASS, lesson(status="planned", attendance_taken=False)], MIDNIGHT, KRU)
        assert [f.rule for f in made.found.values()] == ["lesson.unrecorded"]

    def test_not_where_the_portal_has_no_such_sign(self) -> None:
        records = [*CLASS, lesson(attendance_taken=False)]
        assert found(verdict(records, MIDNIGHT, KRU, cannot_say=["lessons.attendance_taken"]), self.RULE) == []

    def test_the_act_says_who_answers(self) -> None:
        made = verdict([*CLASS, lesson(attendance_taken=False)], MIDNIGHT, shipped_profile("tex"))
        finding = one(made, self.RULE)
        assert (finding.answers, finding.answerer, finding.teacher) == ("class_teacher", "Макетов Лев", "Образцова Вера Тестовна")  # fmt: skip


class TestMissingHomework:
    RULE = "homework.missing"

    def judged(self, records: list[Record], now: datetime, **more: Any) -> Any:
        return verdict(records, now, more.pop("profile", KOL), institution=COLLEGE, **more)

    def test_four_hours_after_the_group_s_last_lesson(self) -> None:
        day = [
            lesson(),
            lesson("last", number=4, ends_at="2026-09-08T14:00:00+03:00", status="planned"),
            lesson("off", number=5, ends_at="2026-09-08T15:00:00+03:00", status="cancelled"),
            lesson("tomorrow", day="2026-09-09", status="planned"),
        ]
        assert found(self.judged([*CLASS, *day], at("2026-09-08 17:59:59")), self.RULE) == []
        made = self.judged([*CLASS, *day], at("2026-09-08 18:00"))
        assert found(made, self.RULE) == ["l"]
        finding = one(made, self.RULE)
        assert (finding.due_at, finding.clause) == ("2026-09-08T18:00:00+03:00", "KOL 2.7")
        assert finding.message.endswith("домашнее задание не внесено (срок был 08.09.2026 18:00)")

    def test_a_part_s_lessons_are_the_group_s(self) -> None:
        part = [
            Group(key="sub", name="подгруппа 1", kind="subgroup", parent="g"),
            Course(key="c-sub", group="sub", subject="s"),
            lesson("part", course="c-sub", ends_at="2026-09-08T14:00:00+03:00", homework="§ 1"),
        ]
        assert found(self.judged([*CLASS, lesson(), *part], at("2026-09-08 17:59")), self.RULE) == []
        assert found(self.judged([*CLASS, lesson(), *part], at("2026-09-08 18:00")), self.RULE) == ["l"]

    def test_where_the_end_is_not_told_any_end_would_be_over(self) -> None:
        unknown = lesson(ends_at=None)
        assert found(self.judged([*CLASS, unknown], at("2026-09-09 03:59")), self.RULE) == []
        assert found(self.judged([*CLASS, unknown], at("2026-09-09 04:00")), self.RULE) == ["l"]
        profile = shipped_profile("kol", homework__missing={"lesson_minutes": 90})
        assert found(self.judged([*CLASS, unknown], at("2026-09-08 13:59"), profile=profile), self.RULE) == []
        assert found(self.judged([*CLASS, unknown], at("2026-09-08 14:00"), profile=profile), self.RULE) == ["l"]

    def test_if_the_plan_sets_none_none_is_missed(self) -> None:
        now = MIDNIGHT + timedelta(days=1)
        for homework, expected in (("§ 1", ["l"]), (None, [])):
            plan = PlannedTopic(key="k", course="c", title="Дроби", homework=homework)
            records = [*CLASS, plan, lesson(planned_topic="k")]
            assert found(self.judged(records, now), self.RULE) == expected
            assert found(self.judged(records, now, profile=BTO), self.RULE) == ["l"], "obligatory by the act"
        cannot = ["planned_topics.homework"]
        assert found(self.judged(records, now, cannot_say=cannot), self.RULE) == ["l"], "the plan cannot say"

    def test_where_the_plan_does_not_say_it_is_a_reminder(self) -> None:
        now = MIDNIGHT + timedelta(days=1)
        plan = PlannedTopic(key="k", course="c", title="Дроби", homework="§ 1")
        for record, profile, severity in (
            (lesson(planned_topic="k"), KOL, "warning"),
            (lesson(), KOL, "info"),
            (lesson(), shipped_profile("kol", homework__missing={"unplanned_severity": None}), "warning"),
        ):
            made = self.judged([*CLASS, plan, record], now, profile=profile)
            assert one(made, self.RULE).severity == severity

    @pytest.mark.parametrize(
        "other",
        [PLANNED, lesson(homework="§ 1"), lesson(kind="exam"), lesson(status="cancelled")],
        ids=["unrecorded", "set", "an exam", "cancelled"],
    )
    def test_what_needs_none(self, other: Record) -> None:
        assert found(self.judged([*CLASS, other], MIDNIGHT + timedelta(days=1)), self.RULE) == []

    @pytest.mark.parametrize("name", ["base", "kru", "tex", "uso"])
    def test_only_where_the_act_demands_it(self, name: str) -> None:
        made = self.judged([*CLASS, lesson()], MIDNIGHT + timedelta(days=1), profile=shipped_profile(name))
        assert found(made, self.RULE) == []

    def test_where_the_act_names_no_term_the_day_counts(self) -> None:
        assert found(self.judged([*CLASS, lesson()], MIDNIGHT - SECOND, profile=BTO), self.RULE) == []
        made = self.judged([*CLASS, lesson()], MIDNIGHT, profile=BTO)
        assert (one(made, self.RULE).severity, one(made, self.RULE).clause) == ("info", "BTO I")

    def test_only_by_a_complete_read_after_the_deadline(self) -> None:
        made = self.judged([*CLASS, lesson()], MIDNIGHT, read_at=at("2026-09-08 13:14"))
        assert (found(made, self.RULE), undecided(made, self.RULE)) == ([], {"read_too_early": 1})
        assert found(self.judged([*CLASS, lesson()], MIDNIGHT, read_at=at("2026-09-08 13:15")), self.RULE) == ["l"]

    def test_only_where_the_portal_has_homework(self) -> None:
        made = self.judged([*CLASS, lesson()], MIDNIGHT, cannot_say=["lessons.homework"])
        assert found(made, self.RULE) == []

    def test_a_work_in_quarantine_may_be_the_homework(self) -> None:
        made = self.judged([*CLASS, lesson()], MIDNIGHT, aside=[("works", "7", '{"lesson": "l", "type": 1}')])
        assert undecided(made, self.RULE) == {"in_quarantine": 1}


class TestLateHomework:
    RULE = "homework.late"

    def judged(self, entered: str | None, **more: Any) -> Any:
        set_at = entered and f"2026-09-08T{entered}+03:00"
        records = [*CLASS, lesson(homework="§ 1", homework_at=set_at)]
        return verdict(records, more.pop("now", MIDNIGHT), more.pop("profile", KOL), institution=COLLEGE, **more)

    def test_is_found_however_soon_after_the_deadline(self) -> None:
        assert found(self.judged("13:15:00"), self.RULE) == []
        made = self.judged("13:15:01")
        assert found(made, self.RULE) == ["l"]
        finding = one(made, self.RULE)
        assert (finding.due_at, finding.done_at) == ("2026-09-08T13:15:00+03:00", "2026-09-08T13:15:01+03:00")
        assert finding.overdue_hours(MIDNIGHT + timedelta(days=90)) == 0.0, "it was late by a second, and stays so"

    def test_what_is_not_known_is_not_late(self) -> None:
        assert found(self.judged(None), self.RULE) == []
        assert found(self.judged("23:00:00", cannot_say=["lessons.homework_at"]), self.RULE) == []
        assert found(self.judged("23:00:00", profile=KRU), self.RULE) == []

    def test_at_a_moment_before_it_was_entered_it_is_not_late(self) -> None:
        assert found(self.judged("23:00:00", now=at("2026-09-08 22:59")), self.RULE) == []
        assert found(self.judged("23:00:00", now=at("2026-09-08 23:00")), self.RULE) == ["l"]

    def test_needs_no_complete_read_and_does_not_grow_old(self) -> None:
        assert found(self.judged("23:00:00", covered=[], now=at("2027-03-01 00:00")), self.RULE) == ["l"]


class TestLateMark:
    RULE = "mark.late"

    def judged(self, recorded: str | None, profile: Any = KRU, **more: Any) -> Any:
        mark = {"recorded_at": recorded and f"{recorded}+03:00", **more.pop("mark", {})}
        records = [*CLASS, lesson(), *marked(work=more.pop("work", None), **mark)]
        return verdict(records, at("2026-10-01 12:00"), profile, **more)

    def test_the_same_study_day_is_in_time(self) -> None:
        assert found(self.judged("2026-09-08T23:59:59"), self.RULE) == []
        made = self.judged("2026-09-09T00:00:00")
        finding = one(made, self.RULE)
        assert (finding.lesson, finding.student) == ("l", "p1")
        assert finding.message.endswith("отметка выставлена 09.09.2026, срок был до конца дня 08.09.2026")
        assert finding.due_at == "2026-09-09T00:00:00+03:00"

    def test_an_instant_is_an_instant_whatever_its_offset(self) -> None:
        assert found(self.judged(None, mark={"recorded_at": "2026-09-08T20:59:59+00:00"}), self.RULE) == []
        assert found(self.judged(None, mark={"recorded_at": "2026-09-08T21:00:00+00:00"}), self.RULE) == ["l"]

    def test_what_is_not_known_is_not_late(self) -> None:
        assert found(self.judged(None), self.RULE) == []
        assert found(self.judged("2026-09-20T10:00:00", cannot_say=["marks.recorded_at"]), self.RULE) == []
        assert found(self.judged("2026-09-20T10:00:00", mark={"meaning": "debt"}), self.RULE) == [], "no mark yet"
        assert found(self.judged("2026-09-20T10:00:00", covered=[]), self.RULE) == ["l"], (
            "a fact needs no complete read"
        )

    @pytest.mark.parametrize(
        ("work", "recorded", "by_kol", "by_kru"),
        [
            ({"control": "oral"}, "2026-09-10", True, True),
            ({"control": "written"}, "2026-09-10", False, True),
            ({"control": "written", "checked_on": "2026-09-10"}, "2026-09-10", False, True),
            ({"control": "written", "checked_on": "2026-09-10"}, "2026-09-11", True, True),
            ({"control": "practical"}, "2026-09-20", False, True),
            ({"control": "test"}, "2026-09-20", False, True),
            ({"control": "homework"}, "2026-09-20", False, False),
            ({"control": "homework", "due_on": "2026-09-15"}, "2026-09-15", False, False),
            ({"control": "homework", "due_on": "2026-09-15"}, "2026-09-16", True, True),
            ({"due_on": "2026-09-10"}, "2026-09-10", False, False),
            ({"due_on": "2026-09-01"}, "2026-09-08", False, False),
            ({}, "2026-09-09", True, True),
        ],
    )
    def test_the_deadline_follows_the_work(
        self, work: Mapping[str, Any], recorded: str, by_kol: bool, by_kru: bool
    ) -> None:
        for profile, expected in ((KOL, by_kol), (KRU, by_kru)):
            assert bool(found(self.judged(f"{recorded}T12:00:00", profile, work=work), self.RULE)) is expected

    def test_terms_that_the_institution_has_set(self) -> None:
        profile = shipped_profile("kol", mark__late={"own_terms_days": 7})
        work = {"control": "practical"}
        assert found(self.judged("2026-09-15T23:59:00", profile, work=work), self.RULE) == []
        assert found(self.judged("2026-09-16T00:00:00", profile, work=work), self.RULE) == ["l"]

    def test_two_marks_are_two_findings(self) -> None:
        late = {"recorded_at": "2026-09-10T10:00:00+03:00"}
        records = [*CLASS, lesson(), *marked("m1", **late), *marked("m2", **late)]
        assert found(verdict(records, at("2026-10-01 12:00"), KRU), self.RULE) == ["l", "l"]

    def test_not_where_the_act_is_silent(self) -> None:
        assert found(self.judged("2026-09-20T10:00:00", BTO), self.RULE) == []


class TestGradeOne:
    RULE = "mark.in_grade_one"
    FIRST = class_of("1В", 1)

    def test_no_mark_of_a_lesson_may_stand(self) -> None:
        made = verdict([*self.FIRST, lesson(), *marked()], at("2026-09-08 12:00"), KRU)
        finding = one(made, self.RULE)
        assert (finding.lesson, finding.student, finding.due_at, finding.severity) == ("l", "p1", None, "error")
        assert finding.overdue_hours(MIDNIGHT) is None
        assert finding.message == "08.09.2026, 1В, Алгебра, 1-й урок: в 1 классе отметки не выставляются"

    @pytest.mark.parametrize("meaning", ["grade", "credit", "exempt", "not_attested", "note", None])
    def test_whatever_it_says(self, meaning: str | None) -> None:
        records = [*self.FIRST, lesson(), *marked(value="x", meaning=meaning)]
        assert found(verdict(records, MIDNIGHT, KRU), self.RULE) == ["l"]

    def test_a_debt_is_no_mark(self) -> None:
        records = [*self.FIRST, lesson(), *marked(value="•", meaning="debt")]
        assert found(verdict(records, MIDNIGHT, KRU), self.RULE) == []

    def test_nor_one_of_a_period(self) -> None:
        made = verdict([*self.FIRST, QUARTER, period_mark("p1")], MIDNIGHT, KRU)
        finding = one(made, self.RULE)
        assert (finding.student, finding.period, finding.lesson) == ("p1", "q1", None)
        assert finding.message == "1 четверть, 1В, Алгебра: в 1 классе отметки не выставляются"

    def test_a_part_of_the_class_is_grade_one_too(self) -> None:
        part = [
            Group(key="sub", name="подгруппа 1", kind="subgroup", parent="g"),
            Course(key="c2", group="sub", subject="s"),
        ]
        work, mark = marked()
        records = [*self.FIRST, *part, lesson(course="c2"), _moved(work, "c2"), mark]
        assert found(verdict(records, MIDNIGHT, KRU), self.RULE) == ["l"]

    @pytest.mark.parametrize("level", [2, 11, None])
    def test_other_grades_have_marks(self, level: int | None) -> None:
        assert found(verdict([*class_of("2А", level), lesson(), *marked()], MIDNIGHT, KRU), self.RULE) == []

    def test_the_first_year_of_a_college_is_no_grade_one(self) -> None:
        records = [*class_of("ИС-11", 1, "study_group"), lesson(), *marked()]
        assert found(verdict(records, MIDNIGHT, BASE, institution=COLLEGE), self.RULE) == []

    def test_what_was_seen_long_ago_may_have_been_put_right(self) -> None:
        now = at("2026-11-01 12:00")
        records = [*self.FIRST, lesson(), *marked()]
        made = verdict(records, now, KRU, read_at=now - timedelta(days=8))
        assert (found(made, self.RULE), undecided(made, self.RULE)) == ([], {"read_too_long_ago": 1})
        assert found(verdict(records, now, KRU, covered=[]), self.RULE) == ["l"], "what is there needs no complete read"

    def test_a_mark_without_a_lesson_belongs_to_its_own_day(self) -> None:
        work, mark = marked(of=None, recorded_at="2026-09-10T10:00:00+03:00")
        records = [*self.FIRST, work, mark]
        made = verdict(records, at("2026-09-20 12:00"), KRU)
        assert one(made, self.RULE).day == "2026-09-10"
        assert found(verdict(records, at("2026-09-20 12:00"), KRU, since=date(2026, 9, 11)), self.RULE) == []


def _moved(record: Any, course: str) -> Any:
    return msgspec.structs.replace(record, course=course)


class TestExemptEntry:
    RULE = "mark.exempt_entry"

    def judged(self, profile: Any, subject: str = "Физическая культура", meaning: str = "exempt") -> Any:
        records: list[Record] = [r for r in CLASS if not isinstance(r, Subject)]
        records += [Subject(key="s", name=subject), QUARTER, lesson(), *marked(value="ОСВ", meaning=meaning)]
        return verdict([*records, period_mark("p2", value="ОСВ", meaning=meaning)], MIDNIGHT, profile)

    def test_is_illegal_where_the_act_says_so(self) -> None:
        made = self.judged(KRU)
        assert found(made, self.RULE) == ["l", "p2"]
        assert {f.clause for f in made.found.values() if f.rule == self.RULE} == {"KRU 3.3"}

    def test_and_legal_elsewhere(self) -> None:
        assert found(self.judged(KOL), self.RULE) == []
        assert found(self.judged(KRU, subject="Алгебра"), self.RULE) == []
        assert found(self.judged(KRU, meaning="grade"), self.RULE) == []
        assert found(self.judged(KRU, subject="  ФИЗИЧЕСКАЯ  культура (юноши)"), self.RULE) == ["l", "p2"]


class TestPeriodMark:
    RULE = "period_mark.missing"
    RECORDS: ClassVar[list[Record]] = [*CLASS, QUARTER, lesson()]

    def judged(self, records: list[Record], now: str, profile: Any = KRU, **more: Any) -> Any:
        return verdict(records, at(now), profile, **more)

    def test_is_awaited_in_the_last_week_and_missed_after_it(self) -> None:
        assert found(self.judged(self.RECORDS, "2026-10-18 23:59"), self.RULE) == []
        for now, severity, words in (
            ("2026-10-19 00:00", "info", "отметка за период ещё не выставлена (срок — 25.10.2026)"),
            ("2026-10-25 23:59", "info", "отметка за период ещё не выставлена (срок — 25.10.2026)"),
            ("2026-10-26 00:00", "error", "отметка за период не выставлена (срок был 25.10.2026)"),
        ):
            made = self.judged(self.RECORDS, now)
            assert found(made, self.RULE) == ["p1", "p2"]
            for finding in made.found.values():
                assert (finding.severity, finding.due_at) == (severity, "2026-10-26T00:00:00+03:00")
                assert finding.message == f"1 четверть, 7А, Алгебра: {words}"
                assert finding.period == "q1"

    def test_it_is_the_same_finding_before_and_after(self) -> None:
        before, after = (self.judged(self.RECORDS, now) for now in ("2026-10-20 12:00", "2026-11-20 12:00"))
        assert before.found.keys() == after.found.keys()

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({}, ["p2"]),
            ({"value": "ОСВ", "meaning": "exempt"}, ["p2"]),
            ({"value": "н/а", "meaning": "not_attested"}, ["p2"]),
            ({"value": "зач", "meaning": "credit"}, ["p2"]),
            ({"value": "•", "meaning": "debt"}, ["p1", "p2"]),
            ({"value": None, "meaning": None}, ["p1", "p2"]),
        ],
    )
    def test_any_legal_value_will_do(self, given: Mapping[str, Any], expected: list[str]) -> None:
        records = [*self.RECORDS, period_mark("p1", **given)]
        assert found(self.judged(records, "2026-11-20 12:00"), self.RULE) == expected

    def test_it_may_stand_on_any_course_of_the_subject(self) -> None:
        part = [
            Group(key="sub", name="подгруппа 1", kind="subgroup", parent="g"),
            Enrolment(key="p1:sub", person="p1", group="sub"),
            Course(key="c2", group="sub", subject="s"),
            lesson("l2", course="c2"),
        ]
        records = [*self.RECORDS, *part]
        made = self.judged(records, "2026-11-20 12:00")
        assert found(made, self.RULE) == ["p1", "p2"], "one for each pupil, not for each course"
        assert {f.group for f in made.found.values() if f.rule == self.RULE} == {"7А"}, "the class's own course"
        assert found(self.judged([*records, period_mark("p1", course="c2")], "2026-11-20 12:00"), self.RULE) == ["p2"]

    def test_only_of_those_who_are_there_at_the_end(self) -> None:
        moved = [
            Enrolment(key="p3:g", person="p3", group="g", start="2026-09-01", end="2026-10-24"),
            Enrolment(key="p4:g", person="p4", group="g", start="2026-10-26"),
            Enrolment(key="p5:g", person="p5", group="g", status="expelled"),
            Enrolment(key="p6:g", person="p6", group="g", start="2026-09-01", end="2026-10-25"),
            Enrolment(key="p7:g", person="p7", group="g", raw={"status": "Archive"}),
        ]
        assert found(self.judged([*self.RECORDS, *moved], "2026-11-20 12:00"), self.RULE) == ["p1", "p2", "p6"]

    def test_only_where_there_was_a_lesson_in_the_period(self) -> None:
        for other, expected in (
            (lesson(day="2026-11-10"), []),
            (lesson(status="cancelled"), []),
            (lesson(status="planned"), ["p1", "p2"]),
            (lesson(day="2026-10-25"), ["p1", "p2"]),
        ):
            records = [*CLASS, QUARTER, other]
            assert found(self.judged(records, "2026-11-20 12:00"), self.RULE) == expected

    def test_a_course_of_another_period_has_no_mark_in_this_one(self) -> None:
        other = Period(key="q2", academic_year="2026/2027", kind="quarter", start="2026-11-02", end="2026-12-27")
        for period, expected in (("q1", ["p1", "p2"]), ("q2", [])):
            course = Course(key="c", group="g", subject="s", period=period)
            records = [r for r in self.RECORDS if not isinstance(r, Course)]
            assert found(self.judged([*records, other, course], "2026-11-20 12:00"), self.RULE) == expected

    def test_not_in_grade_one_nor_in_subjects_that_are_not_marked(self) -> None:
        first = [*class_of("1В", 1), QUARTER, lesson()]
        assert found(self.judged(first, "2026-11-20 12:00"), self.RULE) == []
        assert found(self.judged(first, "2026-11-20 12:00", institution=COLLEGE), self.RULE) == ["p1", "p2"]
        talks = [r for r in self.RECORDS if not isinstance(r, Subject)]
        talks.append(Subject(key="s", name="Разговоры о важном"))
        assert found(self.judged(talks, "2026-11-20 12:00"), self.RULE) == []

    def test_before_the_vacation_starts(self) -> None:
        calendar = shipped_calendar("school-2026")
        made = self.judged(self.RECORDS, "2026-10-24 23:59", calendar=calendar)
        assert {f.due_at for f in made.found.values() if f.rule == self.RULE} == {"2026-10-25T00:00:00+03:00"}
        assert {f.severity for f in made.found.values() if f.rule == self.RULE} == {"info"}
        after = self.judged(self.RECORDS, "2026-10-25 00:00", calendar=calendar)
        assert {f.severity for f in after.found.values() if f.rule == self.RULE} == {"error"}

    def test_the_order_of_an_institution_may_set_a_later_date(self) -> None:
        made = self.judged(self.RECORDS, "2026-10-28 23:59", USO)
        assert {f.severity for f in made.found.values() if f.rule == self.RULE} == {"info"}
        made = self.judged(self.RECORDS, "2026-10-29 00:00", USO)
        assert {(f.severity, f.clause, f.answers) for f in made.found.values() if f.rule == self.RULE} == {
            ("error", "USO 7.3", "head_of_department")
        }

    def test_only_by_a_complete_read_in_time(self) -> None:
        now = "2026-10-27 12:00"
        early = self.judged(self.RECORDS, now, read_at=at("2026-10-18 23:59"))
        assert undecided(early, self.RULE) == {"read_too_early": 2}
        in_last_week = self.judged(self.RECORDS, now, read_at=at("2026-10-24 12:00"))
        assert {f.severity for f in in_last_week.found.values() if f.rule == self.RULE} == {"info"}
        never = self.judged(self.RECORDS, now, covered=read(at(now), "lessons"))
        assert undecided(never, self.RULE) == {"never_read": 2}

    def test_a_year_that_was_read_covers_its_periods(self) -> None:
        now = at("2026-11-20 12:00")
        for year, expected in (("2026/2027", ["p1", "p2"]), ("2025/2026", [])):
            covered = [Covered("period_marks", Selector.INSTITUTION, None, Axis.ACADEMIC_YEAR, year, year, now)]
            assert found(verdict(self.RECORDS, now, KRU, covered=covered), self.RULE) == expected
        one_pupil = [Covered("period_marks", Selector.PERSON, "p2", Axis.NONE, None, None, now)]
        assert found(verdict(self.RECORDS, now, KRU, covered=one_pupil), self.RULE) == ["p2"]

    def test_a_mark_in_quarantine_is_not_missed(self) -> None:
        aside = [("period_marks", "p1:s:q1:period", "{}"), ("period_marks", None, '{"person": "p9"}')]
        made = self.judged(self.RECORDS, "2026-11-20 12:00", aside=aside)
        assert (found(made, self.RULE), undecided(made, self.RULE)) == (["p2"], {"in_quarantine": 1})

    HALF = Period(
        key="h1",
        academic_year="2026/2027",
        kind="half_year",
        number=1,
        name="1 полугодие",
        start="2026-09-01",
        end="2026-12-27",
    )

    def test_of_two_schedules_for_everybody_the_calendar_decides(self) -> None:
        records, now, calendar = [*self.RECORDS, self.HALF], "2027-01-20 12:00", shipped_calendar("school-2026")
        assert found(self.judged(records, now), self.RULE) == [], "nobody knows which of them counts"
        made = self.judged(records, now, calendar=calendar)
        assert {f.period for f in made.found.values() if f.rule == self.RULE} == {"q1"}
        upper = [*class_of("10Б", 10), QUARTER, self.HALF, lesson()]
        made = self.judged(upper, now, calendar=calendar)
        assert {f.period for f in made.found.values() if f.rule == self.RULE} == {"h1"}

    def test_else_the_marks_that_stand(self) -> None:
        records = [*self.RECORDS, self.HALF, period_mark("p1")]
        made = self.judged(records, "2027-01-20 12:00")
        assert [(f.student, f.period) for f in made.found.values() if f.rule == self.RULE] == [("p2", "q1")]

    def test_a_schedule_for_some_classes_is_for_them(self) -> None:
        other = Period(
            key="q1", academic_year="2026/2027", kind="quarter", start="2026-09-01", end="2026-10-25", groups=("x",)
        )
        records = [*CLASS, other, lesson()]
        assert found(self.judged(records, "2026-11-20 12:00"), self.RULE) == []

    def test_pupils_of_a_metagroup_are_marked_by_the_periods_of_their_class(self) -> None:
        own = Period(
            key="q1", academic_year="2026/2027", kind="quarter", start="2026-09-01", end="2026-10-25", groups=("g",)
        )
        records: list[Record] = [
            *(r for r in CLASS if not isinstance(r, Course)),
            own,
            Group(key="meta", name="Проект", kind="metagroup"),
            Enrolment(key="p2:meta", person="p2", group="meta"),
            Enrolment(key="p9:meta", person="p9", group="meta"),
            Course(key="c", group="meta", subject="s"),
            lesson(),
        ]
        made = self.judged(records, "2026-11-20 12:00")
        assert found(made, self.RULE) == ["p2"], "p9 is in no class of which anything is known"
        assert one(made, self.RULE).group == "Проект"

    YEAR = Period(key="y", academic_year="2026/2027", kind="year", name="Год", start="2026-09-01", end="2027-05-26")

    def test_year_marks_are_demanded_of_journals_that_keep_them(self) -> None:
        records = [*CLASS, self.YEAR, lesson()]
        assert found(self.judged(records, "2027-05-25 12:00"), self.RULE) == []
        records.append(period_mark("p1", "y", kind="year"))
        made = self.judged(records, "2027-05-25 12:00")
        assert found(made, self.RULE) == ["p2"]
        assert "Год, 7А, Алгебра: годовая отметка ещё не выставлена" in one(made, self.RULE).message
        assert found(self.judged(records, "2027-05-25 12:00", USO), self.RULE) == []

    def test_an_exam_mark_is_no_year_mark(self) -> None:
        marks = [period_mark("p1", "y", kind="year"), period_mark("p2", "y", kind="exam")]
        assert found(self.judged([*CLASS, self.YEAR, lesson(), *marks], "2027-06-20 12:00"), self.RULE) == ["p2"]

    def test_not_where_the_act_or_the_portal_is_silent(self) -> None:
        assert found(self.judged(self.RECORDS, "2026-11-20 12:00", BTO), self.RULE) == []
        made = self.judged(self.RECORDS, "2026-11-20 12:00", cannot_say=["period_marks.value"])
        assert found(made, self.RULE) == []


class TestLanguage:
    RULE = "record.not_russian"

    @pytest.mark.parametrize(
        "text",
        [
            "Present Perfect",
            "Unit 5",
            "Präteritum und Perfekt",
            "PRESENT PERFECT",
            "Learn the poem",
            "Present Perfect и Past",
            "Learn the poem, https://resh.edu.ru/subject/11/",
            "Past Simple.Exercises",
        ],
    )
    def test_what_is_not_russian(self, text: str) -> None:
        assert is_foreign(text, 0.1)

    @pytest.mark.parametrize(
        "text",
        [
            "Дроби", "Времена Present Perfect", "Чтение: Unit 5", "y = kx + b", "§ 5, № 41", "HTML и CSS", "XVIII век", "XIX",
            "SQL", "pH", "Ex. 5, p. 12", "", None, "2 + 2", "Язык Python", "12", "Тема урока: Past Simple. Exercises",
            "https://resh.edu.ru/subject/lesson/7723/start", "resh.edu.ru/subject/11", "www.yaklass.ru", "task-5.docx",
            "teacher.box@example.com",
        ],
    )  # fmt: skip
    def test_what_is(self, text: str | None) -> None:
        assert not is_foreign(text, 0.1)

    def test_terms_may_stand_alone(self) -> None:
        terms = frozenset(shipped_profile("tex").rules[self.RULE].terms)  # type: ignore[attr-defined]
        assert is_foreign("Python", 0.1)
        assert not is_foreign("Python", 0.1, terms)
        assert not is_foreign("y = sin x", 0.1, terms)

    def test_topic_and_homework_of_recorded_lessons(self) -> None:
        for more, fields in (
            ({"topic": "Present Perfect"}, "тема"),
            ({"homework": "Learn the poem"}, "домашнее задание"),
            ({"topic": "Present Perfect", "homework": "Learn the poem"}, "тема, домашнее задание"),
        ):
            made = verdict([*CLASS, lesson(**more)], at("2026-09-08 12:00"), KRU)
            assert one(made, self.RULE).message.endswith(f"запись не на русском языке ({fields})")
        planned = lesson(status="planned", topic="Present Perfect")
        assert found(verdict([*CLASS, planned], at("2026-09-08 12:00"), KRU), self.RULE) == []

    def test_not_where_the_act_is_silent(self) -> None:
        records = [*CLASS, lesson(topic="Present Perfect")]
        for name, expected in (("tex", ["l"]), ("kru", ["l"]), ("kol", []), ("uso", []), ("bto", [])):
            assert found(verdict(records, MIDNIGHT, shipped_profile(name)), self.RULE) == expected


class TestTheCatalogue:
    def test_ids_titles_and_words(self) -> None:
        for rule in CATALOGUE.values():
            assert rule.title
            assert rule.about.endswith(".")
            assert rule.needs

    def test_what_is_needed_exists(self) -> None:
        for rule in CATALOGUE.values():
            for need in rule.needs:
                entity, field = need.split(".")
                assert field in EVERYTHING[entity]

    def test_no_message_names_a_pupil(self) -> None:
        late = {"recorded_at": "2026-09-20T10:00:00+03:00"}
        records = [
            *class_of("1В", 1), QUARTER, lesson(topic="Present Perfect", homework="§ 1", homework_at="2026-09-20T10:00:00+03:00"),
            lesson("l2", status="planned"), lesson("l3", topic=None, attendance_taken=False), *marked(**late), period_mark("p1"),
            *class_of("7А", 7, key="g7")[4:7], Course(key="c7", group="g7", subject="s"), lesson("l7", course="c7"),
        ]  # fmt: skip
        on: dict[str, Mapping[str, Any]] = {r.replace(".", "__"): {"enabled": True, "clause": "X 1"} for r in CATALOGUE}
        on["mark__exempt_entry"] = {**on["mark__exempt_entry"], "subjects": ("алгебра",)}
        profile = shipped_profile("kru", **on)
        records += [*marked("m2", value="ОСВ", meaning="exempt")]
        made = verdict(records, at("2026-11-20 12:00"), profile)
        assert {f.rule for f in made.found.values()} == set(CATALOGUE)
        for finding in made.found.values():
            assert not any(name in finding.message for name in PUPIL_NAMES)
            assert finding.clause
