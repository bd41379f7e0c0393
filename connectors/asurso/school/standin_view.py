"""How a school of the synthetic region looks at the school module: its ids, its names, who is in what.

Both the stand-in's answers and its truth are written from this, so that they speak of the same things; what the answers
look like, and what an import must make of them, each says for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from connectors.standins.region import (
    Absence,
    Course,
    Group,
    Institution,
    Lesson,
    Mark,
    Period,
    Person,
    Subject,
    Work,
)

SLASHED: Final = {"История": "История/Россия в мире"}
"""A subject whose name has a slash."""

YEAR: Final = 77
TYPES: Final = {
    "homework": (3, "Домашнее задание", "ДЗ"),
    "control": (4, "Контрольная работа", "К"),
    "written": (5, "Самостоятельная работа", "С"),
    "laboratory": (6, "Лабораторная работа", "Л"),
    "practical": (1, "Практическая работа", "П"),
    "answer": (10, "Ответ на уроке", "О"),
}
"""Types of assignments of the region's kinds of work: id, name, abbreviation."""

CODES: Final = {"absent": "НП", "excused": "УП", "ill": "Б", "late": "ОП"}


@dataclass(frozen=True, slots=True)
class Place:
    """One assignment: a work of the region (its n-th column, since the portal has one mark a cell), or homework."""

    id: int
    type: tuple[int, str, str]
    name: str
    weight: int
    work: Work | None
    number: int


