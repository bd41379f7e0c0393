"""Layouts applied to sheets: where a table begins and ends, what its rows are, what a page covers."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from canonical.batch import Batch, Origin
from canonical.calendar import SchoolCalendar
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import entity_of
from canonical.toml_files import ConfigError
from canonical.years import AcademicYear
from connectors.files.choosing import choose
from connectors.files.layouts.model import layout_of
from connectors.files.layouts.pages import read_pages
from connectors.files.mapping.records import Account, ReadFile
from tests import workbooks
from tests.unit.files.test_values import FIVE, YEAR

JOURNAL: dict[str, Any] = {
    "title": "x",
    "heading": {"group": "Класс", "subject": "Предмет"},
    "table": [{"kind": "marks", "columns": {"student": "ФИО"}, "across": {"rows": ["date"]}}],
}
A, B = "Ананасов Иван", "Бананова Анна"
TOP = [["Класс: 7А"], ["Предмет: Алгебра"]]
COURSE = "2026/2027:7А:Алгебра"


def made(
    layout: dict[str, Any],
    *grids: Any,
    kind: Any = "school",
    year: AcademicYear = YEAR,
    calendar: SchoolCalendar | None = None,
) -> list[Batch]:
    """The batches of files `0`, `1` … with these grids."""
    checked = layout_of(layout, Path("x.toml"))
    account = Account(kind, FIVE, lambda s: f"hash of {s}", calendar)
    for n, grid in enumerate(grids):
        chosen = choose([checked], workbooks.xlsx(grid), f"{n}.xlsx", FIVE, year)
        pages = read_pages(chosen.fit, chosen.book, f"{n}.xlsx", chosen.setting)
        account.take(ReadFile(f"{n}.xlsx", Origin(str(n), "", 0, ""), pages))
    account.finish()
    return [account.batch(f"{n}.xlsx", partial=False) for n in range(len(grids))]


def keys(batch: Batch, entity: str) -> list[str]:
    return [r.key for _, records in batch.blocks for r in records if entity_of(r) == entity]


def records(batch: Batch, entity: str) -> list[Any]:
    return [r for _, rs in batch.blocks for r in rs if entity_of(r) == entity]


def test_headers_come_again_and_sums_are_no_records() -> None:
    grid = [*TOP, ["№", "ФИО", "05.09"], ["1", "2", "3"], [1, A, 5], [], ["№", "ФИО", "05.09"], [2, B, 4], [3, None, None], [None, "Средний балл", 4.5],
            ["Классный руководитель", "Макетова А. А."], [None, "Директор Стендов"]]  # fmt: skip
    (batch,) = made(JOURNAL, grid)
    assert keys(batch, "people") == [f"2026/2027:7А:{A}", f"2026/2027:7А:{B}"]
    assert batch.rejects == []


def test_a_table_of_marks_is_covered_from_its_first_day_to_its_last_save_the_unreadable() -> None:
    grid = [*TOP, ["ФИО", "05.09", "07.09", "09.09"], [A, 5, "?", 4]]
    (batch,) = made(JOURNAL, grid)

    def scope(entity: str, start: str, end: str) -> Scope:
        return Scope(entity, Selector.COURSE, COURSE, Axis.LESSON_DATE, start, end)

    assert set(batch.scopes) == {
        scope("lessons", "2026-09-05", "2026-09-09"),
        *(scope(e, d, f) for e in ("works", "marks", "attendance") for d, f in (("2026-09-05", "2026-09-06"), ("2026-09-08", "2026-09-09"))),
    }  # fmt: skip


def test_of_two_files_the_later_one_speaks_for_the_days_that_both_hold() -> None:
    first = [*TOP, ["ФИО", "05.09", "07.09"], [A, 5, 4], [B, 3, "н"]]
    second = [*TOP, ["ФИО", "07.09", "09.09"], [A, None, 3]]
    before, after = made(JOURNAL, first, second)
    assert keys(before, "marks") == [f"{COURSE}:2026-09-05:1:1:2026/2027:7А:{n}" for n in (A, B)]
    assert keys(before, "attendance") == [f"{COURSE}:2026-09-07:1:2026/2027:7А:{B}"]
    assert keys(after, "marks") == [f"{COURSE}:2026-09-09:1:1:2026/2027:7А:{A}"]
    assert {(s.start, s.end) for s in before.scopes} == {("2026-09-05", "2026-09-06")}
    assert {(s.start, s.end) for s in after.scopes} == {("2026-09-07", "2026-09-09")}


def test_a_lesson_with_two_works_and_two_lessons_of_a_day() -> None:
    layout = {**JOURNAL, "table": [{**JOURNAL["table"][0], "across": {"rows": ["date", "work"]}}]}
    grid = [*TOP, ["ФИО", "05.09", None, "05.09"], [None, "Ответ", "К/р", None], [A, 5, "4 3", 2]]
    (batch,) = made(layout, grid)
    assert [(w.key.removeprefix(f"{COURSE}:2026-09-05:"), w.kind) for w in records(batch, "works")] == [
        ("1:1", "Ответ"), ("1:2", "К/р"), ("1:2.2", "К/р"), ("2:1", None),
    ]  # fmt: skip
    assert [m.value for m in records(batch, "marks")] == ["5", "4", "3", "2"]


def test_a_list_with_a_row_for_each_mark() -> None:
    layout = {"title": "x", "table": [{"kind": "marks", "columns": {n: n for n in ("student", "group", "subject", "date", "number", "marks", "work", "comment")}}]}  # fmt: skip
    head = ["student", "group", "subject", "date", "number", "marks", "work", "comment"]
    grid = [
        head, [A, "7А", "Алгебра", "05.09", 3, "5", "Ответ", "молодец"], [A, "7А", "Алгебра", "05.09", 3, "4", "К/р", None],
        [B, "7А", "Алгебра", "05.09", 5, "н", None, None], [A, "7А", "Алгебра", "05.09", 3, "3", "К/р", None],
    ]  # fmt: skip
    (batch,) = made(layout, grid)
    day = f"{COURSE}:2026-09-05"
    assert [(x.key, x.number) for x in records(batch, "lessons")] == [(f"{day}:1", 3), (f"{day}:2", 5)]
    assert {m.work: (m.value, m.comment) for m in records(batch, "marks")} == {
        f"{day}:1:1": ("5", "молодец"), f"{day}:1:2": ("4", None), f"{day}:1:2.2": ("3", None),
    }  # fmt: skip
    assert keys(batch, "attendance") == [f"{day}:2:2026/2027:7А:{B}"]


def test_pupils_of_one_name() -> None:
    (batch,) = made(JOURNAL, [*TOP, ["ФИО", "05.09"], [A, 5], [A, 4], [B, 3]])
    assert [m.student for m in records(batch, "marks")] == [f"2026/2027:7А:{B}"]
    assert [r.reason.partition(": ")[2] for r in batch.rejects] == ["two pupils of this page have the same name; add a column of numbers (student_key)"] * 2  # fmt: skip
    listed = {"title": "x", "table": [{"kind": "contingent", "columns": {"student": "ФИО", "group": "Класс", "birth_date": "Дата", "start": "С", "status": "Статус"}}]}  # fmt: skip
    rows = [["ФИО", "Класс", "Дата", "С", "Статус"], [A, "7А", "01.02.2013", "01.09.2026", "Отчислен"], [A, "7А", "02.02.2013", "01.09.2026", None],
            [A, "7А", "01.02.2013", "01.12.2026", "Восстановлен"], [B, "7А", None, None, None], [B, "7А", None, None, None]]  # fmt: skip
    (batch,) = made(listed, rows)
    group = "2026/2027:7А"
    assert keys(batch, "people") == [f"{group}:{A}", f"{group}:{A}:2013-02-02", f"{group}:{B}"]
    assert [(e.key, e.status) for e in records(batch, "enrolments")] == [
        (f"{group}:{A}:{group}", "expelled"), (f"{group}:{A}:{group}:2026-12-01", "restored"),
        (f"{group}:{A}:2013-02-02:{group}", None), (f"{group}:{B}:{group}", None),
    ]  # fmt: skip


def test_subgroups_belong_to_their_class() -> None:
    grid = [["Класс: 7А"], ["Предмет: Иностранный язык/подгруппа 1"], ["ФИО", "05.09"], [A, 5]]
    (batch,) = made(JOURNAL, grid)
    group = "2026/2027:7А"
    assert [(g.key, g.kind, g.parent, g.level) for g in records(batch, "groups")] == [(group, "class", None, 7), (f"{group}:подгруппа 1", "subgroup", group, 7)]  # fmt: skip
    assert [s.name for s in records(batch, "subjects")] == ["Иностранный язык"]
    assert [e.group for e in records(batch, "enrolments")] == [group, f"{group}:подгруппа 1"]


def test_snils_is_never_kept_in_the_open() -> None:
    layout = {"title": "x", "heading": {"group": {"value": "7А"}}, "table": [{"kind": "contingent", "columns": {"student": "ФИО", "snils": "СНИЛС"}}]}  # fmt: skip
    (batch,) = made(layout, [["ФИО", "СНИЛС"], [A, "112-233-445 95"]])
    assert [p.snils for p in records(batch, "people")] == ["hash of 11223344595"]


def test_what_a_row_lacks_is_told_once_for_the_row() -> None:
    layout = {
        "title": "x",
        "table": [{"kind": "contingent", "columns": {"student": "ФИО", "group": "Класс", "sex": "Пол"}}],
    }
    (batch,) = made(layout, [["ФИО", "Класс", "Пол"], [A, None, "м"], ["?", "7А", "м"], [B, "7А", "неизвестно"]])
    assert [(r.entity, r.key, r.reason) for r in batch.rejects] == [
        ("people", None, "sheet 'Лист1', row 2, column A: group is missing"),
        ("people", None, "sheet 'Лист1', row 3, column A: not a name of a person"),
    ]  # fmt: skip
    assert [p.sex for p in records(batch, "people")] == ["неизвестно"], (
        "the store puts a word that it does not know into raw"
    )


def test_columns_that_no_field_takes_are_noted() -> None:
    (batch,) = made(JOURNAL, [*TOP, ["№", "ФИО", "05.09", "Пропуски"], [1, A, 5, 3]])
    assert [(d.kind, d.name) for d in batch.drift] == [("unknown_field", "Пропуски")]


def test_a_sheet_by_name_or_number() -> None:
    grid = [*TOP, ["ФИО", "05.09"], [A, 5]]
    for sheet, fits in (("7*", True), (1, True), (2, False), ("9*", False)):
        layout = layout_of({**JOURNAL, "table": [{**JOURNAL["table"][0], "sheet": sheet}]}, Path("x.toml"))
        body = workbooks.xlsx(grid, names=["7А Алгебра"])
        from connectors.files.choosing import try_all

        (one,) = try_all([layout], body, "x", FIVE, YEAR)
        assert one.fit.good is fits
        assert fits or "there is no sheet" in one.fit.lacking[0]


def test_days_across_of_the_month_that_a_heading_names() -> None:
    layout = JOURNAL | {
        "heading": {**JOURNAL["heading"], "month": "Месяц"},
        "table": [{**JOURNAL["table"][0], "across": {"rows": ["day"]}}],
    }
    (batch,) = made(layout, [*TOP, ["Месяц: октябрь 2026 г."], ["ФИО", 1, "2", 31], [A, 5, "н", 4]])
    assert [r.date for r in records(batch, "lessons")] == ["2026-10-01", "2026-10-02", "2026-10-31"]
    (batch,) = made(layout, [*TOP, ["ФИО", 1, 2], [A, 5, "н"]])
    assert keys(batch, "lessons") == []
    assert "no heading says its month" in batch.rejects[0].reason


def test_kinds_of_attestation_stand_above_their_subjects() -> None:
    layout: dict[str, Any] = tomllib.loads(Path("config/layouts/spo-sheet.toml").read_text(encoding="utf-8"))
    grid = [["Ведомость успеваемости группы ИС-21"], [None, "Экзамены (2)", None, "Зачёты (1)"], ["ФИО", "Математика", "Физика", "История"], [A, 5, "-", "зач"]]  # fmt: skip
    (batch,) = made(layout, grid, kind="college")
    shown = [(r.subject, r.kind, r.value) for r in records(batch, "attestations")]
    assert shown == [("Математика", "exam", "5"), ("История", "credit", "зач")]


CALENDAR = SchoolCalendar.model_validate(
    {
        "title": "x",
        "academic_year": "2026/2027",
        "period": [{"kind": "quarter", "number": 1, "name": "1", "start": "2026-09-01", "end": "2026-09-27"}],
        "vacation": [{"name": "x", "start": "2026-09-07", "end": "2026-09-13", "levels": [7]}],
        "holiday": [{"name": "x", "days": ["2026-09-22"]}],
    }
)
OFF = [date(2026, 9, 8), (date(2026, 9, 14), date(2026, 9, 20))]


@pytest.mark.parametrize(
    ("above", "extra", "calendar", "days"),
    [
        ("Период: с 01.09.2026 по 27.09.2026", {}, CALENDAR, ["01", "15"]),
        ("Расписание на 1 четверть", {}, CALENDAR, ["01", "15"]),
        ("Период: с 01.09.2026 по 27.09.2026", {"off": OFF}, None, ["01", "22"]),
        ("Период: с 01.09.2026 по 27.09.2026", {"off": []}, None, ["01", "08", "15", "22"]),
        ("Период: с 14.09.2026 по 19.09.2026", {}, None, ["15"]),
        ("Период: с 01.09.2026 по 27.09.2026", {}, None, "the days off are known"),
        ("Расписание на 2 четверть", {}, CALENDAR, "is no date"),
    ],
)
def test_a_timetable_of_a_whole_term_is_spread_over_its_school_days(
    above: str, extra: dict[str, Any], calendar: Any, days: Any
) -> None:
    layout: dict[str, Any] = tomllib.loads(Path("config/layouts/timetable-week.toml").read_text(encoding="utf-8"))
    layout["table"][0] |= extra
    grid = [[above], ["День", "Урок", "7А"], ["Вт", 2, "Алгебра, каб. 3"]]
    (batch,) = made(layout, grid, calendar=calendar)
    if isinstance(days, str):
        assert days in batch.rejects[0].reason
        return
    assert [r.date for r in records(batch, "lessons")] == [f"2026-09-{d}" for d in days]
    assert {(r.number, r.room) for r in records(batch, "lessons")} == {(2, "3")}


@pytest.mark.parametrize(
    ("cell", "subject", "room", "teacher"),
    [
        ("Алгебра", "Алгебра", None, None),
        ("Алгебра, каб. 12", "Алгебра", "12", None),
        ("Алгебра (каб. 12)", "Алгебра", "12", None),
        ("Алгебра\nкаб.12а", "Алгебра", "12а", None),
        ("Алгебра (кабинет № 12)", "Алгебра", "12", None),
        ("Основы кабаре, ауд. 3-1, Эталонов А.П.", "Основы кабаре", "3-1", "staff:Эталонов А. П."),
    ],
)
def test_how_a_cell_of_a_timetable_is_written(cell: str, subject: str, room: Any, teacher: Any) -> None:
    layout: dict[str, Any] = tomllib.loads(Path("config/layouts/timetable-week.toml").read_text(encoding="utf-8"))
    grid = [["Неделя: с 07.09.2026 по 12.09.2026"], ["День", "Урок", "7А"], ["Вт", 2, cell]]
    (batch,) = made(layout, grid)
    (lesson,) = records(batch, "lessons")
    assert (lesson.course, lesson.room, lesson.teacher) == (f"2026/2027:7А:{subject}", room, teacher)


def test_a_lesson_of_every_other_week() -> None:
    layout: dict[str, Any] = tomllib.loads(Path("config/layouts/timetable-week.toml").read_text(encoding="utf-8"))
    grid = [["Период: с 01.09.2026 по 27.09.2026"], ["День", "Пара", "Неделя", "ИС-21"], ["Чт", 1, "числитель", "Физика"], [None, None, "знаменатель", "Химия"], ["Пт", 1, None, "История"]]  # fmt: skip
    (batch,) = made(layout | {"table": [layout["table"][0] | {"off": []}]}, grid, kind="college")
    shown = sorted((r.date[-2:], r.course.rpartition(":")[2], r.number) for r in records(batch, "lessons"))
    assert shown == [("03", "Физика", 1), ("04", "История", 1), ("10", "Химия", 1), ("11", "История", 1), ("17", "Физика", 1), ("18", "История", 1), ("24", "Химия", 1), ("25", "История", 1)]  # fmt: skip


def test_a_timetable_without_its_week_has_no_dates() -> None:
    layout = {
        "title": "x",
        "table": [{"kind": "lessons", "columns": {"weekday": "День", "group": "Класс", "subject": "Предмет"}}],
    }
    (batch,) = made(layout, [["День", "Класс", "Предмет"], ["Пн", "7А", "Алгебра"]])
    assert keys(batch, "lessons") == []
    assert "a day of the week alone is no date" in batch.rejects[0].reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dates": "ДД.ММ"}, "'ДД.ММ': a form of dates is made of DD, MM"),
        ({"heading": {"group": {}}}, "give label, pattern, value, or where"),
        ({"heading": {"grup": "Класс"}}, "heading.grup: no table of the layout has a field 'grup'; did you mean 'group'?"),
        ({"absence": {"я": "away"}}, "absence.я: input should be 'present', 'absent'"),
        ({"table": [{"kind": "marks", "columns": {"student": {"header": "ФИО", "at": "A"}}}]}, "give one of header, at, value"),
        ({"table": [{"kind": "marks", "header": 0, "columns": {"student": "ФИО"}}]}, "without a header row (header = 0) a column is named by `at`"),
        ({"table": [{"kind": "marks", "across": {"rows": ["month"]}}]}, "month and day go together"),
        ({"table": [{"kind": "marks", "columns": {"student": "ФИО"}, "across": {"rows": ["day"]}}]}, "days across need their month"),
        ({"table": [{"kind": "marks", "across": {"holds": "value"}}]}, "across: marks has no field 'value'"),
        ({"table": [{"kind": "contingent", "columns": {"student": "ФИО", "status": {"header": "С", "words": {"да": "here"}}}}]}, "columns.status.words: none of them is one of academic_leave"),
        ({"file": {"formats": ["doc"]}}, "file.formats[1]: input should be 'xlsx'"),
    ],
)  # fmt: skip
def test_a_wrong_layout_is_told_with_its_key(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layout_of({**JOURNAL, **change}, Path("x.toml"))
    assert words in str(caught.value)
