"""«Анализ ведения электронных журналов за месяц»: numbers worked out by hand, and the same as completeness has."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from canonical.calendar import Holiday, SchoolCalendar
from canonical.entities import Lesson, Record
from pipelines.reporting.asking import NothingSuchError
from pipelines.reporting.document import NO_DATA
from tests.small_class import CLASS, MOSCOW, journal, lesson, marks_of
from tests.unit.reporting.helpers import built, line

TITLE = "Анализ ведения электронных журналов за месяц"
IN_TIME, LATE = "2026-11-10T18:00:00+03:00", "2026-11-12T00:10:00+03:00"
MONTH: list[Record] = [
    lesson("l1", "c", "2026-11-10", recorded_at=IN_TIME, homework="§ 1", attendance_taken=True),
    lesson("l2", "c", "2026-11-11", recorded_at=LATE),
    Lesson(key="l3", course="c", date="2026-11-12", status="held", recorded_at="2026-11-12T10:00:00+03:00"),
    lesson("l4", "c", "2026-11-13", "planned"),
    lesson("l5", "c", "2026-11-14", "cancelled"),
    lesson("l6", "c", "2026-11-16", teacher="t2", attendance_taken=False),
    lesson("l7", "c", "2026-11-20", "planned"),
    lesson("l8", "c", "2026-10-31"),
    lesson("f1", "e2", "2026-11-10", homework="§ 1"),
    *marks_of("c", "2026-11-17", {"p1": "5", "p2": "4", "p3": "3"}),
]
COUNTS = ("due", "filled", "unrecorded", "recorded", "in_time", "late", "no_topic", "no_homework", "not_taken", "marks")


def test_a_month_by_course_and_teacher() -> None:
    # Of Шаблонова in algebra: l1, l2, l3, l4 and the one of the 17th were due; l4 is not recorded, l3 has no topic: 3 are
    # filled. Recorded on its day: l1 and l3; later: l2; of the 17th nobody knows when. Homework only in l1. Three marks in four
    # recorded lessons. The lesson of today is not due, the cancelled one never, that of October is of another month.
    # l6 was held by Эскизов, who took no attendance: recorded, but not filled.
    table = built(TITLE, journal(CLASS, MONTH)).tables[0]
    own = line(table, "7А", "Алгебра", "Шаблонова Вера Макетовна")
    assert [own[c] for c in COUNTS] == [5, 3, 1, 4, 2, 1, 1, 3, 0, 3]
    assert (own["share"], own["marks_each"]) == (60.0, 0.75)
    other = line(table, "7А", "Алгебра", "Эскизов Пётр Тестович")
    assert [other[c] for c in COUNTS] == [1, 0, 0, 1, 0, 0, 0, 1, 1, 0]
    part = line(table, "7А, подгруппа 2", "Иностранный язык", "Эскизов Пётр Тестович")
    assert [part[c] for c in COUNTS] == [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]


def test_by_teacher_and_in_all() -> None:
    courses, teachers = built(TITLE, journal(CLASS, MONTH)).tables
    assert [line(teachers, "Эскизов Пётр Тестович")[c] for c in ("due", "filled", "recorded", "not_taken")] == [
        2,
        1,
        2,
        1,
    ]
    assert [line(teachers, "Итого")[c] for c in ("due", "filled", "unrecorded")] == [7, 4, 1]
    assert line(courses, "Итого")["share"] == pytest.approx(400 / 7)


def test_what_a_source_cannot_tell_is_not_counted() -> None:
    unsaid = ["lessons.recorded_at", "lessons.homework", "lessons.attendance_taken", "marks"]
    lessons = [r for r in MONTH if isinstance(r, Lesson)]
    table = built(TITLE, journal(CLASS, lessons, unsaid=unsaid)).tables[0]
    row = line(table, "7А", "Алгебра", "Шаблонова Вера Макетовна")
    assert {row[c] for c in ("in_time", "late", "no_homework", "not_taken", "marks", "marks_each")} == {NO_DATA}
    assert (row["due"], row["no_topic"]) == (5, 1)


def test_times_that_are_nowhere_are_not_zero() -> None:
    table = built(TITLE, journal(CLASS, [lesson("x", "c", "2026-11-10")])).tables[0]
    row = line(table, "7А", "Алгебра", "Шаблонова Вера Макетовна")
    assert {row[c] for c in ("in_time", "late", "not_taken")} == {NO_DATA}
    assert (row["recorded"], row["no_homework"], row["marks"]) == (1, 1, 0)


def test_what_was_read_before_its_day_was_over_is_not_judged() -> None:
    made = journal(CLASS, MONTH, read_at=datetime(2026, 11, 13, 12, tzinfo=MOSCOW))
    body = built(TITLE, made)
    row = line(body.tables[0], "7А", "Алгебра", "Шаблонова Вера Макетовна")
    assert (row["due"], row["recorded"]) == (3, 3)
    assert "Не учтено прошедших занятий: 3." in body.notes[-1]  # l4, l6 and that of the 17th
    nothing = built(TITLE, journal(CLASS, MONTH, uncovered=["lessons"]))
    assert nothing.tables[0].rows == ()
    assert "Не учтено прошедших занятий: 7." in nothing.notes[-1]


def test_a_holiday_of_the_calendar_is_no_school_day() -> None:
    made = journal(CLASS, MONTH)
    holiday = Holiday(name="День", days=(date(2026, 11, 13),))
    made.calendar = SchoolCalendar(title="", academic_year="2026/2027", holiday=(holiday,))
    row = line(built(TITLE, made).tables[0], "7А", "Алгебра", "Шаблонова Вера Макетовна")
    assert (row["due"], row["unrecorded"]) == (4, 0)


def test_one_teacher_one_group_one_month() -> None:
    only = built(TITLE, journal(CLASS, MONTH), teacher="эскизов")
    assert {r.cells[2] for r in only.tables[0].rows if r.kind == "row"} == {"Эскизов Пётр Тестович"}
    assert len(built(TITLE, journal(CLASS, MONTH), teacher="Эскизов П. Т.").tables[0].rows) == 3
    october = built(TITLE, journal(CLASS, MONTH), month=date(2026, 10, 1), group="7а").tables[0]
    assert [(r.kind, r.cells[3]) for r in october.rows] == [("row", 1), ("subtotal", 1)]
    with pytest.raises(NothingSuchError, match="nobody of this name") as error:
        built(TITLE, journal(CLASS, MONTH), teacher="Ненашев")
    assert "Ненашев" not in str(error.value)
    assert "Шаблонова" not in str(error.value)


def test_namesakes_are_two_teachers() -> None:
    from canonical.entities import Person

    twin = Person(key="t3", role="staff", family_name="Шаблонова", given_name="Вера", patronymic="Макетовна")
    more = [twin, lesson("x", "e2", "2026-11-10", teacher="t3")]
    teachers = built(TITLE, journal(CLASS, MONTH, more)).tables[1]
    assert [r.cells[:2] for r in teachers.rows if str(r.cells[0]).startswith("Шаб")] == [
        ("Шаблонова Вера Макетовна", 5), ("Шаблонова Вера Макетовна", 1),
    ]  # fmt: skip
