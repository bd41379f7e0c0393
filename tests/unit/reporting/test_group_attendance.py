"""«Посещаемость групп»: numbers that a hand check of a small class confirms."""

from __future__ import annotations

import pytest

from canonical.entities import Course, Enrolment, Group, Lesson, Person, Record
from pipelines.reporting.document import NO_DATA
from tests.small_class import CLASS, YEAR, absence, journal, lesson
from tests.unit.reporting.helpers import built, cells, line

QUARTER: list[Record] = [
    lesson("a1", "c", "2026-09-08"),
    lesson("a2", "c", "2026-09-15", attendance_taken=False),
    lesson("a3", "c", "2026-10-12"),
    lesson("a4", "c", "2026-10-13", "cancelled"),
    lesson("a5", "c", "2026-10-20", "planned"),
    lesson("b1", "e1", "2026-09-09"),
    lesson("b2", "e2", "2026-09-10"),
    lesson("n1", "c", "2026-11-10"),
    absence("a1", "p1", "ill"), absence("a1", "p5", "absent"),
    absence("a3", "p3", "absent"), absence("a3", "p4", "late"),
    absence("b1", "p2", "excused"),
    absence("b2", "p4", None), absence("b2", "p3", "exempt"),
    absence("a4", "p1", "absent"),
    absence("n1", "p2", "absent"),
]  # fmt: skip
COUNTS = ("pupils", "lessons", "not_taken", "due", "missed", "excused", "ill", "absent", "unknown", "late")


def test_a_quarter() -> None:
    # Held: a1, a2, a3 for all four, b1 for Тестова and Примеров, b2 for Ёлкин and Образцова: five lessons. In a2
    # attendance was not taken. Should have been there: a1 4 + a3 4 + b1 2 + b2 2 = 12. Missed: Тестова ill in a1, Ёлкин
    # absent in a3, Примеров excused in b1, Образцова in b2 for nobody knows what: 4. Late and exempt are no absences.
    # Макетов, who has left, does not count, nor does the cancelled lesson.
    table = built("Посещаемость групп", journal(CLASS, QUARTER), period="1 четверть").tables[0]
    row = line(table, "7А", "1 четверть")
    assert [row[c] for c in COUNTS] == [4, 5, 1, 12, 4, 1, 1, 1, 1, 1]
    assert row["share"] == pytest.approx(100 * 8 / 12)
    assert row["each"] == 1.0
    assert "hours" not in row


def test_of_one_group_its_pupils_are_shown() -> None:
    table = built("group-attendance", journal(CLASS, QUARTER), period="1 четверть", group="7А").tables[1]
    found = {r.cells[1]: cells(table, r) for r in table.rows}
    assert list(found) == ["Ёлкин Глеб", "Образцова Вера", "Примеров Борис", "Тестова Алиса", "Итого"]
    assert [found["Образцова Вера"][c] for c in ("due", "missed", "unknown", "late")] == [3, 1, 1, 1]
    assert [found["Тестова Алиса"][c] for c in ("due", "missed", "ill", "share")] == [3, 1, 1, pytest.approx(200 / 3)]
    assert [found["Итого"][c] for c in ("due", "missed", "late")] == [12, 4, 1]


def test_the_day_a_pupil_came_counts() -> None:
    more = [lesson("n2", "c", "2026-11-05"), lesson("n3", "c", "2026-11-04")]
    row = line(built("group-attendance", journal(CLASS, QUARTER, more)).tables[0], "7А", "2 четверть")
    # n1 and n2 for five, n3 for four: 14; Примеров missed n1
    assert [row[c] for c in ("pupils", "lessons", "due", "missed", "absent")] == [5, 3, 14, 1, 1]


def test_hours_are_those_of_the_lessons_missed() -> None:
    held = [lesson("h1", "c", "2026-09-08", hours=2), lesson("h2", "c", "2026-09-09", hours=1)]
    gone = [absence("h1", "p1", "absent"), absence("h1", "p2", "ill"), absence("h2", "p1", "excused")]
    made = built("group-attendance", journal(CLASS, held, gone), period="q1", group="7А")
    row = line(made.tables[0], "7А")
    assert (row["missed"], row["hours"], row["hours_absent"]) == (3, 5, 2)
    pupil = line(made.tables[1], 4, "Тестова Алиса")
    assert (pupil["hours"], pupil["hours_absent"]) == (3, 2)
    unclear = [lesson("h3", "c", "2026-09-10"), absence("h3", "p1", "ill")]
    row = line(built("group-attendance", journal(CLASS, held, gone, unclear), period="q1").tables[0], "7А")
    assert (row["missed"], row["hours"], row["hours_absent"]) == (4, NO_DATA, 2)


