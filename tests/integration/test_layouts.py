"""`svod import` of exported files by the layouts that are shipped, as a user calls it; identify and learn."""

from __future__ import annotations

import random
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests import workbooks
from tests.sites import ROOT, Installation

A, B, C = "Ананасов Иван Петрович", "Бананова Анна Олеговна", "Вишнёв Олег Ильич"
GROUP = "2026/2027:7А"
COURSE = f"{GROUP}:Алгебра"

Facts = dict[str, dict[str, dict[str, Any]]]


def facts(journal: dict[str, list[dict[str, Any]]]) -> Facts:
    """entity -> key -> what is said of it, without what is not."""
    return {
        entity: {r["key"]: {k: v for k, v in r.items() if v is not None and k not in {"key", "source"}} for r in rows}
        for entity, rows in journal.items()
        if rows
    }


class Place:
    """An installation with a source of files."""

    def __init__(self, folder: Path, layout: str | list[str], *, kind: str = "school", **more: Any) -> None:
        self.drop = folder / "drop"
        self.drop.mkdir()
        self.site = (
            Installation(folder).institution("a", kind=kind).source("f", "files", layout=layout, path="drop", **more)
        )

    def put(self, name: str, body: bytes) -> Place:
        (self.drop / name).write_bytes(body)
        return self

    def read(self, *, status: int = 0) -> Facts:
        self.site.run("import", status=status)
        return facts(self.site.export())

    def quarantine(self) -> list[tuple[str, str | None, str]]:
        return [(q["entity"], q["key"], q["reason"]) for q in self.site.json("quarantine", "list")["quarantine"]]


CONTINGENT = [
    ["Муниципальная школа"],
    ["Учебный год: 2026/2027"],
    [],
    ["№ п/п", "ФИО", "Дата рождения", "Пол", "Класс", "Статус", "Дата зачисления", "Приказ"],
    [1, 2, 3, 4, 5, 6, 7, 8],
    [1, A, date(2013, 2, 1), "м", "7 «А»", "обучается", date(2026, 9, 1), "№ 5"],
    [2, B, "05.03.2013", "ж", "7А", "Выбыла", "01.09.2026", None],
    [3, C, "5 мая 2013", "муж.", "7-а", "в отпуске", "01.09.2026", None],
    [None, "Всего: 3"],
]
CONTINGENT_TRUTH: Facts = {
    "people": {
        f"{GROUP}:{A}": {"role": "student", "family_name": "Ананасов", "given_name": "Иван", "patronymic": "Петрович", "birth_date": "2013-02-01", "sex": "m"},
        f"{GROUP}:{B}": {"role": "student", "family_name": "Бананова", "given_name": "Анна", "patronymic": "Олеговна", "birth_date": "2013-03-05", "sex": "f"},
        f"{GROUP}:{C}": {"role": "student", "family_name": "Вишнёв", "given_name": "Олег", "patronymic": "Ильич", "birth_date": "2013-05-05", "sex": "m"},
    },
    "groups": {GROUP: {"academic_year": "2026/2027", "name": "7А", "kind": "class", "level": 7}},
    "enrolments": {
        f"{GROUP}:{A}:{GROUP}": {"person": f"{GROUP}:{A}", "group": GROUP, "start": "2026-09-01", "status": "enrolled", "order_number": "№ 5"},
        f"{GROUP}:{B}:{GROUP}": {"person": f"{GROUP}:{B}", "group": GROUP, "start": "2026-09-01", "status": "expelled"},
        f"{GROUP}:{C}:{GROUP}": {"person": f"{GROUP}:{C}", "group": GROUP, "start": "2026-09-01", "raw": {"status": "в отпуске"}},
    },
}  # fmt: skip


@pytest.mark.parametrize("form", ["xlsx", "xls", "ods", "csv;", "csv,", "html", "html1251", "xml"])
def test_a_class_list_in_every_format(tmp_path: Path, form: str) -> None:
    place = Place(tmp_path, "contingent").put("список.xls", workbooks.FORMATS[form](CONTINGENT))
    assert place.read() == CONTINGENT_TRUTH


def test_a_list_of_names_in_three_columns(tmp_path: Path) -> None:
    grid = [["Класс:", "7А"], ["Фамилия", "Имя", "Отчество", "Класс"], *([*name.split(), None] for name in (A, B))]
    read = Place(tmp_path, "contingent-parts").put("a.xlsx", workbooks.xlsx(grid)).read()
    assert read["people"].keys() == {f"{GROUP}:{A}", f"{GROUP}:{B}"}
    assert read["people"][f"{GROUP}:{B}"]["patronymic"] == "Олеговна"


PAGE = [
    ["Журнал учёта успеваемости"],
    ["Класс: 7А", None, "Предмет:", "Алгебра"],
    ["Учитель: Шаблонова В.М."],
    [],
    ["№", "ФИО ученика", date(2026, 9, 5), "07.09", "7 сен", "12.01", "Ср. балл", None, "Дата", "Тема урока", "Домашнее задание"],
    [1, A, "5 4", "Н", None, "Н5", 4.67, None, "05.09", "Итоговое повторение", "№ 5"],
    [2, B, 5, "б", "4/5", "•", 4.5, None, "07.09", "Дроби", "-"],
    ["3", C, "н/а", None, "О 4", None, 4, None, "7 сен", "Степени", None],
    [],
    ["Классный руководитель", "Макетова А.А."],
]  # fmt: skip


