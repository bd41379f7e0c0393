"""The reports of the school module's stand-in: their catalogue, their forms and their pages (portal facts B4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any, Final

from connectors.asurso.school.standin_view import CODES, View
from connectors.standins.region import Lesson

MONTHS: Final = (
    "Январь",
    "Февраль",
    "Март",
    "Апрель",
    "Май",
    "Июнь",
    "Июль",
    "Август",
    "Сентябрь",
    "Октябрь",
    "Ноябрь",
    "Декабрь",
)
REPORTS: Final = {
    "studenttotal": (
        "StudentTotal",
        "Отчет об успеваемости и посещаемости ученика",
        ("SID", "PCLID", "TERMID", "period"),
    ),
    "studentgrades": ("StudentGrades", "Отчет об успеваемости", ("SID", "PCLID_IUP", "SGID", "TERMID", "period")),
    "studenttotalmarks": ("StudentTotalMarks", "Итоговые отметки", ("SID", "PCLID")),
}


@dataclass(frozen=True)
class ReportPages:
    """The reports for one school."""

    view: View

    def catalogue(self) -> Any:
        reports = [{"id": name, "title": title} for name, title, _ in REPORTS.values()]
        return [{"id": "1", "title": "Итоги успеваемости", "reports": reports}]

    def form(self, report: str, student: int) -> Any:
        """A report's form as a pupil sees it, or staff for the first pupil."""
        name, title, filters = REPORTS[report]
        group = self.view.class_of(student)
        terms = self.view.terms_of(group)
        term = next((t for t in terms if t.end >= self.view.today), terms[-1])
        courses = [c for c in self.view.courses() if student in self.view.members(self.view.place.groups[c.group])]
        sid, number = self.view.person(student, student=True), self.view.group(group)
        span = {"start": f"{term.start}T00:00:00", "end": f"{term.end}T00:00:00"}
        known = {
            "SID": ([(self.view.place.people[student].full_name, str(sid))], str(sid)),
            "PCLID": ([(group.name, str(number))], str(number)),
            "PCLID_IUP": ([(group.name, f"{number}_0")], f"{number}_0"),
            "TERMID": ([(t.name, str(self.view.term(t))) for t in terms], str(self.view.term(term))),
            "SGID": (
                [(self.view.course_title(c), str(self.view.taught(c))) for c in courses],
                str(self.view.taught(courses[0])),
            ),
        }
        sources: list[Any] = [
            {
                "filterId": f,
                "items": [{"title": t, "value": v} for t, v in known[f][0]],
                "defaultValue": known[f][1],
                "nullText": None,
            }
            for f in filters
            if f != "period"
        ]
        if "period" in filters:
            year = self.view.place.year
            sources.append(
                {
                    "filterId": "period",
                    "defaultValue": f"{span['start']}.0000000 - {span['end']}.0000000",
                    "minValue": f"{year.start}T00:00:00",
                    "maxValue": f"{year.end}T00:00:00",
                    "range": span,
                    "defaultRange": span,
                }
            )
        about = {"id": name, "name": name, "group": title, "level": "Student", "order": 1}
        return {
            "report": {**about, "filterPanel": {"filters": []}, "presentTypes": ["Html"]},
            "filterSources": sources,
        }

    def page(self, report: str, filters: Mapping[str, str]) -> str:
        """The page of a report.

        Raises:
            LookupError: a filter names what there is not.

        """
        student = int(filters["SID"]) - 10000
        if student not in {p.id for p in self.view.pupils()}:
            raise LookupError(filters["SID"])
        if report == "studenttotalmarks":
            return self._total_marks(student)
        since, until = (date.fromisoformat(t.strip()[:10]) for t in filters["period"].split(" - "))
        term = next((t for t in self.view.terms() if str(self.view.term(t)) == filters.get("TERMID")), None)
        if term:
            since, until = max(since, term.start), min(until, term.end)
        if report == "studentgrades":
            return self._grades(student, filters["SGID"], since, until)
        return self._total(student, since, until, term.name if term else None)

    def _head(self, title: str, lines: Mapping[str, str], student: int) -> str:
        place = self.view.place
        pupil = escape(place.people[student].full_name)
        spans = "<br>\n".join(
            f'<span class="select"><b>{name}:</b> {escape(value)}</span>' for name, value in lines.items()
        )
        return (
            f'<html><head><meta charset="utf-8"></head><body><div><h5 class="report-title-school">{escape(place.short)}</h5>'
            f'<h2 class="main-report-title">{title}</h2></div>\n'
            '<table cellspacing="10px"><tr><td class="no-border"></td><td class="no-border">\n'
            f'{spans}<br>\n<span class="select" data-sheet-name="{pupil}"><b>Ученик:</b> {pupil}</span></td></tr></table>\n'
        )

    def _lines(self, student: int, since: date, until: date) -> dict[str, str]:
        return {
            "Учебный год": self.view.place.year.name,
            "Класс": self.view.class_of(student).name,
            "Период": f"с {printed(since)} по {printed(until)}",
        }

    def _total(self, student: int, since: date, until: date, term: str | None) -> str:
        lessons = self.view.lessons(student, since, until)
        days = sorted({x.date for x in lessons})
        months: list[list[Any]] = []
        for on in days:
            if not months or months[-1][0] != (on.year, on.month):
                months.append([(on.year, on.month), 0])
            months[-1][1] += 1
        head = "".join(f'<th colspan="{n}">{MONTHS[month - 1]}</th>' for (_, month), n in months)
        last = ["Средняя оценка"] if term is None else [f"Средн.<br/>оценка <br/> {term}", f"Итог.оценка <br/> {term}"]
        head += "".join(f'<th rowspan="2">{t}</th>' for t in last)
        rows = []
        for subject in sorted({self.view.course_title(self.view.place.courses[x.course]) for x in lessons}):
            own = [x for x in lessons if self.view.course_title(self.view.place.courses[x.course]) == subject]
            cells = "".join(f"<td>{self._day([x for x in own if x.date == on], student)}</td>" for on in days)
            blank = '<td class="cell-num-2"></td>' * len(last)
            rows.append(f'<tr><td class="cell-text">{escape(subject)}</td>{cells}{blank}</tr>')
        return (
            self._head(REPORTS["studenttotal"][1], self._lines(student, since, until), student)
            + f'<table class="table-print"><tr><th rowspan="2">Предмет</th>{head}</tr>'
            + f"<tr>{''.join(f'<th>{d.day}</th>' for d in days)}</tr>{''.join(rows)}</table></body></html>"
        )

    def _day(self, lessons: list[Lesson], student: int) -> str:
        said: list[str] = []
        for lesson in lessons:
            absence = self.view.absence(lesson, student)
            if absence:
                said.append(CODES[absence.status])
            for place in self.view.places(lesson):
                mark = self.view.mark(place, student)
                if mark:
                    said.append(str(self.view.shown(mark)))
                elif self.view.owes(place, student):
                    said.append(".")
        return "&nbsp;".join(said) or "&nbsp;"

    def _grades(self, student: int, taught: str, since: date, until: date) -> str:
        course = next((c for c in self.view.courses() if str(self.view.taught(c)) == taught), None)
        if course is None:
            raise LookupError(taught)
        rows = []
        for lesson in self.view.lessons(student, since, until):
            for place in self.view.places(lesson) if lesson.course == course.id else ():
                mark = self.view.mark(place, student)
                if mark:
                    cells = (place.type[1], place.name, printed(lesson.date), printed(mark.at.date()))
                    said = (*cells, str(self.view.shown(mark)))
                    rows.append(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in said)}</tr>")
        teacher = self.view.place.people[course.teachers[0]]
        lines = {**self._lines(student, since, until), "Предмет": self.view.course_title(course)}
        names = ("Тип задания", "Тема задания", "Дата проведения урока", "Дата выставления отметки", "Отметка")
        return (
            self._head(REPORTS["studentgrades"][1], {**lines, "Учитель": teacher.initials}, student)
            + f'<table class="table-print"><tr>{"".join(f"<th>{n}</th>" for n in names)}</tr>{"".join(rows)}'
            + '<tr class="totals"><td colspan="2">&nbsp;</td><td>&nbsp;</td><td>Средний балл: 4,5</td><td>&nbsp;</td></tr>'
            + "</table></body></html>"
        )

    def _total_marks(self, student: int) -> str:
        group = self.view.class_of(student)
        terms, totals = self.view.terms_of(group), self.view.totals(student)
        year = next(p for p in self.view.place.periods.values() if p.kind == "year")
        rows = []
        for n, subject in enumerate(self.view.learns(student), 1):
            said = [totals.get((subject.id, t.id, "period")) for t in terms]
            said += [totals.get((subject.id, year.id, kind)) for kind in ("year", "exam", "final")]
            cells = "".join(f"<td>{s or '&nbsp;'}</td>" for s in said)
            rows.append(f"<tr><td>{n}</td><td>{escape(self.view.title(subject))}</td>{cells}</tr>")
        above = "Четверти" if terms[0].kind == "quarter" else "Полугодия"
        tall = "".join(f'<th rowspan="2">{name}</th>' for name in ("Годовая", "Экзамен", "Итоговая"))
        numbers = "".join(f"<th>{t.number}</th>" for t in terms)
        return (
            '<html><head><meta charset="utf-8"></head><body><table><tr><td>Образовательная организация:</td>'
            f"<td><span>{escape(self.view.place.short)}</span></td></tr></table>\n"
            '<table class="table-print-num"><tr><th rowspan="2">№</th><th rowspan="2">Предмет</th>'
            f'<th colspan="{len(terms)}">{above}</th>{tall}</tr><tr>{numbers}</tr>{"".join(rows)}</table></body></html>'
        )


def printed(on: date) -> str:
    """`7.10.26`"""
    return f"{on.day}.{on.month:02}.{on:%y}"
