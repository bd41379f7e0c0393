"""What the stand-in answers: the portal's payloads (facts B4, B6), made from the institution at each request."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Any

from connectors.mosreg import standin_facts as facts
from connectors.standins.region import Course, Group, Institution, Lesson, Membership, PeriodMark, Person, Work

Json = dict[str, Any]


def _dotted(day: date) -> str:
    return day.strftime("%d.%m.%Y")


def _minute(moment: datetime) -> str:
    return moment.strftime("%d.%m.%Y %H:%M")


class Answers:
    """The lists of one school. `groups` in the arguments are the portal's ids."""

    def __init__(self, institution: Institution, school: int) -> None:
        self.place = institution
        self.school = school
        self.year = facts.year_id(institution.year.first)

    def courses(self, groups: Collection[int]) -> list[Course]:
        return [c for c in self.place.courses.values() if facts.course_id(c.id) in groups]

    # -- the school ----------------------------------------------------------------------------------------------

    def academic_years(self) -> Iterator[Json]:
        for back in (1, 0):
            first = self.place.year.first - back
            yield {
                "id": facts.year_id(first),
                "name": f"{first}/{first + 1}",
                "begin_date": f"{first}-09-01",
                "end_date": f"{first + 1}-08-31",
                "calendar_id": 1,
                "current_year": back == 0,
            }

    def teachers(self) -> Iterator[Json]:
        """The staff list: those who have left are not on it."""
        for person in self.place.staff:
            if not person.dismissed:
                yield self.teacher(person)

    def teacher(self, person: Person) -> Json:
        own = [facts.course_id(c.id) for c in self.place.courses.values() if person.id in c.teachers]
        return {
            "id": facts.teacher_id(person.id),
            "school_id": self.school,
            "user_id": 60000 + person.id,
            "last_name": person.family,
            "first_name": person.given,
            "middle_name": person.patronymic,
            "assigned_group_ids": own,
            "group_ids": own,
            "class_unit_ids": [],
            "mentor_class_unit_ids": [facts.class_id(g.id) for g in self.place.classes() if g.curator == person.id],
        }

    def class_units(self) -> Iterator[Json]:
        for group in self.place.classes():
            yield {
                "id": facts.class_id(group.id),
                "name": facts.class_name(group),
                "class_level_id": group.level,
                "student_count": len(group.on(self.place.now.date())),
            }

    def groups(self) -> Iterator[Json]:
        """One for each course. A part of a class is marked as one, or told by its pupils only."""
        today = self.place.now.date()
        for course in self.place.courses.values():
            group = self.place.groups[course.group]
            is_meta = group.kind == "metagroup"
            home = self.place.groups[group.parent or group.id]
            subject = self.place.subjects[course.subject]
            students = [facts.student_id(p) for p in group.on(today)]
            yield {
                "id": facts.course_id(course.id),
                "name": facts.group_name(self.place, course),
                "short_name": subject.short,
                "subject_id": facts.subject_id(subject.id),
                "subject_name": subject.name,
                "class_level_id": group.level,
                "class_unit_id": None if is_meta else facts.class_id(home.id),
                "class_unit_name": None if is_meta else facts.class_name(home),
                "class_unit_ids": self._classes_of(group) if is_meta else [facts.class_id(home.id)],
                "student_ids": students,
                "student_count": len(students),
                "is_metagroup": is_meta,
                "is_subgroup": group.kind == "subgroup" and course.id % 2 == 0,
                "subgroup_ids": [],
                "is_final_by_periods": True,
                "periods_schedule_id": 401,
                "attestation_periods_schedule_id": facts.schedule_of(self.place, group.level),
                "academic_year_id": self.year,
                "school_id": self.school,
                "teachers": [self._group_teacher(self.place.people[t]) for t in course.teachers],
            }

    def _classes_of(self, group: Group) -> list[int]:
        today = self.place.now.date()
        classes = facts.classes_by_pupil(self.place)
        return sorted({facts.class_id(classes[p][-1][0].id) for p in group.on(today)})

    def _group_teacher(self, person: Person) -> Json:
        parts = {"last_name": person.family, "first_name": person.given, "middle_name": person.patronymic}
        return {"id": facts.teacher_id(person.id), "full_name": person.full_name, **parts}

    def control_forms(self) -> Iterator[Json]:
        for number, name, short in facts.FORMS.values():
            yield {
                "id": number,
                "name": name,
                "short_name": short,
                "weight": 1.0,
                "deleted_at": None,
                "subject_id": None,
                "education_level_id": 2,
                "grade_system": {"id": 1, "name": "пятибалльная", "nmax": 5},
            }

    def periods_schedules(self) -> Iterator[Json]:
        """Schedules of attestation periods; the year itself is in none of them."""
        names = {402: "Четверти 1–9", 403: "Полугодия 10–11", 404: "Семестры"}
        for number, name in names.items():
            rows = [
                {
                    "id": facts.period_id(p.id),
                    "name": p.name,
                    "begin_date": _dotted(p.start),
                    "end_date": _dotted(p.end),
                    "attestation_periods_schedule_id": number,
                }
                for p in self.place.periods.values()
                if facts.is_reported(p) and facts.schedule_of(self.place, p.levels[0]) == number
            ]
            if rows:
                yield {
                    "id": number,
                    "name": name,
                    "school_id": self.school,
                    "organization_id": str(self.school),
                    "academic_year_id": self.year,
                    "periods": rows,
                }

    # -- pupils --------------------------------------------------------------------------------------------------

    def pupils(
        self, classes: Collection[int] | None, ids: Collection[int] | None, *, with_marks: bool
    ) -> Iterator[Json]:
        """Pupils of class units, or with these ids. A pupil stands in the class last belonged to."""
        marks: dict[int, list[PeriodMark]] = {}
        if with_marks:
            for mark in self.place.period_marks.values():
                marks.setdefault(mark.student, []).append(mark)
        classes_by_pupil = facts.classes_by_pupil(self.place)
        for person in self.place.students:
            belonged = classes_by_pupil.get(person.id)
            if not belonged or (classes is not None and facts.class_id(belonged[-1][0].id) not in classes):
                continue
            if ids is None or facts.student_id(person.id) in ids:
                yield self._pupil(person, belonged, marks.get(person.id, []))

    def _pupil(self, person: Person, belonged: list[tuple[Group, Membership]], marks: list[PeriodMark]) -> Json:
        home, now = belonged[-1]
        before = belonged[-2] if len(belonged) > 1 else None
        left = now.end if facts.has_ended(self.place, now) else None
        curator = self.place.people[home.curator] if home.curator else None
        letters = {"m": ("male", "М"), "f": ("female", "Ж")}[person.sex]
        came = before[1].start if before else now.start
        return {
            "id": facts.student_id(person.id),
            "person_id": f"00000000-0000-4000-8000-{person.id:012}",
            "user_id": 80000 + person.id,
            "school_id": self.school,
            "last_name": person.family,
            "first_name": person.given,
            "middle_name": person.patronymic,
            "short_name": "None None" if person.id % 10 == 1 else person.initials,
            "birth_date": _dotted(person.birth) if person.id % 2 else person.birth.isoformat(),
            "sex": letters[person.id % 3 == 0],
            "snils": facts.snils(person.id),
            "deleted": left is not None,
            "deleted_at": f"{_dotted(left)} 00:00" if left else None,
            "transferred": False,
            "enlisted_on": _dotted(came),
            "migration_date": _dotted(now.start) if before else None,
            "class_unit": self._class_unit(home),
            "previously_class_unit": self._class_unit(before[0]) if before else None,
            "mentors": [{"id": facts.teacher_id(curator.id), "name": curator.full_name}] if curator else [],
            "groups": [{"id": g} for g in self._groups_of(person.id)],
            "final_marks": [self._final_mark(m) for m in marks] + self._empty_marks(marks),
        }

    def _class_unit(self, group: Group) -> Json:
        name = facts.class_name(group)
        return {"id": facts.class_id(group.id), "class_level_id": group.level, "name": name, "home_based": False}

    def _groups_of(self, person: int) -> list[int]:
        today = self.place.now.date()
        return [
            facts.course_id(c.id) for c in self.place.courses.values() if person in self.place.groups[c.group].on(today)
        ]

    def _final_mark(self, mark: PeriodMark) -> Json:
        subject = facts.subject_id(self.place.courses[mark.course].subject)
        value: Any = mark.text
        if mark.text.isdigit():
            number = int(mark.text)
            value = (mark.text, number, {"parsedValue": number, "source": f"{number}.0"})[mark.id % 3]
        debt = facts.in_debt(mark.type, mark.id)
        types = {"period": "attestation", "year": "attestation", "exam": "intermediate_attestation", "final": "final"}
        return {
            "subject_id": subject,
            "attestation_period_id": facts.period_id(mark.period) if mark.kind == "period" else None,
            "value": None if debt else value,
            "manual_value": None,
            "is_year_mark": mark.kind == "year",
            "no_mark": False,
            "academic_debt": debt,
            "mark_type": types[mark.kind],
        }

    def _empty_marks(self, marks: list[PeriodMark]) -> list[Json]:
        """A row that says that there is no mark."""
        row = {"subject_id": 3999, "attestation_period_id": 4021, "value": None, "is_year_mark": False, "no_mark": True}
        return [{**row, "academic_debt": False, "mark_type": "attestation"}] if marks else []

    # -- the journal ---------------------------------------------------------------------------------------------

    def schedule_items(self, groups: Collection[int], since: date, until: date) -> Iterator[Json]:
        due: dict[int, list[Json]] = {}
        for lesson in self.place.lessons_of([c.id for c in self.courses(groups)], since, until):
            yield self._schedule_item(lesson, due.get(lesson.course, []))
            due[lesson.course] = [{"id": facts.homework_id(lesson.id)}] if lesson.homework else []

    def _schedule_item(self, lesson: Lesson, due: list[Json]) -> Json:
        course = self.place.courses[lesson.course]
        group = self.place.groups[course.group]
        home = None if group.kind == "metagroup" else self.place.groups[group.parent or group.id]
        subject = self.place.subjects[course.subject]
        replaced = lesson.teacher != course.teachers[0]
        day = lesson.date
        return {
            "id": facts.lesson_id(lesson.id),
            "schedule_id": 31,
            "date": [day.year, day.month, day.day],
            "time": [lesson.starts.hour, lesson.starts.minute],
            "iso_date_time": lesson.starts.strftime("%Y-%m-%dT%H:%M:00.000"),
            "group_id": facts.course_id(course.id),
            "group_name": facts.group_name(self.place, course),
            "class_unit_id": facts.class_id(home.id) if home else None,
            "class_unit_name": facts.class_name(home) if home else None,
            "subject_id": facts.subject_id(subject.id),
            "subject_name": subject.name,
            "lesson_name": lesson.topic if lesson.id % 2 else None,
            "topic_name": None if lesson.id % 2 else lesson.topic,
            "teacher_id": facts.teacher_id(course.teachers[0]),
            "replaced": replaced,
            "replaced_teacher_id": facts.teacher_id(lesson.teacher) if replaced else None,
            "cancelled": lesson.cancelled,
            "room_name": lesson.room,
            "room_number": None,
            "homeworks_to_give": [{"id": facts.homework_id(lesson.id)}] if lesson.homework else [],
            "homeworks_to_verify": due,
        }

    def homeworks(self, ids: Collection[int]) -> Iterator[Json]:
        for number in ids:
            lesson = self.place.lessons.get(number - facts.homework_id(0))
            if lesson and lesson.homework and lesson.homework_at:
                entry = {"id": number * 10, "description": lesson.homework, "is_digital_homework": False}
                yield {
                    "id": number,
                    "created_at": _minute(lesson.homework_at),
                    "updated_at": None,
                    "date_assigned_on": _dotted(lesson.date),
                    "date_prepared_for": _dotted(lesson.date),
                    "homework_entries": [{**entry, "homework_id": number}],
                }

    def marks(
        self, groups: Collection[int], since: date | None, until: date | None, *, with_text: bool
    ) -> Iterator[Json]:
        """Marks that were entered between two days: numbers only, or with text marks, «точка» and «н»."""

        def entered(moment: datetime) -> bool:
            return (since is None or since <= moment.date()) and (until is None or moment.date() <= until)

        for course in self.courses(groups):
            for lesson in self.place.lessons_of([course.id]):
                for work in self.place.works_of(lesson.id):
                    for mark in self.place.marks_of(work.id):
                        name, highest = facts.shown(self.place, mark)
                        if entered(mark.at) and (with_text or name.isdigit()):
                            row = self._cell(
                                lesson, work, mark.student, mark.at, number=facts.mark_id(mark.id), name=name
                            )
                            yield {**row, "values": [_value(name, highest)], "comment": mark.comment or ""}
                    for point in facts.points_of(self.place, work):
                        if with_text and entered(point.at):
                            row = self._cell(lesson, work, point.student, point.at, number=point.id, name="точка")
                            yield {**row, "is_point": True, "point_date": _dotted(point.due), "mark_type_id": 2}
                for absence in self.place.absences_of(lesson.id):
                    if with_text and facts.has_letter(absence) and entered(absence.at):
                        number = facts.letter_id(absence)
                        yield self._cell(lesson, None, absence.student, absence.at, number=number, name="н")

    def _cell(self, lesson: Lesson, work: Work | None, student: int, at: datetime, *, number: int, name: str) -> Json:
        course = self.place.courses[lesson.course]
        weight = work.weight if work else 1
        return {
            "id": number,
            "name": name,
            "values": [],
            "student_profile_id": facts.student_id(student),
            "group_id": facts.course_id(course.id),
            "subject_id": facts.subject_id(course.subject),
            "schedule_lesson_id": facts.lesson_id(lesson.id),
            "teacher_id": facts.teacher_id(lesson.teacher),
            "control_form_id": facts.form_of(self.place, work) if work else None,
            "weight": float(weight) if number % 2 else weight,
            "comment": None,
            "is_exam": False,
            "is_criterion": False,
            "is_point": False,
            "point_date": None,
            "mark_type_id": 1,
            "theme_frame_integration_id": None,
            "course_lesson_topic_id": None,
            "date": _dotted(lesson.date),
            "created_at": _minute(at),
        }

    def attendances(self, groups: Collection[int], since: date, until: date) -> Iterator[Json]:
        for lesson in self.place.lessons_of([c.id for c in self.courses(groups)], since, until):
            for absence in self.place.absences_of(lesson.id):
                if facts.has_row(absence):
                    code, reason = facts.REASONS[absence.status]
                    yield {
                        "id": 880000 + absence.id,
                        "student_profile_id": facts.student_id(absence.student),
                        "schedule_lesson_id": facts.lesson_id(lesson.id),
                        "date": _dotted(lesson.date),
                        "absence_reason_id": code,
                        "absence_reason": reason,
                        "created_at": _minute(absence.at),
                    }

    def calendar_plans(self, groups: Collection[int]) -> Iterator[Json]:
        """Thematic plans. Half of them say whose they are by the group's name only."""
        for course in self.courses(groups):
            days = facts.plan_dates(self.place, course)
            rows = []
            for item in course.plan:
                day = days.get(item.number)
                row: Json = {
                    "date": [day.year, day.month, day.day] if day else None,
                    "number": item.number,
                    "topic_name": item.title,
                    "hours": item.hours,
                    "homework": item.homework,
                }
                number = facts.plan_row_id(item.id, course)
                rows.append(row if number is None else {"id": number, **row})
            plan: Json = {"id": 600000 + course.id, "group_name": facts.group_name(self.place, course), "lessons": rows}
            yield plan if course.id % 3 else {**plan, "group_id": facts.course_id(course.id)}


def _value(name: str, highest: int) -> Json:
    grade: Json = {"origin": name, "five": None, "ten": None, "hundred": None}
    if name.isdigit():
        share = int(name) / highest
        grade |= {"five": round(share * 5), "ten": round(share * 10), "hundred": round(share * 100)}
    system = "five" if highest == 5 else "ten"
    return {"name": name, "nmax": highest, "grade": grade, "grade_system_id": 1, "grade_system_type": system}