def test_a_journal_page_with_its_topics_beside(tmp_path: Path) -> None:
    read = Place(tmp_path, "journal-page").put("7А.xlsx", workbooks.xlsx(PAGE, merged=["A1:K1"])).read()
    first, second, third, fourth = (f"{COURSE}:{d}" for d in ("2026-09-05:1", "2026-09-07:1", "2026-09-07:2", "2027-01-12:1"))  # fmt: skip
    assert read["lessons"] == {
        first: {"course": COURSE, "date": "2026-09-05", "status": "held", "topic": "Итоговое повторение", "homework": "№ 5"},
        second: {"course": COURSE, "date": "2026-09-07", "status": "held", "topic": "Дроби"},
        third: {"course": COURSE, "date": "2026-09-07", "status": "held", "topic": "Степени"},
        fourth: {"course": COURSE, "date": "2027-01-12", "status": "held"},
    }  # fmt: skip
    marks = {(m["work"], m["student"].split(":")[-1]): (m["value"], m.get("grade"), m["meaning"]) for m in read["marks"].values()}  # fmt: skip
    assert marks == {
        (f"{first}:1", A): ("5", 5, "grade"), (f"{first}:1.2", A): ("4", 4, "grade"), (f"{first}:1", B): ("5", 5, "grade"),
        (f"{first}:1", C): ("н/а", None, "not_attested"), (f"{third}:1", B): ("4", 4, "grade"),
        (f"{third}:1.2", B): ("5", 5, "grade"), (f"{third}:1", C): ("4", 4, "grade"), (f"{fourth}:1", A): ("5", 5, "grade"),
        (f"{fourth}:1", B): ("•", None, "debt"),
    }  # fmt: skip
    said = {(a["lesson"], a["student"].split(":")[-1]): a["status"] for a in read["attendance"].values()}
    assert said == {(second, A): "absent", (second, B): "ill", (third, C): "late", (fourth, A): "absent"}
    assert read["courses"][COURSE]["teachers"] == ["staff:Шаблонова В. М."]
    assert read["people"].keys() == {f"{GROUP}:{n}" for n in (A, B, C)} | {"staff:Шаблонова В. М."}
    assert read["works"].keys() == {f"{first}:1", f"{first}:1.2", f"{third}:1", f"{third}:1.2", f"{fourth}:1"}


def test_what_cannot_be_read_is_set_aside_alone_with_its_place(tmp_path: Path) -> None:
    page = [list(row) for row in PAGE]
    page[5][2] = "#REF!"
    page[6][2] = "5?"
    page[7][1] = "12345"
    page[4][5] = "45.13"
    place = Place(tmp_path, "journal-page").put("7А.xlsx", workbooks.xlsx(page))
    read = place.read(status=3)
    assert sorted(place.quarantine(), key=str) == sorted(
        [
            ("marks", f"{COURSE}:2026-09-05:1:1:{GROUP}:{A}", "sheet 'Лист1', row 6, column C: the cell shows the error #REF!"),
            ("marks", f"{COURSE}:2026-09-05:1:1:{GROUP}:{B}", "sheet 'Лист1', row 7, column C: neither marks nor attendance"),
            ("people", None, "sheet 'Лист1', row 8, column B: not a name of a person"),
            ("lessons", None, "sheet 'Лист1', row 5, column F: not a date"),
        ],
        key=str,
    )  # fmt: skip
    assert {a["status"] for a in read["attendance"].values()} == {"absent", "ill"}
    assert [m["value"] for m in read["marks"].values()] == ["5", "4"]
    shown = place.site.json("quarantine", "show", "1")
    assert shown["raw"]["file"] == "7А.xlsx"
    assert (shown["raw"]["sheet"], type(shown["raw"]["row"])) == ("Лист1", int)


def test_months_above_days(tmp_path: Path) -> None:
    grid = [
        ["Группа: ИС-21"], ["Дисциплина: Базы данных"], ["Преподаватель: Указкин Макар Ильич"],
        ["№", "Студент", "Сентябрь", None, "Октябрь", None], [None, None, 2, 9.0, "1", "15"],
        [1, A, 5, "н", "", "4"], [2, B, "3", "", "зач", "незач"], [],
        ["Дата занятия", "Тема занятия", "Домашнее задание", "Кол-во часов", "Вид занятия"],
        ["02.09", "Введение", "Глава 1", 2, "лекция"], ["9 сентября 2026 г.", "Таблицы", None, "2,0", "Лабораторная работа"],
    ]  # fmt: skip
    read = Place(tmp_path, "journal-page-months", kind="college").put("a.ods", workbooks.ods(grid)).read()
    course = "2026/2027:ИС-21:Базы данных"
    assert read["groups"]["2026/2027:ИС-21"] == {"academic_year": "2026/2027", "name": "ИС-21", "kind": "study_group"}
    lessons = {k.removeprefix(f"{course}:"): (v["status"], v.get("topic"), v.get("hours"), v.get("kind")) for k, v in read["lessons"].items()}  # fmt: skip
    assert lessons == {
        "2026-09-02:1": ("held", "Введение", 2, "theory"), "2026-09-09:1": ("held", "Таблицы", 2, "laboratory"),
        "2026-10-01:1": ("held", None, None, None), "2026-10-15:1": ("held", None, None, None),
    }  # fmt: skip
    assert sorted((m["value"], m["meaning"]) for m in read["marks"].values()) == [
        ("3", "grade"), ("4", "grade"), ("5", "grade"), ("зач", "credit"), ("незач", "no_credit"),
    ]  # fmt: skip


