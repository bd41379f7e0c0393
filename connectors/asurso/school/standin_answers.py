"""What the stand-in of the school module answers: lists, diaries, cards and reports (portal facts B2-B4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import Any, Final, Literal

from connectors.asurso.school.standin_view import CODES, TYPES, YEAR, Place, View
from connectors.standins.region import Group, Lesson, Person

DATE_FORMAT: Final = "d\u0001mm\u0001yy\u0001."
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

Missing = Literal["missing", "null", "empty"]


@dataclass(frozen=True)
class Answers:
    """The answers for one school. `no_assignments`: how a lesson without any says so."""

    view: View
    no_assignments: Missing = "missing"

    # -- the school ------------------------------------------------------------------------------------------------------

    def year(self) -> Any:
        place = self.view.place
        dates = {"startDate": f"{place.year.start}T00:00:00", "endDate": f"{place.year.end}T00:00:00"}
        known = {"name": place.year.name, **dates}
        return {
            "id": YEAR,
            **known,
            "closed": False,
            "schoolId": self.school_id(),
            "globalYear": {"id": 24, **known},
        }

    def school_id(self) -> int:
        return 900 + self.view.place.id

    def school(self) -> Any:
        place = self.view.place
        return {
            "id": self.school_id(),
            "name": f"{place.name} (г. Примерск)",
            "shortName": place.short,
            "inn": "0000000000",
            "ogrn": "0000000000000",
            "cityId": 1,
            "provinceId": 1,
            "address": None,
            "addressString": "г. Примерск, ул. Тестовая, 9",
        }

    def card_of_school(self) -> Any:
        place = self.view.place
        return {
            "commonInfo": {"about": "Учебный стенд", "fullSchoolName": place.name, "schoolName": place.short},
            "managementInfo": {
                "director": "Образцов Директор Стендович",
                "principalUVR": "",
                "principalAHC": "",
                "principalIT": "",
            },
            "contactInfo": {
                "juridicalAddress": "443000, г. Примерск, ул. Тестовая, 9",
                "postAddress": "443000, г. Примерск, ул. Тестовая, 9",
                "phones": "(000) 000-00-00",
                "fax": None,
                "email": "stand@example.invalid",
                "web": "example.invalid",
            },
            "otherInfo": {"inn": "0000000000"},
        }

    def context(self, at: str, user: Mapping[str, Any], roles: list[str], version: str) -> Any:
        place = self.view.place
        return {
            "at": at,
            "user": user,
            "userId": user["id"],
            "roles": roles,
            "rights": [],
            "version": version,
            "schoolId": self.school_id(),
            "schoolyear": self.year(),
            "schoolYearId": YEAR,
            "globalYearId": 24,
            "funcType": 2,
            "dateFormat": DATE_FORMAT,
            "timeFormat": "HH:mm",
            "productName": "Сетевой город. Образование",
            "userLanguage": "ru",
            "organization": {"id": self.school_id(), "name": place.short},
            "organizationName": place.short,
        }

    def classes(self) -> Any:
        people = self.view.place.people
        return [
            {
                "id": self.view.group(g),
                "name": g.name,
                "grade": {"id": g.level, "name": str(g.level)},
                "letter": g.name[-1],
                "step": {"id": 1, "name": "Ступень"},
                "classType": None,
                "profileId": None,
                "funcType": "School",
                "iup": False,
                "chiefs": [self._staff(people[g.curator])] if g.curator else None,
                "plannedOccupancy": 25,
                "hasClassNotWorkingTeacher": False,
            }
            for g in self.view.classes()
        ]

    def _staff(self, person: Person) -> Any:
        return {"id": self.view.person(person.id, student=False), "name": person.full_name}

    def _pupil(self, number: int) -> Any:
        return {"id": self.view.person(number, student=True), "fullName": self.view.place.people[number].full_name}

    def pupils(self, given: Mapping[str, str]) -> Any:
        """Pupils of a class (`classId`) or of a subject group (`sgId`)."""
        if "sgId" in given:
            course = next(c for c in self.view.courses() if str(self.view.taught(c)) == given["sgId"])
            return [self._pupil(n) for n in self.view.members(self.view.place.groups[course.group])]
        return [self._pupil(n) for n in self.view.members(self.group(given["classId"]))]

    def group(self, number: str) -> Group:
        """A class by its id.

        Raises:
            LookupError: there is none.

        """
        found = next((g for g in self.view.classes() if str(self.view.group(g)) == number.partition("_")[0]), None)
        if found is None:
            raise LookupError(number)
        return found

    def subjects(self) -> Any:
        return [
            {
                "id": self.view.subject(s),
                "name": self.view.title(s),
                "shortName": s.short,
                "globalSubject": {"id": s.id, "name": s.name},
                "teachers": None,
                "groups": None,
                "parentSubject": None,
                "subjectField": None,
                "order": n,
                "using": True,
                "usingInYear": True,
                "extraCurricular": False,
                "isModular": False,
                "useExemption": False,
                "direction": None,
            }
            for n, s in enumerate(self.view.place.subjects.values())
        ]

    def subject_groups(self, given: Mapping[str, str], student: int | None) -> Any:
        group = self.group(given.get("classId") or given["iupClassId"])
        members = self.view.members
        people, groups = self.view.place.people, self.view.place.groups
        return [
            {
                "id": self.view.taught(c),
                "name": self.view.taught_name(c),
                "teachers": [self._staff(people[t]) for t in c.teachers],
                "class": {"id": self.view.group(group), "name": group.name}
                if groups[c.group].kind != "metagroup"
                else None,
            }
            for c in self.view.courses()
            if group in self.view.classes_of(c) and (student is None or student in members(groups[c.group]))
        ]

    def terms(self) -> Any:
        kinds = {"quarter": 1, "half_year": 3}
        return [
            {
                "id": self.view.term(t),
                "termName": t.name,
                "termTypeId": kinds[t.kind],
                "startDate": f"{t.start}T00:00:00",
                "endDate": f"{t.end}T00:00:00",
                "schoolYearId": YEAR,
            }
            for t in self.view.terms()
        ]

    def find_terms(self, body: Mapping[str, Any]) -> Any:
        wanted = [str(c) for c in body.get("classIds") or ()]
        having = [t for c in wanted for t in self.view.terms_of(self.group(c))] if wanted else self.view.terms()
        return [
            {"id": t["id"], "name": t["termName"], "startDate": t["startDate"], "endDate": t["endDate"]}
            for t in self.terms()
            if t["id"] in {self.view.term(h) for h in having}
        ]

    def types(self) -> Any:
        return [
            {"id": number, "name": name, "abbr": abbr, "order": n, "isActive": True}
            for n, (number, name, abbr) in enumerate(TYPES.values())
        ]

    def bells(self) -> Any:
        seen = sorted({(x.number, x.starts.time(), x.ends.time()) for x in self.view.place.lessons.values()})
        return [
            {
                "id": 100 * week_day + number,
                "variantId": 1,
                "weekDay": week_day,
                "relay": 1,
                "number": number,
                "startTime": f"2024-10-07T{start}",
                "endTime": f"2024-10-07T{end}",
                "used": True,
            }
            for week_day in range(2, 8)
            for number, start, end in seen
        ]

    def meetings(self, given: Mapping[str, str]) -> Any:
        """The timetable of a class, both days inclusive."""
        group = self.group(given["classId"])
        since, until = (date.fromisoformat(given[n][:10]) for n in ("start", "end"))
        courses = [c.id for c in self.view.courses() if group in self.view.classes_of(c)]
        return [
            {
                "classmeetingId": self.view.meeting(x),
                "day": f"{x.date}T00:00:00",
                "number": x.number,
                "subjectGroupId": self.view.taught(self.view.place.courses[x.course]),
                "scheduleTimeId": 100 * (x.date.isoweekday() % 7 + 1) + x.number,
                "teacherId": self.view.person(x.teacher, student=False),
                "roomId": None,
            }
            for x in self.view.place.lessons_of(courses, since, until)
            if not x.cancelled
        ]

    # -- a pupil ---------------------------------------------------------------------------------------------------------

    def init(self, pupils: list[Person]) -> Any:
        return {
            "students": [
                {
                    "studentId": self.view.person(p.id, student=True),
                    "nickName": f"{p.family} {p.given}",
                    "className": None,
                    "classId": 0,
                    "iupGrade": 0,
                }
                for p in pupils
            ],
            "currentStudentId": 0,
            "weekStart": f"{self.view.today - timedelta(days=self.view.today.weekday())}T00:00:00",
            "yaClass": False,
            "yaClassAuthUrl": None,
            "newDiskToken": "",
            "newDiskWasRequest": False,
            "ttsuRl": "",
            "externalUrl": "",
            "weight": True,
            "maxMark": 5,
            "withLaAssigns": True,
        }

    def diary(self, student: int, since: date, until: date) -> Any:
        lessons = self.view.lessons(student, since, until)
        days = sorted({x.date for x in lessons})
        term = next((t for t in self.view.terms_of(self.view.class_of(student)) if t.start <= since <= t.end), None)
        return {
            "weekStart": f"{since}T00:00:00",
            "weekEnd": f"{until}T00:00:00",
            "className": self.view.class_of(student).name,
            "termName": term.name if term else None,
            "laAssigns": [],
            "weekDays": [
                {"date": f"{on}T00:00:00", "lessons": [self._lesson(x, student) for x in lessons if x.date == on]}
                for on in days
            ],
        }

    def _lesson(self, lesson: Lesson, student: int) -> Any:
        course = self.view.place.courses[lesson.course]
        made: dict[str, Any] = {
            "classmeetingId": self.view.meeting(lesson),
            "day": f"{lesson.date}T00:00:00",
            "number": lesson.number,
            "relay": 1,
            "room": lesson.room if lesson.id % 5 else None,
            "startTime": f"{lesson.starts:%H:%M}",
            "endTime": f"{lesson.ends:%H:%M}",
            "subjectName": self.view.course_title(course),
            "isEaLesson": False,
            "isDistanceLesson": False,
        }
        assignments = [self._assignment(p, lesson, student) for p in self.view.places(lesson)]
        if assignments or self.no_assignments == "empty":
            made["assignments"] = assignments
        elif self.no_assignments == "null":
            made["assignments"] = None
        return made

    def _assignment(self, place: Place, lesson: Lesson, student: int) -> Any:
        made: dict[str, Any] = {
            "id": place.id,
            "typeId": place.type[0],
            "assignmentName": place.name,
            "weight": 0,
            "dueDate": f"{lesson.date}T00:00:00",
            "classMeetingId": self.view.meeting(lesson),
            "classAssignment": True,
        }
        mark, owes = self.view.mark(place, student), self.view.owes(place, student)
        if mark or owes:
            made["mark"] = {
                "assignmentId": place.id,
                "studentId": self.view.person(student, student=True),
                "mark": self.view.shown(mark) if mark else None,
                "resultScore": None,
                "dutyMark": owes,
            }
        if mark and mark.comment:
            made["markComment"] = {
                "id": mark.id,
                "name": mark.comment,
                "teacher": {"id": 1, "name": "Учитель"},
                "wasRead": False,
                "editTime": f"{mark.at:%Y-%m-%dT%H:%M:%S}.99",
            }
        return made

    def find(self, assignment: int) -> tuple[Lesson, Place]:
        """An assignment by its id.

        Raises:
            LookupError: there is none.

        """
        if assignment >= 6000000:
            lessons = [self.view.place.lessons.get(assignment - 6000000)]
        else:
            work = self.view.place.works.get((assignment - 100000) // 10)
            lessons = [self.view.place.lessons.get(work.lesson)] if work else []
        for lesson in lessons:
            for place in self.view.places(lesson) if lesson else ():
                if lesson and place.id == assignment:
                    return lesson, place
        raise LookupError(assignment)

    def card(self, assignment: int) -> Any:
        lesson, place = self.find(assignment)
        course = self.view.place.courses[lesson.course]
        return {
            "id": assignment,
            "assignmentName": place.name,
            "activityName": None,
            "problemName": None,
            "productId": None,
            "isDeleted": False,
            "weight": place.weight,
            "date": f"{lesson.date}T00:00:00",
            "description": "",
            "subjectGroup": {"id": self.view.taught(course), "name": self.view.taught_name(course)},
            "teachers": [self._staff(self.view.place.people[t]) for t in course.teachers],
            "attachments": [],
            "contentElements": None,
            "codeContentElements": None,
        }

    # -- reports ---------------------------------------------------------------------------------------------------------

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
