"""What the stand-in answers to a student: the endpoints of portal facts A3, and the objects of A4."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from connectors.asurso.standin_answers import LESSON_TYPES, Answers, clock, moment, names, rating, slim
from connectors.asurso.standin_view import View, result
from connectors.standins.region import Course, Group, Lesson, Period, Person

MONTHS = (
    ["Январь", "Февраль", "Март", "Апрель", "Май", "Июнь", "Июль", "Август", "Сентябрь", "Октябрь", "Ноябрь", "Декабрь"]
)  # fmt: skip


@dataclass
class Diary:
    """One student's side. `flat_rooms`: the build whose classrooms have `buildingId` and `buildingName`."""

    answers: Answers
    student: Person
    flat_rooms: bool = False

    @property
    def view(self) -> View:
        return self.answers.view

    @property
    def number(self) -> int:
        return self.view.person(self.student)

    def group(self) -> Group | None:
        return self.view.place.class_of(self.student.id)

    def courses(self) -> list[Course]:
        """The courses of the student's group in which they are taught."""
        group = self.group()
        if group is None:
            return []
        mine = {m.person for m in group.members} & {self.student.id}
        parts = {g.id for g in self.view.place.groups.values() for m in g.members if m.person in mine}
        return [c for c in self.view.courses(group) if c.group in parts]

    # -- days ------------------------------------------------------------------------------------------------------------

    def lessons(self, since: date, until: date) -> list[Any]:
        """The diary, day by day; a free pair between two lessons is an empty slot."""
        place = self.view.place
        found = [x for x in place.lessons_of([c.id for c in self.courses()], since, until) if not x.cancelled]
        by_day = {day: list(some) for day, some in groupby(found, key=lambda x: x.date)}
        days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
        return [
            {
                "date": moment(day),
                "isHoliday": day.weekday() == 6 or day not in by_day,
                "isShort": False,
                "lessons": slim(self._slots(by_day.get(day, []))),
            }
            for day in days
        ]

    def _slots(self, lessons: list[Lesson]) -> list[Any]:
        slots: list[Any] = []
        for before, lesson in zip([None, *lessons], lessons, strict=False):
            if before and lesson.number - before.number > 1:
                slots.append({"startTime": clock(before.ends), "endTime": clock(lesson.starts)})
            slots.append(self._lesson(lesson))
        return slots

    def _lesson(self, lesson: Lesson) -> Any:
        course = self.view.place.courses[lesson.course]
        teacher = self.view.place.people[lesson.teacher]
        room = {"id": 300 + lesson.number, "name": lesson.room}
        building: dict[str, Any] = {"building": "Корпус 1"}
        if self.flat_rooms:
            building = {"buildingId": 1, "buildingName": "Корпус 1"}
        return {
            "startTime": clock(lesson.starts),
            "endTime": clock(lesson.ends),
            "name": self.view.page_name(course),
            "timetable": {"classroom": {**room, **building}, "teacher": {"id": 7000 + teacher.id, **names(teacher)}},
            "gradebook": self._gradebook(lesson) if lesson.recorded_at else None,
        }

    def _gradebook(self, lesson: Lesson) -> Any:
        absence = next((a for a in self.view.place.absences_of(lesson.id) if a.student == self.student.id), None)
        return {
            "id": self.view.recorded(lesson),
            "lessonType": LESSON_TYPES[lesson.kind],
            "themes": [lesson.topic] if lesson.topic else [],
            "tasks": [self._task(task, lesson) for task in self.answers.tasks(lesson)],
            "absenceType": self.answers.absence(absence.status) if absence else None,
        }

    def _task(self, task: Any, lesson: Lesson) -> Any:
        for work in self.view.place.works_of(lesson.id):
            for place in range(1, self.view.places(work) + 1):
                if self.view.task(work, place) == task["id"]:
                    marks = self.view.place.marks_of(work.id)
                    mine = (m for m in marks if m.student == self.student.id and m.number == place)
                    mark = next(mine, None)
                    required = work.required and place == 1
                    return {**task, "isRequired": required, "mark": rating(mark.text) if mark else None}
        return {**task, "isRequired": False}

    # -- summaries -------------------------------------------------------------------------------------------------------

    def _marks(self, course: Course) -> list[tuple[date, str]]:
        """The student's marks in a course with the days of their lessons."""
        place = self.view.place
        return [
            (lesson.date, mark.text)
            for lesson in place.lessons_of([course.id])
            for work in place.works_of(lesson.id)
            for mark in place.marks_of(work.id)
            if mark.student == self.student.id and not lesson.cancelled
        ]

    def dashboard(self) -> Any:
        """Averages by subject, the best first."""
        rows = []
        for course in self.courses():
            grades = [int(text) for _, text in self._marks(course) if text.isdigit()]
            if grades:
                subject = self.view.place.subjects[course.subject]
                mean = round(sum(grades) / len(grades), 2)
                rows.append({"id": self.view.subject(subject), "name": self.view.title(subject), "mark": mean})
        return {"subjects": sorted(rows, key=lambda row: -float(str(row["mark"])))}

    def attestation(self) -> Any:
        """Marks of terms, by the id of the term as text; `{}` where there is none yet."""
        group, terms = self.group(), self.view.terms()
        level = group.level if group else 1
        results = {term.number: self.view.results(term) for term in terms}

        def mark(course: Course, term: Period) -> Any:
            text = result(results[term.number], [course], self.student.id)
            return {"value": rating(text)} if text else {}

        return {
            "academicYears": [
                {
                    "id": 10 + level,
                    "number": level,
                    "termType": "Semester",
                    "terms": [
                        {"id": 100 + term.number, "number": term.number, "isActive": self._is_active(term)}
                        for term in terms
                    ],
                }
            ],
            "subjects": [
                {
                    "name": self.view.page_name(course),
                    "marks": {str(100 + term.number): mark(course, term) for term in terms},
                    "finalMark": {},
                }
                for course in self.courses()
            ],
        }

    def _is_active(self, term: Period) -> bool:
        return term.start <= self.view.today() <= term.end

    def performance(self) -> Any:
        """Marks and absences of the current term by day."""
        term = next((t for t in self.view.terms() if self._is_active(t)), None)
        courses = self.courses()
        lessons = self.view.place.lessons_of([c.id for c in courses], term.start, term.end) if term else []
        days = sorted({x.date for x in lessons if not x.cancelled})
        return {
            "monthsWithDays": [
                {"month": {"num": month, "name": MONTHS[month - 1]}, "daysWithLessons": [moment(d) for d in some]}
                for month, some in ((m, list(s)) for m, s in groupby(days, key=lambda d: d.month))
            ],
            "daysWithMarksForSubject": slim([self._performance(course, lessons) for course in courses]),
        }

    def _performance(self, course: Course, lessons: list[Lesson]) -> Any:
        marks = self._marks(course)
        days = []
        for lesson in (x for x in lessons if x.course == course.id):
            absence = next((a for a in self.view.place.absences_of(lesson.id) if a.student == self.student.id), None)
            values = [rating(text) for day, text in marks if day == lesson.date]
            if values or absence:
                status = self.answers.absence(absence.status) if absence else None
                days.append({"day": moment(lesson.date), "markValues": values, "absenceType": status})
        grades = [int(text) for _, text in marks if text.isdigit()]
        return {
            "subjectName": self.view.page_name(course),
            "averageMark": round(sum(grades) / len(grades), 2) if grades else None,
            "daysWithMarks": days,
        }

    def sheet(self) -> Any:
        """The group's attestation sheet, with this student only."""
        group = self.group()
        term = next((t for t in self.view.terms() if self._is_active(t)), self.view.terms()[0])
        whole = self.answers.sheet(group, term) if group else None
        if whole is None:
            return None
        mine = str(self.number)
        for name in ("subjects", "profModules", "courseWorks"):
            for column in whole[name]:
                column["marks"] = {k: v for k, v in column["marks"].items() if k == mine}
        for column in whole["subjects"]:
            column.setdefault("examinationType", "Other")
        whole["students"] = [s for s in whole["students"] if s["id"] == self.number]
        return whole