REPORT = """<html><head><meta charset="utf-8"><title>Отчет</title></head><body>
<h2>Отчет об успеваемости и посещаемости ученика</h2>
<table><tr><td class="no-border"></td><td class="no-border"><span>Учебный год: 2024/2025</span><br><span><b>Класс:</b> 8А</span><br>
<span>Период: с 01.09.2024 по 24.05.2025</span><br><span><b>Ученик:</b> Ананасов Иван</span></td></tr></table>
<table><tr><th rowspan="2">Предмет</th><th colspan="2">Сентябрь</th><th>Январь</th><th rowspan="2">Средняя отметка</th></tr>
<tr><th>2</th><th>9</th><th>13</th></tr>
<tr><td>Алгебра</td><td>5</td><td>УП</td><td>4&nbsp;5</td><td>4,67</td></tr>
<tr><td>Ин.яз./Английский язык</td><td>&nbsp;</td><td>Н</td><td>ОП&nbsp;4</td><td>4</td></tr>
<tr><td colspan="5">Н - отсутствовал</td></tr></table>
<table><tr><td>Класс: 8А</td></tr><tr><td>Ученик: Бананова Анна</td></tr></table>
<table><tr><th rowspan="2">Предмет</th><th>Сентябрь</th></tr><tr><th>2</th></tr>
<tr><td>Алгебра</td><td>3</td></tr></table></body></html>"""


def test_a_report_of_pupils_that_is_html_named_xls(tmp_path: Path) -> None:
    read = Place(tmp_path, "pupil-report").put("Отчет.xls", REPORT.encode()).read()
    group = "2024/2025:8А"
    marks = {(m["student"].split(":")[-1], m["work"].removeprefix(f"{group}:")): m["value"] for m in read["marks"].values()}  # fmt: skip
    assert marks == {
        ("Ананасов Иван", "Алгебра:2024-09-02:1:1"): "5", ("Ананасов Иван", "Алгебра:2025-01-13:1:1"): "4",
        ("Ананасов Иван", "Алгебра:2025-01-13:1:1.2"): "5", ("Бананова Анна", "Алгебра:2024-09-02:1:1"): "3",
        ("Ананасов Иван", "Ин.яз./Английский язык:2025-01-13:1:1"): "4",
    }  # fmt: skip
    assert sorted(a["status"] for a in read["attendance"].values()) == ["absent", "excused", "late"]
    assert "2024-09-02" not in {v["date"] for k, v in read["lessons"].items() if "Ин.яз." in k}
    assert read["subjects"].keys() == {"Алгебра", "Ин.яз./Английский язык"}


def test_the_older_report_of_a_class(tmp_path: Path) -> None:
    grid = [
        ["Класс: 7А"], ["Период: с 01.09.2026 по 30.09.2026"],
        ["Ученик", date(2026, 9, 2), None, "03.09.2026"], [None, "Алгебра", "Физика", "Алгебра"], [A, "5", "н", None], [B, None, "4", "3"],
    ]  # fmt: skip
    read = Place(tmp_path, "class-report").put("a.xls", workbooks.xls(grid)).read()
    assert {m["work"] for m in read["marks"].values()} == {f"{COURSE}:2026-09-03:1:1", f"{GROUP}:Физика:2026-09-02:1:1", f"{COURSE}:2026-09-02:1:1"}  # fmt: skip
    assert read["attendance"].keys() == {f"{GROUP}:Физика:2026-09-02:1:{GROUP}:{A}"}


def test_a_report_card(tmp_path: Path) -> None:
    grid = [
        ["Учебный год", "2025/2026"], ["Класс", "8А"], ["Ученик", "Ананасов Иван"],
        ["Предмет", "1 четверть", None, "II четверть", None, "Год", "Экзамен"],
        [None, "Средний балл", "Итог", "Ср.", None, "Итог", None],
        ["Алгебра", "4,55", "5", "3,6", "4", "5", "3"], ["Физика", "", "осв", "", "н/а", "", ""],
    ]  # fmt: skip
    read = Place(tmp_path, "report-card").put("a.xlsx", workbooks.xlsx(grid)).read()
    year = "2025/2026"
    marks = {(m["course"].split(":")[-1], m["period"], m["kind"]): (m["value"], m.get("grade"), m["meaning"]) for m in read["period_marks"].values()}  # fmt: skip
    assert marks == {
        ("Алгебра", f"{year}:quarter:1", "period"): ("5", 5, "grade"), ("Алгебра", f"{year}:quarter:2", "period"): ("4", 4, "grade"),
        ("Алгебра", f"{year}:year:1", "year"): ("5", 5, "grade"), ("Алгебра", f"{year}:year:1", "exam"): ("3", 3, "grade"),
        ("Физика", f"{year}:quarter:1", "period"): ("осв", None, "exempt"), ("Физика", f"{year}:quarter:2", "period"): ("н/а", None, "not_attested"),
    }  # fmt: skip
    assert read["periods"][f"{year}:quarter:2"] == {
        "academic_year": year,
        "kind": "quarter",
        "number": 2,
        "name": "II четверть",
    }
    student = f"{year}:8А:Ананасов Иван"
    assert f"{student}:Алгебра:{year}:year:1:exam" in read["period_marks"]


