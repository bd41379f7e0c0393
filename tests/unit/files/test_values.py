"""Cells as staff write them: days, names, periods, marks."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.scales import Scale
from canonical.years import AcademicYear
from connectors.files.layouts.cells import CellContent, CellWords, UnreadableCellError
from connectors.files.layouts.days import NotADayError, month_number, read_day, read_span, read_years, weekday_number
from connectors.files.layouts.match import fits
from connectors.files.layouts.names import level_of, read_group, read_name, read_period, read_subject
from tests.sites import ROOT

YEAR = AcademicYear(2026)
FIVE = Scale.load(ROOT / "config" / "scales" / "five.toml")
NOON = datetime(2026, 9, 5)  # noqa: DTZ001 - a cell has no zone
WORDS = CellWords.of(FIVE, {})


@pytest.mark.parametrize(
    "written",
    ["05.09", "5.9", "05.09.2026", "5.09.26", "05/09", "5-9-2026", "5 сен", "5 сент.", "5 сентября 2026 г.", "5 сентября 2026 года", "2026-09-05",
     "2026-09-05T00:00:00", "Сб 05.09", "05.09 (сб)", "суббота, 5 сентября", "05.09.2026 0:00:00", date(2026, 9, 5), NOON, 46270, 46270.0, 5.09],
)  # fmt: skip
def test_one_day_in_many_ways(written: object) -> None:
    assert read_day(written, YEAR) == date(2026, 9, 5)


def test_the_academic_year_supplies_the_year() -> None:
    assert [read_day(t, YEAR) for t in ("31.08", "01.09", "31 дек", "1 янв", "9 мая", "15 марта", 12.01)] == [
        date(2027, 8, 31), date(2026, 9, 1), date(2026, 12, 31), date(2027, 1, 1), date(2027, 5, 9), date(2027, 3, 15), date(2027, 1, 12),
    ]  # fmt: skip


def test_forms_and_birth_dates() -> None:
    assert read_day("09/05/2026", YEAR, ["MM/DD/YYYY"]) == date(2026, 9, 5)
    assert read_day("5 мая 13", YEAR, ["D MMM YY"]) == date(2013, 5, 5)
    assert read_day("01.02.98", YEAR, past=True) == date(1998, 2, 1)
    assert read_day("01.02.13", YEAR, past=True) == date(2013, 2, 1)
    with pytest.raises(NotADayError):
        read_day("05.09.2026", YEAR, ["MM/DD/YYYY"])


@pytest.mark.parametrize("written", ["", "31.02", "45.13", "5", "пятое", "5 4", "1.1.1.1", 5, 5.1, 1e9, True, None, "2026", "00.09", "29.02.2027"])  # fmt: skip
def test_what_is_no_day(written: object) -> None:
    with pytest.raises(NotADayError):
        read_day(written, YEAR)


@given(
    st.dates(date(2026, 9, 1), date(2027, 8, 31)),
    st.sampled_from(["%d.%m", "%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d", "%d/%m"]),
)
def test_every_day_of_the_year_comes_back(day: date, form: str) -> None:
    assert read_day(day.strftime(form), YEAR) == day


def test_spans_years_months_weekdays() -> None:
    assert read_span("Период: с 01.09.2024 по 24/05/25") == (date(2024, 9, 1), date(2025, 5, 24))
    assert read_span("с 24.05.2025 по 01.09.2024") is None
    assert [read_years(t) for t in ("2024/2025", "Учебный год 2024-25", "2024 – 2025 уч. г.")] == [
        AcademicYear(2024)
    ] * 3
    assert read_years("2024-2026") is None
    assert [month_number(t) for t in ("Сентябрь", "сен.", "Мая", "МАЙ", "март", "маё", "итог")] == [
        9,
        9,
        5,
        5,
        3,
        None,
        None,
    ]
    assert [weekday_number(t) for t in ("Пн", "вторник", "Среда", "Вс.", "день")] == [1, 2, 3, 7, None]


def test_names() -> None:
    said = {t: n.full if (n := read_name(t)) else None for t in ("Иванова-Петрова Анна", "Шаблонова В.М.", "Шаблонова В. М.", "Ёлкин  Пётр Ильич", "Мамедов Али Вели оглы", "О’Коннор Джон")}  # fmt: skip
    assert said == {"Иванова-Петрова Анна": "Иванова-Петрова Анна", "Шаблонова В.М.": "Шаблонова В. М.", "Шаблонова В. М.": "Шаблонова В. М.",
                    "Ёлкин  Пётр Ильич": "Ёлкин Пётр Ильич", "Мамедов Али Вели оглы": "Мамедов Али Вели оглы", "О’Коннор Джон": "О’Коннор Джон"}  # fmt: skip
    assert [read_name(t) for t in ("Итого", "123", "Иванов 2", "подпись ____", "иванов иван", "Всего: 3 чел.")] == [
        None
    ] * 6


def test_groups_and_subjects() -> None:
    assert [read_group(t) for t in ('10 "А"', "7-а", "7 А класс", "«7»Б", "ИС-21", "11 класс", " ")] == [
        "10А",
        "7А",
        "7А",
        "«7»Б",
        "ИС-21",
        "11",
        None,
    ]
    assert [level_of(t) for t in ("7А", "11", "12Б", "ИС-21")] == [7, 11, None, None]
    assert read_subject("Иностранный язык/подгруппа 1", "7А") == ("Иностранный язык", "подгруппа 1")
    assert read_subject("Ин. яз. (2 группа)", None) == ("Ин. яз.", "2 группа")
    assert read_subject("Ин.яз./Английский язык", "8А") == ("Ин.яз./Английский язык", None)
    assert read_subject("Алгебра 7А", "7А") == ("Алгебра", None)


def test_periods() -> None:
    said = {t: (p.kind, p.number, p.mark) if (p := read_period(t)) else None for t in ("1 четверть", "II четверть", "3 чет.", "2 триместр", "I полугодие", "2 п/г", "1 семестр", "3 модуль", "Год", "Годовая", "за год", "Экзамен", "Итоговая отметка", "Итог", "Алгебра", "Средний балл", "0 четверть")}  # fmt: skip
    assert said == {
        "1 четверть": ("quarter", 1, "period"), "II четверть": ("quarter", 2, "period"), "3 чет.": ("quarter", 3, "period"),
        "2 триместр": ("trimester", 2, "period"), "I полугодие": ("half_year", 1, "period"), "2 п/г": ("half_year", 2, "period"),
        "1 семестр": ("semester", 1, "period"), "3 модуль": ("module", 3, "period"), "Год": ("year", 1, "year"), "Годовая": ("year", 1, "year"),
        "за год": ("year", 1, "year"), "Экзамен": ("year", 1, "exam"), "Итоговая отметка": ("year", 1, "final"), "Итог": ("year", 1, "final"),
        "Алгебра": None, "Средний балл": None, "0 четверть": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "marks", "attendance"),
    [
        ("5", ["5"], None), (5, ["5"], None), (5.0, ["5"], None), ("5 4", ["5", "4"], None), ("4/5", ["4", "5"], None), ("54", ["5", "4"], None), (54, ["5", "4"], None),
        ("5-\n4+", ["5-", "4+"], None), ("Н", [], "absent"), ("н", [], "absent"), ("H", [], "absent"), ("Н5", ["5"], "absent"), ("О 4", ["4"], "late"), ("б", [], "ill"),
        ("П", [], "excused"), ("УП", [], "excused"), ("у", [], "excused"), ("НП", [], "absent"), ("ОП\xa04", ["4"], "late"), ("н/а", ["н/а"], None), ("НА", ["НА"], None),
        ("осв", ["осв"], None), ("ОСВ", ["ОСВ"], None), ("зач", ["зач"], None), ("незач", ["незач"], None), ("•", ["•"], None), ("·", ["·"], None), (".", ["."], None),
        ("", [], None), (None, [], None), ("-", [], None), ("—", [], None), ("Н Н", [], "absent"),
    ],
)  # fmt: skip
def test_cells(written: object, marks: list[str], attendance: str | None) -> None:
    assert WORDS.read(written) == CellContent(tuple(marks), attendance)


@pytest.mark.parametrize(
    "written", ["?", "4,5", 4.5, "6", "0", "нет", "5 из 5", "Н Б", True, NOON, date(2026, 5, 4), "5 -"]
)
def test_cells_that_cannot_be_read(written: object) -> None:
    with pytest.raises(UnreadableCellError):
        WORDS.read(written)


def test_a_scale_or_a_layout_has_the_last_word() -> None:
    ten = CellWords.of(Scale("ten", {str(n): max(1, n // 2) for n in range(1, 11)}), {"П": "present", "5": "absent"})
    assert ten.read("10") == CellContent(("10",))
    assert ten.read("П") == CellContent((), "present")
    assert ten.read("5") == CellContent((), "absent")
    assert WORDS.read_mark("5-") == "5-"
    assert WORDS.read_mark("") is None
    for written in ("5 4", "Н"):
        with pytest.raises(UnreadableCellError):
            WORDS.read_mark(written)


def test_headers_are_compared_as_people_read_them() -> None:
    assert fits("  Ф.И.О.\n обучающегося ", ["Ф.И.О. *"])
    assert fits("Зачёт:", ["зачет"])
    assert fits("«Тема»", ["ТЕМА"])
    assert not fits("Тема урока", ["Тема"])
    assert fits("балл [1-5]", ["балл [1-5]"])
    assert not fits("что", ["чт?"])
