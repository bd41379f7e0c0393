"""What the stand-in answers to staff: the SPO module's payloads, written from a college of the region (portal facts A4, A5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from connectors.asurso.standin_view import SHEET_ONLY, View, result
from connectors.standins.region import Course, Group, Lesson, Membership, Period, Person, Subject, Work

Results = Mapping[tuple[int, int], str]

RATINGS: Final = {
    "1": "One",
    "2": "Two",
    "3": "Three",
    "4": "Four",
    "5": "Five",
    "зач": "Success",
    "незач": "Fail",
    "н/а": "Absent",
    "осв": "Excused",
}
ABSENCES: Final = {
    "absent": "IsAbsentByNotValidReason",
    "excused": "IsAbsentByValidReason",
    "ill": "SickLeave",
    "late": "IsLate",
}
OLD_ABSENCES: Final = {"absent": "IsAbsent", "excused": "IsAbsent", "ill": "IsAbsent", "late": "IsLate"}
LESSON_TYPES: Final = {
    "theory": "Lesson",
    "practical": "PracticalTraining",
    "laboratory": "Laboratory",
    "control": "Examination",
}
TASK_TYPES: Final = {
    "answer": "Lesson",
    "written": "Independent",
    "control": "Control",
    "practical": "PracticalWork",
    "laboratory": "Laboratory",
    "homework": "Home",
}
SUBJECT_TYPES: Final = {"subject": "Regular", "discipline": "Regular", "mdk": "Mdk", "practice": "Internship"}
EXAMINATIONS: Final = {"exam": "Exam", "graded_credit": "DifferentiatedTest", "credit": "Test"}


def moment(day: date | None) -> str | None:
    """A date as the portal writes it: seven digits of a second, no zone."""
    return f"{day.isoformat()}T00:00:00.0000000" if day else None


def clock(at: datetime) -> str:
    """A time; zeros before it are not certain."""
    return f"{at.hour}:{at.minute:02}" if at.minute % 2 else f"{at.hour:02}:{at.minute:02}"


def slim(value: Any) -> Any:
    """The portal's serializer drops empty properties."""
    if isinstance(value, Mapping):
        return {k: slim(v) for k, v in value.items() if v is not None and v != ""}
    if isinstance(value, list):
        return [slim(v) for v in value]
    return value


def rating(text: str) -> str:
    """The code word of a printed mark."""
    return RATINGS[text.casefold()]