def test_summaries(tmp_path: Path) -> None:
    head = [["Класс: 7А"], ["Предмет: Алгебра"], ["Отчетный период: 1 четверть"]]
    of_period = [
        *head[::2],
        ["№", "ФИО", "Алгебра", "Физика", "Средний балл"],
        [1, A, 5, "н/а", "4,5"],
        [2, B, "4", "", "4"],
    ]
    of_year = [head[0], ["ФИО", "Алгебра", None, "Физика"], [None, "1 четверть", "Год", "1 четверть"], [A, 5, 5, 4], [B, 4, None, 3]]  # fmt: skip
    of_subject = [*head[:2], ["ФИО", "1 четверть", "Год", "Итоговая"], [A, 5, 5, 5], [B, 4, 4, 4]]
    counts = {}
    for n, (layout, grid) in enumerate([("period-summary", of_period), ("year-summary", of_year), ("subject-summary", of_subject)]):  # fmt: skip
        folder = tmp_path / str(n)
        folder.mkdir()
        read = Place(folder, layout).put("a.xlsx", workbooks.xlsx(grid)).read()
        counts[layout] = sorted(
            (m["kind"], m["course"].split(":")[-1], m["value"]) for m in read["period_marks"].values()
        )
    assert counts == {
        "period-summary": [("period", "Алгебра", "4"), ("period", "Алгебра", "5"), ("period", "Физика", "н/а")],
        "year-summary": [("period", "Алгебра", "4"), ("period", "Алгебра", "5"), ("period", "Физика", "3"), ("period", "Физика", "4"), ("year", "Алгебра", "5")],
        "subject-summary": [("final", "Алгебра", "4"), ("final", "Алгебра", "5"), ("period", "Алгебра", "4"), ("period", "Алгебра", "5"), ("year", "Алгебра", "4"), ("year", "Алгебра", "5")],
    }  # fmt: skip


def test_a_plan_for_dnevnik_ru_tells_by_its_name_whose_it_is(tmp_path: Path) -> None:
    grid = [["Тема урока", "Домашнее задание"], ["Уравнения", "№ 1"], ["Дроби", None], ["Итоговая работа", "п. 2"]]
    place = Place(tmp_path, "plan-dnevnik").put("7А Алгебра 1 четверть.xls", workbooks.xls(grid))
    place.put("7А Алгебра 2 четверть.xlsx", workbooks.xlsx(grid[:2])).put(
        "7Б Русский язык.xlsx", workbooks.xlsx(grid[:3])
    )
    read = place.read()
    assert read["planned_topics"] == {
        f"{COURSE}:2026/2027:quarter:1:1": {"course": COURSE, "number": 1, "title": "Уравнения", "homework": "№ 1"},
        f"{COURSE}:2026/2027:quarter:1:2": {"course": COURSE, "number": 2, "title": "Дроби"},
        f"{COURSE}:2026/2027:quarter:1:3": {"course": COURSE, "number": 3, "title": "Итоговая работа", "homework": "п. 2"},
        f"{COURSE}:2026/2027:quarter:2:1": {"course": COURSE, "number": 1, "title": "Уравнения", "homework": "№ 1"},
        "2026/2027:7Б:Русский язык:1": {"course": "2026/2027:7Б:Русский язык", "number": 1, "title": "Уравнения", "homework": "№ 1"},
        "2026/2027:7Б:Русский язык:2": {"course": "2026/2027:7Б:Русский язык", "number": 2, "title": "Дроби"},
    }  # fmt: skip


def test_a_plan_with_hours_and_dates_for_a_college(tmp_path: Path) -> None:
    grid = [
        ["Группа: ИС-21", "Дисциплина: Математика"],
        ["№ занятия", "Наименование разделов и тем", "Кол-во часов", "Вид занятия", "Дата по плану", "Домашнее задание"],
        [1, "Пределы", 2, "лекция", "02.09", "гл. 1"], ["Раздел 2. Ряды"], [2, "Сходимость", "2", "практическое занятие", date(2026, 9, 9), None],
        [3, "Признаки", "две", None, None, None], ["Итого", None, 6],
    ]  # fmt: skip
    place = Place(tmp_path, "plan", kind="college").put("a.xlsx", workbooks.xlsx(grid))
    read = place.read(status=3)
    course = "2026/2027:ИС-21:Математика"
    assert read["planned_topics"] == {
        f"{course}:1": {"course": course, "number": 1, "title": "Пределы", "hours": 2, "kind": "theory", "planned_on": "2026-09-02", "homework": "гл. 1"},
        f"{course}:2": {"course": course, "number": 2, "title": "Сходимость", "hours": 2, "kind": "practical", "planned_on": "2026-09-09"},
    }  # fmt: skip
    assert place.quarantine() == [("planned_topics", f"{course}:3", "sheet 'Лист1', row 6, column C: not a number")]
    place.put("a.xlsx", workbooks.xlsx(grid[:3]))
    assert place.read().get("planned_topics", {}).keys() == {f"{course}:1"}


