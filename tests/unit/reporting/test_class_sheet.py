"""«Сводная ведомость учёта успеваемости учащихся класса»."""

from __future__ import annotations

from datetime import datetime

import pytest

from canonical.entities import Attestation, Course, Enrolment, Group, Period, Person
from pipelines.reporting.document import Table
from tests.small_class import CLASS, FIRST_QUARTER, MOSCOW, YEAR, journal, period_mark
from tests.unit.reporting.helpers import built, cells

TITLE = "Сводная ведомость учёта успеваемости учащихся класса"


def rows_of(table: Table, pupil: str) -> dict[object, list[object]]:
    """Period -> the marks, in the order of the subjects."""
    ids = [c.id for c in table.columns if c.id.startswith("subject")]
    found = [cells(table, r) for r in table.rows]
    return {r["period"]: [r[i] for i in ids] for r in found if r["pupil"] == pupil}


def test_pupils_by_subjects_by_periods() -> None:
    table, figures = built(TITLE, journal(CLASS, FIRST_QUARTER)).tables
    assert table.title == "7А, 2026/2027 учебный год (Малая школа)"
    assert [c.title for c in table.columns] == [
        "№", "Фамилия, имя, отчество", "Движение", "Период", "Алгебра", "Иностранный язык", "Физическая культура",
    ]  # fmt: skip
    assert rows_of(table, "Примеров Борис") == {
        "1 четверть": ["4", "5-", "зач"],
        "2 четверть": [None, None, None],
        "Год": [None, None, None],
    }
    assert rows_of(table, "Образцова Вера")["1 четверть"] == ["2", "н/а", None]
    # of the quarter: algebra 5 4 3 2, the language 5 5 4 н/а; nobody has a mark of the second quarter
    assert [r.cells[:2] for r in figures.rows] == [
        ("1 четверть", "Успеваемость, %"), ("1 четверть", "Качество, %"), ("1 четверть", "СОУ, %"),
    ]  # fmt: skip
    success, quality, learnedness = (r.cells[2:] for r in figures.rows)
    assert success == (75.0, 75.0, None, 75.0)
    assert quality == (50.0, 75.0, None, 50.0)
    assert learnedness[0] == pytest.approx((100 + 64 + 36 + 16) / 4)
    assert learnedness[1] == pytest.approx((100 + 100 + 64 + 8) / 4)


def test_who_came_and_who_left() -> None:
    table = built(TITLE, journal(CLASS, FIRST_QUARTER)).tables[0]
    moved = {r.cells[1]: r.cells[2] for r in table.rows}
    assert moved == {
        "Ёлкин Глеб": None, "Макетов Лев": "отчислен 09.10.2026", "Образцова Вера": None, "Примеров Борис": None,
        "Стендова Нина": "прибыл(а) 05.11.2026", "Тестова Алиса": None,
    }  # fmt: skip
    assert rows_of(table, "Макетов Лев")["1 четверть"] == ["2", None, None]


def test_one_of_whom_the_portal_says_only_that_he_is_archived_has_left() -> None:
    archived = Enrolment(key="g:p7", person="p7", group="g", raw={"status": "Archive"})
    pupil = Person(key="p7", role="student", sex="m", family_name="Архивов", given_name="Пётр")
    made = journal(CLASS, FIRST_QUARTER, [archived, pupil, period_mark("p7", "c", "2")])
    table, figures = built(TITLE, made).tables
    assert rows_of(table, "Архивов Пётр")["1 четверть"] == ["2", None, None]
    assert {r.cells[2] for r in table.rows if r.cells[1] == "Архивов Пётр"} == {"выбыл"}
    assert figures.rows == built(TITLE, journal(CLASS, FIRST_QUARTER)).tables[1].rows


def test_the_year_the_exam_and_the_final_mark() -> None:
    marks = [period_mark("p1", "c", v, "y", k) for k, v in (("year", "4"), ("exam", "5"), ("final", "5"))]
    table = built(TITLE, journal(CLASS, marks)).tables[0]
    assert {k: v[0] for k, v in rows_of(table, "Тестова Алиса").items()} == {
        "1 четверть": None, "2 четверть": None, "Год": "4", "Экзамен": "5", "Итог": "5",
    }  # fmt: skip