def organization(view: View, tenant: int) -> Any:
    """The organisation's card (A4.1), whole: some clients need every field of it."""
    place = view.place
    number = f"00000000-0000-4000-8000-{tenant:012}"
    return {
        "organizationId": number,
        "organizationDeptId": tenant,
        "rosobrId": "000000",
        "name": place.name,
        "shortName": place.short,
        "abbreviation": "УСК",
        "additionalName": "",
        "headOrganizationName": "",
        "isSubdepartment": False,
        "isEntrepreneurOwned": False,
        "entrepreneurName": "",
        "organizationType": "Spo",
        "type": "Poo",
        "organizationStatus": "Function",
        "legalStatus": "StateFinanced",
        "directorName": "Образцов Директор Стендович",
        "directorPosition": "Директор",
        "email": "stand@example.invalid",
        "phone": "(000) 000-00-00",
        "fax": "",
        "site": "example.invalid",
        "legalAddress": "443000, г. Примерск, ул. Тестовая, 1",
        "actualAddress": "443000, г. Примерск, ул. Тестовая, 1",
        "studyUnitNumber": "",
        "occupancy": 600,
        "shiftCount": 1,
        "address": {
            "region": "Самарская область",
            "settlement": "г. Примерск",
            "mailAddress": "ул. Тестовая, 1",
            "kladr": "6300000000000",
        },
        "bankingDetails": dict.fromkeys(
            [
                "okved",
                "inn",
                "kpp",
                "ogrn",
                "oktmo",
                "okopth",
                "okths",
                "okpo",
                "others",
                "okogu",
                "founderType",
                "founders",
                "okato",
            ],
            "",
        ),
        "administration": {
            "organizationId": number,
            "attestation": {"isEnabled": True},
            "factHours": {"isEnabled": False},
            "vkChats": {"communityId": "", "communityToken": "a-secret-of-the-institution"},
            "eService": {
                "url": "",
                "isEnabled": False,
                "cacheEnrolleeListTimeout": 0,
                "cacheSpecialtyListTimeout": 0,
                "cacheEnrolleeTimeout": 0,
                "useRestIntegration": False,
            },
        },
    }