def test_timetables(tmp_path: Path) -> None:
    as_list = [
        ["Дата", "№ урока", "Класс", "Предмет", "Учитель", "Кабинет", "Время"],
        ["07.09.2026", 1, "7А", "Алгебра", "Шаблонова В.М.", 12, "08:30 - 09:15"],
        ["07.09.2026", 2, "7А", "Алгебра", "Вакансия", "12", "9:25-10:10"],
        ["07.09.2026", 1, "7Б", "Ин. яз. (1 подгруппа)", None, None, None],
    ]  # fmt: skip
    place = Place(tmp_path, ["timetable", "timetable-week"]).put("1.xlsx", workbooks.xlsx(as_list))
    week = [
        ["Расписание: с 14.09.2026 по 19.09.2026"], ["День", "Урок", "7А", "7 Б"],
        ["Понедельник", 1, "Алгебра, каб. 12, Шаблонова В.М.", "Физика"], [None, 2, "Физика каб. 3", "-"], ["вт", 1, None, "Алгебра"],
    ]  # fmt: skip
    place.put("2.xlsx", workbooks.xlsx(week))
    read = place.read(status=3)
    assert place.quarantine() == [("people", None, "sheet 'Лист1', row 3, column E: not a name of a person")]
    lessons = {k.removeprefix("2026/2027:"): {n: v for n, v in x.items() if n not in {"course", "date", "status"}} for k, x in read["lessons"].items()}  # fmt: skip
    assert {x["status"] for x in read["lessons"].values()} == {"planned"}
    assert lessons == {
        "7А:Алгебра:2026-09-07:1": {"number": 1, "starts_at": "2026-09-07T08:30:00+03:00", "ends_at": "2026-09-07T09:15:00+03:00", "room": "12", "teacher": "staff:Шаблонова В. М."},
        "7А:Алгебра:2026-09-07:2": {"number": 2, "starts_at": "2026-09-07T09:25:00+03:00", "ends_at": "2026-09-07T10:10:00+03:00", "room": "12"},
        "7Б:1 подгруппа:Ин. яз.:2026-09-07:1": {"number": 1},
        "7А:Алгебра:2026-09-14:1": {"number": 1, "room": "12", "teacher": "staff:Шаблонова В. М."},
        "7А:Физика:2026-09-14:1": {"number": 2, "room": "3"}, "7Б:Физика:2026-09-14:1": {"number": 1},
        "7Б:Алгебра:2026-09-15:1": {"number": 1},
    }  # fmt: skip
    assert read["groups"]["2026/2027:7Б:1 подгруппа"] == {"academic_year": "2026/2027", "name": "1 подгруппа", "kind": "subgroup", "level": 7, "parent": "2026/2027:7Б"}  # fmt: skip


def test_csv_of_the_spo_module(tmp_path: Path) -> None:
    students = 'Фамилия;Имя;Отчество;Группа;Статус;Дата рождения;Курс\r\n"Ананасов";"Иван";;"ИС-21";да;01.02.2008;2\r\nБананова;Анна;;ИС-21;нет;2008-03-05;2\r\n'
    place = Place(tmp_path, ["spo-students", "spo-load"], kind="college").put("a.csv", students.encode("cp1251"))
    place.put("b.csv", "Группа;Дисциплина;Преподаватель;Часы\r\nИС-21;Математика;Указкин М.И., Шаблонова В.М.;72.5\r\n".encode("cp1251"))  # fmt: skip
    read = place.read(status=3)
    assert place.quarantine() == [
        ("enrolments", "2026/2027:ИС-21:Бананова Анна:2026/2027:ИС-21", "person: people 2026/2027:ИС-21:Бананова Анна has not come yet"),
        ("people", "2026/2027:ИС-21:Бананова Анна", "sheet 'csv', row 3, column F: not a date"),
    ]  # fmt: skip
    assert [(e["person"], e["status"]) for e in read["enrolments"].values()] == [
        ("2026/2027:ИС-21:Ананасов Иван", "enrolled")
    ]
    assert read["groups"]["2026/2027:ИС-21"]["level"] == 2
    assert read["courses"]["2026/2027:ИС-21:Математика"] == {
        "group": "2026/2027:ИС-21", "subject": "Математика", "teachers": ["staff:Указкин М. И.", "staff:Шаблонова В. М."], "planned_hours": 72.5,
    }  # fmt: skip


def test_attestations_and_staff(tmp_path: Path) -> None:
    sheet = [
        ["Группа: ИС-21"], ["Дисциплина: Математика"], ["Форма контроля: экзамен"], ["Дата: 20.01.2027"],
        ["№", "ФИО студента", "Оценка"], [1, A, 5], [2, B, "незач"], [3, C, None],
    ]  # fmt: skip
    place = Place(tmp_path, ["spo-attestation", "staff"], kind="college").put("a.xlsx", workbooks.xlsx(sheet))
    place.put("b.xlsx", workbooks.xlsx([["ФИО", "Должность"], ["Указкин Макар Ильич", "преподаватель"]]))
    read = place.read()
    assert [(a["kind"], a["held_on"], a["value"], a["meaning"]) for a in read["attestations"].values()] == [
        ("exam", "2027-01-20", "5", "grade"), ("exam", "2027-01-20", "незач", "no_credit"),
    ]  # fmt: skip
    assert read["people"]["staff:Указкин Макар Ильич"]["position"] == "преподаватель"


def test_a_register_of_1c_in_xml(tmp_path: Path) -> None:
    body = """<?xml version="1.0" encoding="windows-1251"?><Реестр Дата="2026-09-01"><Группа Наименование="ИС-21" Курс="2">
      <Студент ФизическоеЛицо="Ананасов Иван Петрович" ЗачетнаяКнига="000123" Состояние="Обучается"><ДатаЗачисления>2026-09-01</ДатаЗачисления></Студент>
      <Студент ФизическоеЛицо="Бананова Анна" ЗачетнаяКнига="000124" Состояние="Академический отпуск"/></Группа></Реестр>"""
    read = Place(tmp_path, "1c-register", kind="college").put("a.xml", body.encode("cp1251")).read()
    assert read["people"].keys() == {"000123", "000124"}
    assert read["enrolments"] == {
        "000123:2026/2027:ИС-21": {"person": "000123", "group": "2026/2027:ИС-21", "start": "2026-09-01", "status": "enrolled"},
        "000124:2026/2027:ИС-21": {"person": "000124", "group": "2026/2027:ИС-21", "status": "academic_leave"},
    }  # fmt: skip
    assert read["groups"]["2026/2027:ИС-21"]["level"] == 2