@dataclass
class View:
    """A school as the portal numbers it. `whole_marks`: marks are whole numbers only, as some clients expect."""

    place: Institution
    whole_marks: bool = False

    # -- ids ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def person(person: int, *, student: bool) -> int:
        return (10000 if student else 700) + person

    @staticmethod
    def group(group: Group) -> int:
        return 2000 + group.id

    @staticmethod
    def subject(subject: Subject) -> int:
        return 400 + subject.id

    @staticmethod
    def taught(course: Course) -> int:
        return 3000 + course.id

    @staticmethod
    def term(term: Period) -> int:
        return 900 + term.id

    @staticmethod
    def meeting(lesson: Lesson) -> int:
        return 500000 + lesson.id

    # -- names -------------------------------------------------------------------------------------------------------

    @staticmethod
    def title(subject: Subject) -> str:
        return SLASHED.get(subject.name, subject.name)

    def course_title(self, course: Course) -> str:
        return self.title(self.place.subjects[course.subject])

    def taught_name(self, course: Course) -> str:
        """`7А/Алгебра`, `7А/Иностранный язык/подгруппа 1`, `Проект 7–10/Проектная мастерская`."""
        group = self.place.groups[course.group]
        title = self.course_title(course)
        if group.parent:
            return f"{self.place.groups[group.parent].name}/{title}/{group.name}"
        return f"{group.name}/{title}"

    # -- who is in what ----------------------------------------------------------------------------------------------

    @cached_property
    def today(self) -> date:
        return self.place.now.date()

    def classes(self) -> list[Group]:
        return sorted(self.place.classes(), key=lambda g: g.id)

    def pupils(self) -> list[Person]:
        """Those who are in a class today, the others are not seen any more."""
        here = {p for g in self.classes() for p in g.on(self.today)}
        return [p for p in self.place.students if p.id in here]

    def members(self, group: Group) -> list[int]:
        """Who is in a group today."""
        here = {p.id for p in self.pupils()}
        return [p for p in group.on(self.today) if p in here]

    def class_of(self, student: int) -> Group:
        return next(g for g in self.classes() if student in g.on(self.today))

    def courses(self) -> list[Course]:
        return sorted(self.place.courses.values(), key=lambda c: c.id)

    def classes_of(self, course: Course) -> list[Group]:
        """The classes whose pupils learn it."""
        group = self.place.groups[course.group]
        own = self.place.groups[group.parent] if group.parent else group
        if own.kind == "class":
            return [own]
        members = set(self.members(own))
        return [g for g in self.classes() if members & set(self.members(g))]

    def terms(self) -> list[Period]:
        return sorted((p for p in self.place.periods.values() if p.kind != "year"), key=lambda p: (p.start, p.id))

    def terms_of(self, group: Group) -> list[Period]:
        return [t for t in self.terms() if group.level in t.levels]

    # -- what happens ------------------------------------------------------------------------------------------------

    def lessons(self, student: int, since: date, until: date) -> list[Lesson]:
        """A pupil's lessons: those of the groups that they were in on the day."""
        mine = [(g.id, m) for g in self.place.groups.values() for m in g.members if m.person == student]
        groups = {group for group, _ in mine}
        courses = [c.id for c in self.place.courses.values() if c.group in groups]
        found = []
        for lesson in self.place.lessons_of(courses, since, until):
            group = self.place.courses[lesson.course].group
            if not lesson.cancelled and any(g == group and m.on(lesson.date) for g, m in mine):
                found.append(lesson)
        return found

    def attending(self, lesson: Lesson) -> list[int]:
        """Pupils in whose diaries a lesson stands: those who were to be there, and are in the school today."""
        here = {p.id for p in self.pupils()}
        group = self.place.groups[self.place.courses[lesson.course].group]
        return [p for p in group.on(lesson.date) if p in here]

    def places(self, lesson: Lesson) -> Iterator[Place]:
        """The assignments of a lesson."""
        if lesson.recorded_at is None:
            return
        if lesson.homework:
            yield Place(6000000 + lesson.id, TYPES["homework"], lesson.homework, 0, None, 1)
        for work in self.place.works_of(lesson.id):
            for number in range(1, self._columns(work) + 1):
                yield Place(
                    100000 + work.id * 10 + number, TYPES[work.kind], work.title, work.weight * 10, work, number
                )

    def _columns(self, work: Work) -> int:
        return max((m.number for m in self.place.marks_of(work.id)), default=1)

    def mark(self, place: Place, student: int) -> Mark | None:
        """What a pupil has in a place."""
        if place.work is None:
            return None
        for mark in self.place.marks_of(place.work.id):
            if mark.student == student and mark.number == place.number and self.shown(mark) is not None:
                return mark
        return None

    def shown(self, mark: Mark) -> int | str | None:
        """A mark as the diary has it: a whole number where it is one."""
        if mark.text.isdigit():
            return int(mark.text)
        if self.whole_marks:
            return int(mark.text[0]) if mark.text[0].isdigit() else None
        return mark.text

    def owes(self, place: Place, student: int) -> bool:
        """Whether a pupil without a mark has a duty mark instead."""
        work = place.work
        if work is None or place.number != 1 or work.kind != "control" or self.mark(place, student):
            return False
        absent = {a.student for a in self.place.absences_of(work.lesson)}
        return student not in absent and (student + work.id) % 3 == 0

    def absence(self, lesson: Lesson, student: int) -> Absence | None:
        return next((a for a in self.place.absences_of(lesson.id) if a.student == student), None)

    def totals(self, student: int) -> dict[tuple[int, int, str], str]:
        """A pupil's marks of terms and of the year, by subject, period and kind."""
        courses = self.place.courses
        marks = [m for m in self.place.period_marks.values() if m.student == student]
        return {(courses[m.course].subject, m.period, m.kind): m.text for m in marks}

    def learns(self, student: int) -> list[Subject]:
        """The subjects that a pupil has today."""
        groups = {g.id for g in self.place.groups.values() if student in self.members(g)}
        wanted = {c.subject for c in self.courses() if c.group in groups}
        return [s for s in self.place.subjects.values() if s.id in wanted]

    def course_of(self, student: int, subject: Subject) -> Course | None:
        """A pupil's course in a subject, as it is today."""
        for course in self.courses():
            if course.subject == subject.id and student in self.members(self.place.groups[course.group]):
                return course
        return None