def system_info() -> Any:
    """The installation (A4.2)."""
    on, off = {"isEnabled": True}, {"isEnabled": False}
    return {
        "title": [{"language_code": "ru", "value": "АСУ РСО (стенд)"}],
        "isFileStorageAvailable": True,
        "isSupplementaryEducationCertificatesAvailable": False,
        "isEditStudentFactualHoursAvailableForOrganization": False,
        "isFactualHoursAvailableSystemwide": False,
        "areChatsEnabled": False,
        "isErnEnabled": False,
        "isEmploymentEnabled": False,
        "isReportsMenuEnabled": True,
        "isPortfolioMenuEnabled": True,
        "isAdministrationMenuEnabled": True,
        "isOrgLicenseEnabled": True,
        "isOrgDetailsEnabled": True,
        "lessonsMenu": {
            **on,
            "sessionTableEnabled": True,
            "examinationEnabled": True,
            "profModuleExaminationEnabled": True,
            "courseworksEnabled": True,
        },
        "educationMenu": {**on, "workingProgramsEnabled": True},
        "usersMenu": {
            **on,
            "enrolleesEnabled": True,
            "parentsEnabled": True,
            "expelledStudentsEnabled": True,
            "departmentsEnabled": True,
        },
        "foreignInstallation": off,
        "defaultLanguage": "ru",
        "availableLanguages": [{"key": "ru", "value": "Русский"}],
        "importEncoding": "windows-1251",
    }