# -- together and again ----------------------------------------------------------------------------------------------


def test_files_together_say_one_thing_of_one_person_and_one_lesson(tmp_path: Path) -> None:
    place = Place(tmp_path, ["contingent", "journal-page", "timetable"])
    place.put("список.xlsx", workbooks.xlsx(CONTINGENT)).put("журнал.xlsx", workbooks.xlsx(PAGE))
    place.put("расписание.csv", workbooks.text([["Дата", "Урок", "Класс", "Предмет", "Кабинет"], ["05.09", 3, "7А", "Алгебра", "12"]]))  # fmt: skip
    read = place.read()
    assert read["people"] | CONTINGENT_TRUTH["people"] == read["people"]
    assert read["enrolments"] == CONTINGENT_TRUTH["enrolments"]
    assert read["lessons"][f"{COURSE}:2026-09-05:1"] == {
        "course": COURSE, "date": "2026-09-05", "number": 3, "room": "12", "topic": "Итоговое повторение", "homework": "№ 5", "status": "held",
    }  # fmt: skip
    again = place.site.json("import")["sources"][0]["entities"]
    assert all(e["received"] == e["unchanged"] for e in again.values())
    assert place.site.json("import", "--full")["sources"][0]["entities"] == again


def test_what_a_later_file_does_not_show_any_more_is_removed(tmp_path: Path) -> None:
    place = Place(tmp_path, "journal-page").put("a.xlsx", workbooks.xlsx(PAGE))
    before = place.read()
    later = [list(row) for row in PAGE]
    later[5][2], later[6][3] = "4", None
    place.put("b.xlsx", workbooks.xlsx(later))
    read = place.read()
    first = f"{COURSE}:2026-09-05:1:1"
    assert read["marks"][f"{first}:{GROUP}:{A}"]["value"] == "4"
    assert before["marks"].keys() - read["marks"].keys() == {f"{first}.2:{GROUP}:{A}"}
    assert before["attendance"].keys() - read["attendance"].keys() == {f"{COURSE}:2026-09-07:1:{GROUP}:{B}"}
    (place.drop / "a.xlsx").unlink()
    assert place.read() == read
    (place.drop / "b.xlsx").unlink()
    place.put("c.xlsx", workbooks.xlsx([["Класс: 7Б", "Предмет: Физика"], ["ФИО", "05.09"], [A, 5]]))
    assert place.read()["marks"].keys() > read["marks"].keys(), "a file that is missing covers nothing"


def test_an_unreadable_cell_does_not_take_away_what_stood_there(tmp_path: Path) -> None:
    place = Place(tmp_path, "journal-page").put("a.xlsx", workbooks.xlsx(PAGE))
    before = place.read()
    broken = [list(row) for row in PAGE]
    broken[5][2] = "5 4 ?"
    read = place.put("a.xlsx", workbooks.xlsx(broken)).read(status=3)
    assert read["marks"] == before["marks"]
    assert place.put("a.xlsx", workbooks.xlsx(PAGE)).read() == before
    assert place.quarantine() == []


def test_partial_files_cover_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, "contingent", partial=True).put("a.xlsx", workbooks.xlsx(CONTINGENT))
    place.read()
    assert len(place.put("a.xlsx", workbooks.xlsx(CONTINGENT[:6])).read()["enrolments"]) == 3


def test_who_is_no_longer_on_the_list_is_no_longer_enrolled(tmp_path: Path) -> None:
    place = Place(tmp_path, "contingent").put("a.xlsx", workbooks.xlsx(CONTINGENT))
    place.read()
    read = place.put("a.xlsx", workbooks.xlsx(CONTINGENT[:6])).read()
    assert read["enrolments"].keys() == {f"{GROUP}:{A}:{GROUP}"}
    assert len(read["people"]) == 3


def test_a_replay_needs_no_files(tmp_path: Path) -> None:
    place = Place(tmp_path, ["contingent", "journal-page"])
    before = place.put("a.xlsx", workbooks.xlsx(CONTINGENT)).put("b.xls", workbooks.xls(PAGE)).read()
    for file in place.drop.iterdir():
        file.unlink()
    assert place.site.json("replay")["status"] == "ok"
    assert facts(place.site.export()) == before


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    place = Place(tmp_path, "contingent").put("a.xlsx", workbooks.xlsx(CONTINGENT)).put("b.xlsx", b"PK\x03\x04 damaged")
    place.put("c.csv", b"a;b\r\n1;2\r\n").put("~$a.xlsx", b"a lock of Excel")
    result = place.site.json("import", status=1)["sources"][0]
    assert result["status"] == "partial"
    assert {u["unit"]: u["code"] for u in result["lost"]} == {
        "file b.xlsx": "unreadable_file",
        "file c.csv": "unknown_file",
    }
    assert facts(place.site.export()) == CONTINGENT_TRUTH
    checked = place.site.json("check", status=1)["sources"][0]["lines"]
    assert [(x["what"], x["ok"]) for x in checked] == [("a.xlsx", True), ("b.xlsx", False), ("c.csv", False)]