def test_marks_of_another_schedule_follow_the_pupil_in_but_not_out() -> None:
    other = [
        Group(key="h", name="10А", kind="class", academic_year=YEAR),
        Course(key="hc", group="h", subject="alg"),
        Period(key="h1", academic_year=YEAR, kind="half_year", number=1, name="1 полугодие", start="2026-09-01", end="2026-12-27"),
        Enrolment(key="h:p6", person="p6", group="h", start="2026-09-01", end="2026-11-04", status="transferred"),
        Enrolment(key="h:p5", person="p5", group="h", start="2026-10-10"),
        period_mark("p6", "hc", "3", "h1"), period_mark("p5", "hc", "4", "h1"), period_mark("p5", "c", "2"),
    ]  # fmt: skip
    quarters = [Period(key=p.key, **{f: getattr(p, f) for f in ("academic_year", "kind", "number", "name", "start", "end")}, groups=("g",)) for p in CLASS if isinstance(p, Period) and p.kind == "quarter"]  # fmt: skip
    rest = [r for r in CLASS if not (isinstance(r, Period) and r.kind == "quarter")]
    half = Period(
        **{f: getattr(other[2], f) for f in ("key", "academic_year", "kind", "number", "name", "start", "end")},
        groups=("h",),
    )
    tables = {
        t.id: t for t in built(TITLE, journal(rest, quarters, [r for r in other if r is not other[2]], [half])).tables
    }
    own = tables["marks:malaya:g"]
    assert list(rows_of(own, "Стендова Нина")) == ["1 четверть", "1 полугодие", "2 четверть", "Год"]
    assert rows_of(own, "Стендова Нина")["1 полугодие"][0] == "3"
    assert list(rows_of(own, "Макетов Лев")) == ["1 четверть", "2 четверть", "Год"]
    assert rows_of(tables["marks:malaya:h"], "Макетов Лев")["1 полугодие"] == ["4"]


def test_two_marks_of_one_period_stand_side_by_side() -> None:
    more = [Course(key="c2", group="g1", subject="alg"), period_mark("p1", "c", "5"), period_mark("p1", "c2", "4")]
    table = built(TITLE, journal(CLASS, more)).tables[0]
    assert rows_of(table, "Тестова Алиса")["1 четверть"][0] == "4/5"


def test_attestations_have_a_table_of_their_own() -> None:
    given = [
        Attestation(
            key="a1", student="p1", subject="alg", kind="coursework", title="Курсовая", value="5", held_on="2026-10-01"
        ),
        Attestation(key="a2", student="p2", course="c", kind="exam", value="4", held_on="2026-10-02"),
        Attestation(key="a3", student="p2", course="c", kind="exam", value="3", held_on="2025-10-02"),
        Attestation(key="a4", student="p1", title="Практика на предприятии", kind="practice", value="зач"),
    ]
    table = built(TITLE, journal(CLASS, given)).tables[-1]
    assert [c.title for c in table.columns[2:]] == [
        "Алгебра: курсовая работа", "Алгебра: экзамен", "Практика на предприятии: практика",
    ]  # fmt: skip
    assert [r.cells[1:] for r in table.rows] == [
        ("Примеров Борис", None, "4", None), ("Тестова Алиса", "5", None, "зач"),
    ]  # fmt: skip


def test_a_class_without_marks_says_so() -> None:
    (table,) = built(TITLE, journal(CLASS)).tables
    assert (table.rows, table.empty) == ((), "Отметок за учётные периоды пока нет")


def test_marks_of_another_year_stay_in_their_year() -> None:
    old = Period(
        key="old",
        academic_year="2025/2026",
        kind="quarter",
        number=1,
        name="1 четверть",
        start="2025-09-01",
        end="2025-10-26",
    )
    made = journal(CLASS, [old, period_mark("p1", "c", "2", "old"), period_mark("p1", "c", "5")])
    assert rows_of(built(TITLE, made).tables[0], "Тестова Алиса")["1 четверть"][0] == "5"
    with_as_of = journal(CLASS, FIRST_QUARTER, now=datetime(2026, 10, 30, tzinfo=MOSCOW))
    assert "Стендова Нина" not in {r.cells[1] for r in built(TITLE, with_as_of).tables[0].rows}
