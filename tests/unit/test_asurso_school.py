"""The school module's pure parts, on the facts' own examples and on the quirks that they list."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lxml import html

from canonical.batch import Origin
from canonical.entities import entity_of
from canonical.years import AcademicYear
from connectors.archive import digest
from connectors.asurso.school.diaries import Diaries
from connectors.asurso.school.evidence import Evidence, Timetable
from connectors.asurso.school.forms import FullName, control_of, printed_date
from connectors.asurso.school.journal import Surroundings, journal
from connectors.asurso.school.lists import Lists
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.reports import Cell, Given, attendance_and_marks, entries, labels, totals
from connectors.asurso.school.signin import chosen_role, version_of
from connectors.asurso.school.taught import curriculum
from connectors.conformance.harness import FIVE
from connectors.contract import Window
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.words import period_kind

SAMARA = ZoneInfo("Europe/Samara")
TOP = """<div><h5 class="report-title-school">Школа</h5><h2 class="main-report-title">Отчет</h2></div>
<table cellspacing="10px"><tr><td class="no-border"></td><td class="no-border">
<span class="select"><b>Учебный год:</b> 2024/2025</span><br>
<span class="select"><b>Период:</b> с 27.09.24 по 7.10.24</span><br>
<span class="select" data-sheet-name="Учеников Макар"><b>Ученик:</b> Учеников Макар</span></td></tr></table>"""


def answer(body: Any, request: str = "GET /x") -> Answer:
    raw = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    return Answer(200, {}, raw, Origin(request, digest(raw), len(raw), "2024-10-08T00:00:00+04:00"))


YEAR = {"id": 77, "name": "2024/2025", "startDate": "2024-09-01T00:00:00", "endDate": "2025-08-31T00:00:00"}
TYPES = [
    {"id": 3, "name": "Домашнее задание"},
    {"id": 4, "name": "Контрольная работа"},
    {"id": 10, "name": "Ответ на уроке"},
]


def lists(taught: list[Any] | None = None, who: tuple[int, ...] = (1001, 1002), **more: Any) -> Lists:
    groups = taught or [
        {"id": 3001, "name": "7а/Алгебра", "teachers": [{"id": 700, "name": "Указкина Мария Стендовна"}]}
    ]
    rosters = more.pop("rosters", {str(g["id"]): answer([{"id": p, "fullName": "Х У"} for p in who]) for g in groups})
    given: dict[str, Any] = {
        "year": answer(YEAR),
        "classes": answer([{"id": 2001, "name": "7а", "grade": {"id": 7, "name": "7"}, "chiefs": None}]),
        "subjects": answer([{"id": 1, "name": "Алгебра"}, {"id": 2, "name": "Ин.яз./Английский язык"}]),
        "terms": answer([]),
        "types": answer(TYPES),
        "init": None,
        "pupils": {"2001": answer([{"id": p, "fullName": "Учеников Макар"} for p in who])},
        "taught": {"2001": answer(groups)},
        "rosters": rosters,
    }
    return Lists(**{**given, **more})


def lesson(number: int, meeting: int, subject: str = "Алгебра", assignments: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "classmeetingId": meeting,
        "day": "2024-10-07T00:00:00",
        "number": number,
        "relay": 1,
        "room": None,
        "startTime": "8:30",
        "endTime": "09:15",
        "subjectName": subject,
        "assignments": assignments,
        **more,
    }


def diary(*lessons: Any) -> Answer:
    return answer({"weekDays": [{"date": "2024-10-07T00:00:00", "lessons": list(lessons)}], "laAssigns": []})


def work(number: int, mark: Any = None, kind: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "typeId": kind,
        "assignmentName": "Тема",
        "weight": 20,
        "dueDate": "2024-10-07T00:00:00",
        "mark": mark,
        **more,
    }


def made(diaries: dict[str, Answer], known: Lists | None = None, **evidence: Any) -> dict[str, list[Any]]:
    known = known or lists()
    book = Diaries(date(2024, 9, 1), date(2024, 10, 31))
    for student, one in diaries.items():
        book.take(student, one)
    around = Surroundings(known, curriculum(known), {}, SAMARA, FIVE)
    found: dict[str, list[Any]] = {"rejects": []}
    for home in journal(Evidence(book, **evidence), around).values():
        for _, records in home.batch.blocks:
            for record in records:
                found.setdefault(entity_of(record), []).append(record)
        found["rejects"] += [(r.entity, r.key) for r in home.batch.rejects]
    return found


class TestReports:
    def test_progress_and_attendance_as_the_facts_print_it(self) -> None:
        page = f"""{TOP}<table class="table-print">
        <tr><th rowspan="2">Предмет</th><th colspan="2">Сентябрь</th><th colspan="2">Январь</th>
        <th rowspan="2">Средн.<br/>оценка <br/> 1 четверть</th><th rowspan="2">Итог.оценка <br/> 1 четверть</th></tr>
        <tr><th>27</th><th>30</th><th>14</th><th>17</th></tr>
        <tr><td class="cell-text">Ин.яз./Английский язык</td><td>5</td><td>уп</td><td>ОП&nbsp;45</td><td>.</td>
        <td class="cell-num-2">4,67</td><td class="cell-num-2">5</td></tr></table>"""
        cells, broken = attendance_and_marks(answer(page), date(2024, 9, 1), date(2025, 8, 31))
        subject = "Ин.яз./Английский язык"
        assert cells == [
            Cell(subject, date(2024, 9, 27), ("5",), ()),
            Cell(subject, date(2024, 9, 30), (), ("УП",)),
            Cell(subject, date(2025, 1, 14), ("4", "5"), ("ОП",)),
            Cell(subject, date(2025, 1, 17), (".",), ()),
        ]
        assert broken == []
        assert labels(html.document_fromstring(page))["период"] == "с 27.09.24 по 7.10.24"

    def test_no_lessons_are_no_columns(self) -> None:
        empty = '<table class="table-print"><tr><th rowspan="2">Предмет</th><th rowspan="2">Средняя оценка</th></tr><tr></tr></table>'
        assert attendance_and_marks(answer(TOP + empty), date(2024, 9, 1), date(2024, 9, 30)) == ([], [])
        assert attendance_and_marks(answer(TOP), date(2024, 9, 1), date(2024, 9, 30)) == ([], [])
        with pytest.raises(UnexpectedAnswerError):
            attendance_and_marks(answer("<html><body>Вход</body></html>"), date(2024, 9, 1), date(2024, 9, 30))

    def test_columns_are_found_by_their_headings(self) -> None:
        page = f"""{TOP}<table class="table-print"><tr><th>№</th><th>Дата выставления отметки</th><th>Отметка</th><th>Тип задания</th>
        <th>Тема задания</th><th>Дата проведения урока</th></tr>
        <tr><td>1</td><td>08.10.2024</td><td>5-</td><td>Ответ на уроке</td><td>Степень</td><td>7.10.24</td></tr>
        <tr><td>2</td><td>31.02.2024</td><td>5</td><td>Ответ на уроке</td><td>Степень</td><td>7.10.24</td></tr>
        <tr class="totals"><td colspan="5">&nbsp;</td><td>Средний балл: 5</td></tr></table>"""
        rows, broken = entries(answer(page))
        assert rows == [Given("Ответ на уроке", "Степень", date(2024, 10, 7), date(2024, 10, 8), "5-")]
        assert len(broken) == 1

    def test_totals_of_four_quarters_and_of_two_half_years(self) -> None:
        def page(above: str, numbers: str, cells: str, width: int) -> str:
            return f"""<html><body><table class="table-print-num"><tr><th rowspan="2">№</th><th rowspan="2">Предмет</th>
            <th colspan="{width}">{above}</th><th rowspan="2">Годовая</th><th rowspan="2">Экзамен</th><th rowspan="2">Итоговая</th></tr>
            <tr>{numbers}</tr><tr><td>1</td><td>Алгебра</td>{cells}</tr></table></body></html>"""

        quarters = page(
            "Четверти",
            "<th>1</th><th>2</th><th>3</th><th>4</th>",
            "<td>5</td><td>н/а</td><td></td><td>&nbsp;</td><td>5</td><td></td><td>4</td>",
            4,
        )
        (row,), broken = totals(answer(quarters))
        assert [(c.kind, c.number, v) for c, v in row.cells if v] == [
            ("period", 1, "5"),
            ("period", 2, "н/а"),
            ("year", None, "5"),
            ("final", None, "4"),
        ]
        assert broken == []
        halves = page("Полугодия", "<th>I</th><th>II</th>", "<td>5</td><td>4</td><td></td><td>3</td><td></td>", 2)
        (row,), _ = totals(answer(halves))
        assert [(c.kind, c.number, v) for c, v in row.cells if v] == [
            ("period", 1, "5"),
            ("period", 2, "4"),
            ("exam", None, "3"),
        ]
        short = page("Полугодия", "<th>1</th><th>2</th>", "<td>5</td>", 2)
        assert [b.cells for b in totals(answer(short))[1]] == [("1", "Алгебра", "5")]


class TestTheJournal:
    def test_the_diary_of_the_facts(self) -> None:
        first = lesson(
            1, 5001, assignments=[work(6001, kind=3), work(6002, {"assignmentId": 6002, "mark": 5, "dutyMark": False})]
        )
        second = lesson(2, 5002, "Литература")
        third = lesson(3, 5003, "Алгебра", [work(6003, {"mark": None, "dutyMark": True}, 4)])
        del second["assignments"]
        found = made({"1001": diary(first, second, third)})
        assert [(x.key, x.status, x.homework) for x in found["lessons"]] == [
            ("5001", "held", "Тема"),
            ("5002", "planned", None),
            ("5003", "held", None),
        ]
        assert found["lessons"][0].starts_at == "2024-10-07T08:30:00+04:00"
        assert [(m.key, m.value, m.grade, m.meaning) for m in found["marks"]] == [
            ("6002:1001", "5", 5, "grade"),
            ("6003:1001", "•", None, "debt"),
        ]
        assert [(w.kind, w.control, w.weight) for w in found["works"]] == [
            ("Домашнее задание", "homework", 20),
            ("Ответ на уроке", "oral", 20),
            ("Контрольная работа", "test", 20),
        ]
        assert [c.key for c in found["courses"]] == ["2001:Литература"], (
            "a course that no subject group stands for is made"
        )
        assert found["rejects"] == []

    def test_marks_that_are_text_stay_as_they_are(self) -> None:
        texts = ("5-", "н/а", "ОСВ", "УП")
        one = lesson(1, 5001, assignments=[work(n, {"mark": t}) for n, t in enumerate(texts, 1)])
        found = made({"1001": diary(one)})
        assert [(m.value, m.grade, m.meaning) for m in found["marks"]] == [
            ("5-", 5, "grade"),
            ("н/а", None, "not_attested"),
            ("ОСВ", None, "exempt"),
            ("УП", None, "note"),
        ]

    def test_a_code_that_the_diary_has_as_a_mark_is_no_absence(self) -> None:
        one = lesson(1, 5001, assignments=[work(1, {"mark": "ОСВ"})])
        cells = [Cell("Алгебра", date(2024, 10, 7), (), ("ОСВ", "ОП"))]
        found = made({"1001": diary(one)}, absences={"1001": (cells, [], answer("x").origin)})
        assert [(a.key, a.status) for a in found["attendance"]] == [("5001:1001", "late")]

    def test_absences_of_a_day_with_two_lessons(self) -> None:
        marked = lesson(1, 5001, assignments=[work(1, {"mark": 4})])
        both = {"1001": diary(marked, lesson(2, 5002))}
        on = date(2024, 10, 7)

        def of(*codes: str) -> list[tuple[str, str | None]]:
            cells = [Cell("Алгебра", on, ("4",), codes)]
            found = made(both, absences={"1001": (cells, [], answer("x").origin)})
            return [(a.lesson, a.status) for a in found["attendance"]]

        assert of("Б") == [("5002", "ill")], "a lesson with a mark was attended"
        assert of("ОП", "Б") == [("5001", "late"), ("5002", "ill")]

    def test_an_unknown_code_is_kept_as_it_came(self) -> None:
        cells = [Cell("Алгебра", date(2024, 10, 7), (), ("ЯЯ",))]
        found = made({"1001": diary(lesson(1, 5001))}, absences={"1001": (cells, [], answer("x").origin)})
        assert [(a.status, a.raw) for a in found["attendance"]] == [(None, {"status": "ЯЯ"})]

    def test_an_absence_without_a_lesson_is_not_lost(self) -> None:
        cells = [Cell("Химия", date(2024, 10, 7), (), ("Б",))]
        found = made({"1001": diary(lesson(1, 5001))}, absences={"1001": (cells, [], answer("x").origin)})
        assert found["rejects"] == [("attendance", "2024-10-07:химия:1001")]

    def test_the_day_of_entry_is_that_of_the_row_with_the_same_words(self) -> None:
        one = lesson(1, 5001, assignments=[work(1, {"mark": 5}), work(2, {"mark": 5}, 4)])
        on = date(2024, 10, 7)
        rows = [
            Given("Контрольная работа", "Тема", on, date(2024, 10, 9), "5"),
            Given("Ответ на уроке", "Тема", on, date(2024, 10, 8), "5"),
        ]
        found = made({"1001": diary(one)}, entered={("1001", "3001"): (rows, [], answer("x").origin)})
        assert [m.recorded_at for m in found["marks"]] == ["2024-10-08T00:00:00+04:00", "2024-10-09T00:00:00+04:00"]

    def test_a_good_copy_counts_and_a_broken_one_everywhere_is_told_once(self) -> None:
        good, bad = lesson(1, 5001), lesson(1, 5001, room=12)
        assert made({"1001": diary(bad), "1002": diary(good)})["rejects"] == []
        assert made({"1001": diary(bad), "1002": diary(bad)})["rejects"] == [("lessons", "5001")]

    @pytest.mark.parametrize("order", [("1001", "1002"), ("1002", "1001")])
    def test_a_lesson_is_held_when_anybody_has_a_mark(self, order: tuple[str, str]) -> None:
        diaries = {
            "1001": diary(lesson(1, 5001, assignments=[work(1)])),
            "1002": diary(lesson(1, 5001, assignments=[work(1, {"mark": 3})])),
        }
        found = made({student: diaries[student] for student in order})
        assert [x.status for x in found["lessons"]] == ["held"]
        assert [(m.student, m.grade) for m in found["marks"]] == [("1002", 3)]

    def test_the_card_says_weight_and_course(self) -> None:
        one = lesson(1, 5001, "Английский", [work(1, weight=0)])
        card = {"weight": 40, "subjectGroup": {"id": 3001, "name": "7а/Алгебра"}}
        found = made({"1001": diary(one)}, cards={"1": (card, answer("x").origin)})
        assert [w.weight for w in found["works"]] == [40]
        assert [x.course for x in found["lessons"]] == ["3001"]

    def test_the_timetable_tells_two_groups_of_a_subject_apart(self) -> None:
        groups = [{"id": n, "name": f"7а/Алгебра/{n}", "teachers": []} for n in (3001, 3002)]
        known = lists(groups, rosters={"3001": answer([]), "3002": answer([])})
        timetable = Timetable()
        timetable.take("2001", [{"day": "2024-10-07T00:00:00", "number": 1, "subjectGroupId": 3002, "teacherId": 9}])
        found = made({"1001": diary(lesson(1, 5001))}, known, meetings=timetable)
        assert [(x.course, x.teacher) for x in found["lessons"]] == [("3002", "9")]


class TestTheSchool:
    def test_subject_groups_become_courses_and_parts(self) -> None:
        groups = [
            {"id": 1, "name": "7а/Алгебра"},
            {"id": 2, "name": "7а/Ин.яз./Английский язык/группа 1"},
            {"id": 3, "name": "Кружок 7–8/Алгебра"},
            {"id": 4, "name": "7а/Музыка/Хор"},
        ]
        rosters = {
            n: answer([{"id": p} for p in some])
            for n, some in {"1": (1001, 1002), "2": (1001,), "3": (1001, 1100), "4": (1001, 1002)}.items()
        }
        known = lists(
            groups,
            rosters=rosters,
            classes=answer([{"id": 2001, "name": "7а"}, {"id": 2002, "name": "8а"}]),
            pupils={"2001": answer([{"id": 1001}, {"id": 1002}]), "2002": answer([{"id": 1100}])},
        )
        taught = curriculum(known).taught
        assert {k: (t.kind, t.group, t.group_name, t.subject) for k, t in taught.items()} == {
            "1": ("class", "2001", None, "1"),
            "2": ("subgroup", "2", "группа 1", "2"),
            "3": ("metagroup", "3", "Кружок 7–8", "1"),
            "4": ("class", "2001", None, "Музыка/Хор"),
        }

    def test_terms_keep_their_places_when_one_is_broken(self) -> None:
        terms = [
            {"id": 901, "termName": "1 четверть", "startDate": 5, "endDate": "2024-10-25T00:00:00", "schoolYearId": 77},
            {
                "id": 902,
                "termName": "2 четверть",
                "startDate": "2024-11-04T00:00:00",
                "endDate": "2024-12-28T00:00:00",
                "schoolYearId": 77,
            },
            {
                "id": 800,
                "termName": "2 четверть",
                "startDate": "2023-11-04T00:00:00",
                "endDate": "2023-12-28T00:00:00",
                "schoolYearId": 76,
            },
        ]
        known = lists(terms=answer(terms))
        found = Terms(known, AcademicYear(2024))
        assert found.numbered("2001", "quarter", 1).key == "901"  # type: ignore[union-attr]
        assert found.numbered("2001", "quarter", 2).key == "902"  # type: ignore[union-attr]
        batch = found.batch()
        assert [(r.entity, r.key) for r in batch.rejects] == [("periods", "901")]
        keys = [r.key for _, records in batch.blocks for r in records]
        assert keys == ["902", "77:year"]

    def test_the_pieces_of_a_year_end_with_its_quarters(self) -> None:
        spans = (("2024-09-01", "2024-10-25"), ("2024-11-04", "2024-12-28"), ("2025-01-11", "2025-05-26"))
        terms = [
            {"id": n, "termName": f"{n} триместр", "startDate": f"{a}T00:00:00", "endDate": f"{b}T00:00:00"}
            for n, (a, b) in enumerate(spans, 1)
        ]
        year = AcademicYear(2024)
        found = Terms(lists(terms=answer(terms)), year)
        whole = list(found.pieces(Window(year, year.start, year.end)))
        assert [(p.start, p.end) for p in whole] == [
            (date(2024, 9, 1), date(2024, 10, 25)),
            (date(2024, 10, 26), date(2024, 12, 28)),
            (date(2024, 12, 29), date(2025, 8, 31)),
        ]
        late = list(found.pieces(Window(year, date(2024, 11, 20), year.end)))
        assert late == whole[1:]
        (cut,) = found.pieces(Window(year, date(2024, 11, 20), date(2024, 11, 21), explicit=True))
        assert (cut.start, cut.end, cut.whole) == (date(2024, 11, 20), date(2024, 11, 21), False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7.10.24", date(2024, 10, 7)), ("07.1.2025", date(2025, 1, 7)), ("31.02.24", None), ("вчера", None)],
)
def test_printed_dates(text: str, expected: date | None) -> None:
    assert printed_date(text) == expected


def test_words() -> None:
    assert [period_kind(n) for n in ("1 четверть", "II полугодие", "2 триместр", "Год", "Смена")] == [
        "quarter",
        "half_year",
        "trimester",
        "year",
        None,
    ]
    assert [control_of(n) for n in ("Домашнее задание", "Зачёт", "Проект", None)] == ["homework", "test", "other", None]
    assert FullName.of("Указкина Мария Стендовна") == FullName("Указкина", "Мария", "Стендовна")
    assert FullName.of("Учеников Макар") == FullName("Учеников", "Макар", None)
    assert chosen_role([{"role": {"id": 9, "name": "Родитель"}}, {"role": {"id": 4, "name": "Завуч"}}]) == "4"
    assert chosen_role([]) is None
    assert version_of("5.29.1.0") > (5, 29) > version_of("5.9.0.0")