def test_a_pattern_of_files_in_folders(tmp_path: Path) -> None:
    place = Place(tmp_path, "contingent")
    site = Installation(tmp_path).institution("a").source("f", "files", layout="contingent", path="drop/*/s*.xlsx")
    for name in ("7А", "7Б"):
        (place.drop / name).mkdir()
        grid = [["Класс", name], ["ФИО"], [A]]
        (place.drop / name / "spisok.xlsx").write_bytes(workbooks.xlsx([*grid[:1], ["ФИО", "Пол"], [A, "м"]]))
    site.run("import")
    assert [g["name"] for g in site.export()["groups"]] == ["7А", "7Б"]
    (place.drop / "7А" / "spisok.xlsx").unlink()
    (place.drop / "7Б" / "spisok.xlsx").unlink()
    assert "there is no such file" in site.run("import", status=1).stderr


# -- layouts of the installation, identify, learn --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "x"\n[[table]]\nkind = "contingnet"', "there is no kind 'contingnet'; did you mean 'contingent'?"),
        ('title = "x"\n[[table]]\nkind = "contingent"\ncolumns = { studnt = "ФИО" }', "columns.studnt: contingent has no field 'studnt'; did you mean 'student'?"),
        ('title = "x"\n[[table]]\nkind = "contingent"\ncolumns = { student = "ФИО" }', "table[1] (contingent) lacks group: give it a column or a heading"),
        ('title = "x"\n[[table]]\nkind = "contingent"\ncolums = { student = "ФИО" }', "table[1].colums: unknown key; did you mean 'columns'?"),
        ('title = "x"\n[heading]\ngroup = { pattern = "(" }\n[[table]]\nkind = "contingent"\ncolumns = { student = "ФИО" }', "heading.group.pattern: not a regular expression"),
        ('title = "x"\n[[table]]\nkind = "marks"\nacross = { rows = ["dat"] }', "'dat' is nothing that a header row holds; did you mean 'date'?"),
        ('title = "x"', "table: is missing"),
        ('titel = "x"\ntable = []', "titel: unknown key; did you mean 'title'?"),
    ],
)  # fmt: skip
def test_a_wrong_layout_names_file_key_and_reason(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config" / "layouts").mkdir(parents=True)
    (tmp_path / "config" / "layouts" / "own.toml").write_text(text, encoding="utf-8")
    place = Place(tmp_path, "own")
    stderr = place.site.run("import", status=2).stderr
    assert "own.toml" in stderr
    assert words in stderr


def test_an_unknown_layout_is_told_before_anything_is_done(tmp_path: Path) -> None:
    stderr = Place(tmp_path, "contingnet").site.run("import", status=2).stderr
    assert "layout = 'contingnet': there is no layouts/contingnet.toml; did you mean 'contingent'?" in stderr


SHIPPED = sorted(p.stem for p in (ROOT / "config" / "layouts").glob("*.toml"))


def test_identify_says_what_fits_and_why_the_rest_does_not(tmp_path: Path) -> None:
    place = Place(tmp_path, "contingent").put("page.xls", workbooks.xlsx(PAGE))
    said = place.site.json("files", "identify", "drop/page.xls")
    assert said["format"] == "xlsx"
    assert [v["layout"] for v in said["layouts"]] == [
        said["layouts"][0]["layout"],
        *(v["layout"] for v in said["layouts"][1:]),
    ]
    assert sorted(v["layout"] for v in said["layouts"]) == SHIPPED
    best = said["layouts"][0]
    assert (best["layout"], best["fits"], best["records"]["marks"]) == ("journal-page", True, 9)
    assert best["tables"][0] == {"kind": "marks", "sheet": "Лист1", "header_row": 5, "columns": {"student": "B"}, "across": ["C", "D", "E", "F"]}  # fmt: skip
    assert all(v["lacking"] for v in said["layouts"] if not v["fits"])
    printed = place.site.run("files", "identify", "drop/page.xls").stdout
    assert "layout journal-page fits" in printed
    assert "not staff: table[1] (staff): no row has any of its columns" in printed
    place.put("other.csv", b"x;y\r\n1;2\r\n")
    assert "no layout fits; `svod files learn" in place.site.run("files", "identify", "drop/other.csv", status=1).stderr


def shuffled(grid: list[list[Any]], header: int, seed: int, renamed: dict[str, str]) -> list[list[Any]]:
    """The columns of a grid in another order from its header row on, some under other names, two more between."""
    rng = random.Random(seed)
    rows = [[renamed.get(str(v), v) for v in row] for row in grid[header:]]
    width = max(map(len, rows))
    rows = [
        [*row, *[None] * (width - len(row)), "прочее" if n == 0 else rng.choice(["а?", "xx"])]
        for n, row in enumerate(rows)
    ]
    order = list(range(width + 1))
    rng.shuffle(order)
    return [*grid[:header], [], *([row[n] for n in order] for row in rows)]


LEARNT: list[tuple[str, str, list[list[Any]], int, dict[str, str]]] = [
    ("contingent", "contingent", [["Класс: 7А"], ["ФИО", "Дата рождения", "Пол"], [A, "01.02.2013", "м"], [B, "05.03.2013", "ж"], [C, "05.05.2013", "м"]], 1, {"ФИО": "Кто учится", "Дата рождения": "Появился на свет"}),
    ("subject-summary", "period_marks", [["Класс: 7А"], ["Предмет: Алгебра"], ["ФИО", "1 четверть", "2 четверть", "Год"], [A, 5, 4, 5], [B, 4, None, 4], [C, 3, 3, "н/а"]], 2, {"ФИО": "Дети"}),
    ("plan", "plan", [["Класс: 7А"], ["Предмет: Алгебра"], ["№", "Тема урока", "Часы", "Домашнее задание"], [1, "Уравнения и корни", 1, "номер 5 и 6"], [2, "Дроби простые", 1, "номер 7 и 8"], [3, "Степени чисел", 2, None]], 2, {"Часы": "Кол-во ч."}),
    ("timetable", "lessons", [["Дата", "№ урока", "Класс", "Предмет", "Учитель"], ["07.09.2026", 1, "7А", "Алгебра", "Шаблонова В.М."], ["07.09.2026", 2, "7А", "Физика", "Указкин М.И."], ["08.09.2026", 1, "7Б", "Алгебра", "Шаблонова В.М."]], 0, {"Дата": "Когда", "Учитель": "Кто ведёт"}),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "kind", "grid", "header", "renamed"), LEARNT, ids=[n[0] for n in LEARNT])