def test_several_entries_about_one_lesson_are_one_absence() -> None:
    twice = [lesson("x", "c", "2026-09-08"), absence("x", "p1", "absent")]
    from msgspec.structs import replace

    twice += [replace(twice[1], key="other", status="ill"), replace(twice[1], key="third", status=None)]
    row = line(built("group-attendance", journal(CLASS, twice), period="q1").tables[0], "7А")
    assert [row[c] for c in ("missed", "ill", "absent", "unknown")] == [1, 1, 0, 0]


def test_a_source_that_tells_no_attendance_has_no_data_and_no_zeros() -> None:
    for made in (
        journal(CLASS, QUARTER[:5], unsaid=["attendance"]),
        journal(CLASS, QUARTER[:5], uncovered=["attendance"]),
    ):
        body = built("group-attendance", made, period="1 четверть", group="7А")
        row = line(body.tables[0], "7А")
        assert (row["pupils"], row["lessons"]) == (4, 3)
        assert {row[c] for c in (*COUNTS[2:], "share", "each")} == {NO_DATA}
        assert len(body.tables) == 1


def test_totals_leave_out_who_tells_nothing() -> None:
    from dataclasses import replace

    silent = journal(CLASS, QUARTER[:5], unsaid=["attendance"])
    silent.institution = replace(silent.institution, key="b", name="Вторая школа")
    table = built("group-attendance", journal(CLASS, QUARTER), silent, period="1 четверть").tables[0]
    total = cells(table, table.rows[-1])
    assert (total["group"], total["pupils"], total["due"], total["missed"], total["each"]) == ("Всего", 8, 12, 4, 1.0)
    assert total["share"] == pytest.approx(200 / 3)


def test_a_source_without_the_sign_cannot_tell_where_attendance_was_not_taken() -> None:
    made = journal(CLASS, QUARTER, unsaid=["lessons.attendance_taken"])
    assert line(built("group-attendance", made, period="q1").tables[0], "7А")["not_taken"] is NO_DATA


def test_what_was_not_read_whole_is_said() -> None:
    made = journal(CLASS, QUARTER, uncovered=["attendance"])
    body = built("group-attendance", made, period="q1")
    assert line(body.tables[0], "7А")["missed"] == 4
    assert "Посещаемость 4 занятий прочитана не полностью" in body.notes[-1]


def test_a_metagroup_counts_for_each_class_its_own() -> None:
    more: list[Record] = [
        Group(key="h", name="8Б", kind="class", academic_year=YEAR),
        Person(key="p9", role="student", family_name="Учебнов", given_name="Савва"),
        Enrolment(key="h:p9", person="p9", group="h", start="2026-09-01"),
        Group(key="m", name="Проект", kind="metagroup", academic_year=YEAR),
        *(Enrolment(key=f"m:{p}", person=p, group="m", start="2026-09-01") for p in ("p1", "p9")),
        Course(key="mc", group="m", subject="alg"),
        Lesson(key="m1", course="mc", date="2026-09-08", status="held"),
        absence("m1", "p9", "absent"),
    ]
    table = built("group-attendance", journal(CLASS, more), period="1 четверть").tables[0]
    assert [line(table, "7А")[c] for c in ("lessons", "due", "missed")] == [1, 1, 0]
    assert [line(table, "8Б")[c] for c in ("lessons", "due", "missed")] == [1, 1, 1]


def test_a_month() -> None:
    from datetime import date

    row = line(
        built("group-attendance", journal(CLASS, QUARTER), month=date(2026, 10, 1)).tables[0], "7А", "октябрь 2026"
    )
    assert [row[c] for c in ("pupils", "lessons", "due", "missed")] == [4, 1, 4, 1]
