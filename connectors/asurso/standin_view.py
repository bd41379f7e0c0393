"""How a college of the synthetic region looks at the SPO module: its ids, its terms, its names.

Both the stand-in's answers and its truth are written from this, so that they speak of the same things; what the answers
look like, and what an import must make of them, each says for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from connectors.standins.region import (
    Course,
    Group,
    Institution,
    Lesson,
    Membership,
    Period,
    Person,
    PlanItem,
    Subject,
    Work,
)

SLASHED: Final = {"История": "История/Россия в мире"}
"""A subject whose name has a slash, though the whole group is taught it."""

SHEET_ONLY: Final = (699, "Разговоры о важном")
"""A subject that stands on attestation sheets only: its id and name."""


@dataclass(frozen=True)
class View:
    """A college as the portal numbers it."""

    place: Institution

    # -- ids ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def person(person: Person) -> int:
        return (50000 if person.role == "student" else 7000) + person.id

    @staticmethod
    def group(group: Group) -> int:
        return 5000 + group.id

    @staticmethod
    def subject(subject: Subject) -> int:
        return 600 + subject.id

    @staticmethod
    def gradebook(group: Group, term: Period) -> int:
        return 40000 + group.id * 10 + term.number

    @staticmethod
    def taught(course: Course, term: Period) -> int:
        return 61000 + course.id * 10 + term.number

    @staticmethod
    def planned(course: Course, term: Period, item: PlanItem) -> int:
        return 300000 + (course.id * 10 + term.number) * 100 + item.number

    @staticmethod
    def slot(lesson: Lesson) -> int:
        return 770000 + lesson.id

    @staticmethod
    def recorded(lesson: Lesson) -> int:
        return 880000 + lesson.id

    @staticmethod
    def home_task(lesson: Lesson) -> int:
        return 5000000 + lesson.id

    @staticmethod
    def task(work: Work, place: int) -> int:
        """The region allows several marks in a cell, the portal one: every further one is a task of its own."""
        return 990000 + work.id * 10 + place - 1

    # -- what belongs together -----------------------------------------------------------------------------------------

    def terms(self) -> list[Period]:
        return sorted((p for p in self.place.periods.values() if p.kind == "semester"), key=lambda p: p.start)

    def groups(self) -> list[Group]:
        return self.place.classes()

    def home_of(self, course: Course) -> Group:
        """The study group in which a course is taught, whole or in part."""
        group = self.place.groups[course.group]
        return self.place.groups[group.parent] if group.parent else group

    def is_part(self, course: Course) -> bool:
        return self.place.groups[course.group].kind == "subgroup"

    def courses(self, group: Group) -> list[Course]:
        return self.place.courses_of(group.id, with_parts=True)

    def title(self, subject: Subject) -> str:
        return SLASHED.get(subject.name, subject.name)

    def page_name(self, course: Course) -> str:
        title = self.title(self.place.subjects[course.subject])
        return f"{title}/{self.place.groups[course.group].name}" if self.is_part(course) else title

    def members(self, course: Course, term: Period) -> list[Membership]:
        """Who is on a page of the journal: all who belonged to the course on some day of the term."""
        members = self.place.groups[course.group].members
        return [m for m in members if m.start <= term.end and (m.end is None or m.end >= term.start)]

    def lessons(self, course: Course, term: Period) -> list[Lesson]:
        """The slots of a term; a cancelled lesson leaves none."""
        return [x for x in self.place.lessons_of([course.id], term.start, term.end) if not x.cancelled]

    def places(self, work: Work) -> int:
        """How many tasks a work is: one, and one more for each further mark in one cell."""
        return max((m.number for m in self.place.marks_of(work.id)), default=1)

    def planned_item(self, lesson: Lesson) -> PlanItem | None:
        """The planned lesson that a lesson covers: none where the teacher wrote a topic of their own."""
        plan = self.place.courses[lesson.course].plan
        return next((i for i in plan if i.id == lesson.plan_item and i.title == lesson.topic), None)

    def condition(self, lesson: Lesson) -> str | None:
        """The details of a lesson's homework; not all have some."""
        return "Решить письменно" if lesson.id % 3 == 0 else None

    # -- who is where --------------------------------------------------------------------------------------------------

    def today(self) -> date:
        return self.place.now.date()

    def active(self) -> Iterator[tuple[Person, Group | None]]:
        """The students' list: those who are in a group today, and those on leave, without one."""
        for person in self.place.students:
            last = max(
                ((m.start, g, m) for g in self.groups() for m in g.members if m.person == person.id),
                key=lambda found: found[0],
                default=None,
            )
            if last is None:
                continue
            if last[2].on(self.today()):
                yield person, last[1]
            elif last[2].status == "academic_leave":
                yield person, None

    # -- the attestation sheet -----------------------------------------------------------------------------------------

    def sheet_columns(self, group: Group) -> list[tuple[Subject, list[Course]]]:
        """The subjects of a group's sheet, each once, with the courses in which it is taught."""
        columns: dict[int, list[Course]] = {}
        for course in self.courses(group):
            columns.setdefault(course.subject, []).append(course)
        return [(self.place.subjects[number], courses) for number, courses in columns.items()]

    def results(self, term: Period) -> dict[tuple[int, int], str]:
        """What stands on the sheets of a term: (student, course) -> the region's period mark as it is printed."""
        marks = self.place.period_marks.values()
        return {(m.student, m.course): m.text for m in marks if m.kind == "period" and m.period == term.id}

    def owes(self, courses: list[Course], student: int) -> bool:
        """Whether a cell without a mark is a required one."""
        return courses[0].examination == "exam" and student % 3 == 0

    def course_named(self, group: Group, start: str) -> list[Course]:
        """The courses of a group in the subject whose name begins so."""
        return [c for c in self.courses(group) if self.place.subjects[c.subject].name.startswith(start)]


def result(results: Mapping[tuple[int, int], str], courses: list[Course], student: int) -> str | None:
    """A pupil's mark in the first of the courses that gave them one."""
    return next((results[student, c.id] for c in courses if (student, c.id) in results), None)