def test_what_is_learnt_reads_the_truth(
    tmp_path: Path, layout: str, kind: str, grid: list[list[Any]], header: int, renamed: dict[str, str]
) -> None:
    (tmp_path / "known").mkdir()
    truth = Place(tmp_path / "known", layout).put("a.xlsx", workbooks.xlsx(grid)).read()
    maker = Installation(tmp_path / "maker")
    for seed in (1, 2):
        home = tmp_path / f"new{seed}"
        home.mkdir()
        place = Place(home, "own").put("a.xlsx", workbooks.xlsx(shuffled(grid, header, seed, renamed)))
        out = home / "config" / "layouts" / "own.toml"
        learnt = maker.json("files", "learn", str(place.drop / "a.xlsx"), "-o", str(out))
        assert learnt["kind"] == kind
        assert tomllib.loads(out.read_text(encoding="utf-8")) == tomllib.loads(learnt["layout"])
        assert place.read() == truth


def test_a_journal_page_is_learnt_with_its_topics(tmp_path: Path) -> None:
    page = [[{"ФИО ученика": "Дети", "Тема урока": "Что прошли (тема)"}.get(str(v), v) for v in row] for row in PAGE]
    maker = Installation(tmp_path / "maker")
    (tmp_path / "page.xlsx").write_bytes(workbooks.xlsx(page))
    (tmp_path / "site").mkdir()
    out = tmp_path / "site" / "config" / "layouts" / "own.toml"
    said = maker.run("files", "learn", str(tmp_path / "page.xlsx"), "-o", str(out))
    assert "9 marks" in said.stdout
    read = Place(tmp_path / "site", "own").put("page.xlsx", workbooks.xlsx(page)).read()
    (tmp_path / "known").mkdir()
    assert read == Place(tmp_path / "known", "journal-page").put("page.xlsx", workbooks.xlsx(PAGE)).read()


def test_learn_says_what_is_missing(tmp_path: Path) -> None:
    site = Installation(tmp_path)
    (tmp_path / "a.xlsx").write_bytes(workbooks.xlsx([["ФИО", "1 четверть", "Год"], [A, 5, 4], [B, 3, 3]]))
    done = site.run("files", "learn", "a.xlsx", status=1)
    assert "missing: group; the layout cannot be used until you say it" in done.stderr
    assert "# НЕ ХВАТАЕТ: group" in done.stdout
    (tmp_path / "b.csv").write_bytes("просто текст\r\nещё строка\r\n".encode())
    assert "no table is found" in site.run("files", "learn", "b.csv", status=1).stderr
    (tmp_path / "there.toml").write_text("", encoding="utf-8")
    assert "is there already" in site.run("files", "learn", "a.xlsx", "-o", "there.toml", status=2).stderr


def test_a_layout_of_the_installation_with_letters_words_and_constants(tmp_path: Path) -> None:
    (tmp_path / "config" / "layouts").mkdir(parents=True)
    (tmp_path / "config" / "layouts" / "own.toml").write_text(
        """title = "Без заголовка"
academic_year = "2025/2026"
dates = "MM/DD/YYYY"
absence = { "нб" = "absent", "зан" = "excused" }
[heading]
group = { where = "sheet_name" }
[[table]]
kind = "marks"
header = 0
[table.columns]
student = { at = "A" }
date = { at = "B" }
subject = { value = "Физика" }
marks = { at = "C" }
""",
        encoding="utf-8",
    )
    grid = [[A, "09/05/2025", "5"], [A, "09/06/2025", "нб"], [B, "09/05/2025", "зан"], [B, "13/05/2025", "5"]]
    place = Place(tmp_path, "own").put("a.xlsx", workbooks.xlsx(grid, names=["9Б"]))
    read = place.read(status=3)
    assert {(a["lesson"], a["status"]) for a in read["attendance"].values()} == {
        ("2025/2026:9Б:Физика:2025-09-06:1", "absent"), ("2025/2026:9Б:Физика:2025-09-05:1", "excused"),
    }  # fmt: skip
    assert [m["value"] for m in read["marks"].values()] == ["5"]
    assert place.quarantine() == [("marks", None, "sheet '9Б', row 4, column B: not a date")]
