"""«Успеваемость групп»: numbers that a hand check of a small class confirms."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec
import pytest

from canonical.entities import Course, Enrolment, Group, PeriodMark, Person, Subject, Work
from connectors.contract import Institution
from pipelines.reporting.asking import NothingSuchError
from pipelines.reporting.progress import UNATTESTED, standing
from tests.small_class import CLASS, FIRST_QUARTER, MOSCOW, YEAR, journal, marks_of, period_mark
from tests.unit.reporting.helpers import built, cells, line

COUNTS = ("pupils", "excellent", "good", "one_three", "failing", "unattested", "uncounted", "debts", "without")


def test_a_finished_quarter() -> None:
    # Тестова 5 5 (осв aside): отличник.  Примеров 4 5: хорошист.  Ёлкин 3 4: с одной «3».  Образцова 2 н/а: неуспевающий.
    # Макетов left before the end, Стендова came after it: neither counts.
    # успеваемость 3 of 4, качество 2 of 4. Eight marks: 5 5 5 | 4 4 | 3 | 2 | н/а:
    # СОУ = (3*1.00 + 2*0.64 + 0.36 + 0.16 + 0.08) / 8 = 4.88 / 8 = 0.61; mean of the seven grades = 28 / 7 = 4.
    # Physical education has marks of two; the other two pupils have none: 2 marks not given.
    body = built("Успеваемость групп", journal(CLASS, FIRST_QUARTER), period="1 четверть")
    row = line(body.tables[0], "7А", "1 четверть", "за период")
    assert [row[c] for c in COUNTS] == [4, 1, 1, 1, 1, 1, 0, 0, 2]
    assert (row["success"], row["quality"], row["average"]) == (75.0, 50.0, 4.0)
    assert row["learnedness"] == pytest.approx(61.0)


def test_a_running_quarter_is_judged_by_the_current_average() -> None:
    # Тестова (5*1 + 4*2) / 3 = 4.33: 4.  Примеров (4 + 5) / 2 = 4.5: 5.  Ёлкин (2 + 3) / 2 = 2.5: 3.
    # Образцова has 2s, but her mark of the period is already given: 5.  Стендова has no mark.
    # The 2s of 20 October and of 25 November (not yet there) do not count.
    lessons = [
        *marks_of("c", "2026-11-10", {"p1": "5", "p2": "4", "p3": "2", "p4": "2"}, weight=1),
        *marks_of("c", "2026-11-11", {"p1": "4", "p4": "2"}, weight=2),
        *marks_of("c", "2026-11-12", {"p2": "5", "p3": "3"}),
        *marks_of("c", "2026-10-20", {"p1": "2", "p2": "2"}),
        *marks_of("c", "2026-11-25", {"p1": "2"}),
        period_mark("p4", "c", "5", "q2"),
    ]
    body = built("group-progress", journal(CLASS, FIRST_QUARTER, lessons))
    row = line(body.tables[0], "7А", "2 четверть", "текущие")
    assert [row[c] for c in COUNTS] == [5, 2, 1, 1, 0, 0, 1, 0, 1]
    assert row["success"] == 100.0
    assert row["quality"] == 75.0
    assert row["average"] == (4 + 5 + 3 + 5) / 4


def test_everybody_stands_in_one_column() -> None:
    threes = [period_mark("p2", "c", "3"), period_mark("p2", "e1", "3"), period_mark("p1", "c", "5")]
    row = line(built("group-progress", journal(CLASS, threes), period="q1").tables[0], "7А")
    assert (row["passing"], row["success"], row["quality"]) == (1, 100.0, 50.0)
    assert row["pupils"] == sum(
        int(str(row[c])) for c in ("excellent", "good", "one_three", "passing", "failing", "uncounted")
    )


def test_a_debt_holds_the_place_of_a_mark_to_come() -> None:
    debt = PeriodMark(key="d", student="p1", course="c", period="q2", kind="period", value="•", meaning="debt")
    given = marks_of("c", "2026-11-10", {"p1": "4"})
    row = line(built("group-progress", journal(CLASS, given, [debt])).tables[0], "7А", "2 четверть")
    assert (row["good"], row["debts"]) == (1, 1)
    after = datetime(2027, 1, 8, tzinfo=MOSCOW)
    row = line(built("group-progress", journal(CLASS, given, [debt], now=after), period="q2").tables[0], "7А")
    assert (row["good"], row["debts"], row["uncounted"]) == (0, 1, 5)


def test_in_grade_one_no_mark_is_awaited() -> None:
    first = [msgspec.structs.replace(r, level=1) if isinstance(r, Group) else r for r in CLASS]
    given = [period_mark("p1", "c", "5")]
    places = (Institution("a", "Школа", "school", MOSCOW), 0), (Institution("a", "Колледж", "college", MOSCOW), 3)
    for place, awaited in places:
        row = line(built("group-progress", journal(first, given, place=place), period="q1").tables[0], "7А")
        assert (row["pupils"], row["excellent"], row["without"]) == (4, 1, awaited)


def test_a_finished_quarter_without_period_marks_counts_nobody() -> None:
    given = marks_of("c", "2026-09-10", {"p1": "5", "p2": "4"})
    row = line(built("group-progress", journal(CLASS, given), period="q1").tables[0], "7А")
    assert (row["basis"], row["uncounted"], row["success"], row["learnedness"]) == ("за период", 4, None, None)


def test_a_source_that_tells_no_period_marks_is_judged_by_current_ones() -> None:
    given = marks_of("c", "2026-09-10", {"p1": "5", "p2": "4"})
    for journal_ in (journal(CLASS, given, unsaid=["period_marks"]), journal(CLASS, given, uncovered=["period_marks"])):
        row = line(built("group-progress", journal_, period="1 четверть").tables[0], "7А")
        assert (row["basis"], row["excellent"], row["good"], row["uncounted"]) == ("текущие", 1, 1, 2)


def test_the_year_is_decided_by_the_final_mark_and_else_by_that_of_the_year() -> None:
    marks = [
        period_mark("p1", "c", "4", "y", "year"), period_mark("p1", "c", "5", "y", "exam"), period_mark("p1", "c", "5", "y", "final"),
        period_mark("p2", "c", "3", "y", "year"), period_mark("p2", "c", "5", "y", "exam"),
        period_mark("p3", "c", "незач", "y", "year"),
    ]  # fmt: skip
    after = datetime(2027, 6, 2, tzinfo=MOSCOW)
    row = line(built("group-progress", journal(CLASS, FIRST_QUARTER, marks, now=after), period="год").tables[0], "7А")
    assert (row["period"], row["excellent"], row["one_three"], row["uncounted"], row["debts"]) == ("год", 1, 1, 3, 1)
    # among the five of June: p1 final 5, p2 year 3; p3 has only a незач, p4 and p6 nothing


def test_a_pupil_who_changed_class_keeps_the_marks() -> None:
    other = [
        Group(key="h", name="7Б", kind="class", academic_year=YEAR),
        Course(key="hc", group="h", subject="alg"),
        Enrolment(key="h:p6", person="p6", group="h", start="2026-09-01", end="2026-11-04", status="transferred"),
    ]
    made = journal(CLASS, other, marks_of("hc", "2026-11-03", {"p6": "3"}), marks_of("c", "2026-11-10", {"p6": "4"}))
    body = built("group-progress", made)
    assert line(body.tables[0], "7А")["good"] == 1  # (3 + 4) / 2 = 3.5: 4
    assert line(body.tables[0], "7Б")["pupils"] == 0


def test_marks_of_a_work_without_a_lesson_stand_on_the_day_of_checking() -> None:
    work = Work(key="w", course="c", checked_on="2026-11-12")
    other = Work(key="v", course="c")
    marks = marks_of("c", "2026-11-10", {"p1": "4"})[-1:]
    from msgspec.structs import replace

    given = [work, other, replace(marks[0], key="m1", work="w"), replace(marks[0], key="m2", work="v", grade=2)]
    row = line(built("group-progress", journal(CLASS, given)).tables[0], "7А")
    assert (row["good"], row["failing"]) == (1, 0)


def test_of_one_group_its_pupils_are_shown() -> None:
    body = built("group-progress", journal(CLASS, FIRST_QUARTER), period="1 четверть", group='7 "а"')
    table = body.tables[1]
    assert [r.cells[1] for r in table.rows] == ["Ёлкин Глеб", "Образцова Вера", "Примеров Борис", "Тестова Алиса"]
    weak = line(table, 2, "Образцова Вера")
    assert [weak[c] for c in ("fives", "fours", "threes", "twos", "unattested", "without")] == [0, 0, 0, 1, 1, 1]
    assert weak["standing"] == "неуспевающий"
    assert weak["average"] == 2.0


@pytest.mark.parametrize(
    ("grades", "what"),
    [
        ([5, 5], "excellent"),
        ([4, 4], "good"),
        ([5, 4], "good"),
        ([5, 3], "one_three"),
        ([3, 3, 5], "passing"),
        ([5, 3, 2], "failing"),
        ([5, UNATTESTED], "failing"),
        ([5, None], "excellent"),
        ([None], None),
        ([], None),
    ],
)
def test_what_a_pupil_is(grades: list[int | None], what: str | None) -> None:
    assert standing(grades) == what


def test_the_worst_grade_counts_as_two() -> None:
    row = line(built("group-progress", journal(CLASS, [period_mark("p1", "c", "1")]), period="q1").tables[0], "7А")
    assert (row["failing"], row["learnedness"], row["average"]) == (1, 16.0, 2.0)


def test_a_mark_beyond_the_scale_is_outside_the_base() -> None:
    odd = PeriodMark(
        key="x", student="p1", course="c", period="q1", kind="period", value="87", grade=None, meaning="grade"
    )
    row = line(built("group-progress", journal(CLASS, [odd]), period="q1").tables[0], "7А")
    assert (row["uncounted"], row["success"]) == (4, None)


def test_subgroup_courses_of_one_subject_are_one_subject() -> None:
    both = [Course(key="e3", group="g", subject="eng2"), Subject(key="eng2", name="Иностранный язык")]
    marks = [period_mark("p1", "e1", "5"), period_mark("p2", "e3", "4")]
    row = line(built("group-progress", journal(CLASS, both, marks), period="q1").tables[0], "7А")
    assert (row["excellent"], row["good"], row["without"]) == (1, 1, 2)


def test_institutions_side_by_side_have_totals() -> None:

    first = journal(CLASS, FIRST_QUARTER)
    second = journal(CLASS, [period_mark("p1", "c", "5"), period_mark("p2", "c", "2")])
    second.institution = replace(second.institution, key="b", name="Вторая школа")
    table = built("group-progress", first, second, period="1 четверть").tables[0]
    assert [(r.kind, r.group) for r in table.rows] == [
        ("row", "Малая школа"), ("subtotal", "Малая школа"), ("row", "Вторая школа"), ("subtotal", "Вторая школа"), ("total", None),
    ]  # fmt: skip
    total = cells(table, table.rows[-1])
    # six pupils with marks, of them two fail; excellent 2, good 1: 4 of 6 and 3 of 6
    assert (total["pupils"], total["uncounted"]) == (8, 2)
    assert total["success"] == pytest.approx(100 * 4 / 6)
    assert total["quality"] == 50.0


def test_what_is_not_there_is_told_with_what_there_is() -> None:
    with pytest.raises(NothingSuchError, match=r"no group '9Ж'.*: «7А»"):
        built("group-progress", journal(CLASS), group="9Ж")
    with pytest.raises(NothingSuchError, match=r"no period '3 семестр'.*: «1 четверть», «2 четверть», «год»"):
        built("group-progress", journal(CLASS), period="3 семестр")


def test_groups_without_the_period_are_left_out() -> None:
    tenth = [
        Group(key="t", name="10А", kind="class", academic_year=YEAR),
        Person(key="p9", role="student", family_name="Учебнов", given_name="Савва"),
        Enrolment(key="t:p9", person="p9", group="t", start="2026-09-01"),
    ]
    quarters = [p for p in CLASS if getattr(p, "key", "") in {"q1", "q2"}]
    from msgspec.structs import replace

    own = [replace(q, groups=("g",)) for q in quarters]  # type: ignore[type-var]
    half = replace(quarters[0], key="h1", kind="half_year", name="1 полугодие", end="2026-12-27", groups=("t",))  # type: ignore[type-var,call-arg]
    rest = [r for r in CLASS if r not in quarters]
    made = journal(rest, own, tenth, [half])
    assert [
        r.cells[0] for r in built("group-progress", made, period="1 четверть").tables[0].rows if r.kind == "row"
    ] == ["7А"]
    now = built("group-progress", made).tables[0]
    assert [r.cells[:2] for r in now.rows if r.kind == "row"] == [("7А", "2 четверть"), ("10А", "1 полугодие")]