@dataclass
class Answers:
    """The payloads of the staff side. `old_absences`: the words of older builds."""

    view: View
    old_absences: bool = False

    # -- lists ---------------------------------------------------------------------------------------------------------

    def departments(self) -> list[Any]:
        found = {g.department for g in self.view.groups() if g.department}
        return [{"id": 30 + number, "name": name} for number, name in sorted(found)]

    def groups(self) -> Any:
        return slim([
            {
                "id": self.view.group(g),
                "code": g.speciality[0] if g.speciality else None,
                "name": g.name,
                "yearNumber": g.level,
                "departmentId": 30 + g.department[0] if g.department else None,
                "educationForm": "FullTime",
                "curatorId": 7000 + g.curator if g.curator else None,
                "shiftId": 1,
            }
            for g in self.view.groups()
        ])  # fmt: skip

    def employees(self) -> Any:
        staff = [p for p in self.view.place.staff if not p.dismissed]
        return slim([{"id": self.view.person(p), **names(p), "positionName": p.position} for p in staff])

    def subjects(self) -> list[Any]:
        view = self.view
        return [
            {"id": view.subject(s), "name": view.title(s), "type": SUBJECT_TYPES[s.kind]}
            for s in view.place.subjects.values()
        ]

    def specialities(self) -> list[Any]:
        found = sorted({g.speciality for g in self.view.groups() if g.speciality})
        return [
            {"id": 200 + n, "code": code, "name": name, "isActive": True, "qualifications": []}
            for n, (code, name) in enumerate(found)
        ]

    def calendars(self) -> list[Any]:
        terms = self.view.terms()
        levels = sorted({g.level for g in self.view.groups()})
        return [
            {
                "id": 20 + level,
                "name": f"{level} курс",
                "yearNumber": level,
                "termType": "Semester",
                "startDate": moment(terms[0].start),
                "endDate": moment(terms[-1].end),
            }
            for level in levels
        ]

    def students(self, index: int, size: int) -> Any:
        everyone = sorted(self.view.active(), key=lambda found: (found[0].full_name, found[0].id))
        return {
            "studentsCount": len(everyone),
            "students": slim([
                {
                    "id": self.view.person(person),
                    **names(person),
                    "birthday": moment(person.birth),
                    "gender": "Male" if person.sex == "m" else "Female",
                    "studentGroup": {"id": self.view.group(group), "name": group.name} if group else None,
                    "userProfileId": 90000 + person.id,
                    "educationBasis": "RfSubjectBudget",
                    "formOfTraining": "FullTime",
                    "isEsiaBound": person.id % 2 == 0,
                }
                for person, group in everyone[index * size : (index + 1) * size]
            ]),
        }  # fmt: skip

    def card(self, number: int) -> Any:
        """A student's card: personal data, and the decrees that moved them (portal facts A5.2)."""
        person = next(p for p in self.view.place.students if self.view.person(p) == number)
        return slim({
            "id": number,
            **names(person),
            "birthday": moment(person.birth),
            "snils": "000-000-000 00",
            "phone": "(000) 000-00-00",
            "passport": {"documentType": "RussianPassport", "series": "0000", "number": "000000"},
            "parents": [],
            "decrees": list(self._decrees(person)),
            "documents": [],
        })  # fmt: skip

    def _decrees(self, person: Person) -> Iterator[Any]:
        """The newest first, as a list of orders is shown."""
        told: list[Any] = []
        stays = sorted(
            ((m.start, g, m) for g in self.view.groups() for m in g.members if m.person == person.id),
            key=lambda found: found[0],
        )
        for n, (start, group, member) in enumerate(stays):
            place = {"id": self.view.group(group), "name": group.name}
            told.append({"type": "Move" if n else "Enroll", "effectiveDate": moment(start), "studentGroup": place})
            if member.end and member.status != "transferred":
                leave = {"retirementReason": "AcademicVacation"} if member.status == "academic_leave" else {}
                told.append({"type": "Retire", "effectiveDate": moment(member.end), "studentGroup": place, **leave})
        for n, decree in reversed(list(enumerate(told, 1))):
            yield {"id": person.id * 10 + n, "date": decree["effectiveDate"], "number": f"{person.id}-{n}у", **decree}

    def journal_groups(self) -> list[Any]:
        return [{k: g[k] for k in ("id", "name", "code", "yearNumber") if k in g} for g in self.groups()]

    def timetable(self, group: Group, since: date, until: date) -> Any:
        """The timetable of a group (portal facts A5.4: inferred)."""
        place, courses = self.view.place, [c.id for c in self.view.courses(group)]
        lessons = [x for x in place.lessons_of(courses, since, until) if not x.cancelled]
        return {
            "item": {"id": self.view.group(group), "name": group.name},
            "days": [
                {
                    "date": moment(on),
                    "lessons": [
                        {
                            "id": self.view.slot(x),
                            "ring": x.number,
                            "date": moment(on),
                            "startTime": clock(x.starts),
                            "endTime": clock(x.ends),
                            "duration": 2,
                            "teacher": {"id": 7000 + x.teacher, **names(place.people[x.teacher])},
                            "scheduleSubject": {"name": self.view.page_name(place.courses[x.course])},
                            "classroom": {"id": 300, "name": x.room, "building": "Корпус 1"},
                        }
                        for x in lessons
                        if x.date == on
                    ],
                    "isHoliday": False,
                    "isShort": False,
                }
                for on in sorted({x.date for x in lessons})
            ],
        }

    def rating(self, group: Group) -> Any:
        """Missed hours of a group's students; their marks are left out."""
        place = self.view.place
        absences = [a for a in place.absences.values() if a.status != "late"]
        members = [place.people[m] for m in group.on(self.view.today())]
        return {
            "students": [
                {
                    "id": self.view.person(person),
                    **names(person),
                    "attendance": {
                        "allMissed": 2 * sum(a.student == person.id for a in absences),
                        "missedForInvalidReason": 2
                        * sum(a.student == person.id and a.status == "absent" for a in absences),
                    },
                    "progress": {"certified": 0, "notCertified": 0},
                }
                for person in members
            ]
        }

    # -- the journal -----------------------------------------------------------------------------------------------------

    def entries(self, group: Group) -> list[Any]:
        view = self.view
        return [
            {
                "id": view.gradebook(group, term),
                "name": f"{group.level} курс, {term.number} семестр",
                "yearNumber": group.level,
                "termNumber": term.number,
                "termType": "Semester",
                "isActive": term.start <= view.today() <= term.end,
                "startDate": moment(term.start),
                "endDate": moment(term.end),
                "scheduleSubjects": [
                    {
                        "id": view.taught(course, term),
                        "name": view.page_name(course),
                        "plannedHours": course.hours,
                        "editable": False,
                        "isAttendanceEditable": False,
                        "remarks": [],
                    }
                    for course in view.courses(group)
                ],
            }
            for term in view.terms()
        ]

    def page(self, course: Course, term: Period) -> Any:
        view = self.view
        teacher = view.place.people[course.teachers[0]]
        return slim({
            "workingProgram": self._program(course, term),
            "lessons": [self._lesson(lesson, course, term) for lesson in view.lessons(course, term)],
            "students": [self._place(n, m) for n, m in enumerate(view.members(course, term), 1)],
            "remarks": [],
            "teacher": teacher.initials,
        })  # fmt: skip

    def _program(self, course: Course, term: Period) -> Any:
        planned = [
            {
                "id": self.view.planned(course, term, item),
                "type": LESSON_TYPES[item.kind],
                "duration": item.hours,
                "name": item.title,
            }
            for item in course.plan
        ]
        topics = [planned[i : i + 10] for i in range(0, len(planned), 10)]
        return {
            "isApproved": True,
            "topics": [
                {"sectionIndex": 1, "index": n, "name": f"Раздел {n}", "lessons": lessons}
                for n, lessons in enumerate(topics, 1)
            ],
        }

    def _place(self, number: int, member: Membership) -> Any:
        person = self.view.place.people[member.person]
        return {
            "id": self.view.person(person),
            "number": number,
            "startDate": moment(member.start),
            "endDate": moment(member.end),
            **names(person),
        }

    def _lesson(self, lesson: Lesson, course: Course, term: Period) -> Any:
        slot = {
            "date": moment(lesson.date),
            "scheduleLessonId": self.view.slot(lesson),
            "duration": course.plan[0].hours,
            "startTime": clock(lesson.starts),
            "endTime": clock(lesson.ends),
        }
        if not lesson.recorded_at:
            return {**slot, "plannedLessons": {}, "tasks": [], "markSets": {}}
        item = self.view.planned_item(lesson)
        return {
            **slot,
            "id": self.view.recorded(lesson),
            "type": LESSON_TYPES[lesson.kind],
            "plannedLessons": {str(self.view.planned(course, term, item)): item.hours} if item else {},
            "name": None if item else lesson.topic,
            "tasks": self.tasks(lesson),
            "markSets": self._mark_sets(lesson, course),
        }

    def tasks(self, lesson: Lesson) -> list[Any]:
        tasks = [
            {"id": self.view.task(work, place), "type": TASK_TYPES[work.kind], "topic": work.title, "attachments": []}
            for work in self.view.place.works_of(lesson.id)
            for place in range(1, self.view.places(work) + 1)
        ]
        if lesson.homework:
            home = {"id": self.view.home_task(lesson), "type": "Home", "topic": lesson.homework}
            tasks.append({**home, "condition": self.view.condition(lesson), "attachments": []})
        return tasks

    def _mark_sets(self, lesson: Lesson, course: Course) -> Any:
        sets: dict[str, dict[str, Any]] = {}
        for work in self.view.place.works_of(lesson.id):
            for key, task, cell in self._cells(work, lesson, course):
                sets.setdefault(key, {}).setdefault("marks", {})[task] = cell
        for absence in self.view.place.absences_of(lesson.id):
            sets.setdefault(str(50000 + absence.student), {})["absenceType"] = self.absence(absence.status)
        return sets

    def _cells(self, work: Work, lesson: Lesson, course: Course) -> list[tuple[str, str, Any]]:
        cells: dict[tuple[str, str], Any] = {}
        if work.required:
            for student in self.view.place.pupils_of(course, lesson.date):
                cells[str(50000 + student), str(self.view.task(work, 1))] = {"isRequired": True}
        for mark in self.view.place.marks_of(work.id):
            place = (str(50000 + mark.student), str(self.view.task(work, mark.number)))
            cells[place] = {"isRequired": work.required and mark.number == 1, "value": rating(mark.text)}
        return [(student, task, cell) for (student, task), cell in cells.items()]

    def absence(self, status: str) -> str:
        return (OLD_ABSENCES if self.old_absences else ABSENCES)[status]

    # -- the attestation sheet -------------------------------------------------------------------------------------------

    def sheet(self, group: Group, term: Period) -> Any:
        """The sheet of a group and term; none before the term begins."""
        view = self.view
        if term.start > view.today():
            return None
        pupils = [m.person for m in group.members if m.start <= term.end and (m.end is None or m.end >= term.start)]
        results = view.results(term)
        columns = [self._column(subject, courses, pupils, results) for subject, courses in view.sheet_columns(group)]
        attended = [p for p in pupils if result(results, view.courses(group)[:1], p)]
        columns.append({
            "id": SHEET_ONLY[0], "name": SHEET_ONLY[1], "marks": {str(50000 + p): {"value": "Success"} for p in attended}
        })  # fmt: skip
        return slim({
            "termType": "Semester",
            "termNumber": term.number,
            "year": view.place.year.first,
            "departmentName": group.department[1] if group.department else None,
            "students": [{"id": 50000 + p, **names(view.place.people[p])} for p in pupils],
            "subjects": columns,
            "profModules": [self._results(700 + group.id, "ПМ.01 Разработка модулей", "МДК", group, pupils, results)],
            "courseWorks": [
                self._results(800 + group.id, "Основы алгоритмизации", "Основы алгоритмизации", group, pupils, results)
            ],
        })  # fmt: skip

    def _column(self, subject: Subject, courses: list[Course], pupils: list[int], results: Results) -> Any:
        view = self.view
        teacher = view.place.people[courses[0].teachers[0]]
        cells: dict[str, Any] = {}
        for student in pupils:
            text = result(results, courses, student)
            cells[str(50000 + student)] = {
                "value": rating(text) if text else None,
                "isRequired": True if view.owes(courses, student) else None,
            }
        examination = courses[0].examination
        return {
            "id": view.subject(subject),
            "name": view.title(subject),
            "examinationType": EXAMINATIONS[examination] if examination else None,
            "teacher": {"id": view.person(teacher), **names(teacher)},
            "marks": cells,
        }

    def _results(self, number: int, name: str, start: str, group: Group, pupils: list[int], results: Results) -> Any:
        courses = self.view.course_named(group, start)
        texts = {p: result(results, courses, p) for p in pupils}
        cells = {str(50000 + p): {"value": rating(t) if t else None} for p, t in texts.items()}
        return {"id": number, "name": name, "marks": cells}


def names(person: Person) -> dict[str, str | None]:
    """A person's name as the portal has it."""
    return {"lastName": person.family, "firstName": person.given, "middleName": person.patronymic}
