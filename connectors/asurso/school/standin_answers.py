"""What the stand-in of the school module answers: lists, diaries and cards (portal facts B2, B3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from connectors.asurso.school.standin_view import TYPES, YEAR, Place, View
from connectors.standins.region import Group, Lesson, Person

DATE_FORMAT: Final = "d\u0001mm\u0001yy\u0001."

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
