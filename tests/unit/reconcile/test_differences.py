"""Two journals of one class: each way in which they can differ is told once, and what says nothing is not told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from canonical.coverage import Axis, Selector
from canonical.entities import (
    Attendance,
    Course,
    Enrolment,
    Group,
    Lesson,
    Mark,
    Period,
    PeriodMark,
    Person,
    Record,
    Subject,
    Work,
)
from canonical.view import Covered
from reconcile.aside import Aside
from reconcile.differences import Difference, Side
from reconcile.legible import Entry
from reconcile.pair import Decisions, Outcome, reconcile_pair
from tests.journals import CAN_SAY, NOW, change, primed, view, without

DAY = date(2026, 11, 20)
JOURNAL: list[Record] = [
    Person(key="t", role="staff", family_name="Образцова", given_name="Вера", patronymic="Тестовна", position="Учитель"),
    Person(key="t2", role="staff", family_name="Макетов", given_name="Лев", position="Учитель"),
    Person(key="p1", role="student", family_name="Тестова", given_name="Алиса", birth_date="2013-03-04", sex="f", snils="h1"),
    Person(key="p2", role="student", family_name="Примеров", given_name="Борис", birth_date="2013-05-06", sex="m"),
    Person(key="p3", role="student", family_name="Шаблонова", given_name="Ольга", birth_date="2013-07-08", sex="f"),
    Group(key="g", name="7А", kind="class", level=7, academic_year="2026/2027", curator="t"),
    Group(key="g8", name="8А", kind="class", level=8, academic_year="2026/2027"),
    *(Enrolment(key=f"e{n}", person=f"p{n}", group="g", start="2026-09-01", status="enrolled") for n in (1, 2, 3)),
    Subject(key="s", name="Алгебра"),
    Subject(key="s2", name="Литература"),
    Period(key="q1", kind="quarter", number=1, name="1 четверть", start="2026-09-01", end="2026-10-25",
           academic_year="2026/2027"),
    Course(key="c", group="g", subject="s", teachers=("t",), planned_hours=34),
    Course(key="c2", group="g", subject="s2", teachers=("t2",), planned_hours=68),
    Lesson(key="l1", course="c", date="2026-09-08", number=1, starts_at="2026-09-08T08:30:00+03:00", status="held",
           topic="Дроби", homework="§ 5, упр. 10", teacher="t", kind="theory", hours=1, room="101"),
    Lesson(key="l2", course="c", date="2026-09-09", number=2, starts_at="2026-09-09T09:25:00+03:00", status="held",
           topic="Дроби", teacher="t"),
    Lesson(key="l9", course="c", date="2026-12-01", number=2, status="planned"),
    Work(key="w1", course="c", lesson="l1"),
    Work(key="w2", course="c", lesson="l2"),
    Work(key="wc", course="c"),
    Mark(key="m1", work="w1", student="p1", value="5", grade=5, meaning="grade", recorded_at="2026-09-08T09:00:00+03:00"),
    Mark(key="m2", work="w1", student="p1", value="4", grade=4, meaning="grade", recorded_at="2026-09-08T09:05:00+03:00"),
    Mark(key="m3", work="w2", student="p2", value="3", grade=3, meaning="grade"),
    Mark(key="mc", work="wc", student="p1", value="зач", meaning="credit"),
    Attendance(key="l1:p2", lesson="l1", student="p2", status="ill"),
    Attendance(key="l2:p1", lesson="l2", student="p1", status="late", minutes_late=5, reason="автобус"),
    PeriodMark(key="f1", student="p1", course="c", period="q1", kind="period", value="5", grade=5, meaning="grade"),
]  # fmt: skip
RIGHT = primed(JOURNAL)


def compared(
    left: Iterable[Record] = JOURNAL,
    right: Iterable[Record] = RIGHT,
    *,
    can_say: Mapping[str, Iterable[str]] | None = None,
    covered: Iterable[str] | None = None,
    scopes: Iterable[Covered] = (),
    aside: Sequence[Entry] = (),
    day: date = DAY,
    decisions: Decisions | None = None,
) -> Outcome:
    """The outcome; what is said of a source is said of the right one."""
    there = view(right, "a/right", capabilities=can_say, covered=covered, scopes=scopes)
    return reconcile_pair(view(left), there, day=day, decisions=decisions, aside=(Aside(), Aside(aside, there)))


Told = tuple[str, str, str | None, str | None, str | None]


def told(outcome: Outcome) -> list[Told]:
    """Entity, kind, field, left and right key."""
    return [
        (d.entity, d.kind, d.field, d.left.key if d.left else None, d.right.key if d.right else None)
        for d in outcome.differences
    ]


def only(outcome: Outcome) -> Difference:
    (found,) = outcome.differences
    return found


def values(found: Difference) -> tuple[str | None, str | None]:
    return (found.left.value if found.left else None, found.right.value if found.right else None)


def test_a_journal_is_itself_under_other_keys() -> None:
    found = compared()
    assert found.differences == []
    assert found.doubtful == []
    assert {entity: len(some) for entity, some in found.matches.items()} == {
        "people": 5, "groups": 2, "subjects": 2, "periods": 1, "courses": 2, "lessons": 3,
    }  # fmt: skip


# -- fields ----------------------------------------------------------------------------------------------------------

FIELDS: list[tuple[str, type[Record], str, Any, tuple[str | None, str | None], str]] = [
    ("p1", Person, "family_name", "Тестовва", ("Тестова", "Тестовва"), "Тестова Алиса"),
    ("p1", Person, "birth_date", "2013-03-05", ("2013-03-04", "2013-03-05"), "Тестова Алиса"),
    ("p2", Person, "sex", "f", ("m", "f"), "Примеров Борис"),
    ("t", Person, "position", "Директор", ("Учитель", "Директор"), "Образцова Вера Тестовна"),
    ("p1", Person, "snils", "other", ("…h1", "…other"), "Тестова Алиса"),
    ("g", Group, "level", 8, ("7", "8"), "7А"),
    ("g", Group, "curator", "xt2", ("Образцова Вера Тестовна", "Макетов Лев"), "7А"),
    ("e1", Enrolment, "start", "2026-09-02", ("2026-09-01", "2026-09-02"), "7А, Тестова Алиса"),
    ("q1", Period, "end", "2026-10-26", ("2026-10-25", "2026-10-26"), "1 четверть"),
    ("c", Course, "teachers", ("xt", "xt2"), ("Образцова Вера Тестовна", "Макетов Лев, Образцова Вера Тестовна"), "7А, Алгебра"),
    ("c", Course, "planned_hours", 35, ("34", "35"), "7А, Алгебра"),
    ("l1", Lesson, "status", "cancelled", ("held", "cancelled"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "topic", "Степени", ("Дроби", "Степени"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "homework", "§ 6", ("§ 5, упр. 10", "§ 6"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "teacher", "xt2", ("Образцова Вера Тестовна", "Макетов Лев"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "kind", "control", ("theory", "control"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "hours", 2, ("1", "2"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "room", "102", ("101", "102"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l1", Lesson, "starts_at", "2026-09-08T08:40:00+03:00",
     ("2026-09-08T08:30:00+03:00", "2026-09-08T08:40:00+03:00"), "7А, Алгебра, 2026-09-08 № 1"),
    ("l9", Lesson, "number", 3, ("2", "3"), "7А, Алгебра, 2026-12-01 № 2"),
    ("l1:p2", Attendance, "status", "absent", ("ill", "absent"), "7А, Алгебра, 2026-09-08 № 1, Примеров Борис"),
    ("l2:p1", Attendance, "minutes_late", 6, ("5", "6"), "7А, Алгебра, 2026-09-09 № 2, Тестова Алиса"),
    ("m3", Mark, "value", "4", ("3", "4"), "7А, Алгебра, 2026-09-09 № 2, Примеров Борис"),
    ("f1", PeriodMark, "value", "4", ("5", "4"), "7А, Алгебра, 1 четверть, Тестова Алиса"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "kind", "field", "value", "shown", "about"), FIELDS)
def test_a_field_that_differs(
    key: str, kind: type[Record], field: str, value: object, shown: tuple[str, str], about: str
) -> None:
    changed = change(RIGHT, f"x{key}", kind, **{field: value})
    found = only(compared(right=changed))
    assert (found.kind, found.field, found.left and found.left.key, found.right and found.right.key) == (
        "differs", field, key, f"x{key}",
    )  # fmt: skip
    assert values(found) == shown
    assert found.about == about
    silent = change(RIGHT, f"x{key}", kind, **{field: None})
    assert field == "status" or compared(right=silent).differences == []  # null is no difference
    back = only(compared(left=changed, right=JOURNAL))
    assert values(back) == shown[::-1]


@pytest.mark.parametrize(("key", "kind", "field", "value", "shown", "about"), FIELDS)
def test_a_field_that_one_source_cannot_say_is_not_compared(
    key: str, kind: type[Record], field: str, value: object, shown: tuple[str, str], about: str
) -> None:
    if (kind, field) == (Enrolment, "start"):
        entity = "enrolments"
    else:
        entity = only(compared(right=change(RIGHT, f"x{key}", kind, **{field: value}))).entity
    can_say = {**CAN_SAY, entity: [f for f in CAN_SAY[entity] if f != field]}
    assert compared(right=change(RIGHT, f"x{key}", kind, **{field: value}), can_say=can_say).differences == []


SAME = [
    ("p1", Person, {"family_name": "TECTOВA", "given_name": "алиса"}),
    ("p1", Person, {"family_name": "Тестова А.", "given_name": None}),
    ("p1", Person, {"patronymic": "Петровна"}),
    ("g", Group, {"name": '7 "а"'}),
    ("e1", Enrolment, {"start": "2021-09-01"}),  # there from the beginning of the year, whenever they came
    ("e1", Enrolment, {"start": None, "status": None}),
    ("e1", Enrolment, {"status": "restored"}),
    ("e1", Enrolment, {"end": "2027-05-31"}),
    ("l1", Lesson, {"topic": "дроби."}),
    ("l1", Lesson, {"homework": "§5;упр.10 "}),
    ("l1:p2", Attendance, {"reason": "по болезни"}),  # each portal has its own words for it
    ("l1", Lesson, {"starts_at": "2026-09-08T09:30:00+04:00"}),
    ("l1", Lesson, {"number": 7}),  # the time says it
    ("m1", Mark, {"value": "5.", "grade": None}),
    ("m1", Mark, {"value": None}),
    ("m1", Mark, {"recorded_at": None, "comment": "Молодец"}),
    ("mc", Mark, {"value": "зачет"}),
    ("q1", Period, {"name": "I четверть", "number": None}),
]


@pytest.mark.parametrize(("key", "kind", "said"), SAME)
def test_what_is_only_written_otherwise(key: str, kind: type[Record], said: dict[str, Any]) -> None:
    assert compared(right=change(RIGHT, f"x{key}", kind, **said)).differences == []
    assert compared(left=change(JOURNAL, key, kind, **said)).differences == []


# -- marks as multisets ----------------------------------------------------------------------------------------------


def test_marks_of_a_lesson_are_a_multiset() -> None:
    swapped = change(change(RIGHT, "xm1", Mark, value="4", grade=4), "xm2", Mark, value="5", grade=5)
    assert compared(right=swapped).differences == []
    other_work = [*change(RIGHT, "xm2", Mark, work="xw3"), Work(key="xw3", course="xc", lesson="xl1")]
    assert compared(right=other_work).differences == []


def test_of_two_marks_the_one_that_is_not_there_is_missing() -> None:
    assert told(compared(right=without(RIGHT, "xm1", Mark))) == [("marks", "missing_right", None, "m1", None)]
    assert told(compared(right=without(RIGHT, "xm2", Mark))) == [("marks", "missing_right", None, "m2", None)]
    doubled = [*RIGHT, Mark(key="again", work="xw1", student="xp1", value="5", grade=5, meaning="grade")]
    assert told(compared(right=doubled)) == [("marks", "missing_left", None, None, "again")]


def test_what_is_left_of_two_multisets_faces_each_other() -> None:
    assert told(compared(right=change(RIGHT, "xm1", Mark, value="2", grade=2))) == [
        ("marks", "differs", "value", "m1", "xm1")
    ]


def test_marks_of_a_work_without_lesson() -> None:
    assert told(compared(right=without(RIGHT, "xmc", Mark))) == [("marks", "missing_right", None, "mc", None)]
    assert told(compared(right=change(RIGHT, "xmc", Mark, value="незач", meaning="no_credit"))) == [
        ("marks", "differs", "value", "mc", "xmc")
    ]


def test_debts_are_compared_where_both_sources_print_the_same() -> None:
    def debt(key: str, work: str, student: str, value: str = "•") -> Mark:
        return Mark(key=key, work=work, student=student, value=value, meaning="debt")

    left = [*JOURNAL, debt("d1", "w1", "p3"), debt("d2", "w2", "p3")]
    assert compared(left=left).differences == []
    assert compared(left=left, right=[*RIGHT, debt("e1", "xw1", "xp3", "точка")]).differences == []
    assert told(compared(left=left, right=[*RIGHT, debt("e1", "xw1", "xp3")])) == [
        ("marks", "missing_right", None, "d2", None)
    ]


def test_a_debt_of_a_period_is_held_against_a_mark_but_not_missed() -> None:
    owed = change(RIGHT, "xf1", PeriodMark, value="А/З", grade=None, meaning="debt")
    assert told(compared(right=owed)) == [("period_marks", "differs", "value", "f1", "xf1")]
    assert compared(left=without(JOURNAL, "f1", PeriodMark), right=owed).differences == []


# -- missing ---------------------------------------------------------------------------------------------------------


def drop(records: Iterable[Record], *keys: str) -> list[Record]:
    """The records without these, and without what points at them, and so on."""
    gone, left = set(keys), list(records)
    while True:
        kept = [r for r in left if r.key not in gone and not gone & _targets(r)]
        if len(kept) == len(left):
            return kept
        gone |= {r.key for r in left if r not in kept}
        left = kept


def _targets(record: Record) -> set[str]:
    names = ("person", "group", "course", "lesson", "work", "student", "subject", "period")
    return {value for name in names if isinstance(value := getattr(record, name, None), str)}


MISSING = [
    ("p1", Person, "people", "Тестова Алиса"),
    ("e2", Enrolment, "enrolments", "7А, Примеров Борис"),
    ("g8", Group, "groups", "8А"),
    ("c2", Course, "courses", "7А, Литература"),
    ("l1", Lesson, "lessons", "7А, Алгебра, 2026-09-08 № 1"),
    ("l2", Lesson, "lessons", "7А, Алгебра, 2026-09-09 № 2"),
    ("m3", Mark, "marks", "7А, Алгебра, 2026-09-09 № 2, Примеров Борис"),
    ("l1:p2", Attendance, "attendance", "7А, Алгебра, 2026-09-08 № 1, Примеров Борис"),
    ("f1", PeriodMark, "period_marks", "7А, Алгебра, 1 четверть, Тестова Алиса"),
]


@pytest.mark.parametrize(("key", "kind", "entity", "about"), MISSING)
def test_a_thing_that_is_missing_is_missed_alone(key: str, kind: type[Record], entity: str, about: str) -> None:
    """What belongs to it is not missed as well."""
    right = drop(RIGHT, f"x{key}")
    assert len(right) < len(RIGHT)
    found = only(compared(right=right))
    assert (found.entity, found.kind, found.left and found.left.key, found.right) == (
        entity,
        "missing_right",
        key,
        None,
    )
    assert found.about == about
    back = only(compared(left=drop(JOURNAL, key)))
    assert (back.entity, back.kind, back.left, back.right and back.right.key) == (
        entity,
        "missing_left",
        None,
        f"x{key}",
    )


@pytest.mark.parametrize(("key", "kind", "entity", "about"), MISSING)
def test_what_was_not_read_completely_is_not_missing(key: str, kind: type[Record], entity: str, about: str) -> None:
    others = [e for e in CAN_SAY if e != entity and not (entity == "people" and e == "enrolments")]
    assert compared(right=drop(RIGHT, f"x{key}"), covered=others).differences == []
    assert compared(right=drop(RIGHT, f"x{key}"), covered=()).differences == []


@pytest.mark.parametrize(("key", "kind", "entity", "about"), MISSING)
def test_what_a_source_does_not_speak_of_is_not_missing(key: str, kind: type[Record], entity: str, about: str) -> None:
    can_say = {e: fields for e, fields in CAN_SAY.items() if e != entity}
    assert compared(right=drop(RIGHT, f"x{key}"), can_say=can_say).differences == []


def test_a_subject_that_is_taught_is_missed_and_one_of_a_list_is_not() -> None:
    left = [*JOURNAL, Subject(key="s3", name="Химия")]
    assert compared(left=left).differences == []
    taught = [*left, Course(key="c3", group="g", subject="s3")]
    assert told(compared(left=taught)) == [("subjects", "missing_right", None, "s3", None)]


def test_a_period_of_a_kind_that_the_source_has() -> None:
    second = Period(key="q2", kind="quarter", number=2, name="2 четверть", start="2026-11-02", end="2026-12-27",
                    academic_year="2026/2027")  # fmt: skip
    assert told(compared(left=[*JOURNAL, second])) == [("periods", "missing_right", None, "q2", None)]
    half = Period(key="h1", kind="half_year", number=1, start="2026-09-01", end="2026-12-27", academic_year="2026/2027")
    assert compared(left=[*JOURNAL, half]).differences == []


def test_absence_is_no_attendance() -> None:
    """Attendance holds exceptions: that somebody is explicitly present says no more than nothing."""
    present = Attendance(key="l1:p3", lesson="l1", student="p3", status="present")
    assert compared(left=[*JOURNAL, present]).differences == []
    assert told(compared(left=change(JOURNAL, "l1:p2", Attendance, status="present"))) == [
        ("attendance", "differs", "status", "l1:p2", "xl1:p2")
    ]


def test_being_late_is_missed_only_where_the_source_has_a_word_for_it() -> None:
    """«Моя школа» has none."""
    late = [*without(JOURNAL, "l2:p1", Attendance),
            Attendance(key="l2:p3", lesson="l2", student="p3", status="late", minutes_late=5)]  # fmt: skip
    nobody = without(RIGHT, "xl2:p1", Attendance)
    assert compared(left=late, right=nobody).differences == []
    assert told(compared(left=late)) == [
        ("attendance", "missing_left", None, None, "xl2:p1"),
        ("attendance", "missing_right", None, "l2:p3", None),
    ]


def test_planned_and_cancelled_lessons() -> None:
    ahead = Lesson(key="l10", course="c", date="2026-12-02", number=2, status="planned")
    assert told(compared(left=[*JOURNAL, ahead])) == [("lessons", "missing_right", None, "l10", None)]
    no_timetable = without(RIGHT, "xl9", Lesson)
    assert compared(left=[*JOURNAL, ahead], right=no_timetable).differences == []
    cancelled = Lesson(key="l10", course="c", date="2026-12-02", number=2, status="cancelled")
    assert compared(left=[*JOURNAL, cancelled]).differences == []


def test_a_lesson_that_was_moved_is_missing_on_both_days() -> None:
    moved = change(RIGHT, "xl2", Lesson, date="2026-09-10", starts_at="2026-09-10T09:25:00+03:00")
    assert told(compared(right=moved)) == [
        ("lessons", "missing_left", None, None, "xl2"),
        ("lessons", "missing_right", None, "l2", None),
    ]


def test_a_registry_of_pupils_says_nothing_of_teachers() -> None:
    registry = [r for r in RIGHT if isinstance(r, Group | Enrolment) or (isinstance(r, Person) and r.role == "student")]
    registry = [*(r for r in registry if not isinstance(r, Group)), *change(registry, "xg", Group, curator=None)[3:5]]
    assert {type(r) for r in registry} == {Person, Group, Enrolment}
    can_say = {e: CAN_SAY[e] for e in ("people", "groups", "enrolments")}
    assert compared(right=registry, can_say=can_say, covered=can_say).differences == []
    assert told(compared(right=drop(registry, "xp1"), can_say=can_say, covered=can_say)) == [
        ("people", "missing_right", None, "p1", None)
    ]


# -- what was read, and until when -----------------------------------------------------------------------------------


def scope(entity: str, **more: Any) -> Covered:
    said: dict[str, Any] = {"selector": Selector.INSTITUTION, "selector_key": None, "axis": Axis.NONE, "start": None,
                            "end": None, "at": NOW, **more}  # fmt: skip
    return Covered(entity, **said)


def test_only_days_that_were_read_are_missed() -> None:
    def found(end: str) -> list[Told]:
        read = scope("lessons", axis=Axis.LESSON_DATE, start="2026-09-01", end=end)
        return told(compared(right=drop(RIGHT, "xl1", "xl2"), covered=(), scopes=[read]))

    assert found("2026-09-07") == []
    assert found("2026-09-08") == [("lessons", "missing_right", None, "l1", None)]
    assert len(found("2026-09-09")) == 2


def test_only_courses_that_were_read_are_missed() -> None:
    lost = drop(RIGHT, "xl1")
    assert told(
        compared(right=lost, covered=(), scopes=[scope("lessons", selector=Selector.COURSE, selector_key="xc")])
    )
    assert not told(
        compared(right=lost, covered=(), scopes=[scope("lessons", selector=Selector.COURSE, selector_key="xc2")])
    )
    assert told(compared(right=lost, covered=(), scopes=[scope("lessons", selector=Selector.GROUP, selector_key="xg")]))


def test_what_was_recorded_after_the_last_reading_is_not_missed_yet() -> None:
    late = change(JOURNAL, "m3", Mark, recorded_at=(NOW + timedelta(minutes=1)).isoformat())
    assert compared(left=late, right=without(RIGHT, "xm3", Mark)).differences == []


def test_marks_that_are_read_by_the_day_of_recording() -> None:
    """«Моя школа» is asked for marks by when they were set: such a reading must hold the lesson's day and the mark's."""
    left = change(JOURNAL, "m3", Mark, recorded_at="2026-09-20T09:00:00+03:00")
    right = without(RIGHT, "xm3", Mark)

    def found(start: str, end: str) -> list[Told]:
        read = scope("marks", axis=Axis.RECORDED_ON, start=start, end=end)
        return told(compared(left=left, right=right, covered=(), scopes=[read]))

    assert found("2026-09-01", "2026-11-20") == [("marks", "missing_right", None, "m3", None)]
    assert found("2026-09-10", "2026-11-20") == []
    assert found("2026-09-01", "2026-09-19") == []


def test_a_pupil_whom_no_roster_has_is_missing_though_there_is_no_list_of_people() -> None:
    lost = drop(RIGHT, "xp1")
    year = {"axis": Axis.ACADEMIC_YEAR, "start": "2026/2027", "end": "2026/2027"}
    assert told(compared(right=lost, covered=(), scopes=[scope("enrolments", **year)])) == [
        ("people", "missing_right", None, "p1", None)
    ]
    one = scope("enrolments", selector=Selector.GROUP, selector_key="xg")
    assert compared(right=lost, covered=(), scopes=[one]).differences == []  # may stand in the other class
    both = [one, scope("enrolments", selector=Selector.GROUP, selector_key="xg8")]
    assert len(told(compared(right=lost, covered=(), scopes=both))) == 1


# -- rosters (USO 4.6) -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["expelled", "transferred", "academic_leave", "graduated"])
def test_who_has_left_by_one_source_only(status: str) -> None:
    for gone in ({"status": status}, {"status": status, "end": "2026-11-10"}):
        found = only(compared(left=change(JOURNAL, "e1", Enrolment, **gone)))
        assert (found.entity, found.kind, found.field) == ("enrolments", "differs", "status")
        assert values(found) == (status, "enrolled")


def test_who_has_left_by_the_date_alone() -> None:
    found = only(compared(left=change(JOURNAL, "e1", Enrolment, end="2026-11-10", status=None)))
    assert values(found) == ("ended", "enrolled")
    assert compared(left=change(JOURNAL, "e1", Enrolment, end="2026-11-20")).differences == []  # still there today
    assert compared(left=change(JOURNAL, "e1", Enrolment, end="2026-11-10"), day=date(2026, 11, 10)).differences == []


def test_why_and_when_somebody_left() -> None:
    left = change(JOURNAL, "e1", Enrolment, end="2026-11-10", status="expelled")
    right = change(RIGHT, "xe1", Enrolment, end="2026-11-12", status="transferred")
    assert told(compared(left=left, right=right)) == [
        ("enrolments", "differs", "end", "e1", "xe1"),
        ("enrolments", "differs", "status", "e1", "xe1"),
    ]


def test_a_status_that_is_not_understood_is_no_difference() -> None:
    unknown = change(RIGHT, "xe1", Enrolment, status=None, start=None, raw={"status": "InDoubt"})
    assert compared(right=unknown).differences == []
    left = change(JOURNAL, "e1", Enrolment, end="2026-11-10", status="expelled")
    assert compared(left=left, right=unknown).differences == []
    assert compared(left=without(JOURNAL, "e1", Enrolment), right=unknown).differences == []


def test_who_is_archived_has_left() -> None:
    """Dnevnik.ru says no more of those who have left."""
    archived = change(RIGHT, "xe1", Enrolment, status=None, start=None, raw={"status": "Archive"})
    assert values(only(compared(right=archived))) == ("enrolled", "ended")
    left = change(JOURNAL, "e1", Enrolment, end="2026-11-10", status="expelled")
    assert compared(left=left, right=archived).differences == []


def test_who_has_changed_class_by_one_source_only() -> None:
    moved = [*change(JOURNAL, "e1", Enrolment, end="2026-11-10", status="transferred"),
             Enrolment(key="e9", person="p1", group="g8", start="2026-11-11")]  # fmt: skip
    assert told(compared(left=moved)) == [
        ("enrolments", "differs", "status", "e1", "xe1"),
        ("enrolments", "missing_right", None, "e9", None),
    ]


def test_who_left_and_came_back_is_there() -> None:
    back = [*change(JOURNAL, "e1", Enrolment, end="2026-10-01", status="academic_leave"),
            Enrolment(key="e9", person="p1", group="g", start="2026-11-01", status="restored")]  # fmt: skip
    assert told(compared(left=back)) == [("enrolments", "differs", "start", "e9", "xe1")]


def test_who_has_left_is_not_missed() -> None:
    left = change(JOURNAL, "e1", Enrolment, end="2026-11-10", status="expelled")
    assert compared(left=left, right=drop(RIGHT, "xp1")).differences == []
    assert compared(left=left, right=drop(RIGHT, "xe1")).differences == []


# -- people in doubt, twice, decided ---------------------------------------------------------------------------------


def test_who_is_in_doubt_is_not_missed_and_nothing_of_theirs_is_compared() -> None:
    twin = change(RIGHT, "xp1", Person, given_name="Злата", snils=None)
    found = compared(right=twin)
    assert told(found) == [("people", "ambiguous", None, "p1", "xp1")]
    assert [(m.left, m.right) for m in found.doubtful] == [("p1", "xp1")]


def test_a_person_decides() -> None:
    twin = change(RIGHT, "xp1", Person, given_name="Злата", snils=None)
    same = compared(right=twin, decisions=Decisions(confirmed=frozenset({("p1", "xp1")})))
    assert told(same) == [("people", "differs", "given_name", "p1", "xp1")]
    two = compared(right=twin, decisions=Decisions(split=frozenset({("p1", "xp1")})))
    assert told(two) == [("people", "missing_left", None, None, "xp1"), ("people", "missing_right", None, "p1", None)]


def test_a_pupil_here_and_a_teacher_there_are_one_if_a_person_says_so() -> None:
    right = change(RIGHT, "xp3", Person, role="staff")
    assert ("people", "missing_right", None, "p3", None) in told(compared(right=right))
    found = compared(right=right, decisions=Decisions(confirmed=frozenset({("p3", "xp3")})))
    assert ("p3", "xp3", 1.0, "confirmed by a person") in found.matches["people"]


def test_who_stands_twice() -> None:
    twice = [*RIGHT, Person(key="y1", role="student", family_name="Тестова", given_name="Алиса", birth_date="2013-03-04"),
             Enrolment(key="ey", person="y1", group="xg", start="2026-09-01")]  # fmt: skip
    found = only(compared(right=twice))
    assert (found.entity, found.kind, found.left, found.right) == (
        "people",
        "duplicate",
        Side("p1", None),
        Side("y1", "xp1"),
    )
    back = only(compared(left=twice, right=JOURNAL))
    assert back.left == Side("y1", "xp1")


def test_marks_of_a_double_are_those_of_the_person() -> None:
    twice = [*change(RIGHT, "xm3", Mark, student="y2"),
             Person(key="y2", role="student", family_name="Примеров", given_name="Борис", birth_date="2013-05-06")]  # fmt: skip
    assert [d.kind for d in compared(right=twice).differences] == ["duplicate"]


def test_a_class_and_a_lesson_that_stand_twice() -> None:
    twice = [*RIGHT, Group(key="yg", name="8 А", kind="class", level=8, academic_year="2026/2027")]
    assert told(compared(right=twice)) == [("groups", "duplicate", None, "g8", "yg")]
    again = [*RIGHT, Lesson(key="yl", course="xc", date="2026-09-08", number=1, starts_at="2026-09-08T08:30:00+03:00", status="held")]  # fmt: skip
    assert told(compared(right=again)) == [("lessons", "duplicate", None, "l1", "yl")]


# -- the quarantine --------------------------------------------------------------------------------------------------


def entry(entity: str, body: str, key: str | None = None) -> Entry:
    return Entry(entity, key, body)


ASIDE = [
    ("people", "p1", entry("people", '{"last_name": "Тестова", "first_name": "Алиса", "born": "?"}', "71")),
    ("people", "p1", entry("people", '{"last_name": 5, "first_name": "Алиса"}', "71")),
    ("people", "p1", entry("enrolments", '{"pupil": "Тестова Алиса", "since": "?"}')),
    ("enrolments", "e1", entry("enrolments", '{"person": "xp1", "group": "xg", "start": "?"}', "xe1")),
    ("enrolments", "e1", entry("enrolments", '{"person": "xp1", "group": null}')),
    ("groups", "g8", entry("groups", '{"name": "8А", "level": "восемь"}')),
    ("courses", "c2", entry("courses", '{"group": "xg", "subject": null}')),
    ("lessons", "l1", entry("lessons", '{"course": "xc", "date": "08.09.2026", "n": "?"}')),
    ("lessons", "l1", entry("lessons", '{"course": "xc", "date": "?"}')),
    ("marks", "m3", entry("marks", '{"work": "xw2", "student": "xp2", "value": []}')),
    ("marks", "m3", entry("marks", '{"lesson": "xl2", "student": "xp2"}')),
    ("marks", "m3", entry("marks", '{"lesson": "xl2", "student": null}')),
    ("marks", "m3", entry("marks", '{"work": "gone", "student": "xp2"}')),
    ("marks", "m3", entry("marks", '{"line": 3, "text": "{\\"work\\": \\"xw2\\", \\"student\\": \\"xp2\\"}"}')),
    ("marks", "m3", entry("marks", '{"line": 3, "text": "{\\"work\\": \\"xw2\\", \\"stud"}')),
    ("attendance", "l1:p2", entry("attendance", "{}", "xl1:xp2")),
    ("period_marks", "f1", entry("period_marks", '{"pupil": "xp1", "value": "?"}')),
    ("marks", "m3", entry("marks", "null")),  # nothing can be told: as much as that may be missing
    ("marks", "m3", entry("marks", '{"id": 17}')),
]


@pytest.mark.parametrize(("entity", "key", "lies"), ASIDE)
def test_what_may_lie_aside_is_not_missed(entity: str, key: str, lies: Entry) -> None:
    right = drop(RIGHT, f"x{key}")
    assert [d.entity for d in compared(right=right).differences] == [entity]
    assert compared(right=right, aside=[lies]).differences == []


OTHERS = [
    ("people", "p1", entry("people", '{"last_name": "Пробнов", "first_name": "Лев"}', "71")),
    ("people", "p1", entry("people", '{"last_name": "Пробнова", "first_name": "Алиса"}', "71")),
    ("enrolments", "e1", entry("enrolments", '{"person": "xp2", "group": "xg", "start": "?"}')),
    ("groups", "g8", entry("groups", '{"name": "9А"}')),
    ("lessons", "l1", entry("lessons", '{"course": "xc", "date": "2026-09-10"}')),
    ("lessons", "l1", entry("lessons", '{"course": "xc2", "date": "2026-09-08"}')),
    ("marks", "m3", entry("marks", '{"work": "xw2", "student": "xp1", "value": []}')),
    ("marks", "m3", entry("marks", '{"work": "xw1", "student": "xp2", "value": []}')),
    ("marks", "m3", entry("attendance", '{"lesson": "xl2", "student": "xp2"}')),
]


@pytest.mark.parametrize(("entity", "key", "lies"), OTHERS)
def test_what_lies_aside_hides_nothing_else(entity: str, key: str, lies: Entry) -> None:
    right = drop(RIGHT, f"x{key}")
    assert [d.entity for d in compared(right=right, aside=[lies]).differences] == [entity]


def test_more_than_what_cannot_be_told_is_missed() -> None:
    right = without(without(RIGHT, "xm3", Mark), "xm1", Mark)
    assert compared(right=right, aside=[entry("marks", "null"), entry("marks", "{}")]).differences == []
    assert len(compared(right=right, aside=[entry("marks", "null")]).differences) == 2


def test_what_waits_for_a_record_that_was_set_aside() -> None:
    """A lesson that could not be read takes its marks with it: neither it nor they are missing."""
    right = drop(RIGHT, "xl2")
    lies = [
        entry("lessons", '{"key": "xl2", "course": "xc", "date": "2026-09-09", "number": "второй"}', "xl2"),
        entry("marks", '{"key": "xm3", "work": "xw2", "student": "xp2", "value": "3"}', "xm3"),
    ]
    assert compared(right=right, aside=lies).differences == []
